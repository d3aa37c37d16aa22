"""Whole arrays in, whole arrays out: for notebooks and scripts."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import RasterError
from ..raster.arrays import ArraySource, array_sinks
from ..raster.blocks import PixelArray
from ..spectral.grids import FloatArray
from .blind_scene import BlindOptions, blind_scene, open_blind
from .scene import LiftOptions, lift_scene
from .session import Session


@dataclass(frozen=True, eq=False)
class Blind:
    """A blind estimate.

    Attributes:
        hsi: reflectance ``(C, H, W)``, float32, NaN where the image has one.
        stf: the camera's response ``(c, C)``, rows not negative and of unit sum.
    """

    hsi: PixelArray
    stf: FloatArray


def lift(msi: npt.ArrayLike, model: str | Path = "explains2a", device: str = "auto") -> PixelArray:
    """Lift a multispectral image to a hyperspectral one.

    Args:
        msi: reflectance as a fraction, shape ``(c, H, W)``, bands in the model's order (Sentinel-2: B1 to B8,
            B8A, B9, B11, B12); pixels with a NaN are left out.
        model: name of a bundled model, or a model file.
        device: ``auto``, ``cpu`` or ``cuda``.

    Returns:
        Reflectance, float32, shape ``(C, f*H, f*W)`` with the model's scale factor ``f``; NaN where the image
        has one.

    Raises:
        RasterError: the image has another shape, or no valid pixel.
        ModelError: there is no such model or device, or it fails.
        RuntimeMissingError: onnxruntime is not installed.

    Warns:
        UserWarning: the graphics card is not used although asked for, or memory was short.
    """
    session = Session.open(model, device)
    source = ArraySource(msi)
    bands = len(session.card.input.bands)
    if len(source.bands) != bands:
        raise RasterError(
            f"The image has {len(source.bands)} bands, the model needs {bands}: "
            f"{', '.join(session.card.input.bands)}."
        )
    sinks, make_sink = array_sinks()
    options = LiftOptions(tuple(range(1, bands + 1)), scale=1.0, offset=0.0, data_type="float32")
    report = lift_scene(source, make_sink, session, options)
    for sentence in report.warnings:
        warnings.warn(sentence, stacklevel=2)
    return sinks[0].pixels


def blind(
    msi: npt.ArrayLike,
    centres: Sequence[float] | None = None,
    grid: str = "aviris172",
    device: str = "auto",
) -> Blind:
    """Lift an image of a camera whose responses are unknown, and estimate these.

    Args:
        msi: reflectance as a fraction, shape ``(c, H, W)``, 3 to 12 bands; pixels with a NaN are left out.
        centres: nominal centres of the bands in nm, None where they are unknown. With them the response is
            far more certain.
        grid: ``aviris172``, ``vnir`` or ``visible31``.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        RasterError: the image has another shape, bands that say nothing, or no valid pixel; the centres are
            not on the grid, or not one for each band.
        ModelError: there is no such grid or device, or the network fails.
        RuntimeMissingError: onnxruntime is not installed.

    Warns:
        UserWarning: the graphics card is not used although asked for, or memory was short.
    """
    source = ArraySource(msi)
    sinks, make_sink = array_sinks()
    lifting = LiftOptions(scale=1.0, offset=0.0, data_type="float32")
    options = BlindOptions(() if centres is None else tuple(centres), lifting)
    report = blind_scene(source, make_sink, open_blind(grid, device), options)
    for sentence in report.scene.warnings:
        warnings.warn(sentence, stacklevel=2)
    return Blind(sinks[0].pixels, report.camera.stf)


def sharpen(
    hsi: npt.ArrayLike,
    reference: npt.ArrayLike,
    scale: int,
    model: str | Path = "uafl",
    device: str = "auto",
) -> PixelArray:
    """Sharpen a hyperspectral image with a photograph that may not line up with it.

    Args:
        hsi: any linear quantity, e.g. reflectance, shape ``(B, h, w)``; pixels with a NaN are left out.
        reference: a photograph of about the same extent, shape ``(3, H, W)``, any size; pixels that are zero
            in all bands hold no data.
        scale: 4, 8 or 16.
        model: name of a bundled model, or a model file.
        device: ``auto``, ``cpu`` or ``cuda``.

    Returns:
        The quantity of ``hsi``, float32, shape ``(B, scale*h, scale*w)``, on pixels that cover the same area,
        corner to corner; NaN where the image has one.

    Raises:
        RasterError: an image has another shape, or the scale is none of these.
        UnmixingError: no valid pixel.
        ModelError: there is no such model or device, or it fails.
        RuntimeMissingError: onnxruntime is not installed.

    Warns:
        UserWarning: the photograph's place is doubtful or was not found, or the graphics card is not used.
    """
    # Here, because unmixing, which this needs, itself imports from this package.
    from .sharpening import sharpen_scene
    from .sharpening_card import SharpeningSession
    from .sharpening_report import SharpenOptions

    numbers = np.asarray(hsi)
    source = ArraySource(numbers.astype(np.float32) if numbers.dtype.kind in "iub" else numbers)
    sinks, make_sink = array_sinks()
    report = sharpen_scene(
        source,
        ArraySource(reference, name="reference"),
        make_sink,
        SharpeningSession.open(model, device),
        SharpenOptions(scale, data_type="float32"),
    )
    for sentence in report.warnings:
        warnings.warn(sentence, stacklevel=2)
    return sinks[0].pixels
