"""Compositing: frame + alpha + background → frame, plane by plane. Pure."""

from collections.abc import Sequence

import cv2
import numpy as np

from vidseg.frames.frame import Plane, Planes, as_plane
from vidseg.matting.alpha import Alpha
from vidseg.matting.cells import Cells, Floats


def composite(
    foreground: Planes,
    alpha: Alpha,
    background: Planes,
    out: Planes,
    edge: Sequence[Floats] | None = None,
) -> None:
    """Write ``foreground · alpha + background · (1 - alpha)`` into `out`.

    `foreground`, `background` and `out` hold the shapes and type of the planes of alpha's layout,
    of which those of a plain `background` may be one value each, broadcast to the shape (strides of
    0); `edge`, for each plane the foreground's colours in alpha's cells, float32 [n, height,
    width], stands in for those of `foreground` there. Exact where alpha is 0 or peak; within one
    code value elsewhere. Arithmetic is done in the band only, the rest is copied.
    """
    for index, (front, back, target) in enumerate(zip(foreground, background, out, strict=True)):
        weight, cells = alpha.at(index)
        np.copyto(target, back)
        here = alpha.bounds_at(index)
        _copy_where(weight[here], front[here], target[here])
        if len(cells):
            own = cells.read(front).astype(np.float32) if edge is None else edge[index]
            _blend(own, back, alpha.opacity(index), cells, target)


def _copy_where(weight: Plane, source: Plane, target: Plane) -> None:
    """Copy every pixel whose weight is not 0."""
    if (
        target.shape[1] < 2
    ):  # OpenCV takes an array of one column for a scalar, or for one of another shape
        np.copyto(target, source, where=weight > 0)
        return
    marked = (
        weight if weight.dtype == np.uint8 else cv2.inRange(weight, 1, np.iinfo(weight.dtype).max)
    )
    cv2.copyTo(source, marked, target)


def _blend(front: Floats, back: Plane, opacity: Floats, cells: Cells, out: Plane) -> None:
    under = cells.read(back).astype(np.float32) if any(back.strides) else np.float32(back[0, 0])
    mixed = under + opacity * (front - under)
    cells.write(out, as_plane(np.rint(mixed).astype(out.dtype)))
