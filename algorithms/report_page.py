"""A scene's report as a page for the browser: plain HTML, nothing to load or run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

from ..core.errors import HyperLiftError
from ..core.inference.report import SceneReport

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
    _write(path, "Spectral super-resolution", _body(report, output))


def write_facts(path: str, title: str, warnings: Iterable[str], facts: Mapping[str, str]) -> None:
    """Write warnings and a table of facts as a page.

    Raises:
        HyperLiftError: the page cannot be written.
    """
    _write(path, title, [*_warnings(warnings), _table(facts)])


def _write(path: str, title: str, body: Iterable[str]) -> None:
    page = _PAGE.format(title=title, body="\n".join(body))
    try:
        Path(path).write_text(page, encoding="utf-8")
    except OSError as error:
        raise HyperLiftError(
            f"The report '{path}' could not be written ({error.strerror}), but the result is complete; "
            "choose another place for the report."
        ) from error


def _body(report: SceneReport, output: str) -> Iterable[str]:
    yield from _warnings(report.warnings)
    yield _table(_facts(report, output))
    if report.consistency:
        yield "<h2>Consistency with the input</h2>"
        yield (
            "<p>Median of the absolute difference between the input and the result as Sentinel-2 would see "
            "it, in reflectance. Bands beyond the wavelengths of the result are left out.</p>"
        )
        yield _table({band: f"{value:.4f}" for band, value in report.consistency.items()}, numbers=True)


def _warnings(warnings: Iterable[str]) -> list[str]:
    return [f'<p class="warning">{escape(warning)}</p>' for warning in warnings]


def _facts(report: SceneReport, output: str) -> dict[str, str]:
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


def _table(rows: Mapping[str, str], numbers: bool = False) -> str:
    cell = '<td class="number">' if numbers else "<td>"
    lines = "\n".join(
        f"<tr><th>{escape(name)}</th>{cell}{escape(value)}</td></tr>" for name, value in rows.items()
    )
    return f"<table>\n{lines}\n</table>"
