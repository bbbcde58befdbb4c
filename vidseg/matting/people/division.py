"""Division of a body among the people who make it up, along the least likely seam. Pure.

Each point goes to whom its colours are likely for, and who was about there just before; where
neither tells, the seam runs where the picture changes and the network is least sure of a person
(a watershed: Beucher, Lantuéjoul 1979; Meyer 1992).
"""

import heapq
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.matting.people.bodies import LEAST, Labels, extended, people_in
from vidseg.matting.people.colours import Counts, bins_of, counted, likelihood
from vidseg.matting.people.snapshot import Snapshot

_REACH = 2.5
"""Points over which somebody may have moved beyond what flow tells: a standard deviation."""

_ANYWHERE = 0.02
"""How likely somebody is where nothing says so, against 1 where all does."""

_SURE = 1.5
"""Difference of logarithms from which a point is somebody's, whatever the seam."""

_CLEAR = 2.5
"""The same of colours alone, from which it may be anybody's, wherever that one is expected."""

_CLOSE = (5, 5)
"""Points whose colours are looked at together."""

_EDGE_COST = 0.25
"""Steps that a change of colour by a code is worth, on the way from a point to all others."""

Floats = NDArray[np.float32]


def colours_of(snapshot: Snapshot, labels: Labels) -> dict[int, Counts]:
    """Return the colours of everybody in a snapshot, by number."""
    bins = bins_of(snapshot.picture)
    return {who: counted(bins, labels == who) for who in people_in(labels)}


def divided(
    body: NDArray[np.bool_],
    expected: Labels,
    colours: Mapping[int, Counts],
    snapshot: Snapshot,
    soon: Labels | None = None,
) -> Labels:
    """Return who is at each point of a body [h, w], 0 outside it.

    `expected`: where the people of `colours` should be by their motion; `soon`: where those will be
    who are not expected anywhere.
    """
    people = sorted(colours)
    bins = bins_of(snapshot.picture)
    fits = np.stack([_fit(body, colours[who], bins) for who in people])
    there = [expected == who for who in people]
    if soon is not None:
        there = [
            each if each.any() else soon == who for who, each in zip(people, there, strict=True)
        ]
    scores = fits + np.stack([_nearness(each) for each in there])
    best = np.argmax(scores, axis=0)
    sure = body & (_lead(scores) > _SURE)
    numbers = np.asarray(people, np.int32)[best]
    clear = sure & (np.argmax(fits, axis=0) == best) & (_lead(fits) > _CLEAR)
    markers = np.where(_without_isles(numbers, sure, (numbers == expected) | clear), numbers, 0)
    if not markers.any():
        return np.where(body, numbers, 0).astype(np.int32)
    return _flooded(body, markers.astype(np.int32), snapshot)


def _fit(body: NDArray[np.bool_], colours: Counts, bins: NDArray[np.int32]) -> Floats:
    """Return how likely the colours around each point [h, w] are for somebody, as a logarithm."""
    likely = np.log(likelihood(colours))[bins]
    weight = np.maximum(cv2.blur(body.astype(np.float32), _CLOSE), np.float32(1e-3))
    near = cv2.blur(np.where(body, likely, np.float32(0)).astype(np.float32), _CLOSE)
    return np.asarray(near / weight, np.float32)


def _nearness(expected: NDArray[np.bool_]) -> Floats:
    """Return how likely somebody is at each point [h, w] by where that one is expected."""
    there = cv2.GaussianBlur(expected.astype(np.float32), (0, 0), _REACH)
    return np.asarray(np.log(there + np.float32(_ANYWHERE)), np.float32)


def _lead(scores: Floats) -> Floats:
    """Return by how much the best of scores [n, h, w] leads at each point."""
    ranked = np.sort(scores, axis=0)
    return np.asarray(ranked[-1] - ranked[-2], np.float32)


def _without_isles(
    numbers: Labels, sure: NDArray[np.bool_], anchored: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which sure points belong to an area of one person that holds anchored points."""
    kept = np.zeros(sure.shape, bool)
    for who in people_in(np.where(sure, numbers, 0)):
        areas = cv2.connectedComponents((sure & (numbers == who)).view(np.uint8))[1]
        counts = np.bincount(areas[anchored & (areas > 0)], minlength=int(areas.max()) + 1)
        kept |= (counts >= LEAST / 2)[areas] & (areas > 0)
    return kept


def _flooded(body: NDArray[np.bool_], markers: Labels, snapshot: Snapshot) -> Labels:
    """Return the labels of markers, grown over the body until they meet at its seams."""
    lightness, *tints = cv2.split(cv2.cvtColor(snapshot.picture, cv2.COLOR_RGB2LAB))
    likely = np.rint(snapshot.person * 255).astype(np.uint8)
    picture = cv2.merge([lightness, cv2.max(tints[0], tints[1]), likely])
    around = int(markers.max()) + 1  # is a basin of its own
    flooded = cv2.watershed(picture, np.where(body, markers, around).astype(np.int32))
    inside = body & (flooded > 0) & (flooded < around)
    labels = np.where(inside, flooded, 0)
    labels = np.where(body & (markers > 0), markers, labels).astype(np.int32)
    return np.where(body, extended(labels), 0).astype(np.int32)


def parted(body: NDArray[np.bool_], seeds: Sequence[tuple[int, int]], snapshot: Snapshot) -> Labels:
    """Return which of some points, from 1 on, each point of a body belongs to.

    `seeds`: (column, row) of a point on each of the people who make the body up; whoever named them
    knows that they are several. Every point goes to the seed that the shortest way leads to, where
    changes of colour make a way longer; then colours are learnt from that, and the body is divided
    by them.
    """
    ways = np.stack([_ways(body, seed, snapshot) for seed in seeds])
    labels = np.where(body, np.argmin(ways, axis=0) + 1, 0).astype(np.int32)
    colours = colours_of(snapshot, labels)
    if len(colours) == len(seeds) and min(c.sum() for c in colours.values()) >= LEAST:
        labels = divided(body, labels, colours, snapshot)
    return labels


def _ways(body: NDArray[np.bool_], seed: tuple[int, int], snapshot: Snapshot) -> Floats:
    """Return how far each point of a body is from a seed, by the shortest way within it."""
    lab = np.asarray(cv2.cvtColor(snapshot.picture, cv2.COLOR_RGB2LAB), np.float32)
    far = np.full(body.shape, np.inf, np.float32)
    rows, columns = body.shape
    ahead = [(0.0, seed[1], seed[0])]
    far[seed[1], seed[0]] = 0
    while ahead:
        way, row, column = heapq.heappop(ahead)
        if way > far[row, column]:
            continue
        for y, x in ((row, column - 1), (row, column + 1), (row - 1, column), (row + 1, column)):
            if 0 <= y < rows and 0 <= x < columns and body[y, x]:
                change = float(np.abs(lab[y, x] - lab[row, column]).max())
                longer = way + 1 + _EDGE_COST * change
                if longer < far[y, x]:
                    far[y, x] = longer
                    heapq.heappush(ahead, (longer, y, x))
    return far
