"""A mask: where the people are, small, before it is refined."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidseg.frames.geometry import Box
from vidseg.matting.colour_model import Appearance, AppearanceBetween


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Mask:
    """Where the people are, small, before refinement.

    `person`: float32 [h', w'], probability in [0, 1], over `box` of the coded picture (outside it:
    0). `begins_shot`: the first mask of a new
    shot. `picture`: the frame on the mask's own grid, Y, Cb, Cr
    in 8-bit codes, uint8 [h', w', 3], from which smoothing and refinement tell what moved and where
    edges run; `None` where unknown. Masks usually lie on a grid of the picture (see
    `vidseg.matting.grid`). `parts`: where a map of parts was asked for, the part that each point
    shows if it shows anyone, uint8 [h', w'], numbers of `vidseg.body_parts.PARTS`. `propagated`:
    it is a mean over time already (see `vidseg.matting.tracking.propagation`). `appearance`:
    colours of people near by in time, else the mask's own picture tells (see
    `vidseg.matting.colour_model`).
    """

    person: NDArray[np.float32]
    box: Box
    begins_shot: bool = False
    picture: NDArray[np.uint8] | None = None
    parts: NDArray[np.uint8] | None = None
    propagated: bool = False
    appearance: Appearance | AppearanceBetween | None = None

    @property
    def cell(self) -> int:
        """Side of the cells of the picture's grid that the mask lies on, 0 if on none."""
        height, width = self.person.shape
        side = (
            2  # not told by a division: where the last cell is cut, a box may be narrower than one
        )
        while -(-self.box.width // side) > width or -(-self.box.height // side) > height:
            side *= 2
        fits = (-(-self.box.width // side), -(-self.box.height // side)) == (width, height)
        begins = self.box.left % side == self.box.top % side == 0
        return side if fits and begins else 0

    @property
    def step(self) -> tuple[float, float]:
        """Distance between the mask's points, across and down, in pixels of the picture."""
        height, width = self.person.shape
        side = self.cell
        return (side, side) if side else (self.box.width / width, self.box.height / height)

    def __repr__(self) -> str:
        height, width = self.person.shape
        return f"Mask({width}x{height} over {self.box})"
