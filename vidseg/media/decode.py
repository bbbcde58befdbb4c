"""Decoding of a source's video into frames, with exact times and damage counted."""

import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
from av.codec.context import Flags
from av.codec.hwaccel import hwdevices_available
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidseg.errors import InputError, SettingsError
from vidseg.frames.frame import Frame
from vidseg.media.damage import Damage
from vidseg.media.deinterlace import deinterlaced
from vidseg.media.expected_pictures import (
    MOST_UNANSWERED,
    ExpectedByTime,
    ExpectedInOrder,
    ExpectedPictures,
)
from vidseg.media.ffmpeg import Packet, clock_jumps, demuxed, limit_pixels, open_source, reason
from vidseg.media.file_length import is_indexed, listed_behind
from vidseg.media.frame_clock import FrameClock, has_decoding_times_only, usual_step
from vidseg.media.frame_maker import DecodedPicture, FrameMaker
from vidseg.media.image_packets import picture_packets
from vidseg.media.late_streams import count_unlisted
from vidseg.media.lost_stretches import LostStretches, MissingPictures
from vidseg.media.pixel_aspect import PixelShapes
from vidseg.media.side_data import Decoder, PictureFilter, alpha_decoder
from vidseg.media.timestamps import ContinuousClock, from_near
from vidseg.media.trim import within
from vidseg.media.video_info import VideoInfo
from vidseg.settings import MOST_PIXELS

_MOST_ERRORS_IN_A_ROW = 1000
_SEEK_MARGIN_S = 1
_NUMBERED = "image2"
"""FFmpeg's name of the container that numbered pictures are to it."""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch [start, end) of the source's clock, in seconds; `None`: no bound.

    `on_screen`: where no frame begins for long after `start`, the one that is shown then belongs to
    it, and begins there. `sharp`: a frame that lasts long beyond `end` ends there.
    """

    start: Fraction | None = None
    end: Fraction | None = None
    on_screen: bool = False
    sharp: bool = False

    def holds(self, time: Fraction) -> bool:
        """Whether `time` lies in the span."""
        return (self.start is None or time >= self.start) and (self.end is None or time < self.end)


def hardware_trouble(path: Path, hwaccel: str) -> str | None:
    """Return why the hardware decoder `hwaccel` can't decode `path`, `None` where it can.

    Decodes a picture to find out. Raises `SettingsError` for a name that this FFmpeg doesn't know.
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
    info: VideoInfo,
    span: Span,
    damage: Damage,
    hwaccel: str | None = None,
    picture_filter: PictureFilter | None = None,
    *,
    settle: bool = False,
) -> Iterator[Frame]:
    """Yield the frames of `info.path` whose presentation time lies in `span`, in order.

    Frames are in the working format nearest to the source's (see
    `vidseg.media.frame_conversion.working_format`), in coded orientation, with strictly increasing
    `pts` in `info.time_base`. Interlaced pictures are deinterlaced by bwdif, one frame for one
    frame. All have the size and shape of `info`, or with `settle` those of the first frame in the
    span; where these change on the way, see `vidseg.frames.letterbox`. `hwaccel` decodes in
    hardware (see `hardware_trouble`). `picture_filter` gets each picture, with its alpha if any,
    and returns what is shown of it. Adds to `damage`. Raises `InputError` where the file can't be
    opened, or nothing in it decodes any more.
    """
    maker = FrameMaker(info, picture_filter, settle=settle)
    damage.holds = span.holds
    with closing(_decoded(info, span, damage, hwaccel, maker, sought=True)) as pictures:
        step, sharp = usual_step(info), span.sharp
        for picture in within(
            pictures, span.start, span.end, step, on_screen=span.on_screen, sharp=sharp
        ):
            frame = maker.frame(picture)
            damage.video_end = frame.end
            damage.corrupt_frames += [frame.time] * picture.corrupt
            damage.made_up_times += [frame.time] * picture.made_up
            yield frame


