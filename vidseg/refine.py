"""From a small mask to a full-size alpha, and to the foreground's own colours at its edge. Pure."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames import Frame, Mask, Plane, Planes
from vidseg.settings import MatteSettings

_STEP_WIDTH = 0.3


def refine(frame: Frame, mask: Mask, settings: MatteSettings) -> Plane:
    """Return the alpha of `frame`, [H, W] in its sample type, 0 to its peak code value.

    Probability becomes alpha by a soft step around the threshold; `grow` moves the edge by that many
    pixels of the source, `feather` softens it.
    """
    small = np.clip((mask.person - settings.threshold) / _STEP_WIDTH + 0.5, 0, 1)
    peak = frame.format.peak
    size = (mask.box.width, mask.box.height)
    codes = np.rint(small * peak).astype(frame.format.dtype)
    inside = _plane(cv2.resize(codes, size, interpolation=cv2.INTER_LINEAR))
    alpha = _plane(np.zeros((frame.height, frame.width), frame.format.dtype))
    alpha[mask.box.top : mask.box.bottom, mask.box.left : mask.box.right] = inside
    return _feathered(_grown(alpha, settings.grow), settings.feather)


def _grown(alpha: Plane, pixels: float) -> Plane:
    radius = round(abs(pixels))
    if radius == 0:
        return alpha
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return _plane((cv2.dilate if pixels > 0 else cv2.erode)(alpha, kernel))


def _feathered(alpha: Plane, sigma: float) -> Plane:
    return _plane(cv2.GaussianBlur(alpha, (0, 0), sigma)) if sigma > 0 else alpha


def foreground(frame: Frame, alpha: Plane) -> Planes:
    """Return the frame's planes with the foreground's own colour in the edge band, where alpha is mixed.

    Planes and pixels outside the band keep their values; no plane of `frame` is written to. The colours
    on both sides of the edge are local means weighted by alpha and its complement (the "blur fusion" of
    Forte, Approximate Fast Foreground Colour Estimation, 2021).
    """
    peak = frame.format.peak
    return tuple(_own_colour(plane, _at_size(alpha, plane), peak) for plane in frame.planes)


def _at_size(alpha: Plane, plane: Plane) -> Plane:
    if alpha.shape == plane.shape:
        return alpha
    height, width = plane.shape
    return _plane(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA))


def _own_colour(plane: Plane, alpha: Plane, peak: int) -> Plane:
    mixed = (alpha > 0) & (alpha < peak)
    if not mixed.any():
        return plane
    part = alpha.astype(np.float32) / peak
    picture = plane.astype(np.float32)
    front = _local_mean(picture, part)
    back = _local_mean(picture, 1 - part)
    own = front + part * (picture - part * front - (1 - part) * back)
    result = plane.copy()
    result[mixed] = np.clip(np.rint(own[mixed]), 0, peak)
    return result


def _local_mean(picture: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    side = max(3, round(max(picture.shape) / 60) | 1)
    total = cv2.blur(weight, (side, side))
    return np.asarray(cv2.blur(picture * weight, (side, side)) / np.maximum(total, 1e-4), np.float32)


def _plane(array: NDArray[np.generic]) -> Plane:
    """Tell the type checker what OpenCV's stubs don't: the result has the sample type of the input."""
    return array  # type: ignore[return-value]
