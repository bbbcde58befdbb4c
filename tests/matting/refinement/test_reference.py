"""The band's shortcuts against plain arithmetic over whole pictures, in every layout."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.helpers.planes import frame_of
from vidseg.compositing.background import Blur
from vidseg.compositing.composite import composite
from vidseg.compositing.decontaminate import estimate_foreground, with_edge
from vidseg.frames.frame import WORKING_FORMATS, Frame, PixelFormat, Plane, as_plane
from vidseg.frames.geometry import Box
from vidseg.matting import grid
from vidseg.matting.alpha import Alpha
from vidseg.matting.colour_model import refine_by_colour
from vidseg.matting.mask import Mask
from vidseg.matting.refinement.components import clean_components
from vidseg.matting.refinement.refine import refine
from vidseg.settings import MatteSettings

Doubles = NDArray[np.float64]
NAMES = st.sampled_from(list(WORKING_FORMATS))
SIDES = st.integers(1, 70)
SEEDS = st.integers(0, 2**32 - 1)


def picture(seed: int, width: int, height: int, name: str) -> Frame:
    """Return soft noise as a frame."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return frame_of(np.asarray(cv2.GaussianBlur(noise, (0, 0), 2), np.uint8), name)


def alpha_plane(seed: int, width: int, height: int, layout: PixelFormat) -> Plane:
    """Return blobs of 0 and the peak, with some mixed values in and between them."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 2, (-(-height // 6), -(-width // 6))) * layout.peak
    plane = np.repeat(np.repeat(coarse, 6, 0), 6, 1)[:height, :width]
    mixed = random.random(plane.shape) < 0.02
    return as_plane(
        np.where(mixed, random.integers(0, layout.peak + 1, plane.shape), plane).astype(
            layout.dtype
        )
    )


def at_plane(alpha: Plane, layout: PixelFormat, index: int) -> Doubles:
    """Return luma's alpha at plane `index`'s size: means; an odd last row counts twice."""
    if index == 0:
        return alpha.astype(np.float64)
    down, across = 1 << layout.shift_y, 1 << layout.shift_x
    missing = (-alpha.shape[0] % down, -alpha.shape[1] % across)
    padded = np.pad(alpha.astype(np.float64), ((0, missing[0]), (0, missing[1])), "edge")
    rows, columns = padded.shape[0] // down, padded.shape[1] // across
    return padded.reshape(rows, down, columns, across).mean(axis=(1, 3))


@bounded(max_examples=60, deadline=None)
@given(SEEDS, SIDES, SIDES, NAMES)
def test_compositing_is_the_weighted_mean(seed: int, width: int, height: int, name: str) -> None:
    """To a code where alpha is mixed, and to the bit where it is not, whatever the cells hold."""
    front, back = picture(seed, width, height, name), picture(seed ^ 1, width, height, name)
    layout = front.format
    alpha = alpha_plane(seed, width, height, layout)
    out = tuple(np.empty_like(plane) for plane in front.planes)
    composite(front.planes, Alpha.of(alpha, layout), back.planes, out)
    for index, (one, other, mixed) in enumerate(zip(front.planes, back.planes, out, strict=True)):
        share = at_plane(alpha, layout, index) / layout.peak
        expected = one * share + other * (1 - share)
        # Chroma's alpha is rounded to a code, which counts as much as the two differ.
        rounding = 0.5 * np.abs(one.astype(float) - other) / layout.peak if index else 0
        assert (np.abs(mixed - expected) <= 0.51 + rounding).all()
        assert np.array_equal(mixed[share == 1], one[share == 1])
        assert np.array_equal(mixed[share == 0], other[share == 0])


@bounded(max_examples=60, deadline=None)
@given(SEEDS, SIDES, SIDES, NAMES)
def test_hiding_some_leaves_the_rest_to_the_bit(
    seed: int, width: int, height: int, name: str
) -> None:
    frame = picture(seed, width, height, name)
    alpha = Alpha.of(alpha_plane(seed, width, height, frame.format), frame.format)
    hidden = Blur(12, whole=True).behind(frame)(alpha.complement.plane)
    out = tuple(np.empty_like(plane) for plane in frame.planes)
    composite(frame.planes, alpha.complement, hidden, out)
    for index in range(3):
        rest = at_plane(alpha.plane, frame.format, index) == 0
        assert np.array_equal(out[index][rest], frame.planes[index][rest])


def whole_alpha(frame: Frame, person: NDArray[np.float32], box: Box, side: int) -> Doubles:
    """Return the guided filter's alpha of every pixel of a box, needed or not, 0 to 1."""
    peak = frame.format.peak
    luma = frame.planes[0][box.top : box.bottom, box.left : box.right].astype(np.float64) / peak
    rows, columns = person.shape
    padded = np.pad(
        luma, ((0, rows * side - luma.shape[0]), (0, columns * side - luma.shape[1])), "edge"
    )
    small = padded.reshape(rows, side, columns, side).mean(axis=(1, 3))

    def mean(values: Doubles) -> Doubles:
        return np.asarray(cv2.blur(values, (3, 3)), np.float64)

    likely = person.astype(np.float64)
    slope = mean(small * likely) - mean(small) * mean(likely)
    slope /= mean(small * small) - mean(small) ** 2 + 1e-3
    offset = mean(likely) - slope * mean(small)
    full = [
        cv2.resize(mean(each), padded.shape[::-1], interpolation=cv2.INTER_LINEAR)
        for each in (slope, offset)
    ]
    found = np.clip((full[0] * padded + full[1] - 0.5) / 0.7 + 0.5, 0, 1)
    return np.asarray(found[: luma.shape[0], : luma.shape[1]], np.float64)


