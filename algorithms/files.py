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


def write_text(path: str, text: str) -> None:
    """Write a page or a table.

    Raises:
        HyperLiftError: it cannot be written.
    """
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise HyperLiftError(
            f"'{path}' could not be written ({error.strerror}); choose another place for it. Files that were "
            "written before it are complete."
        ) from error
