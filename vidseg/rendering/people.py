"""Who is kept in a render: the settings in a frame's own terms, and the first look at a clip."""

import math
from collections.abc import Iterable, Iterator
from contextlib import closing
from fractions import Fraction

from vidseg.errors import SettingsError
from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Orientation
from vidseg.matting.people.choice import Choice, Place
from vidseg.matting.people.survey import Person, Survey
from vidseg.matting.people.surveyor import PER_SECOND, surveyed
from vidseg.media.damage import Damage
from vidseg.media.decode import Span
from vidseg.media.source import frames_of, is_photo
from vidseg.media.video_info import VideoInfo
from vidseg.networks.base import Segmenter
from vidseg.people_words import Point, dropped_by, kept_by
from vidseg.rendering.run import Say
from vidseg.reports.clock import clock
from vidseg.settings import ModelSettings, PeopleSettings
from vidseg.system.threads import prefetch

_MOST_LISTED = 20
"""People of whom a line is told: in an audience, those of whom most is seen."""

_TOLD_S = 300
"""Seconds of a clip after each of which it is told how far one has looked."""

_LEAST_LISTED = 0.05
"""Share of what is seen of the first person, below which nobody is told of who is left out."""


def survey_of(
    info: VideoInfo,
    span: Span,
    model: ModelSettings,
    people: PeopleSettings,
    segmenter: Segmenter,
    *,
    settle: bool = False,
    say: Say = lambda _: None,
) -> Survey | None:
    """Return who is seen in a clip, and who of them is kept; `None` where everybody is.

    `settle`: see `vidseg.media.decode.decode`. Raises `SettingsError` where nobody is at a point.
    """
    if people.everybody:
        return None
    choice = choice_of(people, info, span)
    say(f"{info.path}: looking who is there, before all else")
    survey = looked_through(info, span, model, choice, segmenter, settle=settle, say=say)
    kept = sum(person.kept for person in survey.people)
    say(f"{info.path}: keeping {kept} of {len(survey.people)} people")
    return survey


def looked_through(
    info: VideoInfo,
    span: Span,
    model: ModelSettings,
    choice: Choice,
    segmenter: Segmenter,
    *,
    settle: bool = False,
    say: Say = lambda _: None,
) -> Survey:
    """Return who is seen in a clip, all of which is decoded, and looked at four times a second."""
    decoded = _told(info, frames_of(info, span, Damage(), settle=settle), say)
    with closing(prefetch(decoded, 1, name="decode")) as frames:
        return surveyed(frames, segmenter, model, info.orientation, choice)


