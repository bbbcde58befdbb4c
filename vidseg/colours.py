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

    `person`: float32 [h, w] in [0, 1]; `picture`: uint8 [h, w, 3] RGB. Only doubtful pixels change, and
    none where nobody is sure to be.
    """
    places = np.flatnonzero(cv2.inRange(person, _DOUBTFUL, 1 - _DOUBTFUL))
    if not places.size or float(person.max()) <= _SURE:
        return person
    height, width = person.shape
    cell = max(8, round(_CELL_SHARE * max(height, width)))
    codes = cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)
    sparse = _bins(codes[::_STRIDE, ::_STRIDE])
    low, high = sparse.min(axis=(0, 1)), sparse.max(axis=(0, 1))
    model = _log_ratios(person[::_STRIDE, ::_STRIDE], sparse - low, tuple(high - low + 1), cell / _STRIDE)
    rows, columns = np.divmod(places, width)
    colours = np.clip(_bins(codes.reshape(-1, 3)[places]), low, high) - low
    evidence = _looked_up(model, rows / cell, columns / cell, colours)
    before = person.reshape(-1)[places]
    odds = before / (1 - before) * np.exp(_WEIGHT * evidence)
    result = person.copy()
    result.reshape(-1)[places] = odds / (1 + odds)
    return result


def _bins(codes: NDArray[np.generic]) -> NDArray[np.intp]:
    """Return the bin of each Y, Cr, Cb code: [..., 3] uint8 → [..., 3] integers."""
    shifts = np.array([_LUMA_SHIFT, _CHROMA_SHIFT, _CHROMA_SHIFT])
    return np.asarray(codes.astype(np.intp) >> shifts, np.intp)


def _log_ratios(
    person: NDArray[np.float32], bins: NDArray[np.intp], sizes: tuple[int, ...], cell: float
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
    counts = []
    for side in (person, 1 - person):
        weight = np.maximum(side - np.float32(_SURE), 0).ravel() / (1 - _SURE)
        count = np.bincount(index, weight, int(np.prod(shape))).astype(np.float32).reshape(shape)
        spreads = (_PLACE_SPREAD, _PLACE_SPREAD, _LUMA_SPREAD, _CHROMA_SPREAD, _CHROMA_SPREAD)
        for axis, spread in enumerate(spreads):
            count = _spread_along(count, axis, np.float32(spread))
        counts.append(count + np.float32(_COUNT_FLOOR))
    return np.asarray(np.log(counts[0] / counts[1]), np.float32)


def _spread_along(counts: NDArray[np.float32], axis: int, share: np.float32) -> NDArray[np.float32]:
    """Return the counts with `share` of each added to both its neighbours along an axis."""
    first = np.moveaxis(counts, axis, 0)
    spread = first.copy()
    spread[1:] += share * first[:-1]
    spread[:-1] += share * first[1:]
    return np.moveaxis(spread, 0, axis)


def _looked_up(
    model: NDArray[np.float32],
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    colours: NDArray[np.intp],
) -> NDArray[np.float32]:
    """Return the model at places in cells (bilinear between corners) and bins [n, 3], float32 [n]."""
    top, left = rows.astype(np.intp), columns.astype(np.intp)
    down, right = (rows - top).astype(np.float32), (columns - left).astype(np.float32)
    flat = model.reshape(-1)
    step_row, step_column = int(np.prod(model.shape[1:])), int(np.prod(model.shape[2:]))
    sizes = model.shape[2:]
    corner = top * step_row + left * step_column
    corner += (colours[:, 0] * sizes[1] + colours[:, 1]) * sizes[2] + colours[:, 2]
    upper = flat[corner] * (1 - right) + flat[corner + step_column] * right
    lower = flat[corner + step_row] * (1 - right) + flat[corner + step_row + step_column] * right
    return np.asarray(upper * (1 - down) + lower * down, np.float32)