@bounded(max_examples=80, deadline=None)
@given(SEEDS, SIDES, SIDES, NAMES, st.data())
def test_refining_is_the_guided_filter_in_its_band(
    seed: int, width: int, height: int, name: str, data: st.DataObject
) -> None:
    """And elsewhere what the mask says: 0 or the peak, and 0 beyond its box."""
    frame = picture(seed, width, height, name)
    side = data.draw(st.sampled_from([2, 4]))
    left, top = (
        side * data.draw(st.integers(0, (length - 1) // side)) for length in (width, height)
    )
    box = grid.aligned(
        Box(
            left,
            top,
            data.draw(st.integers(left + 1, width)),
            data.draw(st.integers(top + 1, height)),
        ),
        side,
        frame,
    )
    shape = grid.size(box, side)[::-1]
    noise = np.random.default_rng(seed).random(shape).astype(np.float32)
    person = np.clip(np.asarray(cv2.GaussianBlur(noise, (0, 0), 2)) * 8 - 3.5, 0, 1).astype(
        np.float32
    )
    mask = Mask(person, box, picture=grid.picture(frame, box, side))
    side = mask.cell  # a box narrower than a cell fits several sizes of cells
    assert side
    alpha = refine(frame, mask, MatteSettings())
    assert mask.picture is not None
    person = clean_components(refine_by_colour(person, mask.picture), person)
    inside = alpha.plane[box.top : box.bottom, box.left : box.right].astype(np.float64)
    banded = as_plane(np.zeros(frame.planes[0].shape, np.uint8))
    alpha.cells.write(banded, as_plane(np.ones_like(alpha.cells.read(banded))))
    band = banded[box.top : box.bottom, box.left : box.right] > 0
    peak = frame.format.peak
    # Means of luma are codes, rounded once a halving, and slopes may be steep.
    assert (
        np.abs(inside - peak * whole_alpha(frame, person, box, side))[band] <= 0.05 * peak
    ).all()
    sure = np.repeat(np.repeat(person > 0.5, side, 0), side, 1)[: box.height, : box.width]
    assert np.array_equal(inside[~band], peak * sure[~band])
    outside = alpha.plane.copy()
    outside[box.top : box.bottom, box.left : box.right] = 0
    assert not outside.any()


@pytest.mark.parametrize("name", list(WORKING_FORMATS))
@pytest.mark.parametrize(
    "size", [(1, 1), (1, 4), (4, 1), (2, 2), (1, 9), (3, 1), (7, 5), (161, 121)]
)
def test_the_smallest_pictures_are_refined(name: str, size: tuple[int, int]) -> None:
    """The side of cells was told by the width: a picture of one column had none at all."""
    frame = picture(3, *size, name)
    person = np.ones((-(-size[1] // 2), -(-size[0] // 2)), np.float32)
    alpha = refine(frame, Mask(person, Box(0, 0, *size)), MatteSettings(grow=1, feather=1))
    assert (alpha.plane == frame.format.peak).all()
    for plane, expected in zip(
        with_edge(frame, alpha, estimate_foreground(frame, alpha)), frame.planes, strict=True
    ):
        assert np.array_equal(plane, expected)
