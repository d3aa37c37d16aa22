"""The unmixing algorithms on a mixture whose endmembers are known."""

from __future__ import annotations

import csv
import sys

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import QgsProcessingParameterDefinition, QgsVectorLayer

from hyperlift.algorithms import (
    estimate_abundances,
    estimate_endmember_count,
    extract_endmembers,
    unmixing_jobs,
)
from hyperlift.core.spectral.library import read_library

CONTRACT = {
    "estimateendmembercount": {
        "INPUT": ("raster", None, False),
        "METHOD": ("enum", "mdl", False),
        "MINIMUM": ("number", 2, False),
        "MAXIMUM": ("number", 10, False),
        "SEED": ("number", 0, False),
        "CURVE": ("fileDestination", None, True),
        "REPORT": ("fileDestination", None, True),
    },
    "extractendmembers": {
        "INPUT": ("raster", None, False),
        "COUNT": ("number", 5, False),
        "METHOD": ("enum", "vca", False),
        "SEED": ("number", 0, False),
        "LIBRARY": ("fileDestination", None, False),
        "POINTS": ("sink", None, True),
    },
    "estimateabundances": {
        "INPUT": ("raster", None, False),
        "LIBRARY": ("file", None, False),
        "METHOD": ("enum", "fcls", False),
        "OUTPUT": ("rasterDestination", None, False),
        "OUTPUT_RMSE": ("rasterDestination", None, True),
    },
    "blindsourceseparation": {
        "INPUT": ("raster", None, False),
        "COUNT": ("number", 0, False),
        "SEED": ("number", 0, False),
        "COMPARISON": ("raster", None, True),
        "OUTPUT": ("rasterDestination", None, False),
        "LIBRARY": ("fileDestination", None, True),
        "OUTPUT_RMSE": ("rasterDestination", None, True),
        "REPORT": ("fileDestination", None, True),
    },
}
SUMMARY = {"PIXELS", "RMSE_MEAN", "RMSE_MEDIAN", "RMSE_95"}
NUMBERS = {
    "estimateendmembercount": {"COUNT"},
    "extractendmembers": set(),
    "estimateabundances": SUMMARY,
    "blindsourceseparation": {"COUNT", "COMPARISON_COUNT", "COMPARISON_CORRELATION", *SUMMARY},
}


@pytest.mark.parametrize("name", CONTRACT)
def test_parameters_have_the_types_and_defaults_of_the_contract(provider, name):
    optional = QgsProcessingParameterDefinition.Flag.FlagOptional
    found = {
        one.name(): (one.type(), one.defaultValue(), bool(one.flags() & optional))
        for one in provider.algorithm(name).parameterDefinitions()
    }
    assert found == CONTRACT[name]


@pytest.mark.parametrize("name", CONTRACT)
def test_optional_results_are_off_but_for_the_library_and_numbers_are_outputs(provider, name):
    algorithm = provider.algorithm(name)
    for one in algorithm.destinationParameterDefinitions():
        expected = one.name() in ("OUTPUT", "LIBRARY")
        assert one.createByDefault() is expected, one.name()
    numbers = {one.name() for one in algorithm.outputDefinitions() if one.type() == "outputNumber"}
    assert numbers == NUMBERS[name]


def test_choices_are_static_strings_that_the_core_knows(provider):
    from hyperlift.algorithms.unmixing_jobs import EXTRACTORS
    from hyperlift.algorithms.unmixing_report import METHODS as COUNTED
    from hyperlift.core.unmixing.abundances import METHODS as SOLVED

    modules = {
        "estimateendmembercount": (estimate_endmember_count, COUNTED),
        "extractendmembers": (extract_endmembers, EXTRACTORS),
        "estimateabundances": (estimate_abundances, SOLVED),
    }
    for name, (module, known) in modules.items():
        choice = provider.algorithm(name).parameterDefinition("METHOD")
        assert choice.usesStaticStrings()
        assert tuple(choice.options()) == module.METHODS == tuple(known)


def test_scipy_missing_is_said_and_onnxruntime_is_not_needed(provider, monkeypatch):
    algorithm = provider.algorithm("blindsourceseparation")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert algorithm.canExecute() == (True, "")
    monkeypatch.setitem(sys.modules, "scipy", None)
    ok, message = algorithm.canExecute()
    assert not ok
    assert message.startswith("The Python package scipy is missing: install it")


