"""The scene runner: read, lift and write a scene tile by tile, whatever its size.

A thread reads ahead and another writes behind while the network runs on the calling thread. The result does
not depend on the tiles: each is lifted with the surroundings that its pixels depend on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ModelError, RasterError
from ..quality.consistency import ConsistencyGauge
from ..raster.blocks import Block, MaskArray, PixelArray, RasterProfile, Sink, Source, Window
from ..raster.input import check_upright
from .bands import match_bands
from .calibration import calibrate
from .feeding import Feed, Feeder
from .graph_session import OutOfMemoryError
from .pipeline import discard, stream, watch
from .profile import output_profile, provenance, public_name
from .report import Monitor, SceneReport, SilentMonitor
from .session import Session
from .statistics import gather_statistics
from .tiling import TileRunner, tile_side, tiles


class Lifted(NamedTuple):
    """A tile's ``pixels`` (C, f*h, f*w), and by which responses ``(c, C)`` they were ``seen``: pixels (h, w)
    and that of each; none where the session's own holds everywhere.
    """

    pixels: PixelArray
    seen: Sequence[tuple[MaskArray, npt.NDArray[np.float64] | None]] = ()


Lift = Callable[[TileRunner, Feed], Lifted]
STF = "stf"  # the session's constant that holds the camera's response (c, C), where there is one
# Tiles in a row after which the source drops what it cached, so that memory does not grow with the width.
_CACHED_TILES = 8
_LARGEST_INCONSISTENCY = 0.01  # reflectance


@dataclass(frozen=True)
class LiftOptions:
    """What the user may set.

    Attributes:
        bands: band numbers (from 1) in the model's order; empty to recognise them.
        scale: reflectance per stored number; None to recognise it.
        offset: reflectance of the stored number zero; None to recognise it.
        window: part of the scene to lift; None for all of it.
        tile: side of a tile in pixels, rounded to a multiple of 16; None for the card's.
        data_type: of the output, ``int16`` (scale 1e-4) or ``float32``.
    """

    bands: tuple[int, ...] = ()
    scale: float | None = None
    offset: float | None = None
    window: Window | None = None
    tile: int | None = None
    data_type: str = "int16"


def lift_scene(
    source: Source,
    make_sink: Callable[[RasterProfile], Sink],
    session: Session,
    options: LiftOptions | None = None,
    monitor: Monitor | None = None,
    lift: Lift | None = None,
) -> SceneReport:
    """Lift a scene; after any failure nothing half written remains.

    Args:
        source: the multispectral raster.
        make_sink: creates the output.
        session: the network.
        options: what the user set.
        monitor: is told of progress and asked whether to stop, the latter from another thread as well.
        lift: lifts a feed by the runner of tiles, where running the session once is not all there is to do.

    Raises:
        RasterError: the raster cannot be used, read or written.
        ModelError: the network fails or memory does not suffice for the smallest tile.
        CancelledError: the monitor asked to stop.
    """
    run = _Run(source, session, options or LiftOptions(), monitor or SilentMonitor(), lift or lift_once)
    try:
        with ExitStack() as undo:
            sink = make_sink(run.profile())
            undo.push(partial(discard, sink))
            run.lift_into(sink)
            sink.commit()
            undo.pop_all()
    except MemoryError as error:
        raise OutOfMemoryError(
            f"The memory does not suffice for tiles of {run.side} x {run.side} pixels; choose a smaller "
            "tile size."
        ) from error
    return run.report()


def lift_once(runner: TileRunner, feed: Feed) -> Lifted:
    """Lift a feed's tile by one run of the session."""
    return Lifted(runner.run(feed.pixels, feed.outer, feed.tile))


