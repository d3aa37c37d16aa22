"""Maps of an image, made tile by tile: abundances of endmembers, and whatever else each pixel tells."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import numpy as np

from ..errors import SpectralError
from ..inference.feeding import ahead, one_thread
from ..inference.pipeline import commit_all
from ..inference.profile import public_name
from ..inference.tiling import tiles
from ..raster.blocks import BandTable, Block, RasterProfile, Sink, Window
from ..spectral.library import SpectralLibrary, range_of
from ..version import plugin_version
from .abundances import AbundanceSolver, residual_rmse
from .image import ImagePixels, table_of, tile_side
from .statistics import Table, UnmixingError
from .tally import AbundanceSummary, Tally


def write_abundances(
    pixels: ImagePixels,
    library: SpectralLibrary,
    method: str,
    open_output: Callable[[RasterProfile], Sink],
    open_rmse: Callable[[RasterProfile], Sink] | None = None,
) -> AbundanceSummary:
    """Map the abundances of a library's spectra; after any failure nothing half written remains.

    Args:
        pixels: of the image, whose monitor is told of progress and asked whether to stop.
        library: the endmembers, in the unit of the pixels; put on the wavelengths of the image, whose bands
            without values of all of them are left out with a warning.
        method: of :data:`.METHODS`.
        open_output: creates the map, float32 with one band for each endmember.
        open_rmse: creates the map of the root mean square residual over the bands, None for no such map.

    Raises:
        SpectralError: the library cannot be put on the bands of the image.
        UnmixingError: the method is unknown, the endmembers do not fit it, no abundances are found, or no
            pixel is valid.
        RasterError: a raster cannot be read or written.
        CancelledError: the monitor asked to stop.
    """
    library, pixels = _on_common_bands(library, pixels)
    solver, tally = AbundanceSolver(library.spectra, method), Tally(len(library))
    write_maps(
        pixels,
        lambda block: _solve(block, solver, tally),
        [(open_output, library.names), (open_rmse, ("RMSE",))],
        max(len(pixels.bands), len(library) + 1),
        method,
    )
    return tally.summary()


def write_maps(
    pixels: ImagePixels,
    solve: Callable[[Block], Sequence[Table]],
    outputs: Sequence[tuple[Callable[[RasterProfile], Sink] | None, tuple[str, ...]]],
    planes: int,
    method: str,
) -> None:
    """Make maps of an image tile by tile; after any failure nothing half written remains.

    Args:
        pixels: of the image, whose monitor is told of progress and asked whether to stop.
        solve: what turns a block into planes ``(bands, h, w)`` for each of the outputs, float32.
        outputs: for each map what creates it, None for a map that is not wanted, and the names of its bands.
        planes: how many float32 planes a tile takes while it is solved; sets its size.
        method: for the provenance.

    Raises:
        UnmixingError: no pixel of the image is valid.
        RasterError: a raster cannot be read or written.
        CancelledError: the monitor asked to stop.
    """
    side = tile_side(planes)
    with ExitStack() as undo:
        sinks: list[Sink | None] = []
        for create, names in outputs:
            sinks.append(None if create is None else create(_profile(pixels, names, method, side)))
            if sinks[-1] is not None:
                undo.callback(sinks[-1].discard)
        if not _write_tiles(pixels, solve, sinks, side):
            raise UnmixingError(
                f"'{public_name(pixels.source.name)}' has no valid pixel, all is nodata; choose another."
            )
        commit_all(sink for sink in sinks if sink is not None)
        undo.pop_all()


def _write_tiles(
    pixels: ImagePixels, solve: Callable[[Block], Sequence[Table]], sinks: Sequence[Sink | None], side: int
) -> int:
    """Solve and write tile after tile while the next ones are read; gives the number of valid pixels."""
    rows, columns = pixels.shape
    done = valid = 0

    def read(window: Window) -> Block:
        """Runs on the reading thread."""
        block = pixels.read(window)
        pixels.release_after(window)
        return block

    with ExitStack() as stack:
        for block in ahead(one_thread(stack), read, tiles(Window(0, 0, rows, columns), side)):
            pixels.check_cancelled()
            for sink, values in zip(sinks, solve(block)):
                if sink is not None:
                    sink.write(Block(block.window, values, block.valid))
            done, valid = done + block.valid.size, valid + int(block.valid.sum())
            pixels.monitor.progress(done / (rows * columns))
        pixels.check_cancelled()
    return valid


def _solve(block: Block, solver: AbundanceSolver, tally: Tally) -> tuple[Table, Table]:
    """Abundances ``(p, h, w)`` and RMSE ``(1, h, w)`` of a tile as float32, NaN where it is not valid."""
    valid = block.valid.ravel()
    table = table_of(block)
    if not valid.all():
        table = table[valid]
    abundances = solver(table)
    rmse = residual_rmse(table, solver.endmembers, abundances)
    tally.add(abundances, rmse, table.mean(axis=1))
    maps = np.full((len(valid), abundances.shape[1] + 1), np.nan, np.float32)
    maps[valid, :-1], maps[valid, -1] = abundances, rmse
    planes = maps.T.reshape(-1, *block.valid.shape)
    return planes[:-1], planes[-1:]


def _on_common_bands(library: SpectralLibrary, pixels: ImagePixels) -> tuple[SpectralLibrary, ImagePixels]:
    """The library with a channel for each band in use, both without bands that a spectrum has no values at.

    Raises:
        SpectralError: fewer bands are left than half of them or than endmembers.
    """
    library = _on_bands(library, pixels)
    covered = np.isfinite(library.spectra).all(axis=0)
    if covered.all():
        return library, pixels
    left, bands = int(covered.sum()), len(pixels.bands)
    centres, widths = library.wavelength_nm, library.fwhm_nm
    missing = f"{bands - left} of the image's {bands} bands"
    if centres is not None:
        missing += f", {range_of(centres[~covered])}"
    least = max(math.ceil(bands / 2), len(library))
    if left < least:
        worst = library.names[int(np.isfinite(library.spectra).sum(axis=1).argmin())]
        raise SpectralError(
            f"The library has no values at {missing}, and at least {least} bands must be left for "
            f"{len(library)} endmembers; choose a library that covers them, or take out the spectra that do "
            f"not, first '{worst}'."
        )
    pixels.monitor.warning(f"The library has no values at {missing}; the abundances are found without them.")
    on_common = SpectralLibrary(
        library.names,
        library.spectra[:, covered],
        None if centres is None else centres[covered],
        None if widths is None else widths[covered],
    )
    return on_common, pixels.only(np.asarray(covered))


def _on_bands(library: SpectralLibrary, pixels: ImagePixels) -> SpectralLibrary:
    """The library with a channel for each band in use, NaN where it has no values."""
    if pixels.wavelength_nm is not None:
        return library.on(pixels.wavelength_nm, pixels.fwhm_nm, partial=True)
    channels, bands = library.spectra.shape[1], len(pixels.bands)
    if channels != bands:
        raise SpectralError(
            f"The image has no wavelengths and {bands} bands in use, the library has {channels} channels; "
            "choose an image with wavelengths or a library made from this image."
        )
    return library


def _profile(pixels: ImagePixels, names: tuple[str, ...], method: str, tile: int) -> RasterProfile:
    """What a map with these bands looks like that comes in tiles of that side."""
    version, unknown = plugin_version(), (np.nan,) * len(names)
    return RasterProfile(
        shape=pixels.shape,
        bands=BandTable(names, unknown, unknown),
        georeference=pixels.source.georeference,
        tile=tile,
        data_type="float32",
        metadata={
            "TIFFTAG_SOFTWARE": f"HyperLift {version}",
            "HYPERLIFT_VERSION": version,
            "HYPERLIFT_METHOD": method,
            "HYPERLIFT_SOURCE": public_name(pixels.source.name),
        },
    )
