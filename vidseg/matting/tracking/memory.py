"""What a recurrent network remembers of regions of the frame before, moved to where they are now.

The states of such a network are maps over what it saw. Regions glide along with people and change
their size from span to span; so each new one gets the memory of the one that it overlaps most,
sampled where it lies, and nothing where that wasn't.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.geometry import Box
from vidseg.matting.tracking import regions
from vidseg.matting.tracking.predictions import sampling_line
from vidseg.networks.base import Memory

_MOST_CHANNELS = 4
"""That OpenCV warps at once."""


@dataclass(frozen=True, slots=True, eq=False)
class RegionMemory:
    """What is remembered of a region: maps [h', w', c] in coded orientation, spread over `box`.

    `width` and `height` of the picture that the network saw of it, also in coded orientation.
    """

    box: Box
    width: int
    height: int
    maps: Memory

    def moved(self, box: Box, width: int, height: int) -> Memory:
        """Return the maps for a picture of another box, bilinear; 0 beyond this one's region."""
        if (box, width, height) == (self.box, self.width, self.height):
            return self.maps
        return [self._sampled(each, box, width, height) for each in self.maps]

    def _sampled(
        self, values: NDArray[np.float32], box: Box, width: int, height: int
    ) -> NDArray[np.float32]:
        rows, columns, channels = values.shape
        size = columns * width // self.width, rows * height // self.height
        across = sampling_line(
            columns, columns, self.box.left, self.box.width, box.left, box.width / size[0], False
        )
        down = sampling_line(
            rows, rows, self.box.top, self.box.height, box.top, box.height / size[1], False
        )
        matrix = np.array([[across[0], 0, across[1]], [0, down[0], down[1]]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        some = [
            np.ascontiguousarray(values[..., first : first + _MOST_CHANNELS])
            for first in range(0, channels, _MOST_CHANNELS)
        ]
        warped = [cv2.warpAffine(each, matrix, size, flags=flags) for each in some]
        return np.concatenate([np.atleast_3d(each) for each in warped], axis=2, dtype=np.float32)


def overlapping(memories: Sequence[RegionMemory], box: Box) -> RegionMemory | None:
    """Return the memory of which a region gets most, `None` where no other overlaps it."""
    near = [each for each in memories if regions.overlap(each.box, box)]
    return max(near, key=lambda each: regions.covered_fraction(box, each.box), default=None)
