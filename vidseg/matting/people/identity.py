"""Identity: which tracks are of the same person, by appearance, after a cut or an absence. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from vidseg.matting.people.colours import Counts, signature
from vidseg.matting.people.track import Track

_SURE, _PERHAPS = 0.85, 0.65
"""Likeness of colours from which two tracks are of one person, and from which they may be."""

_CLEARLY = 0.08
"""By how much the likest person is liker than any other who comes into question."""

_SOON_S, _SOON = 1.5, 0.1
"""Who was last seen less long before, in the same shot, is taken to be so much liker."""


@dataclass(slots=True, eq=False)
class Identity:
    """Somebody over the whole clip. `perhaps`: others whom it may be, as colours can't tell."""

    tracks: list[Track]
    perhaps: "list[Identity]" = field(default_factory=list)
    _signature: Counts | None = None

    @property
    def seconds(self) -> float:
        """How long it is seen, times its share of the picture."""
        return sum(track.seconds for track in self.tracks)

    @property
    def share(self) -> float:
        """What share of the picture it takes up, as a mean over the time when seen."""
        seen = sum(track.seen_s for track in self.tracks)
        return self.seconds / seen if seen else 0.0

    @property
    def looks(self) -> Counts:
        """The colours by which it is known again."""
        return np.asarray(sum(track.looks for track in self.tracks), np.float32)

    @property
    def signature(self) -> Counts:
        """Its colours, for likeness."""
        if self._signature is None:
            self._signature = signature(self.looks)
        return self._signature

    def join(self, track: Track) -> None:
        """Add a track that turned out to be of this one."""
        self.tracks.append(track)
        self._signature = None

    @property
    def mixed(self) -> bool:
        """Whether it is one of two people who could not be told apart, from some time on."""
        return bool(self.tracks[0].either)

    def meets(self, track: Track) -> bool:
        """Whether a track is of somebody else, seen at the same time."""
        return any(one.first <= track.last and track.first <= one.last for one in self.tracks)


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    track: Track
    identity: Identity
    likeness: float


def identified(tracks: Iterable[Track]) -> list[Identity]:
    """Return who is seen in all, by what each one looks like."""
    found: list[Identity] = []
    tracks = list(tracks)
    ordered = sorted(tracks, key=lambda track: (track.first, track.number))
    for _, begun in groupby(ordered, key=lambda track: track.first):
        several = list(begun)
        found += [Identity([track]) for track in several if track.either]
        new = _known_again([track for track in several if not track.either], found)
        for one in new:
            for other in one.perhaps:
                other.perhaps.append(one)
        found += new
    owners = {track.number: one for one in found for track in one.tracks}
    for one in found:
        one.perhaps += [owners[who] for who in one.tracks[0].either if who in owners]
    return found


def _known_again(begun: list[Track], found: Sequence[Identity]) -> list[Identity]:
    """Give tracks that begin at one time to those they are of; return those of new people."""
    known = [(track, signature(track.looks)) for track in begun if track.large]
    large = [one for one in found if one.tracks[0].large]
    pairs = [
        _Pair(track, identity, _likeness(track, own, identity))
        for track, own in known
        for identity in large
        if not identity.meets(track)
    ]
    pairs = sorted((p for p in pairs if p.likeness >= _PERHAPS), key=lambda p: -p.likeness)
    taken: set[int] = set()
    new: list[Identity] = []
    joined: set[int] = set()
    for pair in pairs:
        if pair.likeness < _SURE or id(pair.track) in joined or id(pair.identity) in taken:
            continue
        rivals = [
            other
            for other in pairs
            if (other.track is pair.track) != (other.identity is pair.identity)
            and id(other.identity) not in taken
            and id(other.track) not in joined
        ]
        if all(other.likeness < pair.likeness - _CLEARLY for other in rivals):
            pair.identity.join(pair.track)
            joined.add(id(pair.track))
            taken.add(id(pair.identity))
    for track in begun:
        if id(track) not in joined:
            free = [p for p in pairs if p.track is track and id(p.identity) not in taken]
            new.append(Identity([track], _perhaps(free)))
    return new


def _perhaps(pairs: Sequence[_Pair]) -> list[Identity]:
    """Return whom a track may be of."""
    best = max((pair.likeness for pair in pairs), default=0.0)
    near = max(_PERHAPS, best - _CLEARLY)
    return [pair.identity for pair in pairs if pair.likeness >= near]


def _likeness(track: Track, own: Counts, identity: Identity) -> float:
    before = max(identity.tracks, key=lambda one: one.last)
    soon = before.shot == track.shot and 0 <= float(track.first - before.last) < _SOON_S
    return float(own @ identity.signature) + soon * _SOON
