"""Which materials of a library spectra or pixels are most like: the Processing algorithm."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputString,
    QgsProcessingParameterFile,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
)

from ..core.errors import HyperLiftError
from ..core.raster.gdal_backend import GdalSink
from .feedback import FeedbackMonitor
from .files import write_text
from .identify_materials_help import IDENTIFY_PAGE, IDENTIFY_PARAMETERS
from .unmixing_base import UnmixingAlgorithm
from .unmixing_progress import Stages

if TYPE_CHECKING:
    from ..core.spectral.library import SpectralLibrary
    from ..core.spectral.matching import Match
    from ..core.unmixing.identification import MaterialCounts

METHODS = ("angle", "correlation")
_LIBRARIES = "*.sli *.csv *.asd *.txt"
_NUMBERS = {
    "SPECTRA": "Spectra or pixels that were compared",
    "ANGLE": "Angle to the closest material in degrees, mean over the spectra or pixels",
    "CORRELATION": "Continuum-removed correlation with it, mean over the spectra or pixels",
}


class IdentifyMaterials(UnmixingAlgorithm):
    """``hyperlift:identifymaterials``."""

    parameter_help = IDENTIFY_PARAMETERS

    LIBRARY = "LIBRARY"
    METHOD = "METHOD"
    COUNT = "COUNT"
    OUTPUT_MAP = "OUTPUT_MAP"
    MATERIAL = "MATERIAL"

    def name(self) -> str:
        """Second half of the id."""
        return "identifymaterials"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Identify materials")

    def tags(self) -> list[str]:
        """Words that find the algorithm."""
        words = (
            "hyperspectral,spectral angle,SAM,continuum removal,spectral library,matching,minerals,endmembers"
        )
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """Tooltip in the toolbox."""
        return self.tr("Finds the spectra of a library that endmembers or pixels are most like.")

    def shortHelpString(self) -> str:
        """Help beside the dialog."""
        return self.paragraphs(IDENTIFY_PAGE)

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        self.add(QgsProcessingParameterRasterLayer(self.INPUT, self.tr("Image or spectral library")))
        kinds = self.tr("Spectral libraries ({})").format(_LIBRARIES)
        self.add(
            QgsProcessingParameterFile(self.LIBRARY, self.tr("Library of known materials"), fileFilter=kinds)
        )
        self.add_choice(self.METHOD, self.tr("Method"), METHODS)
        self.add_whole(self.COUNT, self.tr("Materials for each spectrum"), 3, 1)
        tables = self.tr("Tables (*.csv)")
        self.add_file(self.OUTPUT, self.tr("Closest materials"), tables, optional=False, by_default=True)
        self.add(
            QgsProcessingParameterRasterDestination(
                self.OUTPUT_MAP, self.tr("Map of the materials"), optional=True, createByDefault=False
            )
        )
        self.add_report()
        self.add_numbers(_NUMBERS)
        self.addOutput(QgsProcessingOutputString(self.MATERIAL, self.tr("Closest material, most frequent")))

    def checkParameterValues(
        self, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> tuple[bool, str]:
        """Take a library's file as input as well, which QGIS would not."""
        from ..core.spectral.library import is_library_file, read_library

        path = self.parameterAsString(parameters, self.INPUT, context)
        if not is_library_file(path):
            return super().checkParameterValues(parameters, context)
        try:
            read_library(path)
        except HyperLiftError as error:
            return False, str(error)
        for one in self.parameterDefinitions():
            value = parameters.get(one.name(), one.defaultValue())
            if one.name() != self.INPUT and not one.checkValueIsAcceptable(value, context):
                return False, self.tr("The value of {} is not acceptable.").format(one.description())
        return True, ""

    def prepare_job(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Read the parameters and the libraries."""
        from ..core.spectral.library import is_library_file, read_library

        path = self.parameterAsString(parameters, self.INPUT, context)
        self._spectra = read_library(path) if is_library_file(path) else None
        self._image = None if self._spectra is not None else self.image(parameters, context)
        self._title = Path(path).stem if self._image is None else self._image.title
        self._method = self.parameterAsEnumString(parameters, self.METHOD, context)
        self._count = self.parameterAsInt(parameters, self.COUNT, context)
        self._library = read_library(self.parameterAsFile(parameters, self.LIBRARY, context))

    def run_job(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Compare, and write the table, the map and the page."""
        output = self.file_to_write(parameters, self.OUTPUT, context)
        report = self.file_to_write(parameters, self.REPORT, context)
        if self._spectra is not None:
            results = self._identify_spectra(parameters, self._spectra, output, report, feedback)
        else:
            results = self._identify_pixels(parameters, context, output, report, feedback)
        return {self.OUTPUT: output, **results, **({self.REPORT: report} if report else {})}

    def _identify_spectra(
        self,
        parameters: dict[str, Any],
        spectra: SpectralLibrary,
        output: str,
        report: str,
        feedback: QgsProcessingFeedback,
    ) -> dict[str, Any]:
        from .identification_tables import closest, most_frequent, spectra_page, spectra_table

        if parameters.get(self.OUTPUT_MAP):
            raise HyperLiftError(
                "A map of materials is made of an image, and the input is a library; leave the map out."
            )
        found = closest(spectra, self._library, self._method, self._count)
        for name, matches in zip(spectra.names, found):
            if matches:
                self._say_closest(name, matches[0], feedback)
            else:
                feedback.pushWarning(self.tr("{} cannot be compared with the library.").format(name))
        write_text(output, spectra_table(spectra, found))
        if report:
            page = spectra_page(self._title, self._method, spectra, self._library, found)
            write_text(report, page)
        best = [matches[0] for matches in found if matches]
        return self._numbers(
            len(best),
            most_frequent(best, self._method),
            [match.angle_deg for match in best],
            [match.correlation for match in best],
        )

    def _say_closest(self, name: str, best: Match, feedback: QgsProcessingFeedback) -> None:
        """A line of the log on a spectrum, one that stands out where the match is poor."""
        from .identification_tables import is_poor, scores

        found = best.name, scores(best.angle_deg, best.correlation, self._method)
        if is_poor(best.angle_deg, best.correlation, self._method):
            feedback.pushWarning(self.tr("{}: no good match, closest to {}, {}").format(name, *found))
        else:
            feedback.pushInfo(self.tr("{}: closest to {}, {}").format(name, *found))

    def _identify_pixels(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        output: str,
        report: str,
        feedback: QgsProcessingFeedback,
    ) -> dict[str, Any]:
        from ..core.unmixing.identification import map_materials
        from .identification_tables import most_frequent_of_pixels, pixels_means, pixels_page, pixels_table
        from .unmixing_jobs import opened

        chart = self.parameterAsOutputLayer(parameters, self.OUTPUT_MAP, context)
        stages = Stages(FeedbackMonitor(feedback))
        stages.begin(0.0, 1.0, share=1.0)
        with opened(self._image.path, stages, (chart,) if chart else ()) as pixels:
            sink = partial(GdalSink, chart) if chart else None
            counts = map_materials(pixels, self._library, self._method, sink)
        write_text(output, pixels_table(counts))
        if report:
            write_text(report, pixels_page(self._title, self._method, counts))
        means = pixels_means(counts)
        self._say_counts(counts, means, feedback)
        if chart:
            self._style(context, chart, counts)
        material = most_frequent_of_pixels(counts, self._method)
        results = self._numbers(int(counts.pixels.sum()), material, [means[0]], [means[1]])
        return {**results, **({self.OUTPUT_MAP: chart} if chart else {})}

    def _say_counts(
        self, counts: MaterialCounts, means: tuple[float, float], feedback: QgsProcessingFeedback
    ) -> None:
        """The most frequent materials for the log, and how poor the match is on average."""
        from .identification_tables import is_poor, scores

        for number in counts.order[: self._count]:
            found = scores(counts.angle_deg[number], counts.correlation[number], self._method)
            words = self.tr("{}: {:,} pixels, mean {}")
            feedback.pushInfo(words.format(counts.names[number], counts.pixels[number], found))
        more = len(counts.order) - self._count
        if more > 0:
            feedback.pushInfo(self.tr("and {} more in the table").format(more))
        if len(counts.order) and is_poor(*means, self._method):
            words = self.tr("No good match on average over the pixels: {}")
            feedback.pushWarning(words.format(scores(*means, self._method)))

    def _style(self, context: QgsProcessingContext, chart: str, counts: MaterialCounts) -> None:
        from .material_colours import MaterialColours

        found = [(int(number) + 1, counts.names[number]) for number in counts.order]
        name = self.tr("{} (materials)").format(self._title)
        self.name_layer(context, chart, self.OUTPUT_MAP, name, lambda: MaterialColours(found))

    def _numbers(
        self, count: int, material: str, angles: list[float], correlations: list[float]
    ) -> dict[str, Any]:
        """The numbers that come out, and the most frequent of the closest materials."""
        known = [value for value in correlations if value == value]
        return {
            "SPECTRA": count,
            "ANGLE": sum(angles) / len(angles) if angles else None,
            "CORRELATION": sum(known) / len(known) if known else None,
            self.MATERIAL: material,
        }
