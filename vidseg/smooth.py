"""Steady masks: each is blended with its neighbours in time, before and after, so that nothing lags."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vidseg.frames import Frame, Mask

_Pair = tuple[Frame, Mask]


def steady(pairs: Iterable[_Pair], window_s: float) -> Iterator[_Pair]:
    """Yield the same frames in the same order, with masks averaged over `window_s` seconds around each.

    A neighbour's weight falls linearly with its distance in time to 0 at half the window, and with the
    change of the picture under it. No mask is blended across a cut. A window of 0 passes all through.
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
            while held[done - 1][0].time - held[0][0].time >= window_s / 2 and done > 1:
                held.popleft()
                done -= 1
    yield from _flush(held, done, window_s)


def _flush(held: deque[_Pair], done: int, window_s: float) -> Iterator[_Pair]:
    for index in range(done, len(held)):
        yield _steadied(held, index, window_s)


def _steadied(held: deque[_Pair], index: int, window_s: float) -> _Pair:
    frame, mask = held[index]
    total = np.ones_like(mask.person)
    person = mask.person.copy()
    for other_frame, other in held:
        distance = abs(float(other_frame.time - frame.time))
        if other is mask or distance >= window_s / 2 or other.person.shape != mask.person.shape:
            continue
        weight = (1 - distance / (window_s / 2)) * _likeness(mask, other)
        total += weight
        person += weight * other.person
    return frame, replace(mask, person=person / total)


def _likeness(one: Mask, other: Mask) -> NDArray[np.float32] | float:
    """Return weights in [0, 1], float32 [h, w]: 1 where the pictures are alike, near 0 where they differ."""
    if one.picture is None or other.picture is None:
        return 1.0
    difference = np.abs(one.picture.astype(np.float32) - other.picture).sum(-1)
    return np.asarray(np.exp(-np.square(difference / 30.0)), np.float32)
