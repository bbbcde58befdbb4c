"""Alpha refinement: small masks to full size along the picture's edges, by a guided filter. Pure.

Full-size work is confined to the band around the edge: everywhere else alpha is 0 or the peak.
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.frame import Frame, PixelFormat, Plane, as_plane
from vidseg.frames.geometry import Box
from vidseg.matting.alpha import Alpha
from vidseg.matting.cells import Cells, Floats, bounding_slices, fill
from vidseg.matting.colour_model import refine_by_colour
from vidseg.matting.grid import gridded, part
from vidseg.matting.mask import Mask
from vidseg.matting.refinement.components import SEEN, clean_components, without_specks
from vidseg.matting.refinement.doubt import decided
from vidseg.settings import MatteSettings

_STEP_WIDTH = 0.7
"""Span of probability, around the threshold, over which alpha rises from 0 to 1."""

_CRISP_STEP_WIDTH, _SOFT_STEP_WIDTH = 0.6, 0.97
"""The same for the edges of bodies in soft masks, and for what is soft there."""

_SOFT_AREA, _OPAQUE = (7, 7), 0.03
_NARROW, _WIDE = 0.55, 0.85
"""Shares of such an area that are neither clear nor opaque, up to and from which it is either."""

_WINDOW = (3, 3)
_GUIDE_REACH = 3
"""Points from which a pixel's alpha is gathered, each way: by two means, and between points."""

_SURROUNDINGS = 8
"""Points around what shows that are refined too: half the band, and what it is filtered from."""

_FLATNESS = 1e-3
"""Variance of luma, in [0, 1], below which the guided filter takes the picture for flat."""


def refine(frame: Frame, mask: Mask, settings: MatteSettings, *, soft: bool = False) -> Alpha:
    """Return the alpha of `frame`.

    The mask's edge is moved to where colours change (see `vidseg.matting.colour_model`), holes and
    specks go (see `vidseg.matting.refinement.components`), and the rest is brought to full size by
    a guided filter (He, Sun, Tang 2010; its fast form, He, Sun 2015): near each pixel, probability
    is a linear function of luma, whose coefficients are found on the small grid and read off
    between its points. A soft step around the threshold makes it alpha. `grow` moves the edge by
    that many pixels of the source, `feather` softens it. In bars around a picture that was boxed,
    alpha is 0.

    A `soft` mask tells opacity as the network saw it, hair's too (see
    `vidseg.networks.base.Traits`): its edge stays where it is, and of what is small only specks go.
    """
    mask = gridded(mask, frame)
    cleaned = _cleaned_soft(mask, settings) if soft else _cleaned(mask, settings)
    alpha = _filled(frame, cleaned, mask.cell, soft=soft)
    if round(settings.grow) or settings.feather:
        alpha = Alpha.of(
            _feathered(_grown(alpha.plane, settings.grow), settings.feather), frame.format
        )
    return (
        alpha
        if frame.window is None
        else Alpha.of(_inside(alpha.plane, frame.window), frame.format)
    )


def _cleaned(mask: Mask, settings: MatteSettings) -> Mask:
    """Return the part of a mask that shows somebody, by colours, without holes and specks."""
    assert mask.picture is not None, "gridded gives it one"
    coloured = _shifted(
        refine_by_colour(mask.person, mask.picture, mask.appearance), settings.threshold
    )
    here = bounding_slices(np.asarray(cv2.inRange(coloured, SEEN, 2), np.uint8), _SURROUNDINGS)
    predicted = _shifted(mask.person[here], settings.threshold)
    person = clean_components(coloured[here], predicted, max(coloured.shape))
    return replace(part(mask, here), person=person)


def _cleaned_soft(mask: Mask, settings: MatteSettings) -> Mask:
    """Return the part of a soft mask that shows somebody, without specks far from everybody."""
    person = _shifted(mask.person, settings.threshold)
    faint = 0.5 - _SOFT_STEP_WIDTH / 2
    here = bounding_slices(np.asarray(cv2.inRange(person, faint, 2), np.uint8), _SURROUNDINGS)
    longest = max(person.shape)
    clear = without_specks(decided(person[here], longest), longest)
    return replace(part(mask, here), person=clear)


def _inside(plane: Plane, window: Box) -> Plane:
    """Return alpha that is nothing outside `window`: bars around a picture show nobody."""
    there = slice(window.top, window.bottom), slice(window.left, window.right)
    inside = as_plane(np.zeros_like(plane))
    inside[there] = plane[there]
    return inside


