"""Synthetic frames: a grey room with bright green people in it."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vidseg.frames.colour import Colour, rgb_to_yuv_matrix
from vidseg.frames.frame import WORKING_FORMATS, Frame
from vidseg.frames.geometry import Box
from vidseg.networks.fake import PERSON_RGB

RATE = 25


def room(
    people: list[Box], *, width: int = 320, height: int = 180, index: int = 0, name: str = "yuv420p"
) -> Frame:
    """Return a grey room with green people in it, as planes of format `name`."""
    rgb = np.full((height, width, 3), (120, 110, 130), np.float64)
    for box in people:
        rgb[box.top : box.bottom, box.left : box.right] = PERSON_RGB
    return as_frame(rgb, index=index, name=name)


def as_frame(rgb: NDArray[np.float64], *, index: int = 0, name: str = "yuv420p") -> Frame:
    """Return RGB [H, W, 3] in 0..255 as a frame; chroma by dropping samples."""
    form = WORKING_FORMATS[name]
    matrix = rgb_to_yuv_matrix(Colour(), rgb.shape[0], form.bits)
    codes = np.rint(rgb / 255 @ matrix[:, :3].T + matrix[:, 3]).astype(form.dtype)
    step_y, step_x = 1 << form.shift_y, 1 << form.shift_x
    planes = (codes[..., 0], codes[::step_y, ::step_x, 1], codes[::step_y, ::step_x, 2])
    return Frame(
        tuple(np.ascontiguousarray(p) for p in planes), index, Fraction(1, RATE), 1, form, Colour()
    )
