"""Sources of masks: one contract over all of them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from tests.helpers.scenes import RATE, room
from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Box
from vidseg.matting.fake_source import FakeSource
from vidseg.matting.mask_source import MaskSource, TrackedSource, refined
from vidseg.matting.restarts import LEAD_S, SEGMENT_S
from vidseg.networks.fake import FakeSegmenter
from vidseg.settings import MatteSettings, ModelSettings

PERSON = Box(100, 40, 160, 170)

Opener = Callable[[], MaskSource]


def tracked() -> MaskSource:
    """People tracked with the network that ships for tests."""
    return TrackedSource(FakeSegmenter(side=180), ModelSettings(), MatteSettings())


class _Soft(FakeSegmenter):
    """Says that its scores tell opacity."""

    def __init__(self) -> None:
        super().__init__(side=180)
        self.traits = replace(self.traits, soft=True)


def tracked_softly() -> MaskSource:
    """The same with a network whose masks are soft."""
    return TrackedSource(_Soft(), ModelSettings(), MatteSettings())


@pytest.fixture(params=[tracked, tracked_softly, FakeSource], ids=["tracked", "soft", "fake"])
def source(request: pytest.FixtureRequest) -> MaskSource:
    """Every source of masks in its turn."""
    opener: Opener = request.param
    return opener()


def clip(count: int, name: str = "yuv420p", first: int = 0) -> list[Frame]:
    """Return frames of a room with someone in it."""
    return [room([PERSON], index=first + i, name=name) for i in range(count)]


@pytest.mark.parametrize("count", [0, 1, 2, 20])
def test_frames_are_passed_on_as_they_came(source: MaskSource, count: int) -> None:
    frames = clip(count)
    assert [frame for frame, _ in source.follow(iter(frames))] == frames


@pytest.mark.parametrize("name", ["yuv420p", "yuv444p", "yuv422p10le", "yuv420p12le"])
def test_alpha_is_of_the_frame(source: MaskSource, name: str) -> None:
    """Full size, in the frame's sample type, from 0 to its peak: 1 on the person, 0 beside."""
    for layer in refined(source.follow(clip(10, name)), source):
        alpha, peak = layer.alpha.plane, layer.frame.format.peak
        assert alpha.shape == layer.frame.planes[0].shape
        assert alpha.dtype == layer.frame.planes[0].dtype
        true = np.zeros(alpha.shape, bool)
        true[PERSON.top : PERSON.bottom, PERSON.left : PERSON.right] = True
        found = alpha > peak / 2
        assert (true & found).sum() / (true | found).sum() > 0.9
        assert alpha.min() == 0
        assert alpha.max() == peak


def test_refining_is_repeatable_in_any_order_and_thread(source: MaskSource) -> None:
    pairs = list(source.follow(clip(12)))
    there = [layer.alpha.plane for layer in refined(pairs, source)]
    with ThreadPoolExecutor(1) as pool:
        back = list(pool.map(lambda pair: source.refine(*pair).plane, reversed(pairs)))
    for one, other in zip(there, reversed(back), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_empty_room_is_transparent(source: MaskSource) -> None:
    frames = [room([], index=i) for i in range(10)]
    for layer in refined(source.follow(frames), source):
        assert layer.alpha.plane.max() < 20


def test_masks_from_a_restart_on_are_those_of_the_whole_clip(source: MaskSource) -> None:
    """So that a render that is resumed equals a plain one."""
    restart = Fraction(SEGMENT_S - LEAD_S)
    first = int(restart) * RATE - RATE
    frames = clip(2 * RATE, first=first)
    whole = {frame.pts: mask for frame, mask in source.follow(frames)}
    late = [(frame.pts, mask) for frame, mask in source.follow(frames, restart)]
    assert [pts for pts, _ in late] == [frame.pts for frame in frames if frame.time >= restart]
    for pts, mask in late[RATE // 2 :]:
        np.testing.assert_array_equal(mask.person, whole[pts].person)
