"""Whether what a look at the whole frame takes for a person is one: a look closer up has to agree. Pure.

Networks see people in rocks, curtains and door frames, often with all certainty, but not in the same rocks
twice: seen larger, and with other things around them, those are nobody. A person stays one.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vidseg import regions
from vidseg.frames import Box
from vidseg.looks import CERTAIN, NOBODY, Look

LIKELY = -1.0
"""Logit above which a blob in a look at the whole frame belongs to a person who is certain somewhere."""

_AGREED = 0.3
"""Intersection over union of both looks' people from which they mean the same person.

Rocks, fences and shelves reach 0.1 in most cases, people 0.5; those of a few pixels less.
"""

_CELLS = 64
"""Cells a side on which looks are compared."""


def vetted(look: Look, known: Sequence[Box], closer: Callable[[Box], Look | None]) -> Look:
    """Return a look without the blobs that a closer look doesn't confirm.

    Whoever overlaps a box of `known` people has been confirmed before. `closer` looks around a box, and may
    decline, which is no objection.
    """
    people = look.people(LIKELY)
    doubted = [box for box in people if not any(regions.overlap(box, other) for other in known)]
    refused = [box for box in doubted if (again := closer(box)) and _agreement(look, again, box) < _AGREED]
    if not refused:
        return look
    kept = [box for box in people if box not in refused]
    person, chosen = (_without(look, scores, refused, kept) for scores in (look.person, look.chosen))
    return replace(look, person=person, chosen=chosen)


def _agreement(one: Look, other: Look, box: Box) -> float:
    """Return intersection over union of the people that two looks show in a box."""
    shown = [look.within(box, _CELLS) > CERTAIN for look in (one, other)]
    either = np.count_nonzero(shown[0] | shown[1])
    return float(np.count_nonzero(shown[0] & shown[1]) / max(either, 1))


def _without(
    look: Look, scores: NDArray[np.float32], refused: Iterable[Box], kept: Iterable[Box]
) -> NDArray[np.float32]:
    """Return scores that say that nobody is in the boxes `refused`, but for what is in those `kept`."""
    result = scores.copy()
    for box in refused:
        result[_slices(look, box)] = NOBODY
    for box in kept:
        result[_slices(look, box)] = scores[_slices(look, box)]
    return result


def _slices(look: Look, box: Box) -> tuple[slice, slice]:
    """Return the rows and columns of scores that a box touches, and one more on each side."""
    rows, columns = look.person.shape
    down, across = rows / look.box.height, columns / look.box.width
    return (
        slice(max(0, int((box.top - look.box.top) * down) - 1), int((box.bottom - look.box.top) * down) + 2),
        slice(
            max(0, int((box.left - look.box.left) * across) - 1),
            int((box.right - look.box.left) * across) + 2,
        ),
    )
