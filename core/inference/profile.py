"""What the output of a scene looks like: its bands, its place, its colours and where it comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from ..raster.blocks import BandTable, RasterProfile, Source, Window
from ..version import plugin_version
from .bands import BandMatch
from .calibration import Reflectance
from .card import Card

_NATURAL_COLOUR_NM = (665.0, 560.0, 490.0)
_LARGEST_COLOUR_ERROR_NM = 100.0
# Items under which products and converters keep the time of acquisition, the most specific first.
_TIMES = (
    "acquisition_time",
    "datatake_1_datatake_sensing_start",
    "product_start_time",
    "acquisitiondatetime",
    "acquisition time",
    "sensing_time",
    "datetime",
)
# Credentials in what GDAL opens: a URL's user and query (tokens, signatures), a database's password.
_URL_USER = re.compile(r"(?<=://)[^/?#\s]*@")
_URL_QUERY = re.compile(r"((?:://|/vsi)[^?]*)\?[^\"'\s<]*")
_SECRET = re.compile(
    r"\b(password|passwd|pwd|passphrase|secret|token|access_token|api_?key)(\s*=\s*)"
    r"(?:'(?:\\.|[^'\\])*'|\"[^\"]*\"|[^\s,;&]+)",
    re.IGNORECASE,
)
_XML_USER = re.compile(r"(?<=<UserPwd>)[^<]*", re.IGNORECASE)
_USER_AT_DATABASE = re.compile(r"^((?:OCI|GEOR|GEORASTER):).*", re.IGNORECASE | re.DOTALL)


def output_profile(
    card: Card, source: Source, window: Window, tile: int, data_type: str, metadata: Mapping[str, str]
) -> RasterProfile:
    """Profile of the result of lifting ``window`` of ``source`` in tiles of ``tile`` input pixels."""
    wavelength, factor = card.output.wavelength_nm, card.scale_factor
    return RasterProfile(
        shape=(window.height * factor, window.width * factor),
        bands=BandTable(tuple(f"{centre:.1f} nm" for centre in wavelength), wavelength, card.output.fwhm_nm),
        georeference=source.georeference.of_window(window, factor),
        tile=tile * factor,
        data_type=data_type,
        natural_colour=natural_colour(wavelength),
        metadata=metadata,
    )


def natural_colour(wavelength_nm: Sequence[float]) -> tuple[int, int, int] | None:
    """Numbers of the bands nearest to red, green and blue; None where wavelengths are unknown or far off."""
    distances = [[abs(centre - colour) for centre in wavelength_nm] for colour in _NATURAL_COLOUR_NM]
    if any(not min(distance, default=np.inf) <= _LARGEST_COLOUR_ERROR_NM for distance in distances):
        return None
    red, green, blue = (distance.index(min(distance)) + 1 for distance in distances)
    return red, green, blue


def public_name(name: str) -> str:
    """A source's name without passwords, tokens and signatures, fit for files that are passed on."""
    name = _SECRET.sub(r"\1\2***", name)
    for pattern, replacement in (
        (_URL_USER, ""),
        (_URL_QUERY, r"\1"),
        (_XML_USER, "***"),
        (_USER_AT_DATABASE, r"\1***"),
    ):
        name = pattern.sub(replacement, name)
    return name


def provenance(
    card: Card, source: Source, match: BandMatch, reflectance: Reflectance, device: str, tile: int
) -> dict[str, str]:
    """Metadata items that say how the result came about.

    They are written before the run, so ``device`` is the one it begins on; the report names all.
    """
    version = plugin_version()
    entries = {
        "TIFFTAG_SOFTWARE": f"HyperLift {version}",
        "HYPERLIFT_VERSION": version,
        "HYPERLIFT_MODEL": f"{card.name} {card.version}",
        "HYPERLIFT_MODEL_DIGEST": card.digest,
        "HYPERLIFT_SOURCE": public_name(source.name),
        "HYPERLIFT_BANDS": match.how,
        "HYPERLIFT_CALIBRATION": reflectance.how,
        "HYPERLIFT_DEVICE": device,
        "HYPERLIFT_TILE_SIZE": str(tile),
    }
    items = {key.lower(): value for key, value in source.metadata.items()}
    acquired = next((items[key] for key in _TIMES if items.get(key)), "")
    return {**entries, "ACQUISITION_TIME": acquired} if acquired else entries
