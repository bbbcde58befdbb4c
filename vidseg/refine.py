"""From a small mask to a full-size alpha that follows the picture's edges. Pure.

Full-size work is confined to the band around the edge: everywhere else alpha is 0 or the peak.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.colours import snapped
from vidseg.frames import Frame, Mask, Plane, Planes, reduced
from vidseg.settings import MatteSettings
from vidseg.solid import solid

_STEP_WIDTH = 0.5
"""Span of probability, around the threshold, over which alpha rises from 0 to 1."""

_WINDOW = (3, 3)
_FLATNESS = 1e-3
"""Variance of luma, in [0, 1], below which the guided filter takes the picture for flat and just smooths."""

_EVERYWHERE, _NOWHERE, _BAND = 255, 0, 128

_Float = NDArray[np.float32]


def refine(frame: Frame, mask: Mask, settings: MatteSettings) -> Plane:
    """Return the alpha of `frame`, [H, W] in its sample type, 0 to its peak code value.

    The mask's edge is moved to where colours change (see `vidseg.colours`), holes and specks go (see
    `vidseg.solid`), and the rest is brought to full size by a guided filter (He, Sun, Tang 2010; its fast
    form, He, Sun 2015): near each pixel, probability is a linear function of luma, whose coefficients are
    found on the small grid and read off between its points. A soft step around the threshold makes it
    alpha. `grow` moves the edge by that many pixels of the source, `feather` softens it.
    """
    person = mask.person if mask.picture is None else snapped(mask.person, mask.picture)
    person = solid(_shifted(person, settings.threshold), _shifted(mask.person, settings.threshold))
    alpha = _plane(np.zeros((frame.height, frame.width), frame.format.dtype))
    box = mask.box
    inside = alpha[box.top : box.bottom, box.left : box.right]
    luma = frame.planes[0][box.top : box.bottom, box.left : box.right]
    _fill(inside, luma, person, frame.format.peak)
    return _feathered(_grown(alpha, settings.grow), settings.feather)


def _shifted(person: _Float, threshold: float) -> _Float:
    """Return probabilities whose odds are changed so that `threshold` becomes one half."""
    if threshold == 0.5:
        return person
    scaled = person * np.float32(1 - threshold)
    return np.asarray(scaled / (scaled + (1 - person) * np.float32(threshold)), np.float32)


def _fill(alpha: Plane, luma: Plane, person: _Float, peak: int) -> None:
    """Write the alpha of a box, [H, W] 0 to `peak`, where its luma [H, W] and the small `person` lie."""
    zones = _zones(_stepped(person))
    height, width = alpha.shape
    spread = cv2.resize(zones, (width, height), interpolation=cv2.INTER_NEAREST)
    if peak == 255:
        alpha[...] = spread
    else:
        alpha[spread == _EVERYWHERE] = peak
    rows, columns = _places(cv2.inRange(spread, _BAND, _BAND))
    if not len(rows):
        return
    slope, offset = _guided(_reduced(luma, person.shape, peak), person)
    brightness = luma[rows, columns] * np.float32(1 / peak)
    values = _read(slope, offset, rows, columns, (height, width), brightness)
    alpha[rows, columns] = np.rint(_stepped(values) * np.float32(peak))


def _places(marked: NDArray[Any]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return rows and columns of what is not 0 in uint8 [h, w], int32 [n] each."""
    found = cv2.findNonZero(marked)  # four times as fast as numpy's nonzero on bytes
    if found is None:
        return np.empty(0, np.int32), np.empty(0, np.int32)
    points = np.asarray(found, np.int32).reshape(-1, 2)
    return points[:, 1], points[:, 0]


def _stepped(person: _Float) -> _Float:
    return np.asarray(np.clip((person - 0.5) / _STEP_WIDTH + 0.5, 0, 1), np.float32)


