"""People who move through synthetic frames, and how well a tracker follows them."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.helpers.scenes import room
from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Box, Orientation
from vidseg.matting.mask import Mask
from vidseg.matting.tracking.tracker import Tracker
from vidseg.networks.fake import FakeSegmenter
from vidseg.settings import ModelSettings

WIDTH, HEIGHT = 640, 360


def clip(boxes: list[list[Box]], size: tuple[int, int] = (WIDTH, HEIGHT)) -> Iterator[Frame]:
    """Yield a room with the given people in each frame."""
    for index, people in enumerate(boxes):
        yield room(people, width=size[0], height=size[1], index=index)


def full_size(mask: Mask, width: int, height: int) -> NDArray[np.bool_]:
    """Return where the mask, without refinement, says that people are, bool [height, width]."""
    whole = np.zeros((height, width), np.float32)
    box = mask.box
    inside = cv2.resize(mask.person, (box.width, box.height), interpolation=cv2.INTER_LINEAR)
    whole[box.top : box.bottom, box.left : box.right] = inside
    return whole > 0.5


def overlaps(
    boxes: list[list[Box]], segmenter: FakeSegmenter, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> list[float]:
    """Return the overlap (IoU) of each frame's mask with its people; 1 where both are empty."""
    result = []
    followed = Tracker(segmenter, ModelSettings(), Orientation()).follow(clip(boxes, size))
    for people, (_, mask) in zip(boxes, followed, strict=True):
        true = np.zeros(size[::-1], bool)
        for box in people:
            true[max(0, box.top) : box.bottom, max(0, box.left) : box.right] = True
        found = full_size(mask, *size)
        either = np.count_nonzero(true | found)
        result.append(np.count_nonzero(true & found) / either if either else 1.0)
    return result


def person(left: float, top: float = 100, width: int = 60, height: int = 160) -> Box:
    """Return a box for a person, cut to the frame."""
    return Box(
        max(0, round(left)), round(top), min(WIDTH, round(left) + width), round(top) + height
    )
