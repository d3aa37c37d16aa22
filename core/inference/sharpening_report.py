"""What the user may set when an image is sharpened, and what is told of it afterwards."""

from __future__ import annotations

from dataclasses import dataclass

SCALES = (4, 8, 16)
_TILE = 256  # fine pixels along the side of what is written at once


@dataclass(frozen=True)
class SharpenOptions:
    """What the user may set.

    Attributes:
        scale: 4, 8 or 16.
        data_type: of the output, ``int16`` (scale 1e-4) or ``float32``; None for int16 where it holds the
            numbers.
        tile: side in output pixels of what is written at once, a multiple of 16 times the scale.
    """

    scale: int = 4
    data_type: str | None = None
    tile: int = _TILE


@dataclass(frozen=True)
class SharpeningReport:
    """What was done.

    Attributes:
        source: name of the image, without credentials.
        reference: name of the photograph, likewise.
        model: name and digest of the model.
        device: what ran the network, e.g. ``CPU``, or ``CUDA, then CPU`` when the card failed on the way.
        calibration: scale and offset, a sentence.
        shape: rows and columns of the result.
        scale: output pixels for each of the image along each side.
        placement: how the photograph was laid over the image at first, a sentence.
        offset: median correction of its place, in output pixels.
        largest_offset: of nine places in the image.
        rotation: degrees by which the image is turned in the photograph as laid over it.
        zoom: how much larger it is there.
        confidence: 0 (the photograph was not used) to 1.
        explained: share of the image's detail that the photograph explains where it was not fitted.
        unreliable: share of the result's pixels at which the photograph was trusted by less than a half.
        pixels: of the image.
        valid_fraction: share of them that are valid.
        seconds: total time.
        warnings: sentences that the user must see.
    """

    source: str
    reference: str
    model: str
    device: str
    calibration: str
    shape: tuple[int, int]
    scale: int
    placement: str
    offset: float
    largest_offset: float
    rotation: float
    zoom: float
    confidence: float
    explained: float
    unreliable: float
    pixels: int
    valid_fraction: float
    seconds: float
    warnings: tuple[str, ...]
