import json
from dataclasses import replace
from itertools import chain, product

import pytest

from hyperlift.core.spectral import grid
from hyperlift.training.__main__ import main
from hyperlift.training.data.spectra import HELD_OUT, UNUSED
from hyperlift.training.data.texture import TEXTURES
from hyperlift.training.ingredients import leave_one_out as ingredients
from hyperlift.training.ingredients.leave_one_out import (
    SETTINGS,
    SPECTRA,
    SPLITS,
    ingredient_tables,
    leave_one_out,
)
from hyperlift.training.ingredients.trials import CONDITIONS, PLANS, SHARP, Trial

AREAS = ("Bavaria",)


def scores(psnr, angle):
    return dict.fromkeys(CONDITIONS, (psnr, angle))


def trial_of(job):
    return Trial(job.split, job.held_out.areas, job.without, job.plan.seed, {"job": job})


def with_files(folder):
    """The folder with an empty file for each collection and an image."""
    for place in ("cubes", "libraries", "sentinel2"):
        (folder / place).mkdir(exist_ok=True)
    for name in chain.from_iterable(SPECTRA.values()):
        (folder / "libraries" / f"{name}.npz").touch()
    (folder / "sentinel2" / next(iter(TEXTURES))).touch()
    return folder


def test_each_ingredient_is_left_out_once_for_each_split_and_seed(monkeypatch, tmp_path):
    monkeypatch.setattr(ingredients, "run_trial", trial_of)
    trials = list(leave_one_out(data=with_files(tmp_path), seeds=(3, 5), processes=1))
    assert len({(one.split, one.areas, one.without, one.seed) for one in trials}) == len(trials)
    for seed, name in product((3, 5), SPLITS):
        for held_out in SPLITS[name]:
            found = [
                one for one in trials if (one.split, one.areas, one.seed) == (name, held_out.areas, seed)
            ]
            known = [area for area in SPECTRA if area not in held_out.areas]
            assert [one.without for one in found] == ["nothing", *SETTINGS, *known]
            jobs = [one.scores["job"] for one in found]
            assert {(job.config.seed, job.plan.seed) for job in jobs} == {(seed, seed)}
            assert [job.left_out for job in jobs] == [SPECTRA.get(one.without, ()) for one in found]
            scenes = PLANS["perceptron"][1]
            changed = [replace(scenes, seed=seed, **SETTINGS.get(one.without, {})) for one in found]
            assert [job.config for job in jobs] == changed


def test_only_some_ingredients_are_left_out_when_asked(monkeypatch, tmp_path):
    monkeypatch.setattr(ingredients, "run_trial", trial_of)
    asked = {"only": ("Moffett", "PROSAIL canopies"), "splits": ("held-out areas", "the other areas")}
    trials = leave_one_out(data=with_files(tmp_path), processes=1, **asked)
    assert [(one.split, one.without) for one in trials] == [
        ("held-out areas", "nothing"),
        ("held-out areas", "PROSAIL canopies"),
        ("held-out areas", "Moffett"),
        ("the other areas", "nothing"),
        ("the other areas", "PROSAIL canopies"),
    ]


def test_each_network_is_measured_where_it_can_be_and_on_its_own_scenes(monkeypatch, tmp_path):
    monkeypatch.setattr(ingredients, "run_trial", trial_of)
    images = {"held-out areas", "the other areas", "each area by itself"}
    places = {"perceptron": set(SPLITS), "sharpening": images, "prior-net": {"held-out areas"}}
    channels = {"perceptron": 172, "sharpening": 172, "prior-net": 186}
    assert list(places) == list(PLANS)
    for network, splits in places.items():
        trials = list(leave_one_out(network, with_files(tmp_path), seeds=(3,), processes=1))
        assert {one.split for one in trials} == splits
        (plan,) = {one.scores["job"].plan for one in trials}
        assert plan == replace(PLANS[network][0], seed=3)
        assert plan.steps <= 1_500  # minutes, not hours
        scenes = trials[0].scores["job"].config
        assert scenes == replace(PLANS[network][1], seed=3)
        assert len(grid(scenes.target).wavelength_nm) == channels[network]


