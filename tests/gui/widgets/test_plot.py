"""The plot: what is drawn, where, and what mouse, keys and dropped files do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from qgis.PyQt.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from qgis.PyQt.QtGui import QColor, QDragEnterEvent, QDropEvent, QMouseEvent, QPalette, QWheelEvent
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication

from hyperlift.gui.plot.curves import Curve, line_of
from hyperlift.gui.plot.plot import SpectrumPlot
from hyperlift.gui.plot.scale import contrast, tick_labels, ticks, visible

RED, BLUE = "#ff0000", "#0000ff"


@pytest.fixture
def plot(shown) -> SpectrumPlot:
    made = shown(SpectrumPlot())
    made.show_legend(False)
    return made


def pixels(plot: SpectrumPlot) -> np.ndarray:
    """The picture as ``(rows, columns, red green blue)``."""
    image = plot.grab().toImage()
    image = image.convertToFormat(image.Format.Format_RGB32)
    data = image.constBits()
    data.setsize(image.sizeInBytes() if hasattr(image, "sizeInBytes") else image.byteCount())
    return np.frombuffer(data, np.uint8).reshape(image.height(), image.width(), 4)[:, :, 2::-1].copy()


def coloured(plot: SpectrumPlot, colour: str) -> np.ndarray:
    """Where the picture has about a colour."""
    wanted = np.array(QColor(colour).getRgb()[:3])
    return np.abs(pixels(plot).astype(int) - wanted).max(axis=2) < 60


def near(mask: np.ndarray, point: QPointF, radius: int = 3) -> bool:
    """Whether a mask is set somewhere near a pixel."""
    x, y = round(point.x()), round(point.y())
    return bool(mask[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1].any())


def test_hyperspectral_curve_passes_through_its_values(plot, hyperspectral):
    plot.show_curves([hyperspectral.curve("a", RED)])
    drawn, scale = coloured(plot, RED), plot.scale
    points = zip(hyperspectral.wavelength_nm[::9], hyperspectral.values[::9])
    assert all(near(drawn, scale.point(x, y), 2) for x, y in points)


def test_bad_bands_and_missing_values_are_gaps(plot, hyperspectral):
    good, values = np.ones(172, bool), hyperspectral.values.copy()
    good[40:50], values[60:65] = False, np.nan
    plot.show_curves([Curve("a", RED, values, hyperspectral.wavelength_nm, good=good)])
    drawn, scale = coloured(plot, RED), plot.scale
    middle = [scale.point(hyperspectral.wavelength_nm[n], hyperspectral.values[n]) for n in (44, 62, 30)]
    assert [near(drawn, point) for point in middle] == [False, False, True]
    runs = plot.lines[0].stretches()
    assert not any(np.isin(np.r_[40:50, 60:65], run).any() for run in runs)
    assert sum(map(len, runs)) == 172 - 15


def test_no_data_at_all_is_not_drawn_as_zero(plot, hyperspectral):
    plot.show_curves([Curve("a", RED, np.full(172, np.nan), hyperspectral.wavelength_nm)])
    assert not coloured(plot, RED).any()
    assert plot.lines[0].stretches() == []


def test_broad_bands_are_points_with_their_widths_as_bars(plot, multispectral):
    plot.show_curves([multispectral.curve("a", RED)])
    drawn, scale = coloured(plot, RED), plot.scale
    for centre, width, value in zip(multispectral.wavelength_nm, multispectral.fwhm_nm, multispectral.values):
        assert near(drawn, scale.point(centre, value), 1)
        if width > 60:
            for x in (centre - 0.45 * width, centre + 0.45 * width):
                assert near(drawn, scale.point(x, value), 1)
    swir = scale.point(2202.4, multispectral.values[-1])
    assert not near(drawn, QPointF(swir.x(), swir.y() + 8), 2)


def test_broad_bands_are_joined_only_to_near_ones(plot, multispectral):
    plot.show_curves([multispectral.curve("a", RED)])
    drawn, scale = coloured(plot, RED), plot.scale
    x, y = multispectral.wavelength_nm, multispectral.values
    order = np.argsort(x)
    x, y = x[order], y[order]
    joined = [near(drawn, scale.point((x[n] + x[n + 1]) / 2, (y[n] + y[n + 1]) / 2), 1) for n in (-3, -2)]
    assert joined == [False, False]
    assert [len(run) for run in plot.lines[0].stretches()] == [len(x) - 2, 1, 1]


def test_spread_is_a_band_around_the_curve(plot, hyperspectral):
    wide = replace(hyperspectral, spread=np.full(172, 0.05))
    plot.show_curves([wide.curve("a", RED)])
    picture, scale = pixels(plot), plot.scale
    for band in (20, 100, 150):
        x, y = hyperspectral.wavelength_nm[band], hyperspectral.values[band]
        inside = scale.point(x, y + 0.03)
        outside = scale.point(x, y + 0.07)
        red, green, blue = picture[round(inside.y()), round(inside.x())].astype(int)
        assert red > green + 20
        red, green, blue = picture[round(outside.y()), round(outside.x())].astype(int)
        assert abs(red - green) < 10
        assert abs(green - blue) < 10


def test_views_show_continuum_removed_and_derivative(plot, hyperspectral):
    curve = hyperspectral.curve("a", RED)
    removed, slope = line_of(curve, "continuum"), line_of(curve, "derivative")
    assert np.nanmax(removed.y) == pytest.approx(1.0)
    assert np.nanmin(removed.y) < 1.0
    inside = slice(20, 60)
    expected = 0.2 / 300 * np.cos(hyperspectral.wavelength_nm / 300)
    assert slope.y[inside] == pytest.approx(expected[inside], abs=1e-5)
    plot.show_curves([curve])
    plot.show_view("continuum")
    assert plot.scale.y[1] == pytest.approx(1.0, abs=0.1)
    plot.show_view("derivative")
    assert plot.scale.y[1] < 1e-3


def test_unit_changes_the_words_and_not_the_place(plot, hyperspectral, press):
    plot.show_curves([hyperspectral.curve("a", RED)])
    press(plot, Qt.Key.Key_Right)
    before = plot.scale.x
    assert "462.8 nm (band 1)" in plot.cursor_text()
    plot.show_unit("um")
    assert "0.4628 µm (band 1)" in plot.cursor_text()
    assert plot.scale.x == before


def test_curves_without_wavelengths_are_numbered_unless_others_have_some(plot, hyperspectral):
    bare = Curve("bare", BLUE, np.linspace(0.1, 0.4, 50))
    plot.show_curves([bare])
    assert plot.lines[0].x.tolist() == list(range(1, 51))
    assert plot.left_out == []
    plot.show_curves([bare, hyperspectral.curve("a", RED)])
    assert [curve.name for curve in plot.curves] == ["a"]
    assert plot.left_out == [bare]


def test_mouse_reads_out_the_nearest_value(plot, hyperspectral):
    plot.show_curves([hyperspectral.curve("lifted", RED)])
    heard = []
    plot.read_out.connect(heard.append)
    point = plot.scale.point(hyperspectral.wavelength_nm[50], hyperspectral.values[50])
    QTest.mouseMove(plot, QPoint(5, 5))
    QTest.mouseMove(plot, point.toPoint())
    QApplication.processEvents()
    assert heard[-1].startswith(f"lifted: {hyperspectral.values[50]:.5g}"[:12])
    assert f"{hyperspectral.wavelength_nm[50]:.1f} nm (band 51)" in heard[-1]
    assert plot.accessibleDescription() == heard[-1]


def test_arrows_walk_along_the_curve_and_to_the_next(plot, hyperspectral, multispectral, press):
    plot.show_curves([hyperspectral.curve("lifted", RED), multispectral.curve("S2", BLUE)])
    for _ in range(4):
        press(plot, Qt.Key.Key_Right)
    assert "(band 4)" in plot.cursor_text()
    press(plot, Qt.Key.Key_Left)
    assert "(band 3)" in plot.cursor_text()
    press(plot, Qt.Key.Key_Down)
    assert plot.cursor_text().startswith("S2: ")
    assert "492.7 nm (band 2)" in plot.cursor_text()
    press(plot, Qt.Key.Key_Up)
    assert plot.cursor_text().startswith("lifted: ")


def test_walking_goes_by_wavelength_over_gaps_and_stops_at_the_ends(plot, press):
    values = np.array([0.1, 0.2, np.nan, 0.4])
    plot.show_curves([Curve("a", RED, values, np.array([700.0, 500.0, 600.0, 400.0]))])
    seen = []
    for _ in range(5):
        press(plot, Qt.Key.Key_Right)
        seen.append(plot.cursor_text().split(", ")[1][:5])
    assert seen == ["400.0", "500.0", "700.0", "700.0", "700.0"]


def test_wheel_zooms_about_the_pointer_and_keys_about_the_middle(plot, hyperspectral, press):
    plot.show_curves([hyperspectral.curve("a", RED)])
    before, at = plot.scale, plot.scale.frame.center() + QPointF(60, 20)
    place = before.place(at)
    none = Qt.KeyboardModifier
    for modifier, x_zooms, y_zooms in (
        (none.NoModifier, True, True),
        (none.ControlModifier, False, True),
        (none.ShiftModifier, True, False),
    ):
        plot.show_all()
        wheel = QWheelEvent(
            at, QPointF(plot.mapToGlobal(at.toPoint())), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
            modifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(plot, wheel)
        assert (plot.scale.x != before.x, plot.scale.y != before.y) == (x_zooms, y_zooms)
        assert plot.scale.place(at) == pytest.approx(place)
    press(plot, Qt.Key.Key_Home)
    assert plot.scale == before
    press(plot, Qt.Key.Key_Plus)
    assert np.ptp(plot.scale.x) == pytest.approx(np.ptp(before.x) / 1.25)
    press(plot, Qt.Key.Key_Minus)
    assert plot.scale.x == pytest.approx(before.x)


def test_dragging_pans_and_a_double_click_shows_everything(plot, hyperspectral, press):
    plot.show_curves([hyperspectral.curve("a", RED)])
    before = plot.scale
    middle = before.frame.center().toPoint()
    QTest.mousePress(plot, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
    place = before.place(QPointF(middle))
    target = middle + QPoint(-50, 30)
    move = QMouseEvent(
        QEvent.Type.MouseMove, QPointF(target), QPointF(plot.mapToGlobal(target)), Qt.MouseButton.NoButton,
        Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(plot, move)
    QTest.mouseRelease(plot, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, target)
    assert plot.scale.place(QPointF(target)) == pytest.approx(place)
    press(plot, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert plot.scale.x[0] > before.x[0]
    QTest.mouseDClick(plot, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
    assert plot.scale == before


def test_dropped_files_are_handed_on(plot, tmp_path):
    heard = []
    plot.files_dropped.connect(heard.append)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / "a.sli")), QUrl("https://example.org/b.sli")])
    button, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    copy = Qt.DropAction.CopyAction
    enter = QDragEnterEvent(QPoint(20, 20), copy, mime, button, keys)
    QApplication.sendEvent(plot, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(plot, QDropEvent(QPointF(20, 20), copy, mime, button, keys))
    assert heard == [[str(tmp_path / "a.sli")]]


def test_legend_names_the_curves_and_can_be_hidden(plot, hyperspectral):
    plot.show_curves([hyperspectral.curve("a curve", RED)])
    without = pixels(plot)
    plot.show_legend(True)
    assert (pixels(plot) != without).any()
    plot.show_legend(False)
    assert np.array_equal(pixels(plot), without)


def test_legend_hides_nothing_of_the_curves(plot, hyperspectral):
    plot.show_curves([hyperspectral.curve(f"curve {number}", RED, thick=True) for number in range(4)])
    plot.show_legend(True)
    frame, words = plot.scale.frame, plot.fontMetrics().height()
    plot.show_curves([replace(curve, values=np.full(172, np.nan)) for curve in plot.curves])
    samples = coloured(plot, RED)
    assert samples[int(frame.bottom()) + 2 * words :].any()
    assert not samples[: int(frame.bottom()) + 2 * words].any()


def test_legend_names_libraries_first_and_each_pin_once(plot, hyperspectral, multispectral):
    curves = [multispectral.curve("S2", BLUE)]
    curves += [hyperspectral.curve(f"Lake · {number}", RED, group="Lake") for number in range(3)]
    plot.show_curves([*curves, hyperspectral.curve("clay", BLUE, dashed=True)])
    assert plot.legend == []
    plot.show_legend(True)
    assert [entry.name for entry in plot.legend] == ["clay", "S2", "Lake"]


def test_legend_takes_a_part_of_the_height_and_counts_what_finds_no_room(plot, hyperspectral):
    plot.show_curves([hyperspectral.curve(f"a layer with a name {n}", RED) for n in range(60)])
    before = plot.scale.frame.height()
    plot.show_legend(True)
    *named, last = plot.legend
    assert last.name == f"and {60 - len(named)} more"
    assert 0.6 * before < plot.scale.frame.height() < before
    assert all(entry.name_left + entry.width <= plot.width() for entry in plot.legend)


def test_message_is_shown_where_there_is_no_curve(plot):
    empty = pixels(plot)
    plot.show_message("no data here (nodata)")
    assert (pixels(plot) != empty).any()


@pytest.mark.parametrize(("paper", "ink"), [("#ffffff", "#000000"), ("#1e1e1e", "#eeeeee")])
def test_everything_is_readable_on_light_and_dark_themes(plot, hyperspectral, paper, ink):
    palette = QPalette(plot.palette())
    for role in (QPalette.ColorRole.Base, QPalette.ColorRole.Window):
        palette.setColor(role, QColor(paper))
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.WindowText):
        palette.setColor(role, QColor(ink))
    plot.setPalette(palette)
    plot.show_curves([hyperspectral.curve("a", "#101060")])
    picture = pixels(plot).reshape(-1, 3)
    background = np.array(QColor(paper).getRgb()[:3])
    frame = plot.scale.frame
    inside = pixels(plot)[int(frame.top()) + 3 : int(frame.bottom()) - 3, int(frame.left()) + 3 :]
    assert (np.abs(inside.astype(int) - background).max(axis=2) == 0).mean() > 0.7
    assert (np.abs(picture.astype(int) - np.array(QColor(ink).getRgb()[:3])).max(axis=1) < 40).sum() > 50
    assert contrast(visible("#101060", QColor(paper)), QColor(paper)) >= 3.0


@pytest.mark.parametrize("colour", ["#1f77b4", "#ffff00", "#000000", "#ffffff", "#d62728"])
@pytest.mark.parametrize("paper", ["#ffffff", "#fdf6e3", "#2b2b2b", "#000000"])
def test_colours_stand_out_against_the_background(colour, paper):
    assert contrast(visible(colour, QColor(paper)), QColor(paper)) >= 3.0


@pytest.mark.parametrize(
    ("span", "most", "labels"),
    [
        ((400, 2500), 5, ["500", "1000", "1500", "2000", "2500"]),
        ((0.0, 0.42), 5, ["0.0", "0.1", "0.2", "0.3", "0.4"]),
        ((-0.3, 0.3), 3, ["-0.2", "0.0", "0.2"]),
        ((0.46, 0.57), 5, ["0.475", "0.500", "0.525", "0.550"]),
    ],
)
def test_ticks_are_round_and_told_apart(span, most, labels):
    assert tick_labels(ticks(span, most)) == labels


@pytest.mark.parametrize("span", [(0, 1e-7), (-3e-6, 4e-6), (1e4, 9e4), (0.1, 0.1003)])
def test_tick_labels_differ(span):
    values = ticks(span, 5)
    assert 3 <= len(values) <= 8
    assert len(set(tick_labels(values))) == len(values)
