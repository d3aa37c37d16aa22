"""Models and their cards, sessions and devices, tiling and the scene runner."""

from .notebooks import Blind, blind, lift, sharpen

__all__ = ["Blind", "blind", "lift", "sharpen"]
