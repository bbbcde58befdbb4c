"""Colour: how code values mean light, and the matrices between RGB and YUV. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Colour:
    """How code values mean light: FFmpeg's numbers (ITU-T H.273), 2 where the file says nothing."""

    full_range: bool = False
    matrix: int = 2
    primaries: int = 2
    transfer: int = 2

    def weights(self, height: int) -> tuple[float, float]:
        """Return (Kr, Kb) of the luma equation (ITU-T H.273 table 4).

        Where the file names no matrix, BT.709 above 576 lines and BT.601 otherwise, as players
        assume.
        """
        if self.matrix in (9, 10):
            return 0.2627, 0.0593
        if self.matrix == 1 or (self.matrix not in (4, 5, 6, 7) and height > 576):
            return 0.2126, 0.0722
        if self.matrix == 7:
            return 0.212, 0.087
        return 0.299, 0.114


def rgb_to_yuv_matrix(colour: Colour, height: int, bits: int) -> NDArray[np.float64]:
    """Return the matrix [3, 4] of R'G'B' in [0, 1] (and 1) to Y, Cb, Cr codes (ITU-T H.273 8.3)."""
    red, blue = colour.weights(height)
    green = 1 - red - blue
    luma = np.array([red, green, blue])
    cb = (np.array([0, 0, 1]) - luma) / (2 * (1 - blue))
    cr = (np.array([1, 0, 0]) - luma) / (2 * (1 - red))
    unit = 1 << (bits - 8)
    if colour.full_range:
        y_scale, c_scale, y_offset = (256 * unit - 1.0,) * 2 + (0.0,)
    else:
        y_scale, c_scale, y_offset = 219.0 * unit, 224.0 * unit, 16.0 * unit
    rows = np.stack([luma * y_scale, cb * c_scale, cr * c_scale])
    return np.column_stack([rows, [y_offset, 128.0 * unit, 128.0 * unit]])


def yuv_to_rgb_matrix(colour: Colour, height: int, bits: int) -> NDArray[np.float64]:
    """Return the [3, 4] matrix from Y, Cb, Cr code values (and a 1) to R'G'B' in [0, 255]."""
    forward = rgb_to_yuv_matrix(colour, height, bits)
    inverse = np.linalg.inv(forward[:, :3]) * 255.0
    return np.column_stack([inverse, -inverse @ forward[:, 3]])
