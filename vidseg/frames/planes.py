"""Planes cut out, resized and rescaled; small RGB pictures of them. Pure."""

from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.colour import yuv_to_rgb_matrix
from vidseg.frames.frame import Frame, PixelFormat, Plane, as_plane
from vidseg.frames.geometry import Box

_Sample = TypeVar("_Sample", np.uint8, np.uint16, np.float32)


def small_rgb(frame: Frame, box: Box, width: int, height: int) -> NDArray[np.uint8]:
    """Return the region `box` of `frame` as RGB, uint8 [height, width, 3], in coded orientation.

    Planes are reduced first and converted after, so that no full-size RGB exists. Large reductions
    are box-filtered by two per octave before the last bilinear step, which keeps them free of
    aliasing.
    """
    side = 1
    while min(box.width // width, box.height // height) >= 2 * side:
        side *= 2
    in_cells = side > 1 and not any(length % side for length in (box.left, box.top, *box.size))
    parts = [
        cell_means(frame, i, box, side) if in_cells else cropped(frame, i, box) for i in range(3)
    ]
    channels = [reduced(part, width, height) for part in parts]
    matrix = yuv_to_rgb_matrix(frame.colour, frame.height, frame.format.bits)
    rgb = cv2.transform(cv2.merge(channels), matrix.astype(np.float32))
    if rgb.dtype != np.uint8:
        rgb = np.clip(rgb, 0, 255).astype(np.uint8)
    return rgb  # type: ignore[return-value]  # OpenCV's stubs know no element types


def cell_means(frame: Frame, index: int, box: Box, side: int) -> Plane:
    """Return the means of plane `index` in squares of `side` x `side` pixels of luma, [h, w].

    Squares are counted from the frame's corner, and `box` holds whole ones, but where the frame
    ends: there its last pixels are repeated. The type is the plane's. What was made is kept with
    the frame, of which stages ask for the same again, or for squares of four of these: so it is
    read once. `side` is a power of two, at least 2; chroma may be as it is.
    """
    held = frame.reductions.get((index, side))
    if held is None or not held[0].holds(box):
        held = frame.reductions[index, side] = box, _cell_means(frame, index, box, side)
    return _part(held, box, side, side)


def _cell_means(frame: Frame, index: int, box: Box, side: int) -> Plane:
    finer = side // 2
    while finer and not ((held := frame.reductions.get((index, finer))) and held[0].holds(box)):
        finer //= 2
    if finer and held:
        plane, across, down = _part(held, box, finer, finer), side // finer, side // finer
    else:
        shift_x, shift_y = (frame.format.shift_x, frame.format.shift_y) if index else (0, 0)
        plane, across, down = cropped(frame, index, box), side >> shift_x, side >> shift_y
    return means(plane, max(1, across), max(1, down))


def _part(held: tuple[Box, Plane], box: Box, across: int, down: int) -> Plane:
    """Return the part in a box of what was made of one that holds it."""
    around, plane = held
    rows = slice((box.top - around.top) // down, -((around.top - box.bottom) // down))
    columns = slice((box.left - around.left) // across, -((around.left - box.right) // across))
    return plane[rows, columns]


def means(plane: Plane, width: int, height: int) -> Plane:
    """Return the means of a plane [h, w] in oblongs of pixels, whose sides are powers of two.

    At the ends the last pixels are repeated.
    """
    below, right = -plane.shape[0] % height, -plane.shape[1] % width
    if below or right:
        plane = as_plane(cv2.copyMakeBorder(plane, 0, below, 0, right, cv2.BORDER_REPLICATE))
    return reduced(plane, plane.shape[1] // width, plane.shape[0] // height)


def cropped(frame: Frame, index: int, box: Box) -> Plane:
    """Return a view of plane `index` inside `box`, whose edges are even or the frame's own."""
    if index == 0:
        return frame.planes[0][box.top : box.bottom, box.left : box.right]
    shift_x, shift_y = frame.format.shift_x, frame.format.shift_y
    rows = slice(box.top >> shift_y, -(-box.bottom >> shift_y))
    columns = slice(box.left >> shift_x, -(-box.right >> shift_x))
    return frame.planes[index][rows, columns]


def reduced(plane: Plane, width: int, height: int) -> Plane:
    """Return a plane [h, w] (or [h, w, 3]) resized to `width` x `height`, free of aliasing.

    Halved by the box filter while at least twice too large, then bilinear.
    """
    rows, columns = plane.shape[:2]
    while rows >= 2 * height and columns >= 2 * width:
        # The area filter is exact and fast for a ratio of two; for odd sizes two-tap bilinear is
        # its equal.
        even = rows % 2 == 0 and columns % 2 == 0
        rows, columns = rows // 2, columns // 2
        method = cv2.INTER_AREA if even else cv2.INTER_LINEAR
        plane = as_plane(cv2.resize(plane, (columns, rows), interpolation=method))
    if (columns, rows) != (width, height):
        plane = as_plane(cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR))
    return plane


def halved(picture: NDArray[_Sample]) -> NDArray[_Sample]:
    """Return a picture [h, w, …] at half its size, rounded up, by means of 2 x 2 pixels."""
    height, width = picture.shape[:2]
    size = ((width + 1) // 2, (height + 1) // 2)
    return cast(NDArray[_Sample], cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def at_chroma_size(plane: NDArray[Any], layout: PixelFormat) -> NDArray[Any]:
    """Return a luma-sized plane [H, W] at chroma's size: each sample the mean of its luma.

    An odd last column or row counts twice, as decoders pad it. Keeps the type; may return `plane`
    itself.
    """
    rows, columns = plane.shape
    width, height = layout.plane_size(1, columns, rows)
    if (width, height) == (columns, rows):
        return plane
    missing_x, missing_y = (width << layout.shift_x) - columns, (height << layout.shift_y) - rows
    if missing_x or missing_y:
        plane = cv2.copyMakeBorder(plane, 0, missing_y, 0, missing_x, cv2.BORDER_REPLICATE)
    return cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA)


def scaled(plane: Plane, peak: int, new_peak: int) -> Plane:
    """Return code values of [0, `peak`] spread over [0, `new_peak`], rounded; peak becomes peak."""
    if peak == new_peak:
        return plane
    table = (np.arange(peak + 1, dtype=np.uint64) * (2 * new_peak) + peak) // (2 * peak)
    return as_plane(table.astype(np.uint8 if new_peak < 256 else np.uint16)[plane])
