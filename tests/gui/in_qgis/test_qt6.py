"""The widgets on Qt 6: the same tests, with ``qgis.PyQt`` made of PyPI's PyQt6."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
WIDGETS = ROOT / "tests" / "gui" / "widgets"
PYQT6 = Path(os.environ.get("HYPERLIFT_PYQT6", ROOT / "build" / "pyqt6"))
MODULES = ("QtCore", "QtGui", "QtWidgets", "QtTest")
PURE = [
    *(ROOT / "gui" / "plot").glob("*.py"),
    *(ROOT / "gui" / "panel").glob("*.py"),
    ROOT / "gui" / "background.py",
]


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    """Where Python finds ``qgis.PyQt`` of Qt 6, and nothing of QGIS."""
    if not (PYQT6 / "PyQt6").is_dir():
        pytest.skip(f"no PyQt6 in {PYQT6}; `make setup` installs it")
    shim = tmp_path / "shim" / "qgis" / "PyQt"
    shim.mkdir(parents=True)
    for name in (shim.parent / "__init__.py", shim / "__init__.py"):
        name.write_text("", encoding="utf-8")
    for module in MODULES:
        (shim / f"{module}.py").write_text(f"from PyQt6.{module} import *\n", encoding="utf-8")
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "hyperlift").symlink_to(ROOT)
    paths = [tmp_path / "shim", PYQT6, tmp_path / "link", Path(sysconfig.get_path("purelib"))]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "QT_QPA_PLATFORM": "offscreen",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "XDG_RUNTIME_DIR": str(tmp_path),
    }


def test_widgets_pass_their_tests_under_qt6(environment):
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", f"--confcutdir={WIDGETS}"]
    command = [sys.executable, "-m", "pytest", *options, str(WIDGETS)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-2000:]
    assert " passed" in run.stdout
    assert "skipped" not in run.stdout


def test_that_was_qt6_indeed(environment):
    lines = (
        "from qgis.PyQt.QtCore import QT_VERSION_STR; import hyperlift.gui.panel.panel, sys; "
        "print(QT_VERSION_STR, [name for name in sys.modules if name.startswith(('PyQt5', 'qgis.core'))])"
    )
    run = subprocess.run([sys.executable, "-c", lines], env=environment, capture_output=True, text=True)
    assert run.stdout.startswith("6."), run.stderr
    assert run.stdout.rstrip().endswith("[]")


@pytest.mark.parametrize("path", PURE, ids=lambda path: path.name)
def test_pure_widgets_import_nothing_of_qgis_but_qt(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        for name in names:
            assert not name.startswith("qgis") or name.startswith("qgis.PyQt."), name
