"""A path and a span → frames, each with its exact time; damage is tolerated, counted and never hidden."""

import heapq
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.codec.hwaccel import hwdevices_available
from av.container import InputContainer
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from vidseg._av import (
    Packet,
    clock_jumps,
    colour_of,
    demuxed,
    limit_pixels,
    open_source,
    planes_of,
    reason,
    recoloured,
    to_working,
    working_format,
)
from vidseg.errors import InputError, SettingsError
from vidseg.frames import Colour, Frame, PixelFormat, VideoInfo
from vidseg.joints import Joints
from vidseg.late import count_unlisted
from vidseg.settings import MOST_PIXELS
from vidseg.side_data import Decoder, Dress, alpha_decoder, captions_of

_MOST_ERRORS_IN_A_ROW = 1000
_MOST_PACKETS_HELD = 5000
_MOST_UNTIMED = 64
"""How many pictures at the beginning may wait for the first that has a time; each is as large as a frame."""
_SEEK_MARGIN_S = 1
_DECODING_TIME_ONLY = ("avi", "mpegvideo", "h264", "hevc", "m4v")
"""Containers that store no presentation times."""


@dataclass(slots=True)
class Damage:
    """What of a source could not be read, counted while decoding.

    `packets` that would not decode, `corrupt_frames` that the decoder itself called damaged,
    `made_up_times` of frames whose container should have told their time but didn't, or told one that lies
    before the last frame's, `late_streams` that began after the file was opened and so are in no list, and
    `video_end`, the end of the last frame in seconds of the source's clock.
    """

    packets: int = 0
    corrupt_frames: int = 0
    made_up_times: int = 0
    late_streams: int = 0
    video_end: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch [start, end) of the source's clock, in seconds; `None`: no bound."""

    start: Fraction | None = None
    end: Fraction | None = None

    def holds(self, time: Fraction) -> bool:
        """Whether `time` lies in the span."""
        return (self.start is None or time >= self.start) and (self.end is None or time < self.end)


def hardware_trouble(path: Path, hwaccel: str) -> str | None:
    """Return why the hardware decoder `hwaccel` can't decode `path`, `None` where it can; decodes a picture.

    Raises `SettingsError` for a name that this FFmpeg doesn't know.
    """
    known = hwdevices_available()
    if hwaccel not in known:
        raise SettingsError(f"--hwaccel {hwaccel}: this FFmpeg knows {', '.join(known) or 'none'}")
    try:
        with open_source(path, hwaccel=hwaccel) as container:
            next(container.decode(container.streams.best("video")))
    except (
        av.FFmpegError,
        InputError,
        RuntimeError,
        NotImplementedError,
        ValueError,
        StopIteration,
    ) as error:
        return reason(error)
    return None


def decode(
    info: VideoInfo, span: Span, damage: Damage, hwaccel: str | None = None, dress: Dress | None = None
) -> Iterator[Frame]:
    """Yield the frames of `info.path` whose presentation time lies in `span`, in order.

    Frames are in the working format nearest to the source's (see `vidseg._av.working_format`), in coded
    orientation, with strictly increasing `pts` in `info.time_base`. Interlaced material is deinterlaced by
    bwdif, one frame for one frame. `hwaccel` decodes in hardware (see `hardware_trouble`). `dress` gets each
    picture, with its alpha if any, and returns what is shown of it. Adds to `damage`. Raises `InputError`
    where the file can't be opened, its picture size changes on the way, or nothing in it decodes any more.
    """
    path = Path(info.path)
    with open_source(path, hwaccel=hwaccel, rate=info.average_rate) as container:
        stream = container.streams[info.video_index]
        assert isinstance(stream, VideoStream)  # probe chose it
        stream.thread_type = "AUTO"
        limit_pixels(stream, max(MOST_PIXELS, info.width * info.height))
        seek_to = _seek(container, stream, span)
        packets = _packets(container, stream, path, damage)
        if clock_jumps(container) and span.start is not None:
            packets = _from_near(packets, span.start - _SEEK_MARGIN_S)
        decoder = stream if dress is None or not info.alpha else alpha_decoder(stream, info.codec)
        alike = _alike(_pictures(packets, decoder, info, damage), stream, info, span)
        pictures = _timed(alike, info, damage)
        if info.interlaced:
            pictures = _deinterlaced(pictures, stream, info)
        if dress is not None:
            pictures = map(dress, pictures)
        for frame in _frames(pictures, info):
            if seek_to is not None and span.start is not None and frame.time > span.start:
                break  # the seek went past the start: the index lies, so read from the beginning instead
            seek_to = None
            if span.end is not None and frame.time >= span.end:
                damage.late_streams = count_unlisted(container)
                return
            if span.holds(frame.time):
                damage.video_end = frame.end
                yield frame
        else:
            damage.late_streams = count_unlisted(container)
            return
    again = decode(info, Span(None, span.end), damage, hwaccel, dress)
    yield from (frame for frame in again if span.holds(frame.time))


