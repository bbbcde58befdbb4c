"""Mask propagation: masks of observed frames, warped by optical flow to the frames between.

Most of the time little changes from one frame to the next but where things are. Optical flow
(`vidseg.matting.optical_flow`) tells that at a fraction of an inference's cost. It also tells
where it fails, since the pictures then don't match: there the network is asked. Pure.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.matting import optical_flow

_SAME = 6.0
"""Change of colour, in codes of 256, at which trust in a match has fallen to 1 / e."""

_TRUST = np.exp(-np.square(np.arange(256) / _SAME)).astype(np.float32)

_DIFFERENT = 12
"""Change of colour, in codes of 256, above which a place is not the same."""

_MOST_UNKNOWN, _MOST_UNKNOWN_NEAR = 0.002, 0.02
"""Shares of all pixels, and of those near people, that may match nothing without an inference."""

_NEAR = -3.0
"""Logit above which a place counts as near people."""


@dataclass(frozen=True, slots=True, eq=False)
class FlowInput:
    """A frame as flow sees it.

    `picture`: uint8 [h, w, 3], luma first; `logits`: float32, where there is a prediction, on the
    picture's points or finer ones.
    """

    picture: NDArray[np.uint8]
    logits: NDArray[np.float32] | None = None

    @classmethod
    def of(
        cls,
        picture: NDArray[np.uint8],
        logits: NDArray[np.float32] | None = None,
        *,
        fine: bool = False,
    ) -> "FlowInput":
        """Return the view of a grid's picture, made small, and of logits, small unless `fine`."""
        if logits is not None and not fine:
            logits = optical_flow.reduced(logits)
        return cls(optical_flow.reduced(picture), logits)

    @property
    def luma(self) -> NDArray[np.uint8]:
        """The picture's brightness, [h, w]."""
        return np.asarray(cv2.extractChannel(self.picture, 0), np.uint8)


class Propagator:
    """Brings logits to a frame from one before and one after it."""

    def __init__(self) -> None:
        self._flow = optical_flow.Flow()

    def warped(
        self, now: FlowInput, before: FlowInput, after: FlowInput, progress: float
    ) -> NDArray[np.float32] | None:
        """Return the logits of `now`, float32 [h, w]; `None` where neither other frame explains it.

        All views are of one size, and the other ones have logits, on whose points the result lies.
        `progress` in (0, 1) is how far `now` is from `before` on the way to `after`.
        """
        assert before.logits is not None
        luma, size = now.luma, before.logits.shape
        weighted, total = np.zeros(size, np.float32), np.full(size, 1e-6, np.float32)
        unknown, near = np.full_like(luma, 255), np.zeros_like(luma)
        for other, weight in ((before, 1 - progress), (after, progress)):
            assert other.logits is not None
            sampling_map = self._flow.sampling_map(luma, other.luma)
            if sampling_map is None:
                return None
            change = optical_flow.difference(
                now.picture, optical_flow.warp(other.picture, sampling_map)
            )
            logits = optical_flow.warp(
                other.logits, optical_flow.resized_map(sampling_map, other.logits.shape)
            )
            trust = np.asarray(cv2.LUT(change, _TRUST * np.float32(weight)), np.float32)
            trust = optical_flow.resized(trust, size)
            total += trust
            trust *= logits
            weighted += trust
            unknown &= np.asarray(cv2.inRange(change, _DIFFERENT, 255), np.uint8)
            near |= np.asarray(
                cv2.inRange(optical_flow.resized(logits, luma.shape), _NEAR, 1e6), np.uint8
            )
        return np.divide(weighted, total, out=weighted) if _explained(unknown, near) else None


def _explained(unknown: NDArray[np.uint8], near: NDArray[np.uint8]) -> bool:
    if cv2.countNonZero(unknown) > _MOST_UNKNOWN * unknown.size:
        return False
    return cv2.countNonZero(unknown & near) <= _MOST_UNKNOWN_NEAR * cv2.countNonZero(near)
