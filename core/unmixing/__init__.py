"""Blind source separation: how many endmembers, which spectra, how much of each in every pixel."""

from .abundances import AbundanceSolver, fcls, nnls, scls, ucls
from .endmembers import Endmembers, vca
from .mdl import mdl
from .model_order import ModelOrder, hfc, hysime
from .simplex import minimum_volume
from .statistics import UnmixingError

__all__ = [
    "AbundanceSolver",
    "Endmembers",
    "ModelOrder",
    "UnmixingError",
    "fcls",
    "hfc",
    "hysime",
    "mdl",
    "minimum_volume",
    "nnls",
    "scls",
    "ucls",
    "vca",
]
