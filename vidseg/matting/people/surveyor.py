"""Surveyor: looks through a clip, and tells who is seen in it and who of them is kept.

Pictures are a quarter of a second apart, at times that the source's clock fixes.
"""

import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from vidseg.errors import SettingsError
from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Orientation
from vidseg.matting.people.bodies import Labels
from vidseg.matting.people.choice import Choice, Place
from vidseg.matting.people.identity import Identity, identified
from vidseg.matting.people.snapshot import Snapshot
from vidseg.matting.people.survey import Doubt, Look, Person, Survey
from vidseg.matting.people.tracks import APART, YOUNG_PIECE, Tracks
from vidseg.matting.tracking.shots import detect_cuts
from vidseg.matting.tracking.tracker import Tracker
from vidseg.networks.base import Segmenter
from vidseg.settings import ModelSettings

PER_SECOND = 4
"""Pictures that are looked at in a second; whole seconds begin with one."""

_MOST = 255
"""People of one picture who are told apart."""

_TOGETHER_S = Fraction(1, 2)
"""Seconds between two doubts of one kind that are told as one."""

_NEAR = 2
"""Points of a snapshot by which a place may miss whom it names."""


def surveyed(
    frames: Iterable[Frame],
    segmenter: Segmenter,
    model: ModelSettings,
    orientation: Orientation,
    choice: Choice,
) -> Survey:
    """Return who is seen in a clip, given all of its frames, and who of them is kept.

    People are looked at whole, whichever parts of theirs are wanted. Raises `SettingsError` where
    nobody is at a place that was named.
    """
    tracker = Tracker(segmenter, replace(model, parts=(), part_map=False), orientation)
    sampling = _Sampling([place.time for place in choice.places if place.time is not None])
    surveyor = Surveyor(choice)
    for frame, mask in tracker.follow(sampling.of(frames), most=1):
        begins_shot = sampling.cuts.popleft()
        surveyor.look(Snapshot.of(frame, mask, begins_shot=begins_shot))
    return surveyor.survey(sampling.end)


