"""Temporal smoothing: each mask is blended with its neighbours before and after it, without lag.

Neighbours are warped by optical flow first (see `vidseg.matting.optical_flow`), and
count where they then show what this frame shows. So what moves is smoothed too, and leaves no
ghost.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, partial
from typing import TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.frame import Frame
from vidseg.matting.logits import logits, probability
from vidseg.matting.mask import Mask
from vidseg.matting.optical_flow import Flow, difference, reduced, resized, warp
from vidseg.matting.part_map import Ballot, elected
from vidseg.system.threads import mapped

_Pair = tuple[Frame, Mask]
_Sample = TypeVar("_Sample", np.uint8, np.float32)

_SAME = 12.0
"""Change of colour, in codes of 256, at which a neighbour's weight has fallen to 1 / e."""

_LIKENESS = np.exp(-np.square(np.arange(256) / _SAME)).astype(np.float32)

_CERTAIN = 5.0
"""Logit, of either sign, that counts as certain: no frame outvotes its neighbours by more."""

_LEAST = float(1 / (1 + np.exp(_CERTAIN)))
"""The probability of the lowest such logit."""

_PROPAGATED_S = 0.25
"""Seconds that masks are carried over, about."""


def smooth_masks(pairs: Iterable[_Pair], window_s: float, *, workers: int = 1) -> Iterator[_Pair]:
    """Yield the same frames in order, each mask averaged with the one before and the one after it.

    The mean is one of logits; neighbours further off would bring hardly anything. A neighbour's
    weight falls with its distance in time, to 0 at half of `window_s`, and with what differs
    between the pictures once motion is compensated. No mask is blended across shots. Masks that
    were propagated to their frames are means over time already, and stay unless the window is
    longer than theirs. A window of 0 passes all through.

    Of several `workers`, threads, one takes `pairs` while the others smooth; results are the same.
    """
    if window_s <= 0:
        return iter(pairs)
    smoothed = partial(_smoothed, Flow(fine=True), window_s)
    return mapped(smoothed, _with_neighbours(pairs), workers, name="smoothing")


def _with_neighbours(pairs: Iterable[_Pair]) -> "Iterator[_Neighbourhood]":
    """Yield every frame and its mask with those before and after it in its shot, if any."""
    before: _Seen | None = None
    shown: tuple[Frame, _Seen] | None = None
    for frame, mask in pairs:
        after, fresh = _Seen(frame.time, mask), mask.begins_shot
        if shown is not None:
            yield *shown, [before, None if fresh else after]
            before = None if fresh else shown[1]
        shown = frame, after
    if shown is not None:
        yield *shown, [before]


@dataclass(frozen=True, slots=True, eq=False)
class _SmallMask:
    """A mask on some mask's grid, made small: its picture [h, w, 3] and logits [h, w]."""

    picture: NDArray[np.uint8] | None
    logits: NDArray[np.float32]

    @classmethod
    def of(cls, mask: Mask, scores: NDArray[np.float32], base: Mask) -> "_SmallMask":
        """Return `mask` and its logits `scores` on the grid of `base`, reduced for flow."""
        picture = None if mask.picture is None else _onto(base, mask.picture, mask)
        return cls(
            None if picture is None else reduced(picture), reduced(_onto(base, scores, mask))
        )


@dataclass(eq=False)
class _Seen:
    """The mask of a frame, at `time` in seconds, and what was made of it so far."""

    time: Fraction
    mask: Mask

    @cached_property
    def logits(self) -> NDArray[np.float32]:
        """The mask's logits [h, w]."""
        return logits(self.mask.person, _LEAST)

    @cached_property
    def small(self) -> _SmallMask:
        """The mask made small, on its own grid."""
        return _SmallMask.of(self.mask, self.logits, self.mask)

    def onto(self, base: Mask) -> _SmallMask:
        """Return the mask made small, on another's grid."""
        if (base.box, base.person.shape) == (self.mask.box, self.mask.person.shape):
            return self.small
        return _SmallMask.of(self.mask, self.logits, base)


_Neighbourhood: TypeAlias = tuple[Frame, _Seen, Sequence[_Seen | None]]


