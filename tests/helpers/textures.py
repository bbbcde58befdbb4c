"""Textured pictures that optical flow can follow, with someone in them."""

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = (90, 160)


def room() -> NDArray[np.uint8]:
    """Return a picture with structure everywhere, uint8 [h, w, 3]."""
    noise = np.random.default_rng(5).integers(60, 190, (*SIZE, 3)).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2.5), np.uint8)


def seen(x: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return a picture with someone at `x`, and the logits of it."""
    picture, logits = room(), np.full(SIZE, -6, np.float32)
    cloth = np.random.default_rng(6).integers(0, 255, (50, 30, 3)).astype(np.uint8)
    picture[30:80, x : x + 30] = cv2.GaussianBlur(cloth, (0, 0), 2)
    logits[30:80, x : x + 30] = 6
    return picture, logits
