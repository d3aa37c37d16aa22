"""The report of an evaluation: pictures, a page, Markdown tables and a file for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from hyperlift.core.inference.card import Card
from hyperlift.core.inference.report import SceneReport

from ..data.land_types import LAND_TYPES, RULES
from .error_pictures import Estimates, draw_biases, draw_error_maps, draw_errors, draw_examples
from .physicality import Physicality
from .score_tables import (
    MEAN,
    Margin,
    in_order,
    margin_table,
    mean_rows,
    part_means,
    part_table,
    physicality_table,
)
from .scores import FEWEST, FOOTPRINTS, REGIONS, SMALL, HeldOutScene, PartScore, SceneScores, markdown_table

_TARGET = 0.01  # reflectance: median difference of the output, seen by the sensor, from the input
_TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class RealScene:
    """A real image: its ``name``, the name of its ``picture`` and the ``report`` of lifting it."""

    name: str
    picture: str
    report: SceneReport


@dataclass(frozen=True, eq=False)
class Findings:
    """All that was measured.

    Attributes:
        card: of the model.
        scenes: held-out scenes and the estimate of every method, the model's among them.
        scores: of every scene and method.
        margins: of the model over the references.
        physicality: of every scene and method, and of the truth.
        real: images that were lifted.
        shown: for each footprints, the methods of the pictures, the model first.
    """

    card: Card
    scenes: list[tuple[HeldOutScene, Estimates]]
    scores: list[SceneScores]
    margins: list[Margin]
    physicality: list[Physicality]
    real: list[RealScene]
    shown: dict[str, tuple[str, ...]]


def write_report(findings: Findings, output: Path) -> Path:
    """Write ``report.html``, its pictures, ``scores.md`` and ``scores.json``; returns the page's path."""
    pictures = {scene.title: _draw(scene, found, findings, output) for scene, found in findings.scenes}
    own = findings.card.name
    own_first = [(scene, {own: found[own], **found}) for scene, found in findings.scenes]
    draw_errors(own_first, output / "errors.png")
    (output / "scores.md").write_text(markdown_report(findings), encoding="utf-8")
    (output / "scores.json").write_text(json.dumps(_summary(findings), indent=1), encoding="utf-8")
    environment = Environment(autoescape=True, loader=FileSystemLoader(_TEMPLATES), trim_blocks=True)
    environment.filters["groupby_first"] = _grouped
    text = environment.get_template("evaluation.html").render(
        name=own,
        digest=findings.card.digest,
        margins=findings.margins,
        fewest=FEWEST,
        rules=RULES,
        regions=REGIONS,
        groups=_groups(findings, pictures),
        physicality=findings.physicality,
        real=findings.real,
        target=_TARGET,
    )
    page = output / "report.html"
    page.write_text(text, encoding="utf-8")
    return page


def markdown_report(findings: Findings) -> str:
    """Margins, scores by scene, by land type and by wavelength region, and physicality, as Markdown."""
    small = {scene.name for scene, _ in findings.scenes if min(scene.hsi.shape[2:]) < SMALL}
    limits = ", ".join(f"{name} {low:.0f} to {high:.0f} nm" for name, (low, high) in REGIONS.items())
    land, regions = _part_scores(findings)
    return "\n".join(
        (
            margin_table(findings.margins),
            markdown_table([one.whole for one in findings.scores], small),
            "By land type, means over the scenes that have it, PSNR in dB / angle in degrees:\n",
            part_table(land, LAND_TYPES),
            f"By wavelength region ({limits}), likewise:\n",
            part_table(regions, tuple(REGIONS)),
            "Departures of a channel from the line between its neighbours, in reflectance; above the truth's "
            "they are ringing:\n",
            physicality_table(findings.physicality),
        )
    )


def _part_scores(findings: Findings) -> tuple[list[PartScore], list[PartScore]]:
    """Scores by land type and by wavelength region."""
    land = [part for one in findings.scores for part in one.by_land_type]
    return land, [part for one in findings.scores for part in one.by_region]


def _summary(findings: Findings) -> dict[str, object]:
    """What ``scores.json`` holds."""
    whole = [one.whole for one in findings.scores]
    land, regions = _part_scores(findings)
    tables = {
        "margins": findings.margins,
        "mean": mean_rows(whole),
        "held_out": whole,
        "by_land_type": land,
        "by_region": regions,
        "physicality": findings.physicality,
    }
    pixels = {
        scene.name: {kind: int((scene.land[scene.present] == at).sum()) for at, kind in enumerate(LAND_TYPES)}
        for scene, _ in findings.scenes
    }
    reports = {one.name: one.report for one in findings.real}
    real = {name: {"all": one.consistency_median, **one.consistency} for name, one in reports.items()}
    return {
        "model": {"name": findings.card.name, "digest": findings.card.digest},
        "regions_nm": REGIONS,
        "land_type_pixels": pixels,
        **{name: [asdict(one) for one in rows] for name, rows in tables.items()},
        "real": real,
    }


def _draw(scene: HeldOutScene, estimates: Estimates, findings: Findings, output: Path) -> dict[str, str]:
    """Draw a held-out scene; returns what each picture's file shows."""
    stem = scene.title.replace(", ", "_").replace(" ", "_")
    shown = {name: estimates[name] for name in findings.shown[scene.footprints]}
    drawings = {
        f"{stem}_spectra.png": (draw_examples, "A typical spectrum of each land type"),
        f"{stem}_biases.png": (draw_biases, "Mean error by land type; dashed: the middle 80 % of the first"),
        f"{stem}_maps.png": (draw_error_maps, "Error maps"),
    }
    for name, (draw, _) in drawings.items():
        draw(scene, shown, output / name)
    return {name: text for name, (_, text) in drawings.items()}


def _groups(findings: Findings, pictures: dict[str, dict[str, str]]) -> list[dict[str, object]]:
    """Tables of each scene, those of their means first, as the page shows them."""
    land, regions = _part_scores(findings)
    rows = [
        (mean_rows([one.whole for one in findings.scores]), part_means(land), part_means(regions)),
        ([one.whole for one in findings.scores], land, regions),
    ]
    groups = []
    for tables in rows:
        for footprints in FOOTPRINTS:
            ours = [[one for one in table if one.footprints == footprints] for table in tables]
            for scene in in_order(ours[0], "scene"):
                whole, kinds, bands = ([one for one in table if one.scene == scene] for table in ours)
                title = f"{scene}, {footprints}"
                groups.append(
                    {
                        "title": f"{title} of scenes" if scene == MEAN else title,
                        "whole": whole,
                        "by_land_type": kinds,
                        "land_types": [name for name in LAND_TYPES if name in in_order(kinds, "part")],
                        "by_region": bands,
                        "regions": in_order(bands, "part"),
                        "pictures": pictures.get(title, {}),
                    }
                )
    return groups


def _grouped(rows: Sequence[object], attribute: str) -> list[tuple[str, list[object]]]:
    """Rows by an attribute, in the order in which its values first come."""
    return [(key, [r for r in rows if getattr(r, attribute) == key]) for key in in_order(rows, attribute)]
