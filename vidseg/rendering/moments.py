"""Moments of a clip: when they are, who is seen there, and how that looks on a new background.

Only a short window of the source around each moment is decoded and segmented.
"""

import itertools
import operator
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from time import perf_counter
from typing import Protocol, TypeVar

import numpy as np

from vidseg.compositing.background import Canvas, Still
from vidseg.compositing.painters import ScenePainter, open_scene
from vidseg.errors import InputError, SettingsError
from vidseg.frames.frame import Frame, as_plane
from vidseg.matting.mask_source import Layer, source_of_masks
from vidseg.matting.people.survey import Survey
from vidseg.media.damage import Damage
from vidseg.media.decode import Span
from vidseg.media.source import frames_of, is_photo
from vidseg.media.video_info import VideoInfo
from vidseg.networks.base import Segmenter
from vidseg.reports.contact_sheet import SheetRow
from vidseg.reports.thumbnails import checkerboard
from vidseg.settings import PreviewSettings

_LEAD_S = Fraction(1, 4)
"""How long before a moment, beyond what smoothing needs, the person is followed."""

_REACHES_S = (Fraction(10), None)
"""How far back the frame is looked for that a moment shows, where none begins shortly before it."""

_MOST_FRAMES = 240
"""Bound of what is held around a moment; reached only with windows of seconds."""

_SQUARE = 10
"""Side of the checkerboard's squares, in pixels of the sheet."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """What a contact sheet shows: its columns' headings, its rows, and what found the people.

    `damage`: what of the background could not be read.
    """

    columns: Sequence[str]
    rows: Sequence[SheetRow]
    by: str
    damage: Damage


class _Timed(Protocol):
    @property
    def time(self) -> Fraction:
        """When it is shown, in seconds of the player's clock."""


T = TypeVar("T", bound=_Timed)


def at_moments(
    settings: PreviewSettings, info: VideoInfo, make: Callable[[Fraction], T]
) -> list[T]:
    """Return what `make` makes of the moments that `settings` ask for, each once, in order.

    It is given seconds of the player's clock, and tells when what it found there is shown. Where
    the clip turns out to end before its header says, moments are spread over what is there.
    """
    made = [make(time) for time in _times(settings, info)]
    if not settings.at and len(made) > 1 and made[-1].time == made[-2].time:
        end = made[-1].time + (1 / info.average_rate if info.average_rate else 0)
        made = [
            make(time) for time in _spread(info.start - info.container_start, end, settings.rows)
        ]
    return list({each.time: each for each in made}.values())


def _times(settings: PreviewSettings, info: VideoInfo) -> list[Fraction]:
    """Return the moments to show, in seconds of the player's clock, in order."""
    if settings.at:
        return sorted(settings.at)
    if is_photo(info):
        return [Fraction(0)]
    end = (
        _decoded_end(info)
        if info.duration is None
        else info.start + info.duration - info.container_start
    )
    return _spread(info.start - info.container_start, end, settings.rows)


def _spread(start: Fraction, end: Fraction, count: int) -> list[Fraction]:
    """Return the middles of `count` equal parts of a span."""
    return [start + (end - start) * Fraction(2 * i + 1, 2 * count) for i in range(count)]


def _decoded_end(info: VideoInfo) -> Fraction:
    """Return the end of a source whose container doesn't tell it, found by decoding all of it."""
    damage = Damage()
    for _ in frames_of(info, Span(), damage):
        pass
    if damage.video_end is None:
        raise InputError(f"{info.path}: none of its video could be decoded")
    return damage.video_end - info.container_start


def layer_at(
    settings: PreviewSettings,
    info: VideoInfo,
    segmenter: Segmenter,
    time: Fraction,
    survey: Survey | None = None,
) -> tuple[Layer, float]:
    """Return what is shown at `time` of the player's clock, its mask smoothed by its neighbours.

    `survey`: who is kept, `None`: all. With it comes how many seconds a frame took to find people
    in, and to refine their edge.
    """
    time += info.container_start
    half = Fraction(settings.matte.smooth) / 2
    frames = _around(info, time, half)
    if not frames or frames[0].time > time:
        frames = _around(info, _shown_at(info, time), half)
    number = max((i for i, frame in enumerate(frames) if frame.time <= time), default=0)
    given = (settings.model, settings.matte, info.orientation)
    people = source_of_masks(segmenter, *given, survey)
    since = perf_counter()
    left = iter(frames)
    frame, mask = next(itertools.islice(people.follow(left), number, None))
    followed = perf_counter()
    layer = Layer(frame, mask, people.refine(frame, mask))
    refining_s = perf_counter() - followed
    end = frame.time + frame.duration * frame.time_base
    if end <= time and settings.at:
        shown, asked = (float(each - info.container_start) for each in (end, time))
        raise SettingsError(
            f"--at {asked:g}: {info.path} ends at {shown:.3f} s; name an earlier time"
        )
    count = len(frames) - operator.length_hint(left)
    return layer, (followed - since) / count + refining_s


def _around(info: VideoInfo, time: Fraction, half: Fraction) -> list[Frame]:
    """Return the frames that tracking and smoothing need around `time`, by `half` a window."""
    span = Span(time - half - _LEAD_S, time + half + info.time_base)
    return list(itertools.islice(frames_of(info, span, Damage()), _MOST_FRAMES))


def _shown_at(info: VideoInfo, time: Fraction) -> Fraction:
    """Return when the frame begins that is shown at `time`: the last by then, or the first."""
    for reach in _REACHES_S:
        start = None if reach is None else time - reach
        shown = None
        for frame in frames_of(info, Span(start, time + info.time_base), Damage()):
            shown = frame.time
        if shown is not None:
            return shown
    first = next(frames_of(info, Span(), Damage()), None)
    if first is None:
        raise InputError(f"{info.path}: none of its video could be decoded")
    return first.time


def over_background(
    settings: PreviewSettings,
    info: VideoInfo,
    layer: Layer,
    size: tuple[int, int],
    damage: Damage,
) -> Frame:
    """Return a frame over its background, or a checkerboard that suits pictures of `size`.

    `damage` is told what of the background can't be read.
    """
    frame = layer.frame
    canvas = Canvas(info, frame.format, frame.colour, settings.fit, info.start, damage.behind)
    planes = tuple(as_plane(np.empty_like(plane)) for plane in frame.planes)
    painter = _painter(settings, canvas, size)
    with closing(painter):
        painter.brush(frame)(layer, planes)
    return Frame(planes, frame.pts, frame.time_base, frame.duration, frame.format, frame.colour)


def _painter(settings: PreviewSettings, canvas: Canvas, size: tuple[int, int]) -> ScenePainter:
    """Return what paints people over their background, or over a checkerboard for none."""
    if settings.behind.kind != "transparent":
        return open_scene(settings, canvas)
    width, height = canvas.info.shown_size
    side = max(1, round(_SQUARE * width / size[0]))
    return open_scene(settings, canvas, Still.fitted(checkerboard(width, height, side), canvas))
