"""Tables of scores: margins of the model, scores by part, physicality; as Markdown and for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .physicality import TRUTH, Physicality
from .scores import FOOTPRINTS, PartScore, Score, mean_scores

MEAN = "mean"


@dataclass(frozen=True)
class Margin:
    """How far a model leads a reference: ``decibels`` of PSNR; ``angle_ratio`` below 1 is a lead."""

    footprints: str
    scene: str
    model: str
    reference: str
    decibels: float
    angle_ratio: float


def margins(scores: Sequence[Score], model: str, references: dict[str, tuple[str, ...]]) -> list[Margin]:
    """Margins of a model on every scene and in their mean, over the references of each footprints."""
    found = []
    for footprints in FOOTPRINTS:
        group = [one for one in scores if one.footprints == footprints]
        places = {name: [one for one in group if one.scene == name] for name in in_order(group, "scene")}
        for reference in references.get(footprints, ()):
            for scene, chosen in ({**places, MEAN: group} if group else {}).items():
                own, other = (mean_scores(chosen, name) for name in (model, reference))
                lead, ratio = own["psnr"] - other["psnr"], own["sam"] / other["sam"]
                found.append(Margin(footprints, scene, model, reference, lead, ratio))
    return found


def margin_table(found: Sequence[Margin]) -> str:
    """Margins as a Markdown table."""
    lines = ["| footprints | scene | of | over | PSNR dB | ratio of angles |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {m.footprints} | {m.scene} | {m.model} | {m.reference} "
        f"| {m.decibels:+.2f} | {m.angle_ratio:.2f} |"
        for m in found
    ]
    return "\n".join(lines) + "\n"


def mean_rows(scores: Sequence[Score]) -> list[Score]:
    """Mean over scenes of each footprints and method, as scores of a scene named :data:`MEAN`."""
    rows = []
    for footprints in FOOTPRINTS:
        group = [one for one in scores if one.footprints == footprints]
        for method in in_order(group, "method"):
            rows.append(Score(MEAN, footprints, method, *mean_scores(group, method).values()))
    return rows


def part_means(scores: Sequence[PartScore]) -> list[PartScore]:
    """Mean of each footprints, method and part over the scenes that have the part."""
    means = []
    for footprints in FOOTPRINTS:
        group = [one for one in scores if one.footprints == footprints]
        for method in in_order(group, "method"):
            for part in in_order(group, "part"):
                chosen = [one for one in group if one.part == part and one.method == method]
                if chosen:
                    values = mean_scores(chosen, method).values()
                    means.append(PartScore(MEAN, footprints, method, *values, part))
    return means


def part_table(scores: Sequence[PartScore], parts: Sequence[str]) -> str:
    """PSNR in dB and angle in degrees of each part, as a Markdown table of means over scenes."""
    means = part_means(scores)
    shown = [part for part in parts if any(one.part == part for one in means)]
    lines = [
        "| footprints | method | " + " | ".join(shown) + " |",
        "|---" * (len(shown) + 2) + "|",
    ]
    for footprints in FOOTPRINTS:
        group = [one for one in means if one.footprints == footprints]
        for method in in_order(group, "method"):
            row = {one.part: f"{one.psnr:.2f} / {one.sam:.2f}" for one in group if one.method == method}
            cells = " | ".join(row.get(part, "") for part in shown)
            lines.append(f"| {footprints} | {method} | {cells} |")
    return "\n".join(lines) + "\n"


def physicality_table(found: Sequence[Physicality]) -> str:
    """Share of negative values and ringing, means over scenes, as a Markdown table."""
    lines = [
        "| footprints | method | negative values % | departure at joins | elsewhere | joins / truth's "
        "| elsewhere / truth's |",
        "|---|---|---|---|---|---|---|",
    ]
    for footprints in FOOTPRINTS:
        group = [one for one in found if one.footprints == footprints]
        truth = _physicality_means(group, TRUTH)[1:]
        for method in in_order(group, "method"):
            negative, *departures = _physicality_means(group, method)
            cells = [f"{100 * negative:.2f}", *(f"{value:.5f}" for value in departures)]
            cells += [f"{own / other:.2f}" if other else "" for own, other in zip(departures, truth)]
            lines.append(f"| {footprints} | {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _physicality_means(found: Sequence[Physicality], method: str) -> list[float]:
    """Means over scenes of negative values, departures at joins and elsewhere."""
    rows = [(one.negative, one.joins, one.elsewhere) for one in found if one.method == method]
    return np.mean(rows or [(np.nan,) * 3], axis=0).tolist()


def in_order(rows: Sequence[object], attribute: str) -> list[str]:
    """Distinct values of an attribute, as they first come."""
    return list(dict.fromkeys(getattr(row, attribute) for row in rows))
