"""Looks at parts of frames that are as good as new later on, while what they saw is there still.

What is taken for a person time and again, a chair or a shelf, needs no look each time; and where the camera
moves, it is the same chair a little further on.
"""

from collections import deque
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg import flow, grid, regions
from vidseg.frames import Box, Frame
from vidseg.looks import Look

_MOST_LOOKS = 8

_FINE = 40
"""Cells that a look's shorter side has at least, where they can be as small as that."""

_DIFFERENT = 12
"""Change of colour, in codes of 256, above which a place is not the same once motion is made good."""

_MOST_DIFFERENT = 0.03
"""Share of all places that may differ."""

_COVERED = 0.75
"""Share of a person that a look is to cover."""


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """A look, and the picture [h, w, 3] of its box, aligned to cells of `side` pixels."""

    look: Look
    picture: NDArray[np.uint8]
    box: Box
    side: int

    def at(self, frame: Frame) -> Look | None:
        """Return the look as it were at another frame, `None` where that shows something else."""
        now, shift = grid.picture(frame, self.box, self.side), np.zeros(2)
        then = self.picture
        there = flow.Flow(fine=True).there(*(np.ascontiguousarray(each[..., 0]) for each in (now, then)))
        if there is not None:
            then = flow.read(then, there)
            shift = np.median(there - flow.places(*there.shape[:2]), axis=(0, 1)) * self.side
        differs = cv2.inRange(flow.difference(now, then), _DIFFERENT, 255)
        if np.count_nonzero(differs) > _MOST_DIFFERENT * differs.size:
            return None
        left, top = (round(float(each)) for each in shift)
        box = self.look.box
        return replace(self.look, box=Box(box.left - left, box.top - top, box.right - left, box.bottom - top))


class Recall:
    """The latest looks."""

    def __init__(self) -> None:
        self._kept: deque[_Kept] = deque(maxlen=_MOST_LOOKS)

    def keep(self, look: Look, frame: Frame) -> None:
        """Keep a look at a part of `frame`."""
        side = 2
        while min(look.box.width, look.box.height) >= 2 * side * _FINE:
            side *= 2
        box = grid.aligned(look.box, side, frame)
        self._kept.append(_Kept(look, grid.picture(frame, box, side), box, side))

    def look(self, frame: Frame, person: Box, box: Box) -> Look | None:
        """Return a look as good as one at `box` of `frame`, hardly larger, with most of `person` in it."""
        for kept in reversed(self._kept):
            if not regions.overlap(kept.box, person) or regions.area(kept.box) >= 2 * regions.area(box):
                continue
            look = kept.at(frame)
            if look is not None and regions.share(person, look.box) >= _COVERED:
                return look
        return None
