"""Sinks: where painted frames are written, a video file with its sound, or pictures."""

import time
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Protocol, Self

from vidseg.errors import OutputError
from vidseg.frames.colour import Colour
from vidseg.frames.frame import Frame, OutputBuffer, PixelFormat
from vidseg.media.codecs import sample_bits
from vidseg.media.encode import Encoder
from vidseg.media.encode_plan import plan
from vidseg.media.ffmpeg import Packet
from vidseg.media.image_formats import FORMATS
from vidseg.media.image_sequence import NO_PHOTO, is_numbered
from vidseg.media.mux import FORMATS as CONTAINERS
from vidseg.media.mux import KeptRange, Output, StreamOutcomes
from vidseg.media.output_notes import caveats, lost_captions
from vidseg.media.source import is_photo
from vidseg.media.video_info import VideoInfo
from vidseg.settings import RenderSettings, Target
from vidseg.system.timing import Stopwatch


class Sink(Protocol):
    """One output being written, as a context manager; left without `finish`, nothing of it remains.

    `notes` and `outcomes`, what became of the source's other streams, are for the report.
    `full_range`: whether a matte uses all code values.
    """

    codec: str
    pix_fmt: str
    full_range: bool
    notes: list[str]
    outcomes: StreamOutcomes

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def start(self, layout: PixelFormat, colour: Colour, cut: KeptRange, info: VideoInfo) -> None:
        """Get ready for frames in `layout` and `colour`, of the size and shape that `info` tells.

        `cut` is what is kept of the source.
        """

    def new_buffer(self, frame: Frame) -> OutputBuffer:
        """Return something fresh to paint `frame` on; may be called from a thread of its own."""

    def write(self, frame: Frame, buffer: OutputBuffer, watch: Stopwatch) -> None:
        """Write what was painted on a buffer, at the time of `frame`."""

    def finish(self, end: Fraction | None = None) -> None:
        """Complete the output and give it its name.

        `end`: where the source is cut after all, in seconds of its clock, behind all that was
        written.
        """


def open_sink(target: Target, settings: RenderSettings, info: VideoInfo) -> Sink:
    """Return the sink for a target. Raises `OutputError` where it can't be written as asked."""
    path = target.path
    pictures = path.suffix.lower() in FORMATS
    if is_photo(info) and (is_numbered(path) or not pictures):
        raise OutputError(f"{path}: a photo gives a photo; name it .png, .jpg, .tif or .webp")
    if pictures:
        if not (is_numbered(path) or is_photo(info)):
            numbered = path.with_suffix("") / f"%05d{path.suffix}"
            if info.container.endswith("_pipe"):  # FFmpeg's name of a picture that isn't numbered
                raise OutputError(f"{info.path}: {NO_PHOTO}, or write {numbered}")
            raise OutputError(
                f"{path}: one picture can't hold a clip; write {numbered}, "
                "or look at `vidseg preview`"
            )
        from vidseg.rendering.image_sink import PictureSink

        return PictureSink(
            target, settings, info, source_bits=sample_bits(info.pix_fmt), photo=is_photo(info)
        )
    if path.suffix.lower() not in CONTAINERS:
        raise OutputError(
            f"{path}: can't tell from its ending what to write; use {', '.join(CONTAINERS)}, "
            "or for pictures "
            f"{', '.join(FORMATS)}"
        )
    return VideoSink(target, settings, info)


class VideoSink:
    """A video file."""

    def __init__(
        self, target: Target, settings: RenderSettings, info: VideoInfo, scratch: Path | None = None
    ) -> None:
        suffix = target.path.suffix.lower()
        self._plan = plan(info, settings.encode, suffix, target.content)
        self.codec, self.pix_fmt = self._plan.name, self._plan.pix_fmt
        self.full_range = self._plan.full_range
        self._content = target.content
        self.captioned = 0
        """How many of the frames that were written have closed captions."""
        audio = settings.encode.audio if target.sound else None
        self._output = Output(
            target.path, info, audio, overwrite=settings.overwrite, scratch=scratch
        )
        self.notes, self.outcomes = self._output.notes, self._output.outcomes
        self.notes += caveats(self._plan, info, settings.encode, suffix, target.content)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._output.__exit__(*error)

    def start(self, layout: PixelFormat, colour: Colour, cut: KeptRange, info: VideoInfo) -> None:
        """Open the encoder and write the file's header."""
        self._encoder = Encoder(self._output.container, self._plan, info, layout, colour)
        self._encoder.open()
        self.notes += self._encoder.notes
        self._cut = cut
        self._output.start(self._encoder.stream, cut)

    def new_buffer(self, frame: Frame) -> OutputBuffer:
        """Return something fresh to paint `frame` on."""
        return self._encoder.new_buffer(frame.captions)

    def write(self, frame: Frame, buffer: OutputBuffer, watch: Stopwatch) -> None:
        """Encode what was painted on a buffer, at the time of `frame`."""
        since = time.perf_counter()
        self.captioned += frame.captions is not None
        shift = round(self._cut.origin / frame.time_base)
        packets = self._encoder.encode(buffer, frame.pts - shift, frame.duration, frame.time_base)
        since = watch.add("encode", since)
        self._output.write(packets)
        watch.add("mux", since)

    @property
    def header(self) -> str:
        """A checksum of what the encoder has for the container's header."""
        return self._encoder.header

    def copy(self, packets: Iterable[Packet], captioned: int) -> None:
        """Write packets that another encoder of the same settings made, instead of frames.

        So many of the frames are `captioned`.
        """
        self.captioned = captioned
        for packet in packets:
            packet.stream = self._encoder.stream
            self._output.write([packet])

    def finish(self, end: Fraction | None = None) -> None:
        """Write what the encoder still holds, close the file and give it its name."""
        self.notes += lost_captions(
            self.captioned, self.codec, kept=self._plan.captions, content=self._content
        )
        self._output.write(self._encoder.flush())
        self._output.finish(end)
