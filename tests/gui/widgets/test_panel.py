"""The panel: layers, pins, libraries and matches, by mouse and by keyboard."""

from __future__ import annotations

import json

import numpy as np
import pytest
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QColorDialog, QInputDialog, QWidget

from hyperlift.core.spectral import SpectralLibrary, read_library, write_library
from hyperlift.gui.background import Background
from hyperlift.gui.panel.lists import LayerEntry
from hyperlift.gui.panel.panel import SpectrumPanel
from hyperlift.gui.panel.spectra import (
    COLOURS,
    Pin,
    Spectrum,
    library_of,
    next_colour,
    next_name,
    pins_from_json,
    pins_to_json,
)


@pytest.fixture
def panel(shown):
    background = Background()
    yield shown(SpectrumPanel(background), 900, 420)
    background.close()


@pytest.fixture
def minerals(hyperspectral) -> SpectralLibrary:
    x = hyperspectral.wavelength_nm
    rows = [0.4 * (1 - 0.3 * np.exp(-(((x - centre) / 40) ** 2))) for centre in (900, 1600, 2200)]
    return SpectralLibrary(("goethite", "gypsum", "clay"), np.stack(rows), x)


def pin_of(*spectra: Spectrum, name="Pin 1", **changes) -> Pin:
    return Pin(
        **{
            "name": name,
            "colour": COLOURS[0],
            "x": 1.5,
            "y": 2.5,
            "crs": "EPSG:32633",
            "spectra": spectra,
            **changes,
        }
    )


def test_layers_are_listed_with_their_checks_and_colours(panel):
    heard = []
    panel.layers.checked_changed.connect(lambda *change: heard.append(change))
    panel.layers.show_layers([LayerEntry("a", "one", True), LayerEntry("b", "two", False, "12 bands")])
    assert panel.layers.checked() == [("a", COLOURS[0])]
    assert heard == []
    panel.layers.setFocus()
    panel.layers.setCurrentRow(1)
    QTest.keyClick(panel.layers, Qt.Key.Key_Space)
    assert heard == [("b", True)]
    assert panel.layers.checked() == [("a", COLOURS[0]), ("b", COLOURS[1])]
    assert panel.layers.item(1).toolTip() == "12 bands"


def test_layer_of_uncertainties_is_asked_for_by_key(panel, monkeypatch):
    heard, asked = [], []
    panel.layers.uncertainty_chosen.connect(lambda *change: heard.append(change))
    panel.layers.show_layers([LayerEntry("a", "one", True), LayerEntry("b", "two", False)])
    panel.layers.setCurrentRow(0)
    panel.layers.setFocus()
    answers = iter([("2. two", True), ("None", True), ("2. two", False)])
    monkeypatch.setattr(QInputDialog, "getItem", lambda *given: asked.append(given[3]) or next(answers))
    for _ in range(3):
        panel.layers.choose_uncertainty()
    assert asked == [["None", "2. two"]] * 3
    assert heard == [("a", "b"), ("a", "")]


def test_layers_of_uncertainties_with_the_same_name_are_told_apart(panel, monkeypatch):
    heard = []
    panel.layers.uncertainty_chosen.connect(lambda *change: heard.append(change))
    entries = [("a", "one"), ("b", "sigma"), ("c", "sigma"), ("d", "None")]
    panel.layers.show_layers([LayerEntry(key, name, True) for key, name in entries])
    panel.layers.setCurrentRow(0)
    for number in range(1, 4):
        monkeypatch.setattr(QInputDialog, "getItem", lambda *given, number=number: (given[3][number], True))
        panel.layers.choose_uncertainty()
    assert heard == [("a", "b"), ("a", "c"), ("a", "d")]


def test_current_spectra_pins_and_libraries_share_the_axes(panel, hyperspectral, multispectral, minerals):
    panel.show_current([(hyperspectral, COLOURS[0]), (multispectral, COLOURS[1])], "x 1, y 2.")
    panel.pins.add(pin_of(hyperspectral, multispectral, name="leaf"))
    panel.add_library("minerals", minerals)
    names = [curve.name for curve in panel.plot.curves]
    assert names == [
        "lifted", "Sentinel-2", "leaf · lifted", "leaf · Sentinel-2", "goethite", "gypsum", "clay",
    ]  # fmt: skip
    assert [curve.dashed for curve in panel.plot.curves] == [False] * 4 + [True] * 3
    assert [curve.broad for curve in panel.plot.curves][:4] == [False, True, False, True]
    legend = [entry.name for entry in panel.plot.legend]
    assert legend == ["goethite", "gypsum", "clay", "lifted", "Sentinel-2", "leaf"]


