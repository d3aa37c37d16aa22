"""What all algorithms of HyperLift share, and the boundary where errors become sentences for the user."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsProcessingOutputNumber,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFileDestination,
)
from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtGui import QIcon

from ..core.errors import HyperLiftError
from ..core.inference.devices import runtime_problem
from ..core.raster.gdal_backend import GdalSource
from .files import require_folder
from .layers import file_of
from .styling import kept

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
    except MemoryError as error:
        raise QgsProcessingException(
            "The memory does not suffice; close other programs, or choose a smaller part of the image or "
            "fewer bands."
        ) from error


@dataclass(frozen=True)
class Image:
    """A raster as the user picked it: what GDAL opens, its name for people, and its CRS."""

    path: str
    title: str
    crs: QgsCoordinateReferenceSystem


class HyperLiftAlgorithm(QgsProcessingAlgorithm):
    """Base of the algorithms; a subclass has ``prepare_job`` and ``run_job`` in place of QGIS's two steps.

    Attributes:
        parameter_help: a text for each parameter.
    """

    parameter_help: ClassVar[Mapping[str, str]] = {}

    REPORT = "REPORT"

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

    def checkParameterValues(
        self, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> tuple[bool, str]:
        """As in QGIS, but of a choice's wrong value it is said which there are."""
        for parameter in self.parameterDefinitions():
            if isinstance(parameter, QgsProcessingParameterEnum):
                given, words = parameters.get(parameter.name()), parameter.options()
                if isinstance(given, (str, int)) and str(given) not in words:
                    sentence = self.tr("{} is '{}'; choose one of {}.")
                    return False, sentence.format(parameter.name(), given, ", ".join(words))
        return super().checkParameterValues(parameters, context)

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

    def add_choice(self, name: str, description: str, choices: Sequence[str], advanced: bool = False) -> None:
        """Declare a choice of words, the first of which is the default."""
        choice = QgsProcessingParameterEnum(
            name, description, list(choices), defaultValue=choices[0], usesStaticStrings=True
        )
        self.add(choice, advanced=advanced)

    def add_file(
        self, name: str, description: str, kinds: str, optional: bool = True, by_default: bool = False
    ) -> None:
        """Declare a file to write."""
        self.add(
            QgsProcessingParameterFileDestination(
                name, description, kinds, optional=optional, createByDefault=by_default
            )
        )

    def add_report(self) -> None:
        """Declare the page that a run writes if asked to."""
        self.add_file(self.REPORT, self.tr("Report"), self.tr("HTML files (*.html)"))

    def add_numbers(self, numbers: dict[str, str]) -> None:
        """Declare numbers that come out, by name with their descriptions."""
        for name, description in numbers.items():
            self.addOutput(QgsProcessingOutputNumber(name, self.tr(description)))

    def paragraphs(self, page: str) -> str:
        """A help page as QGIS wants it, which takes the end of a line for that of a paragraph."""
        return self.tr(" ".join(page.split()))

    def image(self, parameters: dict[str, Any], context: QgsProcessingContext, name: str = "INPUT") -> Image:
        """The raster under a parameter; where QGIS could not open it, the core says why.

        Raises:
            RasterError: it is no file that can be read.
        """
        layer = self.parameterAsRasterLayer(parameters, name, context)
        if layer is not None:
            return Image(file_of(layer), layer.name(), layer.crs())
        path = self.parameterAsString(parameters, name, context)
        GdalSource(path).close()
        return Image(path, Path(path).stem, QgsCoordinateReferenceSystem())

    def file_to_write(self, parameters: dict[str, Any], name: str, context: QgsProcessingContext) -> str:
        """Path of a file, empty where it is not asked for; to be called before the work begins.

        Raises:
            HyperLiftError: its folder does not exist.
        """
        path = self.parameterAsFileOutput(parameters, name, context)
        if path:
            require_folder(path)
        return path

    def name_layer(
        self,
        context: QgsProcessingContext,
        output: str,
        parameter: str,
        name: str,
        style: Callable[[], QgsProcessingLayerPostProcessorInterface] | None = None,
    ) -> None:
        """Style and name of a result that QGIS loads, unless a model or a script chose a name."""
        if not context.willLoadLayerOnCompletion(output):
            return
        details = context.layerToLoadOnCompletionDetails(output)
        if style is not None:
            details.setPostProcessor(kept(style()))
        if details.name == self.parameterDefinition(parameter).description():
            details.name = name

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
