"""How long work tells of its progress, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable

Step = Callable[[float], None]
"""Told now and then how much is done, 0 to 1; what it raises ends the work."""


def untold(fraction: float) -> None:
    """Nobody follows the work."""
