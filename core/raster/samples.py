"""What a raster's bands are and hold at a place: spectra of single pixels, means and spreads of areas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..inference.bands import sentinel2_lines
from ..spectral.envi import header_items, header_paths
from ..spectral.grids import FloatArray
from .blocks import BandTable, Calibration, Source
from .scaling import implies_offsets
from .tags import RasterTags, folded
from .wavelengths import band_table, good_bands

_SENTINEL2_SCALE = 1e-4  # of its products' digital numbers
_OFFSET_LOST = (
    "By its metadata this is a Sentinel-2 product whose offset of -1000 was lost: values may be 0.1 too high."
)
_PROPERTIES = "hyperlift"  # custom properties under this prefix are asked first


@dataclass(frozen=True, eq=False)
class SpectralBands:
    """What is known of the bands of a raster, from everything that says something.

    Attributes:
        table: names, centres and widths.
        good: shape ``(C,)``; False where a list of bad bands says so.
        scale: value = stored number * scale + offset, shape ``(C,)``.
        offset: likewise.
        notes: sentences that the user should see.
    """

    table: BandTable
    good: npt.NDArray[np.bool_]
    scale: FloatArray
    offset: FloatArray
    notes: tuple[str, ...] = ()

    @property
    def wavelength_nm(self) -> FloatArray | None:
        """Centres in nm, shape ``(C,)``, NaN where unknown; None where none is known."""
        return _known(self.table.wavelength_nm)

    @property
    def fwhm_nm(self) -> FloatArray | None:
        """Widths in nm, likewise."""
        return _known(self.table.fwhm_nm)


@dataclass(frozen=True, eq=False)
class Sample:
    """The spectrum of a pixel, or the mean of an area.

    Attributes:
        bands: of the raster.
        stored: numbers as the file holds them, shape ``(C,)``, NaN where there is none (nodata).
        spread: standard deviation of the stored numbers in the area, shape ``(C,)``; None of a pixel.
        pixels: how many are in the area.
        valid: how many of them hold a number in any band.
        place: row and column of the pixel, or of the area's first one.
        uncertainty: of the values, shape ``(C,)``, in their unit; None where none is known.
    """

    bands: SpectralBands
    stored: FloatArray
    spread: FloatArray | None
    pixels: int
    valid: int
    place: tuple[int, int]
    uncertainty: FloatArray | None = None

    @property
    def values(self) -> FloatArray:
        """The spectrum in the unit of the raster's scale and offset, shape ``(C,)``."""
        values: FloatArray = self.stored * self.bands.scale + self.bands.offset
        return values

    @property
    def deviation(self) -> FloatArray | None:
        """What is around the values: the spread of an area in their unit, of a pixel its uncertainty."""
        return self.uncertainty if self.spread is None else self.spread * np.abs(self.bands.scale)


def spectral_bands(source: Source, properties: Mapping[str, object] | None = None) -> SpectralBands:
    """Take in what is known of a raster's bands; pixels are not touched.

    Args:
        source: the raster.
        properties: custom properties of its QGIS layer: the plugin's own ``hyperlift/wavelength``, ``/fwhm``,
            ``/bbl`` and ``/wavelength_units``, the same without prefix (as the EnMAP-Box writes them), and
            its ``QGISPAM/band/N//wavelength``. What they say comes before what the file says.
    """
    count, metadata = len(source.bands), folded(source.metadata)
    own, listed_bad = _of_properties(properties or {}, count)
    table = _filled(own, source.bands)
    if not np.isfinite(table.wavelength_nm).all():
        table = _filled(table, _of_header(source.name, count))
    lines = None if np.isfinite(table.wavelength_nm).any() else sentinel2_lines(table.names)
    if lines is not None:
        table = _filled(table, BandTable(table.names, tuple(lines[0]), tuple(lines[1])))
    good = good_bands(listed_bad or metadata.get("bbl", ""), count) or (True,) * count
    calibration, notes = _calibration(source, sentinel2_lines(table.names) is not None)
    return SpectralBands(
        table, np.array(good), np.array(calibration.scale), np.array(calibration.offset), notes
    )


