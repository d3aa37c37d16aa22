from __future__ import annotations

import pytest
from qgis.core import QgsProcessingException

from hyperlift.algorithms.base import errors_for_the_user
from hyperlift.core.errors import RasterError


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RasterError("The disk is full."), r"^The disk is full\.$"),
        (PermissionError(13, "Permission denied", "/a"), r"could not be used \(.*denied: '/a'\); check that"),
        (MemoryError(), r"^The memory does not suffice; close other programs, or choose a smaller part"),
    ],
)
def test_errors_are_sentences_for_the_user(error, message):
    with pytest.raises(QgsProcessingException, match=message), errors_for_the_user():
        raise error
