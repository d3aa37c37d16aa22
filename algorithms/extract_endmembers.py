"""Spectra of the purest materials of an image and where they lie: the Processing algorithm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgis.core import (
    QgsFeature,
    QgsGeometry,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingParameterFeatureSink,
    QgsVectorLayer,
    QgsWkbTypes,
)

from .feedback import FeedbackMonitor
from .unmixing_base import UnmixingAlgorithm, require_library_path, require_sink_folder
from .unmixing_help import EXTRACT_PAGE, EXTRACT_PARAMETERS
from .unmixing_layers import centre_of
from .unmixing_progress import Stages

if TYPE_CHECKING:
    from .unmixing_jobs import Extraction

METHODS = ("vca", "minimum_volume")
# As the memory provider reads it: classes for the types of fields differ between versions of Qt.
_FIELDS = (
    "NoGeometry?field=endmember:integer&field=name:string&field=row:integer&field=column:integer"
    "&field=pixel:int8"
)


class ExtractEndmembers(UnmixingAlgorithm):
    """``hyperlift:extractendmembers``."""

    parameter_help = EXTRACT_PARAMETERS

    COUNT = "COUNT"
    METHOD = "METHOD"
    LIBRARY = "LIBRARY"
    POINTS = "POINTS"

    def name(self) -> str:
        """Second half of the id."""
        return "extractendmembers"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Extract endmembers")

    def tags(self) -> list[str]:
        """Words that find the algorithm."""
        words = "hyperspectral,unmixing,vca,pure pixels,spectra,spectral library,minimum volume,materials"
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """Tooltip in the toolbox."""
        return self.tr("Finds the spectra that the pixels of an image are mixtures of.")

    def shortHelpString(self) -> str:
        """Help beside the dialog."""
        return self.paragraphs(EXTRACT_PAGE)

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        self.add_image()
        self.add_whole(self.COUNT, self.tr("Number of endmembers"), 5, 1)
        self.add_choice(self.METHOD, self.tr("Method"), METHODS)
        self.add_seed()
        self.add_library(self.LIBRARY, optional=False)
        self.add(
            QgsProcessingParameterFeatureSink(
                self.POINTS,
                self.tr("Places of the endmembers"),
                QgsProcessing.SourceType.TypeVectorPoint,
                optional=True,
                createByDefault=False,
            )
        )

    def prepare_job(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Read the parameters."""
        from .unmixing_jobs import require_count

        self._image = self.image(parameters, context)
        self._count = self.parameterAsInt(parameters, self.COUNT, context)
        self._method = self.parameterAsEnumString(parameters, self.METHOD, context)
        self._seed = self.parameterAsInt(parameters, self.SEED, context)
        require_count(self._image.path, self._image.title, self._count, self._method)

    def run_job(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Extract the endmembers; nothing is written before they are there."""
        from ..core.spectral.library import write_library
        from .unmixing_doubts import doubts
        from .unmixing_jobs import extract, opened

        path = self.parameterAsFileOutput(parameters, self.LIBRARY, context)
        require_library_path(path)
        require_sink_folder(parameters.get(self.POINTS))
        stages = Stages(FeedbackMonitor(feedback))
        with opened(self._image.path, stages) as pixels:
            extraction = extract(pixels, self._method, self._count, self._seed)
            doubtful = doubts(pixels, extraction)
        stages.end()
        for name, (row, column) in zip(extraction.library.names, extraction.places):
            feedback.pushInfo(self.tr("{}: row {}, column {}").format(name, row, column))
        if doubtful:
            feedback.pushWarning(doubtful)
        results = {self.LIBRARY: path}
        if parameters.get(self.POINTS):
            results[self.POINTS] = self._write_points(parameters, context, extraction)
        write_library(path, extraction.library)
        return results

    def _write_points(
        self, parameters: dict[str, Any], context: QgsProcessingContext, extraction: Extraction
    ) -> str:
        """A point in the middle of each endmember's pixel; gives the id of the layer."""
        fields = QgsVectorLayer(_FIELDS, "", "memory").fields()
        sink, points = self.parameterAsSink(
            parameters, self.POINTS, context, fields, QgsWkbTypes.Type.Point, self._image.crs
        )
        if sink is None:
            raise QgsProcessingException(self.invalidSinkError(parameters, self.POINTS))
        rows = zip(extraction.library.names, extraction.places, extraction.indices)
        for number, (name, (row, column), index) in enumerate(rows, start=1):
            feature = QgsFeature(fields)
            feature.setGeometry(QgsGeometry.fromPointXY(centre_of(extraction.georeference, row, column)))
            feature.setAttributes([number, name, row, column, index])
            if not sink.addFeature(feature):
                raise QgsProcessingException(self.writeFeatureError(sink, parameters, self.POINTS))
        self.name_layer(context, points, self.POINTS, self.tr("{} (endmembers)").format(self._image.title))
        return points
