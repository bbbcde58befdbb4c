"""The full-size alpha and the colours at its edge."""

from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest

from vidseg.compositing.decontaminate import estimate_foreground, with_edge
from vidseg.frames.colour import Colour
from vidseg.frames.frame import WORKING_FORMATS, Frame
from vidseg.frames.geometry import Box
from vidseg.matting.mask import Mask
from vidseg.matting.refinement.refine import _feathered, _grown, refine
from vidseg.settings import MatteSettings


def flat(width: int, height: int, name: str) -> Frame:
    """Return a frame of even grey."""
    form = WORKING_FORMATS[name]
    planes = tuple(
        np.full(form.plane_size(i, width, height)[::-1], form.peak // 2, form.dtype)
        for i in range(3)
    )
    return Frame(planes, 0, Fraction(1, 25), 1, form, Colour())


def half(width: int, height: int) -> Mask:
    """Return a mask whose left half is a person."""
    person = np.zeros((30, 40), np.float32)
    person[:, :20] = 1
    return Mask(person, Box(0, 0, width, height))


@pytest.mark.parametrize("name", list(WORKING_FORMATS))
@pytest.mark.parametrize("size", [(161, 121), (320, 180)])
def test_alpha_fills_the_frame_in_its_sample_type(name: str, size: tuple[int, int]) -> None:
    frame = flat(*size, name)
    alpha = refine(frame, half(*size), MatteSettings()).plane
    assert alpha.shape == frame.planes[0].shape
    assert alpha.dtype == frame.format.dtype
    assert alpha[:, : size[0] // 3].min() == frame.format.peak
    assert alpha[:, -size[0] // 3 :].max() == 0


@pytest.mark.parametrize("name", list(WORKING_FORMATS))
def test_what_alpha_holds_of_itself_is_what_its_plane_shows(name: str) -> None:
    frame = flat(320, 180, name)
    alpha = refine(frame, half(320, 180), MatteSettings())
    assert len(alpha.cells)
    assert np.array_equal(alpha.codes, alpha.cells.read(alpha.plane))
    side = alpha.cells.height
    squares = alpha.plane.reshape(180 // side, side, 320 // side, side)
    assert np.abs(alpha.means - squares.mean(axis=(1, 3))).max() <= 0.5


@pytest.mark.parametrize("name", list(WORKING_FORMATS))
def test_foreground_leaves_the_decoders_planes_alone(name: str) -> None:
    frame = flat(161, 121, name)
    before = [plane.copy() for plane in frame.planes]
    alpha = refine(frame, half(161, 121), MatteSettings())
    planes = with_edge(frame, alpha, estimate_foreground(frame, alpha))
    for plane, original, copy in zip(planes, frame.planes, before, strict=True):
        np.testing.assert_array_equal(original, copy)
        assert plane.shape == copy.shape
        assert plane.dtype == copy.dtype


@pytest.mark.parametrize("pixels", [13, -13, 33, -33, 60, -60])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_large_growth_equals_opencvs(pixels: int, dtype: Any) -> None:
    """OpenCV tries every pixel of the ellipse: `--grow 200` took a second for a frame of 720p."""
    plane = np.random.default_rng(2).integers(
        0, np.iinfo(dtype).max, (45, 70), dtype, endpoint=True
    )
    plane[8:, 9:] = 0 if pixels > 0 else np.iinfo(dtype).max
    size = 2 * abs(pixels) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    expected = (cv2.dilate if pixels > 0 else cv2.erode)(plane, kernel)
    assert np.array_equal(_grown(plane, pixels), expected)


@pytest.mark.parametrize("sigma", [16, 40, 200])
def test_large_feathers_equal_a_blur_at_full_size(sigma: int) -> None:
    """The blur of `--feather 200` took six seconds for a frame of 720p."""
    plane = np.zeros((240, 320), np.uint8)
    plane[60:, 90:240] = 255
    exact = cv2.GaussianBlur(plane.astype(np.float32), (0, 0), sigma)
    assert np.abs(_feathered(plane, sigma) - exact).max() < 1.5
