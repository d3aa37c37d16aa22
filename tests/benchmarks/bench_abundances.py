"""Fully constrained abundances: exactness against an independent solver, and pixels per second.

Exactness: 10,000 pixels for each number of endmembers from 2 to 20, for half of them the endmembers depend on
each other but for 1e-6. Printed are the worst of: the conditions of Karush, Kuhn and Tucker in float64 over
``s (s + |x|)``, ``s`` the norm of the longest endmember (wanted: 1e-8); the objective less the reference's
over ``s^2 + |x|^2`` (wanted: 1e-12, which is rounding); the sum's distance from one (wanted: 1e-9); the least
abundance (wanted: 0). The reference is Lawson and Hanson's method of scipy, pixel by pixel.

Speed: 172 bands in float32, mixtures of one to four endmembers or of all, signal to noise 30 dB and 10 dB;
medians of five solvers that know nothing of the endmembers, and of their second time. Wanted on two cores:
800,000 pixels per second with 6 endmembers, 100,000 with 14, and 400 times as many as a quadratic program
pixel by pixel (cvxopt's, which is left out where it is not installed). On a machine that does other things
as well the rates of processor time tell more.
"""

from __future__ import annotations

import time

import numpy as np
from scipy.optimize import nnls

from hyperlift.core.unmixing.abundances import AbundanceSolver

try:
    import cvxopt
except ImportError:
    cvxopt = None

BANDS = 172
WANTED = {6: 800_000, 14: 100_000, 20: None}
NUMBER = {6: 500_000, 14: 100_000, 20: 50_000}


def spectra(count: int, random: np.random.Generator) -> np.ndarray:
    """Smooth reflectances (count, bands) with a slope and four features each."""
    place = np.linspace(0.0, 1.0, BANDS)
    result = random.uniform(0.05, 0.3, (count, 1)) + random.uniform(-0.05, 0.3, (count, 1)) * place
    for _ in range(4):
        height, centre = random.uniform(-0.15, 0.2, (count, 1)), random.random((count, 1))
        result += height * np.exp(-(((place - centre) / random.uniform(0.02, 0.25, (count, 1))) ** 2))
    return np.clip(result, 0.005, 1.0)


def mixtures(endmembers: np.ndarray, number: int, decibel: float, random: np.random.Generator) -> np.ndarray:
    """Pixels (number, bands): three quarters mix one to four endmembers, the others all of them."""
    count = len(endmembers)
    few = random.integers(1, min(4, count) + 1, number)
    few[::4] = count
    parts = random.standard_gamma(1.0, (number, count))
    parts *= random.random((number, count)).argsort(axis=1).argsort(axis=1) < few[:, None]
    pixels = (parts / parts.sum(axis=1, keepdims=True)) @ endmembers
    return pixels + random.standard_normal(pixels.shape) * np.sqrt((pixels**2).mean() / 10 ** (decibel / 10))


def by_nnls(pixels: np.ndarray, endmembers: np.ndarray) -> np.ndarray:
    """Pixel by pixel: the point of the endmembers' hull, seen from the pixel, that is nearest to it."""
    triangle = np.linalg.qr(endmembers.T)[1]
    projected = np.linalg.lstsq(triangle.T, endmembers @ pixels.T, rcond=None)[0].T
    matrix, side = np.ones((len(endmembers) + 1, len(endmembers))), np.zeros(len(endmembers) + 1)
    side[-1] = 1.0
    result = np.empty((len(pixels), len(endmembers)))
    for row, pixel in zip(result, projected):
        matrix[:-1] = triangle - pixel[:, None]
        row[:] = nnls(matrix, side)[0]
        row /= row.sum()
    return result


def by_cvxopt(pixels: np.ndarray, endmembers: np.ndarray) -> np.ndarray:
    """Pixel by pixel: cvxopt's interior-point method at its defaults."""
    count = len(endmembers)
    gram = cvxopt.matrix(endmembers @ endmembers.T)
    bounds, zeros = cvxopt.matrix(-np.eye(count)), cvxopt.matrix(np.zeros(count))
    ones, one = cvxopt.matrix(np.ones((1, count))), cvxopt.matrix(1.0)
    options = {"show_progress": False}
    sides = (cvxopt.matrix(side) for side in -pixels @ endmembers.T)
    programs = (cvxopt.solvers.qp(gram, side, bounds, zeros, ones, one, options=options) for side in sides)
    return np.array([np.ravel(program["x"]) for program in programs])


