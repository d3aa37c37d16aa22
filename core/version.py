"""The version of the plugin, which stands in metadata.txt alone."""

from __future__ import annotations

import configparser
from functools import cache
from pathlib import Path


@cache
def plugin_version() -> str:
    """Version of the plugin, e.g. ``0.1.0``."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(Path(__file__).resolve().parents[1] / "metadata.txt", encoding="utf-8")
    return parser.get("general", "version", fallback="unknown")
