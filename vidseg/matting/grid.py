"""The grid that masks lie on: square cells of the coded picture, counted from its corner. Pure.

Since a cell is a whole number of pixels, what is found on the grid is brought to full size exactly,
and masks of different regions and frames share their points. Sides are powers of two, at least 2,
so that chroma samples never straddle a cell, and pictures are reduced by halving.
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Box
from vidseg.frames.planes import cell_means
from vidseg.matting.cells import Slices
from vidseg.matting.mask import Mask

_MOST_CELLS = 130_000
"""Finer masks cost more in later stages than they bring: 480 x 270 cells of 4 pixels for 1080p."""


def side_for(box: Box) -> int:
    """Return the side of a cell, in pixels, for masks over `box`."""
    side = 2
    while (box.width // side) * (box.height // side) > _MOST_CELLS:
        side *= 2
    return side


def aligned(box: Box, side: int, frame: Frame) -> Box:
    """Return the smallest box of whole cells around `box`; the frame's far edges may cut some."""
    return Box(
        box.left // side * side,
        box.top // side * side,
        min(-(-box.right // side) * side, frame.width),
        min(-(-box.bottom // side) * side, frame.height),
    )


def size(box: Box, side: int) -> tuple[int, int]:
    """Return (columns, rows) of the cells of an aligned box."""
    return -(-box.width // side), -(-box.height // side)


def picture(frame: Frame, box: Box, side: int) -> NDArray[np.uint8]:
    """Return each cell's mean colour in an aligned box: Y, Cb, Cr in 8 bits, uint8 [h, w, 3]."""
    channels = [cell_means(frame, index, box, side) for index in range(3)]
    if frame.format.bits > 8:
        channels = [(each >> (frame.format.bits - 8)).astype(np.uint8) for each in channels]
    return np.asarray(cv2.merge(channels), np.uint8)


def part(mask: Mask, slices: Slices) -> Mask:
    """Return the part of a mask on a grid that lies in some rows and columns of its cells."""
    rows, columns = slices
    side, box = mask.cell, mask.box
    here = Box(
        box.left + columns.start * side,
        box.top + rows.start * side,
        min(box.left + columns.stop * side, box.right),
        min(box.top + rows.stop * side, box.bottom),
    )
    picture, parts = (None if each is None else each[slices] for each in (mask.picture, mask.parts))
    return replace(mask, person=mask.person[slices], box=here, picture=picture, parts=parts)


def gridded(mask: Mask, frame: Frame) -> Mask:
    """Return the mask with a picture, on a grid of the frame: itself where it has both."""
    if mask.cell and mask.picture is not None:
        return mask
    side = mask.cell or side_for(mask.box)
    box = aligned(mask.box, side, frame)
    person = cv2.resize(mask.person, size(box, side), interpolation=cv2.INTER_LINEAR)
    return replace(
        mask, person=np.asarray(person, np.float32), box=box, picture=picture(frame, box, side)
    )
