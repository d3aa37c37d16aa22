"""Print what an extra of pyproject.toml requires, one requirement to a line, without the project itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import tomllib


def requirements(project: dict, extra: str) -> Iterator[str]:
    """Requirements of an extra and of the extras ``project[...]`` that it names."""
    for requirement in project["optional-dependencies"][extra]:
        name, _, rest = requirement.partition("[")
        if name == project["name"]:
            for inner in rest.rstrip("]").split(","):
                yield from requirements(project, inner.strip())
        else:
            yield requirement


if __name__ == "__main__":
    table = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    print("\n".join([*table["dependencies"], *requirements(table, sys.argv[1])]))
