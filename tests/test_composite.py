"""Blending: exact at the ends, within one code value between, in every layout."""

import numpy as np
import pytest

from tests.planes import frame_of
from vidseg.composite import alpha_planes, box_of, composite
from vidseg.frames import WORKING_FORMATS, Frame, Plane, Planes, as_plane

RANDOM = np.random.default_rng(7)


def blended(frame: Frame, background: Planes, alpha: Plane) -> Planes:
    out = tuple(np.full_like(plane, 77) for plane in frame.planes)
    composite(frame, frame.planes, alpha, background, out)
    return out


def picture(name: str, width: int, height: int) -> Frame:
    return frame_of(RANDOM.integers(0, 256, (height, width, 3), np.uint8), name)


@pytest.mark.parametrize("name", list(WORKING_FORMATS))
@pytest.mark.parametrize("size", [(32, 24), (31, 23), (1, 1)])
def test_opaque_is_the_frame_and_clear_is_the_background(name: str, size: tuple[int, int]) -> None:
    frame, other = picture(name, *size), picture(name, *size)
    peak = frame.format.peak
    opaque = as_plane(np.full((size[1], size[0]), peak, frame.format.dtype))
    for plane, expected in zip(blended(frame, other.planes, opaque), frame.planes, strict=True):
        assert np.array_equal(plane, expected)
    clear = as_plane(np.zeros_like(opaque))
    for plane, expected in zip(blended(frame, other.planes, clear), other.planes, strict=True):
        assert np.array_equal(plane, expected)


@pytest.mark.parametrize("name", list(WORKING_FORMATS))
@pytest.mark.parametrize("size", [(32, 24), (31, 23)])
def test_mixed_alpha_is_the_weighted_mean(name: str, size: tuple[int, int]) -> None:
    frame, other = picture(name, *size), picture(name, *size)
    peak = frame.format.peak
    alpha = as_plane(np.zeros((size[1], size[0]), frame.format.dtype))
    alpha[5:15, 7:20] = RANDOM.integers(0, peak + 1, (10, 13))
    result = blended(frame, other.planes, alpha)
    for index, weights in enumerate(alpha_planes(alpha, frame.format)):
        share = weights.astype(float) / peak
        expected = frame.planes[index] * share + other.planes[index] * (1 - share)
        assert np.abs(result[index] - expected).max() <= 1.0


def test_the_box_holds_all_that_is_not_clear() -> None:
    alpha = as_plane(np.zeros((40, 50), np.uint8))
    assert box_of(alpha) is None
    alpha[10, 20] = 1
    alpha[30, 44] = 255
    box = box_of(alpha)
    assert box is not None
    assert (box.left, box.top, box.right, box.bottom) == (20, 10, 45, 31)


def test_nothing_is_written_to_the_frame_or_the_background() -> None:
    frame, other = picture("yuv420p", 16, 16), picture("yuv420p", 16, 16)
    for plane in (*frame.planes, *other.planes):
        plane.flags.writeable = False
    alpha = as_plane(RANDOM.integers(0, 256, (16, 16), np.uint8))
    blended(frame, other.planes, alpha)


def test_a_person_one_column_wide_and_four_high() -> None:
    """OpenCV takes an array of four rows and one column for a scalar, and then refuses to mix types."""
    frame, other = picture("yuv444p", 8, 8), picture("yuv444p", 8, 8)
    alpha = as_plane(np.zeros((8, 8), np.uint8))
    alpha[2:6, 3] = 255
    expected = other.planes[0].copy()
    expected[2:6, 3] = frame.planes[0][2:6, 3]
    assert np.array_equal(blended(frame, other.planes, alpha)[0], expected)
