"""Logits and probabilities, turned into one another in few passes. Pure.

Arrays are written in place where they can be: a fresh one of a mask's size costs as much as its
arithmetic.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def probability(logits: Floats, gain: float = 1.0) -> Floats:
    """Return 1 / (1 + exp(-gain * logits)), float32 of the same shape."""
    odds = logits * np.float32(-gain)
    cv2.exp(odds, odds)  # a third of the time of numpy's, and infinite where that would warn
    odds += 1
    return np.asarray(np.reciprocal(odds, out=odds), np.float32)


def logits(probability: Floats, least: float) -> Floats:
    """Return ln(p / (1 - p)), with all probabilities brought to [`least`, 1 - `least`] first."""
    likely = np.clip(probability, np.float32(least), np.float32(1 - least))
    likely /= 1 - likely
    cv2.log(likely, likely)  # a fifth of the time of numpy's
    return likely
