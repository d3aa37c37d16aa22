"""A scene's report as a page for the browser: plain HTML, nothing to load or run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from ..core.inference.report import SceneReport
from .files import write_text

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font-family: sans-serif; margin: 2em auto; max-width: 50em; color: #222; background: #fff; }}
table {{ border-collapse: collapse; }}
th, td {{ text-align: left; vertical-align: top; padding: 0.3em 1em 0.3em 0; border-bottom: 1px solid #ddd; }}
td.number {{ text-align: right; }}
p.warning {{ background: #fff1cc; border-left: 4px solid #d08700; padding: 0.6em 1em; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def write_page(path: str, report: SceneReport, output: str) -> None:
    """Write the report of a lifted scene.

    Args:
        path: of the page.
        report: of the run.
        output: path of the result.

    Raises:
        HyperLiftError: the page cannot be written.
    """
    write_text(path, page_of("Spectral super-resolution", "\n".join(_body(report, output))))


def write_facts(path: str, title: str, warnings: Iterable[str], rows: Mapping[str, str]) -> None:
    """Write warnings and a table of facts as a page.

    Raises:
        HyperLiftError: the page cannot be written.
    """
    write_text(path, page_of(title, "\n".join([*warnings_of(warnings), table_of(rows)])))


def page_of(title: str, body: str) -> str:
    """A whole page."""
    return _PAGE.format(title=title, body=body)


def _body(report: SceneReport, output: str) -> Iterable[str]:
    yield from warnings_of(report.warnings)
    yield table_of(facts(report, output))
    if report.consistency:
        yield "<h2>Consistency with the input</h2>"
        yield (
            "<p>Median of the absolute difference between the input and the result as Sentinel-2 would see "
            "it, in reflectance. Bands beyond the wavelengths of the result are left out.</p>"
        )
        yield table_of({band: f"{value:.4f}" for band, value in report.consistency.items()}, numbers=True)


def warnings_of(warnings: Iterable[str]) -> list[str]:
    """Paragraphs that stand out."""
    return [f'<p class="warning">{escape(warning)}</p>' for warning in warnings]


def facts(report: SceneReport, output: str) -> dict[str, str]:
    """What was done to a scene, by name."""
    rows, columns = report.shape
    return {
        "Input": report.source,
        "Result": f"{output}, {rows} rows and {columns} columns",
        "Valid pixels": f"{report.valid_fraction:.1%} of {report.pixels:,}",
        "Model": f"{report.model}, {report.digest}",
        "Bands": report.bands,
        "Calibration": report.calibration,
        "Device": report.device,
        "Time": f"{report.seconds:,.1f} s, {report.pixels_per_second:,.0f} pixels per second, tiles of "
        f"{report.tile} pixels",
        "Consistency": "not defined"
        if report.consistency_median is None
        else f"{report.consistency_median:.4f} reflectance (median over all bands)",
    }


def table_of(rows: Mapping[str, str], numbers: bool = False) -> str:
    """A table of names and values."""
    cell = '<td class="number">' if numbers else "<td>"
    lines = "\n".join(
        f"<tr><th>{escape(name)}</th>{cell}{escape(value)}</td></tr>" for name, value in rows.items()
    )
    return f"<table>\n{lines}\n</table>"


def rows_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with a header."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    lines = "\n".join(
        "<tr>" + "".join(f"<td>{escape(value)}</td>" for value in row) + "</tr>" for row in rows
    )
    return f"<table>\n<tr>{head}</tr>\n{lines}\n</table>"
