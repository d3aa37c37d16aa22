"""Training data: real spectra and images, synthetic scenes, real pairs."""
