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
from vidseg.frames.planes import at_chroma_size
from vidseg.matting.cells import Cells, Floats, Slices

_SIDE = 4
"""Side of the cells, in pixels, where only an alpha is given."""


@dataclass(frozen=True, eq=False)
class Alpha:
    """Opacity of the people: `plane` [H, W] in the frame's sample type, 0 to its peak code value.

    `cells` hold every pixel whose alpha, or chroma sample whose mean alpha, is neither 0 nor the
    peak. `bounds`, where known: rows and columns of pixels beyond which all is 0, in whole cells.
    """

    plane: Plane
    layout: PixelFormat
    cells: Cells
    bounds: Slices = (slice(None), slice(None))

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
        """Return alpha and cells at plane `index`'s size; chroma's is the mean of its luma's."""
        return (self.plane, self.cells) if index == 0 else self._chroma

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
        return self._luma_opacity if index == 0 else self._chroma_opacity

    @cached_property
    def _luma_opacity(self) -> Floats:
        return self._opacity(self.plane, self.cells)

    @cached_property
    def _chroma_opacity(self) -> Floats:
        return self._opacity(*self._chroma)

    def _opacity(self, plane: Plane, cells: Cells) -> Floats:
        return cells.read(plane) * np.float32(1 / self.layout.peak)

    @cached_property
    def _chroma(self) -> tuple[Plane, Cells]:
        layout, cells = self.layout, self.cells
        height, width = cells.height >> layout.shift_y, cells.width >> layout.shift_x
        columns, rows = layout.plane_size(1, self.plane.shape[1], self.plane.shape[0])
        small = as_plane(np.zeros((rows, columns), layout.dtype))
        small[self.bounds_at(1)] = at_chroma_size(self.plane[self.bounds], layout)
        return small, Cells(height, width, cells.rows, cells.columns)
