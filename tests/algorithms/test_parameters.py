from __future__ import annotations

import pytest

from hyperlift.algorithms.parameters import band_numbers
from hyperlift.core.errors import RasterError


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("", ()), ("  ", ()), ("1,2,3", (1, 2, 3)), ("12; 11 10", (12, 11, 10)), ("4,", (4,))],
)
def test_band_numbers(text, numbers):
    assert band_numbers(text) == numbers


@pytest.mark.parametrize("text", ["B1", "1-3", "1.5", "-1"])
def test_band_numbers_that_are_something_else_are_refused(text):
    with pytest.raises(RasterError, match="Bands must be numbers separated by commas"):
        band_numbers(text)
