"""Wavelengths in raster metadata: read from wherever people keep them, written to three places.

Pure text and numbers; the GDAL and rasterio backends fetch and store the items.
"""

from __future__ import annotations

import math
import re

from .blocks import BandTable
from .tags import Items, RasterTags, folded

_NM_PER_UNIT = {
    "nm": 1.0, "nanometer": 1.0, "nanometers": 1.0, "nanometre": 1.0, "nanometres": 1.0,
    "um": 1e3, "micrometer": 1e3, "micrometers": 1e3, "micrometre": 1e3, "micrometres": 1e3,
    "micron": 1e3, "microns": 1e3,
}  # fmt: skip
_QUANTITY = re.compile(r"\s*(\d*\.?\d+(?:e[-+]?\d+)?)\s*([a-zµμ]*)\s*", re.IGNORECASE)
_NAMED = re.compile(
    r"(\d*\.?\d+)\s*(nm|nanomet(?:er|re)s?|[uµμ]m|micromet(?:er|re)s?|microns?)\b", re.IGNORECASE
)
_ZERO = re.compile(r"\s*0+(\.0*)?\s*")
_MICROMETRES_BELOW = 100.0
# A bare number below this without a decimal point is a band's number, not its wavelength.
_SHORTEST_BARE_NM = 300.0

Line = tuple[float, float]  # centre and FWHM in nm, NaN where unknown
_UNKNOWN = (math.nan, math.nan)


def band_table(tags: RasterTags) -> BandTable:
    """Names, centres and widths of the bands from everything the file says about them.

    The first that knows a band's centre wins, likewise for its width: the band's own items ``wavelength`` and
    ``fwhm``, the dataset's ENVI lists, the domain IMAGERY (some drivers round it to whole nanometres), names.
    """
    dataset = folded(tags.dataset)
    own = [folded(items) for items in tags.bands]
    names = tuple(
        items.get("bandname") or name or dataset.get(f"band_{number}", "")
        for number, (items, name) in enumerate(zip(own, tags.names), start=1)
    )
    readings = (
        [_from_items(items, dataset.get("wavelength_units", "")) for items in own],
        _from_envi(folded(tags.envi), len(names)),
        [_from_imagery(items) for items in tags.imagery],
        _from_names(tags.names),
    )
    centres = tuple(_first_known(values) for values in zip(*([c for c, _ in lines] for lines in readings)))
    widths = tuple(_first_known(values) for values in zip(*([w for _, w in lines] for lines in readings)))
    return BandTable(names, centres, widths)


def band_tags(bands: BandTable) -> RasterTags:
    """The items to write for bands: what :func:`band_table` and other software read back.

    Bands without a known wavelength keep their names; the ENVI lists are written when every band has one.
    """
    known = [math.isfinite(centre) for centre in bands.wavelength_nm]
    names = tuple(
        f"{centre:.1f} nm" if is_known else name
        for name, centre, is_known in zip(bands.names, bands.wavelength_nm, known)
    )
    own = tuple(
        {"wavelength": f"{centre:.10g}", "wavelength_units": "Nanometers"} if is_known else {}
        for centre, is_known in zip(bands.wavelength_nm, known)
    )
    imagery = tuple(
        _known_um({"CENTRAL_WAVELENGTH_UM": centre, "FWHM_UM": width})
        for centre, width in zip(bands.wavelength_nm, bands.fwhm_nm)
    )
    envi = {}
    if known and all(known):
        envi = {"wavelength": _envi_list(bands.wavelength_nm), "wavelength_units": "Nanometers"}
        if all(math.isfinite(width) for width in bands.fwhm_nm):
            envi["fwhm"] = _envi_list(bands.fwhm_nm)
    return RasterTags(names, own, imagery, envi=envi)


def good_bands(text: str, count: int) -> tuple[bool, ...] | None:
    """Which of ``count`` bands an ENVI list ``bbl`` calls good, all if it is empty; 0 stands for a bad one.

    None if the list has another number of entries.
    """
    entries = text.strip().strip("{}").split(",") if text.strip() else ["1"] * count
    return tuple(not _ZERO.fullmatch(entry) for entry in entries) if len(entries) == count else None


def _first_known(values: tuple[float, ...]) -> float:
    return next((value for value in values if math.isfinite(value)), math.nan)


def _nm_per_unit(unit: str, largest: float) -> float:
    """Factor to nm; a missing unit is told from the largest wavelength, a foreign one (GHz) gives NaN."""
    name = unit.strip().lower().replace("µ", "u").replace("μ", "u")
    if name in ("", "unknown"):
        return 1e3 if largest < _MICROMETRES_BELOW else 1.0
    return _NM_PER_UNIT.get(name, math.nan)


def _quantity(text: str, unit: str = "") -> tuple[float, str]:
    """Number and unit of a text such as ``0.45``, ``392.0 nm``; a unit in the text beats ``unit``."""
    match = _QUANTITY.fullmatch(text)
    return (float(match[1]), match[2] or unit) if match else (math.nan, unit)


def _from_items(items: Items, dataset_unit: str) -> Line:
    unit = items.get("wavelength_units") or items.get("wavelength_unit") or dataset_unit
    centre, unit = _quantity(items.get("wavelength", ""), unit)
    factor = _nm_per_unit(unit, centre)
    width, width_unit = _quantity(
        items.get("fwhm") or items.get("bandwidth", ""), items.get("bandwidth_unit", "")
    )
    return centre * factor, width * (_nm_per_unit(width_unit, width) if width_unit else factor)


def _from_imagery(items: Items) -> Line:
    centre, _ = _quantity(items.get("CENTRAL_WAVELENGTH_UM", ""))
    width, _ = _quantity(items.get("FWHM_UM", ""))
    return centre * 1e3, width * 1e3


def _from_envi(items: Items, count: int) -> list[Line]:
    centres, widths = _numbers(items.get("wavelength", "")), _numbers(items.get("fwhm", ""))
    if len(centres) != count:
        return [_UNKNOWN] * count
    factor = _nm_per_unit(items.get("wavelength_units", ""), max(centres))
    if len(widths) != count:
        widths = [math.nan] * count
    return [(centre * factor, width * factor) for centre, width in zip(centres, widths)]


def _from_names(names: tuple[str, ...]) -> list[Line]:
    """Centres in names such as ``392.0 nm``; bare numbers count when every name is one."""
    bare = all(_is_bare_wavelength(name) for name in names)
    lines = []
    for name in names:
        match = _NAMED.search(name)
        value, unit = (float(match[1]), match[2]) if match else (float(name) if bare else math.nan, "")
        lines.append((value * _nm_per_unit(unit, value), math.nan))
    return lines


def _is_bare_wavelength(name: str) -> bool:
    match = _QUANTITY.fullmatch(name)
    return bool(match and not match[2] and ("." in name or float(match[1]) >= _SHORTEST_BARE_NM))


def _numbers(text: str) -> list[float]:
    """Numbers of an ENVI list ``{1, 2}``; NaN where an entry is none."""
    entries = text.strip().strip("{}").split(",") if text.strip() else []
    return [_quantity(entry)[0] for entry in entries]


def _envi_list(values: tuple[float, ...]) -> str:
    return "{" + ", ".join(f"{value:.10g}" for value in values) + "}"


def _known_um(values_nm: dict[str, float]) -> dict[str, str]:
    return {key: f"{value / 1e3:.10g}" for key, value in values_nm.items() if math.isfinite(value)}
