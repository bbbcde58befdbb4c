"""Editing timelines (OpenTimelineIO): tracks of the background, the people with alpha, the sound.

Times are exact: whole frames where the clip has a steady rate, fractions of a second elsewhere.
"""

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import vidseg
from vidseg.compositing.background import named_colour
from vidseg.errors import BackgroundError, OutputError
from vidseg.media.damage import Damage
from vidseg.media.decode import Span, decode
from vidseg.media.ffmpeg import check_target
from vidseg.media.image_sequence import is_numbered, is_sequence, name_of, numbers
from vidseg.media.images import read_picture
from vidseg.media.probe import probe_video
from vidseg.media.source import is_photo
from vidseg.media.video_info import VideoInfo
from vidseg.settings import BackgroundSpec, RenderSettings
from vidseg.system.files import write_text
from vidseg.system.text import printable

_FCPXML_RATES = (24, 25, 30, 50, 60)
"""Frame rates that the adapter for Final Cut Pro writes and reads without loss."""

_NTSC = Fraction(1000, 1001)

_MOST_REPEATS = 10_000
"""Most items of a track: with a clock that jumps by years, a background would fill them all."""


@dataclass(frozen=True, slots=True)
class PictureRange:
    """The picture's start and end, and the earliest kept time; seconds of the source's clock."""

    first: Fraction
    end: Fraction
    earliest: Fraction | None


@dataclass(frozen=True, slots=True)
class Item:
    """Part of a track: `duration` seconds of a media file from `start` on; a gap without `media`.

    `media` is a file, the name of numbered pictures, or a colour; `length` is how long it is,
    `None` for what lasts as long as one likes.
    """

    duration: Fraction
    media: Path | str | None = None
    start: Fraction = Fraction(0)
    length: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """A track: its name, what it carries, and its items, one after the other."""

    name: str
    sound: bool
    items: Sequence[Item]


def check(settings: RenderSettings, info: VideoInfo) -> None:
    """Raise a `VidsegError` where a timeline that `settings` ask for can't be written."""
    path = settings.timeline
    if path is None:
        return
    if is_photo(info):
        raise OutputError(
            f"{path}: a timeline is for clips, {info.path} is a photo; leave out --otio"
        )
    behind = settings.behind
    if behind.kind != "transparent":
        background = behind.path
        if is_sequence(background):
            raise OutputError(
                f"{path}: a timeline can't name numbered pictures as a background; "
                "make a video of them"
            )
        coloured = not background.exists() and named_colour(behind.text) is not None
        if not coloured and read_picture(background, BackgroundError) is None:
            probe_video(background, BackgroundError)
    check_target(path, overwrite=settings.overwrite)
    _otio(path)
    if path.suffix.lower() == ".fcpxml":
        _check_fcpxml(path, settings, info)


def _check_fcpxml(path: Path, settings: RenderSettings, info: VideoInfo) -> None:
    rate = _steady_rate(info)
    if rate not in _FCPXML_RATES:
        known = ", ".join(map(str, _FCPXML_RATES))
        shown = "a varying rate" if rate is None else f"{float(rate):.6g}"
        raise OutputError(
            f"{path}: FCPXML is written for {known} frames/s, this is {shown}; use .otio"
        )
    if is_numbered(settings.output):
        raise OutputError(
            f"{path}: FCPXML can't name numbered pictures; write a video, or use .otio"
        )
    if settings.behind.kind != "transparent" and not settings.behind.path.exists():
        raise OutputError(
            f"{path}: FCPXML can't hold -b {settings.behind.text}; give a picture, or use .otio"
        )


def write(settings: RenderSettings, info: VideoInfo, shown: PictureRange, frames: int) -> None:
    """Write the timeline of a finished render of `frames` frames.

    Raises `OutputError` where that fails; the render stays.
    """
    path = settings.timeline
    assert path is not None, "asked for only where there is one"
    otio = _otio(path)
    rate = _steady_rate(info)
    if rate is not None and round((shown.end - shown.first) * rate) != frames:
        rate = None
    frame_based = path.suffix.lower() == ".fcpxml"
    if frame_based and rate is None:
        raise OutputError(
            f"{path}: the frame rate varies, which FCPXML can't tell; the render is done, use .otio"
        )
    tracks = list(tracks_of(settings, info, shown, rate if frame_based else None))
    made = _timeline(otio, settings, tracks, rate, info)
    try:
        adapter = otio.adapters.from_filepath(f"timeline{path.suffix.lower()}").name
        text = otio.adapters.write_to_string(made, adapter)  # to a file, it takes no name but UTF-8
        if frame_based:
            _verify(otio, text, adapter, made)
        write_text(path, text)
    except OutputError as error:
        raise OutputError(f"{path}: {error}; the render is done, use .otio") from error
    except Exception as error:  # adapters raise whatever they like
        raise OutputError(
            f"{path}: the timeline can't be written: {error}; the render is done"
        ) from error


