"""Tracks of people over the snapshots of a clip: who is where, and who was it before. Pure.

A body that touches another is divided; a part that comes off a body and stays apart is somebody of
its own, and what of the body was that person's before is found going back in time. A small piece
that soon joins a body was a hand or a foot of it.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vidseg.matting.people.assignment import claims
from vidseg.matting.people.bodies import LEAST, Labels, bodies_of, gap, people_in
from vidseg.matting.people.colours import Counts, bins_of, counted, likeness, mixed
from vidseg.matting.people.division import colours_of, divided, parted
from vidseg.matting.people.motion import Motion
from vidseg.matting.people.snapshot import Snapshot
from vidseg.matting.people.track import Hiding, Touch, Track

_PIECE, YOUNG_PIECE = 0.08, 0.3
"""Share of a body below which what joins it is a piece of it: always, and while it is young."""

_BESIDE = 12
"""Points by which an arm may seem to be off its body: a twentieth of the picture."""

_YOUNG = 4
"""Snapshots that somebody has to be seen apart in, to be somebody where bodies touch."""

APART = 3
"""Snapshots that a part has to stay off its body to be somebody."""

_REMEMBERED = 120
"""Snapshots that people are followed back over: half a minute, in 45 MB."""

_USUAL_S, _LONGEST_S = 0.25, 1
"""Seconds that a shot's first snapshot counts for, and that any does at most."""

_HIDDEN = 0.8
"""Share of two people that is still seen, below which one of them has hidden much of the other."""

_ALIKE = 0.9
"""Likeness of colours from which those of two people don't tell them apart."""


@dataclass(slots=True, eq=False)
class _Kept:
    """A snapshot and its labels, as long as they may change."""

    snapshot: Snapshot
    labels: Labels


