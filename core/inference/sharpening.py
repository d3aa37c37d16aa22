"""Sharpening a hyperspectral image with a photograph that does not line up, streamed tile by tile."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..errors import ModelError, RasterError
from ..fusion.photograph import Photograph, check_photograph
from ..fusion.placement import Project, place_photograph
from ..fusion.resampling import CUBIC_HALO, upsample
from ..networks.sizes import UAFL_MULTIPLE
from ..raster.blocks import BandTable, Block, MaskArray, PixelArray, RasterProfile, Sink, Source, Window
from ..raster.input import check_upright
from ..raster.locked import LockedSource
from ..unmixing.image import ImagePixels
from ..version import plugin_version
from .calibration import PRODUCT_SCALE, Reflectance, calibrate
from .graph_session import or_on_processor
from .patches import PatchBlender
from .pipeline import commit_all, discard, stream
from .profile import natural_colour, public_name
from .report import Monitor, PartMonitor, SilentMonitor
from .sharpening_card import SharpeningSession
from .sharpening_report import SCALES, SharpeningReport, SharpenOptions
from .sharpening_scene import CoarseImage, SharpeningScene
from .tiling import tiles

_LARGEST_INT16 = 3.2767
_OVERSHOOT = 1.25  # how much larger than the image's largest number a sharpened one may be
_UNTRUSTED = 0.5
_PREPARED = 0.4  # share of the run until tiles are sharpened

MakeSink = Callable[[RasterProfile], Sink]


def sharpen_scene(
    source: Source,
    reference: Source,
    make_sink: MakeSink,
    session: SharpeningSession,
    options: SharpenOptions | None = None,
    monitor: Monitor | None = None,
    make_confidence: MakeSink | None = None,
    project: Project | None = None,
) -> SharpeningReport:
    """Sharpen a hyperspectral image; after any failure nothing half written remains.

    Args:
        source: the hyperspectral image, any number of bands.
        reference: the photograph, any size and place.
        make_sink: creates the output.
        session: the network.
        options: what the user set.
        monitor: is told of progress and asked whether to stop, the latter from another thread as well.
        make_confidence: creates the map of how far the photograph was trusted, None for none.
        project: brings points from one coordinate system to another, None where that cannot be done.

    Raises:
        RasterError: a raster cannot be used, read or written.
        UnmixingError: the image has no valid pixel.
        ModelError: the network fails.
        CancelledError: the monitor asked to stop.
    """
    sources = LockedSource(source), LockedSource(reference)
    run = _Run(*sources, session, options or SharpenOptions(), monitor or SilentMonitor(), project)
    with ExitStack() as undo:
        sinks = []
        for create, profile in ((make_sink, run.profile()), (make_confidence, run.confidence_profile())):
            if create is not None:
                sinks.append(create(profile))
                undo.push(partial(discard, sinks[-1]))
        run.sharpen_into(sinks)
        commit_all(sinks)
        undo.pop_all()
    return run.report()


@dataclass(frozen=True, eq=False)
class _Feed:
    """A tile in coarse pixels, the spectra around it, where it is valid and where bad bands are empty."""

    tile: Window
    outer: Window
    pixels: PixelArray
    valid: MaskArray
    empty: MaskArray


class _Run:
    """One image on its way through."""

    def __init__(
        self,
        source: Source,
        reference: Source,
        session: SharpeningSession,
        options: SharpenOptions,
        monitor: Monitor,
        project: Project | None,
    ) -> None:
        self.started = time.perf_counter()
        self.source, self.reference, self.session = source, reference, session
        self.options, self.monitor, self.scale = options, monitor, options.scale
        self.warnings: list[str] = []
        self.devices: list[str] = []
        if self.scale not in SCALES:
            raise RasterError(f"The scale is {self.scale}; choose one of 4, 8 and 16.")
        check_upright(source)
        check_photograph(reference)
        place, self.placement = place_photograph(source, reference, project)
        self.card = session.card
        monitor.info(f"Model {self.card.title} on {session.device}.")
        monitor.info(self.placement)
        image = CoarseImage(ImagePixels(source, PartMonitor(monitor, 0.0, _PREPARED)))
        whole = Window(0, 0, *source.shape)
        self.reflectance = self._calibrated(image.pixels.bands, whole)
        self.factor = 1.0 if source.calibration is not None else float(self.reflectance.scale[0])
        monitor.info(self.reflectance.how)
        for sentence in (*session.warnings, *self.reflectance.warnings):
            self._warn(sentence)
        self.scene = SharpeningScene(image, Photograph(reference, place), self.scale, self.card.maps)
        self._judge_registration()
        fine = whole.scaled(self.scale)
        self.blender = PatchBlender(
            self._answer, self.card.maps + 1, (fine.height, fine.width), self.card.patch, self.card.overlap
        )
        self.valid = 0
        self.untrusted = 0.0

    def _calibrated(self, numbers: tuple[int, ...], window: Window) -> Reflectance:
        """As the file states it; other integers are products' own, other fractions any quantity."""
        if self.source.calibration is not None:
            return calibrate(self.source, numbers, window, product_scale=1.0)
        if self.source.dtype.kind in "iu":
            return calibrate(self.source, numbers, window, PRODUCT_SCALE)
        one = np.ones(len(numbers), np.float32)
        return Reflectance(one, np.zeros_like(one), "The numbers of the image stay as they are stored.")

    def _judge_registration(self) -> None:
        found = self.scene.registration
        if found.confidence == 0.0:
            self._warn(
                "THE REFERENCE IS NOT USED: no place was found at which it shows what the image shows, so "
                "the result is the image resampled; check that both show the same ground, or georeference it."
            )
            return
        offset, largest = self.scene.displacement()
        self.monitor.info(
            f"The photograph lies {offset:.1f} output pixels off (median; up to {largest:.1f}), turned by "
            f"{found.transform.rotation:.1f} degrees and scaled by {found.transform.scale:.3f}; it explains "
            f"{max(found.relation.explained, 0.0):.0%} of the image's detail."
        )
        if found.confidence < 1.0:
            self._warn(
                f"The place of the reference is doubtful, and it counts for {found.confidence:.0%} only; "
                "check that both show the same ground at about the same time."
            )

    def profile(self) -> RasterProfile:
        """What the output looks like."""
        bands = self.source.bands
        return RasterProfile(
            shape=(self.source.shape[0] * self.scale, self.source.shape[1] * self.scale),
            bands=bands,
            georeference=self.source.georeference.of_window(Window(0, 0, *self.source.shape), self.scale),
            tile=self._side() * self.scale,
            data_type=self.options.data_type or self._fitting_type(),
            natural_colour=natural_colour(bands.wavelength_nm),
            metadata=self._provenance() | self._bad_bands(),
        )

    def confidence_profile(self) -> RasterProfile:
        """What the map of trust looks like."""
        unknown = (float("nan"),)
        return RasterProfile(
            shape=(self.source.shape[0] * self.scale, self.source.shape[1] * self.scale),
            bands=BandTable(("confidence",), unknown, unknown),
            georeference=self.source.georeference.of_window(Window(0, 0, *self.source.shape), self.scale),
            tile=self._side() * self.scale,
            data_type="float32",
            metadata=self._provenance(),
        )

    def _side(self) -> int:
        """Side of a tile in coarse pixels."""
        return max(1, self.options.tile // (16 * self.scale)) * 16

    def _fitting_type(self) -> str:
        integers = self.source.dtype.kind in "iu" or self.source.calibration is not None
        largest = _OVERSHOOT * self.scene.image.largest * self.factor
        return "int16" if integers and largest < _LARGEST_INT16 else "float32"

    def _bad_bands(self) -> dict[str, str]:
        """The list of bad bands that the image has, as its result has them too."""
        usable = self.scene.image.usable
        return {} if usable.all() else {"bbl": "{" + ", ".join(str(int(one)) for one in usable) + "}"}

    def _provenance(self) -> dict[str, str]:
        """Metadata items, written before the run: the device is the one it begins on."""
        version, found = plugin_version(), self.scene.registration
        return {
            "TIFFTAG_SOFTWARE": f"HyperLift {version}",
            "HYPERLIFT_VERSION": version,
            "HYPERLIFT_MODEL": f"{self.card.name} {self.card.version}",
            "HYPERLIFT_MODEL_DIGEST": self.card.digest,
            "HYPERLIFT_SOURCE": public_name(self.source.name),
            "HYPERLIFT_REFERENCE": public_name(self.reference.name),
            "HYPERLIFT_REFERENCE_CONFIDENCE": f"{found.confidence:.3f}",
            "HYPERLIFT_CALIBRATION": self.reflectance.how,
            "HYPERLIFT_DEVICE": self.session.device,
        }

    def sharpen_into(self, sinks: list[Sink]) -> None:
        """Sharpen all tiles."""
        rows, columns = self.source.shape
        stream(
            tiles(Window(0, 0, rows, columns), self._side()),
            read=self._feed,
            compute=self._sharpen,
            write=partial(self._write, sinks),
            size=lambda feed: feed.valid.size,
            total=rows * columns,
            monitor=PartMonitor(self.monitor, _PREPARED, 1.0),
            interrupt=self.session.interrupt,
        )

    def _feed(self, tile: Window) -> _Feed:
        """Runs on the reading thread."""
        outer = tile.expanded(CUBIC_HALO, self.source.shape)
        pixels, valid = self.scene.image.filled(outer)
        empty = self.scene.image.empty(tile)
        if tile.column + tile.width == self.source.shape[1]:
            self.source.release()
            self.reference.release()
        return _Feed(tile, outer, pixels, valid[tile.within(outer)], empty)

    def _sharpen(self, feed: _Feed) -> tuple[PixelArray, PixelArray]:
        """Spectra ``(B, H, W)``, not negative where the image is not, and trust ``(1, H, W)`` of a tile."""
        spectra = upsample(feed.pixels, feed.outer, feed.tile, self.scale, self.source.shape)
        trust = np.zeros((1, *spectra.shape[1:]), np.float32)
        if self.scene.registration.confidence > 0.0 and feed.valid.any():
            answer = self.blender.window(feed.tile.scaled(self.scale))
            spectra, trust = spectra + self.scene.subspace.spectra(answer[:-1]), answer[-1:]
        rows, columns = feed.tile.within(feed.outer)
        least = np.minimum(feed.pixels[:, rows, columns], 0.0)
        return np.maximum(spectra, least.repeat(self.scale, axis=1).repeat(self.scale, axis=2)), trust

    def _answer(self, square: Window) -> PixelArray:
        """Residual abundances and trust ``(K + 1, h, w)`` of a square of fine pixels, cut at the scene."""
        scale, confidence = self.scale, self.scene.registration.confidence
        coarse = Window(*(side // scale for side in (square.row, square.column, square.height, square.width)))
        patch = self.scene.patch(coarse)
        pads = [(0, -side % UAFL_MULTIPLE) for side in patch.trust.shape]
        abundances, reference = (
            np.pad(planes, [(0, 0), *pads], mode="edge")
            for planes in (patch.abundances, patch.abundances + patch.detail)
        )
        residual = self._residual(abundances, reference)
        height, width = patch.trust.shape
        planes = [*residual[:, :height, :width], patch.trust]
        answer: PixelArray = np.stack(planes).astype(np.float32) * np.float32(confidence)
        return answer

    def _residual(self, abundances: PixelArray, reference: PixelArray) -> PixelArray:
        """What the network finds, all (K, H, W); when a card fails, the processor goes on."""
        residual = or_on_processor(self.session, lambda: self.session.run(abundances, reference), self._warn)
        if self.session.device not in self.devices:
            self.devices.append(self.session.device)
        if not np.isfinite(residual).all():
            raise ModelError(f"The network in '{self.session.path}' gave numbers that are not finite.")
        return residual

    def _write(self, sinks: list[Sink], feed: _Feed, result: tuple[PixelArray, PixelArray]) -> None:
        """Runs on the writing thread."""
        place = feed.tile.scaled(self.scale)
        valid = feed.valid.repeat(self.scale, axis=0).repeat(self.scale, axis=1)
        spectra, trust = result
        if self.factor != 1.0:
            spectra = spectra * np.float32(self.factor)
        if feed.empty.any():
            empty = feed.empty.repeat(self.scale, axis=1).repeat(self.scale, axis=2)
            spectra = np.where(empty, np.float32(np.nan), spectra)
        for sink, pixels in zip(sinks, (spectra, trust)):
            sink.write(Block(place, pixels, valid))
        self.valid += int(feed.valid.sum())
        self.untrusted += float((trust[0][valid] < _UNTRUSTED).sum())

    def _warn(self, sentence: str) -> None:
        """Tell the user now, and again in the report."""
        self.warnings.append(sentence)
        self.monitor.warning(sentence)

    def report(self) -> SharpeningReport:
        """What was done."""
        rows, columns = self.source.shape
        found, (offset, largest) = self.scene.registration, self.scene.displacement()
        return SharpeningReport(
            source=public_name(self.source.name),
            reference=public_name(self.reference.name),
            model=f"{self.card.name}, {self.card.digest}",
            device=", then ".join(self.devices) or self.session.device,
            calibration=self.reflectance.how,
            shape=(rows * self.scale, columns * self.scale),
            scale=self.scale,
            placement=self.placement,
            offset=offset,
            largest_offset=largest,
            rotation=found.transform.rotation,
            zoom=found.transform.scale,
            confidence=found.confidence,
            explained=found.relation.explained,
            unreliable=self.untrusted / max(self.valid * self.scale**2, 1),
            pixels=rows * columns,
            valid_fraction=self.valid / (rows * columns),
            seconds=time.perf_counter() - self.started,
            warnings=tuple(self.warnings),
        )
