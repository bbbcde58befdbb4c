"""Snapshot: a frame and its mask, whole and small, on which people are told apart. Pure."""

from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.frame import Frame
from vidseg.frames.planes import small_rgb
from vidseg.matting.mask import Mask

LONGEST = 240
"""Points of a snapshot's longer side: of a clip of 1080p, one for 8 pixels."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Snapshot:
    """A frame, whole and small, as coded.

    `time` in seconds of the source's clock; `picture`: uint8 [h, w, 3] of RGB; `person`: float32
    [h, w], probability in [0, 1]; `begins_shot`: nothing before it tells who is who.
    """

    time: Fraction
    picture: NDArray[np.uint8]
    person: NDArray[np.float32]
    begins_shot: bool = False

    @classmethod
    def of(cls, frame: Frame, mask: Mask, *, begins_shot: bool = False) -> "Snapshot":
        """Return the snapshot of a frame and its mask."""
        width, height = size_for(frame)
        picture = small_rgb(frame, frame.whole, width, height)
        return cls(frame.time, picture, _whole(frame, mask, width, height), begins_shot)

    @property
    def luma(self) -> NDArray[np.uint8]:
        """The picture's brightness, [h, w]."""
        return np.asarray(cv2.cvtColor(self.picture, cv2.COLOR_RGB2GRAY), np.uint8)

    def __repr__(self) -> str:
        height, width = self.person.shape
        return f"Snapshot({width}x{height}, t={float(self.time):.3f} s)"


def size_for(frame: Frame) -> tuple[int, int]:
    """Return (width, height) of a frame's snapshot, in points."""
    scale = min(1.0, LONGEST / max(frame.width, frame.height))
    return max(1, round(frame.width * scale)), max(1, round(frame.height * scale))


def onto_mask(plane: NDArray[np.float32], frame: Frame, mask: Mask) -> NDArray[np.float32]:
    """Return a plane [h, w] of snapshot's points at the points of a mask, bilinear."""
    height, width = plane.shape
    step_x, step_y = mask.step
    across, down = width / frame.width, height / frame.height
    matrix = np.array(
        [
            [step_x * across, 0, (mask.box.left + step_x / 2) * across - 0.5],
            [0, step_y * down, (mask.box.top + step_y / 2) * down - 0.5],
        ],
        np.float32,
    )
    return _sampled(plane, matrix, mask.person.shape[::-1], cv2.BORDER_REPLICATE)


def _whole(frame: Frame, mask: Mask, width: int, height: int) -> NDArray[np.float32]:
    """Return a mask's probabilities over the whole frame, float32 [height, width]."""
    step_x, step_y = mask.step
    across, down = frame.width / width, frame.height / height
    matrix = np.array(
        [
            [across / step_x, 0, (across / 2 - mask.box.left) / step_x - 0.5],
            [0, down / step_y, (down / 2 - mask.box.top) / step_y - 0.5],
        ],
        np.float32,
    )
    return _sampled(mask.person, matrix, (width, height), cv2.BORDER_CONSTANT)


def _sampled(
    plane: NDArray[np.float32], matrix: NDArray[np.float32], size: tuple[int, ...], border: int
) -> NDArray[np.float32]:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(plane, matrix, (size[0], size[1]), flags=flags, borderMode=border),
        np.float32,
    )