def test_pins_are_renamed_hidden_and_removed_by_keys(panel, hyperspectral):
    changes = []
    panel.pins.changed.connect(lambda: changes.append(1))
    panel.pins.add(pin_of(hyperspectral))
    panel.pins.add(pin_of(hyperspectral, name="Pin 2"))
    panel.tabs.setCurrentWidget(panel.pins)
    panel.activateWindow()
    panel.pins.setFocus()
    QTest.keyClick(panel.pins, Qt.Key.Key_F2)
    editor = panel.pins.viewport().findChild(QWidget)
    QTest.keyClick(editor, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(editor, "meadow")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    QApplication.processEvents()
    assert [pin.name for pin in panel.pins.pins] == ["Pin 1", "meadow"]
    QTest.keyClick(panel.pins, Qt.Key.Key_Space)
    assert [pin.shown for pin in panel.pins.pins] == [True, False]
    assert [curve.name for curve in panel.plot.curves] == ["Pin 1"]
    QTest.keyClick(panel.pins, Qt.Key.Key_Delete)
    assert [pin.name for pin in panel.pins.pins] == ["Pin 1"]
    assert len(changes) == 5


def test_places_of_pins_are_not_edited_and_empty_names_not_taken(panel, hyperspectral):
    panel.pins.add(pin_of(hyperspectral))
    item = panel.pins.topLevelItem(0)
    item.setText(0, "  ")
    item.setText(1, "elsewhere")
    assert panel.pins.pins[0].name == panel.pins.topLevelItem(0).text(0) == "Pin 1"
    assert panel.pins.topLevelItem(0).text(1) == "1.5, 2.5 (EPSG:32633)"


def test_places_and_layers_of_pins_are_written_out(panel, hyperspectral, multispectral):
    panel.pins.add(pin_of(hyperspectral, multispectral, x=1689417.02731, y=6144717.35122))
    panel.tabs.setCurrentWidget(panel.pins)
    QApplication.processEvents()
    item = panel.pins.topLevelItem(0)
    for column in range(3):
        needed = panel.pins.fontMetrics().horizontalAdvance(item.text(column))
        assert panel.pins.columnWidth(column) > needed


def test_colour_of_a_pin_can_be_changed(panel, hyperspectral, monkeypatch):
    panel.pins.add(pin_of(hyperspectral))
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor("#123456"))
    QTest.keyClick(panel.pins, Qt.Key.Key_C)
    assert panel.pins.pins[0].colour == "#123456"
    assert panel.plot.curves[0].colour == "#123456"
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor())
    QTest.keyClick(panel.pins, Qt.Key.Key_C)
    assert panel.pins.pins[0].colour == "#123456"


def test_files_are_imported_in_the_background_and_bad_ones_told(panel, minerals, tmp_path, wait):
    write_library(tmp_path / "minerals.sli", minerals)
    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")
    heard = []
    panel.import_asked.connect(heard.append)
    panel.plot.files_dropped.emit(
        [str(tmp_path / "minerals.sli"), str(tmp_path / "points.gpkg"), str(tmp_path / "notes.txt")]
    )
    wait(lambda: "is no spectrum" in panel.status.text())
    assert [title for title, _ in panel.library.libraries] == ["minerals.sli"]
    assert [curve.name for curve in panel.plot.curves] == list(minerals.names)
    assert heard == [str(tmp_path / "points.gpkg")]


def test_of_large_libraries_only_what_is_ticked_is_drawn(panel, hyperspectral):
    names = tuple(f"spectrum {number}" for number in range(40))
    spectra = np.tile(hyperspectral.values, (40, 1))
    panel.add_library("large", SpectralLibrary(names, spectra, hyperspectral.wavelength_nm))
    assert panel.plot.curves == []
    panel.library.topLevelItem(0).child(7).setCheckState(0, Qt.CheckState.Checked)
    assert [curve.name for curve in panel.plot.curves] == ["spectrum 7"]
    panel.library.setCurrentItem(panel.library.topLevelItem(0))
    QTest.keyClick(panel.library, Qt.Key.Key_Delete)
    assert panel.library.libraries == []
    assert panel.plot.curves == []