def _seek(container: InputContainer, stream: VideoStream, span: Span) -> Fraction | None:
    """Go to a key frame well before the span; return the time asked for, `None` without a seek."""
    if span.start is None or stream.time_base is None or container.format.name in _DECODING_TIME_ONLY:
        return None
    if clock_jumps(container):  # what lies between would be unknown
        return None
    target = span.start - _SEEK_MARGIN_S
    if target <= (stream.start_time or 0) * stream.time_base:
        return None
    try:
        container.seek(int(target / stream.time_base), stream=stream, backward=True)
    except av.FFmpegError:
        return None
    return target


def _packets(container: InputContainer, stream: VideoStream, path: Path, damage: Damage) -> Iterator[Packet]:
    """Yield the stream's packets, going on after damaged ones; the last one is empty and flushes.

    Where the container's clock may jump, their times are those of one clock that runs on.
    """
    errors = 0
    joints = Joints() if clock_jumps(container) else None
    while errors < _MOST_ERRORS_IN_A_ROW:
        try:
            for packet in demuxed(container, *([stream] if joints is None else [])):
                errors = 0
                if joints is not None:
                    joints.move(packet)
                if packet.stream_index == stream.index:
                    yield packet
            return
        except av.EOFError:
            return
        except av.FFmpegError as error:
            damage.packets += 1
            errors += 1
            last = error
    raise InputError(f"{path}: reading it fails again and again ({reason(last)})")


def _from_near(packets: Iterator[Packet], time: Fraction) -> Iterator[Packet]:
    """Yield packets from the last key frame before `time` on, as a seek would, but without one."""
    held: list[Packet] = []
    for packet in packets:
        if packet.is_keyframe:
            held.clear()
        held.append(packet)
        ticks = packet.dts if packet.dts is not None else packet.pts
        late = ticks is not None and ticks * packet.time_base >= time
        if late or packet.size == 0 or len(held) > _MOST_PACKETS_HELD:
            break
    yield from held
    yield from packets


def _pictures(
    packets: Iterable[Packet], stream: Decoder, info: VideoInfo, damage: Damage
) -> Iterator[VideoFrame]:
    """Yield decoded pictures.

    Where the container stores decoding times only, each gets the earliest that is left: pictures leave the
    decoder in the order in which they are shown, one for a packet.
    """
    flushed = False
    by_decoding_time = info.container in _DECODING_TIME_ONLY
    waiting: list[int] = []
    for packet in packets:
        flushed = packet.size == 0
        if by_decoding_time and packet.size and packet.dts is not None:
            heapq.heappush(waiting, packet.dts)
        try:
            for picture in stream.decode(packet):
                if by_decoding_time:
                    picture.dts = heapq.heappop(waiting) if waiting else None
                yield picture
        except av.EOFError:
            return
        except av.FFmpegError:
            damage.packets += 1
            if waiting and packet.dts in waiting:
                waiting.remove(packet.dts)
                heapq.heapify(waiting)
    if not flushed:
        try:
            yield from stream.decode(None)
        except av.FFmpegError:
            return


def _alike(
    pictures: Iterable[VideoFrame], stream: VideoStream, info: VideoInfo, span: Span
) -> Iterator[VideoFrame]:
    """Yield pictures of one size and one shape of pixels.

    Raises `InputError` where these change, unless that is behind the span.
    """
    shape: Fraction | None = None
    for picture in pictures:
        same_size = (picture.width, picture.height) == (info.width, info.height)
        now = stream.codec_context.sample_aspect_ratio or shape
        if same_size and shape in (None, now):
            shape = now
            yield picture
            continue
        if span.end is not None and picture.pts is not None and picture.pts * info.time_base >= span.end:
            return
        if same_size:
            change = f"the shape of its pixels changes from {shape} to {now}"
        else:
            sizes = (f"{each.width}x{each.height}" for each in (info, picture))
            change = f"the picture size changes from {' to '.join(sizes)}"
        raise InputError(
            f"{info.path}: {change} {_when(picture, info)}; end there with --end, and make a file of its own "
            "of the rest"
        )


def _when(picture: VideoFrame, info: VideoInfo) -> str:
    """Say when a picture is shown on the player's clock, which `--end` is told on."""
    if picture.time is None:
        return "on the way"
    return f"at {float(picture.time) - float(info.container_start):.3f} s"


