"""Dense optical flow (DIS) between small pictures, and warping by it. Pure.

The method is DIS (Kroeger, Timofte, Dai, Van Gool 2016): a millisecond for a picture of 240 x 135.
"""

from functools import lru_cache
from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.planes import halved

SIDE = 330
"""Longest side of the pictures that flow is found on; larger ones are halved first."""

_PATCH = 32
"""Pictures smaller than this are too small for flow, whose finest scale must hold a patch of 8.

OpenCV takes smaller ones too, and reads beyond their ends. Below about three times this it goes
down to the pictures' full size.
"""

_STRIDE, _WIDE_STRIDE, _WIDE = 4, 5, 256
"""Pixels between neighbouring patches; of fine flow, where a side is longer than `_WIDE`.

What such pictures show takes up more pixels too, so that patches are as dense on it as on those of
240 x 135.
"""

_BLUR = (5, 5)

_Sample = TypeVar("_Sample", np.uint8, np.float32)


class Flow:
    """Finds flow on a quarter of the pictures' size; `fine`: on half, at three times the cost.

    It may be used in several threads at once.
    """

    def __init__(self, *, fine: bool = False) -> None:
        self._finest = 1 if fine else 2
        self._wide_stride = _WIDE_STRIDE if fine else _STRIDE

    def sampling_map(
        self, luma: NDArray[np.uint8], other: NDArray[np.uint8]
    ) -> NDArray[np.float32] | None:
        """Return each pixel's place in `other`, of `luma`'s size [h, w]: x, y, float32 [h, w, 2].

        `None` for pictures too small to tell.
        """
        height, width = luma.shape
        luma, other = reduced(luma), reduced(other)
        if min(luma.shape) < _PATCH:
            return None
        # One for each call: it belongs to one thread, costs nothing beside the call, and for small
        # pictures OpenCV sets another scale, and keeps it.
        dis = cv2.DISOpticalFlow.create(cv2.DISOpticalFlow_PRESET_ULTRAFAST)
        dis.setFinestScale(self._finest)
        dis.setPatchStride(self._wide_stride if max(luma.shape) > _WIDE else _STRIDE)
        moved: NDArray[np.float32]
        moved = dis.calc(luma, other, None)  # type: ignore[call-overload]
        if luma.shape != (height, width):
            scale = np.array([width / luma.shape[1], height / luma.shape[0]], np.float32)
            moved = np.asarray(cv2.resize(moved, (width, height)), np.float32) * scale
        return moved + pixel_coordinates(height, width)


def reduced(array: NDArray[_Sample]) -> NDArray[_Sample]:
    """Return an array [h, w, …] halved until flow takes it."""
    while max(array.shape[:2]) > SIDE:
        array = halved(array)
    return array


@lru_cache(4)
def pixel_coordinates(height: int, width: int) -> NDArray[np.float32]:
    """Return the coordinates of every pixel, float32 [h, w, 2]."""
    coordinates = np.empty((height, width, 2), np.float32)
    coordinates[..., 0] = np.arange(width, dtype=np.float32)
    coordinates[..., 1] = np.arange(height, dtype=np.float32)[:, None]
    coordinates.flags.writeable = False
    return coordinates


def warp(
    array: NDArray[_Sample], sampling_map: NDArray[np.float32], *, nearest: bool = False
) -> NDArray[_Sample]:
    """Return an array [h, w, …] sampled at the places of `sampling_map` [h, w, 2], bilinearly."""
    how = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    at, fractions = cast(Any, sampling_map), cast(Any, None)  # OpenCV's stubs know neither's type
    if array.dtype == np.uint8 and not nearest:
        # Whole places and 1024 fractions between, as good for 8 bits, take a third less time, this
        # included.
        at, fractions = cv2.convertMaps(sampling_map, fractions, cv2.CV_16SC2)
    return cast(
        NDArray[_Sample], cv2.remap(array, at, fractions, how, borderMode=cv2.BORDER_REPLICATE)
    )


def resized(array: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return an array [h, w] brought to another shape bilinearly, itself where it has it."""
    return array if array.shape == shape else np.asarray(cv2.resize(array, shape[::-1]), np.float32)


def resized_map(sampling_map: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a sampling map [h, w, 2] for arrays of another size [h', w'] of the same picture."""
    height, width = sampling_map.shape[:2]
    if (height, width) == tuple(shape[:2]):
        return sampling_map
    scale = np.array([shape[1] / width, shape[0] / height], np.float32)
    moved = sampling_map - pixel_coordinates(height, width)
    finer = np.asarray(cv2.resize(moved, (shape[1], shape[0])), np.float32) * scale
    return finer + pixel_coordinates(shape[0], shape[1])


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return how much two pictures [h, w, 3] differ around each pixel, in the channel of most."""
    luma, *chroma = cv2.split(cv2.blur(cv2.absdiff(one, other), _BLUR))
    return np.asarray(cv2.max(luma, cv2.max(*chroma)), np.uint8)
