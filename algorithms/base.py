"""What all algorithms of HyperLift share, and the boundary where errors become sentences for the user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
)
from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtGui import QIcon

from ..core.errors import HyperLiftError
from ..core.inference.devices import runtime_problem

ICON = Path(__file__).resolve().parents[1] / "resources" / "icons" / "hyperlift.svg"


@contextmanager
def errors_for_the_user() -> Iterator[None]:
    """Turn HyperLift's errors (a cancelled run is one) and the system's into what Processing shows in red."""
    try:
        yield
    except HyperLiftError as error:
        raise QgsProcessingException(str(error)) from error
    except OSError as error:
        raise QgsProcessingException(
            f"A file or folder could not be used ({error}); check that the disk is not full and that you may "
            "read and write there."
        ) from error


class HyperLiftAlgorithm(QgsProcessingAlgorithm):
    """Base of the algorithms; a subclass has ``prepare_job`` and ``run_job`` in place of QGIS's two steps.

    Attributes:
        parameter_help: a text for each parameter.
    """

    parameter_help: ClassVar[Mapping[str, str]] = {}

    def tr(self, text: str) -> str:
        """Translate a text of the interface."""
        return QCoreApplication.translate(type(self).__name__, text)

    def createInstance(self) -> HyperLiftAlgorithm:
        """A fresh copy, as QGIS asks for each run."""
        return type(self)()

    def icon(self) -> QIcon:
        """The plugin's icon."""
        return QIcon(str(ICON))

    def svgIconPath(self) -> str:
        """Path of the plugin's icon."""
        return str(ICON)

    def canExecute(self) -> tuple[bool, str]:
        """Whether the runtime is installed, and else what to do."""
        problem = runtime_problem()
        return not problem, problem

    def add(self, parameter: QgsProcessingParameterDefinition, advanced: bool = False) -> None:
        """Add a parameter with its help from ``parameter_help``.

        That of a choice says that it is a word: QGIS's own help on the command line lists numbers.
        """
        text = self.tr(self.parameter_help[parameter.name()])
        if isinstance(parameter, QgsProcessingParameterEnum):
            hint = self.tr("On the command line give the word, e.g. {}.").format(parameter.options()[-1])
            text = f"{text} {hint}"
        parameter.setHelp(text)
        if advanced:
            parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
        self.addParameter(parameter)

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Read the parameters; layers may be touched here only, in the main thread."""
        with errors_for_the_user():
            self.prepare_job(parameters, context)
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Do the work, in a thread of its own."""
        with errors_for_the_user():
            return self.run_job(parameters, context, feedback)

    def prepare_job(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Read the parameters into the instance."""
        raise NotImplementedError

    def run_job(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Do the work and return the outputs; destinations are read here, else QGIS does not load them."""
        raise NotImplementedError