def _zones(step: _Float) -> NDArray[np.uint8]:
    """Return where alpha is 255, 0, or to be worked out at full size (128): around any soft value."""
    soft = cv2.inRange(step, 1e-3, 1 - 1e-3)
    edge = cv2.morphologyEx((step > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    band = cv2.dilate(cv2.bitwise_or(soft, edge), np.ones((3, 3), np.uint8))
    zones = np.where(step > 0.5, np.uint8(_EVERYWHERE), np.uint8(_NOWHERE))
    zones[band > 0] = _BAND
    return zones


def _reduced(luma: Plane, shape: tuple[int, int], peak: int) -> _Float:
    small = reduced(luma, shape[1], shape[0]).astype(np.float32)
    return small * np.float32(1 / peak)


def _guided(luma: _Float, person: _Float) -> tuple[_Float, _Float]:
    """Return slope and offset, [h, w], of the line that gives `person` from `luma` around each point."""
    mean_luma, mean_person = cv2.blur(luma, _WINDOW), cv2.blur(person, _WINDOW)
    covariance = cv2.blur(luma * person, _WINDOW) - mean_luma * mean_person
    variance = cv2.blur(luma * luma, _WINDOW) - mean_luma * mean_luma
    slope = np.asarray(covariance / (variance + np.float32(_FLATNESS)), np.float32)
    offset = np.asarray(mean_person - slope * mean_luma, np.float32)
    return np.asarray(cv2.blur(slope, _WINDOW), np.float32), np.asarray(cv2.blur(offset, _WINDOW), np.float32)


_RUN = 1024


def _read(
    slope: _Float,
    offset: _Float,
    rows: NDArray[np.int32],
    columns: NDArray[np.int32],
    size: tuple[int, int],
    luma: _Float,
) -> _Float:
    """Return slope x luma + offset, [n], the small [h, w] maps interpolated at places of the big grid."""
    height, width = slope.shape
    count = len(rows)
    padded = -(-count // _RUN) * _RUN
    x, y = np.zeros(padded, np.float32), np.zeros(padded, np.float32)
    x[:count] = (columns + np.float32(0.5)) * np.float32(width / size[1]) - np.float32(0.5)
    y[:count] = (rows + np.float32(0.5)) * np.float32(height / size[0]) - np.float32(0.5)
    both = cv2.remap(
        cv2.merge([slope, offset]),
        x.reshape(-1, _RUN),
        y.reshape(-1, _RUN),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    ).reshape(-1, 2)[:count]
    return np.asarray(both[:, 0] * luma + both[:, 1], np.float32)


def _grown(alpha: Plane, pixels: float) -> Plane:
    radius = round(abs(pixels))
    if radius == 0:
        return alpha
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return _plane((cv2.dilate if pixels > 0 else cv2.erode)(alpha, kernel))


def _feathered(alpha: Plane, sigma: float) -> Plane:
    return _plane(cv2.GaussianBlur(alpha, (0, 0), sigma)) if sigma > 0 else alpha


def _plane(array: NDArray[np.generic]) -> Plane:
    """Tell the type checker what OpenCV's stubs don't: the result has the sample type of the input."""
    return array  # type: ignore[return-value]


_MEANS_SIDE = 320
"""Longer side, in pixels, of the grid on which colours are averaged: means are smooth, so it is coarse."""

_REACH = 1 / 60
"""Width of the neighbourhood whose colours are averaged, as a share of the longer side."""


def foreground(frame: Frame, alpha: Plane) -> Planes:
    """Return the frame's planes with the foreground's own colour in the edge band, where alpha is mixed.

    Planes and pixels outside the band keep their values; no plane of `frame` is written to. The colours
    on both sides of the edge are local means weighted by alpha and its complement (the "blur fusion" of
    Forte, Approximate Fast Foreground Colour Estimation, 2021), taken on a coarse grid and read in the
    band only.
    """
    return tuple(_own_colour(plane, _at_size(alpha, plane), frame.format.peak) for plane in frame.planes)


def _at_size(alpha: Plane, plane: Plane) -> Plane:
    if alpha.shape == plane.shape:
        return alpha
    height, width = plane.shape
    return _plane(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA))


def _own_colour(plane: Plane, alpha: Plane, peak: int) -> Plane:
    rows, columns = _places(cv2.inRange(alpha, 1, peak - 1))
    if not len(rows):
        return plane
    step = max(1, max(plane.shape) // _MEANS_SIDE)
    front, back = _two_sides(plane[::step, ::step], alpha[::step, ::step], peak)
    at_x, at_y = (np.divide(at, step, dtype=np.float32) for at in (columns, rows))
    result = plane.copy()
    part = alpha[rows, columns].astype(np.float32) / peak
    front_here, back_here = _sampled(front, at_x, at_y), _sampled(back, at_x, at_y)
    own = front_here + part * (plane[rows, columns] - part * front_here - (1 - part) * back_here)
    result[rows, columns] = np.clip(np.rint(own), 0, peak)
    return result


def _two_sides(plane: Plane, alpha: Plane, peak: int) -> tuple[_Float, _Float]:
    """Return the local mean colour of the foreground and of the background, float32 [h, w]."""
    colour, weight = plane.astype(np.float32), alpha.astype(np.float32) / np.float32(peak)
    side = max(3, round(max(plane.shape) * _REACH) | 1)
    return _mean(colour * weight, weight, side), _mean(colour * (1 - weight), 1 - weight, side)


def _mean(weighted: _Float, weight: _Float, side: int) -> _Float:
    total = cv2.blur(weight, (side, side))
    return np.asarray(cv2.blur(weighted, (side, side)) / np.maximum(total, 1e-3), np.float32)


def _sampled(grid: _Float, at_x: _Float, at_y: _Float) -> _Float:
    """Read `grid` at points given in its own pixels, bilinearly; float32 [n] each."""
    # OpenCV holds a map's sides in 16 bits, so the points are folded into rows.
    count = len(at_x)
    fold = (-(-count // _RUN), _RUN)
    maps = [np.pad(at, (0, fold[0] * _RUN - count)).reshape(fold) for at in (at_x, at_y)]
    read = cv2.remap(grid, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(read.reshape(-1)[:count], np.float32)
