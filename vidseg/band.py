"""The band around the edge of the people: the only pixels of a frame that need arithmetic. Pure.

Everywhere else alpha is 0 or the peak, and a copy will do. The band is a set of square cells of the frame,
so that its pixels are read and written a cell's row at a time, and what varies slowly is brought to full size
by one small matrix product.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames import PixelFormat, Plane, as_plane
from vidseg.planes import at_chroma_size, reduced

Floats = NDArray[np.float32]
Extent: TypeAlias = tuple[slice, slice]
"""Rows and columns of an array, or of cells; the ends may lie beyond the last ones."""

_PRODUCT = 1 << 18
"""Multiplications that OpenBLAS does in one thread; its others go on spinning after a larger product."""

_SIDE = 4
"""Side of the cells, in pixels, where only an alpha is given."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Some cells of one plane: `height` x `width` pixels each, at `rows` and `columns` (integers [n]).

    Cells at the plane's right and lower edge may reach beyond it: its last pixels are repeated there.
    """

    height: int
    width: int
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]

    @classmethod
    def where(cls, marked: NDArray[np.uint8], side: int) -> "Cells":
        """Return the square cells that are marked in uint8 [h, w], one value per cell of a plane."""
        found = cv2.findNonZero(marked)  # a third of the time of numpy's
        places = np.empty((0, 2), np.intp) if found is None else found.reshape(-1, 2).astype(np.intp)
        return cls(side, side, places[:, 1].copy(), places[:, 0].copy())

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, plane: Plane) -> Plane:
        """Return the cells of `plane` [H, W] as [n, height, width]."""
        cells = self._runs(self.padded(plane))[self._places]
        return as_plane(cells.view(plane.dtype).reshape(-1, self.height, self.width))

    def write(self, plane: Plane, cells: Plane) -> None:
        """Write [n, height, width] of the same type into `plane` [H, W]."""
        padded = self.padded(plane)
        runs = self._runs(padded)
        runs[self._places] = np.ascontiguousarray(cells).view(runs.dtype)[..., 0]
        if padded is not plane:
            plane[...] = padded[: plane.shape[0], : plane.shape[1]]

    def spread(self, grid: Floats) -> Floats:
        """Return values that lie in the middle of all the plane's cells, [h, w], at the pixels of these.

        Float32 [n, height, width], interpolated bilinearly.
        """
        padded = cv2.copyMakeBorder(grid, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        width = padded.shape[1]
        around = np.add.outer(np.arange(3) * width, np.arange(3)).reshape(-1)
        near = padded.reshape(-1)[(self.rows * width + self.columns)[:, None] + around]
        weights = _weights(self.height, self.width)
        spread = np.empty((len(near), weights.shape[1]), np.float32)
        step = _PRODUCT // weights.size
        for begin in range(0, len(near), step):
            np.matmul(near[begin : begin + step], weights, out=spread[begin : begin + step])
        return spread.reshape(-1, self.height, self.width)

    def among(self, kept: NDArray[np.bool_]) -> "Cells":
        """Return those of the cells that are `kept` [n]."""
        return Cells(self.height, self.width, self.rows[kept], self.columns[kept])

    def moved(self, rows: int, columns: int) -> "Cells":
        """Return the cells that lie that many cells further down and to the right."""
        return Cells(self.height, self.width, self.rows + rows, self.columns + columns)

    def extent(self, margin: int) -> Extent:
        """Return the rows and columns of cells that hold these and `margin` more on each side."""
        return _spanned(self.rows, margin), _spanned(self.columns, margin)

    def crop(self, plane: Plane, extent: Extent) -> Plane:
        """Return a view of the part of `plane` that lies in some rows and columns of cells."""
        rows, columns = extent
        return plane[
            rows.start * self.height : rows.stop * self.height,
            columns.start * self.width : columns.stop * self.width,
        ]

    def enlarged(self, factor: int) -> "Cells":
        """Return the cells `factor` times as large that hold these, one for each."""
        rows, columns = self.rows // factor, self.columns // factor
        return Cells(self.height * factor, self.width * factor, rows, columns)

    def means(self, plane: Plane) -> Plane:
        """Return the mean of every cell of `plane`, [h, w] in its type, not only of these."""
        padded = self.padded(plane)
        height, width = padded.shape
        return reduced(padded, width // self.width, height // self.height)

    def padded(self, plane: Plane) -> Plane:
        """Return the plane, or a copy with its last column and row repeated up to whole cells."""
        below, right = -plane.shape[0] % self.height, -plane.shape[1] % self.width
        if not (below or right):
            return plane
        return as_plane(cv2.copyMakeBorder(plane, 0, below, 0, right, cv2.BORDER_REPLICATE))

    def _runs(self, plane: Plane) -> NDArray[np.void]:
        """Return a view whose items are a cell's rows: [H, W / width]."""
        return plane.view(np.dtype((np.void, self.width * plane.itemsize)))

    @cached_property
    def _places(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        return self.rows[:, None] * self.height + np.arange(self.height), self.columns[:, None]


@cache
def _weights(height: int, width: int) -> Floats:
    """Return what the nine values around a cell count for each of its pixels: [9, height * width]."""
    sides = []
    for side in (height, width):
        place = (np.arange(side) + 0.5) / side - 0.5
        before, after = np.maximum(-place, 0), np.maximum(place, 0)
        sides.append(np.stack([before, 1 - before - after, after]))
    return np.kron(*sides).astype(np.float32)


def _spanned(places: NDArray[np.intp], margin: int) -> slice:
    return slice(max(0, int(places.min()) - margin), int(places.max()) + margin + 1)


def extent(marked: NDArray[np.uint8], margin: int) -> Extent:
    """Return rows and columns that hold all that is not 0 in [h, w], and `margin` more on each side.

    Where nothing is marked, they are the margin's, at the first corner.
    """
    left, top, width, height = cv2.boundingRect(marked)
    rows = slice(max(0, top - margin), top + height + margin)
    return rows, slice(max(0, left - margin), left + width + margin)


def fill(plane: Plane, marked: NDArray[np.uint8], side: int, peak: int) -> None:
    """Fill `plane` with a square of the peak for each 1 in [h, w], of 0 for each 0.

    The last squares may reach beyond the plane.
    """
    word = np.full(side, peak, plane.dtype).view(f"u{min(8, side * plane.itemsize)}")  # several pixels each
    rows = marked.astype(word.dtype) * word[0]
    if len(word) > 1:
        rows = np.repeat(rows, len(word), axis=1)
    lines = rows.view(plane.dtype)[:, : plane.shape[1]]
    for row in range(side):
        target = plane[row::side]
        target[...] = lines[: len(target)]


@dataclass(frozen=True, eq=False)
class Alpha:
    """How opaque the people are: `plane` [H, W] in the frame's sample type, 0 to its peak code value.

    `cells` hold every pixel whose alpha, or chroma sample whose mean alpha, is neither 0 nor the peak.
    `reach`, where known: rows and columns of pixels beyond which all is 0, in whole cells.
    """

    plane: Plane
    layout: PixelFormat
    cells: Cells
    reach: Extent = (slice(None), slice(None))

    @classmethod
    def of(cls, plane: Plane, layout: PixelFormat) -> "Alpha":
        """Return the alpha that a plane holds, its band found."""
        every = Cells(_SIDE, _SIDE, *np.empty((2, 0), np.intp))
        some = every.means(cv2.inRange(plane, 1, layout.peak))  # type: ignore[arg-type]
        full = every.means(cv2.inRange(plane, layout.peak, layout.peak))  # type: ignore[arg-type]
        return cls(plane, layout, Cells.where(((some > 0) & (full < 255)).view(np.uint8), _SIDE))

    @property
    def complement(self) -> "Alpha":
        """How opaque everything but the people is."""
        inverse = np.subtract(self.layout.peak, self.plane, dtype=self.plane.dtype)
        return Alpha(as_plane(inverse), self.layout, self.cells)

    def at(self, index: int) -> tuple[Plane, Cells]:
        """Return alpha and cells at the size of plane `index`; chroma's alpha is the mean of its luma's."""
        return (self.plane, self.cells) if index == 0 else self._chroma

    def within(self, index: int) -> Extent:
        """Return the rows and columns of plane `index` beyond which alpha is 0."""
        shifts = (self.layout.shift_y, self.layout.shift_x) if index else (0, 0)
        rows, columns = (
            slice(side.start and side.start >> shift, side.stop and -(-side.stop >> shift))
            for side, shift in zip(self.reach, shifts, strict=True)
        )
        return rows, columns

    def share(self, index: int) -> Floats:
        """Return how opaque the people are in the cells at the size of plane `index`: [n, h, w] in [0, 1]."""
        return self._luma_share if index == 0 else self._chroma_share

    @cached_property
    def _luma_share(self) -> Floats:
        return self._shared(self.plane, self.cells)

    @cached_property
    def _chroma_share(self) -> Floats:
        return self._shared(*self._chroma)

    def _shared(self, plane: Plane, cells: Cells) -> Floats:
        return cells.read(plane) * np.float32(1 / self.layout.peak)

    @cached_property
    def _chroma(self) -> tuple[Plane, Cells]:
        layout, cells = self.layout, self.cells
        height, width = cells.height >> layout.shift_y, cells.width >> layout.shift_x
        columns, rows = layout.plane_size(1, self.plane.shape[1], self.plane.shape[0])
        small = as_plane(np.zeros((rows, columns), layout.dtype))
        small[self.within(1)] = at_chroma_size(self.plane[self.reach], layout)
        return small, Cells(height, width, cells.rows, cells.columns)
