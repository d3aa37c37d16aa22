"""Scale and offset as a file states them: on its bands, or in the metadata of a Sentinel-2 product."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Optional

from .blocks import Calibration
from .tags import Items, RasterTags, folded

_QUANTIFICATION = ("boa_quantification_value", "l2a_boa_quantification_value", "quantification_value")
_OFFSET_ITEMS = ("boa_add_offset", "radio_add_offset")
# `band_id` of the product metadata counts the thirteen bands in this order.
_BAND_IDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")
_OFFSET_ELEMENT = re.compile(r'<(?:BOA|RADIO)_ADD_OFFSET\s+band_id="(\d+)"\s*>\s*([-+.\d]+)\s*<')
_FIRST_BASELINE_WITH_OFFSETS = 4.0

Numbers = Sequence[Optional[float]]


def stated_calibration(tags: RasterTags, scales: Numbers, offsets: Numbers) -> Calibration | None:
    """What the file states of its numbers: the bands' own scale and offset, else ENVI's, else the product's.

    Args:
        tags: metadata items of the dataset and its bands.
        scales: scale of each band, None or 1 where the band states none.
        offsets: offset of each band, None or 0 where the band states none.
    """
    scale = tuple(value or 1.0 for value in scales)
    offset = tuple(value or 0.0 for value in offsets)
    if any(value != 1.0 for value in scale) or any(value != 0.0 for value in offset):
        return Calibration(scale, offset)
    factor = _number(folded(tags.envi).get("reflectance_scale_factor", "")) or 1.0
    if factor > 0.0 and factor != 1.0:
        return Calibration((1.0 / factor,) * len(scale), offset)
    return _of_sentinel2_product(tags)


def implies_offsets(dataset: Items) -> bool:
    """Whether the dataset's items are those of a Sentinel-2 product whose numbers have offsets.

    Where the file states no calibration all the same, its offsets were lost.
    """
    baseline = _number(folded(dataset).get("processing_baseline", "")) or 0.0
    return bool(_quantification(dataset)) and baseline >= _FIRST_BASELINE_WITH_OFFSETS


def _quantification(dataset: Items) -> float | None:
    items = folded(dataset)
    return next((_number(items[key]) for key in _QUANTIFICATION if key in items), None)


def _of_sentinel2_product(tags: RasterTags) -> Calibration | None:
    """Reflectance = (number + ADD_OFFSET of the band) / QUANTIFICATION_VALUE.

    None as well when the processing baseline implies offsets that the file does not hold (older versions of
    GDAL lose them in a conversion): half the truth would shift every reflectance by 0.1.
    """
    quantification = _quantification(tags.dataset)
    if not quantification:
        return None
    own = [folded(items) for items in tags.bands]
    by_band = _offsets_of_xml(tags.sentinel2_xml)
    counts = [_offset_of_band(items, by_band) for items in own]
    if all(count is None for count in counts) and implies_offsets(tags.dataset):
        return None
    return Calibration(
        (1.0 / quantification,) * len(own), tuple((count or 0.0) / quantification for count in counts)
    )


def _offset_of_band(items: Items, by_band: dict[str, float]) -> float | None:
    stated = next((_number(items[key]) for key in _OFFSET_ITEMS if key in items), None)
    return stated if stated is not None else by_band.get(items.get("bandname", ""))


def _offsets_of_xml(xml: str) -> dict[str, float]:
    """Offsets by band name, from the elements' ``band_id``."""
    pairs = [(int(band_id), float(value)) for band_id, value in _OFFSET_ELEMENT.findall(xml)]
    return {_BAND_IDS[band_id]: value for band_id, value in pairs if band_id < len(_BAND_IDS)}


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
