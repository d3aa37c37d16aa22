"""Wavelength grids, sensors' bands and responses, spectral libraries, and resampling between them."""

from .grids import Grid, grid, grid_names
from .library import SpectralLibrary, read_library, write_library
from .resampling import resample, resampling_matrix
from .responses import Response, parametric_response, read_response, response_matrix
from .sensors import Band, Sensor, sensor, sensor_names

__all__ = [
    "Band",
    "Grid",
    "Response",
    "Sensor",
    "SpectralLibrary",
    "grid",
    "grid_names",
    "parametric_response",
    "read_library",
    "read_response",
    "resample",
    "resampling_matrix",
    "response_matrix",
    "sensor",
    "sensor_names",
    "write_library",
]
