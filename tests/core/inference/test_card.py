import json

import numpy as np
import pytest

from hyperlift.core.errors import ModelError
from hyperlift.core.inference.card import Card
from hyperlift.core.spectral import grid, sensor


def test_reads_every_word(make_card):
    card = Card.from_json(json.dumps(make_card(halo=51)))
    assert (card.name, card.sensor, card.scale_factor, card.halo, card.tile) == (
        "tiny",
        "sentinel2",
        1,
        51,
        64,
    )
    assert card.input.scale == 1e-4
    assert card.input.estimators["B1"].weights == {"B2": 0.9}
    assert card.input.sensor.band_names == sensor("sentinel2a").band_names
    np.testing.assert_array_equal(card.input.sensor.centre_nm, sensor("sentinel2a").centre_nm)
    np.testing.assert_array_equal(card.output.grid.wavelength_nm, grid("aviris172").wavelength_nm)


def test_survives_writing_and_reading(make_card):
    card = Card.from_json(json.dumps(make_card(accuracy={"psnr": 39.4})))
    assert Card.from_json(card.to_json()) == card


def test_estimators_may_be_missing(make_card):
    entries = make_card()
    del entries["input"]["estimators"]
    assert Card.from_json(json.dumps(entries)).input.estimators == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"halo": -1}, "should give a whole number of at least 0 as 'halo'"),
        ({"halo": True}, "as 'halo'"),
        ({"tile": "256"}, "should give a whole number of at least 1 as 'tile'"),
        ({"name": None}, "should give a text as 'name'"),
        ({"digest": "sha256:12"}, "'sha256:' and 64 hexadecimal digits as 'digest'"),
        ({"input__bands": []}, "a list of different texts as 'input.bands'"),
        ({"input__bands": ["B2"] * 12}, "a list of different texts as 'input.bands'"),
        ({"input__centre_nm": [490.0]}, "a list of 12 positive numbers as 'input.centre_nm'"),
        ({"input__scale": 0}, "a positive number as 'input.scale'"),
        ({"input__scale": "1e-4"}, "a number as 'input.scale'"),
        ({"input__units": "radiance"}, "'reflectance' as 'input.units'"),
        ({"output__wavelength_nm": [400, float("nan")]}, "positive numbers as 'output.wavelength_nm'"),
        ({"output__fwhm_nm": [10.0]}, "a list of 172 positive numbers as 'output.fwhm_nm'"),
        ({"output": 5}, "has no object 'output'"),
        ({"training": None}, "has no object 'training'"),
        ({"input__estimators__B1__weights": {"B9": 1.0}}, "from bands that are not estimated themselves"),
        ({"input__estimators__B1__weights": {"B2": "x"}}, "a number as 'input.estimators.B1.weights.B2'"),
        ({"input__estimators__B1__intercept": None}, "a number as 'input.estimators.B1.intercept'"),
        ({"sensor": "enmap"}, "was made for the sensor 'enmap'"),
    ],
)
def test_wrong_words_are_named(make_card, changes, message):
    with pytest.raises(ModelError, match=message):
        Card.from_json(json.dumps(make_card(**changes)))


@pytest.mark.parametrize(("text", "message"), [("{", "is not valid JSON"), ("[1]", "is not a JSON object")])
def test_text_that_is_no_card(text, message):
    with pytest.raises(ModelError, match=message):
        Card.from_json(text)
