"""The bundled sharpening model: whole, of the published size, and independent of the tiles."""

import numpy as np
import pytest

from hyperlift.core.inference.models import SHARPENING, model_names, model_path
from hyperlift.core.inference.sharpening_card import SharpeningSession


@pytest.fixture(scope="module")
def session():
    return SharpeningSession.open("uafl", "cpu")


def test_uafl_is_bundled_whole(session):
    assert model_names(SHARPENING) == ["uafl"]
    assert session.card.training["parameters"] == 5_948_450
    assert model_path("uafl", SHARPENING).stat().st_size < 14_500_000


def test_its_graph_suits_old_runtimes(session):
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(model_path("uafl", SHARPENING))
    assert graph.opset_import[0].version == 17
    assert graph.ir_version <= 9
    assert "GridSample" in {node.op_type for node in graph.graph.node}


def test_it_corrects_the_detail_it_is_given_and_no_more(session):
    rng = np.random.default_rng(0)
    abundances = rng.normal(size=(3, 64, 64)).astype(np.float32) * 0.2
    detail = rng.normal(size=(3, 64, 64)).astype(np.float32) * 0.1
    residual = session.run(abundances, abundances + detail)
    assert residual.shape == (3, 64, 64)
    assert np.corrcoef(residual.ravel(), detail.ravel())[0, 1] > 0.9
    assert np.abs(session.run(abundances, abundances)).max() < 0.2
