"""Memory of recurrent networks: moved along with regions, used where all frames are seen anyway."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.scenes import as_frame, room
from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Box, Orientation
from vidseg.matting.tracking.inference import Inference
from vidseg.matting.tracking.memory import RegionMemory, overlapping
from vidseg.matting.tracking.tracker import Tracker
from vidseg.networks.base import Memory, Scores
from vidseg.networks.fake import PERSON_RGB, FakeSegmenter
from vidseg.settings import ModelSettings


def places(box: Box, width: int, height: int) -> NDArray[np.float32]:
    """Return a map over a box, [height, width, 5], that holds where its samples lie: x, y, …."""
    x = box.left + (np.arange(width) + 0.5) * box.width / width
    y = box.top + (np.arange(height) + 0.5) * box.height / height
    across, down = np.meshgrid(x, y)
    return np.stack([across, down, across + down, -across, -down], axis=-1).astype(np.float32)


@pytest.mark.parametrize(
    ("box", "width", "height"),
    [
        (Box(100, 60, 260, 220), 160, 160),
        (Box(120, 50, 280, 210), 160, 160),
        (Box(80, 60, 280, 240), 192, 176),
        (Box(140, 100, 200, 160), 320, 320),
    ],
)
def test_what_is_remembered_stays_in_its_place(box: Box, width: int, height: int) -> None:
    """Each sample of a moved map is what was remembered of that place of the frame; else 0."""
    seen = Box(100, 60, 260, 220)
    maps = [places(seen, 80, 80), places(seen, 10, 10)]
    for moved, reduction in zip(
        RegionMemory(seen, 160, 160, maps).moved(box, width, height), (2, 16), strict=True
    ):
        expected = places(box, width // reduction, height // reduction)
        assert moved.shape == expected.shape
        margin = reduction  # pixels of the frame that the picture shows one by one
        inside = (
            (expected[..., 0] >= seen.left + margin)
            & (expected[..., 0] <= seen.right - margin)
            & (expected[..., 1] >= seen.top + margin)
            & (expected[..., 1] <= seen.bottom - margin)
        )
        assert inside.any()
        np.testing.assert_allclose(moved[inside], expected[inside], atol=0.2 * reduction)
        beyond = (expected[..., 0] < seen.left - margin) | (expected[..., 1] > seen.bottom + margin)
        assert not moved[beyond].any()


def test_a_region_gets_the_memory_that_covers_most_of_it() -> None:
    left, right = (RegionMemory(Box(begin, 0, begin + 100, 100), 96, 96, []) for begin in (0, 100))
    assert overlapping([left, right], Box(60, 0, 160, 100)) is right
    assert overlapping([left, right], Box(40, 0, 140, 100)) is left
    assert overlapping([left, right], Box(300, 0, 400, 100)) is None


class Remembering(FakeSegmenter):
    """Remembers the picture at half its size, and how many were seen before it."""

    def __init__(self) -> None:
        super().__init__(side=128, batch_size=1)
        self.ages: list[int] = []
        self.changes: list[float] = []

    def input_size(self, width: int, height: int, side: int) -> tuple[int, int]:
        """Return even sides."""
        across, down = super().input_size(width, height, side)
        return max(2, across // 2 * 2), max(2, down // 2 * 2)

    def segment_next(
        self, picture: NDArray[np.uint8], memory: Memory | None
    ) -> tuple[Scores, Memory]:
        """Score a picture; `changes` gets how far most of it is from what is remembered."""
        height, width = picture.shape[:2]
        half = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        age = np.zeros((*half.shape[:2], 1), np.float32)
        if memory is not None:
            assert [each.shape for each in memory] == [half.shape, age.shape]
            age += memory[1].max() + 1
            self.changes.append(float(np.median(np.abs(memory[0] - half))))
        self.ages.append(round(float(age.max())))
        return self.segment(picture[None]), [half.astype(np.float32), age]


def restless(index: int, walls: int | None = None) -> Frame:
    """Return a frame of a person in a room whose walls flicker, so that no flow explains it.

    `walls`: which they are, others in each frame by default.
    """
    rng = np.random.default_rng(index if walls is None else walls)
    coarse = rng.integers(60, 180, (9, 16, 3)).astype(np.float64)
    rgb = np.asarray(cv2.resize(coarse, (320, 180), interpolation=cv2.INTER_NEAREST), np.float64)
    rgb[40:170, 100:160] = PERSON_RGB
    return as_frame(rgb, index=index)


def followed(
    network: FakeSegmenter, frames: list[Frame], begin: Fraction | None = None
) -> dict[Fraction, NDArray[np.float32]]:
    """Return each frame's mask by its time."""
    tracker = Tracker(network, ModelSettings(), Orientation())
    return {frame.time: mask.person for frame, mask in tracker.follow(iter(frames), begin)}


def test_a_still_clip_is_seen_without_memory() -> None:
    network = Remembering()
    followed(network, [room([Box(100, 40, 160, 170)], index=i) for i in range(40)])
    assert not network.ages


def test_a_restless_clip_is_seen_frame_by_frame_with_memory() -> None:
    """After the first span, which shows that it is restless; each frame once, in order."""
    network = Remembering()
    masks = followed(network, [restless(i) for i in range(40)])
    assert network.ages == list(range(32))
    assert len(masks) == 40
    for mask in masks.values():
        assert mask.max() > 0.9


def test_memory_is_let_go_of_where_the_clip_has_calmed_down() -> None:
    network = Remembering()
    followed(network, [restless(i, min(i, 20)) for i in range(80)])
    assert len(network.ages) in (16, 24)


def test_a_clip_that_is_followed_from_a_restart_has_the_same_masks() -> None:
    """What was remembered ends at a restart, here at 9 s, for whoever followed from before."""
    frames = [restless(i) for i in range(200, 260)]
    network = Remembering()
    whole = followed(network, frames)
    assert network.ages.count(0) == 2
    restart = Fraction(9)
    again = followed(Remembering(), frames, restart)
    assert again.keys() == {time for time in whole if time >= restart}
    for time, mask in again.items():
        np.testing.assert_array_equal(mask, whole[time])


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_memory_lies_as_the_picture_that_is_shown(turns: int, mirrored: bool) -> None:
    """A network sees pictures upright, while regions are moved in coded ones."""
    network = Remembering()
    inference = Inference(network, ModelSettings(), Orientation(turns, mirrored))
    frame, box = restless(0), Box(60, 20, 220, 140)
    _, memory = inference.predict_next(frame, box, 1.0, [])
    for moved in (box, Box(80, 32, 240, 152), Box(60, 20, 260, 180)):
        inference.predict_next(frame, moved, 1.0, [memory])
    inference.predict_next(restless(1), box, 1.0, [memory])
    assert max(network.changes[:3]) < 3
    assert network.changes[3] > 10
