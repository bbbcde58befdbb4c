"""Cache of predictions for regions, revalidated by optical flow.

What is taken for a person time and again, a chair or a shelf, needs no prediction each time; and
where the camera moves, it is the same chair a little further on.
"""

from collections import deque
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Box
from vidseg.frames.medians import medians
from vidseg.matting import grid, optical_flow
from vidseg.matting.tracking import regions
from vidseg.matting.tracking.predictions import Prediction

_MOST_CACHED = 8

_FINE = 40
"""Cells that a region's shorter side has at least, where they can be as small as that."""

_DIFFERENT = 12
"""Change of colour, in codes of 256, above which a pixel differs once motion is compensated."""

_MOST_DIFFERENT = 0.03
"""Share of all places that may differ."""

_COVERED = 0.75
"""Share of a person that a prediction is to cover."""


@dataclass(frozen=True, slots=True, eq=False)
class _Cached:
    """A prediction, and the picture [h, w, 3] of its box, aligned to cells of `side` pixels."""

    prediction: Prediction
    picture: NDArray[np.uint8]
    box: Box
    side: int

    def at(self, frame: Frame) -> Prediction | None:
        """Return the prediction moved to another frame, `None` where that shows something else."""
        now, shift = grid.picture(frame, self.box, self.side), np.zeros(2, np.float32)
        then = self.picture
        lumas = (np.ascontiguousarray(each[..., 0]) for each in (now, then))
        sampling_map = optical_flow.Flow(fine=True).sampling_map(*lumas)
        if sampling_map is not None:
            then = optical_flow.warp(then, sampling_map)
            motion = sampling_map - optical_flow.pixel_coordinates(*sampling_map.shape[:2])
            shift = medians(motion.reshape(-1, 2).T) * self.side
        differs = cv2.inRange(optical_flow.difference(now, then), _DIFFERENT, 255)
        if np.count_nonzero(differs) > _MOST_DIFFERENT * differs.size:
            return None
        left, top = (round(float(each)) for each in shift)
        box = self.prediction.box
        moved = Box(box.left - left, box.top - top, box.right - left, box.bottom - top)
        return replace(self.prediction, box=moved)


class PredictionCache:
    """The latest predictions for regions."""

    def __init__(self) -> None:
        self._cached: deque[_Cached] = deque(maxlen=_MOST_CACHED)

    def add(self, prediction: Prediction, frame: Frame) -> None:
        """Keep a prediction for a region of `frame`."""
        side = 2
        while min(prediction.box.size) >= 2 * side * _FINE:
            side *= 2
        box = grid.aligned(prediction.box, side, frame)
        self._cached.append(_Cached(prediction, grid.picture(frame, box, side), box, side))

    def find(self, frame: Frame, person: Box, box: Box) -> Prediction | None:
        """Return one that will do for `box` of `frame`, with most of `person` in it."""
        for cached in reversed(self._cached):
            if not regions.overlap(cached.box, person):
                continue
            if regions.area(cached.box) >= 2 * regions.area(box):
                continue
            prediction = cached.at(frame)
            if (
                prediction is not None
                and regions.covered_fraction(person, prediction.box) >= _COVERED
            ):
                return prediction
        return None
