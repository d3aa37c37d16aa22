import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from hyperlift.core.registration import Affine, Views, register
from hyperlift.core.registration.likeness import information_of

PER_PIXEL, MARGIN, SIDE = 4, 8, 40


def land(seed, side=SIDE + 2 * MARGIN):
    """Three fine fields of shapes ``(3, n, n)`` over an area with a margin."""
    rng = np.random.default_rng(seed)
    size = side * PER_PIXEL
    return np.stack([gaussian_filter(rng.normal(size=(size, size)), 5.0) for _ in range(3)]).astype(
        np.float32
    )


def views_of(place, tone=lambda photo: photo, seed=0, photo_seed=0):
    """An image of mixtures of the fields, and a photograph of them that lies at ``place``."""
    rng, fields = np.random.default_rng(1), land(seed)
    mixing = rng.normal(size=(3, 3))
    inner = slice(MARGIN * PER_PIXEL, -MARGIN * PER_PIXEL)
    blurred = np.stack([gaussian_filter(field, 0.42 * PER_PIXEL) for field in fields])[:, inner, inner]
    cells = blurred.reshape(3, SIDE, PER_PIXEL, SIDE, PER_PIXEL).mean(axis=(2, 4))
    image = np.tensordot(mixing, cells, axes=1)
    size = fields.shape[-1]
    y, x = (np.mgrid[:size, :size] + 0.5) / PER_PIXEL - MARGIN
    x, y = place.inverse()(x, y)
    at = [(y + MARGIN) * PER_PIXEL - 0.5, (x + MARGIN) * PER_PIXEL - 0.5]
    photo = np.stack([map_coordinates(field, at, order=1) for field in land(photo_seed)])
    photo = photo / photo.std() * 0.15 + 0.5
    covered = np.ones(photo.shape[1:], bool)
    return Views(
        image.astype(np.float32), np.ones((SIDE, SIDE), bool), tone(photo), covered, PER_PIXEL, MARGIN
    )


TONES = {
    "as it is": lambda photo: photo,
    "inverted": lambda photo: 1.0 - photo,
    "gamma": lambda photo: np.clip(photo, 0.01, None) ** 1.6,
    "mixed colours": lambda photo: photo[[2, 0, 1]] * 0.7 + 0.2 * photo + 0.1,
}


@pytest.mark.parametrize("tone", TONES)
def test_a_turned_scaled_and_shifted_photograph_is_found(tone):
    place = Affine.about((SIDE / 2, SIDE / 2), 7.0, 1.06, (2.3, -3.1))
    found = register(views_of(place, TONES[tone]), reach=6.0)
    y, x = np.meshgrid([4.0, 20.0, 36.0], [4.0, 20.0, 36.0], indexing="ij")
    apart = np.hypot(*(np.array(found.transform(x, y)) - np.array(place(x, y))))
    assert apart.max() < 0.15
    assert found.confidence == 1.0


def test_another_place_is_not_taken_for_this_one():
    assert register(views_of(Affine.identity(), photo_seed=5), reach=6.0).confidence == 0.0


def test_a_place_beyond_reach_is_not_believed():
    place = Affine.about((SIDE / 2, SIDE / 2), 40.0, 1.0)
    assert register(views_of(place), reach=3.0).confidence == 0.0


def test_information_sees_no_linear_change_of_tones():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(500, 2))
    photo = image @ rng.normal(size=(2, 3)) + 0.5 * rng.normal(size=(500, 3))
    changed = 3.0 - photo @ rng.normal(size=(3, 3))
    assert information_of(image, photo) == pytest.approx(information_of(image, changed), rel=1e-6)
    assert information_of(image, rng.normal(size=(500, 3))) < 0.05 * information_of(image, photo)


def test_transforms_can_be_joined_inverted_and_measured():
    first = Affine.about((3.0, 2.0), 10.0, 1.1, (0.5, -1.0))
    there = first.inverse().after(first)
    np.testing.assert_allclose(there.matrix, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(there.shift, 0.0, atol=1e-12)
    assert first.rotation == pytest.approx(10.0)
    assert first.scale == pytest.approx(1.1)
    half = first.in_units(0.5)
    np.testing.assert_allclose(half(2.0 * 3.0, 2.0 * 5.0), 2.0 * np.array(first(3.0, 5.0)))
