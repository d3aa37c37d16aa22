"""UAFL: sharpening abundances with a photograph that does not line up (x4, x8 and x16)."""

from .network import UAFL, UAFLConfig

__all__ = ["UAFL", "UAFLConfig"]
