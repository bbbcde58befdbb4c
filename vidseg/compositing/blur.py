"""Blurred background: a clip's own surroundings without its people. Pure."""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.frame import Frame, Plane, Planes, as_plane
from vidseg.frames.planes import reduced


class Blur:
    """The picture's own surroundings, blurred without the people in them.

    Normalised convolution (Knutsson and Westin, 1993): colour and weight are blurred alike and
    divided, with weight 1 - alpha, so that nothing of a person bleeds into what is behind.
    `strength` is the Gaussian's standard deviation in thousandths of the longer side; `whole` blurs
    the people too.
    """

    _SMALL_SIGMA = 3.0
    """Standard deviation, in pixels, on the reduced picture: fine enough to hide the reduction."""

    def __init__(self, strength: float, *, whole: bool) -> None:
        self.notes: list[str] = []
        self._strength = strength
        self._whole = whole

    def behind(self, frame: Frame) -> Callable[[Plane], Planes]:
        """Return what blurs the planes of `frame`."""
        return partial(self._planes, frame)

    def _planes(self, frame: Frame, alpha: Plane) -> Planes:
        peak = frame.format.peak
        sigma = self._strength / 1000 * max(frame.width, frame.height)
        factor = max(1, int(sigma / self._SMALL_SIGMA))
        width, height = max(1, frame.width // factor), max(1, frame.height // factor)
        behind = as_plane(
            np.full_like(alpha, peak)
            if self._whole
            else np.subtract(peak, alpha, dtype=alpha.dtype)
        )
        weight = _area(behind, width, height)
        return tuple(
            self._blurred(plane, behind, weight, sigma / factor, peak) for plane in frame.planes
        )

    def _blurred(
        self, plane: Plane, behind: Plane, weight: NDArray[np.float32], sigma: float, peak: int
    ) -> Plane:
        rows, columns = plane.shape
        if behind.shape != plane.shape:
            behind = as_plane(cv2.resize(behind, (columns, rows), interpolation=cv2.INTER_AREA))
        small = _area(
            as_plane(cv2.multiply(plane, behind, scale=1 / peak)), weight.shape[1], weight.shape[0]
        )
        # A trace of everything's mean fills what is so far inside a person that no surroundings
        # reach it.
        trace = 1e-3 * peak
        mean = float(small.sum() / max(float(weight.sum()) / peak, 1.0))
        colour = cv2.GaussianBlur(small, (0, 0), sigma) * peak + trace * mean
        share = cv2.GaussianBlur(weight, (0, 0), sigma) + trace
        filled = as_plane(np.clip(colour / share + 0.5, 0, peak).astype(plane.dtype))
        return as_plane(cv2.resize(filled, (columns, rows), interpolation=cv2.INTER_LINEAR))

    def close(self) -> None:
        """Nothing is held open."""


def _area(plane: Plane, width: int, height: int) -> NDArray[np.float32]:
    return reduced(plane, width, height).astype(np.float32)