def test_identify_lists_the_closest_spectra_and_draws_the_best(panel, minerals, wait):
    clay = Spectrum("layer", 0.5 * minerals.spectra[2] + 0.01, minerals.wavelength_nm)
    panel.pins.add(pin_of(clay, name="quarry"))
    panel.add_library("minerals", minerals)
    panel.commands.identify.trigger()
    wait(lambda: panel.matches.matches)
    assert panel.matches.matches[0][1].name == "clay"
    first = panel.matches.topLevelItem(0)
    assert (first.text(0), first.text(3)) == ("clay", "minerals")
    assert 0.0 <= float(first.text(1)) < 1.0
    assert float(first.text(2)) > 0.99
    assert "quarry is closest to clay" in panel.status.text()
    assert panel.tabs.currentWidget() is panel.matches
    panel.library.topLevelItem(0).child(2).setCheckState(0, Qt.CheckState.Unchecked)
    assert "clay" in [curve.name for curve in panel.plot.curves]


def test_identify_names_the_closest_beside_the_spectrum_itself(panel, minerals, wait):
    clay = Spectrum("layer", minerals.spectra[2].astype(np.float32).astype(float), minerals.wavelength_nm)
    panel.pins.add(pin_of(clay, name="quarry"))
    panel.add_library("minerals", minerals)
    panel.identify()
    wait(lambda: panel.matches.matches)
    names = [panel.matches.topLevelItem(row).text(0) for row in range(3)]
    assert names[0] == "clay (itself)"
    assert f"quarry is closest to {names[1]}: " in panel.status.text()
    assert [one.name for one in panel.matches.selected()] == [names[1]]


def test_identify_says_when_libraries_hold_only_the_spectrum_itself(panel, minerals, wait):
    panel.pins.add(pin_of(Spectrum("layer", minerals.spectra[2], minerals.wavelength_nm), name="quarry"))
    panel.add_library("clay", SpectralLibrary(("clay",), minerals.spectra[2:], minerals.wavelength_nm))
    panel.identify()
    wait(lambda: panel.matches.matches)
    assert panel.status.text() == "The libraries hold nothing but quarry itself; import another one."


def test_identify_leaves_bad_bands_out(panel, minerals, wait):
    values, good = minerals.spectra[1].copy(), np.ones(172, bool)
    values[10:20], good[10:20] = 9.0, False
    panel.show_current([(Spectrum("layer", values, minerals.wavelength_nm, good=good), COLOURS[0])], "")
    panel.add_library("minerals", minerals)
    panel.identify()
    wait(lambda: panel.matches.matches)
    assert panel.matches.matches[0][1].name == "gypsum"
    assert panel.matches.matches[0][1].angle_deg == pytest.approx(0.0, abs=1e-5)


def test_bands_without_wavelengths_are_left_out_of_comparisons_and_libraries(panel, minerals, wait):
    centres = np.r_[minerals.wavelength_nm, np.nan, np.nan]
    values = np.r_[minerals.spectra[2], 7.0, 8.0]
    spectrum = Spectrum("layer", values, centres, good=np.ones(174, bool))
    panel.pins.add(pin_of(spectrum, name="quarry"))
    panel.add_library("minerals", minerals)
    panel.identify()
    wait(lambda: panel.matches.matches)
    assert panel.matches.matches[0][1].name == "clay"
    library = library_of(panel.pins.pins)
    assert np.array_equal(library.spectra[0], minerals.spectra[2])
    assert np.array_equal(library.wavelength_nm, minerals.wavelength_nm)


def test_identify_without_spectrum_or_library_says_what_is_missing(panel, hyperspectral):
    panel.identify()
    assert "There is no spectrum to identify" in panel.status.text()
    panel.show_current([(hyperspectral, COLOURS[0])], "")
    panel.identify()
    assert "There is no library to compare with" in panel.status.text()


def test_spectra_without_wavelengths_beside_others_are_named(panel, hyperspectral):
    bare = Spectrum("bare", np.linspace(0, 1, 50))
    panel.show_current([(hyperspectral, COLOURS[0]), (bare, COLOURS[1])], "")
    assert panel.status.text() == "Not drawn, because their wavelengths are unknown: bare."


