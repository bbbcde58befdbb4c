"""A swaying person: an astronaut's portrait, cut out once and bent a little from frame to frame."""

from dataclasses import dataclass
from functools import cache
from math import pi, sin
from typing import TypeAlias

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.float32]

_OUTLINE = (
    "170,131 159,109 153,86 161,64 186,37 209,21 240,15 267,23 290,42 301,69 301,95 294,114 "
    "281,131 270,141 264,154 257,172 281,191 299,215 305,240 322,241 341,256 351,285 358,310 "
    "363,345 345,350 320,367 300,395 281,435 276,480 282,512 35,512 23,470 19,415 24,370 31,320 "
    "43,285 65,255 91,227 114,210 113,190 125,170 150,151 183,148 181,132"
)
"""Corners x,y of the person in the 512 x 512 portrait, drawn by hand to about five pixels."""
_OUTLINE_ERROR = 6
_HEAD_TOP, _BOTTOM = 15.0, 338.0
_MIDDLE, _SPREAD = 195.0, 345.0
"""Rows and columns of the portrait that are shown; below, a helmet covers the person."""


@dataclass(frozen=True, slots=True, eq=False)
class CutOut:
    """The person's picture: RGB float32 [h, w, 3] in [0, 255], alpha float32 [h, w] in [0, 1]."""

    colour: Image
    alpha: Image


def _disc(radius: int) -> NDArray[np.uint8]:
    size = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def _silhouette(portrait: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 1 where the person is: the outline, moved to the edges of the picture by GrabCut."""
    corners = np.array([corner.split(",") for corner in _OUTLINE.split()], np.int32)
    drawn = cv2.fillPoly(np.zeros(portrait.shape[:2], np.uint8), [corners], 1)
    labels = np.where(drawn, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[cv2.erode(drawn, _disc(_OUTLINE_ERROR)) > 0] = cv2.GC_FGD
    labels[cv2.dilate(drawn, _disc(_OUTLINE_ERROR)) == 0] = cv2.GC_BGD
    cv2.setRNGSeed(1)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(portrait, labels, (0, 0, 1, 1), *models, 4, cv2.GC_INIT_WITH_MASK)
    found = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    opened = cv2.morphologyEx(found, cv2.MORPH_OPEN, _disc(2))
    return np.asarray(cv2.morphologyEx(opened, cv2.MORPH_CLOSE, _disc(2)), np.uint8)


@cache
def cut_out() -> CutOut:
    """Cut the person out; edge colours are continued from inside, so no old background shows."""
    portrait = np.ascontiguousarray(skimage.data.astronaut())  # type: ignore[no-untyped-call]
    inside = _silhouette(portrait)
    soft = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 1.4)
    alpha = np.clip((soft - 0.5) * 2 + 0.4, 0, 1)
    sure = cv2.erode(inside, _disc(2)).astype(np.float32)[..., None]
    spread = cv2.GaussianBlur(portrait * sure, (0, 0), 3) / (
        cv2.GaussianBlur(sure, (0, 0), 3)[..., None] + 1e-4
    )
    colour = np.where(sure > 0, portrait, spread)
    return CutOut(colour.astype(np.float32), alpha.astype(np.float32))


@dataclass(frozen=True, slots=True)
class Motion:
    """How she moves: her share of the frame's height, and what she does how often.

    `reach` is how far she goes to each side, as a share of the frame's width; `lean` how far her
    head goes, in pixels of the portrait.
    """

    size: float = 0.68
    reach: float = 0.09
    reach_period_s: float = 4
    lean: float = 16
    lean_period_s: float = 2.3


@dataclass(frozen=True, slots=True)
class Pose:
    """Where she is in a frame of `height` rows at a moment.

    `scale` is in frame pixels per portrait pixel, `middle` a column of the frame, `bob` and `lean`
    are in portrait pixels.
    """

    height: int
    scale: float
    middle: float
    bob: float
    lean: float

    def in_frame(self, points: Image) -> Image:
        """Return where x, y of the portrait are in the frame; both float32 [..., 2], in pixels."""
        x, row = points[..., 0], points[..., 1]
        across = self.middle + (x - _MIDDLE + self.lean * _lift(row)) * self.scale
        down = self.height - (_BOTTOM + self.bob - row) * self.scale
        return np.asarray(np.stack([across, down], axis=-1), np.float32)

    def in_portrait(self, width: int) -> tuple[Image, Image]:
        """Return the portrait's x, y for each pixel of the frame, float32 [height, width] each."""
        columns, rows = np.arange(width, dtype=np.float32), np.arange(self.height, dtype=np.float32)
        x, y = np.meshgrid(columns, rows)
        row = _BOTTOM - (self.height - y) / self.scale + self.bob
        across = _MIDDLE + (x - self.middle) / self.scale - self.lean * _lift(row)
        return across.astype(np.float32), row.astype(np.float32)


def _lift(row: Image) -> Image:
    """Return how much rows of the portrait take part in leaning: 0 at the bottom, 1 at the top."""
    return np.asarray(np.clip((_BOTTOM - row) / (_BOTTOM - _HEAD_TOP), 0, 1.2) ** 1.6, np.float32)


def pose(time: float, width: int, height: int, motion: Motion) -> Pose:
    """Return where she is in a `width` x `height` frame at `time` seconds."""
    scale = min(motion.size * height / (_BOTTOM - _HEAD_TOP), 0.75 * width / _SPREAD)
    return Pose(
        height,
        scale=scale * (1 + 0.02 * sin(2 * pi * time / 2.9)),
        middle=width * (0.5 + motion.reach * sin(2 * pi * time / motion.reach_period_s)),
        bob=3 * sin(2 * pi * time / 1.3),
        lean=motion.lean * sin(2 * pi * time / motion.lean_period_s + 0.8),
    )


def placed(person: CutOut, where: Pose, width: int) -> CutOut:
    """Return a cut-out of the portrait's size as it is seen in a frame of `width` columns."""
    x, y = where.in_portrait(width)
    colour = cv2.remap(person.colour, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.remap(person.alpha, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return CutOut(np.clip(colour, 0, 255).astype(np.float32), np.asarray(alpha, np.float32))


def posed(time: float, width: int, height: int) -> CutOut:
    """Return the person as she sits in a `width` x `height` frame at `time` seconds."""
    return placed(cut_out(), pose(time, width, height, Motion()), width)
