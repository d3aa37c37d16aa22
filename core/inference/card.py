"""The model card: everything that HyperLift knows of a model, as the JSON in the model file says it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import ModelError
from ..spectral import Band, Grid, Sensor

_SENSOR = "sentinel2"
ANY_SENSOR = "any"  # a camera whose bands and responses are told with each scene
_AGAIN = "export the model again with this version of HyperLift"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Estimator:
    """A band that is missing, from the others: ``intercept + sum(weights[band] * band)``, in reflectance."""

    intercept: float
    weights: Mapping[str, float]


@dataclass(frozen=True)
class CardInput:
    """What goes in.

    Attributes:
        name: of the graph's input, ``(1, c, H, W)``.
        bands: names of the ``c`` bands in their order; none where the sensor is ``any``.
        centre_nm: centres of the bands in nm.
        width_nm: widths (FWHM) of the bands in nm.
        scale: reflectance per digital number of the sensor's products.
        units: always ``reflectance``.
        estimators: how to estimate bands that shorter stacks lack.
    """

    name: str
    bands: tuple[str, ...]
    centre_nm: tuple[float, ...]
    width_nm: tuple[float, ...]
    scale: float
    units: str = "reflectance"
    estimators: Mapping[str, Estimator] = field(default_factory=dict)

    @property
    def sensor(self) -> Sensor:
        """The bands as a sensor, whose responses can be computed."""
        rows = zip(self.bands, self.centre_nm, self.width_nm)
        bands = tuple(Band(name, centre, width, float("nan")) for name, centre, width in rows)
        return Sensor(_SENSOR, "Sentinel-2", bands)


@dataclass(frozen=True)
class CardOutput:
    """What comes out: ``C`` channels ``(1, C, f*H, f*W)`` under the graph's output ``name``, centres and
    widths in nm."""

    name: str
    wavelength_nm: tuple[float, ...]
    fwhm_nm: tuple[float, ...]
    units: str = "reflectance"

    @property
    def grid(self) -> Grid:
        """The channels as a wavelength grid."""
        return Grid(self.name, np.array(self.wavelength_nm), np.array(self.fwhm_nm))


@dataclass(frozen=True)
class CardStatistics:
    """Statistics of a whole scene that the network uses.

    Attributes:
        name: of the graph's optional input ``(1, S)``; NaN in it means "compute from this array".
        gathered: name of the output that gives the statistics that were used.
        window: side in pixels of the parts of a scene from which they are gathered.
        windows: largest number of such parts along each side of a scene.
    """

    name: str
    gathered: str
    window: int
    windows: int


@dataclass(frozen=True)
class Card:
    """A model card, the metadata entry ``card`` of a model file.

    Attributes:
        name: short name, e.g. ``explains2a``.
        title: name for people.
        architecture: the network.
        version: of the model.
        licence: of the weights.
        sensor: ``sentinel2``, or ``any``.
        input: bands, their order, scale and units.
        output: wavelengths and widths.
        scale_factor: output pixels per input pixel along each side.
        halo: input pixels around a tile that its result depends on.
        tile: side of a tile in input pixels, without halo.
        training: how it was trained.
        accuracy: held-out accuracy.
        digest: ``sha256:`` and the SHA-256 of the model file with these 64 digits as zeros.
        statistics: of the scene, where the network uses any.
    """

    name: str
    title: str
    architecture: str
    version: str
    licence: str
    sensor: str
    input: CardInput
    output: CardOutput
    scale_factor: int
    halo: int
    tile: int
    training: Mapping[str, Any]
    accuracy: Mapping[str, Any]
    digest: str
    statistics: CardStatistics | None = None

    @classmethod
    def from_json(cls, text: str) -> Card:
        """Parse and check a card.

        Raises:
            ModelError: it is no card, a word of it is missing or wrong, or it is of another sensor.
        """
        try:
            entries = json.loads(text)
        except ValueError as error:
            raise ModelError(
                f"The model's card is not valid JSON ({error}); export the model again."
            ) from error
        reader = _Reader(entries, "")
        name, sensor = reader.text("name"), reader.text("sensor")
        if sensor not in (_SENSOR, ANY_SENSOR):
            raise ModelError(
                f"The model '{name}' was made for the sensor '{sensor}'; choose a model for Sentinel-2."
            )
        card = cls(
            name=name,
            **{word: reader.text(word) for word in ("title", "architecture", "version", "licence")},
            sensor=sensor,
            input=_input(reader.part("input"), sensor),
            output=_output(reader.part("output")),
            scale_factor=reader.whole("scale_factor", 1),
            halo=reader.whole("halo", 0),
            tile=reader.whole("tile", 1),
            training=reader.part("training").entries,
            accuracy=reader.part("accuracy").entries,
            digest=reader.text("digest"),
            statistics=_statistics(reader),
        )
        if not _DIGEST.fullmatch(card.digest):
            raise reader.wrong("digest", "'sha256:' and 64 hexadecimal digits")
        return card

    def to_json(self) -> str:
        """The card as the JSON text that :meth:`from_json` reads."""
        return json.dumps(dataclasses.asdict(self))


@dataclass(frozen=True)
class _Reader:
    """Reads checked values from one object of the card; ``path`` says which in messages."""

    entries: Any
    path: str

    def __post_init__(self) -> None:
        if not isinstance(self.entries, dict):
            problem = f"has no object '{self.path}'" if self.path else "is not a JSON object"
            raise ModelError(f"The model's card {problem}; {_AGAIN}.")

    def wrong(self, word: str, expected: str) -> ModelError:
        """The error for a word that is missing or has a wrong value."""
        where = f"{self.path}.{word}" if self.path else word
        return ModelError(f"The model's card should give {expected} as '{where}'; {_AGAIN}.")

    def part(self, word: str) -> _Reader:
        """A nested object."""
        return _Reader(self.entries.get(word), f"{self.path}.{word}" if self.path else word)

    def text(self, word: str) -> str:
        """A text that is not empty."""
        value = self.entries.get(word)
        if not isinstance(value, str) or not value:
            raise self.wrong(word, "a text")
        return value

    def whole(self, word: str, least: int) -> int:
        """A whole number of at least ``least``."""
        value = self.entries.get(word)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self.wrong(word, f"a whole number of at least {least}")
        return value

    def number(self, word: str) -> float:
        """A finite number."""
        value = self.entries.get(word)
        if not _is_number(value):
            raise self.wrong(word, "a number")
        return float(value)

    def texts(self, word: str) -> tuple[str, ...]:
        """Texts, all different."""
        return self._list(
            word, lambda value: isinstance(value, str), "a list of different texts", unique=True
        )

    def positives(self, word: str, count: int | None = None) -> tuple[float, ...]:
        """Positive numbers, ``count`` of them when it is given."""
        expected = f"a list of {'' if count is None else f'{count} '}positive numbers"
        values = self._list(word, lambda value: _is_number(value) and value > 0, expected)
        if count is not None and len(values) != count:
            raise self.wrong(word, expected)
        return tuple(float(value) for value in values)

    def _list(
        self, word: str, valid: Callable[[Any], bool], expected: str, unique: bool = False
    ) -> tuple[Any, ...]:
        values = self.entries.get(word)
        if not isinstance(values, list) or not values or not all(valid(value) for value in values):
            raise self.wrong(word, expected)
        if unique and len(set(values)) != len(values):
            raise self.wrong(word, expected)
        return tuple(values)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and bool(np.isfinite(value))


def _reflectance(reader: _Reader) -> str:
    if reader.text("units") != "reflectance":
        raise reader.wrong("units", "'reflectance'")
    return "reflectance"


def _input(reader: _Reader, sensor: str) -> CardInput:
    scale = reader.number("scale")
    if scale <= 0:
        raise reader.wrong("scale", "a positive number")
    if sensor == ANY_SENSOR:
        return CardInput(reader.text("name"), (), (), (), scale, _reflectance(reader))
    bands = reader.texts("bands")
    estimators = reader.part("estimators") if "estimators" in reader.entries else _Reader({}, "estimators")
    return CardInput(
        name=reader.text("name"),
        bands=bands,
        centre_nm=reader.positives("centre_nm", len(bands)),
        width_nm=reader.positives("width_nm", len(bands)),
        scale=scale,
        units=_reflectance(reader),
        estimators={band: _estimator(estimators, band, bands) for band in estimators.entries},
    )


def _estimator(estimators: _Reader, band: str, bands: tuple[str, ...]) -> Estimator:
    reader = estimators.part(band)
    weights = reader.part("weights")
    known = set(bands) - set(estimators.entries)
    if band not in bands or not set(weights.entries) <= known:
        raise estimators.wrong(band, "an input band's estimate from bands that are not estimated themselves")
    return Estimator(reader.number("intercept"), {name: weights.number(name) for name in weights.entries})


def _output(reader: _Reader) -> CardOutput:
    wavelength = reader.positives("wavelength_nm")
    return CardOutput(
        reader.text("name"), wavelength, reader.positives("fwhm_nm", len(wavelength)), _reflectance(reader)
    )


def _statistics(card: _Reader) -> CardStatistics | None:
    if card.entries.get("statistics") is None:
        return None
    reader = card.part("statistics")
    return CardStatistics(
        reader.text("name"), reader.text("gathered"), reader.whole("window", 1), reader.whole("windows", 1)
    )