class _Clock:
    """Gives every picture a time, strictly increasing, in the stream's time base.

    Trusts presentation times while they rise. Containers that only know decoding times (AVI, raw streams)
    give them out of order or not at all: there decoding times are used, moved so that the first picture is
    at the stream's start. What has neither follows its predecessor at the average rate. Of pictures with
    one and the same time, the later are shown a tick later.
    """

    def __init__(self, info: VideoInfo) -> None:
        self.by_decoding_time = info.container in _DECODING_TIME_ONLY
        rate = info.average_rate or Fraction(25)
        self.step = max(1, round(1 / rate / info.time_base))
        self.start = round(info.start / info.time_base)
        self.last: int | None = None
        self.shift: int | None = None
        self.made_up = 0

    def time(self, picture: VideoFrame) -> int:
        """Return the picture's presentation time in time-base units."""
        raw = self.told(picture)
        if self.by_decoding_time and raw is not None:
            if self.shift is None:
                self.shift = self.start - raw
            raw += self.shift
        if raw is None:
            self.made_up += not self.by_decoding_time
            raw = self.start if self.last is None else self.last + (picture.duration or self.step)
        if self.last is not None and raw <= self.last:
            self.made_up += raw < self.last
            raw = self.last + 1
        self.last = raw
        return raw

    def told(self, picture: VideoFrame) -> int | None:
        """Return the time that the container tells, `None` where it doesn't."""
        return picture.dts if self.by_decoding_time else picture.pts


def _timed(pictures: Iterable[VideoFrame], info: VideoInfo, damage: Damage) -> Iterator[VideoFrame]:
    clock = _Clock(info)
    rest = iter(pictures)
    for picture in itertools.chain(_beginning(rest, clock), rest):
        damage.corrupt_frames += picture.is_corrupt
        picture.pts = clock.time(picture)
        picture.time_base = info.time_base
        damage.made_up_times = clock.made_up
        yield picture


def _beginning(pictures: Iterator[VideoFrame], clock: _Clock) -> Iterator[VideoFrame]:
    """Yield the first pictures; those without a time are counted back from the first that has one."""
    early: list[VideoFrame] = []
    for picture in pictures:
        early.append(picture)
        if clock.by_decoding_time or picture.pts is not None or len(early) == _MOST_UNTIMED:
            break
    first = early[-1].pts if early else None
    if first is not None:
        for place, picture in enumerate(early[:-1]):
            picture.pts = first - (len(early) - 1 - place) * clock.step
            clock.made_up += 1
    yield from early


def _deinterlaced(
    pictures: Iterable[VideoFrame], stream: VideoStream, info: VideoInfo
) -> Iterator[VideoFrame]:
    """Yield as many pictures at the same times, with the interlaced ones made progressive by bwdif."""
    graph = Graph()
    source = graph.add_buffer(template=stream, time_base=info.time_base)
    filtered = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    sink = graph.add("buffersink")
    source.link_to(filtered)
    filtered.link_to(sink)
    graph.configure()
    for picture in pictures:
        source.push(picture)
        yield from _pulled(graph, info)
    source.push(None)
    yield from _pulled(graph, info)


def _pulled(graph: Graph, info: VideoInfo) -> Iterator[VideoFrame]:
    while True:
        try:
            picture = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        assert isinstance(picture, VideoFrame)
        if picture.pts is not None and picture.time_base is not None:
            picture.pts = round(picture.pts * picture.time_base / info.time_base)
            picture.duration = 0
        picture.time_base = info.time_base
        yield picture


def _frames(pictures: Iterable[VideoFrame], info: VideoInfo) -> Iterator[Frame]:
    """Yield frames with durations, each held back until the next one's time is known.

    All have the format and the colours of the first; where these change on the way, they are converted.
    """
    target = working_format(info.pix_fmt)
    reformatter = VideoReformatter()
    held: VideoFrame | None = None
    step = max(1, round(1 / (info.average_rate or Fraction(25)) / info.time_base))
    colour: Colour | None = None
    for picture in pictures:
        picture = to_working(picture, target, reformatter)
        colour = colour_of(picture) if colour is None else colour
        picture = recoloured(picture, colour, reformatter)
        if held is not None:
            step = int(picture.pts) - int(held.pts)  # type: ignore[arg-type]  # _timed gave both a time
            yield _frame(held, step, target, colour)
        held = picture
    if held is not None and colour is not None:
        yield _frame(held, held.duration or step, target, colour)


def _frame(picture: VideoFrame, duration: int, target: PixelFormat, colour: Colour) -> Frame:
    assert picture.pts is not None
    assert picture.time_base is not None
    return Frame(
        planes=planes_of(picture, target.dtype),
        pts=picture.pts,
        time_base=picture.time_base,
        duration=duration,
        format=target,
        colour=colour,
        key=picture.key_frame,
        captions=captions_of(picture),
    )
