"""UALNet: from 12 Sentinel-2 bands at 10 m to a hyperspectral image at 5 m by adversarial unfolding."""
