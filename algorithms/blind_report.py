"""The report page of blind spectral super-resolution."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import numpy as np

from ..core.inference.blind_confidence import MEANING, confidence
from ..core.inference.blind_scene import BlindReport, Camera, class_name
from ..core.spectral import SpectralLibrary
from ..core.spectral.band_shapes import BandShapes
from . import unmixing_pictures as pictures
from .report_page import facts, page_of, rows_of, table_of, warnings_of

_TITLE = "Blind spectral super-resolution"
_WHAT_IT_MEANS = (
    "For one scene many pairs of an image and a response explain the bands. What the scene decides are "
    "the mean of each band and how the bands move together; it hardly decides widths, and shapes not at "
    "all. Nominal centres narrow the choice most; widths are then mainly those of known cameras with "
    "bands near by. A good fit does not prove a response right. Deviations are of the posterior around "
    "this solution; without nominal centres other solutions may lie far away."
)


def blind_page(report: BlindReport, output: str) -> str:
    """The page on a blind run whose result is ``output``."""
    return page_of(_TITLE, "\n".join(_body(report, output)))


def _body(report: BlindReport, output: str) -> Iterator[str]:
    missing = [] if pictures.available() else [pictures.MISSING]
    yield from warnings_of([*report.scene.warnings, *missing])
    yield table_of(facts(report.scene, output))
    yield from _camera("Response of the camera", report.camera, report)
    for value, camera in report.classes.items():
        yield from _camera(f"Response in {class_name(value)}", camera, None)
    yield f"<h2>What can be known</h2><p>{MEANING}</p><p>{_WHAT_IT_MEANS}</p>"


def _camera(title: str, camera: Camera, report: BlindReport | None) -> Iterator[str]:
    """Curves, and a table of bands; the fit is that of the whole scene."""
    yield f"<h2>{escape(title)}</h2>"
    if pictures.available():
        yield pictures.spectra(_lines(camera), "Response per nm", "Responses of the bands", one_scale=True)
    centre, width = camera.centre_and_width_nm
    nominal = (
        ["unknown"] * len(centre) if camera.nominal_nm is None else [f"{v:.0f}" for v in camera.nominal_nm]
    )
    fit = report.scene.consistency if report is not None else {}
    head = ("Band", "Nominal centre nm", "Centre nm", "Width nm", "Confidence", "Fit |Y - R X|, median")
    rows = [
        (
            name,
            nominal[band],
            f"{centre[band]:.0f} ± {camera.found.centre_deviation_nm[band]:.0f}",
            f"{width[band]:.0f} ± {100 * camera.found.width_deviation[band]:.0f} %",
            word,
            f"{fit[name]:.5f}" if name in fit else "",
        )
        for band, (name, word) in enumerate(zip(camera.names, confidence(camera)))
    ]
    yield rows_of(head, rows)


def _lines(camera: Camera) -> list[pictures.Lines]:
    """The estimate, and where centres were given the bands of 40 nm that one would have taken without it."""
    grid, shapes = camera.grid, BandShapes(camera.grid)

    def lines(title: str, rows: np.ndarray) -> pictures.Lines:
        library = SpectralLibrary(camera.names, shapes.per_nm(rows), grid.wavelength_nm[grid.order])
        return pictures.Lines(title, library, range(len(rows)))

    found = [lines("Estimated", camera.stf)]
    if camera.nominal_nm is not None:
        bumps = shapes.rows(camera.nominal_nm, np.full(len(camera.names), 40.0), 2.0)
        found.append(lines("Nominal centres, 40 nm wide", bumps))
    return found
