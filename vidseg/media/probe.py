"""Probing of a video file: size, colour, clock, orientation and streams."""

import itertools
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
from av.audio.codeccontext import AudioCodecContext
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidseg.errors import InputError, VidsegError
from vidseg.media.channel_layout import layout_of
from vidseg.media.ffmpeg import MICROSECOND, check_pixels, clock_jumps, demuxed, limit_pixels
from vidseg.media.frame_conversion import colour_of
from vidseg.media.late_streams import open_described
from vidseg.media.linear_light import DEEP_TIFF, is_linear
from vidseg.media.side_data import (
    content_light_level,
    display_matrix,
    dynamic_hdr,
    has_alpha,
    has_separate_alpha,
    mastering_display,
    orientation_of,
)
from vidseg.media.track_header import header_of
from vidseg.media.video_info import StreamInfo, VideoInfo
from vidseg.settings import MOST_PIXELS

_MOST_PACKETS_BEFORE_A_PICTURE = 2000
_SUSPICIOUS_RATE = 1000
_PACKETS_FOR_A_RATE = 60


def probe_video(
    path: Path,
    kind: type[VidsegError] = InputError,
    *,
    rate: Fraction | None = None,
    most: int = MOST_PIXELS,
) -> VideoInfo:
    """Return what is known of the video in `path`; decodes its first picture.

    Raises `kind` where the file can't be opened, has no video stream (cover art doesn't count), or
    no picture of it can be decoded, which is not tried where it has more than `most` pixels.
    `rate`: frames per second, which numbered pictures need to be told.
    """
    with open_described(path, kind, rate=rate) as container:
        if container.format.name == "image2" and rate is None:
            raise kind(f"{path}: pictures have no frame rate; say it, such as --fps 24")
        stream = main_video(container, path, kind)
        check_pixels(path, stream.codec_context.width, stream.codec_context.height, most, kind)
        limit_pixels(stream, most)
        first = _first_picture(path, container, stream, kind)
        if first is None:
            raise kind(f"{path}: none of its video could be decoded ({_codec(stream)})")
        check_pixels(path, first.width, first.height, most, kind)
        if stream.codec_context.name == "tiff" and is_linear(first.format.name):
            raise kind(f"{path}: {DEEP_TIFF}")
        return _describe(path, container, stream, first)


def main_video(
    container: InputContainer, path: Path, kind: type[VidsegError] = InputError
) -> VideoStream:
    """Return the stream to render: FFmpeg's best video stream that is no cover art.

    Raises `kind` where there is none, or its decoder is missing.
    """
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not moving:
        kinds = sorted({s.type for s in container.streams})
        held = ", ".join("a cover picture" if k == "video" else k for k in kinds) or "no streams"
        raise kind(f"{path}: holds no video, only {held}")
    best = container.streams.best("video")
    stream = next((s for s in moving if best is not None and s.index == best.index), moving[0])
    if stream.codec_context is None:
        raise kind(f"{path}: its video codec can't be decoded by this FFmpeg")
    return stream


def _first_picture(
    path: Path, container: InputContainer, stream: VideoStream, kind: type[VidsegError]
) -> VideoFrame | None:
    stream.thread_type = "SLICE"  # frame threads would wait for more packets than one picture needs
    try:
        for count, packet in enumerate(demuxed(container, stream)):
            if packet.has_sidedata("encryption_info"):
                raise kind(f"{path}: its video is encrypted (DRM), and vidseg has no key")
            try:
                frames = stream.decode(packet)
            except av.FFmpegError:
                continue
            if frames:
                return frames[0]
            if count > _MOST_PACKETS_BEFORE_A_PICTURE:
                return None
    except av.FFmpegError:
        return None
    return None


