import numpy as np

from hyperlift.core.raster.input import undeclared_nodata


def test_the_same_low_number_in_all_bands_is_undeclared_nodata():
    pixels = np.full((3, 2, 4), 0.2, np.float32)
    pixels[:, 0, 1] = -9999.0
    pixels[:, 1, 2] = -999.0
    pixels[:, 1, 0] = -998.0  # what a correction may leave, times a large scale
    pixels[:2, 0, 3] = -9999.0  # one band has something
    pixels[:, 0, 0] = np.nan
    expected = [[False, True, False, False], [False, False, True, False]]
    np.testing.assert_array_equal(undeclared_nodata(pixels), expected)
    np.testing.assert_array_equal(undeclared_nodata(pixels.reshape(3, 8)), np.ravel(expected))
