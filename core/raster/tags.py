"""Metadata items as GDAL and rasterio both hand them out: text by domain, for the dataset and its bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Items = Mapping[str, str]


@dataclass(frozen=True)
class RasterTags:
    """The metadata items that say what the bands are.

    Attributes:
        names: band descriptions, empty where there is none.
        bands: items of each band in the default domain.
        imagery: items of each band in the domain ``IMAGERY``.
        dataset: items of the dataset in the default domain.
        envi: items of the dataset in the domain ``ENVI``.
        sentinel2_xml: product metadata that GDAL's SENTINEL2 driver passes on, empty otherwise.
    """

    names: tuple[str, ...]
    bands: tuple[Items, ...]
    imagery: tuple[Items, ...]
    dataset: Items = field(default_factory=dict)
    envi: Items = field(default_factory=dict)
    sentinel2_xml: str = ""


def folded(items: Items) -> dict[str, str]:
    """The items under keys in lower case with underscores: writers differ in ``wavelength units``."""
    return {key.lower().replace(" ", "_"): value for key, value in items.items()}
