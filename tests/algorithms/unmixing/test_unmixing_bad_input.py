"""Every way in which the input of unmixing can be wrong: one sentence, and nothing left behind."""

from __future__ import annotations

import numpy as np
import pytest

from hyperlift.core.raster.gdal_backend import GdalSource


@pytest.fixture
def refused(run, tmp_path):
    """The message with which a run is refused; checks that no file was left."""

    def run_it(name: str, image: object, **parameters: object) -> str:
        places = {
            "extractendmembers": {"LIBRARY": tmp_path / "l.sli", "POINTS": tmp_path / "p.gpkg"},
            "estimateabundances": {"OUTPUT": tmp_path / "o.tif", "OUTPUT_RMSE": tmp_path / "r.tif"},
            "estimateendmembercount": {"CURVE": tmp_path / "c.csv", "REPORT": tmp_path / "r.html"},
            "blindsourceseparation": {
                "OUTPUT": tmp_path / "o.tif",
                "OUTPUT_RMSE": tmp_path / "r.tif",
                "LIBRARY": tmp_path / "l.sli",
                "REPORT": tmp_path / "r.html",
            },
        }
        before = {path for path in tmp_path.iterdir() if path.suffix != ".xml"}
        made = run(name, image, **{**places[name], **parameters})
        assert not made.went_well
        assert {path for path in tmp_path.iterdir() if path.suffix != ".xml"} == before
        return made.log

    return run_it


@pytest.fixture
def unread(monkeypatch):
    """An image's pixels must not be read."""

    def read(*_):
        raise AssertionError("A pixel was read.")

    monkeypatch.setattr(GdalSource, "read", read)


@pytest.mark.parametrize(
    ("name", "method", "count", "most"),
    [
        ("extractendmembers", "vca", 21, 20),
        ("extractendmembers", "vca", 1, 20),
        ("extractendmembers", "minimum_volume", 22, 21),
        ("extractendmembers", "minimum_volume", 1, 21),
        ("blindsourceseparation", None, 300, 20),
        ("blindsourceseparation", None, 1, 20),
    ],
)
def test_number_that_the_bands_do_not_allow(refused, mixture, unread, name, method, count, most):
    message = refused(name, mixture.path, COUNT=count, **({"METHOD": method} if method else {}))
    assert f"COUNT is {count}; the 20 bands in use of 'mixture' allow 2 to {most} endmembers" in message


@pytest.mark.parametrize(("method", "count"), [("vca", 20), ("minimum_volume", 21)])
def test_greatest_number_that_the_bands_allow_is_allowed(mixture, method, count):
    from hyperlift.algorithms.unmixing_jobs import require_count

    require_count(str(mixture.path), "mixture", count, method)


def test_number_that_the_image_to_compare_with_does_not_allow(refused, mixture, small_scene, read):
    few = small_scene(read(mixture.path)[::5], "few.tif")
    message = refused("blindsourceseparation", mixture.path, COUNT=5, COMPARISON=few)
    assert "COUNT is 5; the 4 bands in use of 'few' allow 2 to 4 endmembers" in message


@pytest.mark.parametrize("name", ["extractendmembers", "blindsourceseparation"])
def test_image_of_one_band(refused, small_scene, name):
    scene = small_scene(np.random.default_rng(1).random((1, 10, 12)))
    assert "'small' has a single band in use; choose an image with two" in refused(name, scene, COUNT=3)


@pytest.mark.parametrize("name", ["extractendmembers", "blindsourceseparation"])
def test_more_endmembers_than_pixels(refused, small_scene, name):
    scene = small_scene(np.random.default_rng(1).random((8, 2, 2)))
    assert "The image has 4 valid pixels, fewer than the 5 endmembers asked for" in refused(
        name, scene, COUNT=5
    )


def test_number_in_an_image_with_too_few_pixels(refused, small_scene):
    scene = small_scene(np.random.default_rng(1).random((20, 3, 4)))
    assert "12 valid pixels are too few to tell signal from noise in 20 bands" in refused(
        "estimateendmembercount", scene
    )


def test_greatest_number_beyond_the_bands(refused, mixture):
    message = refused("estimateendmembercount", mixture.path, MAXIMUM=25)
    assert "20 bands allow 20 endmembers at most" in message