class _Sampling:
    """Chooses the frames to look at.

    These are the first of every quarter of a second, the first of every shot, and those that are
    shown at some `times`. `cuts`: whether each of those that were yielded begins a shot; `end`:
    when the last frame of all ends.
    """

    def __init__(self, times: Sequence[Fraction]) -> None:
        self._times = times
        self.cuts: deque[bool] = deque()
        self.end: Fraction | None = None

    def of(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the frames to look at, among all frames of a clip."""
        passed: Frame | None = None
        slot: int | None = None
        for cut, frame in detect_cuts(frames):
            if passed is not None and self._asked(passed.time, frame.time):
                yield self._taken(passed)
            now, passed = int(frame.time * PER_SECOND // 1), None
            if cut or now != slot:
                yield self._taken(frame, cut=cut)
            else:
                passed = frame
            slot, self.end = now, max(frame.end, frame.time)
        if passed is not None and self._asked(passed.time, None):
            yield self._taken(passed)

    def _asked(self, begin: Fraction, end: Fraction | None) -> bool:
        return any(begin <= time and (end is None or time < end) for time in self._times)

    def _taken(self, frame: Frame, *, cut: bool = False) -> Frame:
        self.cuts.append(cut)
        return frame


class Surveyor:
    """Takes snapshots in order, and tells who was seen in them."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._tracks = Tracks()
        self._looks: list[Look] = []
        self._ahead: Snapshot | None = None
        self._places: dict[Fraction, list[Place]] = {}
        self._at: dict[Place, int] = {}
        self._size = (1, 1)
        self._begun = False

    def look(self, snapshot: Snapshot) -> None:
        """Take the next snapshot."""
        self._follow(snapshot.time)
        self._ahead = snapshot

    def survey(self, end: Fraction | None = None) -> Survey:
        """Return who was seen, and who of them is kept; the last frame is shown until `end`.

        Raises `SettingsError` for places after that, and where nobody is.
        """
        for place in self._choice.places:
            if place.time is not None and end is not None and place.time >= end:
                raise SettingsError(f"{place.named}: that is after the end; name an earlier time")
        self._follow(None)
        for snapshot, labels in self._tracks.finish():
            self._add(snapshot, labels)
        people = sorted(self._identities(), key=lambda one: (one.mixed, -one.seconds))
        numbers = {track.number: i + 1 for i, one in enumerate(people) for track in one.tracks}
        kept, unsure = self._choice.chosen(people, self._named(people, numbers))
        found = [
            _person(i + 1, one, self._size, kept=kept[i], unsure=unsure[i])
            for i, one in enumerate(people)
        ]
        looks = [
            replace(look, people=tuple(numbers[self._tracks.who(who)] for who in look.people))
            for look in self._looks
        ]
        doubts = [*_strangers(found), *self._touching(found, numbers)]
        doubts.sort(key=lambda doubt: doubt.first)
        colours = {i + 1: one.looks for i, one in enumerate(people)}
        told = tuple(found), tuple(looks), tuple(doubts)
        return Survey(self._size, *told, self._choice.only, colours)

    def _follow(self, until: Fraction | None) -> None:
        """Follow people into the snapshot that is shown until some time, or the end.

        Raises `SettingsError` at once where nobody is at a place in it: the rest may take an hour.
        """
        snapshot = self._ahead
        if snapshot is None:
            return
        height, width = snapshot.person.shape
        self._size = width, height
        here = [place for place in self._choice.places if self._is_at(place, snapshot, until)]
        self._places[snapshot.time], self._begun = here, True
        seeds = []
        for place in here:
            if (point := _near(place, snapshot)) is None:
                raise _nobody(place)
            seeds.append(point)
        for earlier, labels in self._tracks.follow(snapshot, seeds):
            self._add(earlier, labels)

    def _is_at(self, place: Place, snapshot: Snapshot, until: Fraction | None) -> bool:
        first = not self._begun
        if place.time is None:
            return first
        begun = first or snapshot.time <= place.time
        return begun and (until is None or place.time < until)

    def _add(self, snapshot: Snapshot, labels: Labels) -> None:
        """Keep what a snapshot shows, now that it is final."""
        for place in self._places.pop(snapshot.time):
            if (point := _near(place, snapshot)) is not None:
                self._at[place] = int(labels[point[1], point[0]])
        people, local = np.unique(labels, return_inverse=True)
        numbers = tuple(int(who) for who in people if who)
        local = local.reshape(labels.shape) + (0 if (people == 0).any() else 1)
        packed = zlib.compress(np.where(local > _MOST, 0, local).astype(np.uint8).tobytes())
        look = Look(snapshot.time, snapshot.begins_shot, numbers[:_MOST], packed)
        self._looks.append(look)

    def _identities(self) -> list[Identity]:
        """Return who was seen, pieces of people left out."""
        tracks = self._tracks
        for track in tracks.tracks.values():
            if track.number in tracks.alias or not track.parent or track.named:
                continue
            parent = tracks.who(track.parent)
            share = track.largest / max(tracks.tracks[parent].largest, track.largest, 1e-9)
            limb = share < YOUNG_PIECE and tracks.is_limb(track, parent)
            if parent != track.number and (track.snapshots < APART or limb):
                tracks.alias[track.number] = parent
        people = identified(
            track for track in tracks.tracks.values() if track.number not in tracks.alias
        )
        whole = {track.number: track for one in people for track in one.tracks}
        for number in tracks.alias:
            piece, owner = tracks.tracks[number], whole[tracks.who(number)]
            owner.first, owner.last = min(owner.first, piece.first), max(owner.last, piece.last)
        return people

    def _named(
        self, people: Sequence[Identity], numbers: Mapping[int, int]
    ) -> dict[Place, Identity]:
        """Return who is at each place. Raises `SettingsError` where nobody is."""
        found = {}
        for place in self._choice.places:
            who = numbers.get(self._tracks.who(self._at.get(place, 0)))
            if who is None:
                raise _nobody(place)
            found[place] = people[who - 1]
        return found

    def _touching(self, people: Sequence[Person], numbers: Mapping[int, int]) -> list[Doubt]:
        """Return when somebody kept touches somebody dropped who looks the same."""
        ended: list[Doubt] = []
        going: dict[tuple[int, int], Doubt] = {}
        for touch in self._tracks.touches:
            one, other = sorted(numbers[self._tracks.who(who)] for who in (touch.one, touch.other))
            if people[one - 1].kept == people[other - 1].kept:
                continue
            what = f"persons {one} and {other} touch and look alike: their border is a guess"
            last = going.get((one, other))
            if last is not None and touch.time - last.last > _TOGETHER_S:
                ended.append(last)
                last = None
            begun = touch.time if last is None else last.first
            going[one, other] = Doubt(begun, touch.time, what)
        return [*ended, *going.values()]


def _nobody(place: Place) -> SettingsError:
    return SettingsError(f"{place.named}: nobody is there; `vidseg preview` shows whom it finds")


def _near(place: Place, snapshot: Snapshot) -> tuple[int, int] | None:
    """Return the (column, row) of a place, or of the point of somebody next to it, if any."""
    height, width = snapshot.person.shape
    column, row = place.on(width, height)
    likely = snapshot.person > np.float32(0.5)
    if likely[row, column]:
        return column, row
    top, left = max(0, row - _NEAR), max(0, column - _NEAR)
    rows, columns = np.nonzero(likely[top : row + _NEAR + 1, left : column + _NEAR + 1])
    if not len(rows):
        return None
    nearest = int(np.argmin((rows + top - row) ** 2 + (columns + left - column) ** 2))
    return int(columns[nearest]) + left, int(rows[nearest]) + top


def _person(
    number: int, one: Identity, size: tuple[int, int], *, kept: bool, unsure: str
) -> Person:
    first, last = min(t.first for t in one.tracks), max(t.last for t in one.tracks)
    best = max(one.tracks, key=lambda track: track.largest)
    column, row = best.place
    place = (column + 0.5) / size[0], (row + 0.5) / size[1]
    share = one.share
    return Person(number, kept, share, first, last, place, best.best, unsure, one.mixed)


def _strangers(people: Sequence[Person]) -> Iterator[Doubt]:
    for one in people:
        if one.unsure:
            yield Doubt(one.first, one.last, f"person {one.number} {one.unsure}")
