"""Command line of the training module: ``python -m hyperlift.training COMMAND``."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from hyperlift.core.errors import HyperLiftError
from hyperlift.core.inference.models import card_name

from .files import put_in_place
from .networks import NETWORKS, configuration, part_of

MODELS = Path(__file__).resolve().parents[1] / "resources" / "models"
_Command = Callable[..., argparse.ArgumentParser]
_Add = Callable[[argparse.ArgumentParser], None]


def _number(kind: type, low: float, high: float, rule: str) -> Callable[[str], float]:
    """An option's type: a number of ``kind`` from ``low`` to ``high``, which is what ``rule`` says."""

    def number(text: str) -> float:
        value: float = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be {rule}, not {text}")
        return value

    number.__name__ = "whole number" if kind is int else "number"  # argparse names it where text is none
    return number


_count = _number(int, 1, math.inf, "above 0")
_size = _number(float, sys.float_info.min, sys.float_info.max, "above 0")
_share = _number(float, 0.0, 1.0, "from 0 to 1")


def _check_hold_out(options: argparse.Namespace) -> None:
    """Raise ValueError where areas are held out of no pairs."""
    if options.hold_out and options.pairs is None:
        raise ValueError("--hold-out names areas of --pairs: give both.")


def _train(options: argparse.Namespace) -> None:
    _check_hold_out(options)
    config = configuration(options.config)
    changes = {"steps": options.steps, "rate": options.rate}
    schedule = replace(config.schedule, **{name: value for name, value in changes.items() if value})
    checkpoint = part_of(options.config, "train").train(
        replace(config, schedule=schedule),
        options.output or Path("build/runs") / options.config,
        data=options.data,
        pairs=options.pairs,
        hold_out=options.hold_out,
        accelerator=options.device,
        seed=options.seed,
        resume=options.resume,
        weights=options.weights,
    )
    print(f"Checkpoint: {checkpoint}")


def _export(options: argparse.Namespace) -> None:
    export, name = part_of(options.network, "export"), options.network
    if name == "pgunet" and options.model is None:  # one file for each grid
        name = export.bundled_name(options.checkpoint)
    path = options.model or MODELS / f"{name}.onnx"
    with put_in_place(path) as unfinished:
        difference, halo = export.export_checkpoint(options.checkpoint, unfinished, data=options.data)
    print(f"Model: {path}; largest difference from torch {difference:.1e}; halo {halo} pixels")


def _evaluate(options: argparse.Namespace) -> None:
    _check_hold_out(options)
    if options.pairs is not None and not options.hold_out:
        raise ValueError("--pairs needs --hold-out: name the areas of the folder to measure on.")
    from .data.spectra import data_folder, missing_held_out

    chosen: dict[str, object] = {"perceptron": None} if options.without_mlp else {}
    if options.pairs is not None:
        from .data.pairs import PairFolder
        from .data.scenes import SceneConfig

        chosen["further"] = list(PairFolder(options.pairs, SceneConfig(), options.hold_out).held_out_scenes())
    if missing := missing_held_out(data_folder(options.data)):
        print(f"Warning: the tables lack held-out cubes: {', '.join(missing)}.", file=sys.stderr)
    evaluation = part_of(card_name(options.model), "evaluate")
    report = evaluation.evaluate(
        options.model, options.output, data=options.data, models=options.models, **chosen
    )
    print(report.with_name("scores.md").read_text(encoding="utf-8"))
    print(f"Report: {report}")


def _synthesize(options: argparse.Namespace) -> None:
    from .data.scenes import SceneConfig, scene_maker
    from .data.synthesize import observers_of, write_pairs

    observers = observers_of(options.sensor, options.response, options.footprint, options.pixel)
    given = {"native_share": options.native, "air_share": options.air}
    shares = {name: share for name, share in given.items() if share is not None}
    maker = scene_maker(SceneConfig(target=options.grid, **shares), options.data, observers=observers)
    write_pairs(maker, options.output, options.count, options.side, options.seed, options.pixel)
    print(f"Pairs of scenes: {options.output}")


def _ingredients(options: argparse.Namespace) -> None:
    from .ingredients.leave_one_out import ingredient_tables, leave_one_out

    seeds = range(options.seed, options.seed + options.seeds)
    found = leave_one_out(
        options.network,
        options.data,
        seeds=seeds,
        accelerator=options.device,
        processes=options.processes,
        only=options.only,
        splits=options.splits,
    )
    trials = []
    options.output.parent.mkdir(parents=True, exist_ok=True)
    try:
        with options.output.open("a", encoding="utf-8") as file:  # earlier trials took hours
            for trial in found:
                print(json.dumps(asdict(trial)), file=file, flush=True)
                where = f"{trial.split} ({', '.join(trial.areas)})"
                print(f"{where}, seed {trial.seed}, left out: {trial.without}", file=sys.stderr, flush=True)
                trials.append(trial)
    finally:  # what was found outlives an interruption
        print(ingredient_tables(trials))


def _sample(options: argparse.Namespace) -> None:
    from .sample.scene import make_sample_scene

    make_sample_scene(options.output, seed=options.seed)
    print(f"Sample scene: {options.output}")


