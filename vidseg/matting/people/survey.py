"""Survey of people: who is seen where over a clip, and who of them is kept. Pure values.

Who is kept must not depend on where a render begins, lest one that is resumed, or divided among
machines, keep another. So it is settled before, by a first look through the clip, at some pictures
(see `vidseg.matting.people.surveyor`). What is between two of them follows from the first.
"""

import base64
import bisect
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from vidseg.matting.people.bodies import Labels
from vidseg.matting.people.colours import BINS, Counts


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is seen in a clip.

    `number`: from 1 on, by how much is seen; `share`: of the picture, in [0, 1], as a mean over the
    time when seen; `first` and `last` in seconds of the source's clock; `place`: of a point on that
    person in the coded picture, both in [0, 1), at `time`; `unsure`: why it is not sure that
    `kept` is right, "" where it is; `mixed`: it is one of two others, from `first` on.
    """

    number: int
    kept: bool
    share: float
    first: Fraction
    last: Fraction
    place: tuple[float, float]
    time: Fraction
    unsure: str = ""
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """Between which times, in seconds of the source's clock, something could not be told apart."""

    first: Fraction
    last: Fraction
    what: str


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A picture that was looked at: who is in it, and where, as compressed numbers.

    `begins_shot`: it is the first of a shot.
    """

    time: Fraction
    begins_shot: bool
    people: tuple[int, ...]
    packed: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """Who is seen in a clip, and who of them is kept.

    `size`: (width, height) of what `labels` returns; `only`: whether a person whom the looks missed
    is left out; `colours`: everybody's, by number.
    """

    size: tuple[int, int]
    people: tuple[Person, ...]
    looks: tuple[Look, ...]
    doubts: tuple[Doubt, ...] = ()
    only: bool = True
    colours: Mapping[int, Counts] = field(default_factory=dict)

    @property
    def kept(self) -> frozenset[int]:
        """The numbers of those who are kept."""
        return frozenset(one.number for one in self.people if one.kept)

    def at(self, time: Fraction) -> int:
        """Return the place of the last look at or before a time; of the first one before it."""
        return max(0, bisect.bisect_right(self.looks, time, key=lambda look: look.time) - 1)

    def later(self, place: int) -> int | None:
        """Return the place of the next look in the same shot, `None` where there is none."""
        following = place + 1
        there = following < len(self.looks) and not self.looks[following].begins_shot
        return following if there else None

    def labels(self, place: int) -> Labels:
        """Return the number of who is at each point in a look."""
        look, (width, height) = self.looks[place], self.size
        local = np.frombuffer(zlib.decompress(look.packed), np.uint8).reshape(height, width)
        numbers: Labels = np.asarray((0, *look.people), np.int32)
        return np.asarray(numbers[local], np.int32)

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON takes it; `from_json` reads it."""
        looks = [
            [
                str(look.time),
                look.begins_shot,
                list(look.people),
                base64.b64encode(look.packed).decode(),
            ]
            for look in self.looks
        ]
        people = [_as_text(asdict(one), ("first", "last", "time")) for one in self.people]
        doubts = [_as_text(asdict(one), ("first", "last")) for one in self.doubts]
        return {
            "size": list(self.size),
            "people": people,
            "looks": looks,
            "doubts": doubts,
            "only": self.only,
            "colours": {who: _sparse(counts) for who, counts in self.colours.items()},
        }

    @classmethod
    def from_json(cls, read: Mapping[str, Any]) -> "Survey":
        """Return what `as_json` gave."""
        width, height = read["size"]
        people = [
            Person(**{**_exact(one, ("first", "last", "time")), "place": tuple(one["place"])})
            for one in read["people"]
        ]
        looks = [
            Look(Fraction(time), begins_shot, tuple(numbers), base64.b64decode(packed))
            for time, begins_shot, numbers, packed in read["looks"]
        ]
        doubts = [Doubt(**_exact(one, ("first", "last"))) for one in read["doubts"]]
        colours = {int(who): _dense(counts) for who, counts in read["colours"].items()}
        told = tuple(people), tuple(looks), tuple(doubts)
        return cls((width, height), *told, read["only"], colours)


def _sparse(counts: Counts) -> list[list[float]]:
    """Return the bins of colours that are there, and their counts."""
    there = np.flatnonzero(counts)
    return [there.tolist(), counts[there].tolist()]


def _dense(read: Sequence[Sequence[float]]) -> Counts:
    counts = np.zeros(BINS, np.float32)
    counts[np.asarray(read[0], np.intp)] = read[1]
    return counts


def _as_text(values: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return values with exact times as text, which JSON takes."""
    return {k: str(v) if k in names else v for k, v in values.items()}


def _exact(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {k: Fraction(v) if k in names else v for k, v in values.items()}