def _shifted(person: Floats, threshold: float) -> Floats:
    """Return probabilities whose odds are changed so that `threshold` becomes one half."""
    if threshold == 0.5:
        return person
    scaled = person * np.float32(1 - threshold)
    return np.asarray(scaled / (scaled + (1 - person) * np.float32(threshold)), np.float32)


def _filled(frame: Frame, mask: Mask, side: int, *, soft: bool) -> Alpha:
    """Return a frame's alpha for a mask on a grid of it, of cells of `side` pixels."""
    layout = frame.format
    assert mask.picture is not None, "gridded gave it one"
    plane = as_plane(np.zeros((frame.height, frame.width), layout.dtype))
    means = as_plane(np.zeros((-(-frame.height // side), -(-frame.width // side)), layout.dtype))
    sure, band = _zones(mask.person, _SOFT_STEP_WIDTH if soft else _STEP_WIDTH)
    here = bounding_slices(sure | band, _GUIDE_REACH)
    sure, cells = sure[here], Cells.where(band[here], side)
    top, left = mask.box.top // side + here[0].start, mask.box.left // side + here[1].start
    placed = cells.shifted(top, left)
    around = slice(top, top + sure.shape[0]), slice(left, left + sure.shape[1])
    reach = placed.pixels(around)
    fill(plane[reach], sure, side, side, layout.peak)
    np.multiply(sure, layout.peak, out=means[around], dtype=layout.dtype)
    codes = as_plane(np.empty((0, side, side), layout.dtype))
    if len(cells):
        person = mask.person[here]
        slope, offset = _guided(_luma(mask.picture[here], layout), person, soft=soft)
        slopes = 1 / cells.upsample(_step_widths(person)) if soft else np.float32(1 / _STEP_WIDTH)
        values = cells.upsample(slope)
        values *= placed.read(frame.planes[0])
        values *= np.float32(1 / layout.peak)
        values += cells.upsample(offset)
        edge = _stepped(values, slopes)
        edge *= np.float32(layout.peak)
        codes = as_plane(np.rint(edge, out=edge).astype(layout.dtype))
        placed.write(plane, codes)
        total = _totals(codes)
        means[placed.rows, placed.columns] = total / codes[0].size + np.float32(0.5)
        mixed = (total > 0) & (total < layout.peak * codes[0].size)
        placed, codes = placed.select(mixed), as_plane(codes[mixed])
    return Alpha(plane, layout, placed, codes, means, reach)


def _totals(codes: Plane) -> Floats:
    """Return the sums of cells of alpha [n, h, w]: float32 [n]."""
    cells = codes.reshape(len(codes), -1)
    return np.asarray(cv2.reduce(cells, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32F)[:, 0], np.float32)


def _luma(picture: NDArray[np.uint8], layout: PixelFormat) -> Floats:
    """Return the brightness of a mask's picture [h, w, 3], [h, w] in [0, 1] of a layout's codes."""
    codes = 1 << (layout.bits - 8)  # of the layout in one of 8 bits; the middle one stands for all
    luma = np.asarray(cv2.extractChannel(picture, 0), np.uint8)
    return luma * np.float32(codes / layout.peak) + np.float32((codes - 1) / 2 / layout.peak)


def _stepped(person: Floats, slopes: Floats | np.float32) -> Floats:
    """Make a soft step of values, in place, and return them, in [0, 1]."""
    person -= np.float32(0.5)
    person *= slopes
    person += np.float32(0.5)
    return np.clip(person, 0, 1, out=person)


def _step_widths(person: Floats) -> Floats:
    """Return over how much of a soft mask's opacity alpha is to rise, at each point [h, w].

    An edge that is as narrow as the network can draw it is one of a solid body, blurred by the
    network's coarseness alone, and is made as crisp as others; what is half opaque over a wider
    area is hair, or blurred by motion, and stays.
    """
    soft = cv2.inRange(person, _OPAQUE, 1 - _OPAQUE).astype(np.float32) * np.float32(1 / 255)
    share = np.asarray(cv2.blur(soft, _SOFT_AREA), np.float32)
    progress = np.clip((share - np.float32(_NARROW)) * np.float32(1 / (_WIDE - _NARROW)), 0, 1)
    return np.float32(_CRISP_STEP_WIDTH) + progress * np.float32(
        _SOFT_STEP_WIDTH - _CRISP_STEP_WIDTH
    )


def _zones(person: Floats, width: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return where the person is (1), and where alpha needs full-size work (not 0), [h, w] each.

    The latter is around any soft value, and any edge.
    """
    sure = np.greater(person, 0.5).view(np.uint8)
    soft = cv2.inRange(person, 0.5 - width / 2 + 5e-4, 0.5 + width / 2 - 5e-4)
    edge = cv2.morphologyEx(sure, cv2.MORPH_GRADIENT, _SQUARE)
    return sure, np.asarray(cv2.dilate(cv2.bitwise_or(soft, edge), _SQUARE), np.uint8)


_SQUARE = np.ones((3, 3), np.uint8)


def _guided(luma: Floats, person: Floats, *, soft: bool = False) -> tuple[Floats, Floats]:
    """Return slope and offset [h, w] of the line from `luma` to `person` around each point.

    Those of a `soft` mask are not averaged over the points around, lest strands be.
    """
    mean_luma, mean_person = cv2.blur(luma, _WINDOW), cv2.blur(person, _WINDOW)
    covariance = cv2.blur(luma * person, _WINDOW) - mean_luma * mean_person
    variance = cv2.blur(luma * luma, _WINDOW) - mean_luma * mean_luma
    slope = np.asarray(covariance / (variance + np.float32(_FLATNESS)), np.float32)
    if soft:
        return slope, np.asarray(person - slope * luma, np.float32)
    offset = np.asarray(mean_person - slope * mean_luma, np.float32)
    return np.asarray(cv2.blur(slope, _WINDOW), np.float32), np.asarray(
        cv2.blur(offset, _WINDOW), np.float32
    )


_LARGEST_KERNEL = 12
"""Radius of an ellipse up to which OpenCV, whose work grows with its square, is the faster."""


def _grown(alpha: Plane, pixels: float) -> Plane:
    radius = round(abs(pixels))
    if radius == 0:
        return alpha
    size = 2 * radius + 1
    kernel = np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)
    if radius <= _LARGEST_KERNEL:
        return as_plane((cv2.dilate if pixels > 0 else cv2.erode)(alpha, kernel))
    return _dilated(alpha, kernel) if pixels > 0 else as_plane(~_dilated(as_plane(~alpha), kernel))


def _dilated(plane: Plane, kernel: NDArray[np.uint8]) -> Plane:
    """Return what `cv2.dilate` gives, for a kernel whose rows widen from either end to the middle.

    Each row of it is a span of columns, which is made out of the narrower one before, for the whole
    plane.
    """
    radius = len(kernel) // 2
    wide, reach = plane, 0
    result = np.zeros_like(plane)
    for away, half in zip(range(radius, -1, -1), kernel.sum(axis=1, dtype=int) // 2, strict=False):
        while reach < half:
            step = min(
                half - reach, reach + 1
            )  # so that spans leave no gap, at the plane's sides neither
            wide, before = wide.copy(), wide
            np.maximum(wide[:, step:], before[:, :-step], out=wide[:, step:])
            np.maximum(wide[:, :-step], before[:, step:], out=wide[:, :-step])
            reach += step
        end = max(len(plane) - away, 0)
        np.maximum(result[away:], wide[:end], out=result[away:])
        np.maximum(result[:end], wide[away:], out=result[:end])
    return as_plane(result)


_SMOOTH = 8
"""Sigma, in pixels, of a blur smooth enough to be interpolated, as good as to 8 bits."""


def _feathered(alpha: Plane, sigma: float) -> Plane:
    if sigma < 2 * _SMOOTH:
        return as_plane(cv2.GaussianBlur(alpha, (0, 0), sigma)) if sigma > 0 else alpha
    height, width = alpha.shape
    small = max(1, round(width * _SMOOTH / sigma)), max(1, round(height * _SMOOTH / sigma))
    reduced = cv2.resize(alpha.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    sigmas = sigma * small[0] / width, sigma * small[1] / height
    blurred = cv2.GaussianBlur(
        reduced, (0, 0), sigmas[0], sigmaY=sigmas[1], borderType=cv2.BORDER_REFLECT
    )
    full = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)
    return as_plane(np.rint(np.clip(full, 0, alpha.max())).astype(alpha.dtype))
