import numpy as np
import pytest

from hyperlift.core.errors import RasterError
from hyperlift.core.fusion.placement import place_photograph
from hyperlift.core.raster.arrays import ArraySource
from hyperlift.core.raster.blocks import Georeference


def source(bands, rows, columns, transform=None, crs="here"):
    georeference = None if transform is None else Georeference(transform, crs)
    return ArraySource(np.ones((bands, rows, columns)), georeference=georeference)


IMAGE = (100.0, 30.0, 0.0, 900.0, 0.0, -30.0)


def test_georeferences_of_one_system_place_it_exactly():
    photo = source(3, 400, 600, (40.0, 3.0, 0.0, 960.0, 0.0, -3.0))
    place, _ = place_photograph(source(5, 20, 30, IMAGE), photo)
    np.testing.assert_allclose(place(0.0, 0.0), (20.0, 20.0), atol=1e-9)
    np.testing.assert_allclose(place(30.0, 20.0), (320.0, 220.0), atol=1e-9)


def test_without_a_georeference_the_extents_are_the_same():
    place, said = place_photograph(source(5, 20, 30, IMAGE), source(3, 100, 90))
    np.testing.assert_allclose(place(30.0, 20.0), (90.0, 100.0))
    assert "because the reference is not georeferenced" in said
    assert "neither" in place_photograph(source(5, 20, 30), source(3, 100, 90))[1]


def test_other_systems_need_somebody_who_knows_them():
    photo = source(3, 400, 600, (140.0, 3.0, 0.0, 960.0, 0.0, -3.0), "there")
    image = source(5, 20, 30, IMAGE)
    with pytest.raises(RasterError, match="different coordinate systems"):
        place_photograph(image, photo)
    place, _ = place_photograph(image, photo, lambda x, y, *_: (x + 100.0, y))
    np.testing.assert_allclose(place(0.0, 0.0), (20.0, 20.0), atol=1e-9)
    with pytest.raises(RasterError, match="does not lie where the image lies"):
        place_photograph(image, photo, lambda x, y, *_: (x + np.nan, y))
