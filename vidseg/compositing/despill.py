"""Despill: the light of a coloured screen is removed from the person before it. Pure.

Someone who stands before a green screen is lit green at the edges, in the hair most. Where the old
background is one saturated colour, chroma along its hue is limited in and near the edge to what the
chroma across it allows, so that greens and the like turn grey while skin, 45° away, stays (the
foreground suppression of chroma keyers; Jack, Video Demystified, chapter on mixing and keying).
Luma stays as it is.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.frame import Frame, Plane, Planes, as_plane
from vidseg.frames.medians import medians
from vidseg.matting.alpha import Alpha

_SATURATION = (25.0, 40.0)
"""Distance from grey, in 8-bit codes, between which a background begins to count as a screen's."""

_EVEN, _EVEN_SHARE = 20.0, (0.7, 0.85)
"""Distance from the median chroma of a screen's samples, and the share that must lie within it."""

_LEAST_SAMPLES = 30
_SAMPLES_SIDE = 64
"""Samples are read on a grid of about this many along the longer side."""

_SKIN, _TOO_NEAR_SKIN = (-0.67, 0.74), 0.8
"""Direction of skin's chroma (Cb, Cr), and the cosine above which a screen's is too near it."""

_REACH = 1 / 60
"""How far into the person despill reaches, as a share of the picture's longer side."""


@dataclass(frozen=True, slots=True)
class Screen:
    """A coloured screen: its chroma's direction (Cb, Cr), of length 1; how sure, in (0, 1]."""

    along_cb: np.float32
    along_cr: np.float32
    strength: float


def despilled(people: Planes, alpha: Alpha, screen: Screen) -> Planes:
    """Return the people's planes without the light of the `screen` behind them.

    `people`: their colours, of `vidseg.compositing.decontaminate.estimate_foreground`. Planes are
    not written to.
    """
    middle = np.float32(128 << (alpha.layout.bits - 8))
    rows, columns, near = _near_edge(alpha.at(1)[0], alpha.layout.peak)
    cb, cr = (plane[rows, columns].astype(np.float32) - middle for plane in people[1:])
    along = screen.along_cb * cb + screen.along_cr * cr
    across = np.abs(screen.along_cr * cb - screen.along_cb * cr)
    excess = np.maximum(along - across, 0) * near * np.float32(screen.strength)
    chroma = []
    for plane, values, share in (
        (people[1], cb, screen.along_cb),
        (people[2], cr, screen.along_cr),
    ):
        result = as_plane(plane.copy())
        result[rows, columns] = np.clip(
            np.rint(values - share * excess) + middle, 0, alpha.layout.peak
        )
        chroma.append(result)
    return (people[0], *chroma)


def screen_behind(frame: Frame, alpha: Alpha) -> Screen | None:
    """Return the screen behind people, `None` where the background is not of one saturated colour.

    Nor is one that is too near that of skin.
    """
    weight = alpha.at(1)[0]
    unit = 1 << (frame.format.bits - 8)
    step = max(1, max(weight.shape) // _SAMPLES_SIDE)
    bare = weight[::step, ::step] == 0
    if np.count_nonzero(bare) < _LEAST_SAMPLES:
        return None
    samples = np.stack([plane[::step, ::step][bare] for plane in frame.planes[1:]]).astype(
        np.float32
    )
    samples = samples / np.float32(unit) - 128
    middle = medians(samples)
    saturation = float(np.hypot(*middle))
    even = float(np.mean(np.hypot(*(samples - middle[:, None])) < _EVEN))
    sure = _ramp(saturation, *_SATURATION) * _ramp(even, *_EVEN_SHARE)
    if sure == 0 or middle @ _SKIN > _TOO_NEAR_SKIN * saturation:
        return None
    return Screen(np.float32(middle[0] / saturation), np.float32(middle[1] / saturation), sure)


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _near_edge(
    alpha: Plane, peak: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    """Return rows and columns of the person's pixels near the edge, and there 1 (at it) to 0."""
    reach = max(1, round(max(alpha.shape) * _REACH))
    open_share = cv2.blur(
        np.float32(1) - alpha.astype(np.float32) / np.float32(peak), (2 * reach + 1,) * 2
    )
    shown = cv2.bitwise_and(cv2.inRange(open_share, 1e-3, 2.0), cv2.inRange(alpha, 1, peak))
    found = cv2.findNonZero(shown)
    places = (
        np.empty((0, 2), np.int32) if found is None else np.asarray(found, np.int32).reshape(-1, 2)
    )
    rows, columns = places[:, 1], places[:, 0]
    return rows, columns, np.minimum(1, 2 * open_share[rows, columns])