@pytest.mark.parametrize("method", ["mdl", "hysime", "hfc"])
def test_count_of_a_mixture_of_three(run, mixture, tmp_path, method):
    curve = tmp_path / "curve.csv"
    made = run("estimateendmembercount", mixture.path, METHOD=method, MAXIMUM=5, CURVE=curve)
    assert made.went_well, made.log
    assert made.results["COUNT"] == 3
    assert f"3 endmembers by {method}." in made.log
    rows = list(csv.DictReader(curve.open(encoding="utf-8")))
    scores = {int(row["endmembers"]): float(row["score"]) for row in rows}
    if method == "mdl":
        assert list(scores) == [2, 3, 4, 5]
        assert min(scores, key=scores.get) == 3
    else:
        assert len(scores) == len(mixture.wavelength_nm)
    assert "REPORT" not in made.results


def test_number_at_the_end_of_those_that_were_tried_is_a_warning(run, mixture):
    made = run("estimateendmembercount", mixture.path, MAXIMUM=3)
    assert "3 endmembers are the greatest number that was tried" in made.log
    assert "look at the scores in the table (CURVE) or the report (REPORT)" in made.log
    assert "greatest number" not in run("estimateendmembercount", mixture.path, MAXIMUM=4).log


def test_separation_by_the_greatest_number_that_was_tried_suggests_to_give_it(
    run, mixture, monkeypatch, tmp_path
):
    monkeypatch.setattr(unmixing_jobs, "MOST", 3)
    made = run("blindsourceseparation", mixture.path, OUTPUT=tmp_path / "shares.tif")
    assert "look at the scores in the report (REPORT), and give the number as COUNT." in made.log


@pytest.mark.parametrize(
    ("method", "sample", "says"),
    [
        (
            "mdl",
            100,
            "At most 100 random valid ones of 720 pixels are looked at for each number from 2 to 3.",
        ),
        ("mdl", 720, "The valid ones of 720 pixels are looked at for each number from 2 to 3."),
        ("hfc", 100, "The valid ones of 720 pixels are looked at."),
    ],
)
def test_first_sentence_says_how_many_pixels_are_looked_at(run, mixture, monkeypatch, method, sample, says):
    monkeypatch.setattr(unmixing_jobs, "SAMPLE", sample)
    made = run("estimateendmembercount", mixture.path, METHOD=method, MAXIMUM=3)
    assert made.went_well, made.log
    assert says in made.log
    assert made.log.index(says) < made.log.index("endmembers by")


@pytest.mark.parametrize("method", ["hysime", "hfc"])
def test_number_that_was_cut_to_the_greatest_is_a_warning_that_names_it(run, mixture, method):
    made = run("estimateendmembercount", mixture.path, METHOD=method, MAXIMUM=2)
    assert made.results["COUNT"] == 2
    assert "3 endmembers were found, more than the greatest number of 2" in made.log
    at_the_end = run("estimateendmembercount", mixture.path, METHOD=method, MAXIMUM=3).log
    assert "3 endmembers are the greatest number that was tried" in at_the_end
    assert "greatest number" not in run("estimateendmembercount", mixture.path, METHOD=method, MAXIMUM=4).log


def test_count_is_kept_within_its_bounds(run, mixture):
    made = run("estimateendmembercount", mixture.path, METHOD="hysime", MINIMUM=4, MAXIMUM=6)
    assert made.results["COUNT"] == 4
    assert run("estimateendmembercount", mixture.path, METHOD="hfc", MAXIMUM=2).results["COUNT"] == 2


@pytest.mark.parametrize("suffix", ["sli", "csv"])
def test_extracted_library_and_points_are_the_pure_pixels(run, mixture, tmp_path, suffix):
    library, points = tmp_path / f"found.{suffix}", tmp_path / "points.gpkg"
    made = run("extractendmembers", mixture.path, COUNT=3, LIBRARY=library, POINTS=points)
    assert made.went_well, made.log
    found = read_library(library)
    assert found.names == ("endmember 1", "endmember 2", "endmember 3")
    assert found.wavelength_nm == pytest.approx(mixture.wavelength_nm, abs=0.05)
    layer = QgsVectorLayer(str(points))
    assert layer.crs().authid() == "EPSG:32633"
    places = []
    for feature in layer.getFeatures():
        number, row, column = feature["endmember"], feature["row"], feature["column"]
        assert feature["name"] == f"endmember {number}"
        assert feature["pixel"] == row * 30 + column
        place = feature.geometry().asPoint()
        assert (place.x(), place.y()) == (500000.0 + 10 * column + 5, 5300000.0 - 10 * row - 5)
        true = mixture.abundances[:, row, column].argmax()
        assert found.spectra[number - 1] == pytest.approx(mixture.spectra[true], abs=2e-3)
        places.append((row, column))
    assert sorted(places) == [(3, 4), (10, 21), (20, 7)]


