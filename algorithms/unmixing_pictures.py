"""Pictures for report pages by matplotlib, where it is installed: PNG inside the page, nothing to load."""

from __future__ import annotations

import base64
import importlib.util
import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.raster.blocks import PixelArray

if TYPE_CHECKING:
    from ..core.spectral.library import SpectralLibrary

MISSING = (
    "The pictures are missing: they need the Python package matplotlib, which the Python of QGIS does not "
    "have. Install it and run again to see them."
)

_HOLE_IN_SPACINGS = 3.0  # wider gaps between wavelengths are not drawn across
_DOTS_PER_INCH = 100
_MAPS_WIDE, _LARGEST_MAP = 8.0, 3.5  # inches, of all maps in a row and of one
_SPECTRA_WIDE, _MARGIN = 10.0, 1.0  # inches, of all spectra and beside those of an image
_POINTS = {"large": 12.0, "small": 8.33}  # sizes of titles
_WIDE_LETTER = 0.68  # of the size


@dataclass(frozen=True)
class Lines:
    """Spectra of one image to draw, and the number of the colour of each."""

    title: str
    library: SpectralLibrary
    colours: Sequence[int]


@dataclass(frozen=True)
class Map:
    """One band to draw, ``(rows, columns)``, and marks in rows and columns of it."""

    title: str
    plane: PixelArray
    marks: Sequence[tuple[float, float]] = ()


def available() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def spectra(
    parts: Sequence[Lines],
    label: str = "Value, in the unit of the image",
    caption: str = "Spectra of the endmembers",
    one_scale: bool = False,
) -> str:
    """Spectra over wavelength, or over the number of the band where that is unknown; images side by side.

    With ``one_scale`` the values of all images have the same axis.
    """
    figure = _figure(_SPECTRA_WIDE, 5.0)
    room = _SPECTRA_WIDE / len(parts) - _MARGIN
    panels = figure.subplots(1, len(parts), squeeze=False, sharey=one_scale)[0]
    for axes, part in zip(panels, parts):
        centres = part.library.wavelength_nm
        for name, spectrum, colour in zip(part.library.names, part.library.spectra, part.colours):
            line = _broken(np.arange(1.0, len(spectrum) + 1) if centres is None else centres, spectrum)
            axes.plot(*line, color=f"C{colour % 10}", marker="." if len(spectrum) < 30 else "", label=name)
        axes.set_title(_fitting(part.title, room, "large"), fontsize=_POINTS["large"])
        axes.set(xlabel="Band" if centres is None else "Wavelength (nm)")
        axes.legend(fontsize="small", ncol=3, loc="upper center", bbox_to_anchor=(0.5, -0.15))
    figure.axes[0].set_ylabel(label)
    return _picture(figure, caption)


def curve(scores: dict[int, float], count: int, logarithmic: bool = False) -> str:
    """Scores over the number of endmembers, with a mark at the one that was chosen.

    A score of 0 has no place on a logarithmic scale, and the line is broken there.
    """
    figure = _figure(6.0, 3.0)
    axes = figure.subplots()
    axes.plot(list(scores), list(scores.values()), marker="o")
    axes.axvline(count, color="C1", linestyle="--", label=f"chosen: {count}")
    axes.set(xlabel="Number of endmembers", ylabel="Score")
    if logarithmic:
        axes.set_yscale("log", nonpositive="mask")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend()
    return _picture(figure, "Scores of the numbers of endmembers")


def maps(parts: Sequence[Map], columns: int, limits: tuple[float, float], label: str) -> str:
    """Maps with one colour scale between ``limits``, in rows of so many ``columns``."""
    rows = -(-len(parts) // columns)
    height, width = parts[0].plane.shape
    side = min(_MAPS_WIDE / columns, _LARGEST_MAP)
    titles = [_fitting(part.title, 0.9 * side, "small") for part in parts]
    title_high = 0.25 + 0.2 * max(title.count("\n") for title in titles)
    figure = _figure(columns * side + 1.0, rows * (side * min(max(height / width, 0.3), 3.0) + title_high))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, part, title in zip(grid, parts, titles):
        shown = axes.imshow(part.plane, vmin=limits[0], vmax=limits[1], interpolation="nearest")
        axes.set_title(title, fontsize=_POINTS["small"])
        for row, column in part.marks:
            axes.plot(column, row, "o", markersize=9, markerfacecolor="none", markeredgecolor="red")
    figure.colorbar(shown, ax=list(grid), label=label, aspect=30, fraction=0.04)
    return _picture(figure, label)


def _fitting(title: str, inches: float, size: str) -> str:
    """A title in lines that fit a width; one of more than three lines loses its middle."""
    letters = int(72.0 * inches / (_WIDE_LETTER * _POINTS[size]))
    if len(title) > 3 * letters:
        kept = 3 * letters // 2 - 1
        title = f"{title[:kept]}…{title[-kept:]}"
    return "\n".join(textwrap.wrap(title, letters)) or title


def _figure(width: float, height: float) -> Any:
    """An empty figure in inches, apart from the settings and windows of whoever else uses matplotlib."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), constrained_layout=True)


def _picture(figure: Any, caption: str) -> str:
    """The figure as an element of the page."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_DOTS_PER_INCH)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    return f'<p><img style="max-width: 100%" alt="{escape(caption)}" src="data:image/png;base64,{data}"></p>'


def _broken(centres: Any, values: Any) -> tuple[Any, Any]:
    """A line in the order of the wavelengths, broken where channels were left out."""
    order = np.argsort(centres, kind="stable")
    centres, values = np.asarray(centres)[order], np.asarray(values)[order]
    spacing = np.diff(centres)
    if len(centres) < 30:
        return centres, values
    holes = np.flatnonzero(spacing > _HOLE_IN_SPACINGS * np.median(spacing)) + 1
    return np.insert(centres, holes, np.nan), np.insert(values, holes, np.nan)