def tracks_of(
    settings: RenderSettings, info: VideoInfo, shown: PictureRange, frame_rate: Fraction | None
) -> Iterator[Track]:
    """Yield the tracks, lowest first. With a `frame_rate`, sound begins and ends with a frame."""
    sounds = [] if settings.encode.audio == "none" else _sounds(info)
    starts = [
        start if shown.earliest is None else max(start, shown.earliest) for start, _ in sounds
    ]
    begin = shown.first - _whole(shown.first - min([shown.first, *starts]), frame_rate)
    late = [Item(shown.first - begin)] if shown.first > begin else []
    length = shown.end - shown.first
    background = [Item(length)]
    if settings.behind.kind != "transparent":
        background = list(_background_items(settings.behind, length))
    yield Track("Background", False, [*late, *background])
    # A video's own clock, as players count it, begins with its earliest stream, which may be the
    # sound.
    ahead = Fraction(0) if is_numbered(settings.output) else shown.first - begin
    yield Track("People", False, [*late, Item(length, settings.output, ahead, ahead + length)])
    known = [end for _, end in sounds if end is not None]
    until = max(known) if known else shown.end
    if settings.end is not None:
        until = min(until, settings.end + info.container_start)
    duration = until - begin
    if frame_rate is not None:
        duration = int(duration * frame_rate) / frame_rate
    if sounds and duration > 0:
        zero = min([info.start, *(start for start, _ in sounds)])
        whole = _whole(max(known) - zero, frame_rate) if known else None
        start = _whole(max(begin - zero, Fraction(0)), frame_rate)
        yield Track("Sound", True, [Item(duration, settings.source, start, whole)])


def _whole(seconds: Fraction, frame_rate: Fraction | None) -> Fraction:
    """Return the nearest whole frame, where there is a rate."""
    return seconds if frame_rate is None else round(seconds * frame_rate) / frame_rate


def _sounds(info: VideoInfo) -> list[tuple[Fraction, Fraction | None]]:
    """Return start and end of the source's audio streams, on its clock."""
    found: list[tuple[Fraction, Fraction | None]] = []
    for stream in info.streams:
        if stream.kind == "audio":
            start = info.container_start if stream.start is None else stream.start
            found.append((start, None if stream.duration is None else start + stream.duration))
    return found


def _background_items(background: BackgroundSpec, length: Fraction) -> Iterator[Item]:
    """Yield the items that fill `length` seconds with the background: a video is repeated."""
    path = background.path
    if not path.exists():
        yield Item(length, background.text)
        return
    if read_picture(path, BackgroundError) is not None:
        yield Item(length, path)
        return
    own = _length(path, length)
    if length > _MOST_REPEATS * own:
        raise OutputError(
            f"{path} would be repeated more than {_MOST_REPEATS} times; give a longer background"
        )
    while length > 0:
        yield Item(min(own, length), path, Fraction(0), own)
        length -= own


def _length(path: Path, wanted: Fraction) -> Fraction:
    """Return how long a background video lasts; exact where it is shorter than `wanted`."""
    info = probe_video(path, BackgroundError)
    if info.duration is not None and info.duration > wanted:
        return info.duration
    damage = Damage()
    first = None
    for frame in decode(info, Span(), damage):
        first = frame.time if first is None else first
    if first is None or damage.video_end is None or damage.video_end <= first:
        raise BackgroundError(f"{path}: none of its video could be decoded")
    return damage.video_end - first


def _steady_rate(info: VideoInfo) -> Fraction | None:
    """Return the source's frame rate if editors know it: a whole number, or NTSC's of it."""
    rate = info.average_rate
    if rate is None:
        return None
    for candidate in (Fraction(round(rate)), round(rate / _NTSC) * _NTSC):
        if candidate and abs(rate / candidate - 1) < Fraction(1, 20_000):
            return candidate
    return None


def _timeline(
    otio: Any,
    settings: RenderSettings,
    tracks: Sequence[Track],
    rate: Fraction | None,
    info: VideoInfo,
) -> Any:
    clock = _Clock(otio, rate, info.time_base)
    made = otio.schema.Timeline(
        printable(settings.output.stem), global_start_time=clock.time(Fraction(0))
    )
    made.metadata["vidseg"] = {
        "source": printable(settings.source.resolve()),
        "version": vidseg.__version__,
    }
    for track in tracks:
        kind = otio.schema.TrackKind.Audio if track.sound else otio.schema.TrackKind.Video
        written = otio.schema.Track(track.name, kind=kind)
        written.extend([_item(otio, clock, item) for item in track.items])
        made.tracks.append(written)
    return made