def _calibration(source: Source, is_sentinel2: bool) -> tuple[Calibration, tuple[str, ...]]:
    """Scale and offset as stated, of Sentinel-2's whole numbers as its products have them, else none."""
    count, dtype = len(source.bands), source.dtype
    if source.calibration is not None:
        return source.calibration, ()
    if is_sentinel2 and dtype.kind in "iu" and dtype.itemsize > 1:
        notes = (_OFFSET_LOST,) if implies_offsets(source.metadata) else ()
        return Calibration((_SENTINEL2_SCALE,) * count, (0.0,) * count), notes
    return Calibration((1.0,) * count, (0.0,) * count), ()


def uncertainty_file(source: Source) -> str:
    """The raster that holds the uncertainties of another one's bands, empty where there is none.

    Its name stands in the metadata item ``HYPERLIFT_UNCERTAINTY`` (beside the raster), or is the raster's
    with ``_uncertainty`` before the suffix.
    """
    path = Path(source.name)
    named = source.metadata.get("HYPERLIFT_UNCERTAINTY", "")
    for beside in (
        path.with_name(named) if named else None,
        path.with_name(f"{path.stem}_uncertainty{path.suffix}"),
    ):
        if beside is not None and beside != path and beside.is_file():
            return str(beside)
    return ""


def _known(values: tuple[float, ...]) -> FloatArray | None:
    table = np.array(values)
    return table if np.isfinite(table).any() else None


def _filled(first: BandTable, second: BandTable) -> BandTable:
    """What the first table says, where it says nothing what the second does."""

    def either(one: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, ...]:
        """The first number that is known, band by band."""
        return tuple(float(a if np.isfinite(a) else b) for a, b in zip(one, other))

    names = tuple(a or b for a, b in zip(first.names, second.names))
    centres = either(first.wavelength_nm, second.wavelength_nm)
    return replace(first, names=names, wavelength_nm=centres, fwhm_nm=either(first.fwhm_nm, second.fwhm_nm))


def _of_header(name: str, count: int) -> BandTable:
    """The table of an ENVI header that lies beside the raster and has as many bands."""
    empty: tuple[dict[str, str], ...] = ({},) * count
    path = Path(name)
    header = next((one for one in header_paths(path) if one.is_file()), None) if path.suffix else None
    items = {} if header is None else header_items(header)
    envi: dict[str, str] = {key: f"{{{items[key]}}}" for key in ("wavelength", "fwhm") if key in items}
    envi["wavelength_units"] = items.get("wavelength units", "")
    return band_table(RasterTags(("",) * count, empty, empty, envi=envi))


def _of_properties(properties: Mapping[str, object], count: int) -> tuple[BandTable, str]:
    """The table of custom properties, and their list of bad bands."""
    words = {key: _listed(value) for key, value in properties.items()}
    envi = {}
    for key, others in {
        "wavelength": (),
        "fwhm": (),
        "bbl": (),
        "wavelength_units": ("wavelength_unit",),
    }.items():
        names = [f"{_PROPERTIES}/{key}", key, *others]
        envi[key] = next((words[name] for name in names if words.get(name)), "")
    envi["wavelength_units"] = envi["wavelength_units"].strip("{}").split(",")[0].strip()
    own, bad = [], []
    for number in range(1, count + 1):
        prefix = f"QGISPAM/band/{number}//"
        items = {key[len(prefix) :]: text for key, text in words.items() if key.startswith(prefix)}
        own.append(items)
        bad.append(items.get("bad_band_multiplier", "1"))
    nameless = ("",) * count
    table = band_table(RasterTags(nameless, tuple(own), ({},) * count, envi=envi))
    return table, envi["bbl"] or ("{" + ",".join(bad) + "}" if "0" in bad else "")


def _listed(value: object) -> str:
    """A property as text; a list as ENVI writes it."""
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(str(entry) for entry in value) + "}"
    return "" if value is None else str(value)
