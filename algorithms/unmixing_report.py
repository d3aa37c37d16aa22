"""Report pages and tables of the unmixing algorithms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from . import unmixing_pictures as pictures
from .report_page import page_of, rows_of, table_of, warnings_of
from .unmixing_layers import centre_of

if TYPE_CHECKING:
    from ..core.unmixing.model_order import ModelOrder
    from .unmixing_comparison import Match
    from .unmixing_jobs import BoundedOrder, Separation

METHODS = {
    "mdl": ("minimum description length (MDL)", "length of the code in nats; the shortest is chosen"),
    "hysime": ("HySime", "mean square error above the least, which tells the number"),
    "hfc": ("HFC", "difference of the eigenvalues over its threshold; those above 1 count"),
}
_UNITS = "Value, in the unit of the table above"
_COLUMNS = 3  # maps beside each other
_BEYOND = 5  # numbers above the one that was found that are shown of HySime


def curve_csv(order: ModelOrder) -> str:
    """Scores by number of endmembers as a table of comma-separated values."""
    return "".join(
        ["endmembers,score\n", *(f"{number},{score:.10g}\n" for number, score in order.scores.items())]
    )


def count_page(title: str, method: str, order: BoundedOrder) -> str:
    """The page on the number of endmembers of an image."""
    number = str(order.count)
    if order.found != order.count:
        number += f", within the bounds that were given; the method found {order.found}"
    facts = {"Image": title, "Method": METHODS[method][0], "Number of endmembers": number}
    body = [table_of(facts), *_curve(method, order)]
    return report_page("Number of endmembers", body)


def separation_page(
    separation: Separation, files: Mapping[str, str], other: Separation | None, pairs: Sequence[Match]
) -> str:
    """The page on an image taken apart.

    Args:
        separation: of the image.
        files: that were written, by what they are.
        other: separation of another image of the same pixels to compare it with.
        pairs: which endmember of the other belongs to which.
    """
    body = [table_of({**_facts(separation), **{name: path for name, path in files.items() if path}})]
    if other is None:
        body += _alone(separation)
    else:
        body += _beside(separation, other, pairs)
    return report_page("Blind source separation", body)


def report_page(title: str, body: Sequence[str]) -> str:
    """A whole page, with a warning where its pictures are missing."""
    return page_of(title, "\n".join(_without_pictures(body)))


def _without_pictures(body: Sequence[str]) -> Iterator[str]:
    """The body, with a warning where matplotlib is missing."""
    if not pictures.available():
        yield from warnings_of([pictures.MISSING])
    yield from body


def _facts(separation: Separation) -> dict[str, str]:
    rows, columns = separation.shape
    found = "given" if separation.order is None else f"found by {METHODS['mdl'][0]}"
    unit = {"Unit": separation.unit} if separation.unit else {}
    return {
        "Image": separation.title,
        "Size": f"{rows} rows, {columns} columns, {separation.bands} bands in use",
        "Valid pixels": f"{separation.summary.pixels:,}",
        "Endmembers": f"{separation.count}, {found}",
        "Residual (RMSE)": f"{separation.summary.rmse_mean:.4g} on average, in the unit of the spectra; "
        f"{separation.relative_rmse:.2%} of its mean spectrum",
        **unit,
    }


def _alone(separation: Separation) -> Iterator[str]:
    yield "<h2>Spectra of the endmembers</h2>"
    lines = pictures.Lines(separation.title, separation.extraction.library, range(separation.count))
    if pictures.available():
        yield pictures.spectra([lines])
    yield from _places(separation)
    if separation.order is not None:
        yield from _curve("mdl", separation.order)
    yield "<h2>Abundances</h2>"
    if pictures.available():
        yield pictures.maps(_abundances(separation), _COLUMNS, (0.0, 1.0), "Abundance")
    yield from _residual([separation])


def _beside(separation: Separation, other: Separation, pairs: Sequence[Match]) -> Iterator[str]:
    """Both images, endmembers that belong together in one colour and beside each other."""
    yield f"<h2>Compared with {escape(other.title)}</h2>"
    yield table_of(_facts(other))
    yield (
        "<p>Endmembers of the two images are paired so that their abundances correlate most; the difference "
        "is the mean absolute one of the abundances. Both are those of the pixels of the pictures. "
        "Endmembers without a partner come last.</p>"
    )
    first, second = separation.extraction.library.names, other.extraction.library.names
    yield rows_of(
        (separation.title, other.title, "Correlation", "Difference"),
        [
            (first[pair.first], second[pair.second], f"{pair.correlation:.3f}", f"{pair.difference:.3f}")
            for pair in pairs
        ],
    )
    yield "<h2>Spectra of the endmembers</h2>"
    colours = _partners_colours(other, pairs, separation.count)
    if pictures.available():
        own = pictures.Lines(separation.title, separation.extraction.library, range(separation.count))
        yield pictures.spectra([own, pictures.Lines(other.title, other.extraction.library, colours)], _UNITS)
    for item in (separation, other):
        yield from _places(item)
        if item.order is not None:
            yield from _curve("mdl", item.order, item.title)
    yield "<h2>Abundances</h2>"
    if pictures.available():
        one, two = (_abundances(item, f"{item.title}: ") for item in (separation, other))
        beside = [part for pair in pairs for part in (one[pair.first], two[pair.second])]
        beside += [part for part in (*one, *two) if not any(part is shown for shown in beside)]
        yield pictures.maps(beside, 2, (0.0, 1.0), "Abundance")
    yield from _residual([separation, other])


def _partners_colours(other: Separation, pairs: Sequence[Match], first_free: int) -> list[int]:
    """Colours of the other image's endmembers: their partners', or colours that no partner has."""
    partners = {pair.second: pair.first for pair in pairs}
    return [partners.get(number, first_free + number) for number in range(other.count)]


def _places(separation: Separation) -> Iterator[str]:
    """Where the endmembers lie, and how much of the image they make up."""
    extraction = separation.extraction
    yield f"<h2>Places of the endmembers in {escape(separation.title)}</h2>"
    yield "<p>Rows and columns count from 0; x and y are the pixel's centre.</p>"
    rows = []
    for name, (row, column), mean in zip(
        extraction.library.names, extraction.places, separation.summary.mean
    ):
        centre = centre_of(extraction.georeference, row, column)
        place = (str(row), str(column), f"{centre.x():.10g}", f"{centre.y():.10g}")
        rows.append((name, *place, f"{mean:.1%}"))
    yield rows_of(("Endmember", "Row", "Column", "x", "y", "Mean abundance"), rows)


def _shown(method: str, order: BoundedOrder) -> dict[int, float]:
    """The scores to look at: HySime's, of every band, as differences from the least and around it only."""
    if method != "hysime":
        return order.scores
    least, last = min(order.scores.values()), max(order.most, order.found + _BEYOND)
    return {number: score - least for number, score in order.scores.items() if number <= last}