def _describe(
    path: Path, container: InputContainer, stream: VideoStream, first: VideoFrame
) -> VideoInfo:
    context = stream.codec_context
    matrix = display_matrix(first)
    header = header_of(stream)
    shown = header.kept(first.width, first.height)
    time_base = stream.time_base or Fraction(1, 1000)
    known, rate = _rate(container, stream, time_base)
    start = begin = (stream.start_time or 0) * time_base
    if not known and first.pts is not None:
        start = max(start, first.pts * time_base)
    duration = _duration(container, stream, time_base)
    return VideoInfo(
        path=str(path),
        container=container.format.name,
        codec=_codec(stream),
        width=shown.width,
        height=shown.height,
        pix_fmt=first.format.name,
        colour=colour_of(first),
        time_base=time_base,
        average_rate=rate,
        start=start,
        container_start=_container_start(container),
        duration=None if duration is None else duration + begin - start,
        duration_of_file=not stream.duration,
        frame_count=stream.frames,
        sample_aspect_ratio=stream.sample_aspect_ratio or Fraction(1),
        orientation=orientation_of(matrix),
        display_matrix=matrix,
        mastering_display=mastering_display(first),
        content_light_level=content_light_level(first),
        dynamic_hdr=dynamic_hdr(first),
        streams=tuple(_stream(s) for s in container.streams),
        video_index=stream.index,
        metadata=dict(container.metadata),
        chapters=len(container.chapters()),
        interlaced=first.interlaced_frame or context.field_order not in (0, 1),
        free_clock=clock_jumps(container),
        alpha=has_alpha(first.format) or has_separate_alpha(stream),
        chroma_location=header.chroma_location,
    )


def _rate(
    container: InputContainer, stream: VideoStream, time_base: Fraction
) -> tuple[bool, Fraction | None]:
    """Return whether FFmpeg knows the video's rate and times, and its frames per second, if known.

    Where no picture came while it looked, as in a recording whose picture begins late, it knows
    neither: it calls each tick of the clock a frame, and the file's beginning the video's. The next
    packets tell, then.
    """
    rate, average = stream.guessed_rate or stream.average_rate, stream.average_rate
    if rate is None or rate < _SUSPICIOUS_RATE:
        return True, rate
    if average:
        return True, average
    times: list[int] = []
    with suppress(av.FFmpegError):
        packets = itertools.islice(demuxed(container, stream), _PACKETS_FOR_A_RATE)
        times = [packet.pts for packet in packets if packet.pts is not None]
    return False, _rate_of(times, time_base)


def _rate_of(times: list[int], time_base: Fraction) -> Fraction | None:
    """Return the rate of pictures at `times`, ticks in any order, gaps left out; `None` of one."""
    steps = [later - sooner for sooner, later in itertools.pairwise(sorted(set(times)))]
    if not steps:
        return None
    usual = sorted(steps)[len(steps) // 2]
    near = [step for step in steps if 2 * step < 3 * usual]
    return len(near) / (sum(near) * time_base)


def _container_start(container: InputContainer) -> Fraction:
    """Return the time of the earliest stream: FFmpeg's, which is in microseconds, made exact."""
    start = (container.start_time or 0) * MICROSECOND
    exact = (
        s.start_time * s.time_base
        for s in container.streams
        if s.start_time is not None and s.time_base
    )
    return min((time for time in exact if abs(time - start) < 2 * MICROSECOND), default=start)


def _duration(
    container: InputContainer, stream: VideoStream, time_base: Fraction
) -> Fraction | None:
    if stream.duration:
        return stream.duration * time_base
    if not container.duration:
        return None
    length = container.duration * MICROSECOND
    # Matroska counts a file's length from 0, wherever it starts.
    begin = (
        Fraction(0) if container.format.name.startswith("matroska") else _container_start(container)
    )
    return max(begin + length - (stream.start_time or 0) * time_base, Fraction(0)) or None


def _codec(stream: Stream) -> str:
    return stream.codec_context.name if stream.codec_context is not None else "unknown"


def _stream(stream: Stream) -> StreamInfo:
    return StreamInfo(
        index=stream.index,
        kind="data" if stream.type == "unknown" else stream.type,
        codec=_codec(stream),
        language=stream.metadata.get("language"),
        title=stream.metadata.get("title"),
        detail=_detail(stream),
        attached_picture=bool(stream.disposition & Disposition.attached_pic),
        start=_in_seconds(stream.start_time, stream),
        duration=_in_seconds(stream.duration, stream),
    )


def _in_seconds(ticks: int | None, stream: Stream) -> Fraction | None:
    return None if ticks is None or stream.time_base is None else ticks * stream.time_base


def _detail(stream: Stream) -> str:
    context = stream.codec_context
    if context is None:
        return ""
    if stream.type == "video":
        return f"{context.width}x{context.height} {context.pix_fmt}"  # type: ignore[attr-defined]
    if stream.type == "audio":
        assert isinstance(context, AudioCodecContext)
        return f"{context.sample_rate} Hz {layout_of(context).name}"
    return ""
