"""Which material of a library every pixel of an image is most like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..raster.blocks import Block, RasterProfile, Sink
from ..spectral.grids import FloatArray
from ..spectral.library import SpectralLibrary
from ..spectral.matching import ANGLE, Matcher, rank
from .image import ImagePixels, table_of
from .maps import write_maps
from .statistics import Table

MAP_BANDS = ("material", "angle in degrees", "continuum-removed correlation")
_WORK = 3  # arrays of scores, in float64, that exist at the same time


@dataclass(frozen=True, eq=False)
class MaterialCounts:
    """How many pixels are closest to each material of a library.

    Attributes:
        names: of the ``m`` materials.
        pixels: shape ``(m,)``, how many pixels are closest to each.
        angle_deg: shape ``(m,)``, mean angle of these pixels, NaN where there are none.
        correlation: shape ``(m,)``, their mean continuum-removed correlation, likewise.
        unlike: pixels that cannot be compared: black ones, and by correlation those without absorptions.
    """

    names: tuple[str, ...]
    pixels: npt.NDArray[np.int64]
    angle_deg: FloatArray
    correlation: FloatArray
    unlike: int

    @property
    def order(self) -> npt.NDArray[np.intp]:
        """Numbers of the materials that were found, the most frequent first."""
        order = np.argsort(-self.pixels, kind="stable")
        return order[self.pixels[order] > 0]


def map_materials(
    pixels: ImagePixels,
    library: SpectralLibrary,
    method: str,
    open_output: Callable[[RasterProfile], Sink] | None = None,
) -> MaterialCounts:
    """Find the closest material of every pixel; after any failure nothing half written remains.

    Args:
        pixels: of the image, whose monitor is told of progress and asked whether to stop.
        library: of the materials; put on the wavelengths of the image as far as its spectra reach.
        method: ``angle`` or ``correlation``, see :class:`.Matcher`.
        open_output: creates the map with the bands :data:`MAP_BANDS`; materials count from 1, 0 is none. None
            for no map.

    Raises:
        SpectralError: the library cannot be compared with the image.
        UnmixingError: no pixel is valid.
        RasterError: a raster cannot be read or written.
        CancelledError: the monitor asked to stop.
    """
    tally = _Tally(Matcher(library, pixels.wavelength_nm, pixels.fwhm_nm), method)
    planes = max(_WORK * 2 * (len(pixels.bands) + len(library)), len(MAP_BANDS))
    write_maps(pixels, tally.closest, [(open_output, MAP_BANDS)], planes, method)
    return tally.counts()


class _Tally:
    """Counts pixels by material while it compares them."""

    def __init__(self, matcher: Matcher, method: str) -> None:
        self._matcher, self._method = matcher, method
        self._sums = np.zeros((3, len(matcher.library)))
        self._correlated = np.zeros(len(matcher.library))
        self._unlike = 0

    def closest(self, block: Block) -> list[Table]:
        """The planes of the map in a block, ``(3, h, w)``, NaN where it is not valid."""
        valid = block.valid.ravel()
        table = table_of(block)[valid].astype(np.float64)
        planes = np.full((len(MAP_BANDS), valid.size), np.nan, np.float32)
        if len(table):
            planes[:, valid] = self._compare(table)
        return [planes.reshape(-1, *block.valid.shape)]

    def counts(self) -> MaterialCounts:
        """What was counted so far."""
        number = self._sums[0]
        with np.errstate(invalid="ignore"):
            angle, correlation = self._sums[1] / number, self._sums[2] / self._correlated
        names = self._matcher.library.names
        return MaterialCounts(names, number.astype(np.int64), angle, correlation, self._unlike)

    def _compare(self, table: FloatArray) -> FloatArray:
        """Material, angle and correlation of pixels ``(n, bands)``, shape ``(3, n)``."""
        angles, correlations = self._matcher.scores(table)
        best = rank(angles, correlations, self._method)[:, 0]
        every = np.arange(len(table))
        angle, correlation = angles[every, best], correlations[every, best]
        known = np.isfinite(angle if self._method == ANGLE else correlation)
        correlated = known & np.isfinite(correlation)
        count = len(self._matcher.library)
        self._sums[0] += np.bincount(best[known], minlength=count)
        self._sums[1] += np.bincount(best[known], angle[known], count)
        self._sums[2] += np.bincount(best[correlated], correlation[correlated], count)
        self._correlated += np.bincount(best[correlated], minlength=count)
        self._unlike += int((~known).sum())
        nothing = np.where(known, 0.0, np.nan)
        return np.stack([np.where(known, best + 1.0, 0.0), angle + nothing, correlation + nothing])
