"""Assignment of bodies to the people who are known from the snapshot before. Pure."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vidseg.matting.people.bodies import LEAST, Labels, bodies_of, extended, middle_of, people_in
from vidseg.matting.people.colours import Counts
from vidseg.matting.people.division import divided
from vidseg.matting.people.snapshot import Snapshot

_OF_PERSON, _OF_BODY = 0.25, 0.2
"""Share of somebody, or of a body, from which a body shows that person."""


def claims(bodies: Sequence[NDArray[np.bool_]], expected: Labels) -> list[dict[int, int]]:
    """Return the people whom each body shows, given where they are expected: points by number.

    A few points that another's motion brings along are no claim.
    """
    areas = np.bincount(expected.ravel())
    found = []
    for body in bodies:
        counts = np.bincount(expected[body], minlength=len(areas))
        size = np.count_nonzero(body)
        enough = (counts >= _OF_PERSON * areas) | (counts >= _OF_BODY * size)
        enough &= counts >= LEAST / 2
        found.append({int(i): int(counts[i]) for i in np.flatnonzero(enough) if i})
    return found


def assigned(
    snapshot: Snapshot, expected: Labels, colours: Mapping[int, Counts], later: Labels | None = None
) -> Labels:
    """Return who is at each point of a snapshot's bodies [h, w].

    `expected`: where people should be by their motion; `colours`: those of everybody; `later`: who
    will be where soon. Who is there and not expected may come out from behind somebody. Bodies that
    nobody has to do with are whose they are nearest to.
    """
    bodies = bodies_of(snapshot.person)
    labels = np.zeros(snapshot.person.shape, np.int32)
    coming = _coming(expected, later)
    shown = claims(bodies, expected)
    for body, found, new in zip(bodies, shown, claims(bodies, coming), strict=True):
        people = {who: colours[who] for who in [*found, *new] if who in colours}
        if len(people) > 1:
            labels[body] = divided(body, expected, people, snapshot, coming)[body]
        elif found or new:
            labels[body] = max(found or new, key=lambda who: (found or new)[who])
        else:
            labels[body] = _nearest(body, expected if expected.any() else coming)
    return labels


def _coming(expected: Labels, later: Labels | None) -> Labels:
    """Return where those will be who aren't expected anywhere yet."""
    if later is None:
        return np.zeros_like(expected)
    return np.where(np.isin(later, people_in(expected)), 0, later).astype(np.int32)


def _nearest(body: NDArray[np.bool_], labels: Labels) -> int:
    """Return who is nearest to a body; 0 where there is nobody at all."""
    column, row = middle_of(body)
    return int(extended(labels)[row, column])
