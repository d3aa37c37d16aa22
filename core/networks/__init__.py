"""The networks as torch modules; torch is imported only here and in training."""
