"""An image and a photograph as registration sees them: on one scale, without slow changes of brightness.

Places are measured in pixels of the image (its own, coarse ones) from its upper left corner.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..raster.blocks import MaskArray, PixelArray

_SLOW = 3.0  # standard deviation in pixels of what is slow
_LEAST = 0.05  # smallest weight of valid pixels in a mean


@dataclass(frozen=True, eq=False)
class Views:
    """An image and a photograph laid over it as well as is known.

    Attributes:
        image: ``(k, h, w)``, any quantities.
        valid: ``(h, w)``.
        photo: ``(c, H, W)`` with ``per_pixel`` samples along each side of an image's pixel and ``margin``
            pixels of the image more on every side.
        photo_valid: ``(H, W)``.
        per_pixel: as said.
        margin: as said.
    """

    image: PixelArray
    valid: MaskArray
    photo: PixelArray
    photo_valid: MaskArray
    per_pixel: int
    margin: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        return self.valid.shape[0], self.valid.shape[1]

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the image, x and y."""
        return self.shape[1] / 2, self.shape[0] / 2

    def reduced(self, factor: int) -> Views:
        """The same with pixels ``factor`` times as long; an incomplete last row or column is left out."""
        if factor == 1:
            return self
        image, valid = block_mean(self.image, self.valid, factor)
        cells = [side * factor * self.per_pixel for side in valid.shape]
        margin, start = self.margin // factor, (self.margin % factor) * self.per_pixel
        reach = [start + cell + 2 * margin * factor * self.per_pixel for cell in cells]
        window = np.s_[..., start : reach[0], start : reach[1]]
        photo, photo_valid = block_mean(self.photo[window], self.photo_valid[window], factor)
        return Views(image, valid, photo, photo_valid, self.per_pixel, margin)

    def with_channels(self, count: int) -> Views:
        """The first ``count`` channels of the image."""
        return replace(self, image=self.image[:count])

    def with_tone(self, exponent: float) -> Views:
        """The photograph's brightness to a power."""
        return replace(self, photo=toned(self.photo, exponent))

    def with_squares(self) -> Views:
        """The photograph's channels and their squares, which stand for tones that are not linear."""
        return replace(self, photo=np.concatenate([self.photo, self.photo**2]))

    def without_slow_changes(self, blur: float) -> Views:
        """Both less their means over some pixels, the photograph blurred by ``blur`` pixels (deviation)."""
        image = self.image - smooth(self.image, self.valid, _SLOW)
        fine = smooth(self.photo, self.photo_valid, blur * self.per_pixel)
        coarse = smooth(self.photo, self.photo_valid, np.hypot(_SLOW, blur) * self.per_pixel)
        return replace(self, image=image * self.valid, photo=(fine - coarse) * self.photo_valid)


def toned(photo: PixelArray, exponent: float) -> PixelArray:
    """Brightness to a power; negative brightness, which resampling makes, is none."""
    result: PixelArray = np.clip(photo, 0.0, None) ** np.float32(exponent)
    return result


def block_mean(pixels: PixelArray, valid: MaskArray, size: int) -> tuple[PixelArray, MaskArray]:
    """Means of the valid pixels (c, h, w) of square blocks, and which blocks have any."""
    rows, columns = (side // size for side in valid.shape)
    shape = (rows, size, columns, size)
    weight = valid[: rows * size, : columns * size].astype(np.float32)
    total = weight.reshape(shape).sum(axis=(1, 3))
    sums = np.where(weight > 0, pixels[:, : rows * size, : columns * size], 0.0)
    means = sums.reshape(-1, *shape).sum(axis=(2, 4)) / np.maximum(total, 1.0)
    return means.astype(np.float32), 2 * total >= size * size


def smooth(pixels: PixelArray, valid: MaskArray, deviation: float) -> PixelArray:
    """Gaussian means (c, h, w) of valid pixels alone; what is beyond the image does not count either."""
    from scipy.ndimage import gaussian_filter

    if deviation <= 0:
        return pixels

    def blurred(plane: PixelArray) -> PixelArray:
        """Weighted sums, what is beyond the image being zero."""
        result: PixelArray = gaussian_filter(plane, deviation, mode="constant", truncate=3.0)
        return result

    weight = np.maximum(blurred(valid.astype(np.float32)), _LEAST)
    return np.stack([blurred(np.where(valid, plane, 0.0)) / weight for plane in pixels])