class Tracks:
    """Follows people from snapshot to snapshot.

    `tracks`: everybody so far, by number; `alias`: those that turned out to be pieces of others,
    and of whom; `touches`: when people touched whose colours don't tell them apart.
    """

    def __init__(self) -> None:
        self.tracks: dict[int, Track] = {}
        self.alias: dict[int, int] = {}
        self.touches: list[Touch] = []
        self._motion = Motion()
        self._kept: deque[_Kept] = deque()
        self._shot = 0
        self._hiding: dict[tuple[int, int], Hiding] = {}

    def follow(
        self, snapshot: Snapshot, seeds: Sequence[tuple[int, int]] = ()
    ) -> Iterator[tuple[Snapshot, Labels]]:
        """Take the next snapshot; yield those, with their labels, that are final by now.

        `seeds`: (column, row) of points that were named in it: those on one body name several
        people, who make it up.
        """
        before = self._kept[-1] if self._kept and not snapshot.begins_shot else None
        if before is None:
            yield from self.finish()
            self._shot += 1
            self._hiding.clear()
            labels = self._opened(snapshot)
        else:
            labels = self._assigned(snapshot, before)
        self._kept.append(_Kept(snapshot, labels))
        self._part(seeds)
        for number in self._note(snapshot, labels):
            self._go_back(number)
        if len(self._kept) > _REMEMBERED:
            yield self._let_go()

    def finish(self) -> Iterator[tuple[Snapshot, Labels]]:
        """Yield what is left of the shot."""
        while self._kept:
            yield self._let_go()
        for track in self.tracks.values():
            track.close()

    def who(self, number: int) -> int:
        """Return the track that another one turned out to be a piece of; itself if of none."""
        while number in self.alias:
            number = self.alias[number]
        return number

    def _let_go(self) -> tuple[Snapshot, Labels]:
        """Return the earliest snapshot kept; who was seen last in it needs little from now on."""
        kept = self._kept.popleft()
        for number in people_in(kept.labels):
            if self.tracks[number].last <= kept.snapshot.time:
                self.tracks[number].close()
        return kept.snapshot, kept.labels

    def _opened(self, snapshot: Snapshot) -> Labels:
        labels = np.zeros(snapshot.person.shape, np.int32)
        for body in bodies_of(snapshot.person):
            labels[body] = self._begin(snapshot, opens=True).number
        return labels

    def _begin(self, snapshot: Snapshot, parent: int = 0, *, opens: bool = False) -> Track:
        number = len(self.tracks) + 1
        track = Track(number, self._shot, snapshot.time, snapshot.time, parent, opens)
        self.tracks[number] = track
        return track

    def _assigned(self, snapshot: Snapshot, before: _Kept) -> Labels:
        """Return who is in a snapshot, given the one before it."""
        known = self._resolved(before.labels)
        expected = self._motion.carried_far(known, before.snapshot, snapshot)
        bodies = bodies_of(snapshot.person)
        found = claims(bodies, expected)
        owners = self._owners(found, bodies, snapshot)
        labels = np.zeros(snapshot.person.shape, np.int32)
        for index, (body, shown) in enumerate(zip(bodies, found, strict=True)):
            own = {who: count for who, count in shown.items() if owners[who] == index}
            if not own:
                parent = max(shown, key=lambda who: shown[who], default=0)
                labels[body] = self._begin(snapshot, parent).number
                continue
            people = self._joined(own)
            if len(people) == 1:
                labels[body] = people[0]
                continue
            expected = self._resolved(expected)
            labels[body] = self._divided(body, people, expected, before, snapshot)[body]
        self._tell_parted(snapshot, labels)
        return labels

    def _tell_parted(self, snapshot: Snapshot, labels: Labels) -> None:
        """Begin new tracks for people who look alike, where one had hidden the other.

        `labels` is changed: nobody can say which of the two is which any more.
        """
        counts = np.bincount(labels.ravel())
        together = [set(people_in(labels[body])) for body in bodies_of(snapshot.person)]
        for pair, hiding in list(self._hiding.items()):
            seen = [int(counts[who]) if who < len(counts) else 0 for who in pair]
            hiding.least = min(hiding.least, sum(seen) / max(hiding.before, 1))
            if all(seen) and any(set(pair) <= body for body in together):
                continue
            del self._hiding[pair]
            if hiding.least < _HIDDEN:
                for who in pair:
                    self._begin_again(who, pair, hiding.since, snapshot, labels)

    def _begin_again(
        self,
        who: int,
        pair: tuple[int, int],
        since: Fraction,
        snapshot: Snapshot,
        labels: Labels,
    ) -> None:
        """Begin a new track for somebody who is one of a pair, from some time on.

        `labels`, those of the newest `snapshot`, are changed like those before.
        """
        again = [kept for kept in self._kept if kept.snapshot.time >= since]
        if not any((each == who).any() for each in (labels, *(kept.labels for kept in again))):
            return
        track, old = self._begin(snapshot), self.tracks[who]
        track.either, before = pair, since
        for kept in self._kept:
            where = kept.labels == who
            if kept.snapshot.time >= since and where.any():
                share = np.count_nonzero(where) / where.size
                lasts = _lasts(before, kept.snapshot.time)
                old.see(share, -lasts)
                track.see(share, lasts)
                track.first = min(track.first, kept.snapshot.time)
                track.show(where, share, kept.snapshot.time)
                kept.labels[where] = track.number
            elif where.any():
                old.last = kept.snapshot.time
            before = kept.snapshot.time
        labels[labels == who] = track.number

    def _owners(
        self,
        found: Sequence[dict[int, int]],
        bodies: Sequence[NDArray[np.bool_]],
        snapshot: Snapshot,
    ) -> dict[int, int]:
        """Return for everybody the place of the body that shows the most of that person.

        Of several, colours have a say: somebody hidden may come out of the body of another.
        """
        places: dict[int, list[int]] = {}
        for index, shown in enumerate(found):
            for who in shown:
                places.setdefault(who, []).append(index)
        bins = bins_of(snapshot.picture)

        def weight(who: int, index: int) -> float:
            alike = likeness(counted(bins, bodies[index]), self.tracks[who].looks)
            return found[index][who] * alike

        return {
            who: at[0] if len(at) == 1 else max(at, key=lambda index: weight(who, index))
            for who, at in places.items()
        }

    def _resolved(self, labels: Labels) -> Labels:
        """Return labels in which pieces have the number of whom they are of."""
        if not self.alias:
            return labels
        names = np.arange(int(labels.max()) + 1, dtype=np.int32)
        for who in people_in(labels):
            names[who] = self.who(who)
        return names[labels]

    def _joined(self, own: dict[int, int]) -> list[int]:
        """Return who of those that make up a body is somebody; the rest are pieces of the largest.

        Pieces are noted in `alias`.
        """
        order = sorted(own, key=lambda who: (-self._size(who), who))
        largest = order[0]
        people = [largest]
        for who in order[1:]:
            track, share = self.tracks[who], self._size(who) / max(self._size(largest), 1e-9)
            young = track.apart < _YOUNG and not track.opens
            limb = self.is_limb(track, largest)
            if not track.named and share < (YOUNG_PIECE if young or limb else _PIECE):
                self.alias[who] = largest
            else:
                people.append(who)
        return people

    def is_limb(self, track: Track, of: int) -> bool:
        """Whether a track came off another, and never went away from it."""
        return bool(track.parent) and self.who(track.parent) == of and track.away < _BESIDE

    def _size(self, who: int) -> float:
        return self.tracks[who].largest

    def _divided(
        self,
        body: NDArray[np.bool_],
        people: list[int],
        expected: Labels,
        before: _Kept,
        snapshot: Snapshot,
    ) -> Labels:
        """Return who is where in a body that several make up, and note that they touch."""
        seen = colours_of(before.snapshot, self._resolved(before.labels))
        colours = {who: mixed(seen.get(who), self.tracks[who].colours) for who in people}
        for i, one in enumerate(people):
            for other in people[i + 1 :]:
                alike = likeness(colours[one], colours[other])
                if alike < _ALIKE:
                    continue
                self.touches.append(Touch(snapshot.time, one, other))
                if not (self.tracks[one].named and self.tracks[other].named):
                    count = np.count_nonzero(np.isin(before.labels, (one, other)))
                    self._hiding.setdefault((one, other), Hiding(count, snapshot.time))
        labels = divided(body, expected, colours, snapshot)
        sizes = {who: np.count_nonzero(labels == who) for who in people}
        gone = [who for who in people if sizes[who] < LEAST]
        left = {who: colours[who] for who in people if who not in gone}
        if not gone or not left:
            return labels
        return (
            divided(body, expected, left, snapshot)
            if len(left) > 1
            else body * np.int32(next(iter(left)))
        )

    def _note(self, snapshot: Snapshot, labels: Labels) -> list[int]:
        """Add what a snapshot shows of everybody to their tracks.

        Returns who has, by this snapshot, been off the body that one came off for long enough.
        """
        settled = []
        bins = bins_of(snapshot.picture)
        bodies = bodies_of(snapshot.person)
        alone = {int(labels[body].max()) for body in bodies if _uniform(labels[body])}
        together = {
            who for body in bodies if not _uniform(labels[body]) for who in people_in(labels[body])
        }
        lasts = _lasts(self._kept[-2].snapshot.time if len(self._kept) > 1 else None, snapshot.time)
        for number in people_in(labels):
            track, where = self.tracks[number], labels == number
            share = np.count_nonzero(where) / where.size
            track.last, track.snapshots = snapshot.time, track.snapshots + 1
            track.see(share, lasts)
            counts = counted(bins, where)
            track.mixed += counts
            if number in alone and number not in together:
                track.apart += 1
                track.colours += counts
                if track.parent:
                    others = labels == self.who(track.parent)
                    track.away = max(track.away, gap(where, others))
                    if track.apart == APART and not track.named:
                        settled.append(number)
            track.show(where, share, snapshot.time)
        return settled

    def _part(self, seeds: Sequence[tuple[int, int]]) -> None:
        """Divide the newest bodies on which several points were named."""
        kept = self._kept[-1]
        by_track: dict[int, list[tuple[int, int]]] = {}
        for column, row in seeds:
            if number := int(kept.labels[row, column]):
                by_track.setdefault(number, []).append((column, row))
        for number, points in by_track.items():
            self.tracks[number].named = True
            if len(points) < 2:
                continue
            body = kept.labels == number
            parts = parted(body, points, kept.snapshot)
            for index in range(2, len(points) + 1):
                if np.count_nonzero(parts == index):
                    track = self._begin(kept.snapshot, number)
                    track.named = True
                    kept.labels[parts == index] = track.number
                    self._go_back(track.number, len(self._kept) - 1)

    def _go_back(self, number: int, since: int | None = None) -> None:
        """Find somebody in the snapshots before the one that the track begins with.

        `since`: that one's place among those kept, where it isn't to be looked for.
        """
        parent, kept = self.tracks[number].parent, list(self._kept)
        place = since
        if place is None:
            place = next(i for i, each in enumerate(kept) if (each.labels == number).any())
        colours = self._apart(kept[place:], (parent, number))
        if len(colours) < 2:
            return
        for later, earlier in zip(kept[place:0:-1], kept[place - 1 :: -1], strict=False):
            back = self._motion.carried_far(later.labels, later.snapshot, earlier.snapshot)
            body = earlier.labels == parent
            expected = np.where(body & ((back == number) | (back == parent)), back, 0)
            if np.count_nonzero(expected == number) < LEAST:
                return
            labels = divided(body, expected.astype(np.int32), colours, earlier.snapshot)
            where = labels == number
            if np.count_nonzero(where) < LEAST or not (body & ~where).any():
                return
            earlier.labels[where] = number
            self._noted_earlier(number, earlier, where)

    def _noted_earlier(self, number: int, kept: _Kept, where: NDArray[np.bool_]) -> None:
        track = self.tracks[number]
        share = np.count_nonzero(where) / where.size
        track.see(share, _lasts(kept.snapshot.time, track.first))
        track.first, track.snapshots = kept.snapshot.time, track.snapshots + 1

    def _apart(self, kept: Sequence[_Kept], people: tuple[int, int]) -> dict[int, Counts]:
        """Return the colours of people as the last snapshots show them."""
        colours: dict[int, Counts] = {}
        for each in kept:
            seen = colours_of(each.snapshot, each.labels)
            for who in people:
                if who in seen:
                    colours[who] = colours.get(who, 0) + seen[who]
        return colours


def _lasts(since: Fraction | None, until: Fraction) -> float:
    """Return for how many seconds a snapshot counts, given its time and that of the one before."""
    return _USUAL_S if since is None else min(float(until - since), _LONGEST_S)


def _uniform(labels: NDArray[np.int32]) -> bool:
    return bool((labels == labels[0]).all())