def _decoded(
    info: VideoInfo,
    span: Span,
    damage: Damage,
    hwaccel: str | None,
    maker: FrameMaker,
    *,
    sought: bool,
) -> Generator[DecodedPicture, None, None]:
    """Yield pictures from before the span on, or, unless `sought`, from the beginning on."""
    entered = span if sought else Span()
    damage.packets.clear()  # of the first attempt
    with _opened(info, hwaccel) as (container, stream):
        maker.look_at(stream)
        in_order = has_decoding_times_only(info.container)  # that is known from the beginning only
        seek_to = None if in_order else _seek(container, stream, entered)
        stretches = LostStretches(info.container)
        packets = _entered(container, stream, info, entered, damage, stretches)
        expected, missing = _expected(info, stream), _missing(info, stretches)
        damage.losing = lambda: _losing(expected, missing, info, span)

        def decoder_of(stream: VideoStream) -> Decoder:
            return alpha_decoder(stream, info.codec) if maker.wants_alpha else stream

        pictures = _pictures(packets, decoder_of(stream), info, damage, expected, decoder_of)
        try:
            for picture in _lasting(pictures, stream, info):
                if seek_to is not None and span.start is not None and picture.time > span.start:
                    break  # past the start: the index lies, so read from the beginning instead
                seek_to = None
                missing.shown(picture.time)
                yield picture
            else:
                return
        finally:
            damage.late_streams = count_unlisted(container)
    yield from _decoded(info, span, damage, hwaccel, maker, sought=False)


def _expected(info: VideoInfo, stream: VideoStream) -> ExpectedPictures:
    """Return a new account of what goes into the decoder of a stream and what comes out."""
    if has_decoding_times_only(info.container):
        context = stream.codec_context
        start = round(info.start / info.time_base)
        return ExpectedInOrder(info.codec, start, lambda: context.reorder_depth)
    return ExpectedByTime(info.codec, -1 if info.container == _NUMBERED else None)


def _missing(info: VideoInfo, stretches: LostStretches) -> MissingPictures:
    return MissingPictures(stretches, info.video_index, 1 / (info.average_rate or Fraction(25)))


def _losing(
    expected: ExpectedPictures, missing: MissingPictures, info: VideoInfo, span: Span
) -> list[Fraction]:
    """Return when pictures of the span should have been shown that the decoder or file lost."""
    lost = [ticks * info.time_base for ticks in expected.lost()]
    return sorted(time for time in (*lost, *missing.times(lost)) if span.holds(time))


