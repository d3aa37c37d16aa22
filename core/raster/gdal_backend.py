"""Sources and sinks over GDAL, as QGIS ships it (3.6 to 3.13). Of ``core`` only this module and
``gdal_points`` import osgeo.

QGIS shares this GDAL: no process-wide setting is touched. Errors are caught around each call instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from osgeo import gdal, gdal_array, osr

from .blocks import Block, Calibration, Georeference, RasterProfile, Window
from .input import check_bands, shared_and_own, unopened, unreadable, valid_pixels
from .output import TiffSink, colour_roles
from .scaling import stated_calibration
from .tags import RasterTags
from .wavelengths import band_table, band_tags

_COLOUR_ROLES = {
    "red": gdal.GCI_RedBand,
    "green": gdal.GCI_GreenBand,
    "blue": gdal.GCI_BlueBand,
    "undefined": gdal.GCI_Undefined,
}


@contextmanager
def gdal_calls() -> Iterator[None]:
    """Run GDAL calls quietly; a failure raises RuntimeError with GDAL's message, in every version of it."""
    with ExitStack() as stack:
        gdal.PushErrorHandler("CPLQuietErrorHandler")
        stack.callback(gdal.PopErrorHandler)
        if hasattr(gdal, "ExceptionMgr"):  # from GDAL 3.7, which warns where no choice was made
            stack.enter_context(gdal.ExceptionMgr(useExceptions=False))
        gdal.ErrorReset()
        yield
        if gdal.GetLastErrorType() >= gdal.CE_Failure:
            raise RuntimeError(gdal.GetLastErrorMsg())


class GdalSource:
    """A raster file, or anything else that GDAL opens."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open a raster.

        Raises:
            RasterError: GDAL cannot open it, or it has no bands of real numbers.
        """
        self.name = os.fspath(path)
        try:
            with gdal_calls():
                self._dataset: Any = gdal.Open(self.name)
                if self._dataset is not None:
                    gdal.ErrorReset()  # of drivers that tried and failed before the right one
        except RuntimeError as error:
            raise unopened(self.name, error) from error
        if self._dataset is None:
            raise unopened(self.name, "GDAL does not recognise it")
        self._numbers = self._data_bands()
        self._describe()

    def _data_bands(self) -> list[int]:
        """Numbers of the bands that are no alpha channel, checked to hold real numbers."""
        bands = [self._dataset.GetRasterBand(number + 1) for number in range(self._dataset.RasterCount)]
        numbers = [band.GetBand() for band in bands if band.GetColorInterpretation() != gdal.GCI_AlphaBand]
        any_complex = any(gdal.DataTypeIsComplex(bands[number - 1].DataType) for number in numbers)
        check_bands(self.name, len(numbers), any_complex)
        return numbers

    def _describe(self) -> None:
        """Take in all metadata at once; nothing here touches pixels."""
        dataset, bands = self._dataset, self._bands
        own, envi = dict(dataset.GetMetadata() or {}), dict(dataset.GetMetadata("ENVI") or {})
        self.metadata: Mapping[str, str] = {**envi, **own}
        tags = RasterTags(
            names=tuple(band.GetDescription() for band in bands),
            bands=tuple(dict(band.GetMetadata() or {}) for band in bands),
            imagery=tuple(dict(band.GetMetadata("IMAGERY") or {}) for band in bands),
            dataset=own,
            envi=envi,
            sentinel2_xml="".join(dataset.GetMetadata_List("xml:SENTINEL2") or []),
        )
        self.bands = band_table(tags)
        self.calibration: Calibration | None = stated_calibration(
            tags, [band.GetScale() for band in bands], [band.GetOffset() for band in bands]
        )
        transform = dataset.GetGeoTransform(can_return_null=True)
        self.georeference = Georeference(
            tuple(transform or Georeference.transform), dataset.GetProjection() or ""
        )
        self._nodata = [band.GetNoDataValue() for band in bands]
        self._masks = _mask_bands(bands)

    @property
    def _bands(self) -> list[Any]:
        return [self._dataset.GetRasterBand(number) for number in self._numbers]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._dataset.RasterYSize, self._dataset.RasterXSize

    @property
    def block_shape(self) -> tuple[int, int]:
        """Rows and columns of the pieces in which GDAL reads the first band."""
        columns, rows = self._bands[0].GetBlockSize()
        return rows, columns

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type that holds the stored numbers of every band."""
        return np.result_type(
            *{gdal_array.GDALTypeCodeToNumericTypeCode(band.DataType) for band in self._bands}
        )

    @property
    def files(self) -> list[str]:
        """Files that the raster consists of, sidecars and the sources of a virtual raster among them."""
        return list(self._dataset.GetFileList() or [])

    def read(self, window: Window, numbers: Sequence[int] = ()) -> Block:
        """Read bands of a window as float32 numbers as stored, and where every one of them is valid.

        Raises:
            RasterError: the file cannot be read there.
        """
        numbers = numbers or range(1, len(self._numbers) + 1)
        bands = [self._numbers[number - 1] for number in numbers]
        place = (window.column, window.row, window.width, window.height)
        try:
            with gdal_calls():
                pixels = self._dataset.ReadAsArray(*place, buf_type=gdal.GDT_Float32, band_list=bands)
                masks = [mask.ReadAsArray(*place) for mask in shared_and_own(self._masks, numbers)]
        except RuntimeError as error:
            raise unreadable(self.name, window, error) from error
        pixels = pixels.reshape(-1, window.height, window.width)
        nodata = [self._nodata[number - 1] for number in numbers]
        return Block(window, pixels, valid_pixels(pixels, nodata, masks))

    def release(self) -> None:
        """Drop the dataset's blocks from GDAL's cache, which is shared by the whole process."""
        for band in [*self._bands, *self._masks.values()]:
            band.FlushCache()

    def close(self) -> None:
        """Close the file."""
        self._masks = {}
        self._dataset = None


def _mask_bands(bands: list[Any]) -> dict[int, Any]:
    """Masks that do more than compare with the nodata value, by band number; 0 for one that all share."""
    masks = {}
    for number, band in enumerate(bands, start=1):
        flags = band.GetMaskFlags()
        by_value = flags & gdal.GMF_NODATA and band.GetNoDataValue() is not None
        if flags & gdal.GMF_ALL_VALID or by_value:
            continue
        masks[0 if flags & gdal.GMF_PER_DATASET else number] = band.GetMaskBand()
    return masks


def project(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], source_wkt: str, target_wkt: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Points brought from one coordinate system (WKT, x before y) to another; NaN where that fails."""
    systems = []
    try:
        with gdal_calls():
            for wkt in (source_wkt, target_wkt):
                system = osr.SpatialReference(wkt)
                system.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
                systems.append(system)
            points = osr.CoordinateTransformation(*systems).TransformPoints(np.column_stack([x, y]).tolist())
    except RuntimeError:
        return np.full_like(x, np.nan), np.full_like(y, np.nan)
    there = np.array(points, np.float64)[:, :2]
    there[~np.isfinite(there)] = np.nan
    return there[:, 0], there[:, 1]


