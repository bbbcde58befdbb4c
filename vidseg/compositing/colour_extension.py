"""Colour extension: a person's colours continued beyond the edge, for straight alpha. Pure."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.frame import Plane, as_plane

_REDUCTION = 4
"""Colours beyond the edge are worked out on a picture this much smaller; they vary slowly."""

_Float = NDArray[np.float32]


def extend_colours(plane: Plane, alpha: Plane, peak: int) -> Plane:
    """Return `plane` [h, w] with the colours of its opaque part continued where `alpha` is 0.

    Values of alpha other than 0 keep their pixels. The colours come from where alpha exceeds half
    its `peak`, by pull and push (Gortler, Grzeszczuk, Szeliski, Cohen 1996): averages over ever
    larger squares fill what the smaller ones leave open. Where no alpha exceeds half, the plane's
    middle value is used.
    """
    empty = alpha == 0
    if not empty.any():
        return plane
    solid = alpha > peak // 2
    height, width = plane.shape
    size = (-(-width // _REDUCTION), -(-height // _REDUCTION))
    unit = np.uint16(
        (1 << 16) // (peak + 1)
    )  # means are taken in 16 bits: floats would be twice as large
    inside = np.multiply(plane, solid, dtype=np.uint16) * unit
    colour = cv2.resize(inside, size, interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(
        unit
    )
    share = (
        cv2.resize(solid * np.uint8(255), size, interpolation=cv2.INTER_AREA).astype(np.float32)
        / 255
    )
    small = as_plane(np.rint(_filled(colour, share, (peak + 1) / 2)).astype(plane.dtype))
    spread = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    result = plane.copy()
    np.copyto(result, spread, where=empty)
    return result


def _filled(colour: _Float, share: _Float, default: float) -> _Float:
    """Return [h, w] colours without gaps from weighted sums and weights in [0, 1], [h, w] each."""
    height, width = share.shape
    if height == width == 1:
        coarse = np.full((1, 1), default, np.float32)
    else:
        half = ((width + 1) // 2, (height + 1) // 2)
        smaller = (cv2.resize(each, half, interpolation=cv2.INTER_AREA) for each in (colour, share))
        summed, weight = (np.asarray(each, np.float32) for each in smaller)
        # A square with a little of the person in it speaks as loudly as a full one.
        gain = np.minimum(1 / np.maximum(weight, 1e-6), 4).astype(np.float32)
        coarse = _filled(summed * gain, weight * gain, default)
        coarse = np.asarray(
            cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32
        )
    return np.asarray(colour + (1 - share) * coarse, np.float32)
