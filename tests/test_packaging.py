"""What is shipped: the plugin zip, the wheel, the metadata; and which way the imports point."""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
QT = ("qgis", "PyQt5", "PyQt6", "processing")


def git_files(pattern: str = "") -> list[str]:
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--", pattern or "."]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for path in listing.split("\0") if path and (ROOT / path).exists()]


@pytest.fixture(scope="module")
def plugin_zip(tmp_path_factory) -> zipfile.ZipFile:
    target = tmp_path_factory.mktemp("package") / "hyperlift.zip"
    subprocess.run([sys.executable, ROOT / "tools" / "package.py", target], check=True)
    assert target.stat().st_size <= 25_000_000
    return zipfile.ZipFile(target)


def test_zip_has_one_top_folder_and_a_licence(plugin_zip):
    names = plugin_zip.namelist()
    assert {name.split("/")[0] for name in names} == {"hyperlift"}
    assert {"hyperlift/LICENSE", "hyperlift/metadata.txt", "hyperlift/__init__.py"} <= set(names)


def test_zip_leaves_development_out(plugin_zip):
    folders = {name.split("/")[1] for name in plugin_zip.namelist()}
    assert not folders & {"docs", "tests", "tools", "training", ".ci", ".gitignore", "Makefile"}
    assert {"core", "algorithms", "resources"} <= folders


def test_zip_is_readable_for_python_3_9(plugin_zip):
    for name in plugin_zip.namelist():
        if name.endswith(".py"):
            ast.parse(plugin_zip.read(name), filename=name, feature_version=(3, 9))


def test_zip_does_not_depend_on_the_day(plugin_zip, tmp_path):
    subprocess.run([sys.executable, ROOT / "tools" / "package.py", tmp_path / "again.zip"], check=True)
    assert (tmp_path / "again.zip").read_bytes() == Path(plugin_zip.filename).read_bytes()


def test_metadata_tells_what_the_plugin_site_asks():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "metadata.txt", encoding="utf-8")
    general = parser["general"]
    required = "name description version qgisMinimumVersion qgisMaximumVersion author email about tracker"
    for key in f"{required} repository homepage icon".split():
        assert general.get(key), key
    assert (general["qgisMinimumVersion"], general["qgisMaximumVersion"]) == ("3.22", "4.99")
    assert general["hasProcessingProvider"] == "yes"
    assert (ROOT / general["icon"]).exists()


def test_wheel_equals_the_tree(tmp_path):
    pytest.importorskip("hatchling")
    tree = tmp_path / "tree"
    for path in git_files():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes((ROOT / path).read_bytes())
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=tree, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    outside = {".ci", ".gitignore", "Makefile", "README.md", "docs", "pyproject.toml", "tests", "tools"}
    assert packed == {f"hyperlift/{path}" for path in git_files() if path.split("/")[0] not in outside}


def imports(path: str) -> Iterator[tuple[str, bool]]:
    """Absolute names that a file of the package imports, and whether it does so when it is loaded."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=path)
    inside = {
        id(node) for function in ast.walk(tree) if _is_deferred(function) for node in ast.walk(function)
    }
    package = ["hyperlift", *path.split("/")[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) not in inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*parent, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{base}.{alias.name}", id(node) not in inside


def _is_deferred(node: ast.AST) -> bool:
    """A function's body runs later, and what is under ``if TYPE_CHECKING`` never."""
    names_type_checking = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or names_type_checking


def importers(of: tuple[str, ...], within: str, when_loaded: bool = False) -> set[str]:
    """Files of a room that import any of these top-level packages or rooms."""
    found = set()
    for path in git_files(within):
        if path.endswith(".py"):
            names = [name for name, at_load in imports(path) if at_load or not when_loaded]
            if any(name == top or name.startswith(f"{top}.") for name in names for top in of):
                found.add(path)
    return found


def rooms(*names: str) -> tuple[str, ...]:
    return tuple(f"hyperlift.{name}" for name in names)


@pytest.mark.parametrize(
    ("room", "forbidden"),
    [
        ("core", (*QT, *rooms("plugin", "algorithms", "gui", "cli", "training"), "rasterio")),
        ("algorithms", (*rooms("plugin", "gui", "cli", "training"), "torch", "rasterio")),
        ("gui", (*rooms("plugin", "cli", "training"), "torch", "rasterio")),
        ("cli", (*QT, *rooms("plugin", "algorithms", "gui", "training"), "osgeo", "torch")),
        ("training", (*QT, *rooms("plugin", "algorithms", "gui"), "osgeo")),
        ("plugin.py", (*rooms("cli", "training"), "torch", "rasterio")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_imports_point_one_way(room, forbidden):
    assert importers(forbidden, room) == set()


def test_torch_stays_with_the_networks():
    assert {path.split("/")[1] for path in importers(("torch",), "core")} <= {"networks"}


def test_osgeo_stays_in_its_backend():
    assert importers(("osgeo",), "core") <= {"core/raster/gdal_backend.py", "core/raster/gdal_points.py"}


def test_core_loads_without_onnxruntime():
    assert importers(("onnxruntime",), "core", when_loaded=True) == set()


def test_package_loads_without_qgis():
    assert importers(QT, "__init__.py", when_loaded=True) == set()


def test_guard_sees_relative_and_deferred_imports():
    """The guard itself: a relative import is resolved, one inside a function is not at load."""
    found = dict(imports("__init__.py"))
    assert found["hyperlift.plugin.HyperLiftPlugin"] is False
