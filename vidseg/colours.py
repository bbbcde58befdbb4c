"""Which side of the edge a pixel belongs to, told by its colour. Pure.

A network's scores are coarse: they know that a person is there, not where exactly the sleeve ends. The
picture knows. For every part of the picture, the colours under the sure person and under the sure
background are counted, and each doubtful pixel goes to the side that has more of its colour nearby. This is
the appearance model of GrabCut (Rother, Kolmogorov, Blake 2004), kept local by a grid in space and colour
as in the bilateral grid (Chen, Paris, Durand 2007), and joined with the
scores by one step of mean field, as in a dense random field (Krähenbühl, Koltun 2011).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_CELL_SHARE = 0.11
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

_WEIGHT = 2.5
"""How much colour counts against the network."""

_COUNT_FLOOR = 1.0
"""Added to both counts, so that a colour seen once or twice says little."""


def snapped(person: NDArray[np.float32], picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the probability of a person with its edge moved to where the picture's colours change.

    `person`: float32 [h, w] in [0, 1]; `picture`: uint8 [h, w, 3], Y, Cb, Cr. Only doubtful pixels change,
    and none where nobody is sure to be.
    """
    doubtful = cv2.findNonZero(cv2.inRange(person, _DOUBTFUL, 1 - _DOUBTFUL))
    if doubtful is None or float(person.max()) <= _SURE:
        return person
    columns, rows = np.ascontiguousarray(doubtful.reshape(-1, 2).T.astype(np.intp))
    height, width = person.shape
    cell = max(8, round(_CELL_SHARE * max(height, width)))
    palette = _Palette.of(picture)
    sparse = palette.bins([code[::_STRIDE, ::_STRIDE] for code in palette.codes])
    model = _log_ratios(person[::_STRIDE, ::_STRIDE], sparse, palette.sizes, cell / _STRIDE)
    places = rows * width + columns
    bins = palette.bins([code.reshape(-1)[places] for code in palette.codes])
    evidence = _looked_up(model, _corners(rows, height, cell), _corners(columns, width, cell), bins)
    before = person.reshape(-1)[places]
    odds = before / (1 - before) * np.exp(np.float32(_WEIGHT) * evidence)
    result = person.copy()
    result.reshape(-1)[places] = odds / (1 + odds)
    return result


@dataclass(frozen=True, slots=True, eq=False)
class _Palette:
    """The colours of a picture in bins: its `codes`, one uint8 [h, w] for each of Y, Cb and Cr.

    `tables`: for each of them, [256], what a code counts in the number of a colour's bin; `sizes`: how
    many bins each spans.
    """

    codes: Sequence[NDArray[np.uint8]]
    tables: tuple[NDArray[np.intp], ...]
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, picture: NDArray[np.uint8]) -> "_Palette":
        """Return the palette of uint8 [h, w, 3]; bins span the codes of every few of its pixels."""
        codes = [np.asarray(code, np.uint8) for code in cv2.split(picture)]
        spans = []
        for code, shift in zip(codes, (_LUMA_SHIFT, _CHROMA_SHIFT, _CHROMA_SHIFT), strict=True):
            low, high, _, _ = cv2.minMaxLoc(np.ascontiguousarray(code[::_STRIDE, ::_STRIDE]))
            spans.append((int(low) >> shift, int(high) >> shift, shift))
        sizes = tuple(high - low + 1 for low, high, _ in spans)
        strides = (sizes[1] * sizes[2], sizes[2], 1)
        tables = tuple(
            (np.clip(np.arange(256) >> shift, low, high) - low) * stride
            for (low, high, shift), stride in zip(spans, strides, strict=True)
        )
        return cls(codes, tables, sizes)

    def bins(self, codes: Sequence[NDArray[np.uint8]]) -> NDArray[np.intp]:
        """Return the number of each colour's bin, for Y, Cb and Cr codes of one shape."""
        luma, blue, red = (table[code] for table, code in zip(self.tables, codes, strict=True))
        luma += blue
        luma += red
        return luma


def _log_ratios(
    person: NDArray[np.float32], bins: NDArray[np.intp], sizes: tuple[int, ...], cell: float
) -> NDArray[np.float32]:
    """Return how much likelier a colour is on a person than beside one, near each corner of the cells.

    `person` [h, w] and `bins` [h, w] (numbers among all `sizes`) are what is counted, `cell` the cells' side.
    The result is float32 [rows, columns, *sizes], natural logarithms.
    """
    height, width = person.shape
    rows, columns = int(np.ceil(height / cell)) + 1, int(np.ceil(width / cell)) + 1
    row = np.rint(np.arange(height) / cell).astype(np.intp)[:, None]
    column = np.rint(np.arange(width) / cell).astype(np.intp)[None]
    shape = (rows, columns, *sizes)
    index = ((row * columns + column) * int(np.prod(sizes)) + bins).reshape(-1)
    counts = np.empty((2, *shape), np.float32)
    for count, side in zip(counts, (person, 1 - person), strict=True):
        weight = np.maximum(side - np.float32(_SURE), 0).ravel() / np.float32(1 - _SURE)
        count.reshape(-1)[:] = np.bincount(index, weight, count.size)
    spreads = (_PLACE_SPREAD, _PLACE_SPREAD, _LUMA_SPREAD, _CHROMA_SPREAD, _CHROMA_SPREAD)
    for axis, spread in enumerate(spreads, 1):
        _spread_along(counts, axis, np.float32(spread))
    counts += np.float32(_COUNT_FLOOR)
    return np.asarray(np.log(counts[0] / counts[1]), np.float32)


def _spread_along(counts: NDArray[np.float32], axis: int, share: np.float32) -> None:
    """Add `share` of each count to both its neighbours along an axis."""
    shares = share * counts
    ahead = (slice(None),) * axis + (slice(1, None),)
    behind = (slice(None),) * axis + (slice(None, -1),)
    counts[ahead] += shares[behind]
    counts[behind] += shares[ahead]


def _corners(
    places: NDArray[np.intp], length: int, cell: float
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the corner before each place along a side, and how far on the way to the next it is."""
    at = np.arange(length) / cell
    before = at.astype(np.intp)
    return before[places], (at - before).astype(np.float32)[places]


def _looked_up(
    model: NDArray[np.float32],
    down: tuple[NDArray[np.intp], NDArray[np.float32]],
    across: tuple[NDArray[np.intp], NDArray[np.float32]],
    bins: NDArray[np.intp],
) -> NDArray[np.float32]:
    """Return the model at places between corners (bilinear) and in colours' bins, float32 [n]."""
    flat = model.reshape(-1)
    step_row, step_column = int(np.prod(model.shape[1:])), int(np.prod(model.shape[2:]))
    corner = down[0] * step_row + across[0] * step_column + bins
    upper = flat[corner]
    upper += across[1] * (flat[corner + step_column] - upper)
    corner += step_row
    lower = flat[corner]
    lower += across[1] * (flat[corner + step_column] - lower)
    return np.asarray(upper + down[1] * (lower - upper), np.float32)
