"""Where scipy is missing the plugin loads, and its algorithms say what to install."""

from __future__ import annotations

import subprocess
import sys

LOADING = """
import importlib, pkgutil, sys

sys.modules["scipy"] = None
import hyperlift.gui, hyperlift.plugin
from hyperlift.algorithms.provider import ALGORITHMS

for module in pkgutil.walk_packages(hyperlift.gui.__path__, "hyperlift.gui."):
    importlib.import_module(module.name)
for algorithm in ALGORITHMS:
    print(algorithm().name(), *algorithm().canExecute())
"""


def test_everything_loads_and_names_scipy(qgis_app):
    """All but what the algorithms import when they run."""
    done = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers = done.stdout.splitlines()
    assert len(answers) >= 8
    for answer in answers:
        assert answer.split()[1] == "False"
        assert "scipy" in answer
