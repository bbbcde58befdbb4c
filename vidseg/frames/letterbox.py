"""Letterboxing of frames whose shape changes within a clip, and crops. Pure."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from vidseg.frames.frame import Frame, PixelFormat, Plane, Shape, as_plane
from vidseg.frames.geometry import Box
from vidseg.frames.planes import cropped, reduced


def letterboxed(frame: Frame, shape: Shape) -> Frame:
    """Return a frame in `shape`, whole and undistorted, between black bars where its own differs.

    `frame.shape` tells its own; without one, or where both are the same, the frame is returned as
    it is.
    """
    own = frame.shape
    if own is None or own == shape:
        return frame
    box = display_box(own, shape, frame.format)
    black = 0 if frame.colour.full_range else 16 << (frame.format.bits - 8)
    neutral = 1 << (frame.format.bits - 1)
    planes = tuple(
        _boxed(plane, index, box, shape, frame.format, neutral if index else black)
        for index, plane in enumerate(frame.planes)
    )
    return replace(frame, planes=planes, window=box)


def display_box(own: Shape, shape: Shape, layout: PixelFormat) -> Box:
    """Return the box of a picture of shape `own` in one of `shape`: centred, as large as fits.

    Its edges lie between samples of chroma, or are the picture's own.
    """
    across = own.width * own.sample_aspect_ratio / shape.sample_aspect_ratio
    scale = min(shape.width / across, Fraction(shape.height, own.height))
    left, right = _middle(across * scale, shape.width, 1 << layout.shift_x)
    top, bottom = _middle(own.height * scale, shape.height, 1 << layout.shift_y)
    return Box(left, top, right, bottom)


def _middle(length: Fraction, whole: int, step: int) -> tuple[int, int]:
    """Return [low, high) of about `length`, centred in `whole`, in steps of `step`, or all."""
    low = min(round((whole - length) / 2 / step), (whole - 1) // step) * step
    if low <= 0:
        return 0, whole
    return low, min(low + max(1, round(length / step)) * step, whole)


def _boxed(
    plane: Plane, index: int, box: Box, shape: Shape, layout: PixelFormat, fill: int
) -> Plane:
    width, height = layout.plane_size(index, shape.width, shape.height)
    left, top = (
        (box.left, box.top)
        if index == 0
        else (box.left >> layout.shift_x, box.top >> layout.shift_y)
    )
    columns, rows = layout.plane_size(index, box.width, box.height)
    canvas = np.full((height, width), fill, plane.dtype)
    canvas[top : top + rows, left : left + columns] = reduced(plane, columns, rows)
    return as_plane(canvas)


def crop(frame: Frame, box: Box) -> Frame:
    """Return the part of a frame inside `box`: views, but for chroma that `box` divides."""
    planes = tuple(_cropped(frame, index, box) for index in range(3))
    return replace(frame, planes=planes)


def _cropped(frame: Frame, index: int, box: Box) -> Plane:
    layout = frame.format
    across = index > 0 and layout.shift_x > 0 and box.left % 2 == 1
    down = index > 0 and layout.shift_y > 0 and box.top % 2 == 1
    plane = cropped(frame, index, box)
    width, height = layout.plane_size(index, box.width, box.height)
    if across:
        plane = _between(plane, width)
    if down:
        plane = as_plane(_between(as_plane(plane.T), height).T)
    return plane


def _between(plane: Plane, count: int) -> Plane:
    """Return `count` columns, each the mean of two neighbours; beyond the last stands the last."""
    padded = np.concatenate([plane, plane[:, -1:]], axis=1).astype(np.uint32)
    means = (padded[:, :count] + padded[:, 1 : count + 1] + 1) // 2
    return as_plane(means.astype(plane.dtype))
