"""Whether a clip shows whole bodies, to a network that was made for people close to the camera."""

import cv2
import numpy as np

from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Orientation
from vidseg.matting.mask import Mask
from vidseg.settings import DEFAULT_MODEL

_SOMEONE = 0.5
"""Probability from which a point belongs to a person."""

_MOSTLY = 0.5
"""Share of the pictures with people from which a clip shows whole bodies."""

_SMALLEST = 0.002
"""Share of the picture below which what is found doesn't count."""


class WholeBodies:
    """Counts pictures with people, and those of them whose lower border cuts nobody off.

    `orientation`: how coded pictures are shown.
    """

    def __init__(self, orientation: Orientation) -> None:
        across, down = orientation.coded_place(0.5, 1.0)  # of the middle of the lower border
        self._side = (round(across * 2) - 1, round(down * 2) - 1)
        self.seen = self.whole = 0

    def add(self, frame: Frame, mask: Mask) -> None:
        """Count a picture."""
        inside = np.asarray(mask.person > _SOMEONE, np.uint8)
        left, top, width, height = cv2.boundingRect(inside)
        across, down = mask.step
        if width * across * height * down < _SMALLEST * frame.width * frame.height:
            return
        gaps = {
            (-1, 0): mask.box.left + left * across,
            (1, 0): frame.width - mask.box.left - (left + width) * across,
            (0, -1): mask.box.top + top * down,
            (0, 1): frame.height - mask.box.top - (top + height) * down,
        }
        self.seen += 1
        self.whole += gaps[self._side] > max(across, down)

    def note(self, network: str) -> str | None:
        """Return what is to be told of a `network` that sees such people less well, if anything."""
        if self.seen == 0 or self.whole < _MOSTLY * self.seen:
            return None
        return (
            f"{network} is made for people close to the camera, and these are seen from head to "
            f"foot: --model {DEFAULT_MODEL} sees those better"
        )
