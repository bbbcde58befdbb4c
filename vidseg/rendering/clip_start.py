"""The start of a clip, for a render: its first frame, the range that is kept, its length."""

import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction

from vidseg.errors import InputError
from vidseg.frames.frame import Frame
from vidseg.media.damage import Damage
from vidseg.media.decode import Span
from vidseg.media.file_length import is_indexed
from vidseg.media.mux import KeptRange, StreamOutcomes
from vidseg.media.source import frames_of
from vidseg.media.video_info import VideoInfo
from vidseg.settings import RenderSettings
from vidseg.system.threads import prefetch

_LEAST_MISSING_S = Fraction(1, 4)
"""How much earlier than its container claims a source may end before it counts as truncated."""


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """What the start of a clip settles for all of it: its first frame, and the range that is kept.

    `info`: what is known of the source, with the size, shape and colour that all frames are brought
    to.
    """

    first: Frame
    cut: KeptRange
    info: VideoInfo


def find_opening(settings: RenderSettings, info: VideoInfo) -> Opening:
    """Return what the beginning of the clip settles; decodes its first frame."""
    span = player_span(info, settings.start, settings.end)
    with closing(
        prefetch(frames_of(info, span, Damage(), settle=True), 1, name="decode")
    ) as frames:
        return opened(settings, info, span, frames)[0]


def opened(
    settings: RenderSettings, info: VideoInfo, span: Span, frames: Iterator[Frame]
) -> tuple[Opening, Iterator[Frame]]:
    """Return the opening, and all frames, the first again among them; they settle their shape."""
    first = next(frames, None)
    if first is None:
        raise InputError(f"{info.path}: there are no frames {_between(settings)}")
    return Opening(first, _cut(info, span, first), _settled(info, first)), itertools.chain(
        [first], frames
    )


def _settled(info: VideoInfo, first: Frame) -> VideoInfo:
    """Return what is known of a source whose frames are to be as the first of what is rendered."""
    if first.shape is None:
        return info
    shape = first.shape
    return replace(
        info,
        width=shape.width,
        height=shape.height,
        sample_aspect_ratio=shape.sample_aspect_ratio,
        frame_colour=first.colour,
    )


def player_span(info: VideoInfo, start: Fraction | None, end: Fraction | None) -> Span:
    """Return `start` and `end` of the player's clock, which begins with the first stream."""
    offset = info.container_start
    begin, finish = start + offset if start else None, end + offset if end is not None else None
    return Span(begin, finish, on_screen=True, sharp=True)


def expected_frames(info: VideoInfo, span: Span) -> int | None:
    """Return how many frames a progress bar should expect, `None` where nothing tells."""
    if span.start is None and span.end is None and info.frame_count:
        return info.frame_count
    if info.duration is None or info.average_rate is None:
        return None
    begin = info.start if span.start is None else max(span.start, info.start)
    finish = info.start + info.duration
    end = finish if span.end is None else min(span.end, finish)
    return max(0, round((end - begin) * info.average_rate)) or None


def missing_s(info: VideoInfo, span: Span, damage: Damage, others: StreamOutcomes) -> Fraction:
    """Return how many seconds the source ends before the end that its container claims, in `span`.

    Where it claims one for the file as a whole, all streams have to be read to tell. An index tells
    better than the length of an MP4's track, which may or may not count what an edit list puts
    before it. Where the clock may jump, the container claims nothing, and FFmpeg takes the
    difference of first and last times for the length.
    """
    indexed = info.frame_count and is_indexed(info.container)
    if indexed or info.free_clock or info.duration is None or damage.video_end is None:
        return Fraction(0)
    ends = damage.video_end
    if info.duration_of_file:
        read = {index for index, fate in others.by_index.items() if fate != "dropped"}
        if any(s.kind in ("audio", "subtitle") and s.index not in read for s in info.streams):
            return Fraction(0)
        ends = max(ends, others.copied_end)
    claimed = info.start + info.duration
    short = (claimed if span.end is None else min(claimed, span.end)) - ends
    return short if short > _LEAST_MISSING_S else Fraction(0)


def _between(settings: RenderSettings) -> str:
    start = f"after {float(settings.start):g} s" if settings.start else "in it"
    return (
        start
        if settings.end is None
        else f"between {float(settings.start or 0):g} s and {float(settings.end):g} s"
    )


def _cut(info: VideoInfo, span: Span, first: Frame) -> KeptRange:
    """Return the cut whose clock begins at the start asked for, on a tick of the video's time base.

    Where a frame begins within one frame of that instant, the clock begins with the frame, so that
    the output's picture starts at once; else it begins with the frame that is on screen then (see
    `Span`). Without a start asked for, it begins as a player's does, or with a picture before that,
    which nothing hides but an edit list.
    """
    if span.start is None:
        begin = info.origin if info.edited else min(info.origin, first.time)
        return KeptRange(None, span.end, round(begin / first.time_base) * first.time_base)
    ticks = -(-span.start // first.time_base)
    origin = first.pts if first.pts - ticks <= first.duration else ticks
    return KeptRange(origin * first.time_base, span.end, origin * first.time_base)
