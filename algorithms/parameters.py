"""Parameters that several algorithms declare and read alike."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingAlgorithm, QgsProcessingContext, QgsProcessingParameterNumber


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
