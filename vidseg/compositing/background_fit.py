"""Fitting of a background to a picture of another shape: cover, contain or stretch. Pure."""

from dataclasses import dataclass

import numpy as np

from vidseg.frames.frame import Plane, as_plane
from vidseg.frames.planes import reduced
from vidseg.settings import Fit


@dataclass(frozen=True, slots=True)
class Fitting:
    """The part of a background shown, and where; in fractions of its and the picture's sides."""

    source: tuple[float, float, float, float]
    target: tuple[float, float, float, float]


def fitting(size: tuple[int, int], shown: tuple[int, int], fit: Fit) -> Fitting:
    """Return the part used of a background of `size`, and its place: left, top, right, bottom."""
    whole = (0.0, 0.0, 1.0, 1.0)
    ratio = (size[0] / size[1]) / (shown[0] / shown[1])
    if fit == "stretch" or abs(ratio - 1) < 1e-3:
        return Fitting(whole, whole)
    share = min(ratio, 1 / ratio)
    low, high = (1 - share) / 2, (1 + share) / 2
    sides, ends = (low, 0.0, high, 1.0), (0.0, low, 1.0, high)
    if fit == "cover":
        return Fitting(sides if ratio > 1 else ends, whole)
    return Fitting(whole, ends if ratio > 1 else sides)


def _pixels(
    part: tuple[float, float, float, float], width: int, height: int
) -> tuple[slice, slice]:
    left, right = round(part[0] * width), round(part[2] * width)
    top, bottom = round(part[1] * height), round(part[3] * height)
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def placed(picture: Plane, place: Fitting, width: int, height: int, fill: int) -> Plane:
    """Return the fitted part of a plane or RGB picture at `width` x `height`, `fill` around it."""
    cropped = picture[_pixels(place.source, picture.shape[1], picture.shape[0])]
    rows, columns = _pixels(place.target, width, height)
    inner = reduced(cropped, columns.stop - columns.start, rows.stop - rows.start)
    if inner.shape[:2] == (height, width):
        return inner
    canvas = np.full((height, width, *picture.shape[2:]), fill, picture.dtype)
    canvas[rows, columns] = inner
    return as_plane(canvas)
