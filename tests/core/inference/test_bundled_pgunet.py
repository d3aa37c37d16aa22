"""The bundled networks for any camera: whole, small, and independent of the tiles."""

import numpy as np
import pytest

from hyperlift.core.inference import blind
from hyperlift.core.inference.blind_model import ResponseModel, blind_model, response_file
from hyperlift.core.inference.blind_scene import BlindOptions, blind_scene, open_blind
from hyperlift.core.inference.models import BLIND, check_digest, model_names, read_card
from hyperlift.core.inference.scene import LiftOptions
from hyperlift.core.raster.arrays import ArraySink, ArraySource
from hyperlift.core.spectral import grid
from hyperlift.core.spectral.band_shapes import BandShapes

GRIDS = {
    "aviris172": (480, 560, 660, 720, 850),
    "vnir": (450, 560, 650, 730, 840),
    "visible31": (450, 550, 640),
}
LARGEST = 2_000_000


@pytest.fixture(params=GRIDS)
def name(request):
    return request.param


@pytest.fixture
def msi(name):
    """A smooth invented scene ``(c, 60, 70)`` with a red edge, and the centres of its bands."""
    on = grid(name)
    row, column = np.mgrid[:60, :70] / 15.0
    nm = on.wavelength_nm[:, None, None]
    edge = (0.2 + 0.1 * np.sin(row + column)) / (1 + np.exp(-(nm - 710) / 15))
    hsi = 0.08 + 0.03 * np.cos(row * column) + edge + 2e-5 * (nm - 400) * (1 + np.sin(2 * column))
    centres = np.array(GRIDS[name], float)
    rows = BandShapes(on).rows(centres, np.full(len(centres), 50.0))
    return np.tensordot(rows, hsi, axes=1).astype(np.float32), centres


def test_files_are_whole_and_go_together(name):
    path = blind_model(name)
    for file in (path, response_file(path)):
        check_digest(file, read_card(file))
    card = read_card(path)
    assert (card.sensor, len(card.output.wavelength_nm)) == ("any", len(grid(name)))
    assert card.training["held_out_cameras"] == ["WV3", "PS_SD8", "L9", "L8"]
    assert ResponseModel(path).mixture.basis.shape[0] == len(grid(name))


def test_all_files_together_are_small():
    names = model_names(BLIND)
    assert len(names) == 6
    assert sum(blind_model(one[7:]).stat().st_size for one in names) < LARGEST


def test_they_are_not_offered_for_sentinel_2():
    assert not any(one.startswith("pgunet") for one in model_names())


def test_tiles_do_not_show(name, msi):
    results = []
    for tile in (16, 48, 128):
        sinks = []

        def make_sink(profile, sinks=sinks):
            sinks.append(ArraySink(profile))
            return sinks[0]

        lift = LiftOptions(scale=1.0, offset=0.0, tile=tile, data_type="float32")
        blind_scene(
            ArraySource(msi[0]), make_sink, open_blind(name, "cpu"), BlindOptions(tuple(msi[1]), lift)
        )
        results.append(sinks[0].pixels)
    assert max(np.abs(one - results[0]).max() for one in results[1:]) < 1e-4


def test_blind_gives_image_and_response(name, msi):
    found = blind(msi[0], msi[1], name, "cpu")
    assert found.hsi.shape == (len(grid(name)), 60, 70)
    assert np.abs(found.stf @ grid(name).wavelength_nm - msi[1]).max() < 15
    seen = np.tensordot(found.stf, found.hsi, axes=1)
    assert np.median(np.abs(seen - msi[0])) < 0.005
