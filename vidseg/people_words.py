"""Words that say whom to keep: ``all``, ``main``, a number of people, or a point and a time."""

import re
from dataclasses import dataclass
from fractions import Fraction

from vidseg.errors import SettingsError

_MOST = 99

_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)")
_NUMBER = r"\d+(?:\.\d*)?|\.\d+"
_POINT = re.compile(rf"({_NUMBER})\s*,\s*({_NUMBER})\s*(?:@\s*(\S+))?")


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the picture as it is shown, in pixels, where somebody is.

    `time`: when, in seconds of the player's clock; `None`: at the beginning. `text`: as given.
    """

    x: float
    y: float
    time: Fraction | None
    text: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Whom ``--keep`` keeps: the `largest` so many, and who is at `points`; else all."""

    largest: int = 0
    points: tuple[Point, ...] = ()


def seconds_of(text: str) -> Fraction | None:
    """Return exact seconds of a time, seconds or [HH:]MM:SS with decimals; `None` if it is none."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(seconds.rstrip(".") or 0)


def kept_by(words: tuple[str, ...]) -> Keep:
    """Return whom the words of ``--keep`` keep; raise `SettingsError` where they say nobody."""
    largest, points = 0, []
    if "all" in words and len(words) > 1:
        raise SettingsError("--keep all keeps everybody; leave the other --keep out")
    for word in words:
        if word == "main":
            largest = max(largest, 1)
        elif word.isdecimal():
            largest = max(largest, _count(word))
        elif word != "all":
            points.append(_point("--keep", word))
    return Keep(largest, tuple(points))


def dropped_by(words: tuple[str, ...]) -> tuple[Point, ...]:
    """Return where those are whom the words of ``--drop`` mean; `SettingsError` for no points."""
    return tuple(_point("--drop", word) for word in words)


def _count(word: str) -> int:
    if not 1 <= int(word) <= _MOST:
        raise SettingsError(f"--keep must be of 1 to {_MOST} people, got {word}")
    return int(word)


def _point(option: str, word: str) -> Point:
    match = _POINT.fullmatch(word.strip())
    if match is None:
        known = "all, main, a number of people, or " if option == "--keep" else ""
        raise SettingsError(
            f"{option} {word!r}: write {known}a point in pixels and a time, such as 640,360@2.5; "
            f"for several, {option} several times"
        )
    x, y, when = match.groups()
    time = None if when is None else seconds_of(when)
    if when is not None and time is None:
        raise SettingsError(
            f"{option} {word!r}: {when!r} is no time; write seconds (12.5) or [HH:]MM:SS"
        )
    return Point(float(x), float(y), time, word.strip())
