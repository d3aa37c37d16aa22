"""Hyperspectral scenes from cameras whose responses nobody knows: first the response, then the scene runner.

The response is estimated on windows spread over the scene. With a map of land-cover classes each class has a
response of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from ..errors import RasterError
from ..raster.blocks import PixelArray, RasterProfile, Sink, Source, Window
from ..spectral.band_search import Bands, BandSearch
from ..spectral.band_shapes import BandShapes
from ..spectral.grids import FloatArray, Grid
from .bands import match_bands, own_names
from .blind_camera import camera_card, check_pixels, chosen_bands, nominal_centres
from .blind_model import ResponseModel, blind_model
from .blind_stages import SampleWindow, constants, estimate_responses
from .calibration import calibrate
from .feeding import Feed, Feeder
from .pipeline import check_cancelled, watch
from .report import Monitor, SceneReport, SilentMonitor
from .scene import Lifted, LiftOptions, lift_scene, part_of_scene
from .session import Session
from .tiling import TileRunner

_WINDOWS, _SIDE = 3, 40  # windows of the sample along each side of the scene, and their own side in pixels
_NO_CLASS = np.iinfo(np.int64).min
_FEWEST = 50  # pixels of a class in the sample, for a response of its own


@dataclass(frozen=True)
class BlindOptions:
    """What the user may set.

    Attributes:
        centres: nominal centres of the bands in nm; empty where they are unknown.
        lift: bands, scale, offset, window, tile and data type.
        refine: whether the stages estimate the response further; else it stays as the search found it.
    """

    centres: tuple[float, ...] = ()
    lift: LiftOptions = field(default_factory=LiftOptions)
    refine: bool = True


@dataclass(frozen=True, eq=False)
class Camera:
    """What was found of a camera.

    Attributes:
        names: of its bands.
        nominal_nm: nominal centres ``(c,)``, or None.
        found: by the search, with deviations.
        responses: of the stages, the last of which is the result, ``K + 1`` times ``(c, C)``.
        grid: of the channels.
    """

    names: tuple[str, ...]
    nominal_nm: FloatArray | None
    found: Bands
    responses: Sequence[FloatArray]
    grid: Grid

    @property
    def stf(self) -> FloatArray:
        """The spectral transformation function ``(c, C)``: rows of unit sum, not negative."""
        return self.responses[-1]

    @property
    def centre_and_width_nm(self) -> tuple[FloatArray, FloatArray]:
        """Centroids and full widths at half maximum, each ``(c,)``."""
        return BandShapes(self.grid).centre_and_width(self.stf)


@dataclass(frozen=True, eq=False)
class BlindReport:
    """A blind run: what was done to the ``scene``, the ``camera``, and one for each class of land cover."""

    scene: SceneReport
    camera: Camera
    classes: Mapping[int, Camera]


def class_name(value: int) -> str:
    """What to call a class of land cover; nodata is one too."""
    return "nodata" if value == _NO_CLASS else f"class {value}"


def open_blind(grid_name: str, device: str = "auto") -> tuple[Session, ResponseModel]:
    """The bundled model for a grid.

    Raises:
        ModelError: there is no such grid or device, or a file is damaged.
        RuntimeMissingError: onnxruntime is not installed.
    """
    path = blind_model(grid_name)
    return Session.open(path, device, constants=True), ResponseModel(path)


def blind_scene(
    source: Source,
    make_sink: Callable[[RasterProfile], Sink],
    models: tuple[Session, ResponseModel],
    options: BlindOptions | None = None,
    monitor: Monitor | None = None,
    classes: Source | None = None,
) -> BlindReport:
    """Estimate the response of a scene's camera and lift the scene with it.

    Args:
        source: the multispectral raster, 3 to 12 bands.
        make_sink: creates the output.
        models: of :func:`open_blind`.
        options: what the user set.
        monitor: is told of progress and asked whether to stop.
        classes: whole numbers in one band on the same pixels, a response for each; nodata is a class too.

    Raises:
        RasterError: the raster cannot be used, read or written.
        ModelError: the network fails.
        CancelledError: the monitor asked to stop.
    """
    options, monitor = options or BlindOptions(), monitor or SilentMonitor()
    run = _Estimation(source, *models, options, monitor)
    _check_classes(source, classes)
    camera = run.camera()
    found = {} if classes is None else run.cameras_of(classes, camera)
    session, model = models
    session.constants = constants(model, camera.responses)
    session.card = camera_card(session.card, camera.names, *camera.centre_and_width_nm)
    lift = None if classes is None else _ByClass(classes, model, found, camera).lift
    report = lift_scene(source, make_sink, session, run.lift, monitor, lift)
    return BlindReport(report, camera, found)


class _Estimation:
    """The sample of a scene and what is found from it."""

    def __init__(
        self, source: Source, session: Session, model: ResponseModel, options: BlindOptions, monitor: Monitor
    ) -> None:
        self.source, self.session, self.model, self.options, self.monitor = (
            source, session, model, options, monitor,
        )  # fmt: skip
        self.grid = session.card.output.grid
        numbers = chosen_bands(source, options.lift.bands)
        self.lift = replace(options.lift, bands=numbers)
        self.names = own_names(source.bands, numbers)
        self.nominal = nominal_centres(source, numbers, options.centres, self.grid)
        session.card = camera_card(session.card, self.names)
        self.window = part_of_scene(source, options.lift.window)
        match = match_bands(source.bands, session.card, numbers)
        scale = session.card.input.scale
        reflectance = calibrate(source, numbers, self.window, scale, options.lift.scale, options.lift.offset)
        feeder = Feeder(source, match, reflectance, session.card.halo)
        self.feeds = [feed for feed in map(feeder.feed, _spread(self.window)) if feed.valid.any()]
        if not self.feeds:
            raise RasterError(f"No valid pixel was found in '{source.name}'; choose another part of it.")
        check_pixels(self._pixels(self._counts()), self.names)

    def camera(self) -> Camera:
        """The camera by the whole sample."""
        known = "from nominal centres" if self.nominal is not None else "without nominal centres"
        self.monitor.info(f"Estimating the response of {len(self.names)} bands {known}.")
        return self._found(self._counts(), None)

    def cameras_of(self, classes: Source, whole: Camera) -> dict[int, Camera]:
        """A camera for each class that has pixels enough in the sample."""
        maps = [_classes_of(classes, feed.outer) for feed in self.feeds]
        found = {}
        for value in np.unique(np.concatenate([one.ravel() for one in maps])):
            counts = [count & (one == value) for count, one in zip(self._counts(), maps)]
            if sum(int(count.sum()) for count in counts) >= _FEWEST:
                found[int(value)] = self._found(counts, whole)
            else:
                self.monitor.info(
                    f"{class_name(int(value)).capitalize()} has too few pixels for a response of its own."
                )
        return found

    def _found(self, counts: Sequence[npt.NDArray[np.bool_]], whole: Camera | None) -> Camera:
        """The camera by the pixels that count; classes start from that of the whole sample."""
        check = partial(check_cancelled, self.monitor)
        with ExitStack() as stack:
            watch(stack, self.monitor, self.session.interrupt)
            check()
            if whole is None:
                shapes, pixels = BandShapes(self.grid), self._pixels(counts)
                search = BandSearch(shapes, self.model.mixture, pixels, check=check)
                found = search.alone() if self.nominal is None else search.with_centres(self.nominal)
                first = search.shapes.rows(found.centre_nm, found.width_nm)
            else:
                found, first = whole.found, whole.responses[0]
            responses = [first] * (self.model.stages + 1)
            if self.options.refine:
                sample = [SampleWindow(feed.pixels, count) for feed, count in zip(self.feeds, counts)]
                used = [window for window in sample if window.counts.any()]
                responses = estimate_responses(
                    self.session, self.model, first, used, self.grid, centred=self.nominal is not None
                )
        return Camera(self.names, self.nominal, found, responses, self.grid)

    def _counts(self) -> list[npt.NDArray[np.bool_]]:
        """For each window of the sample the pixels of its tile that are valid, without the halo."""
        counts = []
        for feed in self.feeds:
            count = np.zeros(feed.pixels.shape[1:], np.bool_)
            count[feed.tile.within(feed.outer)] = feed.valid
            counts.append(count)
        return counts

    def _pixels(self, counts: Iterable[npt.NDArray[np.bool_]]) -> FloatArray:
        """Reflectance ``(n, c)`` of the pixels that count."""
        parts = [feed.pixels[:, count] for feed, count in zip(self.feeds, counts)]
        pixels: FloatArray = np.concatenate(parts, axis=1).T.astype(np.float64)
        return pixels


@dataclass(frozen=True, eq=False)
class _ByClass:
    """Lifts each class with its own response."""

    source: Source
    model: ResponseModel
    cameras: Mapping[int, Camera]
    otherwise: Camera

    def lift(self, runner: TileRunner, feed: Feed) -> Lifted:
        """The tile of a feed, class by class."""
        classes = _classes_of(self.source, feed.tile)
        lifted: PixelArray | None = None
        seen = []
        for value in np.unique(classes[feed.valid]):
            camera = self.cameras.get(int(value), self.otherwise)
            seen.append((classes == value, camera.stf))
            runner.session.constants = constants(self.model, camera.responses)
            own = runner.run(feed.pixels, feed.outer, feed.tile)
            lifted = own if lifted is None else np.where(classes == value, own, lifted)
        if lifted is None:
            raise RasterError("A tile without valid pixels cannot be lifted.")
        return Lifted(lifted, seen)


def _classes_of(source: Source, window: Window) -> npt.NDArray[np.int64]:
    """Classes ``(h, w)`` of a window; :data:`_NO_CLASS` where there is nodata."""
    block = source.read(window)
    classes: npt.NDArray[np.int64] = np.nan_to_num(block.pixels[0]).astype(np.int64)
    classes[~block.valid] = _NO_CLASS
    return classes


def _check_classes(source: Source, classes: Source | None) -> None:
    if classes is None:
        return
    if classes.shape != source.shape or len(classes.bands) != 1:
        raise RasterError(
            f"The land-cover classes have {len(classes.bands)} bands of {classes.shape[0]} x "
            f"{classes.shape[1]} pixels, the image has {source.shape[0]} x {source.shape[1]} pixels; give "
            "one band on the same pixels."
        )


def _spread(window: Window) -> list[Window]:
    """Windows spread evenly over a part of a scene."""
    height, width = min(_SIDE, window.height), min(_SIDE, window.width)

    def starts(first: int, length: int, side: int) -> list[int]:
        """First rows or columns of the windows."""
        return sorted({first + round((length - side) * step / (_WINDOWS - 1)) for step in range(_WINDOWS)})

    return [
        Window(row, column, height, width)
        for row in starts(window.row, window.height, height)
        for column in starts(window.column, window.width, width)
    ]
