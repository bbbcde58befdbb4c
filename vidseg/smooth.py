"""Steady masks: each is blended with its neighbours in time, before and after, so that nothing lags."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames import Frame, Mask
from vidseg.partmap import Ballot, elected

_Pair = tuple[Frame, Mask]
_Sample = TypeVar("_Sample", np.uint8, np.float32)

_PER_SIDE = 2
"""Neighbours taken on each side; a high frame rate has more, which show the same."""

_SAME = 8.0
"""Change of brightness, in codes of 256, at which a neighbour's weight has fallen to 1 / e."""

_CARRIED_S = 0.25
"""Seconds that masks are carried over, about."""

_BLUR = (5, 5)

_LIKENESS = np.exp(-np.square(np.arange(256) / _SAME)).astype(np.float32)


def steady(pairs: Iterable[_Pair], window_s: float) -> Iterator[_Pair]:
    """Yield the same frames in the same order, with masks averaged over `window_s` seconds around each.

    A neighbour's weight falls linearly with its distance in time, to 0 at half the window, and with the
    change of the picture under it, so that nothing that moves leaves a ghost. No mask is blended across a
    cut. Masks that were carried to their frames are means over time already, and stay unless the window is
    longer than theirs. A window of 0 passes all through.
    """
    if window_s <= 0:
        yield from pairs
        return
    held: deque[_Pair] = deque()
    done = 0  # pairs at the front of `held` that were yielded and serve as neighbours only
    for pair in pairs:
        if pair[1].cut:
            yield from _flush(held, done, window_s)
            held.clear()
            done = 0
        held.append(pair)
        while done < len(held) and held[-1][0].time - held[done][0].time >= window_s / 2:
            yield _steadied(held, done, window_s)
            done += 1
            while done > 1 and held[done - 1][0].time - held[0][0].time >= window_s / 2:
                held.popleft()
                done -= 1
    yield from _flush(held, done, window_s)


def _flush(held: deque[_Pair], done: int, window_s: float) -> Iterator[_Pair]:
    for index in range(done, len(held)):
        yield _steadied(held, index, window_s)


def _steadied(held: deque[_Pair], index: int, window_s: float) -> _Pair:
    frame, mask = held[index]
    if mask.carried and window_s <= _CARRIED_S:
        return frame, mask
    total = np.ones_like(mask.person)
    person = mask.person.copy()
    ballots: list[Ballot] = [] if mask.parts is None else [(mask.person, mask.parts)]
    for weight, other in _neighbours(held, index, window_s):
        votes = _add(person, total, mask, other, weight)
        if mask.parts is not None and other.parts is not None:
            ballots.append((votes, _onto(mask, other.parts, other, nearest=True)))
    return frame, replace(mask, person=person / total, parts=elected(ballots) if ballots else None)


def _neighbours(held: deque[_Pair], index: int, window_s: float) -> Iterator[tuple[float, Mask]]:
    """Yield the neighbours of pair `index` worth blending, each with its weight by time, in (0, 1]."""
    time = held[index][0].time
    for side in (range(index - 1, -1, -1), range(index + 1, len(held))):
        near = []
        for i in side:
            weight = 1 - abs(float(held[i][0].time - time)) / (window_s / 2)
            if weight <= 0:
                break
            near.append((weight, held[i][1]))
        yield from near[:: max(1, -(-len(near) // _PER_SIDE))]


def _add(
    person: NDArray[np.float32], total: NDArray[np.float32], mask: Mask, other: Mask, weight: float
) -> NDArray[np.float32]:
    """Add a neighbour's probability to `person` and its weight to `total`, both on the grid of `mask`.

    Returns what was added to `person`.
    """
    likely, picture = _onto(mask, other.person, other), other.picture
    if mask.picture is None or picture is None:
        added: NDArray[np.float32] = np.float32(weight) * likely
        person += added
        total += weight
        return added
    change = cv2.absdiff(_luma(mask.picture), _onto(mask, _luma(picture), other))
    likeness = np.asarray(cv2.LUT(cv2.blur(change, _BLUR), _LIKENESS * np.float32(weight)), np.float32)
    total += likeness
    likeness *= likely
    person += likeness
    return likeness


def _luma(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.extractChannel(picture, 0), np.uint8)


def _onto(mask: Mask, array: NDArray[_Sample], other: Mask, *, nearest: bool = False) -> NDArray[_Sample]:
    """Return what lies on the grid of `other` on that of `mask`: both cover boxes of one coded picture."""
    height, width = mask.person.shape
    if mask.box == other.box and array.shape == (height, width):
        return array
    step_x, step_y = mask.step
    to_x, to_y = (1 / step for step in other.step)
    shift_x = (step_x / 2 + mask.box.left - other.box.left) * to_x - 0.5
    shift_y = (step_y / 2 + mask.box.top - other.box.top) * to_y - 0.5
    matrix = np.array([[step_x * to_x, 0, shift_x], [0, step_y * to_y, shift_y]], np.float32)
    flags = (cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_REPLICATE if array.dtype == np.uint8 else cv2.BORDER_CONSTANT
    # OpenCV keeps the type of its input, which its stubs don't say.
    return cv2.warpAffine(array, matrix, (width, height), flags=flags, borderMode=border)  # type: ignore[return-value]