def check(pixels: np.ndarray, endmembers: np.ndarray) -> np.ndarray:
    """Optimality, objective less the reference's, distance of the sum from one, minus the least abundance."""
    shares = AbundanceSolver(endmembers)(pixels)
    length, longest = np.linalg.norm(pixels, axis=1), np.linalg.norm(endmembers, axis=1).max()
    gradient = (shares @ endmembers - pixels) @ endmembers.T
    multipliers = gradient - (shares * gradient).sum(axis=1, keepdims=True)
    multipliers /= (longest * (longest + length))[:, None]
    optimality = max(-multipliers.min(), (shares * np.abs(multipliers)).max())
    own, other = (
        ((found @ endmembers - pixels) ** 2).sum(axis=1) for found in (shares, by_nnls(pixels, endmembers))
    )
    excess = ((own - other) / (longest**2 + length**2)).max()
    return np.array([optimality, excess, np.abs(shares.sum(axis=1) - 1.0).max(), -shares.min()])


def exactness(random: np.random.Generator) -> None:
    """The worst over all numbers of endmembers."""
    worst = np.full(4, -np.inf)
    for count in range(2, 21):
        endmembers = spectra(count, random)
        dependent = endmembers.copy()
        dependent[: count // 2] = dependent[count - count // 2 :]
        dependent += 1e-6 * random.standard_normal(dependent.shape)
        for own in (endmembers, dependent):
            for decibel in (30.0, 10.0):
                worst = np.maximum(worst, check(mixtures(own, 2500, decibel, random), own))
    print("2 to 20 endmembers, 10,000 pixels each:", end=" ")
    print(
        f"optimality {worst[0]:.1e} (wanted: 1e-8), objective above the reference's {worst[1]:.1e}", end=" "
    )
    print(
        f"(wanted: 1e-12), sum from one {worst[2]:.1e} (wanted: 1e-9), least {0.0 - worst[3]:.1e} (wanted: 0)"
    )


def rate(function, pixels: np.ndarray) -> tuple[float, float]:
    """Pixels per second of wall time and of processor time."""
    wall, processor = time.perf_counter(), time.process_time()
    function(pixels)
    return len(pixels) / (time.perf_counter() - wall), len(pixels) / (time.process_time() - processor)


def speed(count: int, decibel: float, random: np.random.Generator) -> None:
    """Rates of a fresh solver, of one that has seen the endmembers, and of the loops."""
    endmembers = spectra(count, random)
    pixels = mixtures(endmembers, NUMBER[count], decibel, random).astype(np.float32)
    solvers = [AbundanceSolver(endmembers) for _ in range(5)]
    first, again = (np.median([rate(solver, pixels) for solver in solvers], axis=0) for _ in range(2))
    print(f"{count} endmembers, {decibel:.0f} dB: {first[0]:,.0f} pixels per second,", end=" ")
    print(f"{first[1]:,.0f} of processor time; second time {again[0]:,.0f} and {again[1]:,.0f}", end="")
    few = pixels[:1000].astype(np.float64)
    for name, loop in {"scipy's nnls": by_nnls, "cvxopt": by_cvxopt if cvxopt else None}.items():
        if loop:
            slow = rate(lambda block, loop=loop: loop(block, endmembers), few)
            print(f"; {first[0] / slow[0]:,.0f} times a loop of {name}", end="")
    print(f" (wanted: {WANTED[count]:,}, 400 times)" if WANTED[count] else "", flush=True)


def main() -> None:
    """Exactness, then speed."""
    random = np.random.default_rng(0)
    exactness(random)
    for count in NUMBER:
        for decibel in (30.0, 10.0):
            speed(count, decibel, random)


if __name__ == "__main__":
    main()
