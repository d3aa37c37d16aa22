"""Registration of an image with a photograph: an exhaustive coarse search, refined, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .affine import Affine, FloatArray
from .refine import Fit, Refiner
from .search import Candidate, candidates
from .steps import Step, untold
from .views import Views

BLURS = (0.3, 0.42, 0.55)  # standard deviations of an instrument's point spread, in pixels of the image
_SEARCH_SIDE = 64
_CANDIDATES = 10
_FOLDS = 4
_FOLD_SIDE = 4  # pixels of the image; neighbours resemble each other, so whole squares are left out
_RIDGE = 1e-3
_LEAST_VARIANCE = 1e-8  # of an image whose contrast is about one
# Share of the image's detail that the photograph must explain in squares that were left out: what is doubtful
# for large images, what chance adds in small ones (over the square root of the pixels), and how much more is
# sure.
_DOUBTFUL, _CHANCE, _MORE = 0.08, 2.5, 0.15
TONES = (0.5, 0.7, 1.0, 1.4, 2.0)
_FEW = 3  # channels of the image that few pixels bear
_ELSEWHERE = 1.5  # pixels
# Evidence for the best place elsewhere as a share: with photographs of the same ground at most 0.5 was found,
# with others at least 0.66.
_UNRIVALLED, _RIVALLED = 0.55, 0.7
_ENOUGH = 400  # pixels of the image that bear many channels and the six numbers of an affine transform
_MOST_DEGREES, _MOST_SCALE = 15.0, 1.35
# Share of the work after the exhaustive search, and after its best are refined.
_SEARCHED, _REFINED = 0.6, 0.8


@dataclass(frozen=True, eq=False)
class Relation:
    """What a photograph tells of an image when it lies right.

    Attributes:
        tone: exponent of the photograph's brightness at which it is most like the image.
        gains: from the photograph under ``tone`` to the image's first channels, ``(c, k)``.
        spread: standard deviation of the photograph's detail, ``(c,)``.
        explained: share of the variance of the image's detail that the photograph explains where it was not
            fitted; negative when it explains nothing.
        pixels: of the image that both cover.
    """

    tone: float
    gains: FloatArray
    spread: FloatArray
    explained: float
    pixels: int


@dataclass(frozen=True, eq=False)
class Registration:
    """Where an image lies in a photograph.

    Attributes:
        transform: from places in the image to places in the photograph as it was laid over the image, both in
            pixels of the image from its upper left corner.
        blur: standard deviation of the image's point spread in its pixels, as far as the views show it.
        relation: of both under the transform.
        confidence: 0 (the reference is not to be used) to 1.
    """

    transform: Affine
    blur: float
    relation: Relation
    confidence: float

    def in_units(self, length: float) -> Registration:
        """The same with pixels of the image ``length`` times as long.

        The blur remains a share of a pixel: seen through means over several pixels, the instrument's own is
        hidden behind theirs, so what they show stands for it as a typical one.
        """
        return replace(self, transform=self.transform.in_units(length))


def register(views: Views, reach: float, step: Step = untold) -> Registration:
    """Find the affine transform between both views.

    Args:
        views: the image and the photograph.
        reach: largest shift in pixels of the image.
        step: is told of the progress.
    """
    start, rivalry = _coarse(views.with_channels(_FEW), reach, step)
    many = views.valid.sum() >= _ENOUGH
    rich = views.with_squares() if many else views.with_channels(_FEW)
    results = []
    for number, blur in enumerate(BLURS):
        step(_REFINED + (1.0 - _REFINED) * number / len(BLURS))
        refiner = Refiner(rich.without_slow_changes(blur), similar=not many)
        results.append((*refiner.refine(start), blur))
    transform, _, blur = max(results, key=lambda result: result[1])
    found = relation(views, transform, blur)
    floor = _DOUBTFUL + _CHANCE / np.sqrt(max(found.pixels, 1))
    confidence = float(np.clip((found.explained - floor) / _MORE, 0.0, 1.0))
    confidence *= float(np.clip((_RIVALLED - rivalry) / (_RIVALLED - _UNRIVALLED), 0.0, 1.0))
    if not _plausible(transform, views.shape, reach):
        confidence = 0.0
    return Registration(transform, blur, found, confidence)


def relation(views: Views, transform: Affine, blur: float, channels: int = _FEW) -> Relation:
    """How the image's first ``channels`` and the photograph are related under a transform."""
    tone, fit = _best_tone(views.with_channels(channels), transform, blur)
    gains = ridge(np.column_stack([fit.photo, np.ones(len(fit.photo))]), fit.image)[:-1] * fit.spread
    spread = np.maximum(fit.photo.std(axis=0), 1e-9)
    return Relation(tone, gains, spread, explained_share(fit), len(fit.image))


