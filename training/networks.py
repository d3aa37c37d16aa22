"""The networks that can be trained, each a package of this one with the same parts.

``config`` holds ``CONFIGS``, whose names begin with the network's; ``train``, ``export`` and ``evaluate``
hold the functions ``train``, ``export_checkpoint`` and ``evaluate`` that the command line calls.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

NETWORKS = ("explains2a", "ualnet", "pgunet", "uafl")


def part_of(name: str, part: str) -> ModuleType:
    """A module of the network that a configuration, a model or a network is named after.

    Raises:
        ValueError: no network has that name.
    """
    network = name.split("-")[0]
    if network not in NETWORKS:
        raise ValueError(f"There is no network '{network}'; choose one of {', '.join(NETWORKS)}.")
    return import_module(f".{network}.{part}", __package__)


def configuration(name: str) -> Any:
    """A configuration by its name.

    Raises:
        ValueError: there is none of that name.
    """
    configs = part_of(name, "config").CONFIGS
    if name not in configs:
        raise ValueError(f"There is no configuration '{name}'; choose one of {', '.join(configs)}.")
    return configs[name]
