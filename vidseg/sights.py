"""What frames show on the grid of a box, made once for all that ask for it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidseg import grid
from vidseg.carry import View
from vidseg.frames import Box, Frame
from vidseg.looks import Look, joined


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """A frame that the network saw: its picture, uint8 [h, w, 3], and logits, float32 [h, w], on a grid.

    `view`: both as flow sees them.
    """

    box: Box
    side: int
    picture: NDArray[np.uint8]
    logits: NDArray[np.float32]
    view: View


class Sights:
    """Sights of frames: gaps share the frames at their ends, whose masks want the same again."""

    def __init__(self) -> None:
        self._made: dict[Frame, Sight] = {}

    def of(self, frame: Frame, looks: Sequence[Look], box: Box, side: int) -> Sight:
        """Return what a frame shows in an aligned box, given all looks at it."""
        made = self._made.get(frame)
        if made is None or (made.box, made.side) != (box, side):
            picture, logits = grid.picture(frame, box, side), joined(looks, box, side)
            made = self._made[frame] = Sight(box, side, picture, logits, View.of(picture, logits))
        return made

    def forget(self, frame: Frame | None) -> None:
        """Let go of a frame."""
        if frame is not None:
            self._made.pop(frame, None)
