"""How much is done per frame, counted rather than timed: what made vidseg fast has to stay."""

import tracemalloc
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.scenes import room
from vidseg.compositing.composite import composite
from vidseg.compositing.decontaminate import estimate_foreground
from vidseg.frames import planes
from vidseg.frames.frame import Frame, Plane, Planes
from vidseg.frames.geometry import Box, Orientation
from vidseg.matting import grid
from vidseg.matting.mask import Mask
from vidseg.matting.refinement.refine import refine
from vidseg.matting.tracking import inference, tracker
from vidseg.matting.tracking.tracker import Tracker
from vidseg.networks.base import Scores
from vidseg.networks.fake import FakeSegmenter
from vidseg.settings import MatteSettings, ModelSettings

WIDTH, HEIGHT = 1920, 1080
PERSON = Box(700, 200, 1200, 1000)
FRAMES = 48


def full_size() -> tuple[Frame, Mask, Planes]:
    """Return a frame of 1080p, its mask, and planes to paint on."""
    frame = room([PERSON], width=WIDTH, height=HEIGHT)
    whole = Box(0, 0, WIDTH, HEIGHT)
    side = grid.side_for(whole)
    person = np.zeros(grid.size(whole, side)[::-1], np.float32)
    person[
        PERSON.top // side : PERSON.bottom // side, PERSON.left // side : PERSON.right // side
    ] = 1
    mask = Mask(person, whole, picture=grid.picture(frame, whole, side))
    return frame, mask, tuple(np.empty_like(plane) for plane in frame.planes)


def test_painting_holds_no_full_size_array_of_floats() -> None:
    """One of floats takes four planes; the alpha, what fills it and small grids take less."""
    frame, mask, out = full_size()
    tracemalloc.start()
    try:
        alpha = refine(frame, mask, MatteSettings())
        composite(frame.planes, alpha, frame.planes, out, estimate_foreground(frame, alpha))
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert held < 4 * WIDTH * HEIGHT


