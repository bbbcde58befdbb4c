"""People of a whole frame's prediction are verified by a closer one; only people stay."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.people import full_size, overlaps, person
from tests.helpers.scenes import as_frame
from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Box, Orientation
from vidseg.matting.tracking import regions
from vidseg.matting.tracking.detection import Detector
from vidseg.matting.tracking.inference import Inference
from vidseg.matting.tracking.predictions import CERTAIN, Prediction
from vidseg.matting.tracking.roi_planner import RoiPlanner
from vidseg.matting.tracking.tracker import Tracker
from vidseg.networks.base import Scores
from vidseg.networks.fake import PERSON_RGB, FakeSegmenter
from vidseg.settings import ModelSettings

WHOLE = Box(0, 0, 320, 180)
LEFT, RIGHT = Box(40, 40, 80, 120), Box(200, 40, 240, 120)
ROCK_RGB = (200, 90, 40)


def prediction(people: list[Box], box: Box = WHOLE) -> Prediction:
    """Return a prediction for a box of a frame that shows some people, one score a pixel."""
    logits = np.full((box.height, box.width), -6, np.float32)
    for each in people:
        rows, columns = (
            slice(each.top - box.top, each.bottom - box.top),
            slice(each.left - box.left, None),
        )
        logits[rows, columns][:, : each.width] = 6
    return Prediction(box, logits, logits, False, box.width, box.height)


class Scripted(Inference):
    """Sees some people in whole frames, and others in closer regions, each in its own alone."""

    def __init__(self, whole: list[Box], closer: list[Box]) -> None:
        super().__init__(FakeSegmenter(), ModelSettings(), Orientation())
        self.regions = 0
        self._whole, self._closer = whole, closer

    def predict(
        self, frames: Sequence[Frame], boxes: Sequence[Box], scale: float
    ) -> list[Prediction]:
        self.regions += sum(box != WHOLE for box in boxes)
        return [
            prediction(self._whole if box == WHOLE else _covered(box, self._closer), box)
            for box in boxes
        ]


def _covered(box: Box, people: list[Box]) -> list[Box]:
    return [each for each in people if regions.covered_fraction(each, box) == 1]


def detected(inference: Scripted, known: list[Box]) -> Prediction:
    """Return what a detector makes of a frame."""
    planner = RoiPlanner(FakeSegmenter().traits, 0, turned=False)
    frame = as_frame(np.full((180, 320, 3), 120, np.float64))
    return Detector(inference, planner).detect([frame], known)[0]


def shows(seen: Prediction, box: Box) -> bool:
    """Whether a prediction shows someone in a box."""
    inside: NDArray[np.bool_] = seen.person[box.top : box.bottom, box.left : box.right] > CERTAIN
    return bool(inside.mean() > 0.9)


def test_a_blob_that_is_nobody_closer_up_goes_and_people_stay() -> None:
    seen = detected(Scripted([LEFT, RIGHT], [RIGHT]), [])
    assert not (seen.person[:, : RIGHT.left - 4] > CERTAIN).any()
    assert shows(seen, RIGHT)


def test_known_people_are_not_looked_at_again() -> None:
    inference = Scripted([LEFT], [])
    assert shows(detected(inference, [LEFT]), LEFT)
    assert inference.regions == 0


def test_who_fills_the_frame_is_believed() -> None:
    """There is no closer prediction then, which is no objection."""
    inference = Scripted([Box(20, 10, 300, 180)], [])
    assert shows(detected(inference, []), Box(20, 10, 300, 180))
    assert inference.regions == 0


class Credulous(FakeSegmenter):
    """Takes a rock for a person too, unless it fills a good part of the picture."""

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        scores = super().segment(batch)
        for picture, logits in zip(batch, scores.person, strict=True):
            rock = np.abs(picture.astype(np.int16) - ROCK_RGB).max(axis=-1) < 40
            if rock.mean() < 0.2:
                logits[rock] = 8
        return scores


def test_a_rock_in_an_empty_room_is_nobody() -> None:
    """Networks that saw people in rocks were believed: rocks stood before the new background."""
    rgb = np.full((180, 320, 3), (120, 110, 130), np.float64)
    rgb[60:120, 200:250] = ROCK_RGB
    frames = [as_frame(rgb, index=i) for i in range(20)]
    for _, mask in Tracker(Credulous(), ModelSettings(), Orientation()).follow(iter(frames)):
        assert mask.person.max() < 0.1


def test_a_rock_beside_somebody_is_nobody_either() -> None:
    rgb = np.full((180, 320, 3), (120, 110, 130), np.float64)
    rgb[60:120, 220:270] = ROCK_RGB
    rgb[40:170, 60:110] = PERSON_RGB
    frames = [as_frame(rgb, index=i) for i in range(20)]
    for _, mask in Tracker(Credulous(), ModelSettings(), Orientation()).follow(iter(frames)):
        found = full_size(mask, 320, 180)
        assert found[50:160, 70:100].mean() > 0.9
        assert not found[:, 200:].any()


@pytest.mark.parametrize(("drift", "again"), [(0, False), (6, True)])
def test_what_stays_the_same_is_not_looked_at_again(drift: int, again: bool) -> None:
    """A chair that each whole prediction took for someone cost a third of all predictions."""
    frames = []
    for i in range(48):
        rgb = np.full((180, 320, 3), (120, 110, 130), np.float64)
        rgb[60:120, 200 + i * drift // 8 : 250 + i * drift // 8] = ROCK_RGB
        rgb[40:170, 60:110] = PERSON_RGB
        frames.append(as_frame(rgb, index=i))
    network = Credulous()
    for _, mask in Tracker(network, ModelSettings(), Orientation()).follow(iter(frames)):
        assert not full_size(mask, 320, 180)[:, 190:].any()
    spans = (
        48 // 8 + 1
    )  # each ends with a whole frame's prediction; then one of the person, one of the rock
    assert (network.frames > spans + 2) is again


class Squeezed(FakeSegmenter):
    """A network of one input size that sees nobody who is narrower than five pixels there."""

    def __init__(self) -> None:
        super().__init__()
        self.traits = replace(self.traits, fixed_size=(64, 64), whole_side=64)

    def input_size(self, width: int, height: int, side: int) -> tuple[int, int]:
        return 64, 64

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        scores = super().segment(batch)
        for logits in scores.person:
            if (logits > 0).any(axis=0).sum() < 5:
                logits[:] = -8
        return scores


def test_someone_too_small_for_the_whole_frame_is_searched_in_parts_of_it() -> None:
    """A frame of 16:9 squeezed into a square input hides people that a square part of it shows."""
    boxes = [[person(300 + 3 * i, 150, 36, 80)] for i in range(24)]
    assert min(overlaps(boxes, Squeezed())) > 0.5


def test_a_strip_is_not_searched() -> None:
    """A picture of 5000x3 was cut into 2200 squares, which took gigabytes; the run was ended."""
    assert regions.tiles(Box(0, 0, 5000, 3)) == regions.tiles(Box(0, 0, 3, 5000)) == []


@pytest.mark.parametrize(
    ("width", "height", "count"), [(1920, 1080, 3), (480, 854, 3), (64, 60, 0)]
)
def test_parts_cover_the_frame(width: int, height: int, count: int) -> None:
    tiles = regions.tiles(Box(0, 0, width, height))
    assert len(tiles) == count
    covered = np.zeros((height, width), bool)
    for tile in tiles:
        covered[tile.top : tile.bottom, tile.left : tile.right] = True
    assert covered.all() or not tiles
