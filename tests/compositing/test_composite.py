"""Blending: exact at the ends, within one code value between, in every layout."""

import numpy as np
import pytest

from tests.helpers.planes import frame_of
from vidseg.compositing.composite import composite
from vidseg.frames.frame import WORKING_FORMATS, Frame, Plane, Planes, as_plane
from vidseg.matting.alpha import Alpha

RANDOM = np.random.default_rng(7)


def blended(frame: Frame, background: Planes, alpha: Plane) -> Planes:
    out = tuple(np.full_like(plane, 77) for plane in frame.planes)
    composite(frame.planes, Alpha.of(alpha, frame.format), background, out)
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
    for index in range(3):
        share = Alpha.of(alpha, frame.format).at(index)[0].astype(float) / peak
        expected = frame.planes[index] * share + other.planes[index] * (1 - share)
        assert np.abs(result[index] - expected).max() <= 1.0


def test_colours_given_for_the_edge_stand_in_for_the_frames() -> None:
    frame, other = picture("yuv420p", 32, 24), picture("yuv420p", 32, 24)
    alpha = as_plane(np.zeros((24, 32), np.uint8))
    alpha[:, 10:20] = 100
    alpha[:, 20:] = 255
    known = Alpha.of(alpha, frame.format)
    edge = [np.full(known.at(i)[1].read(frame.planes[i]).shape, 200, np.float32) for i in range(3)]
    out = tuple(np.empty_like(plane) for plane in frame.planes)
    composite(frame.planes, known, other.planes, out, edge)
    expected = 200 * (100 / 255) + other.planes[0][:, 10:20] * (1 - 100 / 255)
    assert np.abs(out[0][:, 10:20] - expected).max() <= 1
    assert np.array_equal(out[0][:, 24:], frame.planes[0][:, 24:])


def test_nothing_is_written_to_the_frame_or_the_background() -> None:
    frame, other = picture("yuv420p", 16, 16), picture("yuv420p", 16, 16)
    for plane in (*frame.planes, *other.planes):
        plane.flags.writeable = False
    alpha = as_plane(RANDOM.integers(0, 256, (16, 16), np.uint8))
    blended(frame, other.planes, alpha)


def test_a_person_one_column_wide_and_four_high() -> None:
    """OpenCV takes an array of four rows and one column for a scalar, and refuses to mix types."""
    frame, other = picture("yuv444p", 8, 8), picture("yuv444p", 8, 8)
    alpha = as_plane(np.zeros((8, 8), np.uint8))
    alpha[2:6, 3] = 255
    expected = other.planes[0].copy()
    expected[2:6, 3] = frame.planes[0][2:6, 3]
    assert np.array_equal(blended(frame, other.planes, alpha)[0], expected)
