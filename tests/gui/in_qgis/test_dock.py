"""The dock with a canvas: clicks, drags, following, several CRSs, pins in the project, libraries."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal, ogr
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsPointXY,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QPoint, Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication

import hyperlift
from hyperlift.core.errors import RasterError
from hyperlift.core.spectral import read_library
from hyperlift.gui.dock import SpectrumDock
from hyperlift.gui.layers import OpenSources

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def make_dock(desktop, wait):
    """Makes docks over what the project holds."""
    docks = []

    def make() -> SpectrumDock:
        dock = SpectrumDock(desktop)
        docks.append(dock)
        desktop.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
        dock.show()
        wait(dock.idle)
        desktop.canvas.setExtent(QgsRectangle(500000, 5299600, 500600, 5300000))
        return dock

    yield make
    for dock in docks:
        dock.shut_down()
        desktop.removeDockWidget(dock)
        dock.deleteLater()


@pytest.fixture
def dock(make_dock, add_layer, write_cube, cube):
    add_layer(write_cube(cube))
    return make_dock()


def look(dock, wait, place) -> None:
    """Look at a place and wait for the answer."""
    dock.panel.status.setText("")
    dock.look_at(place)
    wait(lambda: dock.panel.status.text())


def pixel_centre(row: int, column: int) -> QgsPointXY:
    return QgsPointXY(500000 + 10 * column + 5, 5300000 - 10 * row - 5)


def on_screen(dock, place: QgsPointXY) -> QPoint:
    point = dock._canvas.getCoordinateTransform().transform(place)
    return QPoint(round(point.x()), round(point.y()))


def test_click_shows_the_spectrum_of_the_pixel(dock, desktop, wait, cube):
    dock.panel.commands.pick.trigger()
    assert desktop.canvas.mapTool() is dock.tool
    pixel = on_screen(dock, pixel_centre(12, 34))
    QTest.mouseClick(desktop.canvas.viewport(), LEFT, NONE, pixel)
    wait(lambda: dock.panel.current)
    (spectrum,) = dock.panel.current
    assert spectrum.values == pytest.approx(cube[:, 12, 34] * 1e-4, abs=1e-12)
    assert spectrum.wavelength_nm == pytest.approx(450 + 12 * np.arange(60))
    assert [curve.name for curve in dock.panel.plot.curves] == ["cube"]
    assert "(EPSG:32633)." in dock.panel.status.text()


def test_drag_shows_mean_and_spread(dock, desktop, wait, cube):
    dock.panel.commands.pick.trigger()
    view = desktop.canvas.viewport()
    start, end = (on_screen(dock, pixel_centre(*place)) for place in ((5, 8), (20, 40)))
    QTest.mousePress(view, LEFT, NONE, start)
    QTest.mouseMove(view, (start + end) / 2)
    QTest.mouseRelease(view, LEFT, NONE, end)
    wait(lambda: dock.panel.current)
    (spectrum,) = dock.panel.current
    corners = [dock.tool.toMapCoordinates(point) for point in (start, end)]
    columns = sorted((corner.x() - 500000) / 10 for corner in corners)
    rows = sorted((5300000 - corner.y()) / 10 for corner in corners)
    inside = [np.arange(round(low), round(high)) for low, high in (rows, columns)]
    part = cube[:, inside[0]][:, :, inside[1]].reshape(60, -1) * 1e-4
    assert spectrum.values == pytest.approx(part.mean(axis=1))
    assert spectrum.spread == pytest.approx(part.std(axis=1))
    assert (
        f"mean and standard deviation of {part.shape[1]} of {part.shape[1]} pixels"
        in dock.panel.status.text()
    )


def test_pointer_is_followed_and_its_last_place_is_shown(dock, desktop, wait, cube):
    dock.panel.commands.follow.trigger()
    assert dock.panel.commands.pick.isChecked()
    view = desktop.canvas.viewport()
    for column in range(5, 55):
        QTest.mouseMove(view, on_screen(dock, pixel_centre(20, column)))
        QApplication.processEvents()
    wait(lambda: dock.panel.current and np.allclose(dock.panel.current[0].values, cube[:, 20, 54] * 1e-4))


def test_other_tool_unchecks_pick_and_pick_gives_the_former_tool_back(dock, desktop):
    from qgis.gui import QgsMapToolPan

    pan = QgsMapToolPan(desktop.canvas)
    desktop.canvas.setMapTool(pan)
    dock.panel.commands.pick.trigger()
    dock.panel.commands.pick.trigger()
    assert desktop.canvas.mapTool() is pan
    dock.panel.commands.pick.trigger()
    desktop.canvas.setMapTool(pan)
    assert not dock.panel.commands.pick.isChecked()
    desktop.canvas.unsetMapTool(pan)


@pytest.mark.parametrize(
    "transform",
    [
        (500000.0, 10.0, 0.0, 5299600.0, 0.0, 10.0),
        (500100.0, 8.0, 3.0, 5299900.0, 2.5, -8.0),
        (500000.0, 20.0, 0.0, 5300000.0, 0.0, -13.0),
    ],
    ids=["south up", "rotated", "other resolution"],
)
def test_layers_of_other_grids_and_crs_are_read_as_gdal_reads_them(
    make_dock, desktop, add_layer, write_cube, cube, wait, transform
):
    first = add_layer(write_cube(cube, "utm.tif", transform=transform), "utm")
    lonlat = gdal.Warp("", write_cube(cube, "src.tif"), format="MEM", dstSRS="EPSG:4326").GetGeoTransform()
    second = add_layer(write_cube(cube, "degrees.tif", epsg=4326, transform=lonlat), "degrees")
    dock = make_dock()
    desktop.canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
    to_map = QgsCoordinateTransform(
        first.crs(), QgsCoordinateReferenceSystem("EPSG:3857"), QgsProject.instance()
    )
    compared = 0
    for x, y in np.random.default_rng(5).uniform((500120, 5299700), (500500, 5299950), (8, 2)):
        place = to_map.transform(QgsPointXY(x, y))
        look(dock, wait, place)
        shown = {spectrum.name: spectrum for spectrum in dock.panel.current}
        for layer in (first, second):
            crs = QgsCoordinateTransform(
                QgsCoordinateReferenceSystem("EPSG:3857"), layer.crs(), QgsProject.instance()
            )
            point = crs.transform(place)
            command = [
                "gdallocationinfo",
                "-valonly",
                "-geoloc",
                layer.source(),
                repr(point.x()),
                repr(point.y()),
            ]
            lines = subprocess.run(command, capture_output=True, text=True).stdout.split()
            if lines:
                compared += 1
                assert shown[layer.name()].values == pytest.approx(np.array(lines, float) * 1e-4, abs=1e-12)
            else:
                assert layer.name() not in shown
                assert f"{layer.name()} does not reach here." in dock.panel.status.text()
    assert compared >= 8


def test_nodata_is_said_in_words_and_not_drawn(make_dock, add_layer, write_cube, cube, wait):
    cube[:, 3, 4] = -32768
    cube[:7, 5, 6] = -32768
    add_layer(write_cube(cube))
    dock = make_dock()
    look(dock, wait, pixel_centre(3, 4))
    assert "cube has no data here (nodata)." in dock.panel.status.text()
    assert dock.panel.plot.curves == []
    assert "no data here" in dock.panel.plot.message
    look(dock, wait, pixel_centre(5, 6))
    assert "cube has no data in 7 of 60 bands here." in dock.panel.status.text()
    assert np.isnan(dock.panel.current[0].values[:7]).all()
    look(dock, wait, QgsPointXY(0, 0))
    assert "cube does not reach here." in dock.panel.status.text()


def test_multispectral_points_lie_over_the_hyperspectral_curve(
    make_dock, add_layer, write_cube, cube, wait, sentinel2_names
):
    add_layer(write_cube(cube), "lifted")
    scene = np.random.default_rng(1).integers(100, 5000, (12, 20, 30)).astype(np.uint16)
    transform = (500000.0, 20.0, 0.0, 5300000.0, 0.0, -20.0)
    path = write_cube(scene, "s2.tif", names=sentinel2_names, nodata=0, scale=None, transform=transform)
    add_layer(path, "s2")
    dock = make_dock()
    look(dock, wait, pixel_centre(10, 10))
    curves = {curve.name: curve for curve in dock.panel.plot.curves}
    assert curves["s2"].broad
    assert not curves["lifted"].broad
    assert curves["s2"].fwhm_nm[7] == pytest.approx(109.3)
    assert curves["s2"].values == pytest.approx(scene[:, 5, 5] * 1e-4)


def test_uncertainty_beside_a_layer_is_its_band(make_dock, add_layer, write_cube, cube, wait):
    path = write_cube(cube, "lifted.tif")
    write_cube((cube // 10).astype(np.int16), "lifted_uncertainty.tif")
    add_layer(path, "lifted")
    dock = make_dock()
    look(dock, wait, pixel_centre(8, 9))
    (curve,) = dock.panel.plot.curves
    assert curve.spread == pytest.approx((cube[:, 8, 9] // 10) * 1e-4)


def test_uncertainty_of_another_layer_is_named_by_a_property(make_dock, add_layer, write_cube, cube, wait):
    other = add_layer(write_cube((cube // 7).astype(np.int16), "sigma.tif"), "sigma")
    layer = add_layer(write_cube(cube), "cube")
    layer.setCustomProperty("hyperlift/uncertainty", other.id())
    other.setCustomProperty("hyperlift/spectrum", "false")
    dock = make_dock()
    look(dock, wait, pixel_centre(8, 9))
    (spectrum,) = dock.panel.current
    assert spectrum.spread == pytest.approx((cube[:, 8, 9] // 7) * 1e-4)
    dock.panel.layers.uncertainty_chosen.emit(layer.id(), "")
    wait(lambda: dock.panel.current and dock.panel.current[0].spread is None)


def test_uncertainty_that_does_not_fit_is_said_and_the_spectrum_shown(
    make_dock, add_layer, write_cube, cube, wait, tmp_path
):
    layer = add_layer(write_cube(cube))
    far = write_cube(cube, "far.tif", transform=(900000.0, 10.0, 0.0, 5300000.0, 0.0, -10.0))
    broken = tmp_path / "broken.tif"
    broken.write_text("no raster")
    points = QgsVectorLayer("Point", "points", "memory")
    QgsProject.instance().addMapLayer(points)
    dock = make_dock()
    for named, words in (
        (write_cube(cube[:7], "few.tif"), "few.tif' has 7 bands and the layer 60; choose one with"),
        (far, "far.tif' does not reach here."),
        (str(broken), "broken.tif' could not be opened ("),
        ("removed_layer", "'removed_layer' could not be opened ("),
        (points.id(), "'points' comes from the provider 'memory' and has no spectra"),
    ):
        layer.setCustomProperty("hyperlift/uncertainty", named)
        look(dock, wait, pixel_centre(8, 9))
        assert "cube is shown without its uncertainty. " in dock.panel.status.text()
        assert words in dock.panel.status.text()
        (spectrum,) = dock.panel.current
        assert spectrum.values == pytest.approx(cube[:, 8, 9] * 1e-4)
        assert spectrum.spread is None


def test_uncertainty_layer_is_opened_without_its_open_options(make_dock, add_layer, write_cube, cube, wait):
    other = add_layer(write_cube((cube // 7).astype(np.int16), "sigma.tif") + "|option:NUM_THREADS=2")
    other.setCustomProperty("hyperlift/spectrum", "false")
    layer = add_layer(write_cube(cube))
    layer.setCustomProperty("hyperlift/uncertainty", other.id())
    dock = make_dock()
    look(dock, wait, pixel_centre(8, 9))
    assert dock.panel.current[0].spread == pytest.approx((cube[:, 8, 9] // 7) * 1e-4)


def test_uncertainty_of_a_layer_that_was_removed_meanwhile_is_left_alone(dock):
    dock._on_uncertainty("removed_layer", "")
    assert dock.panel.current == []


def test_bad_bands_and_wavelengths_of_custom_properties_are_used(
    make_dock, add_layer, write_cube, cube, wait
):
    layer = add_layer(write_cube(cube, names=["x"] * 60))
    layer.setCustomProperty("wavelength", [str(0.5 + number / 100) for number in range(60)])
    layer.setCustomProperty("QGISPAM/band/4//bad_band_multiplier", 0)
    dock = make_dock()
    look(dock, wait, pixel_centre(8, 9))
    (spectrum,) = dock.panel.current
    assert spectrum.wavelength_nm == pytest.approx(500 + 10 * np.arange(60))
    assert np.flatnonzero(~spectrum.good).tolist() == [3]


def test_properties_changed_later_are_seen_at_the_next_click(dock, wait):
    look(dock, wait, pixel_centre(1, 1))
    (layer,) = QgsProject.instance().mapLayers().values()
    layer.setCustomProperty("hyperlift/wavelength", ",".join(str(1000 + n) for n in range(60)))
    look(dock, wait, pixel_centre(1, 1))
    assert dock.panel.current[0].wavelength_nm[0] == 1000.0


def test_checks_are_kept_with_the_layers(dock, wait, make_dock):
    look(dock, wait, pixel_centre(1, 1))
    dock.panel.layers.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert "No layer is checked" in dock.panel.status.text()
    assert make_dock().panel.layers.checked() == []


def test_layers_come_and_go_with_the_project(dock, add_layer, write_cube, cube, wait):
    extra = add_layer(write_cube(cube, "extra.tif"), "extra")
    wait(lambda: dock.panel.layers.count() == 2)
    extra.setName("renamed")
    wait(lambda: "renamed" in [dock.panel.layers.item(row).text() for row in (0, 1)])
    QgsProject.instance().removeMapLayer(extra.id())
    wait(lambda: dock.panel.layers.count() == 1)
    add_layer(write_cube(cube[:2], "two.tif"), "two bands")
    QTest.qWait(50)
    assert dock.panel.layers.count() == 1


def pin(dock, wait, row, column):
    look(dock, wait, pixel_centre(row, column))
    dock.panel.commands.pin.trigger()


def test_pins_are_marked_on_the_map_and_move_with_its_crs(dock, desktop, wait):
    pin(dock, wait, 12, 34)
    (mark,) = dock.marks.pins
    kept = dock.panel.pins.pins[0]
    assert (mark.name, mark.colour) == ("Pin 1", kept.colour)
    assert (mark.place.x(), mark.place.y()) == (500345.0, 5299875.0)
    dock.panel.pins.replace(0, name="quarry", colour="#00ff00")
    assert (dock.marks.pins[0].name, dock.marks.pins[0].colour) == ("quarry", "#00ff00")
    desktop.canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:4326"))
    (moved,) = dock.marks.pins
    assert 14.9 < moved.place.x() < 15.1
    assert 47 < moved.place.y() < 48
    dock.panel.pins.remove_selected()
    assert dock.marks.pins == []


def test_closed_dock_leaves_no_mark_and_no_tool_on_the_map(dock, desktop, wait):
    dock.panel.commands.pick.trigger()
    pin(dock, wait, 12, 34)
    dock.close()
    assert dock.marks.pins == []
    assert desktop.canvas.mapTool() is not dock.tool
    dock.show()
    assert [mark.name for mark in dock.marks.pins] == ["Pin 1"]


def test_marks_are_painted(dock, desktop, wait):
    pin(dock, wait, 20, 30)
    dock.panel.pins.replace(0, colour="#ff00ff")
    QApplication.processEvents()
    image = desktop.canvas.grab().toImage()
    at = on_screen(dock, pixel_centre(20, 30))
    colours = {
        image.pixelColor(at.x() + dx, at.y() + dy).name() for dx in range(-5, 6) for dy in range(-5, 6)
    }
    assert "#ff00ff" in colours


def test_current_place_is_marked_in_no_colour_of_a_pin(dock, desktop, wait):
    look(dock, wait, pixel_centre(20, 30))
    image = desktop.canvas.grab().toImage()
    at = on_screen(dock, pixel_centre(20, 30))
    assert image.pixelColor(at).lightness() < 60
    assert image.pixelColor(at).hslSaturation() < 30


def test_pins_are_kept_in_the_project(dock, wait, cube, tmp_path):
    pin(dock, wait, 12, 34)
    pin(dock, wait, 2, 3)
    dock.panel.pins.replace(1, name="meadow", shown=False)
    path = str(tmp_path / "pins.qgz")
    assert QgsProject.instance().write(path)
    QgsProject.instance().clear()
    assert dock.panel.pins.pins == []
    assert dock.marks.pins == []
    assert QgsProject.instance().read(path)
    assert [(one.name, one.shown) for one in dock.panel.pins.pins] == [("Pin 1", True), ("meadow", False)]
    assert dock.panel.pins.pins[0].main().values == pytest.approx(cube[:, 12, 34] * 1e-4)
    assert len(dock.marks.pins) == 2


def test_nothing_to_pin_and_nothing_to_export_is_said(dock, tmp_path):
    dock.panel.commands.pin.trigger()
    assert "There is nothing to pin" in dock.panel.status.text()
    dock.pins.export(str(tmp_path / "none.sli"))
    assert "There are no spectra to put into a library" in dock.panel.status.text()
    dock.pins.export(str(tmp_path / "none.gpkg"))
    assert "There are no pins to export" in dock.panel.status.text()
    assert list(tmp_path.glob("none*")) == []


def test_pins_exported_as_library_are_read_back_by_others(dock, wait, cube, tmp_path):
    pin(dock, wait, 12, 34)
    pin(dock, wait, 2, 3)
    expected = cube[:, [12, 2], [34, 3]].T * 1e-4
    dock.pins.export(str(tmp_path / "pins.sli"))
    assert np.array_equal(read_library(tmp_path / "pins.sli").spectra, expected)
    header = (tmp_path / "pins.hdr").read_text(encoding="utf-8")
    (tmp_path / "image.hdr").write_text(header.replace("Spectral Library", "Standard"), encoding="utf-8")
    (tmp_path / "image.img").write_bytes((tmp_path / "pins.sli").read_bytes())
    assert np.array_equal(gdal.Open(str(tmp_path / "image.img")).ReadAsArray(), expected)
    dock.pins.export(str(tmp_path / "pins.csv"))
    table = np.genfromtxt(tmp_path / "pins.csv", delimiter=",", skip_header=1)
    assert np.array_equal(table[:, 1:].T, expected)


def test_spectral_python_reads_an_exported_library(dock, wait, cube, tmp_path):
    envi = pytest.importorskip("spectral.io.envi")
    pin(dock, wait, 12, 34)
    dock.pins.export(str(tmp_path / "pins.sli"))
    library = envi.open(str(tmp_path / "pins.hdr"), str(tmp_path / "pins.sli"))
    assert np.array_equal(library.spectra, cube[:, 12, 34][None] * 1e-4)
    assert library.names == ["Pin 1"]
    assert library.bands.centers == pytest.approx(450 + 12 * np.arange(60))


def test_pins_exported_as_points_are_read_back(dock, wait, cube, tmp_path):
    pin(dock, wait, 12, 34)
    pin(dock, wait, 2, 3)
    path = str(tmp_path / "pins.gpkg")
    dock.pins.export(path)
    source = ogr.Open(path)
    layer = source.GetLayerByName("spectra")
    assert [feature["name"] for feature in layer] == ["Pin 1", "Pin 2"]
    layer.ResetReading()
    points = [feature.GetGeometryRef().GetPoint_2D() for feature in layer]
    assert points == [(500345.0, 5299875.0), (500035.0, 5299975.0)]
    assert layer.GetSpatialRef().GetAuthorityCode(None) == "32633"
    source = None
    dock.panel.add_files([path])
    ((title, library),) = dock.panel.library.libraries
    assert title == "pins.gpkg"
    assert library.names == ("Pin 1", "Pin 2")
    assert np.array_equal(library.spectra, cube[:, [12, 2], [34, 3]].T * 1e-4)


def test_points_of_several_layers_become_a_library_for_each(
    dock, add_layer, write_cube, cube, wait, tmp_path
):
    add_layer(write_cube(cube[:10], "ten.tif"), "ten")
    pin(dock, wait, 12, 34)
    dock.pins.export(str(tmp_path / "pins.gpkg"))
    dock.pins.import_points(str(tmp_path / "pins.gpkg"))
    shapes = {title: library.spectra.shape for title, library in dock.panel.library.libraries}
    assert shapes == {"pins.gpkg: ten": (1, 10), "pins.gpkg: cube": (1, 60)}


def test_points_that_cannot_be_written_leave_nothing(dock, wait, tmp_path):
    pin(dock, wait, 12, 34)
    dock.pins.export(str(tmp_path / "none" / "pins.gpkg"))
    assert "pins.gpkg' could not be written (" in dock.panel.status.text()
    (tmp_path / "folder.gpkg").mkdir()
    dock.pins.export(str(tmp_path / "folder.gpkg"))
    assert "folder.gpkg' could not be written (" in dock.panel.status.text()
    assert not list(tmp_path.glob("*partial*"))


def test_other_geopackages_are_refused(dock, tmp_path):
    dock.pins.import_points(str(tmp_path / "none.gpkg"))
    assert "holds no layer 'spectra' with the fields name, layer" in dock.panel.status.text()


def test_a_raster_that_was_away_for_a_while_is_read_again(write_cube, cube):
    path = Path(write_cube(cube))
    away, sources = path.with_name("away.tif"), OpenSources()
    sources.opened(str(path))
    path.rename(away)
    with pytest.raises(RasterError):
        sources.opened(str(path))
    away.rename(path)
    assert sources.opened(str(path)).pixel(8, 9).values == pytest.approx(cube[:, 8, 9] * 1e-4)


def test_place_typed_in_is_read(dock, wait, cube):
    dock.panel.place_typed.emit("500345, 5299875")
    wait(lambda: dock.panel.current)
    assert dock.panel.current[0].values == pytest.approx(cube[:, 12, 34] * 1e-4)
    for wrong in ("here", "1.2.3, 4", ".., 4", "1e, 2"):
        dock.panel.say("")
        dock.panel.place_typed.emit(wrong)
        assert "Type two numbers" in dock.panel.status.text()


def test_layers_that_gdal_does_not_open_say_so(dock, wait, add_layer, monkeypatch):
    from qgis.core import QgsRasterLayer

    monkeypatch.setattr(QgsRasterLayer, "providerType", lambda _: "wcs")
    look(dock, wait, pixel_centre(1, 1))
    assert "comes from the provider 'wcs' and has no spectra that can be read" in dock.panel.status.text()


def test_files_are_closed_when_their_layers_are_removed(dock, wait):
    look(dock, wait, pixel_centre(1, 1))
    assert len(dock._sources._open) == 1
    QgsProject.instance().removeAllMapLayers()
    wait(lambda: dock.idle() and not dock._sources._open)


def test_file_written_anew_is_read_anew(dock, wait, write_cube, cube):
    look(dock, wait, pixel_centre(1, 1))
    write_cube((cube + 1).astype(np.int16))
    look(dock, wait, pixel_centre(1, 1))
    assert dock.panel.current[0].values == pytest.approx((cube[:, 1, 1] + 1) * 1e-4)


def test_reading_does_not_block_the_interface(dock, wait, monkeypatch):
    import time

    slow = type(dock._sources).answer

    def answer(self, question):
        time.sleep(0.5)
        return slow(self, question)

    monkeypatch.setattr(type(dock._sources), "answer", answer)
    start = time.monotonic()
    dock.look_at(pixel_centre(1, 1))
    assert time.monotonic() - start < 0.2
    wait(lambda: dock.panel.current)
    assert time.monotonic() - start >= 0.5


def test_plugin_makes_the_dock_when_asked_and_takes_everything_away(desktop, add_layer, write_cube, cube):
    add_layer(write_cube(cube))
    plugin = hyperlift.classFactory(desktop)
    plugin.initGui()
    assert plugin.dock is None
    assert desktop.icons == [plugin.action]
    plugin.action.trigger()
    assert desktop.docks == [plugin.dock]
    assert plugin.dock.isVisible()
    plugin.action.trigger()
    assert not plugin.dock.isVisible()
    plugin.unload()
    assert (desktop.icons, desktop.menus, desktop.docks) == ([], [], [])
    QgsProject.instance().clear()
