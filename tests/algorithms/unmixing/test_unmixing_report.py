"""Report pages, and the comparison of two images in one."""

from __future__ import annotations

import base64
import io
import re
import sys

import numpy as np
import pytest

from hyperlift.algorithms import unmixing_pictures
from hyperlift.core.spectral import SpectralLibrary
from hyperlift.core.spectral.library import read_library

PICTURE = re.compile(r'src="data:image/png;base64,([^"]+)"')


@pytest.fixture
def page(run, mixture, tmp_path):
    """Runs an algorithm with a report and gives the results with the text of the page."""

    def make(name: str, image: object = None, **parameters: object) -> tuple[dict, str]:
        path = tmp_path / "report.html"
        if name == "blindsourceseparation":
            parameters = {"OUTPUT": tmp_path / "shares.tif", **parameters}
        made = run(name, image or mixture.path, REPORT=path, **parameters)
        assert made.went_well, made.log
        return made.results, path.read_text(encoding="utf-8")

    return make


def test_report_shows_spectra_places_curve_maps_and_residual(page, few_tries):
    pytest.importorskip("matplotlib")
    results, text = page("blindsourceseparation")
    for heading in (
        "Spectra of the endmembers",
        "Places of the endmembers in mixture",
        "Number of endmembers by minimum description length (MDL)",
        "Abundances",
        "Residual",
    ):
        assert f"<h2>{heading}</h2>" in text
    pictures = [base64.b64decode(data) for data in PICTURE.findall(text)]
    assert len(pictures) == 4
    assert all(data.startswith(b"\x89PNG") for data in pictures)
    assert "<td>10</td><td>21</td><td>500215</td><td>5299895</td>" in text
    assert f"<td>{results['RMSE_95']:.4g}</td>" in text
    assert "matplotlib" not in text
    assert "<script" not in text


def test_number_that_was_given_has_no_curve(page):
    text = page("blindsourceseparation", COUNT=3)[1]
    assert "minimum description length" not in text
    assert "3, given" in text


def test_names_are_escaped(page, mixture, tmp_path):
    odd = tmp_path / "a<b>.tif"
    odd.write_bytes(mixture.path.read_bytes())
    text = page("blindsourceseparation", odd, COUNT=3)[1]
    assert "a&lt;b&gt;" in text
    assert "<b>" not in text


@pytest.mark.parametrize("name", ["blindsourceseparation", "estimateendmembercount"])
def test_missing_matplotlib_is_said(page, monkeypatch, few_tries, name):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    parameters = {"MAXIMUM": 3} if name == "estimateendmembercount" else {"COUNT": 3}
    text = page(name, **parameters)[1]
    assert "The pictures are missing: they need the Python package matplotlib" in text
    assert not PICTURE.search(text)
    assert "<table>" in text


def test_report_on_the_number_holds_every_score(page):
    pytest.importorskip("matplotlib")
    results, text = page("estimateendmembercount", METHOD="hfc", MAXIMUM=5)
    assert f"<th>Number of endmembers</th><td>{results['COUNT']}</td>" in text
    assert len(PICTURE.findall(text)) == 1
    assert text.count('<td class="number">') == 20


def test_report_on_hysime_shows_differences_from_the_least_and_no_band_far_beyond_it(page):
    pytest.importorskip("matplotlib")
    text = page("estimateendmembercount", METHOD="hysime", MAXIMUM=5)[1]
    rows = re.findall(r'<th>(\d+)</th><td class="number">([^<]+)</td>', text)
    scores = {int(number): float(score) for number, score in rows}
    assert list(scores) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [number for number, score in scores.items() if score == 0] == [3]
    assert min(scores[2], scores[4]) > 0
    assert len(PICTURE.findall(text)) == 1


@pytest.mark.parametrize("method", ["hysime", "hfc"])
def test_report_on_a_number_cut_to_the_greatest_names_the_one_found(page, method):
    text = page("estimateendmembercount", METHOD=method, MAXIMUM=2)[1]
    assert "<td>2, within the bounds that were given; the method found 3</td>" in text


def test_comparison_pairs_endmembers_that_lie_in_the_same_places(page, mixture, small_scene, read):
    pytest.importorskip("matplotlib")
    few = small_scene(read(mixture.path)[::4], "few.tif")
    results, text = page("blindsourceseparation", COUNT=3, COMPARISON=few)
    assert results["COMPARISON_COUNT"] == 3
    assert results["COMPARISON_CORRELATION"] > 0.99
    assert "<h2>Compared with few</h2>" in text
    for title in ("few", "mixture"):
        assert f"<h2>Places of the endmembers in {title}</h2>" in text
    first, other = re.findall(r"<td>(endmember \d)</td><td>10</td><td>21</td>", text)
    assert re.search(rf"<td>{first}</td><td>{other}</td><td>(0\.99|1\.0)", text)


