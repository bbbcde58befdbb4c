"""Decontamination: foreground colours of the edge, without the old background's. Pure."""

import cv2
import numpy as np

from vidseg.frames.frame import Frame, Plane, Planes, as_plane
from vidseg.matting.alpha import Alpha
from vidseg.matting.cells import Floats

_NEAR, _FAR = 1 / 60, 1 / 15
"""Widths of the neighbourhoods whose colours are averaged, as shares of the longer side."""

_FAR_WEIGHT = 0.1
"""How much the wider one counts: in the middle of flying hair it alone has any hair."""

_SOLIDITY = 8
"""Power of alpha that colours are weighted by: what is half opaque has half the other side's."""

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
        colour = ahead + part * (alpha.at(index)[1].read(plane) - behind - part * (ahead - behind))
        own.append(np.rint(np.clip(colour, 0, peak)))
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
    cells, factor, longest = alpha.cells, 1, max(alpha.plane.shape)
    while longest > _MEANS_SIDE * cells.height * factor:
        factor *= 2
    count = -(-longest // (cells.height * factor))
    near, far = (max(3, round(count * share) | 1) for share in (_NEAR, _FAR))
    coarse = [alpha.at(index)[1].coarsened(factor) for index in range(3)]
    here = coarse[0].bounding_slices(far // 2)
    means = [
        some.means(some.crop(plane, here)) for some, plane in zip(coarse, frame.planes, strict=True)
    ]
    part: Floats = coarse[0].means(coarse[0].crop(alpha.plane, here)) * np.float32(
        1 / frame.format.peak
    )
    places = coarse[0].rows - here[0].start, coarse[0].columns - here[1].start
    totals = [
        _surrounding(means, share**_SOLIDITY, near, far)[places] for share in (part, 1 - part)
    ]
    ahead, behind = (total[:, :3] / total[:, 3:] for total in totals)
    return ahead, behind


def _surrounding(means: list[Plane], weight: Floats, near: int, far: int) -> Floats:
    """Return sums of weighted colours and of weights around each point, float32 [h, w, 4].

    `means`: the colours, a plane each; both neighbourhoods are summed.
    """
    weight = weight + _LEAST
    weighted = cv2.merge([*(weight * plane for plane in means), weight])
    total = cv2.blur(weighted, (near, near)) + np.float32(_FAR_WEIGHT) * cv2.blur(
        weighted, (far, far)
    )
    return np.asarray(total, np.float32)
