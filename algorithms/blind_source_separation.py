"""An image taken apart without knowing its materials: the Processing algorithm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsProcessingParameterRasterLayer

from .feedback import FeedbackMonitor
from .files import write_text
from .unmixing_base import (
    UnmixingAlgorithm,
    require_apart,
    require_library_path,
    summary_results,
    summary_sentence,
    warn_at_the_end,
)
from .unmixing_help import SEPARATION_PAGE, SEPARATION_PARAMETERS
from .unmixing_progress import Stages

if TYPE_CHECKING:
    from .unmixing_comparison import Match
    from .unmixing_jobs import Separation

COMPARISON_NUMBERS = {
    "COMPARISON_COUNT": "Number of endmembers of the image compared with",
    "COMPARISON_CORRELATION": "Mean correlation of the abundances of endmembers that belong together",
}


class BlindSourceSeparation(UnmixingAlgorithm):
    """``hyperlift:blindsourceseparation``."""

    parameter_help = SEPARATION_PARAMETERS

    COUNT = "COUNT"
    COMPARISON = "COMPARISON"
    LIBRARY = "LIBRARY"

    def name(self) -> str:
        """Second half of the id."""
        return "blindsourceseparation"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Blind source separation (materials and their abundances)")

    def tags(self) -> list[str]:
        """Words that find the algorithm."""
        words = "hyperspectral,unmixing,bss,vca,fcls,mdl,endmembers,abundances,materials"
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """Tooltip in the toolbox."""
        return self.tr(
            "Finds the materials of an image, their spectra and how much of each is in every pixel."
        )

    def shortHelpString(self) -> str:
        """Help beside the dialog."""
        return self.paragraphs(SEPARATION_PAGE)

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        self.add_image()
        self.add_whole(self.COUNT, self.tr("Number of endmembers (0: estimate it)"), 0, 0)
        self.add_seed()
        comparison = self.tr("Image to compare with in the report")
        self.add(QgsProcessingParameterRasterLayer(self.COMPARISON, comparison, optional=True), advanced=True)
        self.add_abundances()
        self.add_library(self.LIBRARY, optional=True)
        self.add_report()
        self.add_numbers({self.COUNT: "Number of endmembers", **COMPARISON_NUMBERS})

    def prepare_job(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Read the parameters."""
        from .unmixing_jobs import require_count

        self._image = self.image(parameters, context)
        self._count = self.parameterAsInt(parameters, self.COUNT, context)
        self._seed = self.parameterAsInt(parameters, self.SEED, context)
        compared = self.parameterAsString(parameters, self.COMPARISON, context)
        self._other = self.image(parameters, context, self.COMPARISON) if compared else None
        if self._count:
            for image in filter(None, (self._image, self._other)):
                require_count(image.path, image.title, self._count, "vca")

    def run_job(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Take the image apart, and the one to compare with before it; write what is asked for."""
        from ..core.spectral.library import write_library
        from .unmixing_comparison import matches
        from .unmixing_report import separation_page

        files = self._files(parameters, context)
        other, separation = self._separate(files, Stages(FeedbackMonitor(feedback)))
        names, summary = separation.extraction.library.names, separation.summary
        feedback.pushInfo(summary_sentence(names, summary))
        if separation.order is not None:
            remedy = "look at the scores in the report (REPORT), and give the number as COUNT"
            warn_at_the_end(feedback, separation.order, self.tr(remedy))
        results = {**files, self.COUNT: separation.count, **summary_results(names, summary)}
        pairs = ()
        if other is not None:
            pairs = matches(separation, other)
            results.update(_compared(other, pairs))
            feedback.pushInfo(_comparison_sentence(other, pairs))
        if self.LIBRARY in files:
            write_library(files[self.LIBRARY], separation.extraction.library)
        if self.REPORT in files:
            if other is not None:
                separation, other = self._in_one_unit(separation, other, feedback)
            written = {"Abundances": files[self.OUTPUT], "Library": files.get(self.LIBRARY, "")}
            write_text(files[self.REPORT], separation_page(separation, written, other, pairs))
        self.name_abundances(context, self._image.title, files[self.OUTPUT], files.get(self.OUTPUT_RMSE, ""))
        return results

    def _files(self, parameters: dict[str, Any], context: QgsProcessingContext) -> dict[str, str]:
        """Paths of the outputs that are asked for, checked before the work begins."""
        rasters, others = (self.OUTPUT, self.OUTPUT_RMSE), (self.LIBRARY, self.REPORT)
        files = {name: self.parameterAsOutputLayer(parameters, name, context) for name in rasters}
        files.update({name: self.file_to_write(parameters, name, context) for name in others})
        files = {name: path for name, path in files.items() if path}
        require_apart(tuple(files.values()))
        if self.LIBRARY in files:
            require_library_path(files[self.LIBRARY])
        return files

    def _in_one_unit(
        self, separation: Separation, other: Separation, feedback: QgsProcessingFeedback
    ) -> tuple[Separation, Separation]:
        """Both for the report alone: the files that are written stay in the unit of the image."""
        from .unmixing_comparison import in_reflectance

        both = in_reflectance(separation, self._image.path), in_reflectance(other, self._other.path)
        for one in both:
            feedback.pushInfo(f"Unit of {one.title} in the report: {one.unit}.")
        return both

    def _separate(self, files: dict[str, str], stages: Stages) -> tuple[Separation | None, Separation]:
        """The image to compare with comes first: it writes nothing, should the run be cancelled."""
        from .unmixing_comparison import require_comparable
        from .unmixing_jobs import SeparationJob

        image, other, start = self._image, None, 0.0
        if self._other is not None:
            require_comparable(image.path, self._other.path, tuple(files.values()))
            job = SeparationJob(self._other.path, self._other.title, self._count, self._seed)
            other, start = job.run(stages, (0.0, 0.4)), 0.4
        rasters = files[self.OUTPUT], files.get(self.OUTPUT_RMSE, "")
        job = SeparationJob(image.path, image.title, self._count, self._seed, *rasters)
        return other, job.run(stages, (start, 1.0))


def _compared(other: Separation, pairs: tuple[Match, ...]) -> dict[str, float]:
    correlations = [pair.correlation for pair in pairs]
    values = (other.count, sum(correlations) / len(correlations) if correlations else 0.0)
    return dict(zip(COMPARISON_NUMBERS, values))


def _comparison_sentence(other: Separation, pairs: tuple[Match, ...]) -> str:
    count, correlation = _compared(other, pairs).values()
    return (
        f"Compared with {other.title}: {count} endmembers; abundances of endmembers that belong together "
        f"correlate by {correlation:.3f} on average."
    )
