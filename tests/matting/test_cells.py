"""The band: every mixed pixel is in a cell, and cells read and write exactly what lies in them."""

import numpy as np
import pytest

from vidseg.frames.frame import WORKING_FORMATS, as_plane
from vidseg.frames.planes import at_chroma_size
from vidseg.matting.alpha import Alpha
from vidseg.matting.cells import Cells

RANDOM = np.random.default_rng(3)
SIZES = [(48, 32), (49, 33), (50, 31), (3, 2)]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("side", [2, 4, 8])
@pytest.mark.parametrize("size", SIZES)
def test_what_is_read_can_be_written_back(size: tuple[int, int], side: int, dtype: type) -> None:
    """Also where the last cells reach beyond the plane, and where its rows are padded in memory."""
    width, height = size
    plane = as_plane(RANDOM.integers(0, 256, (height, width + 7)).astype(dtype)[:, :width])
    cells = Cells.where(
        RANDOM.integers(0, 2, (-(-height // side), -(-width // side)), np.uint8), side
    )
    target = as_plane(np.zeros((height, width), dtype))
    cells.write(target, cells.read(plane))
    inside = np.zeros(target.shape, bool)
    for row, column in zip(cells.rows * side, cells.columns * side, strict=True):
        inside[row : row + side, column : column + side] = True
    assert np.array_equal(target[inside], plane[inside])
    assert not target[~inside].any()


def test_a_ramp_is_spread_as_a_ramp() -> None:
    grid = np.add.outer(np.arange(6) * 4.0, np.arange(9) * 8.0).astype(np.float32)
    cells = Cells.where(np.ones(grid.shape, np.uint8), 4)
    spread = cells.upsample(grid)
    inner = (cells.rows > 0) & (cells.rows < 5) & (cells.columns > 0) & (cells.columns < 8)
    place = (np.arange(4) + 0.5) / 4 - 0.5
    expected = grid[cells.rows, cells.columns][:, None, None] + np.add.outer(place * 4, place * 8)
    np.testing.assert_allclose(spread[inner], expected[inner], atol=1e-4)


@pytest.mark.parametrize("name", list(WORKING_FORMATS))
@pytest.mark.parametrize("size", SIZES)
def test_cells_hold_every_pixel_that_is_mixed(name: str, size: tuple[int, int]) -> None:
    """A 1, and a peak - 1, among equals, are mixed too; so is chroma where luma is not."""
    layout = WORKING_FORMATS[name]
    alpha = np.zeros(size[::-1], layout.dtype)
    alpha[:, size[0] // 2 :] = layout.peak
    alpha[0, 0] = 1
    alpha[-1, -1] = layout.peak - 1
    known = Alpha.of(as_plane(alpha), layout)
    for index in range(3):
        plane, cells = known.at(index)
        rest = as_plane(plane.copy())
        cells.write(rest, as_plane(np.zeros_like(cells.read(plane))))
        assert set(np.unique(rest)) <= {0, layout.peak}
        assert (plane[rest != plane] > 0).all()


@pytest.mark.parametrize("name", list(WORKING_FORMATS))
@pytest.mark.parametrize("size", SIZES)
def test_alpha_of_chroma_is_the_mean_of_its_luma(name: str, size: tuple[int, int]) -> None:
    """It is made of what the band holds and of which cells are opaque, not of the whole plane."""
    layout = WORKING_FORMATS[name]
    plane = RANDOM.integers(0, layout.peak + 1, size[::-1]).astype(layout.dtype)
    plane[: size[1] // 2] = 0
    plane[:, size[0] // 2 :] = layout.peak
    alpha = Alpha.of(as_plane(plane), layout)
    for each, whole in ((alpha, plane), (alpha.complement, layout.peak - plane)):
        small = at_chroma_size(whole.astype(layout.dtype), layout).astype(int)
        assert np.abs(each.at(1)[0].astype(int) - small).max() <= 1  # halves may be rounded down
