"""Identification of materials: endmembers and pixels against a library, bad input, and pins as endmembers."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import QgsPalettedRasterRenderer, QgsProcessingContext, QgsProcessingFeedback, QgsRasterLayer

from hyperlift.core.spectral.library import SpectralLibrary, read_library, write_library

CONTRACT = {
    "INPUT": ("raster", None),
    "LIBRARY": ("file", None),
    "METHOD": ("enum", "angle"),
    "COUNT": ("number", 3),
    "OUTPUT": ("fileDestination", None),
    "OUTPUT_MAP": ("rasterDestination", None),
    "REPORT": ("fileDestination", None),
}


@pytest.fixture
def materials(mixture, tmp_path):
    """A library of the mixture's endmembers under names, on finer channels, and of two other things."""
    fine = np.linspace(400.0, 2400.0, 201)
    rows = [np.interp(fine, mixture.wavelength_nm, spectrum) for spectrum in mixture.spectra]
    rows += [np.full(201, 0.3), 0.2 + 0.1 * np.sin(fine / 60)]
    path = tmp_path / "materials.sli"
    write_library(path, SpectralLibrary(("leaf", "soil", "water", "chalk", "wavy"), np.stack(rows), fine))
    return path


def table(path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_parameters_are_those_of_the_contract(provider):
    algorithm = provider.algorithm("identifymaterials")
    assert {
        one.name(): (one.type(), one.defaultValue()) for one in algorithm.parameterDefinitions()
    } == CONTRACT
    made = {one.name(): one.createByDefault() for one in algorithm.destinationParameterDefinitions()}
    assert made == {"OUTPUT": True, "OUTPUT_MAP": False, "REPORT": False}
    assert algorithm.parameterDefinition("METHOD").options() == ["angle", "correlation"]
    outputs = {one.name() for one in algorithm.outputDefinitions()}
    assert {"SPECTRA", "ANGLE", "CORRELATION", "MATERIAL"} <= outputs


def test_endmembers_of_blind_separation_are_named(run, mixture, materials, tmp_path):
    found = tmp_path / "endmembers.sli"
    made = run(
        "blindsourceseparation", mixture.path, COUNT=3, LIBRARY=found, OUTPUT=tmp_path / "abundances.tif"
    )
    assert made.went_well, made.log
    made = run(
        "identifymaterials",
        found,
        LIBRARY=materials,
        OUTPUT=tmp_path / "named.csv",
        REPORT=tmp_path / "named.html",
    )
    assert made.went_well, made.log
    rows = table(tmp_path / "named.csv")
    assert [row["rank"] for row in rows] == ["1", "2", "3"] * 3
    best = {row["spectrum"]: row for row in rows if row["rank"] == "1"}
    library, names = read_library(found), ("leaf", "soil", "water")
    for name, spectrum in zip(library.names, library.spectra):
        true = int(np.abs(mixture.spectra - spectrum).sum(axis=1).argmin())
        assert best[name]["material"] == names[true]
        assert float(best[name]["angle_deg"]) < 1.5
    assert {row["material"] for row in best.values()} == set(names)
    assert made.results["SPECTRA"] == 3
    assert made.results["ANGLE"] == pytest.approx(np.mean([float(row["angle_deg"]) for row in best.values()]))
    page = (tmp_path / "named.html").read_text(encoding="utf-8")
    assert all(name in page for name in (*names, *library.names))


def test_order_is_that_of_the_method(run, materials, tmp_path):
    for method, key, sign in (("angle", "angle_deg", 1), ("correlation", "correlation", -1)):
        output = tmp_path / f"{method}.csv"
        made = run("identifymaterials", materials, LIBRARY=materials, METHOD=method, COUNT=4, OUTPUT=output)
        assert made.went_well, made.log
        rows = [row for row in table(output) if row["spectrum"] == "soil" and row[key]]
        scores = [sign * float(row[key]) for row in rows]
        assert len(scores) >= 3
        assert scores == sorted(scores)
        assert rows[0]["material"] == "soil"


def test_pixels_are_counted_and_mapped(run, mixture, materials, tmp_path):
    output, chart = tmp_path / "pixels.csv", tmp_path / "materials.tif"
    made = run(
        "identifymaterials", mixture.path, LIBRARY=materials, OUTPUT=output, OUTPUT_MAP=chart,
        REPORT=tmp_path / "pixels.html",
    )  # fmt: skip
    assert made.went_well, made.log
    result = gdal.Open(str(chart))
    assert [result.GetRasterBand(n).GetDescription() for n in (1, 2, 3)] == [
        "material",
        "angle in degrees",
        "continuum-removed correlation",
    ]
    assert result.GetGeoTransform() == gdal.Open(str(mixture.path)).GetGeoTransform()
    material = result.ReadAsArray()[0]
    for place, number in zip(((3, 4), (10, 21), (20, 7)), (1, 2, 3)):
        assert material[place] == number
    rows = table(output)
    assert sum(int(row["pixels"]) for row in rows) == made.results["SPECTRA"] == 24 * 30
    for row in rows:
        assert int(row["pixels"]) == (material == int(row["number"])).sum()
    counts = [int(row["pixels"]) for row in rows]
    assert counts == sorted(counts, reverse=True)
    assert made.results["MATERIAL"] == rows[0]["material"]
    assert "pixels" in (tmp_path / "pixels.html").read_text(encoding="utf-8").lower()


def test_poor_matches_are_warnings(run, mixture, materials, write_csv, tmp_path):
    wavy = write_csv(np.stack([mixture.spectra[0], np.resize([0.1, 0.6], 20)]), mixture.wavelength_nm)
    for method, deciding in (("angle", "angle {:.2f} degrees"), ("correlation", "correlation {:.3f}")):
        output = tmp_path / "named.csv"
        made = run("identifymaterials", wavy, LIBRARY=materials, METHOD=method, COUNT=1, OUTPUT=output)
        assert made.went_well, made.log
        good, poor = table(output)
        key = "angle_deg" if method == "angle" else "correlation"
        score = deciding.format(float(poor[key]))
        assert f"material 2: no good match, closest to {poor['material']}, {score} (" in made.log
        assert "material 1: closest to leaf, " in made.log
        assert good["material"] == "leaf"


def test_pixels_without_a_good_match_are_a_warning_and_materials_not_listed_are_counted(
    run, mixture, materials, small_scene, tmp_path
):
    given = {"LIBRARY": materials, "OUTPUT": tmp_path / "pixels.csv", "METHOD": "correlation", "COUNT": 1}
    made = run("identifymaterials", mixture.path, **given)
    rows = table(tmp_path / "pixels.csv")
    first = rows[0]
    score = f"mean correlation {float(first['correlation']):.3f} (angle"
    assert f"{first['material']}: {int(first['pixels'])} pixels, {score}" in made.log
    assert f"and {len(rows) - 1} more in the table" in made.log
    assert "No good match" not in made.log
    names = [f"{centre:.1f} nm" for centre in mixture.wavelength_nm]
    noise = small_scene(np.random.default_rng(3).random((20, 9, 9)), names=names)
    made = run("identifymaterials", noise, **{**given, "METHOD": "angle", "COUNT": 9})
    assert f"No good match on average over the pixels: angle {made.results['ANGLE']:.2f} degrees" in made.log
    assert "more in the table" not in made.log


@pytest.mark.parametrize(("method", "expected"), [("angle", "b"), ("correlation", "c")])
def test_most_frequent_material_is_on_a_tie_the_one_of_the_best_score(method, expected):
    from hyperlift.algorithms.identification_tables import most_frequent, most_frequent_of_pixels
    from hyperlift.core.spectral.matching import Match
    from hyperlift.core.unmixing.identification import MaterialCounts

    names, angles, correlations = ("a", "b", "c", "d"), (5.0, 1.0, 3.0, 0.1), (0.5, np.nan, 0.9, 1.0)
    rows = list(enumerate(zip(names, angles, correlations)))
    best = [Match(number, *row) for number, row in [*rows, *rows[:3]]]
    assert most_frequent(best, method) == expected
    assert most_frequent([], method) == ""
    tables = np.array(angles), np.array(correlations)
    counts = MaterialCounts(names, np.array([7, 7, 7, 2]), *tables, 0)
    assert most_frequent_of_pixels(counts, method) == expected
    assert most_frequent_of_pixels(MaterialCounts(names, np.zeros(4, int), *tables, 9), method) == ""


def test_map_is_shown_with_the_names_of_the_materials(mixture, tmp_path):
    from hyperlift.algorithms.material_colours import MaterialColours

    layer = QgsRasterLayer(str(mixture.path), "map")
    MaterialColours([(2, "soil"), (1, "leaf")]).postProcessLayer(
        layer, QgsProcessingContext(), QgsProcessingFeedback()
    )
    assert isinstance(layer.renderer(), QgsPalettedRasterRenderer)
    assert [(int(one.value), one.label) for one in layer.renderer().classes()] == [(2, "soil"), (1, "leaf")]
    first, second = (one.color.name() for one in layer.renderer().classes())
    assert first != second


def test_library_as_input_passes_the_check_of_the_dialog(provider, materials, tmp_path):
    algorithm = provider.algorithm("identifymaterials").create()
    given = {
        "INPUT": str(materials),
        "LIBRARY": str(materials),
        "OUTPUT": str(tmp_path / "o.csv"),
        "METHOD": "angle",
    }
    context = QgsProcessingContext()
    assert algorithm.checkParameterValues({**given, "COUNT": 3}, context) == (True, "")
    ok, message = algorithm.checkParameterValues({**given, "COUNT": 0}, context)
    assert (ok, message) == (False, "The value of Materials for each spectrum is not acceptable.")
    ok, message = algorithm.checkParameterValues({**given, "INPUT": str(tmp_path / "none.csv")}, context)
    assert not ok
    assert "No such file" in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"OUTPUT_MAP": "map.tif"}, "the input is a library; leave the map out"),
        ({"OUTPUT": "none/table.csv"}, "does not exist; create it or choose another one"),
        ({"INPUT": "broken.csv"}, "is no table of spectra"),
        ({"LIBRARY": "far.csv"}, "covers at least half of the 201 channels"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(run, materials, write_csv, tmp_path, changes, message):
    (tmp_path / "broken.csv").write_text("a,b\n1\n", encoding="utf-8")
    write_csv(np.ones((1, 3)), np.array([5000.0, 6000.0, 7000.0])).rename(tmp_path / "far.csv")
    given = {"INPUT": materials, "LIBRARY": materials, "OUTPUT": tmp_path / "table.csv"}
    given.update({key: tmp_path / name for key, name in changes.items()})
    before = set(tmp_path.iterdir())
    made = run("identifymaterials", given.pop("INPUT"), **given)
    assert not made.went_well
    assert message in made.log
    assert set(tmp_path.iterdir()) == before


def test_it_runs_in_qgis_process(qgis_process, mixture, materials, tmp_path):
    for image, output in ((mixture.path, tmp_path / "a.csv"), (materials, tmp_path / "b.csv")):
        run = qgis_process(
            "run",
            "hyperlift:identifymaterials",
            f"--INPUT={image}",
            f"--LIBRARY={materials}",
            f"--OUTPUT={output}",
        )
        assert run.returncode == 0, run.stderr
        assert table(output)


def test_pins_exported_from_the_dock_serve_as_endmembers(run, mixture, tmp_path):
    from hyperlift.core.raster.gdal_points import SpectrumSource
    from hyperlift.gui.panel.spectra import Pin, Spectrum, library_of

    source, pins = SpectrumSource(str(mixture.path)), []
    for name, place in zip(("leaf", "soil", "water"), ((3, 4), (10, 21), (20, 7))):
        spectrum = Spectrum.of_sample("mixture", source.pixel(*place))
        pins.append(Pin(name, "#ff0000", 0.0, 0.0, "EPSG:32633", (spectrum,)))
    source.close()
    library, output = tmp_path / "pins.sli", tmp_path / "shares.tif"
    write_library(library, library_of(pins))
    made = run("estimateabundances", mixture.path, LIBRARY=library, OUTPUT=output)
    assert made.went_well, made.log
    result = gdal.Open(str(output))
    assert [result.GetRasterBand(n).GetDescription() for n in (1, 2, 3)] == ["leaf", "soil", "water"]
    assert np.abs(result.ReadAsArray() - mixture.abundances).max() < 0.02
