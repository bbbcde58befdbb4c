"""Masks carried from frames that the network saw to those between them, along the motion of the picture.

Most of the time little changes from one frame to the next but where things are. Dense optical flow (DIS:
Kroeger, Timofte, Dai, Van Gool 2016) tells that far sooner than a network would look again. It also tells
where it fails, since the pictures then don't match: there the network is asked. Pure.
"""

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames import halved

_FLOW_SIDE = 330
"""Longest side of the pictures that flow is found on; larger grids are halved until they are below."""

_SAME = 6.0
"""Change of colour, in codes of 256, at which trust in a match has fallen to 1 / e."""

_TRUST = np.exp(-np.square(np.arange(256) / _SAME)).astype(np.float32)

_DIFFERENT = 12
"""Change of colour, in codes of 256, above which a place is not the same."""

_MOST_UNKNOWN, _MOST_UNKNOWN_NEAR = 0.002, 0.02
"""Shares of all places, and of those near people, that may match nothing before the network is asked."""

_NEAR = -3.0
"""Logit above which a place counts as near people."""

_PATCH = 32
"""Pictures smaller than this are too small for flow: its finest scale, a quarter, must hold a patch of 8.

OpenCV takes smaller ones too, and reads beyond their ends.
"""

_BLUR = (5, 5)

_Sample = TypeVar("_Sample", np.uint8, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A frame as flow sees it.

    `picture`: uint8 [h, w, 3], luma first; `logits`: float32 [h, w], where the network looked.
    """

    picture: NDArray[np.uint8]
    logits: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, picture: NDArray[np.uint8], logits: NDArray[np.float32] | None = None) -> "View":
        """Return the view of a grid's picture and logits, made small."""
        while max(picture.shape) > _FLOW_SIDE:
            picture = halved(picture)
            logits = None if logits is None else halved(logits)
        return cls(picture, logits)

    @property
    def luma(self) -> NDArray[np.uint8]:
        """The picture's brightness, [h, w]."""
        return np.asarray(cv2.extractChannel(self.picture, 0), np.uint8)


class Carrier:
    """Brings logits to a frame from one before and one after it."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOpticalFlow_PRESET_ULTRAFAST)

    def carried(self, now: View, before: View, after: View, share: float) -> NDArray[np.float32] | None:
        """Return the logits of `now`, float32 [h, w]; `None` where too much of it is in neither other frame.

        All views are of one size, and the other ones have logits. `share` in (0, 1) is how far `now` is
        from `before` on the way to `after`.
        """
        luma = now.luma
        if min(luma.shape) < _PATCH:
            return None
        places = _places(*luma.shape)
        weighted, total = np.zeros(luma.shape, np.float32), np.full(luma.shape, 1e-6, np.float32)
        unknown, near = np.full_like(luma, 255), np.zeros_like(luma)
        for other, weight in ((before, 1 - share), (after, share)):
            assert other.logits is not None
            there = self._flow.calc(luma, other.luma, None) + places  # type: ignore[call-overload]
            change = _change(now.picture, _read(other.picture, there))
            logits = _read(other.logits, there)
            trust = np.asarray(cv2.LUT(change, _TRUST * np.float32(weight)), np.float32)
            total += trust
            trust *= logits
            weighted += trust
            unknown &= np.asarray(cv2.inRange(change, _DIFFERENT, 255), np.uint8)
            near |= np.asarray(cv2.inRange(logits, _NEAR, 1e6), np.uint8)
        return weighted / total if _explained(unknown, near) else None


def _change(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return how much two pictures [h, w, 3] differ around each place, in the channel that differs most."""
    luma, *chroma = cv2.split(cv2.blur(cv2.absdiff(one, other), _BLUR))
    return np.asarray(cv2.max(luma, cv2.max(*chroma)), np.uint8)


def _explained(unknown: NDArray[np.uint8], near: NDArray[np.uint8]) -> bool:
    if cv2.countNonZero(unknown) > _MOST_UNKNOWN * unknown.size:
        return False
    return cv2.countNonZero(unknown & near) <= _MOST_UNKNOWN_NEAR * cv2.countNonZero(near)


def _places(height: int, width: int) -> NDArray[np.float32]:
    """Return the coordinates of every pixel, float32 [h, w, 2]."""
    places = np.empty((height, width, 2), np.float32)
    places[..., 0] = np.arange(width, dtype=np.float32)
    places[..., 1] = np.arange(height, dtype=np.float32)[:, None]
    return places


def _read(array: NDArray[_Sample], there: NDArray[np.float32]) -> NDArray[_Sample]:
    return cv2.remap(array, there, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload,no-any-return]
