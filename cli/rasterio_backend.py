"""Sources and sinks over rasterio, where pip installs and QGIS is absent: command line and cluster."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader, DatasetWriter, MemoryFile
from rasterio.transform import Affine
from rasterio.windows import Window as RasterioWindow

from ..core.raster.blocks import Block, Calibration, Georeference, Window
from ..core.raster.input import check_bands, shared_and_own, unopened, unreadable, valid_pixels
from ..core.raster.output import TiffSink, colour_roles
from ..core.raster.scaling import stated_calibration
from ..core.raster.tags import RasterTags
from ..core.raster.wavelengths import band_table, band_tags


@contextmanager
def _georeference_optional() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


class RasterioSource:
    """A raster file, or anything else that rasterio opens."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open a raster.

        Raises:
            RasterError: rasterio cannot open it, or it has no bands of real numbers.
        """
        self.name = os.fspath(path)
        self._dataset = self._open()
        colours = self._dataset.colorinterp
        self._numbers = [n for n in self._dataset.indexes if colours[n - 1] is not ColorInterp.alpha]
        types = [self._dataset.dtypes[n - 1] for n in self._numbers]
        check_bands(self.name, len(types), any(name.startswith("complex") for name in types))
        self.dtype: np.dtype[np.generic] = np.result_type(*types)
        self._describe()

    def _open(self) -> DatasetReader:
        try:
            with _georeference_optional():
                return rasterio.open(self.name)
        except RasterioError as error:
            raise unopened(self.name, error) from error

    def _describe(self) -> None:
        """Take in all metadata at once; nothing here touches pixels."""
        dataset, numbers = self._dataset, self._numbers
        own, envi = dataset.tags(), dataset.tags(ns="ENVI")
        self.metadata: Mapping[str, str] = {**envi, **own}
        tags = RasterTags(
            names=tuple(dataset.descriptions[n - 1] or "" for n in numbers),
            bands=tuple(dataset.tags(n) for n in numbers),
            imagery=tuple(dataset.tags(n, ns="IMAGERY") for n in numbers),
            dataset=own,
            envi=envi,
            sentinel2_xml="".join(dataset.tags(ns="xml:SENTINEL2").values()),
        )
        self.bands = band_table(tags)
        self.calibration: Calibration | None = stated_calibration(
            tags, [dataset.scales[n - 1] for n in numbers], [dataset.offsets[n - 1] for n in numbers]
        )
        crs = dataset.crs.to_wkt() if dataset.crs else ""
        self.georeference = Georeference(dataset.transform.to_gdal(), crs)
        self.shape: tuple[int, int] = dataset.shape
        self.block_shape: tuple[int, int] = dataset.block_shapes[numbers[0] - 1]
        self._nodata = [dataset.nodatavals[n - 1] for n in numbers]
        self._masked = self._bands_with_masks()

    def _bands_with_masks(self) -> dict[int, int]:
        """Where masks that do more than compare with the nodata value are read, by band number; 0: by all."""
        masked = {}
        for place, (number, nodata) in enumerate(zip(self._numbers, self._nodata), start=1):
            flags = self._dataset.mask_flag_enums[number - 1]
            if MaskFlags.all_valid in flags or (MaskFlags.nodata in flags and nodata is not None):
                continue
            masked[0 if MaskFlags.per_dataset in flags else place] = number
        return masked

    @property
    def files(self) -> list[str]:
        """Files that the raster consists of, sidecars and the sources of a virtual raster among them."""
        return list(self._dataset.files)

    def read(self, window: Window, numbers: Sequence[int] = ()) -> Block:
        """Read bands of a window as float32 numbers as stored, and where every one of them is valid.

        Raises:
            RasterError: the file cannot be read there.
        """
        place, numbers = _place(window), numbers or range(1, len(self._numbers) + 1)
        bands, nodata = zip(*((self._numbers[number - 1], self._nodata[number - 1]) for number in numbers))
        masked = shared_and_own(self._masked, numbers)
        try:
            pixels = self._dataset.read(list(bands), window=place, out_dtype="float32")
            masks = [self._dataset.read_masks(number, window=place) for number in masked]
        except RasterioError as error:
            raise unreadable(self.name, window, error.__cause__ or error) from error
        return Block(window, pixels, valid_pixels(pixels, nodata, masks))

    def release(self) -> None:
        """Open the file afresh: rasterio has no other way to drop its blocks from GDAL's cache."""
        self._dataset.close()
        self._dataset = self._open()

    def close(self) -> None:
        """Close the file."""
        self._dataset.close()


class RasterioSink(TiffSink):
    """A tiled GeoTIFF written by rasterio."""

    _dataset: Any = None

    def _create(self, path: Path) -> None:
        rows, columns = self.profile.shape
        options = {
            "driver": "GTiff",
            "height": rows,
            "width": columns,
            "count": len(self.profile.bands),
            "dtype": self.encoding.dtype,
            "nodata": self.encoding.nodata,
            **self._georeference(),
            **self.creation_options("ZSTD" if _has_zstd() else "DEFLATE"),
        }
        try:
            with _georeference_optional():
                self._dataset = rasterio.open(path, "w", **options)
            self._describe(self._dataset)
        except RasterioError as error:
            raise self.unwritable(error.__cause__ or error) from error

    def _georeference(self) -> dict[str, object]:
        place = self.profile.georeference
        options: dict[str, object] = {}
        if place.known:
            options["transform"] = Affine.from_gdal(*place.transform)
        if place.crs_wkt:
            try:
                options["crs"] = CRS.from_wkt(place.crs_wkt)
            except CRSError as error:
                raise self.unknown_crs() from error
        return options

    def _describe(self, dataset: DatasetWriter) -> None:
        """Write names, wavelengths, colours and provenance, before the first pixel."""
        tags = band_tags(self.profile.bands)
        dataset.update_tags(**self.profile.metadata)
        if tags.envi:
            dataset.update_tags(ns="ENVI", **tags.envi)
        for number in dataset.indexes:
            dataset.set_band_description(number, tags.names[number - 1])
            dataset.update_tags(number, **tags.bands[number - 1])
            dataset.update_tags(number, ns="IMAGERY", **tags.imagery[number - 1])
        dataset.colorinterp = [ColorInterp[role] for role in colour_roles(self.profile)]
        if self.encoding.scale != 1.0:
            dataset.scales = [self.encoding.scale] * dataset.count
            dataset.offsets = [0.0] * dataset.count

    def _store(self, window: Window, numbers: npt.NDArray[np.generic]) -> None:
        try:
            self._dataset.write(numbers, window=_place(window))
        except RasterioError as error:
            raise self.unwritable(error.__cause__ or error) from error

    def _finish(self) -> None:
        try:
            self._dataset.close()
            with _georeference_optional(), rasterio.open(self._temporary) as written:
                self._check_blocks(lambda band, item: written.get_tag_item(item, "TIFF", bidx=band))
        except RasterioError as error:
            raise self.unwritable(error.__cause__ or error) from error

    def _abandon(self) -> None:
        with suppress(RasterioError):  # the file is removed whatever it holds
            if self._dataset is not None:
                self._dataset.close()


def _place(window: Window) -> RasterioWindow:
    return RasterioWindow(window.column, window.row, window.width, window.height)


@cache
def _has_zstd() -> bool:
    """Whether the GDAL that rasterio came with compresses with ZSTD; it tells only by trying."""
    try:
        with _georeference_optional(), MemoryFile() as file:
            file.open(driver="GTiff", width=1, height=1, count=1, dtype="uint8", compress="ZSTD").close()
    except RasterioError:
        return False
    return True