@pytest.mark.parametrize(
    ("damaged", "says"),
    [
        ((), ""),
        ((5, 5), "May come from a damaged or mixed pixel: endmember {} ({} degrees from the mean of"),
        ((11, 4), "May come from a damaged or mixed pixel: endmember {} (at the image's edge); look"),
        ((0, 0), "May come from a damaged or mixed pixel: endmember {} (at the image's edge); look"),
    ],
)
def test_endmembers_that_their_neighbours_do_not_bear_out_are_a_warning(
    run, mixture, small_scene, tmp_path, damaged, says
):
    pixels = np.zeros((20, 12, 15))
    shares = np.array([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]])
    for column in range(3):
        pixels[:, :, 5 * column : 5 * column + 5] = (shares[column] @ mixture.spectra)[:, None, None]
    for column in range(3):
        pixels[:, 4:7, 5 * column + 1 : 5 * column + 4] = mixture.spectra[column][:, None, None]
    wrong = np.resize([0.9, 0.1], 20)
    if damaged:
        pixels[(slice(None), *damaged)] = wrong
    library = tmp_path / "l.csv"
    made = run("extractendmembers", small_scene(pixels), COUNT=4 if damaged else 3, LIBRARY=library)
    assert made.went_well, made.log
    assert ("May come from a damaged" in made.log) == bool(damaged)
    if damaged:
        number = int(np.abs(read_library(library).spectra - wrong).sum(axis=1).argmin())
        beside = pixels[:, 4:7, 4:7].reshape(20, 9)[:, [0, 1, 2, 3, 5, 6, 7, 8]].mean(axis=1)
        cosine = wrong @ beside / np.linalg.norm(wrong) / np.linalg.norm(beside)
        assert says.format(number + 1, round(np.degrees(np.arccos(cosine)))) in made.log


@pytest.mark.parametrize("points", [{}, {"POINTS": None}, {"POINTS": ""}], ids=["absent", "none", "empty"])
def test_points_are_made_only_if_asked_for(run, mixture, tmp_path, points):
    made = run("extractendmembers", mixture.path, COUNT=3, LIBRARY=tmp_path / "found.sli", **points)
    assert made.went_well, made.log
    assert made.results == {"LIBRARY": str(tmp_path / "found.sli")}


def test_seed_decides_the_result(run, mixture, tmp_path):
    def spectra(seed, name):
        made = run(
            "extractendmembers",
            mixture.path,
            COUNT=6,
            SEED=seed,
            LIBRARY=tmp_path / name,
            POINTS="memory:",
        )
        assert made.went_well, made.log
        return read_library(tmp_path / name).spectra

    first = spectra(3, "a.csv")
    assert np.array_equal(first, spectra(3, "b.csv"))
    assert not np.array_equal(first, spectra(4, "c.csv"))


def test_minimum_volume_is_within_reach(run, mixture, tmp_path):
    library = tmp_path / "found.csv"
    made = run(
        "extractendmembers",
        mixture.path,
        COUNT=3,
        METHOD="minimum_volume",
        LIBRARY=library,
        POINTS="memory:",
    )
    assert made.went_well, made.log
    found = read_library(library).spectra
    nearest = np.abs(found[:, None] - mixture.spectra).mean(axis=2).min(axis=0)
    assert nearest.max() < 0.02


