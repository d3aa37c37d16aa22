"""A coarse image with a photograph: read, unmixed and registered once, then taken window by window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..errors import RasterError
from ..fusion.injection import injection_halo, photo_detail
from ..fusion.photograph import Photograph
from ..fusion.resampling import CUBIC_HALO, upsample
from ..fusion.subspace import Subspace
from ..raster.blocks import MaskArray, PixelArray, Window
from ..registration import Affine, Registration, Step, Views, register, relation
from ..registration.views import block_mean, toned
from ..unmixing.image import ImagePixels
from ..unmixing.statistics import Table
from .tiling import fill_invalid, fill_margin

REGISTRATION_CHANNELS = 6
LARGEST_SIDE = 320  # pixels along the longer side of the image that registration looks at
_LONGEST = 480  # likewise of an image so narrow that too few would be left along the shorter side
_PER_PIXEL = 4  # samples of the photograph for each of them
_FEWEST = 6  # of them along the shorter side
_REACH = 24.0, 0.15  # largest shift: fine pixels, or a share of the longer side
_MARGIN = 0.2
_WHITE = 99.5  # percentile of the photograph that is brightness one
_UNMIXED, _SEEN = 0.3, 0.5  # share of the preparation after which the image is unmixed, and both are seen


@dataclass(frozen=True, eq=False)
class FinePatch:
    """What the network sees of a window on the fine pixels: normalised abundances and the detail.

    Attributes:
        abundances: ``(K, H, W)``, upsampled.
        detail: ``(K, H, W)``, of the photograph in their terms.
        trust: ``(H, W)``, 0 to 1.
    """

    abundances: PixelArray
    detail: PixelArray
    trust: PixelArray


class CoarseImage:
    """The coarse image in reflectance, without gaps where it is asked for.

    Attributes:
        usable: ``(B,)``, False for bands that a bad-band list names.
        largest: absolute value that :meth:`tables` met so far in usable bands.
    """

    def __init__(self, pixels: ImagePixels) -> None:
        self.pixels = pixels
        self.shape = pixels.shape
        count = len(pixels.source.bands)
        self.usable = np.isin(np.arange(1, count + 1), pixels.bands)
        self.largest = 0.0

    def block(self, window: Window) -> tuple[PixelArray, MaskArray]:
        """Every band ``(B, h, w)`` of a window as stored or as the file calibrates it, and the valid pixels.

        Bands that a bad-band list names do not count for these; where they hold nothing they are zero.
        """
        good = self.pixels.read(window)
        if self.usable.all():
            return good.pixels, good.valid
        everything = np.zeros((len(self.usable), *good.valid.shape), np.float32)
        everything[self.usable] = good.pixels
        bad, known = self._bad(window)
        everything[~self.usable] = np.where(known, bad, 0.0)
        return everything, good.valid

    def empty(self, window: Window) -> MaskArray:
        """Where bands hold nothing though a pixel is valid, as bad ones may: ``(B, h, w)``."""
        result = np.zeros((len(self.usable), window.height, window.width), np.bool_)
        if not self.usable.all():
            result[~self.usable] = ~self._bad(window)[1]
        return result

    def _bad(self, window: Window) -> tuple[PixelArray, MaskArray]:
        """Bad bands of a window and where each of them holds something, both ``(b, h, w)``."""
        bad = [int(place) + 1 for place in np.flatnonzero(~self.usable)]
        together = self.pixels.read(window, bad)
        if together.valid.all():
            return together.pixels, np.isfinite(together.pixels)
        # What one of them lacks another one may have.
        blocks = [self.pixels.read(window, [number]) for number in bad]
        pixels = np.concatenate([block.pixels for block in blocks])
        return pixels, np.stack([block.valid for block in blocks]) & np.isfinite(pixels)

    def filled(self, window: Window) -> tuple[PixelArray, MaskArray]:
        """Likewise with each invalid pixel as the nearest valid one; zeros where none is near."""
        pixels, valid = self.block(window)
        if not valid.all():
            wide = window.expanded(fill_margin(CUBIC_HALO), self.shape)
            pixels, near = self.block(wide)
            rows, columns = window.within(wide)
            pixels = fill_invalid(pixels, near) if near.any() else np.zeros_like(pixels)
            pixels = pixels[:, rows, columns]
        return pixels, valid

    def tables(self) -> Iterator[Table]:
        """Tables ``(n, B)`` of one window after another; nodata are rows of NaN."""
        done = 0
        for window in self.pixels.windows:
            self.pixels.check_cancelled()
            block, valid = self.block(window)
            self.pixels.release_after(window)
            if valid.any():
                self.largest = max(self.largest, float(np.abs(block[self.usable][:, valid]).max()))
            block[:, ~valid] = np.nan
            yield block.reshape(len(block), -1).T
            done += valid.size
            self.pixels.monitor.progress(_UNMIXED * done / (self.shape[0] * self.shape[1]))


class SharpeningScene:
    """A coarse image and a photograph, related to each other.

    Attributes:
        image: the coarse one.
        scale: fine pixels for each coarse one along each side.
        subspace: of the image's spectra, of as many dimensions as the network has maps.
        registration: of the photograph.
        photo: with its place corrected.
    """

    def __init__(self, image: CoarseImage, photo: Photograph, scale: int, maps: int) -> None:
        """Unmix and register, in two passes over the image and one over the photograph.

        The monitor of the image's pixels is told of the progress and asked whether to stop.

        Raises:
            UnmixingError: no valid pixel.
            RasterError: a raster cannot be read, or the image is too small or too narrow.
            CancelledError: the monitor asked to stop.
        """
        self.image, self.scale = image, scale
        unit = _unit(image.shape)
        whole = Subspace.of(image.tables, max(REGISTRATION_CHANNELS, maps), image.usable)
        self.subspace = whole.part(maps)
        views, white = self._views(whole, photo, unit)
        reach = max(_REACH[0] / scale, _REACH[1] * max(image.shape)) / unit
        found = register(views.with_channels(REGISTRATION_CHANNELS), reach, self._step(_SEEN, 1.0))
        if found.relation.gains.shape[1] != maps:  # a place needs other channels than the detail
            found = replace(found, relation=relation(views, found.transform, found.blur, maps))
        self.registration: Registration = found.in_units(1.0 / unit)
        self.place = photo.place
        self.photo = Photograph(photo.source, photo.place.after(self.registration.transform), white)

    def _step(self, start: float, stop: float) -> Step:
        """Takes the progress between two shares of the preparation, and stops if the monitor asks to."""
        pixels = self.image.pixels

        def step(fraction: float) -> None:
            """Take in the progress, 0 to 1."""
            pixels.check_cancelled()
            pixels.monitor.progress(start + (stop - start) * fraction)

        return step

    def _views(self, subspace: Subspace, photo: Photograph, unit: int) -> tuple[Views, float]:
        """Image and photograph as registration sees them, and the photograph's white."""
        rows, columns = self.image.shape
        height = unit * max(1, (1 << 22) // (columns * unit * len(self.image.usable)))
        middle = (_UNMIXED + _SEEN) / 2
        parts, step = [], self._step(_UNMIXED, middle)
        for row in range(0, rows - rows % unit, height):
            step(row / rows)
            window = Window(row, 0, min(height, rows - rows % unit - row), columns)
            pixels, valid = self.image.block(window)
            parts.append(block_mean(subspace.abundances(np.where(valid, pixels, 0.0)), valid, unit))
        abundances, valid = (np.concatenate(part, axis=-2) for part in zip(*parts))
        margin = max(2, round(_MARGIN * max(valid.shape)))
        shape = tuple((side + 2 * margin) * _PER_PIXEL for side in valid.shape)
        there = photo.place.after(Affine(unit / _PER_PIXEL * np.eye(2), np.full(2, -float(margin * unit))))
        seen, covered = photo.on_grid(there, (0, 0), (shape[0], shape[1]), self._step(middle, _SEEN))
        if not covered.any():
            raise RasterError(
                f"The reference '{photo.source.name}' has no pixels where the image lies; choose one of "
                "the same place."
            )
        white = float(np.percentile(seen[:, covered], _WHITE)) or 1.0
        return Views(abundances, valid, seen / np.float32(white), covered, _PER_PIXEL, margin), white

    @cached_property
    def halo(self) -> int:
        """Coarse pixels around a window that its patch depends on."""
        return injection_halo(self.registration.blur)

    def patch(self, window: Window) -> FinePatch:
        """What the network sees of the coarse ``window``."""
        shape, scale = self.image.shape, self.scale
        outer = window.expanded(self.halo, shape)
        pixels, valid = self.image.filled(outer)
        abundances = self.subspace.abundances(pixels)
        near = window.expanded(CUBIC_HALO, shape)
        rows, columns = near.within(outer)
        smooth = upsample(abundances[:, rows, columns], near, window, scale, shape)
        fine = outer.scaled(scale)
        there = self.photo.place.after(Affine(np.eye(2) / scale, np.zeros(2)))
        seen, covered = self.photo.on_grid(there, (fine.row, fine.column), (fine.height, fine.width))
        relation, blur = self.registration.relation, self.registration.blur
        detail = photo_detail(
            abundances,
            valid,
            toned(seen, relation.tone),
            covered,
            outer,
            window,
            scale,
            shape,
            blur,
            relation,
        )
        return FinePatch(smooth, detail.pixels, detail.trust)

    def displacement(self) -> tuple[float, float]:
        """Median and largest correction of the photograph's place, in fine pixels."""
        moved = self.registration.transform.displacement(self.image.shape) * self.scale
        return float(np.median(moved)), float(moved.max())


def _unit(shape: tuple[int, int]) -> int:
    """Side in pixels of the squares of an image that registration looks at.

    Raises:
        RasterError: too few of them lie along the shorter side.
    """
    needed = _FEWEST * -(-max(shape) // _LONGEST)
    if min(shape) < needed:
        parts = "" if needed == _FEWEST else "; cut it into shorter parts"
        raise RasterError(
            f"The image has {shape[0]} x {shape[1]} pixels; at least {needed} along each side are needed to "
            f"find its place in the photograph{parts}."
        )
    return min(-(-max(shape) // LARGEST_SIDE), min(shape) // _FEWEST)
