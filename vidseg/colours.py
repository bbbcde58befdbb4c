"""Which side of the edge a pixel belongs to, told by its colour. Pure.

A network's scores are coarse: they know that a person is there, not where exactly the sleeve ends. The
picture knows. For every part of the picture, the colours under the sure person and under the sure
background are counted, and each doubtful pixel goes to the side that has more of its colour nearby. This is
the appearance model of GrabCut (Rother, Kolmogorov, Blake 2004), kept local by a grid in space and colour
as in the bilateral grid (Chen, Paris, Durand 2007), and joined with the
scores by one step of mean field, as in a dense random field (Krähenbühl, Koltun 2011).
"""

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
    columns, rows = np.ascontiguousarray(doubtful.reshape(-1, 2).T)
    height, width = person.shape
    cell = max(8, round(_CELL_SHARE * max(height, width)))
    sparse = picture[::_STRIDE, ::_STRIDE] >> _SHIFTS
    low, high = sparse.min(axis=(0, 1)), sparse.max(axis=(0, 1))
    model = _log_ratios(person[::_STRIDE, ::_STRIDE], sparse - low, tuple(high - low + 1), cell / _STRIDE)
    places = rows * width + columns
    bins = _bins(picture.reshape(-1, 3)[places], low, high, model.shape[2:])
    evidence = _looked_up(model, _corners(rows, height, cell), _corners(columns, width, cell), bins)
    before = person.reshape(-1)[places]
    odds = before / (1 - before) * np.exp(np.float32(_WEIGHT) * evidence)
    result = person.copy()
    result.reshape(-1)[places] = odds / (1 + odds)
    return result


_SHIFTS = np.array([_LUMA_SHIFT, _CHROMA_SHIFT, _CHROMA_SHIFT], np.uint8)


def _bins(
    codes: NDArray[np.uint8], low: NDArray[np.uint8], high: NDArray[np.uint8], sizes: tuple[int, ...]
) -> NDArray[np.int32]:
    """Return the number of each colour's bin among all, int32 [n]; colours beyond `low` to `high` join those.

    `codes`: uint8 [n, 3].
    """
    total = np.zeros(len(codes), np.int32)
    for channel, stride in enumerate((sizes[1] * sizes[2], sizes[2], 1)):
        bins = np.arange(256) >> int(_SHIFTS[channel])
        table = (np.clip(bins, low[channel], high[channel]) - low[channel]).astype(np.int32) * stride
        total += table[codes[:, channel]]
    return total


def _log_ratios(
    person: NDArray[np.float32], bins: NDArray[np.uint8], sizes: tuple[int, ...], cell: float
) -> NDArray[np.float32]:
    """Return how much likelier a colour is on a person than beside one, near each corner of the cells.

    `person` [h, w] and `bins` [h, w, 3] (each below `sizes`) are what is counted, `cell` the cells' side.
    The result is float32 [rows, columns, *sizes], natural logarithms.
    """
    height, width = person.shape
    rows, columns = int(np.ceil(height / cell)) + 1, int(np.ceil(width / cell)) + 1
    row = np.rint(np.arange(height) / cell).astype(np.intp)[:, None]
    column = np.rint(np.arange(width) / cell).astype(np.intp)[None]
    shape = (rows, columns, *sizes)
    index = np.ravel_multi_index((row, column, bins[..., 0], bins[..., 1], bins[..., 2]), shape).ravel()
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
    places: NDArray[np.int32], length: int, cell: float
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the corner before each place along a side, and how far on the way to the next it is."""
    at = np.arange(length) / cell
    before = at.astype(np.int32)
    return before[places], (at - before).astype(np.float32)[places]


def _looked_up(
    model: NDArray[np.float32],
    down: tuple[NDArray[np.int32], NDArray[np.float32]],
    across: tuple[NDArray[np.int32], NDArray[np.float32]],
    bins: NDArray[np.int32],
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
