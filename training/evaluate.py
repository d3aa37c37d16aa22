"""Evaluation: accuracy on held-out scenes against ridge regression, and real Sentinel-2 images."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment

from hyperlift.cli.rasterio_backend import RasterioSink, RasterioSource
from hyperlift.core.inference.report import SceneReport
from hyperlift.core.inference.scene import LiftOptions, lift_scene
from hyperlift.core.inference.session import Session

from .config import CONFIGS
from .pictures import draw_errors, draw_scene
from .scenes import SceneMaker
from .scores import Lift, Score, held_out_scenes, markdown_table, score, spectral_rmse
from .spectra import Collection, data_folder, load_collections
from .train import ridge_baselines

_TARGET = 0.01  # reflectance: median difference of the output, seen by the sensor, from the input
# Real images of ``sentinel2/`` and the offset that each still needs; the values of the last start near 0.10.
_REAL_IMAGES = {
    "BEN_S2A_MSIL2A_20170613T101031_87_48_12band_10m_L2A.tif": 0.0,
    "BEN_S2A_MSIL2A_20170617T113321_36_85_12band_10m_L2A.tif": 0.0,
    "BEN_S2A_MSIL2A_20171221T112501_56_35_12band_10m_L2A.tif": 0.0,
    "RStoolbox_sen2_12band_L2A.tif": -0.1,
}
_BANDS = tuple(range(1, 13))
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Evaluation of {{ name }}</title>
<style>body{font:16px/1.5 sans-serif;max-width:75em;margin:2em auto;padding:0 1em}img{max-width:100%}
table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.2em .7em;text-align:left}</style>
<h1>Evaluation of {{ name }}</h1><p>Model {{ digest }}</p>
<h2>Real scenes of areas that training never saw</h2>
<p>Each cube is seen through Sentinel-2A, all bands at one resolution or at native footprints, and lifted.
PSNR with each band's peak, averaged over bands; SAM is the mean spectral angle.</p>
<table><tr><th>footprints<th>scene<th>method<th>PSNR dB<th>SAM deg<th>RMSE<th>SSIM</tr>
{% for one in scores %}<tr><td>{{ one.footprints }}<td>{{ one.scene }}<td>{{ one.method }}
<td>{{ "%.2f"|format(one.psnr) }}<td>{{ "%.2f"|format(one.sam) }}
<td>{{ "%.4f"|format(one.rmse) }}<td>{{ "%.4f"|format(one.ssim) }}</tr>{% endfor %}</table>
<p><img src="errors.png" alt="Error over wavelength"></p>
<h2>Real Sentinel-2 images</h2>
<p>The output seen again through the sensor's responses and compared with the input, pixel by pixel: median
absolute difference in reflectance, over all bands that the output grid supports (wanted below {{ target }})
and for each of them. Bands of 20 and 60 m also differ by the detail that the output adds
inside their pixels.</p>
{% for scene in real %}<h3>{{ scene.name }}</h3><p>{{ scene.report.calibration }}
{% for text in scene.report.warnings %} {{ text }}{% endfor %}</p>
<p>All bands {{ "%.4f"|format(scene.report.consistency_median) }}:
{% for band, value in scene.report.consistency.items() %}{{ band }} {{ "%.4f"|format(value) }}
{% endfor %}</p><p><img src="{{ scene.picture }}" alt="Input, output and spectra"></p>{% endfor %}
</html>
"""


@dataclass(frozen=True)
class RealScene:
    """A real image: its ``name``, the name of its ``picture`` and the ``report`` of lifting it."""

    name: str
    picture: str
    report: SceneReport


def _methods(collections: list[Collection], model: Path) -> dict[str, Lift]:
    """Ridge regression on what the model was trained on, and the model by the scene runner's session."""
    known = [collection for collection in collections if not collection.held_out]
    session = Session.open(model, "cpu")
    maker = SceneMaker(known, CONFIGS["explains2a"].scenes)
    return {**ridge_baselines(maker), session.card.name: session.run}


def _lift_real(model: Path, folder: Path, output: Path) -> list[RealScene]:
    """Lift the real images that are there, and draw them."""
    session = Session.open(model)
    scenes = []
    for file, offset in _REAL_IMAGES.items():
        path, lifted = folder / "sentinel2" / file, output / file
        if not path.is_file():
            continue
        source = RasterioSource(path)
        report = lift_scene(
            source,
            lambda profile, lifted=lifted: RasterioSink(lifted, profile),
            session,
            LiftOptions(bands=_BANDS, offset=offset),
        )
        source.close()
        picture = lifted.with_suffix(".png").name
        draw_scene(path, lifted, output / picture, offset)
        scenes.append(RealScene(path.stem, picture, report))
    return scenes


def evaluate(model: Path, output: Path, data: Path | None = None) -> Path:
    """Write ``report.html``, ``scores.md`` and ``scores.json`` about a model; returns the report's path.

    Args:
        model: an ONNX file with its card.
        output: folder for the report and its pictures.
        data: folder of real cubes, libraries and Sentinel-2 images (see :mod:`.spectra`).
    """
    output.mkdir(parents=True, exist_ok=True)
    folder = data_folder(data)
    collections = load_collections(folder)
    methods = _methods(collections, model)
    card = Session.open(model, "cpu").card
    scores: list[Score] = []
    errors: dict[str, dict[str, np.ndarray]] = {}
    for scene in held_out_scenes(collections, CONFIGS["explains2a"].scenes.target):
        title = f"{scene.name}, {scene.footprints}"
        scores += [score(scene, name, lift) for name, lift in methods.items()]
        errors[title] = {name: spectral_rmse(scene, lift) for name, lift in methods.items()}
    draw_errors(errors, np.array(card.output.wavelength_nm), output / "errors.png")
    real = _lift_real(model, folder, output)
    page = Environment(autoescape=True).from_string(_PAGE)
    text = page.render(name=card.name, digest=card.digest, scores=scores, real=real, target=_TARGET)
    (output / "scores.md").write_text(markdown_table(scores), encoding="utf-8")
    real_medians = {
        scene.name: {"all": scene.report.consistency_median, **scene.report.consistency} for scene in real
    }
    summary = {"held_out": [asdict(one) for one in scores], "real": real_medians}
    (output / "scores.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
    report = output / "report.html"
    report.write_text(text, encoding="utf-8")
    return report
