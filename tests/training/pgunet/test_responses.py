import numpy as np
import pytest

from hyperlift.core.inference.blind_camera import FEWEST, MOST
from hyperlift.core.spectral import Response, grid
from hyperlift.training.pgunet.responses import (
    HELD_OUT_CAMERAS,
    Cameras,
    read_camera,
    read_cameras,
)


@pytest.fixture
def real():
    """A camera of five boxes."""
    nm = np.arange(400.0, 1000.0)
    boxes = [(np.abs(nm - centre) < 20).astype(float) for centre in (480, 560, 660, 720, 850)]
    return Response(tuple("abcde"), nm, np.array(boxes))


@pytest.mark.parametrize("name", ["visible31", "vnir", "aviris172"])
def test_cameras_are_physical(name, real):
    cameras, rng = Cameras(grid(name), [real]), np.random.default_rng(0)
    for _ in range(40):
        camera = cameras.draw(rng)
        assert FEWEST <= len(camera.response) <= MOST
        assert (camera.response >= 0).all()
        np.testing.assert_allclose(camera.response.sum(axis=1), 1.0)
        assert (np.diff(camera.centre_nm) >= 0).all()


def test_cameras_differ_in_bands_and_widths(real):
    cameras, rng = Cameras(grid("vnir"), [real]), np.random.default_rng(0)
    drawn = [cameras.draw(rng) for _ in range(60)]
    assert {len(one.response) for one in drawn} >= set(range(3, 10))
    widest = [1.0 / (one.response**2).sum(axis=1).min() for one in drawn]
    assert max(widest) > 3 * min(widest)


def test_the_same_seed_draws_the_same_camera(real):
    cameras = Cameras(grid("vnir"), [real])
    one, other = (cameras.draw(np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one.response, other.response)


def test_held_out_cameras_are_not_read(tmp_path, real):
    folder = tmp_path / "responses"
    folder.mkdir()
    for name in (*HELD_OUT_CAMERAS, "ours"):
        names = np.array([f"{name} {band}" for band in real.band_names])
        np.savez(folder / f"{name}.npz", bands=names, srf=real.curves, wavelength_nm=real.wavelength_nm)
    found = read_cameras(tmp_path)
    assert [one.band_names[0] for one in found] == ["ours a"]
    assert len(read_camera(folder / "ours.npz", ("ours b",)).band_names) == 4


def test_consumer_cameras(tmp_path):
    folder = tmp_path / "responses" / "cameras"
    folder.mkdir(parents=True)
    rows = [f"{nm},{nm / 700},{1 - abs(nm - 550) / 200},{(720 - nm) / 320}" for nm in range(400, 721, 10)]
    (folder / "camera.csv").write_text("\n".join(["#Camera: ours", *rows]))
    (folder / "notes.csv").write_text("nothing\n")
    (camera,) = read_cameras(tmp_path)
    assert camera.band_names == ("red", "green", "blue")
    assert (np.diff(camera.centre_nm) < 0).all()


def test_shared_cameras_leave_out_the_held_out_ones(shared_data):
    names = " ".join(name for one in read_cameras(shared_data) for name in one.band_names)
    assert "WorldView 2" in names
    assert "WorldView 3" not in names
    assert "SD8" not in names
    assert "BAND 5" not in names
