"""Who is kept in a render: the settings in a frame's own terms, and the first look at a clip."""

from collections.abc import Iterable
from contextlib import closing
from fractions import Fraction

from vidseg.errors import SettingsError
from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Orientation
from vidseg.matting.people.choice import Choice, Place
from vidseg.matting.people.survey import Survey
from vidseg.matting.people.surveyor import surveyed
from vidseg.media.damage import Damage
from vidseg.media.decode import Span
from vidseg.media.source import frames_of
from vidseg.media.video_info import VideoInfo
from vidseg.networks.base import Segmenter
from vidseg.people_words import Point
from vidseg.rendering.run import Say
from vidseg.settings import ModelSettings, PeopleSettings
from vidseg.system.threads import prefetch


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

    All of `span` is decoded for that, and looked at four times a second. `settle`: see
    `vidseg.media.decode.decode`. Raises `SettingsError` where nobody is at a point.
    """
    if people.everybody:
        return None
    choice = choice_of(people, info, span)
    say(f"{info.path}: looking who is there, before all else")
    with closing(
        prefetch(frames_of(info, span, Damage(), settle=settle), 1, name="decode")
    ) as all_:
        return surveyed(all_, segmenter, model, info.orientation, choice)


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
        if place.time is not None and not span.holds(place.time):
            raise SettingsError(
                f"{_option(place.kept)} {place.text}: that time is not between --start and --end"
            )
    return choice


def _choice(
    people: PeopleSettings, size: tuple[int, int], orientation: Orientation, offset: Fraction
) -> Choice:
    places = [
        _place(point, size, orientation, offset, kept=kept)
        for kept, points in ((True, people.kept.points), (False, people.dropped))
        for point in points
    ]
    return Choice(people.kept.largest, tuple(places))


def _place(
    point: Point, size: tuple[int, int], orientation: Orientation, offset: Fraction, *, kept: bool
) -> Place:
    """Return where a point of the shown picture, of `size`, is in the coded one."""
    width, height = size
    if point.x >= width or point.y >= height:
        raise SettingsError(
            f"{_option(kept)} {point.text}: the picture is {width}x{height}, counted from 0,0"
        )
    across, down = orientation.coded_place(point.x / width, point.y / height)
    time = None if point.time is None else point.time + offset
    return Place(across, down, time, kept, point.text)


def _option(kept: bool) -> str:
    return "--keep" if kept else "--drop"