def test_edge_colours_read_no_more_of_a_frame_than_masks_did(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of its three planes were reduced once more, a millisecond a frame."""
    frame, mask, _ = full_size()
    alpha = refine(frame, mask, MatteSettings())
    read: list[int] = []

    def cropped(frame: Frame, index: int, box: Box) -> Plane:
        read.append(index)
        return planes.cropped(frame, index, box)

    monkeypatch.setattr(planes, "cropped", cropped)
    estimate_foreground(frame, alpha)
    assert not read


def test_arithmetic_is_done_around_the_edge_only() -> None:
    frame, mask, _ = full_size()
    cells = refine(frame, mask, MatteSettings()).cells
    edge = 2 * (PERSON.width + PERSON.height)
    assert 0 < len(cells) * cells.height * cells.width < 6 * cells.height * edge


def test_a_still_clip_is_looked_at_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Per span of frames: its end as a whole, and its end in the region; never twice as much."""
    counts: Counter[str] = Counter()

    def counted(module: Any, name: str) -> None:
        original = getattr(module, name)

        def call(*arguments: Any) -> Any:
            counts[name] += 1
            return original(*arguments)

        monkeypatch.setattr(module, name, call)

    counted(inference, "small_rgb")
    counted(grid, "picture")
    network = FakeSegmenter(side=180)
    person = Box(100, 40, 160, 170)
    clip = (room([person], index=index) for index in range(FRAMES))
    assert len(list(Tracker(network, ModelSettings(), Orientation()).follow(clip))) == FRAMES
    spans = FRAMES // 8 + 1  # those of the shot, and the first frame of its first
    assert network.frames <= 2 * spans
    assert network.calls <= 2 * spans
    assert counts["small_rgb"] == network.frames
    # Each frame's own, and those of both ends again on the grid that a span shares with the one
    # before.
    assert counts["picture"] <= FRAMES + 3 * spans


class Batches(FakeSegmenter):
    """Notes how many pictures come at once, and their (height, width)."""

    def __init__(self, batch_size: int) -> None:
        super().__init__(side=180, batch_size=batch_size)
        self.noted: list[tuple[int, tuple[int, ...]]] = []

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        """Score a batch."""
        self.noted.append((len(batch), batch.shape[1:3]))
        return super().segment(batch)


@pytest.mark.parametrize("batch", [4, 16])
@pytest.mark.parametrize(("step", "closer"), [(0, 1), (1, 2)])
def test_batches_fill(batch: int, step: int, closer: int) -> None:
    """Per span the end as a whole, which tells where the region lies, and that of all its frames.

    Cause: ever more frames were looked at where propagation failed, in batches of 1, 1, 2, 4, 7.
    Before them `closer` looks verify who is new, at both ends of the first span unless nothing
    moves. No picture fills a batch up that is of no frame.
    """
    network = Batches(batch)
    clip = [room([Box(60 + step * i, 60, 90 + step * i, 120)], index=i) for i in range(FRAMES)]
    pairs = list(Tracker(network, ModelSettings(), Orientation()).follow(clip))
    assert len(pairs) == FRAMES
    assert not any(mask.propagated for _, mask in pairs)
    whole = [count for count, size in network.noted if size == (180, 320)]
    regions = [count for count, size in network.noted if size != (180, 320)]
    spans = FRAMES // max(8, batch)
    assert whole == [2] + [1] * (spans - 1)
    assert regions == [1] * closer + [batch] * (FRAMES // batch)


def test_whole_frames_come_in_batches_too() -> None:
    """Someone who fills the frame has no region; the end of a span has been seen already."""
    network = Batches(16)
    clip = (room([Box(90, 20, 230, 180)], index=index) for index in range(FRAMES))
    list(Tracker(network, ModelSettings(), Orientation()).follow(clip))
    assert [count for count, size in network.noted if size == (180, 320)] == [2, 14, 1, 15, 1, 15]


@pytest.mark.parametrize(
    ("person", "looks"),
    [
        (
            Box(90, 20, 230, 180),
            7,
        ),  # spans of 8, 12, 12, 12 and 4, the first frame, and closer at whoever is there
        (None, 7),  # six spans of 8, and the first frame
    ],
)
def test_calm_people_who_fill_the_frame_are_looked_at_less_often(
    person: Box | None, looks: int
) -> None:
    """In an empty room whoever comes in would be followed too late."""
    network = FakeSegmenter(side=180)
    clip = (room([person] if person else [], index=index) for index in range(FRAMES))
    list(Tracker(network, ModelSettings(), Orientation()).follow(clip))
    assert network.frames == looks


@pytest.mark.parametrize(("affordable", "held"), [(16, 13), (10, 11), (4, 9)])
def test_few_huge_frames_are_held(
    affordable: int, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames of 4K take 12 MB each; one more than those of a span tells whether a shot ends."""
    monkeypatch.setattr(tracker, "_MOST_HELD", affordable * 320 * 180)
    taken = 0

    def clip() -> Iterator[Frame]:
        nonlocal taken
        for index in range(FRAMES):
            taken += 1
            yield room([Box(90, 20, 230, 180)], index=index)

    pairs = Tracker(FakeSegmenter(side=180), ModelSettings(), Orientation()).follow(clip())
    most = max(taken - given for given, _ in enumerate(pairs))
    assert most == held


def test_pictures_are_made_once_for_gaps_that_share_a_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each gap made the picture of both its ends, and their masks made it again."""
    made: list[Frame] = []
    original = grid.picture

    def picture(frame: Frame, box: Box, side: int) -> NDArray[np.uint8]:
        made.append(frame)
        return original(frame, box, side)

    monkeypatch.setattr(grid, "picture", picture)
    clip = (room([Box(90, 20, 230, 180)], index=index) for index in range(FRAMES))
    list(Tracker(FakeSegmenter(side=180), ModelSettings(), Orientation()).follow(clip))
    assert len(made) == FRAMES + 2  # at both ends of the first span it is asked who is there
