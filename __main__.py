"""``python -m hyperlift``: the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .cli import lift


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that the words name; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hyperlift", description="HyperLift without QGIS.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    lift.add_parser(commands)
    arguments = parser.parse_args(words)
    code: int = arguments.run(arguments)
    return code


if __name__ == "__main__":
    sys.exit(main())