@pytest.mark.parametrize("method", ["mdl", "hysime", "hfc"])
def test_bounds_that_do_not_ascend(refused, mixture, method):
    message = refused("estimateendmembercount", mixture.path, METHOD=method, MINIMUM=6, MAXIMUM=4)
    assert "The minimum of 6 endmembers exceeds the maximum of 4; exchange them." in message


ALL = ["estimateendmembercount", "extractendmembers", "estimateabundances", "blindsourceseparation"]


@pytest.mark.parametrize("name", ALL)
def test_no_valid_pixel(refused, small_scene, write_csv, name):
    scene = small_scene(np.full((6, 10, 12), np.nan))
    own = {"LIBRARY": write_csv(np.eye(6)[:2])} if name == "estimateabundances" else {}
    assert "o valid pixel" in refused(name, scene, **own)


@pytest.mark.parametrize("parameters", [{}, {"COUNT": 3}], ids=["estimated", "given"])
def test_constant_image(refused, small_scene, parameters):
    message = refused("blindsourceseparation", small_scene(np.full((6, 10, 12), 0.25)), **parameters)
    expected = "mixtures of only 1 spectra" if parameters else "All valid pixels are the same"
    assert expected in message
    assert "choose an image that varies" in message


def test_fewer_spectra_in_the_image_than_endmembers(refused, small_scene):
    random = np.random.default_rng(2)
    one, other = random.integers(1, 100, (2, 6, 1, 1))
    share = random.integers(0, 9, (10, 12))
    message = refused("extractendmembers", small_scene(share * one + (8 - share) * other), COUNT=5)
    assert "The pixels are mixtures of only 2 spectra: ask for fewer endmembers than 5" in message


def test_identical_endmembers_in_the_library(refused, mixture, write_csv):
    spectra = mixture.spectra[[0, 1, 0]]
    library = write_csv(spectra, mixture.wavelength_nm, ("leaf", "soil", "grass"))
    message = refused("estimateabundances", mixture.path, LIBRARY=library)
    assert "The library holds the same spectrum twice, as 'leaf' and 'grass'" in message
    assert "leave one out" in message


def test_library_of_one_spectrum(refused, run, mixture, write_csv, tmp_path):
    library = write_csv(mixture.spectra[:1], mixture.wavelength_nm, ("leaf",))
    message = refused("estimateabundances", mixture.path, LIBRARY=library)
    assert "The library holds one spectrum, 'leaf'" in message
    made = run(
        "estimateabundances", mixture.path, LIBRARY=library, METHOD="nnls", OUTPUT=tmp_path / "nnls.tif"
    )
    assert made.went_well, made.log


def test_abundances_that_scipy_does_not_find(refused, mixture, write_csv, monkeypatch):
    from hyperlift.core.unmixing import active_sets

    def give_up(*_):
        raise RuntimeError("too many iterations")

    monkeypatch.setattr(active_sets, "lawson_hanson", give_up)
    for limit in ("_FEW", "_MANY"):
        monkeypatch.setattr(active_sets, limit, 0)
    library = write_csv(mixture.spectra, mixture.wavelength_nm)
    message = refused("estimateabundances", mixture.path, LIBRARY=library)
    assert "The abundances could not be found (too many iterations); leave out endmembers" in message


def test_library_without_wavelengths_of_another_length(refused, mixture, write_csv):
    message = refused("estimateabundances", mixture.path, LIBRARY=write_csv(mixture.spectra[:, :7]))
    assert "The library has no wavelengths and 7 channels, 20 are asked for" in message


def test_image_without_wavelengths_and_library_of_another_length(refused, mixture, small_scene, write_csv):
    scene = small_scene(np.random.default_rng(1).random((6, 10, 12)))
    message = refused("estimateabundances", scene, LIBRARY=write_csv(mixture.spectra, mixture.wavelength_nm))
    assert "The image has no wavelengths and 6 bands in use, the library has 20 channels" in message


def test_library_that_is_missing_or_none(refused, mixture, tmp_path):
    assert "could not be read" in refused("estimateabundances", mixture.path, LIBRARY=tmp_path / "no.csv")
    picture = tmp_path / "library.xml"
    picture.write_text("no library")
    message = refused("estimateabundances", mixture.path, LIBRARY=picture)
    assert "choose a name that ends in .sli or .csv" in message