def rmse_of(text):
    return [
        float(value) for value in re.findall(r"<td>([^ <]+) on average, in the unit of the spectra", text)
    ]


def test_comparison_of_reflectance_with_digital_numbers_is_in_one_unit(
    run, mixture, make_scene, read, tmp_path
):
    numbers = np.rint(read(mixture.path)[::4] * 1e4).astype(np.uint16)
    other = make_scene(numbers, "numbers.tif", names=None, nodata=None)
    library, path = tmp_path / "found.csv", tmp_path / "report.html"
    for image, compared, brightest in ((mixture.path, other, 1), (other, mixture.path, 1e4)):
        made = run(
            "blindsourceseparation", image, COUNT=3, COMPARISON=compared, REPORT=path, LIBRARY=library,
            OUTPUT=tmp_path / "shares.tif",
        )  # fmt: skip
        assert made.went_well, made.log
        text = path.read_text(encoding="utf-8")
        first, second = rmse_of(text)
        assert first == pytest.approx(second, rel=0.3)
        how = "Reflectance = number * 0.0001 + 0 (recognised: digital numbers stored as integers)"
        assert f"<th>Unit</th><td>{how}</td>" in text
        assert "<th>Unit</th><td>the numbers as the file holds them</td>" in text
        assert f"Unit of numbers in the report: {how}." in made.log
        assert brightest / 10 < read_library(library).spectra.max() < brightest
        assert made.results["RMSE_MEAN"] == pytest.approx(brightest * first, rel=1e-3)


def test_pictures_of_8_bits_are_compared_in_their_own_unit(page, mixture, make_scene, read):
    numbers = np.rint(read(mixture.path) * 250).astype(np.uint8)
    other = make_scene(numbers, "picture.tif", names=None, nodata=None)
    text = page("blindsourceseparation", COUNT=3, COMPARISON=other)[1]
    assert text.count("<th>Unit</th><td>the numbers as the file holds them</td>") == 2


LONG = "S2B_MSIL2A_20260714T101559_N0511_R065_T33UVP_20260714T134512_10m_clipped_to_the_district_v2"


@pytest.fixture
def drawn(monkeypatch):
    """Figures that pictures are made of, drawn."""
    pytest.importorskip("matplotlib")
    figures = []

    def keep(figure, caption):
        figure.savefig(io.BytesIO(), format="png")
        figures.append(figure)
        return caption

    monkeypatch.setattr(unmixing_pictures, "_picture", keep)
    return figures


def assert_titles_have_room(figure):
    boxes = [axes.title.get_window_extent() for axes in figure.axes if axes.get_title()]
    for number, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[:number])


@pytest.mark.parametrize(
    "title", [LONG, LONG * 4, "M W " * 60, "short"], ids=["file", "path", "words", "short"]
)
@pytest.mark.parametrize("count", [1, 2])
def test_long_titles_of_spectra_have_room(drawn, title, count):
    library = SpectralLibrary(("endmember 1", "endmember 2"), np.random.default_rng(0).random((2, 12)))
    unmixing_pictures.spectra([unmixing_pictures.Lines(title, library, (0, 1))] * count)
    assert_titles_have_room(drawn[0])


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("shape", [(20, 60), (60, 20)])
def test_long_titles_of_maps_have_room_and_keep_their_end(drawn, columns, shape):
    titles = [f"{LONG}{'_x' * (70 * number)}: endmember {number}" for number in range(5)]
    parts = [unmixing_pictures.Map(title, np.zeros(shape, np.float32)) for title in titles]
    unmixing_pictures.maps(parts, columns, (0.0, 1.0), "Abundance")
    assert_titles_have_room(drawn[0])
    shown = [axes.get_title().replace("\n", " ") for axes in drawn[0].axes if axes.get_title()]
    assert [title.endswith(f"endmember {number}") for number, title in enumerate(shown)] == [True] * 5


def test_comparison_with_what_has_nothing_in_common(page, mixture, small_scene):
    noise = np.random.default_rng(7).random((8, 24, 30))
    results, _ = page("blindsourceseparation", COUNT=3, COMPARISON=small_scene(noise))
    assert results["COMPARISON_CORRELATION"] < 0.3
