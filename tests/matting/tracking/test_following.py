"""Following people through a clip: who comes, goes, runs, is far away, or is one of several."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.people import HEIGHT, WIDTH, clip, full_size, overlaps, person
from tests.helpers.scenes import room
from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Box, Orientation
from vidseg.matting.tracking import regions
from vidseg.matting.tracking.tracker import Tracker
from vidseg.networks.base import Scores
from vidseg.networks.fake import FakeSegmenter
from vidseg.settings import ModelSettings


class ShortSighted(FakeSegmenter):
    """Sees only people who take up enough of its input, as networks do."""

    def __init__(self, *, least: int, side: int = 128) -> None:
        super().__init__(side=side)
        self._least = least

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        scores = super().segment(batch)
        for logits in scores.person:
            if np.count_nonzero(logits > 0) < self._least:
                logits[:] = -8
        return scores


def test_someone_who_leaves_and_returns_is_found_at_once() -> None:
    gone: list[list[Box]] = [[] for _ in range(21)]
    there = [[person(200 + 3 * i)] for i in range(19)]
    assert min(overlaps([*there, *gone, *there, *gone[:5], *there], FakeSegmenter())) > 0.85


@pytest.mark.parametrize("speed", [4, 15, 30])
def test_someone_who_runs_through_the_picture_is_followed(speed: int) -> None:
    boxes = [[person(20 + speed * i)] for i in range((WIDTH - 100) // speed)]
    assert min(overlaps(boxes, FakeSegmenter())) > 0.8


def test_someone_far_away_is_not_lost_between_two_looks_at_the_whole_frame() -> None:
    """A region stayed where a person too small for whole frames was last, until it was left."""
    near = [[person(60, 100, 40, 100)] for _ in range(9)]
    far = [[person(60 + 9 * i, 100, 24, 50)] for i in range(48)]
    segmenter = ShortSighted(least=220)
    alone = list(Tracker(segmenter, ModelSettings(), Orientation()).follow(clip(far[:1])))
    assert not full_size(alone[0][1], WIDTH, HEIGHT).any(), "the whole frame should show nobody"
    assert min(overlaps(near + far, segmenter)) > 0.7


def test_several_people_are_all_found() -> None:
    boxes = [
        [person(20 + 2 * i), person(500 - 2 * i), person(300, 20 + i, 20, 50)] for i in range(30)
    ]
    assert min(overlaps(boxes, FakeSegmenter(side=180))) > 0.75


def test_people_who_cross_stay_two() -> None:
    boxes = [[person(20 + 12 * i), person(560 - 12 * i, 120)] for i in range(44)]
    assert min(overlaps(boxes, FakeSegmenter())) > 0.75


def test_a_cut_to_someone_elsewhere_starts_anew() -> None:
    """Thumbnails tell shots by all of the picture, so the second room is another one too."""
    first = list(clip([[person(40)]] * 13))
    second = [
        Frame(
            (np.ascontiguousarray(f.planes[0] // 3), *f.planes[1:]),
            13 + i,
            f.time_base,
            1,
            f.format,
            f.colour,
        )
        for i, f in enumerate(clip([[person(500)]] * 13))
    ]
    out = list(Tracker(Threshold(), ModelSettings(), Orientation()).follow(iter(first + second)))
    assert [i for i, (_, mask) in enumerate(out) if mask.begins_shot] == [0, 13]
    for number, left in ((12, 40), (13, 500), (25, 500)):
        found = full_size(out[number][1], WIDTH, HEIGHT)
        columns = np.flatnonzero(found.any(axis=0))
        assert abs(int(columns[0]) - left) < 12
        assert abs(int(columns[-1]) - left - 60) < 12


class Threshold(FakeSegmenter):
    """Takes for a person what is greener than the room by any amount."""

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        red, green, blue = (batch[..., i].astype(np.float32) for i in range(3))
        return Scores(person=(green - np.maximum(red, blue) - 25) / 4)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_portrait_footage_is_seen_upright(turns: int, mirrored: bool) -> None:
    """The network gets what a player shows; its mask lies in the grid of what was coded."""
    seen: list[tuple[int, ...]] = []

    class Upright(FakeSegmenter):
        def segment(self, batch: NDArray[np.uint8]) -> Scores:
            seen.append(batch.shape[1:3])
            green = batch[..., 1].astype(int) - np.maximum(batch[..., 0], batch[..., 2]) > 60
            for picture in green:  # the head is narrower than the feet
                rows = np.flatnonzero(picture.any(axis=1))
                widths = picture.sum(axis=1)
                assert widths[rows[0] + len(rows) // 4] < widths[rows[-1] - len(rows) // 4]
            return super().segment(batch)

    orientation = Orientation(quarter_turns=turns, mirrored=mirrored)
    shown = np.zeros((HEIGHT, WIDTH) if turns % 2 == 0 else (WIDTH, HEIGHT), np.uint8)
    shown[120:200, 150:180] = 1
    shown[200:280, 120:210] = 1
    coded = np.asarray(orientation.coded(shown))
    assert coded.shape == (HEIGHT, WIDTH)
    frames = []
    for index in range(10):
        frame = room([], width=WIDTH, height=HEIGHT, index=index)
        green = room([Box(0, 0, WIDTH, HEIGHT)], width=WIDTH, height=HEIGHT)
        for plane, colour in zip(frame.planes, green.planes, strict=True):
            step = HEIGHT // plane.shape[0]
            where = coded[::step, ::step] > 0
            plane[where] = colour[where]
        frames.append(frame)
    segmenter = Upright()
    for _, mask in Tracker(segmenter, ModelSettings(), orientation).follow(iter(frames)):
        found = full_size(mask, WIDTH, HEIGHT)
        assert np.count_nonzero(found & (coded > 0)) / np.count_nonzero(found | (coded > 0)) > 0.85
    assert seen[0] == segmenter.input_size(*shown.shape[::-1], segmenter.traits.whole_side)[::-1]


def test_a_person_in_need_gets_no_more_looks_than_there_are_frames() -> None:
    """A clip must not be slow: closer predictions are at most one a span and missing person."""
    boxes = [[person(100, 100, 24, 50)] if i % 16 < 8 else [] for i in range(64)]
    segmenter = FakeSegmenter()
    overlaps(boxes, segmenter)
    assert segmenter.frames <= 2 * 64


@pytest.mark.parametrize("size", [(853, 479), (161, 121)])
def test_regions_reach_the_last_column_and_row_of_an_odd_picture(size: tuple[int, int]) -> None:
    """Regions began and ended at even pixels: at an odd frame's far corner one missed the last."""
    width, height = size
    for left, top in itertools.product(range(width - 40, width), range(height - 30, height)):
        box = regions.placed(Box(left, top, width, height), 60, 50, Box(0, 0, width, height))
        assert (box.right, box.bottom) == size
        assert box.left % 2 == box.top % 2 == 0
