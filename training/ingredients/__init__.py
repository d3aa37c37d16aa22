"""Leave-one-out: what each ingredient of the synthetic scenes is worth to the networks."""