def _smoothed(flow: Flow, window_s: float, given: _Neighbourhood) -> _Pair:
    frame, now, neighbours = given
    mask = now.mask
    if mask.propagated and window_s <= _PROPAGATED_S:
        return frame, mask
    own = now.small
    total, change = np.ones_like(own.logits), np.zeros_like(own.logits)
    ballots: list[Ballot] = [] if mask.parts is None else [(mask.person, mask.parts)]
    for other in neighbours:
        if other is None or (time_weight := _time_weight(now, other, window_s)) <= 0:
            continue
        view = other.onto(mask)
        sampling_map, weight = _match(flow, own, view, time_weight)
        total += weight
        change += weight * (_moved(view.logits, sampling_map) - own.logits)
        if mask.parts is not None:
            ballots += _ballots(flow, mask, other.mask, weight)
    change /= total
    person = probability(now.logits + resized(change, now.logits.shape))
    return frame, replace(mask, person=person, parts=elected(ballots) if ballots else None)


def _time_weight(now: _Seen, other: _Seen, window_s: float) -> float:
    return 1 - (float(other.time - now.time) / (window_s / 2)) ** 2


def _match(
    flow: Flow, view: _SmallMask, other: _SmallMask, weight: float
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32]]:
    """Return where the points of `view` are in another on its grid, and what each counts there.

    The places, x and y, are `None` where motion is unknown, so that all stays in place.
    """
    if view.picture is None or other.picture is None:
        return None, np.full_like(view.logits, weight)
    sampling_map = flow.sampling_map(_luma(view.picture), _luma(other.picture))
    differs = difference(view.picture, _moved(other.picture, sampling_map))
    return sampling_map, np.asarray(cv2.LUT(differs, _LIKENESS * np.float32(weight)), np.float32)


def _ballots(flow: Flow, mask: Mask, other: Mask, weight: NDArray[np.float32]) -> list[Ballot]:
    """Return how a neighbour votes on the parts of `mask`, on its own grid: labels have no mean."""
    if other.parts is None:
        return []
    sampling_map = None
    if mask.picture is not None and other.picture is not None:
        sampling_map = flow.sampling_map(
            _luma(mask.picture), _luma(_onto(mask, other.picture, other))
        )
    person = probability(_moved(_onto(mask, logits(other.person, _LEAST), other), sampling_map))
    parts = _moved(_onto(mask, other.parts, other, nearest=True), sampling_map, nearest=True)
    return [(resized(weight, person.shape) * person, parts)]


def _moved(
    array: NDArray[_Sample], sampling_map: NDArray[np.float32] | None, *, nearest: bool = False
) -> NDArray[_Sample]:
    return array if sampling_map is None else warp(array, sampling_map, nearest=nearest)


def _luma(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.extractChannel(picture, 0), np.uint8)


def _onto(
    mask: Mask, array: NDArray[_Sample], other: Mask, *, nearest: bool = False
) -> NDArray[_Sample]:
    """Return an array on the grid of `other`, of the same frame size, resampled to that of `mask`.

    Beyond, pictures and parts go on as they end, and logits say that nobody is there.
    """
    height, width = mask.person.shape
    if mask.box == other.box and array.shape[:2] == (height, width):
        return array
    step_x, step_y = mask.step
    to_x, to_y = (1 / step for step in other.step)
    shift_x = (step_x / 2 + mask.box.left - other.box.left) * to_x - 0.5
    shift_y = (step_y / 2 + mask.box.top - other.box.top) * to_y - 0.5
    matrix = np.array([[step_x * to_x, 0, shift_x], [0, step_y * to_y, shift_y]], np.float32)
    same = mask.cell and mask.cell == other.cell  # then points fall on points
    flags = (cv2.INTER_NEAREST if nearest or same else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_REPLICATE if array.dtype == np.uint8 else cv2.BORDER_CONSTANT
    # OpenCV keeps the type of its input, which its stubs don't say.
    return cv2.warpAffine(  # type: ignore[return-value]
        array, matrix, (width, height), flags=flags, borderMode=border, borderValue=-_CERTAIN
    )
