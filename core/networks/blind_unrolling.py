"""The whole of PGU-Net at once: image and response from stage to stage, differentiable, for training.

At run time the response is estimated on a sample of the scene first (:mod:`..inference.blind_stages`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .pgunet import PGUNet, x_step
from .stf import back_projection, physical, recentred, response_step


@dataclass(frozen=True)
class Unrolled:
    """The result ``hsi`` (N, C, H, W), the image after each stage and the response before and after each."""

    hsi: Tensor
    states: list[Tensor]
    responses: list[Tensor]


def unroll(
    network: PGUNet,
    msi: Tensor,
    first: Tensor,
    start: tuple[Tensor, ...],
    smoothing: Tensor,
    blind: bool = True,
    wavelength_nm: Tensor | None = None,
) -> Unrolled:
    """Run all stages on patches of one camera.

    Args:
        network: PGU-Net.
        msi: ``(N, c, H, W)``, bands in the order of their centres.
        first: response that the stages start from, ``(c, C)``, float64.
        start: tables of the image's start under it.
        smoothing: ``(C, C)``, see :func:`.stf.smoothing_matrix`, float64.
        blind: whether the response is estimated too; else it stays as it is.
        wavelength_nm: of the channels ``(C,)``, float64, to keep the centroids of ``first``, see
            :func:`.stf.recentred`; None leaves them free.
    """
    response, responses, states = first, [first], []
    centre_nm = None if wavelength_nm is None else first @ wavelength_nm
    alpha, beta = network.alpha.double(), network.beta.double()
    image = network.start(msi, *start)
    for number in range(network.config.stages):
        back = back_projection(response, alpha[number])
        image = network.stage(number, image, msi, response.float(), back.float())
        if blind:
            target = network.p_nets[number](response.float()).double()
            found = response_step(*moments(msi, image), target, beta[number])
            response = physical(response, found, smoothing)
            if centre_nm is not None and wavelength_nm is not None:
                response = recentred(response, centre_nm, wavelength_nm)
        states.append(image)
        responses.append(response)
    back = back_projection(response, alpha[-1]).float()
    return Unrolled(F.relu(x_step(image, msi, response.float(), back)), states, responses)


def moments(msi: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    """``Y X^T / P`` (c, C) and ``X X^T / P`` (C, C) of images (N, c, H, W) and (N, C, H, W), as float64."""
    bands, channels = (one.transpose(0, 1).flatten(1) for one in (msi, image))
    joint = torch.cat([bands, channels]) @ channels.T / bands.shape[1]
    return joint[: len(bands)].double(), joint[len(bands) :].double()
