"""What is rasterio's own; what both backends share is tested in ``tests/core/raster``."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio")


def test_the_command_line_backend_works_without_osgeo(tmp_path):
    """Write and read a file in a process where osgeo cannot be imported."""
    script = """
import sys
sys.modules["osgeo"] = None
import numpy as np
from hyperlift.cli.rasterio_backend import RasterioSink, RasterioSource
from hyperlift.core.raster.blocks import BandTable, Block, Georeference, RasterProfile, Window
window = Window(0, 0, 3, 4)
bands = BandTable(("",), (450.0,), (9.0,))
sink = RasterioSink(sys.argv[1], RasterProfile((3, 4), bands, Georeference(), 16))
sink.write(Block(window, np.full((1, 3, 4), 0.5, np.float32), np.ones((3, 4), bool)))
sink.commit()
source = RasterioSource(sys.argv[1])
print(source.bands.wavelength_nm, source.read(window).pixels.mean())
"""
    path = str(tmp_path / "out.tif")
    printed = subprocess.check_output([sys.executable, "-W", "error", "-c", script, path], text=True)
    assert printed.strip() == "(450.0,) 5000.0"


def test_deflate_where_zstd_is_missing(monkeypatch, tmp_path):
    from hyperlift.cli import rasterio_backend
    from hyperlift.core.raster.blocks import BandTable, Block, Georeference, RasterProfile, Window

    monkeypatch.setattr(rasterio_backend, "_has_zstd", lambda: False)
    profile = RasterProfile((3, 4), BandTable(("",), (450.0,), (9.0,)), Georeference((7, 1, 0, 9, 0, -1)), 16)
    sink = rasterio_backend.RasterioSink(tmp_path / "out.tif", profile)
    sink.write(Block(Window(0, 0, 3, 4), np.ones((1, 3, 4), np.float32), np.ones((3, 4), bool)))
    sink.commit()
    with rasterio.open(tmp_path / "out.tif") as dataset:
        assert dataset.compression.value == "DEFLATE"
