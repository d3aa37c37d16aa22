"""Command line of the training module: ``python -m hyperlift.training {train,export,evaluate,sample}``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hyperlift.core.errors import HyperLiftError

DEFAULT_MODEL = Path(__file__).resolve().parents[1] / "resources" / "models" / "explains2a.onnx"


def _train(options: argparse.Namespace) -> None:
    from .config import CONFIGS
    from .train import train

    config = CONFIGS[options.config]
    changes = {"steps": options.steps, "rate": options.rate}
    schedule = replace(config.schedule, **{name: value for name, value in changes.items() if value})
    checkpoint = train(
        replace(config, schedule=schedule),
        options.output,
        data=options.data,
        pairs=options.pairs,
        accelerator=options.device,
        seed=options.seed,
        resume=options.resume,
        weights=options.weights,
    )
    print(f"Checkpoint: {checkpoint}")


def _export(options: argparse.Namespace) -> None:
    from .export import export_checkpoint

    difference, halo = export_checkpoint(options.checkpoint, options.model, data=options.data)
    print(f"Model: {options.model}; largest difference from torch {difference:.1e}; halo {halo} pixels")


def _evaluate(options: argparse.Namespace) -> None:
    from .evaluate import evaluate

    chosen = {"perceptron": None} if options.without_mlp else {}
    report = evaluate(options.model, options.output, data=options.data, models=options.models, **chosen)
    print(report.with_name("scores.md").read_text(encoding="utf-8"))
    print(f"Report: {report}")


def _sample(options: argparse.Namespace) -> None:
    from .sample_scene import make_sample_scene

    make_sample_scene(options.output, seed=options.seed)
    print(f"Sample scene: {options.output}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hyperlift.training", description=__doc__.split(":")[0])
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, run: object, summary: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=summary, description=summary)
        sub.set_defaults(run=run)
        return sub

    def add_data(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--data", type=Path, help="folder of cubes and libraries (default: HYPERLIFT_DATA)")

    train = command("train", _train, "Train a network; checkpoints and logs go to --output.")
    train.add_argument("--config", default="explains2a", choices=("explains2a", "explains2a-paper"))
    train.add_argument("--output", type=Path, default=Path("build/runs/explains2a"))
    train.add_argument("--pairs", type=Path, help="folder of <name>_msi.tif and <name>_hsi.tif to train on")
    train.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    train.add_argument("--steps", type=int, help="optimiser steps, instead of the configuration's")
    train.add_argument("--rate", type=float, help="peak learning rate, instead of the configuration's")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --output")
    train.add_argument("--weights", type=Path, help="checkpoint to start from, with a new schedule")
    add_data(train)

    export = command("export", _export, "Write a checkpoint as an ONNX model with its card.")
    export.add_argument("checkpoint", type=Path)
    export.add_argument("model", type=Path, nargs="?", default=DEFAULT_MODEL)
    add_data(export)

    evaluate = command(
        "evaluate", _evaluate, "Measure a model on held-out scenes and real Sentinel-2 images."
    )
    evaluate.add_argument("model", type=Path, nargs="?", default=DEFAULT_MODEL)
    evaluate.add_argument("--output", type=Path, default=Path("build/evaluation"))
    evaluate.add_argument(
        "--models", type=Path, nargs="+", default=[], help="further .onnx or .ckpt files to compare with"
    )
    evaluate.add_argument(
        "--without-mlp",
        action="store_true",
        help="leave out the per-pixel network, which is trained once, for about five minutes",
    )
    add_data(evaluate)

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