def _item(otio: Any, clock: "_Clock", item: Item) -> Any:
    source = clock.range(item.start, item.duration)
    if item.media is None:
        return otio.schema.Gap(source_range=source)
    available = source if item.length is None else clock.range(Fraction(0), item.length)
    if isinstance(item.media, str):
        parameters = {"color": item.media}
        reference = otio.schema.GeneratorReference(item.media, "SolidColor", available, parameters)
        return otio.schema.Clip(item.media, reference, source)
    path = item.media.resolve()
    if is_numbered(path):
        reference = _sequence(otio, path, clock, available)
    else:
        reference = otio.schema.ExternalReference(path.as_uri(), available)
        reference.name = printable(path.name)
    return otio.schema.Clip(printable(path.stem), reference, source)


def _sequence(otio: Any, path: Path, clock: "_Clock", available: Any) -> Any:
    """Return a reference to numbered pictures, whose range counts from their first number."""
    first = numbers(path)[0]
    shown = name_of(path, first).name
    place = path.name.index("%")
    after = path.name[path.name.index("d", place) + 1 :]
    digits = shown[place : len(shown) - len(after)]
    return otio.schema.ImageSequenceReference(
        target_url_base=path.parent.as_uri() + "/",
        name_prefix=printable(path.name[:place]),
        name_suffix=printable(after),
        start_frame=first,
        frame_step=1,
        rate=available.duration.rate,
        frame_zero_padding=len(digits) if digits.startswith("0") else 0,
        available_range=available,
    )


class _Clock:
    """Converts seconds to OpenTimelineIO's times: a number of units, and units per second."""

    def __init__(self, otio: Any, rate: Fraction | None, tick: Fraction) -> None:
        self._otio, self._rate, self._tick = otio, rate, tick

    def time(self, seconds: Fraction) -> Any:
        """Return frames if `seconds` is so to a tick of the source's clock, else a fraction."""
        if self._rate is not None:
            frames = round(seconds * self._rate)
            if abs(frames / self._rate - seconds) <= self._tick:
                return self._otio.opentime.RationalTime(frames, float(self._rate))
        if seconds.denominator == 1:  # a rate of 1 is none that editors know
            return self._otio.opentime.RationalTime(int(seconds * 1000), 1000)
        return self._otio.opentime.RationalTime(seconds.numerator, seconds.denominator)

    def range(self, start: Fraction, duration: Fraction) -> Any:
        """Return a range of time."""
        return self._otio.opentime.TimeRange(self.time(start), self.time(duration))


def _otio(path: Path) -> Any:
    """Return OpenTimelineIO. Raises `OutputError` if it, or what `path` needs, isn't installed."""
    try:
        otio = importlib.import_module("opentimelineio")
    except ImportError as error:
        raise OutputError(
            f"{path}: OpenTimelineIO is not installed: pip install 'vidseg[otio]'"
        ) from error
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in otio.adapters.suffixes_with_defined_adapters(write=True):
        raise OutputError(
            f"{path}: no adapter of OpenTimelineIO writes .{suffix}: pip install 'vidseg[otio]'"
        )
    return otio


def _verify(otio: Any, text: str, adapter: str, made: Any) -> None:
    """Raise `OutputError` where what was written doesn't read back as it was meant."""
    found = otio.adapters.read_from_string(text, adapter)
    timelines = [found] if isinstance(found, otio.schema.Timeline) else list(found.find_children(
        descended_from_type=otio.schema.Timeline
    ))  # fmt: skip
    meant = sorted(_places(otio, made))
    if not timelines or sorted(_places(otio, timelines[0])) != meant:
        raise OutputError("the adapter for FCPXML doesn't read back what it wrote")


def _places(otio: Any, timeline: Any) -> Iterator[tuple[str, str, float, float, float]]:
    """Yield each clip: its track's kind, its media, its place in both media and timeline, in ms."""
    for clip in timeline.find_clips():
        within = clip.transformed_time_range(clip.trimmed_range(), timeline.tracks)
        times = (clip.trimmed_range().start_time, within.start_time, within.duration)
        start, begin, duration = (round(time.to_seconds() * 1000, 1) for time in times)
        yield clip.parent().kind, clip.media_reference.target_url, start, begin, duration
