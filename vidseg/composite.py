"""Frame + alpha + background → frame, plane by plane; pure arithmetic."""

import cv2
import numpy as np

from vidseg.frames import Box, Frame, PixelFormat, Plane, Planes, as_plane, at_chroma_size


def box_of(alpha: Plane) -> Box | None:
    """Return the smallest box outside which `alpha` [H, W] is 0, or `None` where it is 0 everywhere."""
    mask = alpha if alpha.dtype == np.uint8 else (alpha > 0).astype(np.uint8)
    left, top, width, height = cv2.boundingRect(mask)
    return Box(left, top, left + width, top + height) if width and height else None


def alpha_planes(alpha: Plane, layout: PixelFormat) -> Planes:
    """Return the alpha at luma and chroma size: ([H, W], [h, w], [h, w]); chroma is the mean of its luma."""
    small = as_plane(at_chroma_size(alpha, layout))
    return alpha, small, small


def composite(frame: Frame, foreground: Planes, alpha: Plane, background: Planes, out: Planes) -> None:
    """Write ``foreground · alpha + background · (1 - alpha)`` into `out`.

    `frame` gives the layout; `foreground`, `background` and `out` hold its planes' shapes and type, `alpha`
    is [H, W] in [0, peak]. Exact where alpha is 0 or peak; within one code value elsewhere. The work is
    done inside the box that holds all of the foreground, the rest is copied.
    """
    box = box_of(alpha)
    peak = frame.format.peak
    for index, weight in enumerate(alpha_planes(alpha, frame.format)):
        if box is None:
            out[index][:] = background[index]
            continue
        part = _plane_box(box, frame.format, index)
        _copy_around(background[index], out[index], part)
        _blend(foreground[index][part], background[index][part], weight[part], peak, out[index][part])


def _plane_box(box: Box, layout: PixelFormat, index: int) -> tuple[slice, slice]:
    shift_x, shift_y = (0, 0) if index == 0 else (layout.shift_x, layout.shift_y)
    return (
        slice(box.top >> shift_y, -(-box.bottom >> shift_y)),
        slice(box.left >> shift_x, -(-box.right >> shift_x)),
    )


def _copy_around(source: Plane, target: Plane, part: tuple[slice, slice]) -> None:
    rows, columns = part
    target[: rows.start] = source[: rows.start]
    target[rows.stop :] = source[rows.stop :]
    target[rows, : columns.start] = source[rows, : columns.start]
    target[rows, columns.stop :] = source[rows, columns.stop :]


def _blend(foreground: Plane, background: Plane, alpha: Plane, peak: int, out: Plane) -> None:
    scale = 1.0 / peak
    front = cv2.multiply(foreground, alpha, scale=scale)
    back = cv2.multiply(background, np.subtract(alpha.dtype.type(peak), alpha), scale=scale)
    np.copyto(out, cv2.add(front, back))