class _Run:
    """One scene on its way through."""

    def __init__(
        self, source: Source, session: Session, options: LiftOptions, monitor: Monitor, lift: Lift
    ) -> None:
        self.started = time.perf_counter()
        self.lift_feed = lift
        self.source, self.session, self.options, self.monitor = source, session, options, monitor
        self.card = card = session.card
        self.window = part_of_scene(source, options.window)
        self.side = tile_side(options.tile or card.tile)
        self.match = match_bands(source.bands, card, options.bands)
        self.reflectance = calibrate(
            source, self.match.numbers, self.window, card.input.scale, options.scale, options.offset
        )
        self.feeder = Feeder(source, self.match, self.reflectance, card.halo)
        self.runner = TileRunner(session, card.halo, self._warn)
        self.gauge = ConsistencyGauge(
            card.input.sensor,
            card.output.grid,
            card.scale_factor,
            tuple(self.match.estimated),
            session.constants.get(STF),
        )
        self.warnings: list[str] = []
        self.session_seconds = 0.0
        self.valid = self.lost = self.impossible = 0
        self._announce()

    def profile(self) -> RasterProfile:
        """What the output looks like."""
        metadata = provenance(
            self.card, self.source, self.match, self.reflectance, self.session.device, self.side
        )
        return output_profile(
            self.card, self.source, self.window, self.side, self.options.data_type, metadata
        )

    def lift_into(self, sink: Sink) -> None:
        """Lift all tiles into a sink."""
        with ExitStack() as stack:
            watch(stack, self.monitor, self.session.interrupt)
            self.runner.statistics = gather_statistics(
                replace(self.feeder, halo=0), self.runner, self.monitor
            )
        stream(
            tiles(self.window, self.side),
            read=self._feed,
            compute=self._lift,
            write=partial(self._write, sink),
            size=lambda feed: feed.valid.size,
            total=self.window.height * self.window.width,
            monitor=self.monitor,
            interrupt=self.session.interrupt,
        )
        if not self.valid:
            if self.lost:
                raise ModelError(
                    f"The network in '{self.session.path}' gave no finite number; choose another."
                )
            if self.impossible:
                raise RasterError(
                    f"'{self.source.name}' has no pixel in this part that could be reflectance; correct "
                    "scale and offset, or choose another extent."
                )
            raise RasterError(
                f"'{self.source.name}' has no valid pixel in this part, all is nodata; choose another extent."
            )
        if self.impossible:
            self._warn(
                f"{self.impossible} pixels cannot be reflectance (below -0.5 or above 10) and were taken for "
                "nodata; declare the raster's nodata value, or correct scale and offset."
            )
        if self.lost:
            self._warn(
                f"For {self.lost} pixels of the input the network gave no finite numbers: they are nodata; "
                "look for absurd values there."
            )
        self._judge_consistency()

    def _judge_consistency(self) -> None:
        median = self.gauge.median()
        if median is not None and median > _LARGEST_INCONSISTENCY:
            self._warn(
                "Seen again through the sensor, the result differs from the input by "
                f"{median:.3f} reflectance (median): check that bands, scale and offset are right; if they "
                "are, the scene is unlike those of the training and the spectra are not to be relied on."
            )

    def report(self) -> SceneReport:
        """What was done."""
        rows, columns = self.window.height, self.window.width
        factor = self.card.scale_factor
        return SceneReport(
            source=public_name(self.source.name),
            model=self.card.name,
            digest=self.card.digest,
            device=", then ".join(self.runner.devices),
            shape=(rows * factor, columns * factor),
            tile=self.side,
            bands=self.match.how,
            calibration=self.reflectance.how,
            scale=tuple(float(value) for value in self.reflectance.scale),
            offset=tuple(float(value) for value in self.reflectance.offset),
            pixels=rows * columns,
            valid_fraction=self.valid / (rows * columns),
            seconds=time.perf_counter() - self.started,
            session_seconds=self.session_seconds,
            consistency=self.gauge.medians(),
            consistency_median=self.gauge.median(),
            warnings=tuple(self.warnings),
        )

    def _announce(self) -> None:
        self.monitor.info(f"Model {self.card.title} on {self.session.device}.")
        self.monitor.info(self.match.how)
        self.monitor.info(self.reflectance.how)
        for sentence in (*self.session.warnings, *self.match.warnings, *self.reflectance.warnings):
            self._warn(sentence)

    def _warn(self, sentence: str) -> None:
        """Tell the user now, and again in the report."""
        self.warnings.append(sentence)
        self.monitor.warning(sentence)

    def _feed(self, tile: Window) -> Feed:
        """Runs on the reading thread."""
        feed = self.feeder.feed(tile)
        right = tile.column + tile.width - self.window.column
        if right == self.window.width or right % (_CACHED_TILES * self.side) == 0:
            self.source.release()
        return feed

    def _lift(self, feed: Feed) -> Lifted | None:
        if not feed.valid.any():
            return None
        started = time.perf_counter()
        lifted = self.lift_feed(self.runner, feed)
        self.session_seconds += time.perf_counter() - started
        return lifted

    def _write(self, sink: Sink, feed: Feed, lifted: Lifted | None) -> None:
        """Runs on the writing thread."""
        factor, tile = self.card.scale_factor, feed.tile
        self.impossible += feed.impossible
        place = Window(tile.row - self.window.row, tile.column - self.window.column, tile.height, tile.width)
        place = place.scaled(factor)
        if lifted is None:
            shape = (len(self.card.output.wavelength_nm), place.height, place.width)
            pixels: PixelArray = np.broadcast_to(np.float32(np.nan), shape)
            found = feed.valid
        else:
            pixels = lifted.pixels
            rows, columns = tile.within(feed.outer)
            finite = np.isfinite(pixels).all(axis=0)
            found = feed.valid & finite.reshape(tile.height, factor, tile.width, factor).all(axis=(1, 3))
            for counts, response in lifted.seen or [(feed.valid, None)]:
                self.gauge.add(feed.pixels[:, rows, columns], pixels, found & counts, response)
            self.valid += int(found.sum())
            self.lost += int(feed.valid.sum()) - int(found.sum())
        sink.write(Block(place, pixels, found.repeat(factor, axis=0).repeat(factor, axis=1)))


def part_of_scene(source: Source, window: Window | None) -> Window:
    """The part of the scene to lift, once its place is known to be usable."""
    rows, columns = source.shape
    check_upright(source)
    if window is None:
        return Window(0, 0, rows, columns)
    inside = min(window.row, window.column) >= 0 and min(window.height, window.width) > 0
    if not inside or window.row + window.height > rows or window.column + window.width > columns:
        raise RasterError(f"The extent does not lie inside '{source.name}'; choose one that does.")
    return window