def _coarse(views: Views, reach: float, step: Step) -> tuple[Affine, float]:
    """The most likely transform, refined at a resolution at which all can be tried, and its rivalry.

    That is the evidence of the best place elsewhere as a share of the most likely one's.
    """
    factor = min(-(-max(views.shape) // _SEARCH_SIDE), min(views.shape))
    coarse = views.reduced(factor).without_slow_changes(BLURS[1])
    refiner = Refiner(coarse, similar=True)
    found = candidates(coarse, reach / factor, lambda fraction: step(_SEARCHED * fraction))
    refined: list[tuple[Affine, float]] = []
    for one in _distinct(found, coarse.shape):
        step(_SEARCHED + (_REFINED - _SEARCHED) * len(refined) / _CANDIDATES)
        refined.append(refiner.refine(one.transform))
    best, evidence = max(refined, key=lambda result: result[1])
    elsewhere = [other for place, other in refined if _apart(place, best, coarse.shape) > _ELSEWHERE]
    return best.in_units(1.0 / factor), max(elsewhere, default=0.0) / max(evidence, 1e-9)


def _distinct(found: list[Candidate], shape: tuple[int, int]) -> list[Candidate]:
    """The best candidates of which no two are nearly the same."""
    kept: list[Candidate] = []
    for one in found:
        if all(_apart(one.transform, other.transform, shape) > _ELSEWHERE / 2 for other in kept):
            kept.append(one)
        if len(kept) == _CANDIDATES:
            break
    return kept


def _apart(first: Affine, second: Affine, shape: tuple[int, int]) -> float:
    """How far apart two transforms bring the points of an area, median in pixels."""
    return float(np.median(first.after(second.inverse()).displacement(shape)))


def _best_tone(views: Views, transform: Affine, blur: float) -> tuple[float, Fit]:
    """The exponent of the photograph's brightness under which it explains the image best."""
    fits = [
        (tone, Refiner(views.with_tone(tone).without_slow_changes(blur), similar=False).fit(transform))
        for tone in TONES
    ]
    return max(fits, key=lambda pair: pair[1].evidence)


def _plausible(transform: Affine, shape: tuple[int, int], reach: float) -> bool:
    """Whether a transform is within what is searched for, and a little more."""
    middle = np.array([shape[1] / 2, shape[0] / 2])
    moved = np.abs(transform.matrix @ middle + transform.shift - middle).max()
    size = np.linalg.svd(transform.matrix)[1]
    return bool(
        abs(transform.rotation) <= _MOST_DEGREES
        and size.min() >= 1 / _MOST_SCALE
        and size.max() <= _MOST_SCALE
        and moved <= 1.3 * reach + 1.0
    )


def explained_share(fit: Fit) -> float:
    """Share of the image's variance that regressions on the photograph explain in parts left out."""
    if len(fit.image) < 2 * _FOLDS * (fit.photo.shape[1] + 1):
        return 0.0
    fold = (fit.x // _FOLD_SIDE + 2 * (fit.y // _FOLD_SIDE)).astype(int) % _FOLDS
    basis = np.column_stack([fit.photo / np.maximum(fit.photo.std(axis=0), 1e-12), np.ones(len(fit.photo))])
    error = np.zeros(fit.image.shape[1])
    for number in range(_FOLDS):
        out = fold == number
        weights = ridge(basis[~out], fit.image[~out])
        error += ((fit.image[out] - basis[out] @ weights) ** 2).sum(axis=0)
    total = ((fit.image - fit.image.mean(axis=0)) ** 2).sum(axis=0)
    weight = fit.spread**2
    if weight @ total < _LEAST_VARIANCE * len(fit.image):
        return 0.0
    return float(1.0 - (weight @ error) / (weight @ total))


def ridge(basis: FloatArray, values: FloatArray) -> FloatArray:
    """Weights of a slightly damped regression of ``values`` (n, k) on ``basis`` (n, c)."""
    normal = basis.T @ basis
    normal += _RIDGE * np.trace(normal) / len(normal) * np.eye(len(normal))
    return np.asarray(np.linalg.solve(normal, basis.T @ values), np.float64)
