"""Errors of alpha mattes against exact ones, as the matting literature and its tools give them.

Mattes are sequences of float32 [h, w] in [0, 1], frame by frame. Scales are those of
RobustVideoMatting's evaluation: MAD x1000, gradient error / 1000, dtSSD x100. Alpha is not
stretched to [0, 1] before, as that evaluation does: a matte that is too faint is to be seen.
"""

import statistics
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

Matte = NDArray[np.float32]

SOFT = (0.02, 0.98)
"""Alpha between these is soft."""
_AROUND = 3
"""Pixels around what is soft that are scored with it."""
_SIGMA = 1.4
_RADIUS = 4


def mad(found: Matte, true: Matte) -> float:
    """Return the mean absolute difference x1000."""
    return 1000 * float(np.mean(np.abs(found - true)))


def soft_mad(found: Matte, true: Matte) -> float:
    """Return the mean absolute difference x1000 where the truth is soft; 0 where it never is."""
    where = soft_region(true)
    return mad(found[where], true[where]) if where.any() else 0.0


def soft_region(true: Matte) -> NDArray[np.bool_]:
    """Return where a true matte is soft, and a few pixels around, bool [h, w]."""
    low, high = SOFT
    soft = ((true > low) & (true < high)).astype(np.uint8)
    size = 2 * _AROUND + 1
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.dilate(soft, around) > 0)


def gradient_error(found: Matte, true: Matte) -> float:
    """Return the sum of squared differences of gradients / 1000.

    C. Rhemann et al., "A Perceptually Motivated Online Benchmark for Image Matting" (CVPR 2009):
    magnitudes by derivatives of a Gaussian, sigma 1.4, whose filter has the norm 1.
    """
    return float(np.sum((_gradient(found) - _gradient(true)) ** 2)) / 1000


def dtssd(found: Matte, before: Matte, true: Matte, true_before: Matte) -> float:
    """Return how much changes from frame to frame differ: root of the mean square x100.

    M. Erofeev et al., "Perceptually Motivated Benchmark for Video Matting" (BMVC 2015).
    """
    differences = (found - before) - (true - true_before)
    return 100 * float(np.sqrt(np.mean(differences**2)))


def evaluate(found: Iterable[Matte], true: Iterable[Matte]) -> dict[str, float]:
    """Return means over frames: `mad`, `soft` (where the truth is soft), `grad`, `dtssd`."""
    pairs = list(zip(found, true, strict=True))
    steps = zip(pairs[1:], pairs[:-1], strict=True)
    flicker = [dtssd(now[0], last[0], now[1], last[1]) for now, last in steps]
    return {
        "mad": statistics.fmean(mad(*pair) for pair in pairs),
        "soft": statistics.fmean(soft_mad(*pair) for pair in pairs),
        "grad": statistics.fmean(gradient_error(*pair) for pair in pairs),
        "dtssd": statistics.fmean(flicker) if flicker else 0.0,
    }


def _gradient(alpha: Matte) -> Matte:
    """Return the magnitude of the gradient, float32 [h, w]."""
    places = np.arange(-_RADIUS, _RADIUS + 1)
    bell = np.exp(-(places**2) / (2 * _SIGMA**2))
    slope = places * bell
    bell, slope = bell / np.linalg.norm(bell), slope / np.linalg.norm(slope)
    edge = cv2.BORDER_REPLICATE
    across = cv2.sepFilter2D(alpha, cv2.CV_32F, slope, bell, borderType=edge)
    down = cv2.sepFilter2D(alpha, cv2.CV_32F, bell, slope, borderType=edge)
    return np.asarray(np.hypot(across, down), np.float32)
