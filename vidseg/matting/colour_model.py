"""Local colour model of people and background, which refines a mask's edge. Pure.

A network's scores are coarse: they know that a person is there, not where exactly the sleeve ends.
The picture knows. For every part of the picture, the colours under the sure person and under the
sure background are counted, and each doubtful pixel goes to the side that has more of its colour
nearby. This is the appearance model of GrabCut (Rother, Kolmogorov, Blake 2004), kept local by a
grid in space and colour as in the bilateral grid (Chen, Paris, Durand 2007), and joined with the
scores by one step of mean field, as in a dense random field (Krähenbühl, Koltun 2011).
"""

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

_Sample = TypeVar("_Sample", np.uint8, np.float32)

_CELL_SHARE = 0.12
"""Side of a cell of the grid, as a share of the picture's longer side."""

_STRIDE = 4
"""Every so many pixels, both ways, one is counted."""

_LUMA_SHIFT, _CHROMA_SHIFT = 4, 3
"""Bins of colour are 16 codes of luma and 8 of each chroma wide."""

_LUMA_SPREAD, _CHROMA_SPREAD, _PLACE_SPREAD = 0.14, 0.28, 0.5
"""What a neighbouring bin or cell counts, against 1 for the own."""

_SURE = 0.8
"""Probability below which a person's pixel is not counted, and likewise for the background."""

_DOUBTFUL = 0.008
"""Pixels whose probability lies this close to 0 or 1 are left alone."""

_WEIGHT = 3.0
"""How much colour counts against the network."""

_COUNT_FLOOR = 1.0
"""Added to both counts, so that a colour seen once or twice says little."""


def subsampled(array: NDArray[_Sample]) -> NDArray[_Sample]:
    """Return the points of [h, w, …] that are counted."""
    return array[::_STRIDE, ::_STRIDE]


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """How people look near each place of a picture, against what is beside them.

    `log_ratios`: float32 [rows, columns, Y, Cb, Cr], natural logarithm of how much likelier a
    colour is on a person, at the corners of cells of `cell` points a side, for bins of colours.
    `tables`: for each of Y, Cb and Cr, [256], what a code counts in the number of its colour's bin.
    """

    log_ratios: NDArray[np.float32]
    tables: tuple[NDArray[np.int32], ...]
    cell: float

    @classmethod
    def of(cls, *seen: tuple[NDArray[np.float32], NDArray[np.uint8]]) -> "Appearance":
        """Return what one or several pictures show.

        Each is given by `subsampled` points: a person's probability [h, w], colours [h, w, 3].
        """
        height, width = seen[0][0].shape
        cell = max(8 / _STRIDE, _CELL_SHARE * max(height, width))
        tables, sizes = _bins(np.stack([colours for _, colours in seen]))
        counts = np.zeros(
            (2, _corner_count(height, cell), _corner_count(width, cell), *sizes), np.float32
        )
        for person, colours in seen:
            _count(counts, person, _numbers(tables, colours), cell)
        return cls(_log_ratios(counts), tables, cell * _STRIDE)

    def evidence(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp], colours: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Return log ratios of colours [n, 3] at points, float32 [n]; bilinear between corners."""
        flat, shape = self.log_ratios.reshape(-1), self.log_ratios.shape
        step_row, step_column = int(np.prod(shape[1:])), int(np.prod(shape[2:]))
        above, down = _corners(rows, self.cell, step_row)
        left, across = _corners(columns, self.cell, step_column)
        corner = _numbers(self.tables, colours[:, None]).reshape(-1)
        corner += above
        corner += left
        upper = flat[corner]
        upper += across * (flat[corner + step_column] - upper)
        corner += step_row
        lower = flat[corner]
        lower += across * (flat[corner + step_column] - lower)
        return np.asarray(upper + down * (lower - upper), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class AppearanceBetween:
    """How people look between two pictures: `progress` in [0, 1] is how far from the first's."""

    first: Appearance
    second: Appearance
    progress: float

    def evidence(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp], colours: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Return log ratios of colours [n, 3] at points, float32 [n]: those of both, in parts."""
        first, second = (
            each.evidence(rows, columns, colours) for each in (self.first, self.second)
        )
        return first + np.float32(self.progress) * (second - first)


def refine_by_colour(
    person: NDArray[np.float32],
    picture: NDArray[np.uint8],
    appearance: Appearance | AppearanceBetween | None = None,
) -> NDArray[np.float32]:
    """Return the probability of a person with its edge moved to where the picture's colours change.

    `person`: float32 [h, w] in [0, 1]; `picture`: uint8 [h, w, 3], Y, Cb, Cr; `appearance`: of
    people in pictures like this one, else it is taken from this one. Only doubtful pixels change,
    and none where nobody is sure to be.
    """
    doubtful = cv2.findNonZero(cv2.inRange(person, _DOUBTFUL, 1 - _DOUBTFUL))
    if doubtful is None or float(person.max()) <= _SURE:
        return person
    appearance = appearance or Appearance.of((subsampled(person), subsampled(picture)))
    columns, rows = np.ascontiguousarray(doubtful.reshape(-1, 2).T.astype(np.intp))
    places = rows * person.shape[1] + columns
    colours = np.take(picture.reshape(-1, 3), places, axis=0)
    evidence = appearance.evidence(rows, columns, colours)
    before = person.reshape(-1)[places]
    odds = before / (1 - before) * np.exp(np.float32(_WEIGHT) * evidence)
    result = person.copy()
    result.reshape(-1)[places] = odds / (1 + odds)
    return result


def _bins(colours: NDArray[np.uint8]) -> tuple[tuple[NDArray[np.int32], ...], tuple[int, ...]]:
    """Return the tables and the sizes of the bins that span the codes of [..., 3]."""
    shifts = np.array([_LUMA_SHIFT, _CHROMA_SHIFT, _CHROMA_SHIFT])
    flat = colours.reshape(-1, 3)
    lows, highs = (
        np.asarray(cv2.reduce(flat, 0, how)[0], np.intp) >> shifts  # a quarter of numpy's time
        for how in (cv2.REDUCE_MIN, cv2.REDUCE_MAX)
    )
    sizes = tuple(int(size) for size in highs - lows + 1)
    strides = (sizes[1] * sizes[2], sizes[2], 1)
    tables = tuple(
        ((np.clip(np.arange(256) >> shift, low, high) - low) * stride).astype(np.int32)
        for low, high, shift, stride in zip(lows, highs, shifts, strides, strict=True)
    )
    return tables, sizes


def _numbers(tables: tuple[NDArray[np.int32], ...], colours: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return the number of the bin of each colour of [h, w, 3]."""
    found = [
        cv2.LUT(codes, table)
        for codes, table in zip(cv2.split(np.ascontiguousarray(colours)), tables, strict=True)
    ]
    return np.asarray(found[0] + found[1] + found[2], np.intp)


