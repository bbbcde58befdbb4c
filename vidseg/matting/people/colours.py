"""Colours that people wear, counted, by which they are told apart and known again. Pure."""

import cv2
import numpy as np
from numpy.typing import NDArray

_LIGHTS, _TINTS = 16, 24
"""Bins of lightness, and of each of the two axes of colour in CIE L*a*b*."""

_TINT_WIDTH = 8
"""Codes of 256 in a bin of the axes, which are counted around grey."""

_FLOOR = 1e-4
"""Share that a colour has which was never seen on somebody."""

BINS = _LIGHTS * _TINTS * _TINTS

Counts = NDArray[np.float32]
"""How many points have the colours of each bin: float32 [BINS]."""


def bins_of(picture: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return the number of the bin of each point's colour, int32 [h, w], of RGB [h, w, 3]."""
    lab = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB), np.int32)
    light = lab[..., 0] * _LIGHTS // 256
    tints = np.clip((lab[..., 1:] - 128) // _TINT_WIDTH + _TINTS // 2, 0, _TINTS - 1)
    return np.asarray((light * _TINTS + tints[..., 0]) * _TINTS + tints[..., 1], np.int32)


def counted(bins: NDArray[np.int32], where: NDArray[np.bool_]) -> Counts:
    """Return how often each colour is at some points."""
    return np.bincount(bins[where], minlength=BINS).astype(np.float32)


def likelihood(counts: Counts) -> Counts:
    """Return how likely each colour is, given counts of colours; neighbouring bins share some."""
    cube = counts.reshape(_LIGHTS, _TINTS, _TINTS)
    for axis in range(3):
        cube = _shared(cube, axis)
    total = float(cube.sum())
    shares = cube.reshape(-1) / total if total else np.full(BINS, 1 / BINS, np.float32)
    return np.asarray(shares + _FLOOR, np.float32)


def likeness(one: Counts, other: Counts) -> float:
    """Return how alike two people's colours are, 0 to 1 (the coefficient of Bhattacharyya).

    In real clips somebody is 0.95 to 0.99 like the same one some seconds later, and 0.9 like others
    at most, mostly below 0.6.
    """
    return float(signature(one) @ signature(other))


def signature(counts: Counts) -> Counts:
    """Return the vector of counts whose product with another one's is their likeness."""
    total = float(counts.sum())
    return np.sqrt(counts / np.float32(total)) if total else counts


def _shared(cube: Counts, axis: int) -> Counts:
    """Return a cube of counts in which each gives a quarter to its neighbours along an axis."""
    padded = np.pad(cube, [(1, 1) if i == axis else (0, 0) for i in range(3)], mode="edge")
    count = cube.shape[axis]
    low, here, high = (np.take(padded, range(i, i + count), axis) for i in range(3))
    return np.asarray((low + 2 * here + high) / 4, np.float32)


def mixed(fresh: Counts | None, alone: Counts) -> Counts:
    """Return colours of somebody as just seen and as seen alone, of the same weight."""
    given = [each / each.sum() for each in (fresh, alone) if each is not None and each.any()]
    return np.asarray(sum(given) if given else np.zeros(BINS), np.float32)
