"""Masks are propagated by optical flow, and refused where it doesn't explain the picture."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.textures import SIZE, room, seen
from vidseg.matting.optical_flow import Flow, pixel_coordinates
from vidseg.matting.tracking.propagation import FlowInput, Propagator


def test_a_mask_moves_with_the_picture() -> None:
    before, after = (FlowInput.of(*seen(x)) for x in (60, 66))
    picture, expected = seen(63)
    carried = Propagator().warped(FlowInput.of(picture), before, after, 0.5)
    assert carried is not None
    wrong = (carried > 0) != (expected > 0)
    assert wrong.sum() < 0.1 * (expected > 0).sum()


def test_who_is_in_neither_picture_is_not_explained() -> None:
    """Somebody who comes by between two observed frames must be seen by the network."""
    empty = FlowInput.of(room(), np.full(SIZE, -6, np.float32))
    assert Propagator().warped(FlowInput.of(seen(60)[0]), empty, empty, 0.5) is None


def test_a_still_picture_keeps_its_mask() -> None:
    picture, logits = seen(60)
    view = FlowInput.of(picture, logits)
    carried = Propagator().warped(FlowInput.of(picture), view, view, 0.25)
    assert carried is not None
    np.testing.assert_allclose(carried, logits, atol=0.01)


def test_fine_logits_keep_their_detail() -> None:
    """Strands of hair are finer than the pictures that flow is found on."""
    picture, _ = seen(60)
    large = np.ascontiguousarray(cv2.resize(picture, None, fx=3, fy=3))
    strands = np.full(large.shape[:2], -5, np.float32)
    strands[:, ::4] = 5
    small, fine = (FlowInput.of(large, strands, fine=fine) for fine in (False, True))
    now = FlowInput.of(large)
    carried = Propagator().warped(now, fine, fine, 0.5)
    assert carried is not None
    np.testing.assert_allclose(carried, strands, atol=0.1)
    blurred = Propagator().warped(now, small, small, 0.5)
    assert blurred is not None
    assert blurred.shape == now.picture.shape[:2]


def test_too_small_for_flow() -> None:
    """A patch of the flow is 8 pixels on a picture of half the size; OpenCV would fail."""
    tiny = np.zeros((10, 12, 3), np.uint8)
    view = FlowInput.of(tiny, np.zeros((10, 12), np.float32))
    assert Propagator().warped(FlowInput.of(tiny), view, view, 0.5) is None


@pytest.mark.parametrize(("height", "width"), [(20, 160), (28, 264), (31, 330), (160, 20)])
def test_a_flat_region_is_left_to_the_network(height: int, width: int) -> None:
    """OpenCV's flow reads beyond a wide and low picture, which ended the process on a real clip."""
    picture = np.random.default_rng(1).integers(0, 255, (height, width, 3)).astype(np.uint8)
    seen = FlowInput(picture, np.zeros((height, width), np.float32))
    assert Propagator().warped(FlowInput(picture), seen, seen, 0.5) is None


def textured(seed: int, shape: tuple[int, int], sigma: float) -> NDArray[np.uint8]:
    """Return a picture that flow can follow everywhere, uint8 [h, w]."""
    noise = np.random.default_rng(seed).random(shape).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), sigma))
    return (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)


@pytest.mark.parametrize("fine", [False, True])
def test_flow_remembers_nothing_of_small_pictures(fine: bool) -> None:
    """OpenCV went to a finer scale for them and stayed: a resumed render got other masks."""
    luma = textured(3, (135, 240), 3)
    other = np.roll(luma, 3, axis=1)
    flow = Flow(fine=fine)
    before = flow.sampling_map(luma, other)
    flow.sampling_map(luma[:40, :40].copy(), other[:40, :40].copy())
    after = flow.sampling_map(luma, other)
    assert before is not None
    assert after is not None
    assert np.array_equal(after, before)


@pytest.mark.parametrize("fine", [False, True])
def test_flow_follows_wide_pictures(fine: bool) -> None:
    """Patches lie further apart on them, and go back to where they were for the next narrow one."""
    luma = textured(4, (240, 320), 4)
    other = np.roll(luma, 4, axis=1)
    narrow = luma[:135, :240].copy(), other[:135, :240].copy()
    flow = Flow(fine=fine)
    before = flow.sampling_map(*narrow)
    there = flow.sampling_map(luma, other)
    assert before is not None
    assert there is not None
    moved = there[20:-20, 20:-20] - pixel_coordinates(240, 320)[20:-20, 20:-20]
    assert np.abs(moved - [4, 0]).mean() < 0.2
    after = flow.sampling_map(*narrow)
    assert after is not None
    assert np.array_equal(after, before)
