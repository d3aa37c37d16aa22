"""A real pair of two satellites: Hyperion and ALI over Paris."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hyperlift.core.inference.blind_model import ResponseModel
from hyperlift.core.inference.session import Session
from hyperlift.core.spectral.responses import hat_matrix

_FILE = Path("pairs") / "pair_paris_hyperion_ali.npz"
# Nominal centres of ALI's multispectral bands in nm (MS-1', MS-1 to MS-4, MS-4', MS-5', MS-5, MS-7).
ALI_NM = np.array([442.0, 485.0, 567.0, 660.0, 790.0, 866.0, 1244.0, 1640.0, 2226.0])


def pair_table(models: tuple[Session, ResponseModel], folder: Path) -> str:
    """The pair as it is, with and without nominal centres, as a Markdown table."""
    from .evaluate import run_blind  # which reports on the pair

    if not (folder / _FILE).is_file():
        return "The pair is not there.\n"
    with np.load(folder / _FILE) as table:
        hsi, msi, wavelength = table["hsi"], table["msi"], table["wavelength_nm"].astype(float)
    on = models[0].card.output.grid
    bands, known = on.covers(ALI_NM), on.covers(wavelength)
    truth = hsi.transpose(2, 0, 1)[known].astype(np.float64)
    image = msi.transpose(2, 0, 1)[bands].astype(np.float32)
    back = hat_matrix(on.wavelength_nm, wavelength[known])
    lines = [
        "Both images are scaled by whoever published them. Channels within the grid: "
        f"{int(known.sum())}; bands of ALI: {int(bands.sum())}.\n",
        "| response | PSNR dB | SAM deg | centres nm | widths nm |",
        "|---|---|---|---|---|",
    ]
    for title, centres in (("centres given", ALI_NM[bands]), ("no centres", ())):
        result, camera = run_blind(models, image, centres)
        estimate = np.tensordot(back, result, axes=1)
        error = ((estimate - truth) ** 2).mean(axis=(1, 2))
        psnr = float((10.0 * np.log10(truth.max(axis=(1, 2)) ** 2 / error)).mean())
        cosine = (
            (estimate * truth).sum(axis=0) / np.linalg.norm(estimate, axis=0) / np.linalg.norm(truth, axis=0)
        )
        angle = float(np.degrees(np.arccos(cosine.clip(-1.0, 1.0))).mean())
        centre, width = (" ".join(f"{value:.0f}" for value in row) for row in camera.centre_and_width_nm)
        lines.append(f"| {title} | {psnr:.2f} | {angle:.2f} | {centre} | {width} |")
    return "\n".join(lines) + "\n"