def test_view_unit_and_legend_act_on_the_plot(panel, hyperspectral):
    panel.show_current([(hyperspectral, COLOURS[0])], "")
    for index, view in enumerate(("values", "continuum", "derivative")):
        panel.view.setCurrentIndex(index)
        assert panel.plot.view == view
    panel.unit.setCurrentIndex(1)
    assert panel.plot.unit == "um"
    panel.commands.legend.trigger()
    assert panel.plot.with_legend is False


def test_every_action_has_a_key_of_its_own_and_a_tip(panel):
    actions = [*panel.commands.reading, *panel.commands.looking]
    keys = [action.shortcut().toString() for action in actions]
    assert all(keys)
    assert len(set(keys)) == len(keys)
    assert all(key in action.toolTip() for key, action in zip(keys, actions))


def test_place_is_typed_and_entered(panel):
    heard = []
    panel.place_typed.connect(heard.append)
    panel.place.setFocus()
    QTest.keyClicks(panel.place, "500105, 5299895")
    QTest.keyClick(panel.place, Qt.Key.Key_Return)
    assert heard == ["500105, 5299895"]


def test_all_controls_are_reached_by_tab(panel):
    panel.activateWindow()
    panel.plot.setFocus()
    seen = set()
    for _ in range(60):
        widget = QApplication.focusWidget()
        seen.add(widget)
        QTest.keyClick(widget, Qt.Key.Key_Tab)
    for widget in (panel.plot, panel.place, panel.view, panel.unit, panel.method, panel.layers):
        assert widget in seen, widget.accessibleName()
        assert widget.accessibleName()


def test_pins_survive_the_way_through_the_project(hyperspectral, multispectral):
    values = hyperspectral.values.copy()
    values[3] = np.nan
    good = np.ones(172, bool)
    good[9] = False
    full = Spectrum("a", values, hyperspectral.wavelength_nm, hyperspectral.fwhm_nm, values * 0.1, good)
    pins = [pin_of(full, multispectral, name="Käfer"), pin_of(Spectrum("bare", np.ones(5)), shown=False)]
    back = pins_from_json(pins_to_json(pins))
    assert [(p.name, p.colour, p.x, p.y, p.crs, p.shown) for p in back] == [
        (p.name, p.colour, p.x, p.y, p.crs, p.shown) for p in pins
    ]
    for one, other in zip(pins[0].spectra, back[0].spectra):
        assert np.array_equal(one.values, other.values, equal_nan=True)
        assert np.array_equal(one.wavelength_nm, other.wavelength_nm)
    assert np.array_equal(back[0].spectra[0].good, good)
    assert back[1].spectra[0].wavelength_nm is None


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"a": 1}', '[{"name": "x"}]', "null"])
def test_damaged_pins_are_left_out(text):
    assert pins_from_json(text) == []


def test_a_damaged_pin_does_not_take_the_others_along(hyperspectral):
    entries = json.loads(pins_to_json([pin_of(hyperspectral), pin_of(hyperspectral, name="good")]))
    del entries[0]["spectra"]
    assert [pin.name for pin in pins_from_json(json.dumps(entries))] == ["good"]


def test_names_and_colours_of_new_pins_are_free(hyperspectral):
    pins = [pin_of(hyperspectral, name="Pin 1"), pin_of(hyperspectral, name="Pin 3")]
    assert next_name(pins, "Pin {}") == "Pin 2"
    colours = []
    for _ in range(len(COLOURS)):
        colours.append(next_colour([pin_of(hyperspectral, colour=colour) for colour in colours]))
    assert sorted(colours) == sorted(COLOURS)


def test_library_of_pins_holds_their_main_spectra(hyperspectral, multispectral, tmp_path):
    pins = [pin_of(multispectral, hyperspectral, name="a, b"), pin_of(hyperspectral, name="c")]
    library = library_of(pins)
    assert np.array_equal(library.spectra, np.stack([hyperspectral.values] * 2))
    write_library(tmp_path / "pins.sli", library)
    back = read_library(tmp_path / "pins.sli")
    assert np.array_equal(back.spectra, library.spectra)
    assert np.array_equal(back.wavelength_nm, hyperspectral.wavelength_nm)
