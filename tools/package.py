"""Pack the plugin as QGIS installs it: one zip with the folder ``hyperlift``, of the files git tracks."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

NAME = "hyperlift"
LARGEST = 25_000_000  # bytes that plugins.qgis.org takes
LEFT_OUT = {".ci", ".gitignore", "Makefile", "docs", "pyproject.toml", "tests", "tools", "training"}


def tracked_files(root: Path) -> list[str]:
    """Paths of the tracked files below ``root``, relative to it."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    return sorted(path for path in listing.stdout.split("\0") if path)


def pack(root: Path, target: Path) -> None:
    """Write the zip; the same tree gives the same bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in tracked_files(root):
            if path.split("/")[0] not in LEFT_OUT:
                entry = zipfile.ZipInfo(f"{NAME}/{path}")
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, (root / path).read_bytes(), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    package = Path(sys.argv[1])
    pack(Path(__file__).parents[1], package)
    size = package.stat().st_size
    if size > LARGEST:
        sys.exit(f"{package} has {size:,} bytes; plugins.qgis.org takes at most {LARGEST:,}.")
    print(f"{package}: {size:,} bytes")
