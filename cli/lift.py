"""``python -m hyperlift lift INPUT OUTPUT``: the scene runner without QGIS."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import TextIO

from ..core.errors import HyperLiftError, RasterError, RuntimeMissingError
from ..core.inference.bands import band_numbers
from ..core.inference.devices import DEVICES
from ..core.inference.models import model_names
from ..core.inference.report import SceneReport
from ..core.inference.scene import LiftOptions, lift_scene
from ..core.inference.session import Session
from ..core.raster.output import DATA_TYPES, require_distinct

_INTERRUPTED = 130  # as a shell says it of a program that was interrupted


class TerminalMonitor:
    """Shows a run on a terminal: one line of progress, and sentences above it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.started = time.monotonic()
        self.shown = -1

    def progress(self, fraction: float) -> None:
        """Show whole per cents and the time they took."""
        percent = int(100 * fraction)
        if percent > self.shown:
            self.shown = percent
            end = "\n" if fraction >= 1 else ""
            seconds = time.monotonic() - self.started
            self.stream.write(f"\r{percent:3d} %  {seconds:.0f} s{end}")
            self.stream.flush()

    def cancelled(self) -> bool:
        """Never: Ctrl-C raises in the main thread."""
        return False

    def info(self, text: str) -> None:
        """A line of its own."""
        self.stream.write(f"{text}\n")

    def warning(self, text: str) -> None:
        """A line that stands out."""
        self.stream.write(f"WARNING: {text}\n")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    models = ", ".join(model_names()) or "none"
    parser = commands.add_parser(
        "lift", help="lift a Sentinel-2 image to a hyperspectral one", description=__doc__
    )
    parser.add_argument("input", help="Sentinel-2 image with 12 bands, or 10 without B1 and B9")
    parser.add_argument("output", help="GeoTIFF to write")
    parser.add_argument(
        "--model", default="explains2a", help=f"bundled model ({models}) or a model file (.onnx)"
    )
    parser.add_argument(
        "--bands", type=_numbers, default=(), help="band numbers in the model's order, e.g. 1,2,3,..."
    )
    parser.add_argument("--scale", type=float, help="reflectance per stored number (default: recognised)")
    parser.add_argument("--offset", type=float, help="reflectance of the stored number 0")
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--tile-size", type=int, help="side of a tile in pixels (default: the model's)")
    parser.add_argument("--data-type", choices=DATA_TYPES, default=DATA_TYPES[0])
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Lift, and return the exit code."""
    try:
        with _termination_interrupts():
            report = _lift(arguments, TerminalMonitor(sys.stderr))
    except HyperLiftError as error:
        print(f"\nError: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; nothing was written.", file=sys.stderr)
        return _INTERRUPTED
    print(_summary(arguments.output, report))
    return 0


@contextmanager
def _termination_interrupts() -> Iterator[None]:
    """SIGTERM, as schedulers send it, does what Ctrl-C does; only a main thread may decide that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _lift(arguments: argparse.Namespace, monitor: TerminalMonitor) -> SceneReport:
    try:  # here, so that --help works without rasterio
        from .rasterio_backend import RasterioSink, RasterioSource
    except ImportError as error:
        raise RuntimeMissingError(
            f"The Python package rasterio cannot be loaded ({error}): install it with 'pip install rasterio'."
        ) from error
    options = LiftOptions(
        bands=arguments.bands,
        scale=arguments.scale,
        offset=arguments.offset,
        tile=arguments.tile_size,
        data_type=arguments.data_type,
    )
    with closing(RasterioSource(arguments.input)) as source:
        require_distinct(arguments.output, source.files)
        session = Session.open(arguments.model, arguments.device)
        return lift_scene(source, partial(RasterioSink, arguments.output), session, options, monitor)


def _summary(output: str, report: SceneReport) -> str:
    lines = [f"{output}: {report.shape[0]} x {report.shape[1]} pixels"]
    lines.append(
        f"{report.seconds:.1f} s on {report.device}, {report.pixels_per_second:.0f} pixels per second, "
        f"{report.session_seconds:.1f} s in the network"
    )
    if report.consistency_median is not None:
        lines.append(
            f"seen again through the sensor: {report.consistency_median:.4f} from the input (median)"
        )
    return "\n".join(lines)


def _numbers(text: str) -> tuple[int, ...]:
    """Band numbers, with an error that argparse shows."""
    try:
        return band_numbers(text)
    except RasterError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