def _corner_count(length: int, cell: float) -> int:
    return int(np.ceil(length / cell)) + 1


def _count(
    counts: NDArray[np.float32], person: NDArray[np.float32], bins: NDArray[np.intp], cell: float
) -> None:
    """Add what is surely on or beside people to the counts of both, [2, rows, columns, *sizes].

    `person` [h, w] and `bins` [h, w] (numbers among all sizes) are what is counted, `cell` the
    cells' side.
    """
    rows, columns = (np.rint(np.arange(length) / cell).astype(np.intp) for length in person.shape)
    corner = rows[:, None] * counts.shape[2] + columns
    index = (corner * int(np.prod(counts.shape[3:])) + bins).reshape(-1)
    for count, side in zip(counts, (person, 1 - person), strict=True):
        weight = np.maximum(side - np.float32(_SURE), 0).ravel() / np.float32(1 - _SURE)
        count.reshape(-1)[:] += np.bincount(index, weight, count.size)


def _log_ratios(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the log ratio of colours on people to those beside, from both counts, which change."""
    spreads = (_PLACE_SPREAD, _PLACE_SPREAD, _LUMA_SPREAD, _CHROMA_SPREAD, _CHROMA_SPREAD)
    for axis, spread in enumerate(spreads, 1):
        _spread_along(counts, axis, np.float32(spread))
    counts += np.float32(_COUNT_FLOOR)
    ratios: NDArray[np.float32] = counts[0] / counts[1]
    cv2.log(ratios.reshape(-1), ratios.reshape(-1))  # a third of the time of numpy's
    return ratios


def _spread_along(counts: NDArray[np.float32], axis: int, share: np.float32) -> None:
    """Add `share` of each count to both its neighbours along an axis.

    All is added in one stretch of memory, where neighbours are `step` apart: of the last axis, that
    takes a tenth of the time of slices, whose rows are short.
    """
    step = int(np.prod(counts.shape[axis + 1 :]))
    ahead = share * counts
    behind = ahead.copy()
    before = (slice(None),) * axis
    ahead[(*before, -1)] = 0
    behind[(*before, 0)] = 0
    flat = counts.reshape(-1)
    flat[step:] += ahead.reshape(-1)[:-step]
    flat[:-step] += behind.reshape(-1)[step:]


def _corners(
    places: NDArray[np.intp], cell: float, step: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the corner before each place along a side, and how far on the way to the next it is.

    Corners are `step` apart in a flat array. Both are found for each row or column, not for each
    point.
    """
    at = np.arange(int(places.max()) + 1) / cell
    before = at.astype(np.intp)
    return (before * step)[places], (at - before).astype(np.float32)[places]
