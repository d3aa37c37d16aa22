"""Models and their cards, sessions and devices, tiling and the scene runner."""

from .notebooks import lift, sharpen

__all__ = ["lift", "sharpen"]