def test_library_to_write_with_another_suffix(refused, mixture, tmp_path):
    for name in ("extractendmembers", "blindsourceseparation"):
        message = refused(name, mixture.path, COUNT=3, LIBRARY=tmp_path / "library.txt")
        assert "must end in .sli or .csv; give it such a name" in message


def test_folders_that_are_missing(refused, mixture, tmp_path):
    missing = tmp_path / "missing"
    for name, output in (
        ("estimateendmembercount", "CURVE"),
        ("extractendmembers", "LIBRARY"),
        ("extractendmembers", "POINTS"),
        ("blindsourceseparation", "REPORT"),
    ):
        message = refused(name, mixture.path, **{output: missing / "file.csv"})
        assert f"The folder '{missing}' does not exist; create it or choose another one." in message


def test_points_that_are_no_file_need_no_folder():
    from qgis.core import QgsProcessingOutputLayerDefinition

    from hyperlift.algorithms.unmixing_base import require_sink_folder
    from hyperlift.core.errors import HyperLiftError

    for value in (None, "", "memory:", "TEMPORARY_OUTPUT", "ogr:dbname='/none/p.gpkg' table=\"p\" (geom)"):
        require_sink_folder(value)
        require_sink_folder(QgsProcessingOutputLayerDefinition(value))
    for value in ("/none/p.gpkg", "X:/none/p.gpkg"):
        with pytest.raises(HyperLiftError, match="does not exist"):
            require_sink_folder(QgsProcessingOutputLayerDefinition(value))


def test_two_outputs_of_one_name(refused, mixture, tmp_path):
    both = tmp_path / "both.tif"
    message = refused("blindsourceseparation", mixture.path, COUNT=3, OUTPUT=both, OUTPUT_RMSE=both)
    assert "give each its own" in message


def test_output_over_the_input(refused, mixture):
    before = mixture.path.read_bytes()
    message = refused("blindsourceseparation", mixture.path, COUNT=3, OUTPUT=mixture.path)
    assert "is a file of the input as well; choose another name" in message
    assert mixture.path.read_bytes() == before


def test_image_that_is_no_raster(refused, provider, mixture, tmp_path):
    from qgis.core import QgsProcessingContext

    text = tmp_path / "notes.tif"
    text.write_text("not a raster")
    for name in ALL:
        own = {"LIBRARY": text} if name == "estimateabundances" else {}
        assert f"The raster '{text}' could not be opened (" in refused(name, text, **own)
    output = {"OUTPUT": str(tmp_path / "o.tif")}
    check = provider.algorithm("blindsourceseparation").checkParameterValues
    for images in ({"INPUT": str(text)}, {"INPUT": str(mixture.path), "COMPARISON": str(text)}):
        ok, message = check({**images, **output}, QgsProcessingContext())
        assert not ok
        assert f"The raster '{text}' could not be opened (" in message
    assert check({"INPUT": str(mixture.path), "COMPARISON": None, **output}, QgsProcessingContext())[0]


def test_comparison_with_other_pixels(refused, mixture, small_scene):
    other = small_scene(np.random.default_rng(1).random((6, 10, 12)))
    message = refused("blindsourceseparation", mixture.path, COUNT=3, COMPARISON=other)
    assert "has 24 x 30 pixels and the one to compare it with 10 x 12; choose two on the same" in message


def test_output_over_the_image_to_compare_with(refused, mixture, small_scene, read):
    other = small_scene(read(mixture.path), "other.tif")
    message = refused("blindsourceseparation", mixture.path, COUNT=3, COMPARISON=other, OUTPUT=other)
    assert "is a file of the input as well; choose another name" in message


@pytest.mark.parametrize("cancel_at", [0.01, 30.0, 70.0, 85.0])
def test_cancelled_half_way_leaves_nothing(refused, mixture, few_tries, cancel_at):
    message = refused("blindsourceseparation", mixture.path, COMPARISON=mixture.path, cancel_at=cancel_at)
    assert "ancelled" in message


def test_cancelled_abundances_and_number_leave_nothing(refused, mixture, write_csv):
    library = write_csv(mixture.spectra, mixture.wavelength_nm)
    assert "Cancelled" in refused("estimateabundances", mixture.path, LIBRARY=library, cancel_at=0.01)
    assert "cancelled" in refused("estimateendmembercount", mixture.path, cancel_at=50.0)
