"""Parameters that several algorithms declare and read alike."""

from __future__ import annotations

import re
from typing import Any

from qgis.core import QgsProcessingAlgorithm, QgsProcessingContext, QgsProcessingParameterNumber

from ..core.errors import RasterError


def optional_number(
    name: str, description: str, minimum: float | None = None, whole: bool = False
) -> QgsProcessingParameterNumber:
    """A number that may stay empty; :func:`number_or_none` reads it."""
    kind = QgsProcessingParameterNumber.Type
    number = QgsProcessingParameterNumber(
        name, description, kind.Integer if whole else kind.Double, optional=True
    )
    if minimum is not None:
        number.setMinimum(minimum)
    return number


def number_or_none(
    algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], name: str, context: QgsProcessingContext
) -> float | None:
    """Value of a number, None where it is empty."""
    if not algorithm.parameterAsString(parameters, name, context):
        return None
    return algorithm.parameterAsDouble(parameters, name, context)


def band_numbers(text: str) -> tuple[int, ...]:
    """Numbers of bands from a text such as ``1, 2, 3``; empty from an empty text.

    Raises:
        RasterError: it is something else.
    """
    if not re.fullmatch(r"[\d\s,;]*", text):
        raise RasterError(
            f"Bands must be numbers separated by commas, such as 1,2,3,4,5,6,7,8,9,10,11,12, not '{text}'."
        )
    return tuple(int(number) for number in re.findall(r"\d+", text))