def _told(info: VideoInfo, frames: Iterator[Frame], say: Say) -> Iterator[Frame]:
    """Yield frames, and tell now and then how far one has looked."""
    told = Fraction(0)
    for frame in frames:
        time = frame.time - info.container_start
        if time >= told + _TOLD_S:
            told = Fraction(time // _TOLD_S * _TOLD_S)
            say(f"{info.path}: looked through {clock(told)}")
        yield frame


def survey_of_picture(
    frames: Iterable[Frame],
    size: tuple[int, int],
    model: ModelSettings,
    people: PeopleSettings,
    segmenter: Segmenter,
) -> Survey | None:
    """Return the same for a picture of `size`, which is not turned, as a frame."""
    if people.everybody:
        return None
    choice = _choice(people, size, Orientation(), Fraction(0))
    return surveyed(frames, segmenter, model, Orientation(), choice)


def choice_of(people: PeopleSettings, info: VideoInfo, span: Span) -> Choice:
    """Return whom settings keep, in the terms of a clip's frames.

    Raises `SettingsError` for points outside of its picture, or of what is rendered.
    """
    choice = _choice(people, info.shown_size, info.orientation, info.container_start)
    for place in choice.places:
        if place.time is not None and is_photo(info):
            raise SettingsError(f"{place.named}: a photo has no time; leave out what is behind @")
        if place.time is not None and not span.holds(place.time):
            raise SettingsError(f"{place.named}: that time is not between --start and --end")
    return choice


def _choice(
    people: PeopleSettings, size: tuple[int, int], orientation: Orientation, offset: Fraction
) -> Choice:
    keep = kept_by(people.keep)
    places = [
        _place(point, size, orientation, offset, kept=kept)
        for kept, points in ((True, keep.points), (False, dropped_by(people.drop)))
        for point in points
    ]
    return Choice(keep.largest, tuple(places))


def _place(
    point: Point, size: tuple[int, int], orientation: Orientation, offset: Fraction, *, kept: bool
) -> Place:
    """Return where a point of the shown picture, of `size`, is in the coded one."""
    width, height = size
    across, down = orientation.coded_place(point.x / width, point.y / height)
    time = None if point.time is None else point.time + offset
    place = Place(across, down, time, kept, point.text)
    if point.x >= width or point.y >= height:
        raise SettingsError(f"{place.named}: the picture is {width}x{height}, counted from 0,0")
    return place


def lines_of(survey: Survey, info: VideoInfo) -> list[str]:
    """Return a line for each person of a clip: the point to type, how large, and when seen."""
    least = _LEAST_LISTED * max(map(_seconds, survey.people), default=0)
    several = [one for one in survey.people if one.kept or _seconds(one) >= least][:_MOST_LISTED]
    lines = [_line(person, info) for person in several]
    if left := len(survey.people) - len(several):
        lines.append(f"and {left} more, of whom less is seen")
    return lines


def account_of(survey: Survey, info: VideoInfo) -> dict[str, object]:
    """Return who was seen and kept, and what was not sure, for a report; see docs/report.md."""
    return {
        "seen": [_person(person, info) for person in survey.people],
        "unsure": [
            {**_between(doubt.first, doubt.last, info), "what": doubt.what}
            for doubt in survey.doubts
        ],
    }


def _person(person: Person, info: VideoInfo) -> dict[str, object]:
    return {
        "number": person.number,
        "kept": person.kept,
        "share_percent": round(100 * person.share, 3),
        **_between(person.first, person.last, info),
        "point": point_on(person, info),
        "unsure": person.unsure,
    }


def _between(first: Fraction, last: Fraction, info: VideoInfo) -> dict[str, float]:
    offset = info.container_start
    return {"from_s": round(float(first - offset), 3), "to_s": round(float(last - offset), 3)}


def note_on(survey: Survey, info: VideoInfo) -> str | None:
    """Return a sentence on what could not be told apart, `None` where all was clear."""
    if survey.people and not survey.kept:
        return "nobody who was seen is kept: all is background"
    if not survey.doubts:
        return None
    first = survey.doubts[0]
    more = len(survey.doubts) - 1
    others = f", and {more} more (--report tells all)" if more else ""
    at = clock(first.first - info.container_start)
    return f"who is kept is not sure from {at} on: {first.what}{others}"


def _seconds(person: Person) -> float:
    """Return about how long somebody is seen, times the share of the picture."""
    return person.share * max(float(person.last - person.first), 1 / PER_SECOND)


def _line(person: Person, info: VideoInfo) -> str:
    kept = "" if person.kept else ", left out"
    unsure = f" ({person.unsure})" if person.unsure else ""
    words = [
        f"person {person.number}: {point_on(person, info)}",
        f"{person.share:.1%} of the picture",
    ]
    if not is_photo(info):
        first, last = (clock(time - info.container_start) for time in (person.first, person.last))
        words.append(f"seen from {first} to {last}")
    return ", ".join(words) + kept + unsure


def point_on(person: Person, info: VideoInfo) -> str:
    """Return ``X,Y@TIME`` of a point on somebody, as ``--keep`` takes it; of a photo ``X,Y``."""
    places = info.orientation.shown_place(*person.place)
    x, y = (int(place * side) for place, side in zip(places, info.shown_size, strict=True))
    if is_photo(info):
        return f"{x},{y}"
    milliseconds = math.ceil((person.time - info.container_start) * 1000)
    return f"{x},{y}@{max(milliseconds, 0) / 1000:.3f}"
