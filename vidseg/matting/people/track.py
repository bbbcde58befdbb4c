"""Track: somebody who is followed without a gap, and what is known of that one. Pure values."""

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vidseg.matting.people.bodies import middle_of
from vidseg.matting.people.colours import BINS, Counts

LEAST_SEEN = 0.002
"""Share of the picture of somebody too small to be known again by colours."""

NOTHING: Counts = np.zeros(BINS, np.float32)
"""Colours of somebody who can't be known again."""


@dataclass(slots=True, eq=False)
class Track:
    """Somebody, followed without a gap.

    `number` from 1 on; `shot`: the number of the shot; `first` and `last`: times of snapshots;
    `parent`: whose body it came off, 0 for none; `opens`: it was there when the shot began;
    `snapshots`: how many show it, `apart` of them alone in its body; `seen_s`: for how long it was
    seen; `seconds`: the same, each times its share of the picture; `largest`: the most of these
    shares, at `best`, with `place`, (column, row) of a point on it then; `colours`: counted while
    it was alone, `mixed` at all times; `away`: points between it and whom it came off, at most;
    `named`: its place was named, so that it is no piece; `either`: tracks one of which it goes on
    with, as colours could not tell them apart where one hid the other.
    """

    number: int
    shot: int
    first: Fraction
    last: Fraction
    parent: int = 0
    opens: bool = False
    snapshots: int = 0
    apart: int = 0
    seen_s: float = 0.0
    seconds: float = 0.0
    largest: float = 0.0
    place: tuple[int, int] = (0, 0)
    best: Fraction = Fraction(0)
    colours: Counts = field(default_factory=lambda: np.zeros(BINS, np.float32))
    mixed: Counts = field(default_factory=lambda: np.zeros(BINS, np.float32))
    away: float = 0.0
    named: bool = False
    either: tuple[int, ...] = ()

    @property
    def large(self) -> bool:
        """Whether it was ever large enough to be known again by colours."""
        return self.largest >= LEAST_SEEN

    @property
    def looks(self) -> Counts:
        """The colours by which it is known again."""
        return self.colours if self.colours.any() else self.mixed

    def close(self) -> None:
        """Let go of the memory of what is not needed any more: thousands are seen in a crowd."""
        if self.colours is not self.mixed:
            self.colours = self.mixed = self.looks if self.large else NOTHING

    def show(self, where: NDArray[np.bool_], share: float, time: Fraction) -> None:
        """Note where it is, [h, w], if that is the most of it so far."""
        if share > self.largest:
            self.largest, self.best, self.place = share, time, middle_of(where)

    def see(self, share: float, lasts: float) -> None:
        """Note that it takes up a share of the picture for some seconds."""
        self.seen_s += lasts
        self.seconds += share * lasts


@dataclass(frozen=True, slots=True)
class Touch:
    """When two tracks touch."""

    time: Fraction
    one: int
    other: int


@dataclass(slots=True, eq=False)
class Hiding:
    """Two people who look alike and touch: their points before, and the least share seen.

    `since`: when they began to touch, in seconds.
    """

    before: int
    since: Fraction
    least: float = 1.0