def test_the_command_knows_the_same_networks(capsys):
    with pytest.raises(SystemExit):
        main(["ingredients", "--network", "salt"])
    assert "(choose from 'perceptron', 'sharpening', 'prior-net')" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["usgs_splib07_aviris95_224", "soilspec_391"])
def test_what_is_measured_on_or_left_out_must_be_there(tmp_path, name):
    file = with_files(tmp_path) / "libraries" / f"{name}.npz"
    (tmp_path / "elsewhere").mkdir()
    file.rename(tmp_path / "elsewhere" / file.name)
    message = rf"lacks what is left out or measured on \({name}\): add it to cubes or libraries, or choose"
    with pytest.raises(FileNotFoundError, match=message):
        leave_one_out(data=tmp_path)
    leave_one_out(data=tmp_path, splits=("held-out areas",), only=("San Diego",))


def test_without_images_there_is_no_texture_to_leave_out(tmp_path):
    (image,) = (with_files(tmp_path) / "sentinel2").iterdir()
    image.unlink()
    with pytest.raises(FileNotFoundError, match="no images in sentinel2 whose texture could be left out"):
        leave_one_out(data=tmp_path)
    leave_one_out(data=tmp_path, only=("San Diego",))


def test_each_collection_that_is_used_is_of_an_ingredient(shared_data):
    there = {path.stem for place in ("cubes", "libraries") for path in (shared_data / place).glob("*.npz")}
    assert there - set(UNUSED) == set(chain.from_iterable(SPECTRA.values()))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"only": ("salt",)}, "no ingredient 'salt'; choose among: 'texture of"),
        ({"splits": ("halves",)}, "no split 'halves'; choose among: 'held-out areas', 'the other"),
        ({"network": "salt"}, "no network 'salt'; choose among: 'perceptron', 'sharpening'"),
        (
            {"network": "sharpening", "splits": ("the other areas", "snow")},
            "'sharpening' cannot be measured on the split 'snow'; choose among: 'held-out areas', 'the other",
        ),
        (
            {"network": "prior-net", "splits": ("the other areas",)},
            "'prior-net' cannot be measured on the split 'the other areas'; choose among: 'held-out areas'.",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused_by_name(tmp_path, asked, message):
    with pytest.raises(ValueError, match=message):
        leave_one_out(data=tmp_path, **asked)


def test_the_command_passes_on_what_to_leave_out_and_keeps_what_it_found(monkeypatch, tmp_path, capsys):
    asked = {}

    def found(network, _data, **options):
        asked.update(options, network=network)
        return [Trial("x", AREAS, "nothing", 4, scores(40.0, 3.0))]

    monkeypatch.setattr(ingredients, "leave_one_out", found)
    kept = tmp_path / "found.jsonl"
    kept.write_text("{}\n")
    options = [
        "--network",
        "sharpening",
        "--seed",
        "4",
        "--only",
        "Moffett",
        "--splits",
        "each area by itself",
        "--output",
        str(kept),
    ]
    assert main(["ingredients", *options]) == 0
    assert (asked["only"], asked["splits"]) == (["Moffett"], ["each area by itself"])
    assert (asked["network"], list(asked["seeds"])) == ("sharpening", [4])
    earlier, line = map(json.loads, kept.read_text().splitlines())
    assert earlier == {}
    assert (line["areas"], line["scores"][SHARP]) == (list(AREAS), [40.0, 3.0])
    assert "| nothing | 40.00 / 3.00 |" in capsys.readouterr().out


def test_an_interrupted_command_shows_what_it_found(monkeypatch, tmp_path, capsys):
    def found(*_arguments, **_options):
        yield Trial("x", AREAS, "nothing", 4, scores(40.0, 3.0))
        raise KeyboardInterrupt

    monkeypatch.setattr(ingredients, "leave_one_out", found)
    with pytest.raises(KeyboardInterrupt):
        main(["ingredients", "--output", str(tmp_path / "found.jsonl")])
    assert "| nothing | 40.00 / 3.00 |" in capsys.readouterr().out


def test_no_area_is_trained_and_tested_on():
    for held_out in chain.from_iterable(SPLITS.values()):
        assert set(held_out.tested) <= set(held_out.left_out)
    (bundled,), (others,), single, *libraries = SPLITS.values()
    assert set(bundled.tested) == set(HELD_OUT)
    assert set(bundled.areas).isdisjoint(others.areas)
    assert {area for one in single for area in one.areas} == {*bundled.areas, *others.areas}
    assert all(len(one.areas) == 1 for one in single)
    assert [one.left_out for (one,) in libraries] == [
        SPECTRA[name] for name in ("USGS libraries", "USGS libraries", "urban libraries")
    ]


def test_tables_show_changes_with_their_standard_errors():
    trials = [
        Trial("held-out areas", AREAS, "nothing", 1, scores(40.0, 3.0)),
        Trial("held-out areas", AREAS, "nothing", 2, scores(40.2, 3.0)),
        Trial("held-out areas", AREAS, "snow", 1, scores(39.0, 3.2)),
        Trial("held-out areas", AREAS, "snow", 2, scores(39.6, 3.2)),
    ]
    lines = ingredient_tables(trials).splitlines()
    assert lines[2].startswith("| nothing | 40.10 ± 0.10 / 3.00 ± 0.00 |")
    assert lines[3].startswith("| snow | -0.80 ± 0.20 / +0.20 ± 0.00 |")


def test_areas_held_out_by_themselves_are_averaged_each_against_itself():
    trials = [
        Trial("x", ("Bavaria",), "nothing", 0, scores(40.0, 3.0)),
        Trial("x", ("Moffett",), "nothing", 0, scores(30.0, 5.0)),
        Trial("x", ("Bavaria",), "snow", 0, scores(39.0, 3.2)),
        Trial("x", ("Moffett",), "snow", 0, scores(29.6, 5.0)),
        Trial("x", ("Bavaria",), "salt", 0, scores(39.5, 3.1)),
        Trial("x", ("Bavaria",), "nothing", 1, scores(41.0, 3.0)),
        Trial("x", ("Moffett",), "nothing", 1, scores(29.0, 5.0)),
        Trial("x", ("Bavaria",), "snow", 1, scores(40.0, 3.2)),
        Trial("x", ("Moffett",), "snow", 1, scores(28.6, 5.0)),
    ]
    table = ingredient_tables(trials)
    assert "| nothing | 35.00 ± 5.50 / 4.00 ± 1.00 |" in table
    assert "| snow | -0.70 ± 0.30 / +0.10 ± 0.10 |" in table  # two areas, not four trials
    assert "| salt | -0.50 / +0.10 |" in table


def test_a_single_seed_has_no_error():
    trials = [
        Trial("x", AREAS, name, 0, scores(psnr, 3.0)) for name, psnr in (("nothing", 40.0), ("y", 39.5))
    ]
    assert "| y | -0.50 / +0.00 |" in ingredient_tables(trials)


def test_each_split_has_a_table_of_its_own_conditions():
    scores_of = {"x": {"one": (1.0, 2.0)}, "y": {"two": (3.0, 4.0), "three": (5.0, 6.0)}}
    table = ingredient_tables(
        [Trial(split, AREAS, "nothing", 0, found) for split, found in scores_of.items()]
    )
    assert "| left out; x | one |\n|---|---|\n| nothing | 1.00 / 2.00 |" in table
    assert "| left out; y | two | three |\n|---|---|---|\n| nothing | 3.00 / 4.00 | 5.00 / 6.00 |" in table


def test_trials_without_their_counterpart_are_passed_over():
    trials = [
        Trial("x", AREAS, "nothing", 0, scores(40.0, 3.0)),
        Trial("x", AREAS, "y", 0, scores(39.0, 3.0)),
        Trial("x", AREAS, "y", 1, scores(9.0, 3.0)),
        Trial("z", AREAS, "y", 1, scores(9.0, 3.0)),
    ]
    table = ingredient_tables(trials)
    assert "| y | -1.00 / +0.00 |" in table
    assert "9.00" not in table


def test_at_least_one_seed_is_needed(tmp_path):
    with pytest.raises(ValueError, match="at least one seed"):
        leave_one_out(data=tmp_path, seeds=range(0))
