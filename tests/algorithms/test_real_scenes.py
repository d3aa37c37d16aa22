"""The bundled model on real Sentinel-2 images, judged by the responses that ESA publishes."""

from __future__ import annotations

import numpy as np
import pytest
from osgeo import gdal

from hyperlift.core.spectral import grid, sensor

TWELVE = ",".join(str(number) for number in range(1, 13))
# The values of the Amazon image start near 0.10: it still carries the offset. Its bands are named b1 to b12.
SCENES = {
    "BEN_S2A_MSIL2A_20170613T101031_87_48_12band_10m_L2A.tif": {},
    "BEN_S2A_MSIL2A_20170617T113321_36_85_12band_10m_L2A.tif": {},
    "BEN_S2A_MSIL2A_20171221T112501_56_35_12band_10m_L2A.tif": {},
    "RStoolbox_sen2_12band_L2A.tif": {"BANDS": TWELVE, "OFFSET": -0.1},
}
CLOUD = 0.25  # reflectance in the blue


@pytest.fixture(scope="module")
def published_matrix(shared_data):
    """ESA's responses of Sentinel-2A, B2 to B12, over the sorted 172 channels, shape ``(11, 172)``."""
    with np.load(shared_data / "responses" / "S2A.npz") as table:
        wavelength = table["wavelength_nm"].astype(float)
        bands = [f"B{band}" for band in table["bands"]]
        curves = table["srf"][[bands.index(name) for name in sensor("sentinel2a").band_names[1:]]]
    centres = np.sort(grid("aviris172").wavelength_nm)
    hats = np.array([np.interp(wavelength, centres, row, 0, 0) for row in np.eye(len(centres))])
    matrix = np.clip(curves, 0, None) @ hats.T
    return matrix / matrix.sum(axis=1, keepdims=True)


def footprint_means(image, size):
    """Means of ``size x size`` blocks of an image (H, W); what is left over at the ends is dropped."""
    rows, columns = (extent // size for extent in image.shape)
    return image[: rows * size, : columns * size].reshape(rows, size, columns, size).mean(axis=(1, 3))


@pytest.mark.parametrize("name", SCENES)
def test_output_agrees_with_the_input_seen_again(lift, shared_data, published_matrix, name):
    path = shared_data / "sentinel2" / name
    run = lift(path, MODEL_FILE=None, **SCENES[name])
    assert run.went_well, run.log.errors
    msi = gdal.Open(str(path)).ReadAsArray() * 1e-4 + SCENES[name].get("OFFSET", 0.0)
    hsi = gdal.Open(run.results["OUTPUT"]).ReadAsArray() * 1e-4
    assert hsi.min() >= 0
    order = np.argsort(grid("aviris172").wavelength_nm)
    seen = np.tensordot(published_matrix, hsi[order], axes=1)
    clear = msi[1] < CLOUD
    assert np.median(np.abs(seen - msi[1:])[:, clear]) < 0.01
    bands = sensor("sentinel2a")
    for name, metres, output, stored in zip(bands.band_names[1:], bands.footprint_m[1:], seen, msi[1:]):
        # Within a coarse pixel the output has detail that the stored band lacks: compare whole footprints.
        output, stored = (footprint_means(image, int(metres // 10)) for image in (output, stored))
        difference = np.median(np.abs(output - stored))
        # B9 of these products (water vapour) may lie a little off what its neighbours make likely.
        assert difference < 0.01, f"{name}: {difference:.4f}"
