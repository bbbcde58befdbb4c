"""Round things, modelled by their distance from an axis: exact alpha, light from above, folds."""

from collections.abc import Sequence
from functools import cache
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from samples.layers import Colour, Layer
from samples.person import Image, cut_out

Point: TypeAlias = NDArray[np.float64]
"""x, y in pixels of the frame, float64 [2]."""

_LIGHT = (-0.35, -0.5, 0.79)
"""Where light comes from: right, down, towards the camera; of length 1."""
_AMBIENT = 0.5
_SLEEVE = (slice(250, 430), slice(48, 112))
"""Rows and columns of the portrait whose folds all cloth has."""


class Relief:
    """An empty frame in which things are put, each over those before; coordinates in pixels."""

    def __init__(self, width: int, height: int) -> None:
        self._colour = np.zeros((height, width, 3), np.float32)
        self._alpha = np.zeros((height, width), np.float32)

    def turned(
        self,
        start: Point,
        end: Point,
        radii: Sequence[float],
        colour: Colour,
        *,
        flat: float = 1,
        folds: float = 0,
        blunt: bool = False,
    ) -> None:
        """Put in what is turned about an axis, with round ends, or with a `blunt` one.

        `radii` are at equal steps from `start` to `end`; a `flat` thing, above 1, is darker near
        its edges only; `folds` says how much cloth is seen, 0 for smooth things.
        """
        rows, columns = self._box(start, end, max(radii) + 2)
        if rows.start == rows.stop or columns.start == columns.stop:
            return
        axis = end - start
        length = float(np.hypot(*axis)) or 1e-6
        along, aside = axis / length, np.array([-axis[1], axis[0]]) / length
        x, y = np.meshgrid(np.arange(columns.start, columns.stop), np.arange(rows.start, rows.stop))
        down = (x - start[0]) * along[0] + (y - start[1]) * along[1]
        across = (x - start[0]) * aside[0] + (y - start[1]) * aside[1]
        share = np.clip(down / length, 0, 1)
        radius, steep = _profile(radii, length, share)
        inside = (radius - np.hypot(across, down - share * length)) / np.hypot(1, steep)
        if blunt:
            inside = np.minimum(inside, length - down)
        side = np.clip(across / np.maximum(radius, 1e-3), -1, 1)
        place = np.clip((down + radii[0]) / (length + radii[0] + radii[-1]), 0, 1)
        shade = _shade(side, aside, flat) * (1 + folds * _folds(place, side))
        self._cover((rows, columns), np.clip(inside + 0.5, 0, 1), shade[..., None] * colour)

    def layer(self) -> Layer:
        """Return what was put in."""
        return Layer(self._colour, self._alpha)

    def _box(self, start: Point, end: Point, reach: float) -> tuple[slice, slice]:
        """Return the rows and columns of the frame that a thing may touch."""
        low, high = np.minimum(start, end) - reach, np.maximum(start, end) + reach
        height, width = self._alpha.shape
        left, right = np.clip((low[0], high[0]), 0, width).astype(int)
        top, bottom = np.clip((low[1], high[1]), 0, height).astype(int)
        return slice(top, bottom), slice(left, right)

    def _cover(
        self, where: tuple[slice, slice], share: NDArray[np.float64], colour: NDArray[np.float64]
    ) -> None:
        through, codes = 1 - share, np.clip(colour, 0, 255)
        self._colour[where] = self._colour[where] * through[..., None] + codes * share[..., None]
        self._alpha[where] = self._alpha[where] * through + share


def _profile(
    radii: Sequence[float], length: float, share: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the radius at each share of the axis, and how steeply it changes there."""
    if len(radii) == 1:
        return np.full_like(share, radii[0]), np.zeros_like(share)
    stations = np.linspace(0, 1, len(radii))
    slopes = np.gradient(radii, length / (len(radii) - 1))
    return np.interp(share, stations, radii), np.interp(share, stations, slopes)


def _shade(
    side: NDArray[np.float64], aside: NDArray[np.float64], flat: float
) -> NDArray[np.float64]:
    """Return how light a surface is at -1...1 of the way across it."""
    sideways = np.sign(side) * np.abs(side) ** flat
    facing = np.sqrt(1 - sideways**2)
    light = sideways * (aside @ _LIGHT[:2]) + facing * _LIGHT[2]
    return np.asarray(_AMBIENT + (1.2 - _AMBIENT) * np.clip(light, 0, 1))


def _folds(place: NDArray[np.float64], side: NDArray[np.float64]) -> Image:
    """Return how much lighter cloth is than its mean, along and across an axis."""
    cloth = _cloth()
    rows = (place * (cloth.shape[0] - 1)).astype(np.float32)
    columns = ((side + 1) / 2 * (cloth.shape[1] - 1)).astype(np.float32)
    return np.asarray(cv2.remap(cloth, columns, rows, cv2.INTER_LINEAR), np.float32)


@cache
def _cloth() -> Image:
    grey = cut_out().colour[_SLEEVE].mean(axis=-1)
    return np.asarray(grey / cv2.GaussianBlur(grey, (0, 0), 24) - 1, np.float32)