@contextmanager
def _opened(
    info: VideoInfo, hwaccel: str | None, *, threads: int = 0
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a source and set up its video's decoder with `threads` threads, 0 for as many as fit."""
    with open_source(Path(info.path), hwaccel=hwaccel, rate=info.average_rate) as container:
        stream = container.streams[info.video_index]
        assert isinstance(stream, VideoStream)  # probe chose it
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
        if info.codec == "hevc":
            stream.codec_context.flags |= Flags.output_corrupt
        limit_pixels(stream, max(MOST_PIXELS, info.width * info.height))
        yield container, stream


def _seek(container: InputContainer, stream: VideoStream, span: Span) -> Fraction | None:
    """Go to a key frame well before the span; return the time asked for, `None` without a seek."""
    name = container.format.name
    if span.start is None or stream.time_base is None or name == _NUMBERED:
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


def _entered(
    container: InputContainer,
    stream: VideoStream,
    info: VideoInfo,
    span: Span,
    damage: Damage,
    stretches: LostStretches,
) -> Iterator[Packet]:
    """Yield the stream's packets from where `_seek` went, or from near the span if it couldn't."""
    near = None if span.start is None else span.start - _SEEK_MARGIN_S
    if container.format.name == _NUMBERED:
        yield from picture_packets(Path(info.path), info.time_base, near)
        return
    packets = _packets(container, stream, info, damage, stretches)
    yield from from_near(packets, near) if near is not None and clock_jumps(container) else packets


def _packets(
    container: InputContainer,
    stream: VideoStream,
    info: VideoInfo,
    damage: Damage,
    stretches: LostStretches,
) -> Iterator[Packet]:
    """Yield the stream's packets, going on after damaged ones; the last one is empty and flushes.

    Where the container's clock may jump, their times are those of one clock that runs on.
    """
    errors, last = 0, None
    clock = ContinuousClock() if clock_jumps(container) else None
    all_streams = clock is not None or stretches.watches
    while errors < _MOST_ERRORS_IN_A_ROW:
        try:
            for packet in demuxed(container, *([] if all_streams else [stream])):
                errors = 0
                if clock is not None:
                    clock.move(packet)
                stretches.note(packet)
                if packet.stream_index == stream.index:
                    last = last if packet.dts is None else packet.dts
                    yield packet
            break
        except av.EOFError:
            break
        except av.FFmpegError as error:
            damage.fail([info.start if last is None else last * info.time_base])
            errors += 1
            told = reason(error)
    else:
        raise InputError(f"{info.path}: reading it fails again and again ({told})")
    if last is not None and stream.frames and is_indexed(container.format.name):
        damage.unread = listed_behind(stream.index_entries, last)


def _pictures(
    packets: Iterable[Packet],
    decoder: Decoder,
    info: VideoInfo,
    damage: Damage,
    expected: ExpectedPictures,
    decoder_of: Callable[[VideoStream], Decoder],
) -> Iterator[VideoFrame]:
    """Yield decoded pictures; behind the last one it is known which were lost.

    Decoders of several threads take packets at once, and at the end of the stream give all that
    they hold. Where there is an error among that, PyAV leaves what comes after it behind: see
    `_left_behind`, which opens another decoder by `decoder_of`.
    """
    begun = False
    failed: list[Fraction] = []
    for packet in itertools.chain(packets, [None]):
        at_end = packet is None or packet.size == 0
        if packet is not None and not at_end:
            expected.sent(packet)
        try:
            for picture in decoder.decode(packet):
                begun = begun or info.codec != "hevc" or not picture.is_corrupt
                if begun:
                    damage.fail(failed)
                    failed.clear()
                    expected.came(picture)
                    yield picture
        except av.EOFError:  # it was flushed before
            continue
        except av.FFmpegError:
            ticks = expected.failed()
            failed.append(info.start if ticks is None else ticks * info.time_base)
    damage.fail(failed)
    if expected.left():
        yield from _left_behind(info, damage, expected, decoder_of, failed)
    expected.give_up()


def _left_behind(
    info: VideoInfo,
    damage: Damage,
    expected: ExpectedPictures,
    decoder_of: Callable[[VideoStream], Decoder],
    failed: Sequence[Fraction],
) -> Iterator[VideoFrame]:
    """Yield the pictures that a decoder didn't give, from one that takes a packet at a time.

    The first decoder held no more than `MOST_UNANSWERED`: what was to come before these won't.
    Packets that `failed` there, by their times, are counted.
    """
    begin = expected.left()[-MOST_UNANSWERED:][0] * info.time_base
    with _opened(info, None, threads=1) as (container, stream):
        decoder = decoder_of(stream)
        _seek(container, stream, Span(begin))
        stretches = LostStretches(info.container)
        again = _entered(container, stream, info, Span(begin), Damage(), stretches)
        near = from_near(again, begin - _SEEK_MARGIN_S)  # where it couldn't seek
        for packet in itertools.chain(near, [None]):
            try:
                for picture in decoder.decode(packet):
                    if expected.awaits(picture):
                        expected.came(picture)
                        yield picture
            except av.EOFError:
                continue
            except av.FFmpegError:
                ticks = None if packet is None else expected.refused(packet)
                if ticks is not None and (time := ticks * info.time_base) not in failed:
                    damage.fail([time])


def _timed(
    pictures: Iterable[VideoFrame], info: VideoInfo, marks: dict[int, tuple[bool, int]]
) -> Iterator[VideoFrame]:
    """Yield pictures with times; note `corrupt` and `made_up` of `DecodedPicture` in `marks`."""
    clock = FrameClock(info)
    made_up = 0
    for picture in clock.timed(pictures):
        assert picture.pts is not None, "the clock gave it one"
        marks[picture.pts] = picture.is_corrupt, clock.made_up - made_up
        made_up = clock.made_up
        picture.time_base = info.time_base
        yield picture


def _lasting(
    pictures: Iterable[VideoFrame], stream: VideoStream, info: VideoInfo
) -> Iterator[DecodedPicture]:
    """Yield progressive pictures with durations, each held until the next one's time is known."""
    shapes = PixelShapes(stream)
    held: DecodedPicture | None = None
    step = usual_step(info)
    marks: dict[int, tuple[bool, int]] = {}
    for picture, was_interlaced in deinterlaced(_timed(pictures, info, marks)):
        assert picture.pts is not None, "_timed gave it one"
        corrupt, made_up = marks.pop(picture.pts)
        new = DecodedPicture(
            pts=picture.pts,
            time_base=info.time_base,
            duration=picture.duration or 0,
            picture=picture,
            sample_aspect_ratio=shapes.of(picture),
            deinterlaced=was_interlaced,
            corrupt=corrupt,
            made_up=made_up,
        )
        if held is not None:
            step = new.pts - held.pts
            yield replace(held, duration=step)
        held = new
    if held is not None:
        yield replace(held, duration=held.duration or step)
