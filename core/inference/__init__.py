"""Models and their cards, sessions and devices, tiling and the scene runner."""

from .notebooks import lift

__all__ = ["lift"]