def _add_synthesize(command: _Command, add_data: _Add) -> None:
    synthesize = command("synthesize", _synthesize, "Write synthetic scenes as pairs of GeoTIFFs.")
    synthesize.add_argument("--output", type=Path, default=Path("build/pairs"))
    synthesize.add_argument("--count", type=_count, default=16, help="number of pairs")
    synthesize.add_argument("--side", type=_count, default=96, help="side of a scene in pixels")
    synthesize.add_argument("--seed", type=int, default=0)
    synthesize.add_argument(
        "--grid", default="aviris172", help="name of a grid, or CSV of wavelength_nm,fwhm_nm"
    )
    known = ("sentinel2a", "sentinel2b", "sentinel2c")
    synthesize.add_argument("--sensor", nargs="+", default=list(known), choices=known)
    synthesize.add_argument("--response", type=Path, help="CSV of another sensor's responses: nm, then bands")
    synthesize.add_argument("--footprint", type=_size, nargs="+", help="metres, of each band in --response")
    synthesize.add_argument(
        "--pixel", type=_size, default=10.0, help="ground sampling of the scenes in metres"
    )
    synthesize.add_argument("--native", type=_share, help="share of scenes seen at native footprints, 0 to 1")
    synthesize.add_argument(
        "--air", type=_share, help="share with adjacency and haze, 0 to 1 (default: none)"
    )
    add_data(synthesize)


def _add_train(
    command: Callable[..., argparse.ArgumentParser],
    add_data: Callable[..., None],
    add_hold_out: Callable[..., None],
) -> None:
    train = command("train", _train, "Train a network; checkpoints and logs go to --output.")
    train.add_argument("--config", default="explains2a", help="a network, or another name in its config.py")
    train.add_argument("--output", type=Path, help="default: build/runs/CONFIG")
    train.add_argument("--pairs", type=Path, help="folder of <name>_msi.tif and <name>_hsi.tif to train on")
    add_hold_out(train)
    train.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    train.add_argument("--steps", type=_count, help="optimiser steps, instead of the configuration's")
    train.add_argument("--rate", type=_size, help="peak learning rate, instead of the configuration's")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --output")
    train.add_argument("--weights", type=Path, help="checkpoint to start from, with a new schedule")
    add_data(train)


def _add_evaluate(
    command: Callable[..., argparse.ArgumentParser],
    add_data: Callable[..., None],
    add_hold_out: Callable[..., None],
) -> None:
    evaluate = command(
        "evaluate", _evaluate, "Measure a model on held-out scenes and real Sentinel-2 images."
    )
    evaluate.add_argument("model", type=Path, nargs="?", default=MODELS / f"{NETWORKS[0]}.onnx")
    evaluate.add_argument("--output", type=Path, default=Path("build/evaluation"))
    evaluate.add_argument(
        "--pairs", type=Path, help="folder of pairs, to measure on the areas of --hold-out too"
    )
    add_hold_out(evaluate)
    evaluate.add_argument(
        "--models", type=Path, nargs="+", default=[], help="further .onnx or .ckpt files to compare with"
    )
    evaluate.add_argument(
        "--without-mlp",
        action="store_true",
        help="leave out the per-pixel network beside explains2a, trained once for about five minutes",
    )
    add_data(evaluate)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hyperlift.training", description=__doc__.split(":")[0])
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, run: object, summary: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=summary, description=summary)
        sub.set_defaults(run=run)
        return sub

    def add_data(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--data", type=Path, help="folder of cubes and libraries (default: HYPERLIFT_DATA)")

    def add_hold_out(sub: argparse.ArgumentParser) -> None:
        text = "areas (subfolders) of --pairs that 'train' does not see and 'evaluate' measures on"
        sub.add_argument("--hold-out", nargs="+", default=[], metavar="AREA", help=text)

    _add_synthesize(command, add_data)
    _add_train(command, add_data, add_hold_out)
    export = command("export", _export, "Write a checkpoint as an ONNX model with its card.")
    export.add_argument("checkpoint", type=Path)
    export.add_argument("model", type=Path, nargs="?", help="default: the bundled model's file")
    export.add_argument("--network", default=NETWORKS[0], choices=NETWORKS)
    add_data(export)
    _add_evaluate(command, add_data, add_hold_out)

    summary = "Leave each ingredient of the synthetic scenes out in turn and print the table."
    ingredients = command("ingredients", _ingredients, summary)
    ingredients.add_argument("--seed", type=int, default=0)
    ingredients.add_argument("--seeds", type=int, default=1, help="how many, from --seed on: results vary")
    ingredients.add_argument(
        "--only", nargs="+", default=(), metavar="NAME", help="default: all; an unknown one lists them"
    )
    trained = ("perceptron", "sharpening", "prior-net")
    what = "what is trained without them: on single pixels, or one that sees shapes"
    ingredients.add_argument("--network", default=trained[0], choices=trained, help=what)
    splits = "default: all that the network can be measured on"
    ingredients.add_argument("--splits", nargs="+", default=(), metavar="NAME", help=splits)
    kept = "a line of JSON is added for each trial as it ends"
    ingredients.add_argument("--output", type=Path, default=Path("build/ingredients.jsonl"), help=kept)
    ingredients.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    ingredients.add_argument(
        "--processes", type=_count, help="default: one for each processor, at most eight"
    )
    add_data(ingredients)

    sample = command("sample", _sample, "Make the bundled sample scene.")
    sample.add_argument("output", type=Path)
    sample.add_argument("--seed", type=int, default=0)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors that a user can mend are one sentence on stderr and exit code 1."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (HyperLiftError, ValueError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
