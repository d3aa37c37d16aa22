"""Models and their cards, sessions and devices, tiling and the scene runner."""
