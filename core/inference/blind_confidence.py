"""How far an estimated response is to be trusted, band by band."""

from __future__ import annotations

from .blind_scene import Camera

# Deviations of centre (nm) and width (share) up to which a band counts as well or roughly known.
_GOOD, _FAIR = (5.0, 0.3), (15.0, 0.5)

MEANING = (
    f"Confidence is good where the centre deviates by up to {_GOOD[0]:g} nm and the width by up to "
    f"{_GOOD[1]:.0%} and nominal centres are given, fair up to {_FAIR[0]:g} nm and {_FAIR[1]:.0%}, and poor "
    "beyond; these are standard deviations that rest on known cameras, so a band much wider or narrower than "
    "theirs can be further off."
)


def confidence(camera: Camera) -> tuple[str, ...]:
    """``good``, ``fair`` or ``poor`` for each band.

    Deviations come from the posterior around the solution. Without nominal centres there may be other
    solutions far away that explain the scene as well, so that no band is better than ``fair``.
    """
    words = []
    for centre, width in zip(camera.found.centre_deviation_nm, camera.found.width_deviation):
        if camera.nominal_nm is not None and centre <= _GOOD[0] and width <= _GOOD[1]:
            words.append("good")
        elif centre <= _FAIR[0] and width <= _FAIR[1]:
            words.append("fair")
        else:
            words.append("poor")
    return tuple(words)