class GdalSink(TiffSink):
    """A tiled GeoTIFF written by GDAL."""

    _dataset: Any = None

    def _create(self, path: Path) -> None:
        rows, columns = self.profile.shape
        try:
            with gdal_calls():
                driver = gdal.GetDriverByName("GTiff")
                zstd = "ZSTD" in driver.GetMetadataItem("DMD_CREATIONOPTIONLIST")
                options = self.creation_options("ZSTD" if zstd else "DEFLATE")
                data_type = gdal_array.NumericTypeCodeToGDALTypeCode(np.dtype(self.encoding.dtype).type)
                count = len(self.profile.bands)
                self._dataset = driver.Create(
                    str(path), columns, rows, count, data_type, [f"{k}={v}" for k, v in options.items()]
                )
                if self._dataset is None:
                    raise RuntimeError(gdal.GetLastErrorMsg())
                self._georeference()
                _describe(self._dataset, self.profile)
                for band in self._bands:
                    band.SetNoDataValue(self.encoding.nodata)
                    if self.encoding.scale != 1.0:
                        band.SetScale(self.encoding.scale)
                        band.SetOffset(0.0)
        except RuntimeError as error:
            raise self.unwritable(error) from error

    def _georeference(self) -> None:
        place = self.profile.georeference
        if place.known:
            self._dataset.SetGeoTransform(place.transform)
        if place.crs_wkt:
            try:
                failed = self._dataset.SetProjection(place.crs_wkt)
            except RuntimeError as error:
                raise self.unknown_crs() from error
            if failed:
                raise self.unknown_crs()

    @property
    def _bands(self) -> list[Any]:
        return [self._dataset.GetRasterBand(number + 1) for number in range(self._dataset.RasterCount)]

    def _store(self, window: Window, numbers: npt.NDArray[np.generic]) -> None:
        try:
            with gdal_calls():
                for band, plane in zip(self._bands, numbers):
                    band.WriteArray(plane, window.column, window.row)
                    band.FlushCache()
        except RuntimeError as error:
            raise self.unwritable(error) from error

    def _finish(self) -> None:
        try:
            with gdal_calls():
                self._dataset.FlushCache()
                self._dataset = None
                self._check_written(gdal.Open(str(self._temporary)))
        except RuntimeError as error:
            raise self.unwritable(error) from error

    def _check_written(self, written: Any) -> None:
        """Check the blocks, and close the file whatever comes: Windows removes no file that is open."""
        if written is None:
            raise RuntimeError(gdal.GetLastErrorMsg())
        try:
            self._check_blocks(lambda band, item: written.GetRasterBand(band).GetMetadataItem(item, "TIFF"))
        finally:
            written = None

    def _abandon(self) -> None:
        gdal.PushErrorHandler("CPLQuietErrorHandler")
        self._dataset = None
        gdal.PopErrorHandler()


def _describe(dataset: Any, profile: RasterProfile) -> None:
    """Write names, wavelengths, colours and provenance, before the first pixel."""
    tags = band_tags(profile.bands)
    dataset.SetMetadata(dict(profile.metadata))
    if tags.envi:
        dataset.SetMetadata(dict(tags.envi), "ENVI")
    for index, role in enumerate(colour_roles(profile)):
        band = dataset.GetRasterBand(index + 1)
        band.SetDescription(tags.names[index])
        band.SetMetadata(dict(tags.bands[index]))
        band.SetMetadata(dict(tags.imagery[index]), "IMAGERY")
        band.SetColorInterpretation(_COLOUR_ROLES[role])
