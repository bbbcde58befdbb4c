"""Decontamination: foreground colours of the edge, without the old background's. Pure."""

import cv2
import numpy as np

from vidseg.frames.frame import Frame, Plane, Planes, as_plane
from vidseg.frames.planes import cell_means, means
from vidseg.matting.alpha import Alpha
from vidseg.matting.cells import Floats

_NEAR, _FAR = 1 / 60, 1 / 15
"""Widths of the neighbourhoods whose colours are averaged, as shares of the longer side."""

_FAR_WEIGHT = 0.1
"""How much the wider one counts: in the middle of flying hair it alone has any hair."""

_SQUARINGS = 3
"""Colours are weighted by the 8th power of alpha: what is half opaque has half the other side's."""

_LEAST = np.float32(1e-10)
"""What everything counts: where nothing near is solid, means are plain ones. Weights as small as
1e-16 are lost in the rounding of others that a blur has summed up before."""

_MEANS_SIDE = 256
"""Longest side of the grid that colours are averaged on: means are smooth, so it may be coarse."""


def estimate_foreground(frame: Frame, alpha: Alpha) -> list[Floats]:
    """Return the foreground's own colours in the edge band, without the old background's.

    For each plane of the frame, float32 [n, height, width] in whole code values, at the cells of
    `alpha`. The colours on both sides of the edge are local means, mostly of what is nearly opaque
    and nearly clear, taken on a coarse grid; what a pixel differs from their mixture goes to the
    foreground by its share (the "blur fusion" of Forte, Approximate Fast Foreground Colour
    Estimation, 2021, whose means are weighted by alpha itself: so veils of the backdrop stay in
    hair).
    """
    if not len(alpha.cells):
        return [alpha.opacity(index) for index in range(3)]  # nothing either
    peak = np.float32(frame.format.peak)
    front, back = _two_sides(frame, alpha)
    own = []
    for index, plane in enumerate(frame.planes):
        part = alpha.opacity(index)
        ahead, behind = front[:, None, None, index], back[:, None, None, index]
        colour = alpha.at(index)[1].read(plane) - behind
        colour -= part * (ahead - behind)
        colour *= part
        colour += ahead
        np.clip(colour, 0, peak, out=colour)
        own.append(np.rint(colour, out=colour))
    return own


def with_edge(frame: Frame, alpha: Alpha, edge: list[Floats]) -> Planes:
    """Return copies of the frame's planes with the colours of `estimate_foreground` in the band."""
    planes = []
    for index, plane in enumerate(frame.planes):
        changed = as_plane(plane.copy())
        alpha.at(index)[1].write(changed, as_plane(np.rint(edge[index]).astype(plane.dtype)))
        planes.append(changed)
    return tuple(planes)


def _two_sides(frame: Frame, alpha: Alpha) -> tuple[Floats, Floats]:
    """Return mean colours of foreground and background near each cell, float32 [n, 3] each."""
    side, longest = alpha.cells.height, max(alpha.plane.shape)
    factor = 1
    while longest > _MEANS_SIDE * side * factor:
        factor *= 2
    count = -(-longest // (side * factor))
    near, far = (max(3, round(count * share) | 1) for share in (_NEAR, _FAR))
    coarse = alpha.cells.coarsened(factor)
    here = coarse.bounding_slices(far // 2)
    box = coarse.box(here, frame.whole)
    colours = [cell_means(frame, index, box, coarse.height) for index in range(3)]
    fine = tuple(slice(each.start * factor, each.stop * factor) for each in here)
    part: Floats = means(alpha.means[fine], factor, factor) * np.float32(1 / frame.format.peak)
    places = coarse.rows - here[0].start, coarse.columns - here[1].start
    totals = [_surrounding(colours, _solid(share), near, far)[places] for share in (part, 1 - part)]
    ahead, behind = (total[:, :3] / total[:, 3:] for total in totals)
    return ahead, behind


def _solid(opacity: Floats) -> Floats:
    """Return the power of opacity that colours are weighted by."""
    for _ in range(_SQUARINGS):
        opacity = opacity * opacity
    return opacity


def _surrounding(colours: list[Plane], weight: Floats, near: int, far: int) -> Floats:
    """Return sums of weighted colours and of weights around each point, float32 [h, w, 4].

    `colours`: a plane each; both neighbourhoods are summed.
    """
    weight = weight + _LEAST
    weighted = cv2.merge([*(weight * plane for plane in colours), weight])
    total = cv2.blur(weighted, (near, near)) + np.float32(_FAR_WEIGHT) * cv2.blur(
        weighted, (far, far)
    )
    return np.asarray(total, np.float32)
