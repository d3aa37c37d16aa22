"""Shape of UALNet: the published network and, as named options, where another one differs from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SCALE = 2  # output pixels per input pixel along each side


@dataclass(frozen=True)
class UALNetConfig:
    """Shape of the three networks; the defaults are those of the paper and of its release.

    The first group is the network's size, the second the ablation ladder, the third what differs from the
    release when a scene is processed in tiles; see :meth:`local`.

    Attributes:
        bands: input bands ``c``.
        channels: output channels ``C``.
        hidden: width ``h`` of the discriminator.
        stages: ``K`` of the unfolding.
        growth: feature maps that each dense block of the initial estimate adds.
        blocks: dense blocks of the initial estimate.
        initial_estimate: whether a dense network makes the initial estimate or, where one is given, adds to
            it. Without, the given one is it: beside experts that network learned the training scenes only.
        implicit_prior: whether the spectral prior steers the unfolding.
        prior_net: whether PriorNet brings the bands to the fine grid; else interpolation does.
        adversarial: whether the discriminator's gradient steers the unfolding.
        normalised: Gram matrices and norms are means over the pixels instead of sums, so that a step does not
            depend on how large an image is.
        frozen_attention: channel attention within the adversarial gradient is taken for constant. Its weights
            are statistics of a scene, of which one pixel is no part worth mentioning.
        frozen_realness: likewise the discriminator's vector of bands. Its poolings, of 16 pixels from the
            upper left, would make the result depend on where an image begins.
        aligned_corners: the interpolation of the release, which drifts by up to a quarter of a pixel; else
            pixel areas are aligned.
        sub_pixel_maps: feature maps of a residual network with sub-pixel convolution (see :mod:`.sub_pixel`)
            in place of PriorNet's image branch, whose 37,000 weights hardly improve on bicubic
            interpolation; 0 keeps the published branch.
        sub_pixel_blocks: its residual blocks.
        measured: what is added to the bands has no mean over a pixel of the input: that was measured.
        padded: edges of images are repeated where the release reflects or drops them, so that images smaller
            than the blur or the poolings can be processed.
    """

    bands: int = 12
    channels: int = 186
    hidden: int = 12
    stages: int = 2
    growth: int = 32
    blocks: int = 10
    initial_estimate: bool = True
    implicit_prior: bool = True
    prior_net: bool = True
    adversarial: bool = True
    normalised: bool = False
    frozen_attention: bool = False
    frozen_realness: bool = False
    aligned_corners: bool = True
    sub_pixel_maps: int = 0
    sub_pixel_blocks: int = 8
    measured: bool = False
    padded: bool = False

    @staticmethod
    def local(**changes: Any) -> UALNetConfig:
        """The network whose result, its scene's statistics given, depends on a pixel's surroundings alone."""
        options = ("normalised", "frozen_attention", "frozen_realness", "measured", "padded")
        others = {"aligned_corners": False, "sub_pixel_maps": 64}
        return UALNetConfig(**{**dict.fromkeys(options, True), **others, **changes})
