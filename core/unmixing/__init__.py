"""Blind source separation: how many endmembers, which spectra, how much of each in every pixel."""
