"""Text files that runs write beside their rasters."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import HyperLiftError


def require_folder(path: str) -> None:
    """Check before a run that the folder of a file to write is there.

    Raises:
        HyperLiftError: it is not.
    """
    if not Path(path).parent.is_dir():
        raise HyperLiftError(
            f"The folder '{Path(path).parent}' does not exist; create it or choose another one."
        )
