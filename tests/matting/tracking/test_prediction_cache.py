"""A region's prediction holds while what it shows is there, also where the camera moves."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.scenes import as_frame
from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Box
from vidseg.matting.tracking.prediction_cache import PredictionCache
from vidseg.matting.tracking.predictions import Prediction

ROOM = Box(80, 60, 180, 160)
PERSON = Box(100, 80, 160, 140)


def room(left: int = 0) -> NDArray[np.uint8]:
    """Return a picture [180, 320, 3] of a room with things in it, from `left` of it on."""
    noise = np.random.default_rng(7).integers(40, 210, (180, 420, 3)).astype(np.uint8)
    return np.ascontiguousarray(cv2.GaussianBlur(noise, (0, 0), 5)[:, left : left + 320], np.uint8)


def frame(picture: NDArray[np.uint8]) -> Frame:
    """Return a picture as a frame."""
    return as_frame(picture.astype(np.float64))


def remembered() -> PredictionCache:
    """Return a cache of one prediction for part of the room, which says that nobody is there."""
    cache = PredictionCache()
    logits = np.full((10, 10), -6, np.float32)
    cache.add(Prediction(ROOM, logits, logits, False, 100, 100), frame(room()))
    return cache


@pytest.mark.parametrize("left", [0, 1, 5, 9])
def test_what_is_there_still_needs_no_look_though_the_camera_moves(left: int) -> None:
    """A chair in a room filmed by a moving camera cost a prediction in every span."""
    moved = Box(PERSON.left - left, PERSON.top, PERSON.right - left, PERSON.bottom)
    found = remembered().find(frame(room(left)), moved, ROOM)
    assert found is not None
    assert abs(found.box.left - (ROOM.left - left)) <= 1
    assert found.box.top == ROOM.top


def test_whoever_comes_in_is_looked_at() -> None:
    picture = room()
    picture[100:130, 120:136] = 20
    assert remembered().find(frame(picture), PERSON, ROOM) is None


def test_a_look_is_for_its_own_place_and_size() -> None:
    cache, now = remembered(), frame(room())
    assert cache.find(now, replace(PERSON, left=150, right=210), ROOM) is None
    assert cache.find(now, PERSON, Box(100, 80, 160, 140)) is None
    assert cache.find(now, PERSON, ROOM) is not None
