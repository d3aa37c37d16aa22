import pytest

from hyperlift.training.evaluation.physicality import Physicality
from hyperlift.training.evaluation.score_tables import (
    margins,
    mean_rows,
    part_means,
    part_table,
    physicality_table,
)
from hyperlift.training.evaluation.scores import FOOTPRINTS, PartScore, Score

ONE, NATIVE = FOOTPRINTS


def scores():
    return [
        Score("a", ONE, "own", 40.0, 2.0, 0.01, 0.9),
        Score("a", ONE, "ridge", 39.0, 4.0, 0.02, 0.8),
        Score("b", ONE, "own", 36.0, 4.0, 0.03, 0.7),
        Score("b", ONE, "ridge", 38.0, 8.0, 0.02, 0.8),
        Score("a", NATIVE, "own", 30.0, 2.0, 0.03, 0.7),
    ]


def test_margins_of_scenes_and_of_their_mean():
    found = margins(scores(), "own", {ONE: ("ridge",)})
    assert [(m.scene, m.decibels, m.angle_ratio) for m in found] == [
        ("a", 1.0, 0.5),
        ("b", -2.0, 0.5),
        ("mean", -0.5, 0.5),
    ]


def test_means_keep_footprints_and_methods_apart():
    rows = {(one.footprints, one.method): one for one in mean_rows(scores())}
    assert rows[ONE, "own"].psnr == pytest.approx(38.0)
    assert rows[NATIVE, "own"].psnr == pytest.approx(30.0)
    assert len(rows) == 3


def test_parts_are_averaged_over_the_scenes_that_have_them():
    parts = [
        PartScore("a", ONE, "own", 40.0, 2.0, 0.01, 0.9, "water"),
        PartScore("a", ONE, "own", 30.0, 3.0, 0.01, 0.9, "snow"),
        PartScore("b", ONE, "own", 50.0, 4.0, 0.01, 0.9, "water"),
        PartScore("b", ONE, "other", 10.0, 4.0, 0.01, 0.9, "water"),
    ]
    means = {(one.method, one.part): one.psnr for one in part_means(parts)}
    assert means == {("own", "water"): 45.0, ("own", "snow"): 30.0, ("other", "water"): 10.0}
    table = part_table(parts, ("water", "snow", "soil"))
    assert "| one resolution | own | 45.00 / 3.00 | 30.00 / 3.00 |" in table
    assert "| one resolution | other | 10.00 / 4.00 |  |" in table
    assert "soil" not in table


def test_ringing_is_compared_with_the_truths():
    rows = [
        Physicality("a", ONE, "truth", 0.0, 0.001, 0.002),
        Physicality("b", ONE, "truth", 0.0, 0.003, 0.002),
        Physicality("a", ONE, "own", 0.01, 0.002, 0.001),
        Physicality("b", ONE, "own", 0.03, 0.004, 0.001),
    ]
    table = physicality_table(rows)
    assert "| one resolution | own | 2.00 | 0.00300 | 0.00100 | 1.50 | 0.50 |" in table
    assert "native" not in table
