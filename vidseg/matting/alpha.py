"""Alpha: a plane of opacity, and the band of cells at its edge, which alone needs arithmetic. Pure.

Everywhere else alpha is 0 or the peak, and a copy will do. The band is a set of square cells of the
frame, so that its pixels are read and written a cell's row at a time, and what varies slowly is
brought to full size by one small matrix product.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from vidseg.frames.frame import PixelFormat, Plane, as_plane
from vidseg.matting.cells import Cells, Floats, Slices, fill, product

_SIDE = 4
"""Side of the cells, in pixels, where only an alpha is given."""


@dataclass(frozen=True, eq=False)
class Alpha:
    """Opacity of the people: `plane` [H, W] in the frame's sample type, 0 to its peak code value.

    `cells` hold every pixel whose alpha, or chroma sample whose mean alpha, is neither 0 nor the
    peak; `codes` [n, h, w] is alpha in them, and `means` that of every square of the frame as large
    as they are. `bounds`, where known: rows and columns of pixels beyond which all is 0, in whole
    cells.
    """

    plane: Plane
    layout: PixelFormat
    cells: Cells
    codes: Plane
    means: Plane
    bounds: Slices = (slice(None), slice(None))

    @classmethod
    def of(cls, plane: Plane, layout: PixelFormat) -> "Alpha":
        """Return the alpha that a plane holds, its band found."""
        every = Cells(_SIDE, _SIDE, *np.empty((2, 0), np.intp))
        some = every.means(cv2.inRange(plane, 1, layout.peak))  # type: ignore[arg-type]
        full = every.means(cv2.inRange(plane, layout.peak, layout.peak))  # type: ignore[arg-type]
        cells = Cells.where(((some > 0) & (full < 255)).view(np.uint8), _SIDE)
        return cls(plane, layout, cells, cells.read(plane), every.means(plane))

    @property
    def complement(self) -> "Alpha":
        """How opaque everything but the people is."""
        plane, codes, means = (
            as_plane(np.subtract(self.layout.peak, each, dtype=each.dtype))
            for each in (self.plane, self.codes, self.means)
        )
        return Alpha(plane, self.layout, self.cells, codes, means)

    def at(self, index: int) -> tuple[Plane, Cells]:
        """Return alpha and cells at plane `index`'s size; chroma's is the mean of its luma's."""
        if self._as_luma(index):
            return self.plane, self.cells
        return self._chroma, self._chroma_cells

    def bounds_at(self, index: int) -> Slices:
        """Return the rows and columns of plane `index` beyond which alpha is 0."""
        shifts = (self.layout.shift_y, self.layout.shift_x) if index else (0, 0)
        rows, columns = (
            slice(side.start and side.start >> shift, side.stop and -(-side.stop >> shift))
            for side, shift in zip(self.bounds, shifts, strict=True)
        )
        return rows, columns

    def opacity(self, index: int) -> Floats:
        """Return the opacity in the cells at the size of plane `index`: [n, h, w] in [0, 1]."""
        return self._luma_opacity if self._as_luma(index) else self._chroma_opacity

    def _as_luma(self, index: int) -> bool:
        return index == 0 or not (self.layout.shift_x or self.layout.shift_y)

    @cached_property
    def _luma_opacity(self) -> Floats:
        return self.codes * np.float32(1 / self.layout.peak)

    @cached_property
    def _chroma_opacity(self) -> Floats:
        return self._chroma_codes * np.float32(1 / self.layout.peak)

    @cached_property
    def _chroma_cells(self) -> Cells:
        layout, cells = self.layout, self.cells
        height, width = cells.height >> layout.shift_y, cells.width >> layout.shift_x
        return Cells(height, width, cells.rows, cells.columns)

    @cached_property
    def _chroma_codes(self) -> Plane:
        cells, small = self.cells, self._chroma_cells
        weights = np.kron(_halves(cells.height, small.height), _halves(cells.width, small.width))
        flat = self.codes.reshape(-1, len(weights)).astype(np.float32)
        codes = product(flat, weights)
        codes += np.float32(0.5)
        return as_plane(codes.astype(self.layout.dtype).reshape(-1, small.height, small.width))

    @cached_property
    def _chroma(self) -> Plane:
        layout, cells = self.layout, self._chroma_cells
        columns, rows = layout.plane_size(1, self.plane.shape[1], self.plane.shape[0])
        small = as_plane(np.empty((rows, columns), layout.dtype))
        sure = np.equal(self.means, layout.peak).view(np.uint8)
        fill(small, sure, cells.height, cells.width, layout.peak)
        cells.write(small, self._chroma_codes)
        return small


def _halves(count: int, means: int) -> Floats:
    """Return the weights of `count` values in their means, of one or two each: [count, means]."""
    return np.repeat(np.eye(means, dtype=np.float32), count // means, axis=0) * np.float32(
        means / count
    )
