"""Hair that stands out from the person's head: locks of strands, and a halo of frizz."""

from dataclasses import dataclass
from math import pi

import cv2
import numpy as np
from numpy.typing import NDArray

from samples.layers import Colour, Layer, Sheet, corners
from samples.person import CutOut, Image, Motion, cut_out, pose

_HEAD = "168,122 157,106 155,86 163,65 187,39 210,24 240,19 266,27 287,44 297,70 297,94 289,116"
_HAIR = (
    "170,133 157,110 151,86 159,62 185,35 209,19 240,13 268,21 292,40 303,69 303,97 296,116 "
    "283,133 272,124 270,102 262,84 236,80 210,78 190,84 186,104 186,124"
)
"""Corners x,y in the portrait, drawn by hand: where strands have their roots, what is hair."""
_MIDDLE_OF_HEAD = (228.0, 90.0)
_POINTS = 10
"""Places along a strand."""
_LAG_S = 0.06
"""How much later than the head the tip of a strand moves."""
_SWINGS_HZ = 1.6


@dataclass(frozen=True, slots=True)
class Style:
    """How hair is: numbers of locks and of short curls, length in portrait pixels.

    `wind` is how far tips swing, as a share of the length; `tone` what the portrait's hair, light
    brown, is multiplied by.
    """

    locks: int = 40
    frizz: int = 500
    length: float = 46
    wind: float = 0.12
    tone: Colour = (1, 1, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Hair:
    """Strands by number: where they are at rest, how they swing, how they look.

    `paths` and `swings` are float32 [n, points, 2] in pixels of the portrait, `phases` float32 [n]
    in radians, `widths` float32 [n] in pixels of the portrait, `colours` float32 [n, 3] in codes.
    """

    paths: Image
    swings: Image
    phases: Image
    widths: Image
    colours: Image

    def layer(self, time: float, width: int, height: int, motion: Motion) -> Layer:
        """Return the hair in a frame at `time` seconds, moving with the head."""
        sheet = Sheet(width, height)
        turns = np.sin(2 * pi * _SWINGS_HZ * time + self.phases)[:, None, None]
        bent = self.paths + turns.astype(np.float32) * self.swings
        lags = _LAG_S * np.linspace(0, 1, _POINTS) ** 2
        poses = [pose(time - lag, width, height, motion) for lag in lags]
        places = np.stack([where.in_frame(bent[:, i]) for i, where in enumerate(poses)], axis=1)
        widths = self.widths * poses[0].scale
        for points, wide, (red, green, blue) in zip(places, widths, self.colours, strict=True):
            colour = float(red), float(green), float(blue)
            sheet.stroke(points, 0.6 * wide, colour)
            sheet.stroke(points[: _POINTS // 2], wide, colour)
        return sheet.layer()


def grown(style: Style, seed: int) -> Hair:
    """Return hair of a style; another seed gives other strands."""
    random = np.random.default_rng(seed)
    kinds = zip(_locks(random, style), _frizz(random, style), strict=True)
    starts, headings, lengths, bends = (np.concatenate(pair) for pair in kinds)
    paths, swings = _curves(random, starts, headings, lengths, bends)
    count = len(starts)
    return Hair(
        paths,
        style.wind * swings,
        phases=(starts[:, 0] / 12 + random.normal(0, 0.7, count)).astype(np.float32),
        widths=random.uniform(0.12, 0.62, count).astype(np.float32),
        colours=_colours(random, starts, style.tone),
    )


def toned(person: CutOut, tone: Colour) -> CutOut:
    """Return the person with her hair multiplied by `tone`; her face stays as it is."""
    share = np.zeros(person.alpha.shape, np.float32)
    cv2.fillPoly(share, [corners(_HAIR).astype(np.int32)], 1)
    share = np.asarray(cv2.GaussianBlur(share, (0, 0), 3), np.float32)
    gain = 1 + (np.array(tone, np.float32) - 1) * share[..., None]
    return CutOut(person.colour * gain, person.alpha)


_Numbers = NDArray[np.float64]
_Strands = tuple[_Numbers, _Numbers, _Numbers, _Numbers]
"""Roots [n, 2], headings [n] in radians, lengths [n] in pixels, bends [n] in radians."""


def _locks(random: np.random.Generator, style: Style) -> _Strands:
    """Return long strands, some seven to a lock, which keep together at the root."""
    lock = np.repeat(np.arange(style.locks), random.integers(3, 11, style.locks))
    roots, outwards = _roots(random.random(style.locks))
    leanings = outwards + random.normal(0, 0.55, style.locks)
    lengths = style.length * random.uniform(0.4, 1.5, style.locks)
    bends = random.normal(0, 1.0, style.locks)
    count = len(lock)
    return (
        roots[lock] + random.normal(0, 2.0, (count, 2)),
        leanings[lock] + random.normal(0, 0.16, count),
        lengths[lock] * random.uniform(0.55, 1.1, count),
        bends[lock] + random.normal(0, 0.35, count),
    )


def _frizz(random: np.random.Generator, style: Style) -> _Strands:
    """Return short curls all around the head, fewer the farther they reach."""
    roots, outwards = _roots(random.random(style.frizz))
    return (
        roots + random.normal(0, 2.5, (style.frizz, 2)),
        outwards + random.normal(0, 0.8, style.frizz),
        5 + random.exponential(9, style.frizz),
        random.normal(0, 2.2, style.frizz),
    )


def _roots(shares: _Numbers) -> tuple[_Numbers, _Numbers]:
    """Return places on the head, 0 on the left and 1 on the right, and headings that lead away."""
    bends = corners(_HEAD)
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(bends, axis=0).T))])
    x, y = (np.interp(shares * along[-1], along, bends[:, axis]) for axis in (0, 1))
    headings = np.arctan2(y - _MIDDLE_OF_HEAD[1], x - _MIDDLE_OF_HEAD[0])
    return np.stack([x, y], axis=-1), headings


def _curves(
    random: np.random.Generator,
    starts: _Numbers,
    headings: _Numbers,
    lengths: _Numbers,
    bends: _Numbers,
) -> tuple[Image, Image]:
    """Return strands at rest, which bend, wave and hang, and how far each point swings aside."""
    along = np.linspace(0, 1, _POINTS)
    one_each = (len(starts), 1)
    turns = along * random.uniform(0.6, 1.6, one_each) + random.random(one_each)
    waves = random.normal(0, 0.35, one_each) * np.sin(2 * pi * turns)
    heading = headings[:, None] + bends[:, None] * along + waves
    steps = lengths[:, None, None] / _POINTS * np.stack([np.cos(heading), np.sin(heading)], -1)
    paths = starts[:, None] + np.cumsum(steps, axis=1) - steps[:, :1]
    paths[..., 1] += 0.25 * lengths[:, None] * along**2
    sideways = np.stack([-np.sin(headings), np.cos(headings)], -1)
    swings = lengths[:, None, None] * (along**2)[:, None] * sideways[:, None]
    return paths.astype(np.float32), swings.astype(np.float32)


def _colours(random: np.random.Generator, starts: _Numbers, tone: Colour) -> Image:
    """Return the portrait's colours near the roots, lighter and darker by chance, times `tone`."""
    x, y = np.rint(starts + 0.2 * (np.array(_MIDDLE_OF_HEAD) - starts)).astype(int).T
    there = np.asarray(cv2.GaussianBlur(cut_out().colour, (0, 0), 3))[y, x]
    shade = np.exp(random.normal(0, 0.28, (len(starts), 1)))
    return np.asarray(np.clip(there * shade * np.array(tone), 0, 255), np.float32)
