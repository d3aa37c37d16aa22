"""Models and their cards, sessions and devices, tiling and the scene runner."""

from .notebooks import Blind, blind, lift

__all__ = ["Blind", "blind", "lift"]
