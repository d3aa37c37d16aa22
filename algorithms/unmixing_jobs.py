"""Runs of the unmixing algorithms, free of QGIS: from files to endmembers and abundances.

The algorithms import this module when they run, so that the plugin loads where scipy is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import numpy as np

from ..core.errors import HyperLiftError
from ..core.raster.blocks import Georeference
from ..core.raster.gdal_backend import GdalSource
from ..core.raster.output import require_distinct
from ..core.spectral.library import SpectralLibrary
from ..core.unmixing.abundances import METHODS
from ..core.unmixing.endmembers import vca
from ..core.unmixing.image import ImagePixels, endmember_library
from ..core.unmixing.maps import write_abundances
from ..core.unmixing.mdl import mdl
from ..core.unmixing.model_order import ModelOrder, hfc, hysime
from ..core.unmixing.sampled_pixels import SAMPLE
from ..core.unmixing.simplex import minimum_volume
from ..core.unmixing.tally import AbundanceSummary
from .unmixing_progress import Stages
from .unmixing_quicklook import Quicklook

FEWEST, MOST = 2, 10  # endmembers of any image, and the greatest number that blind source separation tries
EXTRACTORS = {"vca": vca, "minimum_volume": minimum_volume}
_BEYOND_BANDS = {"vca": 0, "minimum_volume": 1}  # endmembers that a method finds more than there are bands
Span = tuple[float, float]


@contextmanager
def opened(path: str, stages: Stages, outputs: tuple[str, ...] = ()) -> Iterator[ImagePixels]:
    """The pixels of an image; going through them moves the bar of the current stage.

    Raises:
        RasterError: the image cannot be opened, or one of the ``outputs`` is a file of it.
    """
    with closing(GdalSource(path)) as source:
        for output in outputs:
            require_distinct(output, source.files)
        yield ImagePixels(source, stages)


@dataclass(frozen=True)
class BoundedOrder(ModelOrder):
    """An estimate of the number of endmembers that was kept within bounds.

    Attributes:
        found: the number before it was kept within them.
        most: the greatest number that came into question.
    """

    found: int
    most: int


def estimate_count(
    pixels: ImagePixels,
    method: str,
    bounds: tuple[int, int],
    seed: int,
    stages: Stages,
    span: Span = (0.0, 1.0),
) -> BoundedOrder:
    """Number of endmembers by ``mdl``, ``hysime`` or ``hfc``, within bounds.

    Raises:
        HyperLiftError: the bounds do not ascend, or the image does not allow an estimate.
    """
    minimum, maximum = bounds
    if minimum > maximum:
        raise HyperLiftError(
            f"The minimum of {minimum} endmembers exceeds the maximum of {maximum}; exchange them."
        )
    stages.info(_looked_at(pixels, method, bounds))
    if method == "mdl":
        sampled = span[0] + 0.1 * (span[1] - span[0])
        stages.begin(span[0], sampled, share=1.0)
        order = mdl(pixels, minimum, maximum, seed, monitor=stages.part(sampled, span[1]))
        return BoundedOrder(order.count, order.scores, order.count, max(order.scores))
    stages.begin(*span, share=1.0)
    order = {"hysime": hysime, "hfc": hfc}[method](pixels)
    return BoundedOrder(min(max(order.count, minimum), maximum), order.scores, order.count, maximum)


def _looked_at(pixels: ImagePixels, method: str, bounds: tuple[int, int]) -> str:
    """How many pixels the search for a number goes through, as far as that is known before it."""
    total = pixels.shape[0] * pixels.shape[1]
    if method != "mdl":
        return f"The valid ones of {total:,} pixels are looked at."
    share = f"At most {SAMPLE:,} random valid ones of" if total > SAMPLE else "The valid ones of"
    return f"{share} {total:,} pixels are looked at for each number from {bounds[0]} to {bounds[1]}."


@dataclass(frozen=True)
class Extraction:
    """Endmembers of an image.

    Attributes:
        library: their spectra with wavelengths and names.
        indices: positions of their pixels in the order of all pixels.
        places: row and column of each, from 0.
        georeference: of the image.
    """

    library: SpectralLibrary
    indices: tuple[int, ...]
    places: tuple[tuple[int, int], ...]
    georeference: Georeference


def extract(pixels: ImagePixels, method: str, count: int, seed: int) -> Extraction:
    """Endmembers by a method of :data:`EXTRACTORS`.

    Raises:
        HyperLiftError: no ``count`` endmembers can come from the image.
    """
    endmembers = EXTRACTORS[method](pixels, count, seed)
    library = endmember_library(pixels, endmembers)
    indices = tuple(int(index) for index in endmembers.indices)
    places = tuple(pixels.place(index) for index in indices)
    return Extraction(library, indices, places, pixels.source.georeference)


def require_count(path: str, title: str, count: int, method: str) -> None:
    """Check by the bands of an image that a number of endmembers can come from it; no pixel is read.

    Raises:
        HyperLiftError: it cannot, or the image cannot be opened.
    """
    with closing(GdalSource(path)) as source:
        bands = len(ImagePixels(source).bands)
    most = bands + _BEYOND_BANDS[method]
    if most < FEWEST:
        raise HyperLiftError(f"'{title}' has a single band in use; choose an image with two or more.")
    if not FEWEST <= count <= most:
        raise HyperLiftError(
            f"COUNT is {count}; the {bands} bands in use of '{title}' allow {FEWEST} to {most} endmembers, "
            "choose a number of these."
        )


def require_distinct_spectra(library: SpectralLibrary, method: str) -> None:
    """Check that the abundances of a library's spectra have a meaning.

    Raises:
        HyperLiftError: it holds a spectrum twice, or a single one whose share would be one everywhere.
    """
    names = library.names
    if len(names) == 1 and METHODS[method].sums_to_one:
        raise HyperLiftError(
            f"The library holds one spectrum, '{names[0]}', and with abundances that sum to one every pixel "
            "consists of it; add spectra, or choose nnls or ucls."
        )
    for number, spectrum in enumerate(library.spectra):
        for earlier in range(number):
            if np.array_equal(spectrum, library.spectra[earlier], equal_nan=True):
                raise HyperLiftError(
                    f"The library holds the same spectrum twice, as '{names[earlier]}' and "
                    f"'{names[number]}', which no abundance can tell apart; leave one out."
                )


@dataclass(frozen=True)
class Separation:
    """An image taken apart.

    Attributes:
        title: name of the image for people.
        shape: rows and columns.
        bands: number of bands in use.
        order: how the number of endmembers was found, None where it was given.
        extraction: the endmembers.
        summary: of abundances and residuals.
        abundances: picture of the abundances.
        residual: picture of the residuals.
        unit: of spectra and residuals, in words; empty for that of the image.
    """

    title: str
    shape: tuple[int, int]
    bands: int
    order: BoundedOrder | None
    extraction: Extraction
    summary: AbundanceSummary
    abundances: Quicklook
    residual: Quicklook
    unit: str = ""

    @property
    def count(self) -> int:
        """Number of endmembers."""
        return len(self.extraction.places)

    @property
    def relative_rmse(self) -> float:
        """Mean residual as a share of the root mean square of the mean spectrum: the same in any unit."""
        mean = self.summary.mean @ self.extraction.library.spectra
        return float(self.summary.rmse_mean / np.sqrt(np.mean(mean**2)))


@dataclass(frozen=True)
class SeparationJob:
    """An image to take apart.

    Attributes:
        path: of the image.
        title: its name for people.
        count: number of endmembers, 0 to estimate it by MDL.
        seed: of the random numbers.
        output: path for the abundances, empty for a picture of them alone.
        output_rmse: path for the residuals, likewise.
    """

    path: str
    title: str
    count: int
    seed: int
    output: str = ""
    output_rmse: str = ""

    def run(self, stages: Stages, span: Span = (0.0, 1.0)) -> Separation:
        """MDL where no number is given, vertex component analysis, fully constrained abundances.

        Raises:
            HyperLiftError: the image does not allow it, or a file cannot be written.
        """
        start, length = span[0], span[1] - span[0]
        outputs = tuple(path for path in (self.output, self.output_rmse) if path)
        with opened(self.path, stages, outputs) as pixels:
            count, order, counted = self.count, None, start
            if not count:
                counted = start + 0.6 * length
                bounds = FEWEST, max(FEWEST, min(MOST, len(pixels.bands)))
                order = estimate_count(pixels, "mdl", bounds, self.seed, stages, (start, counted))
                count = order.count
            stages.begin(counted, start + 0.8 * length)
            extraction = extract(pixels, "vca", count, self.seed)
            stages.begin(start + 0.8 * length, span[1], share=1.0)
            abundances, residual = Quicklook(self.output), Quicklook(self.output_rmse)
            summary = write_abundances(pixels, extraction.library, "fcls", abundances.open, residual.open)
            return Separation(
                self.title, pixels.shape, len(pixels.bands), order, extraction, summary, abundances, residual
            )