def _curve(method: str, order: BoundedOrder, title: str = "") -> Iterator[str]:
    scores = _shown(method, order)
    name, label = METHODS[method]
    yield f"<h2>Number of endmembers by {escape(name)}{f', {escape(title)}' if title else ''}</h2>"
    if pictures.available():
        yield pictures.curve(scores, order.count, logarithmic=method == "hysime")
    yield f"<p>Score: {escape(label)}.</p>"
    yield table_of({str(number): f"{score:.6g}" for number, score in scores.items()}, numbers=True)


def _abundances(separation: Separation, image: str = "") -> list[pictures.Map]:
    """A map for each endmember, with a ring around its pixel; ``image`` stands before its name."""
    look = separation.abundances
    return [
        pictures.Map(image + name, plane, [(row / look.step, column / look.step)])
        for name, plane, (row, column) in zip(
            separation.extraction.library.names, look.pixels, separation.extraction.places
        )
    ]


def _residual(separations: Sequence[Separation]) -> Iterator[str]:
    """What the mixtures do not explain, as maps and as percentiles."""
    yield "<h2>Residual</h2>"
    yield (
        "<p>Root mean square over the bands of what the mixtures leave over, in the unit of the spectra. "
        "Where it is large, a material is missing or light is mixed otherwise than linearly.</p>"
    )
    for item in separations:
        percentiles = item.summary.rmse_percentiles
        if pictures.available():
            largest = percentiles[max(percentiles)] or 1.0
            part = pictures.Map(item.title, item.residual.pixels[0])
            yield pictures.maps([part], 1, (0.0, largest), "RMSE")
    shares = list(separations[0].summary.rmse_percentiles)
    yield rows_of(
        ("Percentile of the RMSE", *(f"{share} %" for share in shares), "Mean", "Of the mean spectrum"),
        [
            (
                item.title,
                *(f"{item.summary.rmse_percentiles[share]:.4g}" for share in shares),
                f"{item.summary.rmse_mean:.4g}",
                f"{item.relative_rmse:.2%}",
            )
            for item in separations
        ],
    )
