"""Masks that several threads propagate and smooth at once: the same bits as those of one."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from tests.helpers.scenes import as_frame
from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Orientation
from vidseg.matting import mask_source
from vidseg.matting.mask import Mask
from vidseg.matting.mask_source import source_of_masks
from vidseg.matting.tracking.mask_builder import Gap, MaskBuilder
from vidseg.matting.tracking.tracker import Tracker
from vidseg.networks.fake import PERSON_RGB, FakeSegmenter
from vidseg.settings import MatteSettings, ModelSettings

MOVES = [0] * 12 + [1, 2, 3, 4] * 3 + [25, -30] * 3 + [0] * 10
"""How far the person goes to each frame: not at all, a little, and farther than flow finds."""


def clip() -> Iterator[Frame]:
    """Yield a noisy room with a person who stands, walks and leaps."""
    noise = np.random.default_rng(5)
    left = 100
    for index, move in enumerate(MOVES):
        left += move
        rgb = 120 + noise.normal(0, 4, (180, 320, 3))
        rgb[40:170, left : left + 60] = PERSON_RGB + noise.normal(0, 4, (130, 60, 3))
        yield as_frame(rgb.clip(0, 255), index=index)


def followed(workers: int, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Frame, Mask]]:
    """Return the smoothed masks that so many workers make."""
    monkeypatch.setattr(mask_source, "workers", lambda *_: workers)
    network = FakeSegmenter(side=180)
    return list(source_of_masks(network, ModelSettings(), MatteSettings()).follow(clip()))


def test_masks_are_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of them are propagated, some found unexplained when they were to be."""
    one, three = followed(1, monkeypatch), followed(3, monkeypatch)
    assert 5 < sum(mask.propagated for _, mask in one) < len(MOVES) - 5
    assert len(one) == len(three) == len(MOVES)
    for (frame, mask), (same_frame, same) in zip(one, three, strict=True):
        assert (frame.pts, mask.box) == (same_frame.pts, same.box)
        assert (mask.propagated, mask.begins_shot) == (same.propagated, same.begins_shot)
        assert np.array_equal(mask.person, same.person)


def test_two_masks_are_propagated_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first two wait for each other: tracking stopped at what one thread could do."""
    meeting, calls = threading.Barrier(2), iter(range(10_000))
    propagated = MaskBuilder.propagated

    def slow(self: MaskBuilder, gap: Gap, frame: Frame) -> Mask | None:
        if threading.current_thread().name.startswith("tracking") and next(calls) < 2:
            meeting.wait(60)
        return propagated(self, gap, frame)

    monkeypatch.setattr(MaskBuilder, "propagated", slow)
    tracker = Tracker(FakeSegmenter(side=180), ModelSettings(), Orientation(), workers=2)
    assert len(list(tracker.follow(clip()))) == len(MOVES)
    assert next(calls) > 2


def test_an_error_of_the_network_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes through all the threads; none of them is left."""

    def fail(*_: object) -> None:
        raise KeyError("broken")

    monkeypatch.setattr(FakeSegmenter, "segment", fail)
    with pytest.raises(KeyError, match="broken"):
        followed(3, monkeypatch)
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith(("tracking", "smoothing"))]