@pytest.mark.parametrize("method", ["fcls", "nnls", "scls", "ucls"])
def test_abundances_of_known_spectra(run, mixture, write_csv, read, tmp_path, method):
    library = write_csv(mixture.spectra, mixture.wavelength_nm.round(1), ("leaf", "soil", "water"))
    output, residual = tmp_path / "shares.tif", tmp_path / "rest.tif"
    made = run(
        "estimateabundances",
        mixture.path,
        LIBRARY=library,
        METHOD=method,
        OUTPUT=output,
        OUTPUT_RMSE=residual,
    )
    assert made.went_well, made.log
    result = gdal.Open(str(output))
    assert [result.GetRasterBand(number).GetDescription() for number in (1, 2, 3)] == [
        "leaf",
        "soil",
        "water",
    ]
    assert result.GetGeoTransform() == gdal.Open(str(mixture.path)).GetGeoTransform()
    assert np.abs(result.ReadAsArray() - mixture.abundances).max() < 0.01
    rmse = read(residual)
    assert rmse.max() < 5e-4
    assert made.results["PIXELS"] == 720
    assert made.results["RMSE_MEAN"] == pytest.approx(rmse.mean(), rel=1e-4)
    assert made.results["RMSE_MEDIAN"] == pytest.approx(np.median(rmse), rel=2e-3)
    assert made.results["RMSE_95"] == pytest.approx(np.percentile(rmse, 95), rel=1e-2)
    means = dict(part.split(": ") for part in made.results["MEAN_ABUNDANCES"].split(", "))
    expected = mixture.abundances.mean(axis=(1, 2))
    assert [float(means[name]) for name in ("leaf", "soil", "water")] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("factor", [100.0, 1.0, 1e4, 1e-4])
def test_a_library_in_another_unit_is_a_warning(run, mixture, write_csv, tmp_path, factor):
    library = write_csv(factor * mixture.spectra, mixture.wavelength_nm.round(1))
    made = run("estimateabundances", mixture.path, LIBRARY=library, OUTPUT=tmp_path / "shares.tif")
    assert made.went_well, made.log
    assert ("its unit may differ from the image's" in made.log) == (factor != 1.0)


def test_a_band_that_the_library_lacks_is_left_out(run, mixture, write_csv, read, tmp_path):
    library = write_csv(mixture.spectra[:, 1:], mixture.wavelength_nm[1:].round(1))
    output = tmp_path / "shares.tif"
    made = run("estimateabundances", mixture.path, LIBRARY=library, OUTPUT=output)
    assert made.went_well, made.log
    assert "no values at 1 of the image's 20 bands, at 450 nm; the abundances are found without" in made.log
    assert np.abs(read(output) - mixture.abundances).max() < 0.02


def test_nodata_stays_nodata_and_other_wavelengths_are_resampled(run, mixture, write_csv, small_scene, read):
    pixels = read(mixture.path)
    pixels[7, 2:4, 5:9] = np.nan
    names = [f"{centre:.1f} nm" for centre in mixture.wavelength_nm]
    scene = small_scene(pixels, "holes.tif", names=names)
    fine = np.linspace(400.0, 2400.0, 401)
    spectra = np.stack([np.interp(fine, mixture.wavelength_nm, one) for one in mixture.spectra])
    output = scene.with_name("shares.tif")
    made = run("estimateabundances", scene, LIBRARY=write_csv(spectra, fine), OUTPUT=output)
    assert made.went_well, made.log
    shares = read(output)
    assert np.isnan(shares[:, 2:4, 5:9]).all()
    assert np.isnan(shares).sum() == 3 * 8
    assert np.nanmax(np.abs(shares - mixture.abundances)) < 0.05
    assert "OUTPUT_RMSE" not in made.results


def test_blind_separation_finds_number_spectra_and_abundances(run, mixture, read, few_tries, tmp_path):
    output, library = tmp_path / "shares.tif", tmp_path / "found.sli"
    made = run("blindsourceseparation", mixture.path, OUTPUT=output, LIBRARY=library)
    assert made.went_well, made.log
    assert made.results["COUNT"] == 3
    assert set(made.results) >= {"OUTPUT", "LIBRARY", "MEAN_ABUNDANCES", *SUMMARY}
    assert not {"REPORT", "OUTPUT_RMSE", "COMPARISON_COUNT"} & set(made.results)
    shares = read(output)
    order = [int(np.argmax(shares[:, row, column])) for row, column in ((3, 4), (10, 21), (20, 7))]
    assert sorted(order) == [0, 1, 2]
    assert np.abs(shares[order] - mixture.abundances).max() < 0.03
    assert read_library(library).spectra[order] == pytest.approx(mixture.spectra, abs=2e-3)
    assert made.results["RMSE_MEAN"] < 5e-4


def test_number_that_is_given_is_used(run, mixture, tmp_path):
    made = run("blindsourceseparation", mixture.path, COUNT=4, OUTPUT=tmp_path / "shares.tif")
    assert made.results["COUNT"] == 4
    assert gdal.Open(made.results["OUTPUT"]).RasterCount == 4
