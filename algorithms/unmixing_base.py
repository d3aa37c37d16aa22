"""What the algorithms that take images apart into endmembers share; nothing here needs scipy."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingOutputString,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
)

from ..core.errors import HyperLiftError, RasterError
from .base import HyperLiftAlgorithm
from .files import require_folder
from .unmixing_layers import AbundanceColours

if TYPE_CHECKING:
    from ..core.unmixing.tally import AbundanceSummary
    from .unmixing_jobs import BoundedOrder

_PROVIDER = re.compile(r"\w{2,}:")  # heads a layer that is no file; a drive of Windows has one letter
LIBRARY_SUFFIXES = (".sli", ".csv")
SUMMARY_NUMBERS = {
    "PIXELS": "Valid pixels",
    "RMSE_MEAN": "Residual of the mixtures (RMSE over the bands), mean over the pixels",
    "RMSE_MEDIAN": "Residual of the mixtures, median",
    "RMSE_95": "Residual of the mixtures, 95th percentile",
}


class UnmixingAlgorithm(HyperLiftAlgorithm):
    """Base of the algorithms of the group."""

    INPUT = "INPUT"
    SEED = "SEED"
    OUTPUT = "OUTPUT"
    OUTPUT_RMSE = "OUTPUT_RMSE"
    MEAN_ABUNDANCES = "MEAN_ABUNDANCES"

    def group(self) -> str:
        """Group in the toolbox."""
        return self.tr("Unmixing")

    def groupId(self) -> str:
        """Id of the group."""
        return "unmixing"

    def canExecute(self) -> tuple[bool, str]:
        """Whether scipy is there; no network runs here."""
        if importlib.util.find_spec("scipy") is not None:
            return True, ""
        return False, self.tr(
            "The Python package scipy is missing: install it for the Python of QGIS and start QGIS again."
        )

    def add_image(self) -> None:
        """Declare the image to take apart."""
        self.add(QgsProcessingParameterRasterLayer(self.INPUT, self.tr("Image")))

    def add_whole(
        self, name: str, description: str, default: int, minimum: int, advanced: bool = False
    ) -> None:
        """Declare a whole number."""
        kind = QgsProcessingParameterNumber.Type.Integer
        number = QgsProcessingParameterNumber(name, description, kind, defaultValue=default, minValue=minimum)
        self.add(number, advanced=advanced)

    def add_seed(self) -> None:
        """Declare the seed of the random numbers."""
        self.add_whole(self.SEED, self.tr("Seed of the random numbers"), 0, 0, advanced=True)

    def add_library(self, name: str, optional: bool) -> None:
        """Declare the library of endmembers to write."""
        kinds = self.tr("ENVI spectral libraries (*.sli);;Tables (*.csv)")
        self.add_file(name, self.tr("Library of the endmembers"), kinds, optional=optional, by_default=True)

    def add_abundances(self) -> None:
        """Declare the map of abundances, that of residuals if asked for, and the numbers on them."""
        self.add(QgsProcessingParameterRasterDestination(self.OUTPUT, self.tr("Abundances")))
        self.add(
            QgsProcessingParameterRasterDestination(
                self.OUTPUT_RMSE, self.tr("Residual (RMSE)"), optional=True, createByDefault=False
            )
        )
        self.add_numbers(SUMMARY_NUMBERS)
        self.addOutput(
            QgsProcessingOutputString(self.MEAN_ABUNDANCES, self.tr("Mean abundances by endmember"))
        )

    def checkParameterValues(
        self, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> tuple[bool, str]:
        """Say in the dialog what can be known of the images before the run."""
        try:
            for one in self.parameterDefinitions():
                if not isinstance(one, QgsProcessingParameterRasterLayer):
                    continue
                optional = one.flags() & QgsProcessingParameterDefinition.Flag.FlagOptional
                if not optional or self.parameterAsString(parameters, one.name(), context):
                    self.image(parameters, context, one.name())
        except HyperLiftError as error:
            return False, str(error)
        return super().checkParameterValues(parameters, context)

    def name_abundances(self, context: QgsProcessingContext, title: str, output: str, residual: str) -> None:
        """Styles and names of the maps."""
        name = self.tr("{} (abundances)").format(title)
        self.name_layer(context, output, self.OUTPUT, name, AbundanceColours)
        self.name_layer(context, residual, self.OUTPUT_RMSE, self.tr("{} (residual)").format(title))


def warn_at_the_end(feedback: QgsProcessingFeedback, order: BoundedOrder, remedy: str) -> None:
    """Say so when the number that was found is the greatest that came into question, or beyond it.

    Args:
        feedback: takes the warning.
        order: the number.
        remedy: where the scores are, and how to have another number.
    """
    if order.found > order.most:
        feedback.pushWarning(
            f"{order.found} endmembers were found, more than the greatest number of {order.most} that was "
            f"allowed, and {order.count} is given instead; {remedy}."
        )
    elif order.found == order.most:
        feedback.pushWarning(
            f"{order.count} endmembers are the greatest number that was tried, and the image may well have "
            f"more; {remedy}."
        )


def warn_of_units(feedback: QgsProcessingFeedback, summary: AbundanceSummary) -> None:
    """Say so when the mixtures leave over more than there is, as those of a library in per cent do."""
    if summary.rmse_mean > abs(summary.pixel_mean):
        feedback.pushWarning(
            f"The residual of {summary.rmse_mean:.4g} on average exceeds the mean value of the image, "
            f"{summary.pixel_mean:.4g}: the library does not explain the image, and its unit may differ from "
            "the image's (per cent, or numbers to be scaled); bring both to the same unit."
        )


def mean_abundances(names: tuple[str, ...], summary: AbundanceSummary) -> str:
    """Mean abundance of each endmember, as a list in words."""
    return ", ".join(f"{name}: {mean:.4f}" for name, mean in zip(names, summary.mean))


def summary_results(names: tuple[str, ...], summary: AbundanceSummary) -> dict[str, float | str]:
    """What abundances are like, as outputs."""
    percentiles = summary.rmse_percentiles
    values = (summary.pixels, summary.rmse_mean, percentiles[50], percentiles[95])
    means = mean_abundances(names, summary)
    return {**dict(zip(SUMMARY_NUMBERS, values)), UnmixingAlgorithm.MEAN_ABUNDANCES: means}


def summary_sentence(names: tuple[str, ...], summary: AbundanceSummary) -> str:
    """What abundances are like, for the log."""
    percentiles = summary.rmse_percentiles
    return (
        f"{summary.pixels:,} pixels as mixtures of {len(names)} endmembers, residual (RMSE) "
        f"{summary.rmse_mean:.4g} on average, {percentiles[50]:.4g} in the median, {percentiles[95]:.4g} at "
        f"the 95th percentile. Mean abundances: {mean_abundances(names, summary)}."
    )


def require_library_path(path: str) -> None:
    """Check before a run that a spectral library can be written under a name.

    Raises:
        HyperLiftError: its suffix or its folder is wrong.
    """
    if Path(path).suffix.lower() not in LIBRARY_SUFFIXES:
        raise HyperLiftError(
            f"The spectral library '{path}' must end in {' or '.join(LIBRARY_SUFFIXES)}; give it such a name."
        )
    require_folder(path)


def require_sink_folder(value: Any) -> None:
    """Check the same for the value of a layer to write; one in memory or in a database needs no folder.

    Raises:
        HyperLiftError: the folder is not there.
    """
    if isinstance(value, QgsProcessingOutputLayerDefinition):
        value = value.sink.staticValue()
    if isinstance(value, str) and not _PROVIDER.match(value):
        require_folder(value)


def require_apart(outputs: tuple[str, ...]) -> None:
    """Refuse to write two rasters under one name.

    Raises:
        RasterError: two of the paths are the same.
    """
    resolved = [Path(path).resolve() for path in outputs if path]
    if len(set(resolved)) < len(resolved):
        raise RasterError(f"Two outputs have the same name '{resolved[0]}'; give each its own.")
