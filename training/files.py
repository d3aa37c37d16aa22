"""Files that are whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def put_in_place(path: Path) -> Iterator[Path]:
    """A path of the same name to write to; that file, and others beside it, get into the folder of ``path``.

    They do so at the end, in place of older ones; after an error these stay as they were.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}-") as folder:
        yield Path(folder) / path.name
        for file in Path(folder).iterdir():
            os.replace(file, path.parent / file.name)
