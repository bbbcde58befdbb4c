"""Encoding of painted frames into packets of one video stream."""

import hashlib
import os
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidseg.errors import OutputError
from vidseg.frames.colour import Colour
from vidseg.frames.frame import OutputBuffer, PixelFormat, Plane, Planes, as_plane
from vidseg.frames.planes import scaled
from vidseg.media import vp9_alpha
from vidseg.media.codecs import CODECS
from vidseg.media.encode_plan import EncodePlan
from vidseg.media.ffmpeg import Packet, av_errors, reason
from vidseg.media.ffv1 import with_slices
from vidseg.media.frame_conversion import new_frame, planes_of, sws_matrix, tag_colour
from vidseg.media.image_formats import ImagePlan, samples_of
from vidseg.media.side_data import captioned
from vidseg.media.video_info import VideoInfo

_RGB = {"rgb24": 0, "rgb48be": 0, "rgba": 0, "rgba64be": 0, "argb": 1}
"""RGB formats that pictures are kept in, and the place of red."""


_UNORDERED = 2
"""Frames too few for x265 to know its delay: their decoding times are uninitialised memory."""


class Encoder:
    """One video stream of an output container.

    Frames come in the working format `layout` and in the colours `colour`; where the codec wants
    another format, swscale converts. Alpha comes beside and keeps its values: only its depth is
    scaled, exactly from peak to peak, which swscale doesn't do.
    """

    def __init__(
        self,
        container: OutputContainer,
        chosen: EncodePlan,
        info: VideoInfo,
        layout: PixelFormat,
        colour: Colour,
    ) -> None:
        self.plan = chosen
        self.layout = layout
        self.colour = colour
        self.size = (info.width, info.height)
        self.coded_size = _coded_size(self.size, chosen)
        self.notes = self._size_notes()
        self._reformatter = VideoReformatter()
        self._captioner = VideoReformatter()  # of its own: buffers may be made in another thread
        self._frames = self._packets = 0
        self._beside = (
            vp9_alpha.Vp9AlphaEncoder(*self.coded_size) if chosen.separate_alpha else None
        )
        self._format = "yuv420p" if chosen.separate_alpha else chosen.pix_fmt
        if chosen.name == "svt-av1":
            os.environ.setdefault(
                "SVT_LOG", "1"
            )  # errors only: the library prints its settings otherwise
        with av_errors(OutputError, f"the encoder {chosen.library} can't be had"):
            rate = info.average_rate or Fraction(25)
            options = {**chosen.options, **_siting(info, layout, chosen.pix_fmt)}
            if chosen.name == "ffv1":
                options = with_slices(options, *self.coded_size, chosen.pix_fmt)
            stream = container.add_stream(chosen.library, rate=_sane_rate(rate), options=options)
        assert isinstance(stream, VideoStream)
        self.stream = stream
        context = stream.codec_context
        context.width, context.height = self.coded_size
        context.pix_fmt = self._format
        context.time_base = info.time_base
        context.sample_aspect_ratio = info.sample_aspect_ratio
        context.flags |= Flags.frame_duration
        self._coded_colour = _coded_colour(colour, chosen.pix_fmt)
        tag_colour(context, self._coded_colour)
        if chosen.separate_alpha:
            stream.metadata.update(vp9_alpha.TAG)
        if chosen.tag is not None:
            context.codec_tag = chosen.tag
        if info.display_matrix is not None:
            stream.set_display_matrix(info.display_matrix)

    def open(self) -> None:
        """Open the codec. Raises `OutputError` for refused settings or absent hardware."""
        try:
            self.stream.codec_context.open(strict=False)
        except (av.FFmpegError, OSError, ValueError) as error:
            width, height = self.coded_size
            hint = (
                "the hardware or its driver is absent; use --codec x264"
                if CODECS[self.plan.name].hardware
                else "try another --codec or --pix-fmt"
            )
            raise OutputError(
                f"{self.plan.name} can't encode {width}x{height} {self.plan.pix_fmt} with "
                f"{self.plan.options}: {reason(error)}; {hint}"
            ) from error

    @property
    def header(self) -> str:
        """A checksum of what the open codec has for the container's header."""
        return hashlib.sha256(self.stream.codec_context.extradata or b"").hexdigest()

    def new_buffer(self, captions: object = None) -> OutputBuffer:
        """Return a fresh frame of `layout` to paint on, with a `Frame`'s `captions`, if any."""
        frame, planes = self._fresh(captions)
        width, height = self.size
        views = tuple(
            _corner(plane, *self.layout.plane_size(i, width, height))
            for i, plane in enumerate(planes)
        )
        if _alpha_place(self.plan.pix_fmt) is None:
            return OutputBuffer(views, frame)
        alpha = as_plane(np.zeros(self.coded_size[::-1], self.layout.dtype))
        return OutputBuffer((*views, _corner(alpha, width, height)), frame, alpha)

    def _fresh(self, captions: object) -> tuple[VideoFrame, Planes]:
        if not (self.plan.captions and isinstance(captions, VideoFrame)):
            return new_frame(*self.coded_size, self.layout.name, self.layout.dtype)
        frame = captioned(captions, *self.coded_size, self.layout.name, self._captioner)
        return frame, planes_of(frame, self.layout.dtype)

    def encode(
        self, buffer: OutputBuffer, pts: int, duration: int, time_base: Fraction
    ) -> list[Packet]:
        """Encode a painted buffer, shown from `pts` for `duration` `time_base` units."""
        frame = buffer.owner
        assert isinstance(frame, VideoFrame), "an encoder encodes its own buffers"
        tag_colour(frame, self.colour)
        self._pad(frame, buffer.alpha)
        if self.plan.pix_fmt.startswith("gray"):
            frame = self._grey(frame)
        elif self._format in _RGB:
            frame = self._rgb(frame)
        elif frame.format.name != self._format:
            frame = self._converted(frame)
        if buffer.alpha is not None:
            self._write_alpha(buffer.alpha, frame)
        frame.pts, frame.time_base, frame.duration = pts, time_base, duration
        with av_errors(OutputError, f"encoding with {self.plan.name} failed"):
            self._frames += 1
            return self._counted(self._with_alpha(self.stream.encode(frame)))

    def flush(self) -> list[Packet]:
        """Return the packets still in the encoder. Raises `OutputError` where it lost a frame."""
        with av_errors(OutputError, f"encoding with {self.plan.name} failed"):
            packets = self._counted(self._with_alpha(self.stream.encode(None)))
        if self._packets < self._frames:
            raise OutputError(
                f"{self.plan.name} made {self._packets} frames of {self._frames}; "
                "use another --codec"
            )
        if self.plan.name == "x265" and self._frames <= _UNORDERED:
            for packet in packets:
                packet.dts = packet.pts
        return packets

    def _counted(self, packets: list[Packet]) -> list[Packet]:
        self._packets += len(packets)
        return packets

    def _with_alpha(self, packets: list[Packet]) -> list[Packet]:
        return (
            packets if self._beside is None else [self._beside.attach(packet) for packet in packets]
        )

    def _size_notes(self) -> list[str]:
        if self.coded_size == self.size:
            return []
        (width, height), (wide, high) = self.size, self.coded_size
        return [
            f"{self.plan.name} needs even sides: {width}x{height} becomes {wide}x{high}, its last "
            "line repeated; --codec vp9 or ffv1 keeps the size"
        ]

    def _pad(self, frame: VideoFrame, alpha: Plane | None) -> None:
        """Repeat the last column and row where the coded picture is larger than the source's."""
        if self.coded_size == self.size:
            return
        planes = planes_of(frame, self.layout.dtype)
        for index, plane in enumerate(planes if alpha is None else (*planes, alpha)):
            columns, rows = self.layout.plane_size(index % 3, *self.size)
            plane[:, columns:] = plane[:, columns - 1 : columns]
            plane[rows:] = plane[rows - 1 : rows]

    def _converted(self, frame: VideoFrame) -> VideoFrame:
        matrix = sws_matrix(self.colour, self.size[1])
        new = self._reformatter.reformat(
            frame,
            format=self._format,
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=2 if self.colour.full_range else 1,
            dst_color_range=2 if self._coded_colour.full_range else 1,
        )
        tag_colour(new, self._coded_colour)
        return new

    def _grey(self, frame: VideoFrame) -> VideoFrame:
        """Return the luma of a matte of full range in a grey format, scaled from peak to peak."""
        new = VideoFrame(*self.coded_size, self.plan.pix_fmt)
        self._fill(new, planes_of(frame, self.layout.dtype)[0], 1, 0)
        tag_colour(new, self._coded_colour)
        return new

    def _rgb(self, frame: VideoFrame) -> VideoFrame:
        """Return the frame in RGB, converted as pictures are.

        swscale is one or two code values of 255 off here, and says white in 16 bits as 65280.
        """
        new = VideoFrame(*self.coded_size, self._format)
        plan = ImagePlan("", "rgb24" if _depth(self._format) == 8 else "rgb48")
        planes = planes_of(frame, self.layout.dtype)
        channels = self._channels(new, len(new.format.components))
        first = _RGB[self._format]
        channels[..., first : first + 3] = samples_of(
            planes, self.layout, self.colour, plan, grey=False
        )
        tag_colour(new, self._coded_colour)
        return new

    def _write_alpha(self, alpha: Plane, frame: VideoFrame) -> None:
        """Write `alpha`, of the layout's depth, into the alpha channel of `frame`, or beside it."""
        if self._beside is not None:
            self._beside.add(scaled(alpha, self.layout.peak, 255))
            return
        place = _alpha_place(self.plan.pix_fmt)
        assert place is not None
        self._fill(frame, alpha, *((4, place) if len(frame.planes) == 1 else (1, 0)))

    def _fill(self, frame: VideoFrame, samples: Plane, channels: int, place: int) -> None:
        """Write samples of the layout's depth into one interleaved channel of the last plane."""
        peak = (1 << _depth(self.plan.pix_fmt)) - 1
        self._channels(frame, channels)[..., place] = scaled(samples, self.layout.peak, peak)

    def _channels(self, frame: VideoFrame, count: int) -> NDArray[Any]:
        """Return a view of the last plane, of the coded size: [height, width, `count`]."""
        kind = (
            "u1"
            if _depth(self.plan.pix_fmt) == 8
            else ">u2"
            if self.plan.pix_fmt.endswith("be")
            else "<u2"
        )
        plane = frame.planes[-1]
        width, height = self.coded_size
        rows = np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)
        return rows[:, : width * count].reshape(height, width, count)


def _corner(plane: Plane, width: int, height: int) -> Plane:
    return plane[:height, :width]


def _alpha_place(pix_fmt: str) -> int | None:
    """Return the place of alpha among a pixel format's channels as stored; `None` without one."""
    if pix_fmt == "argb":
        return 0
    return 3 if pix_fmt.startswith(("yuva", "rgba")) else None


def _depth(pix_fmt: str) -> int:
    """Return the bits of one sample of the last component: alpha, where there is one."""
    return av.VideoFormat(pix_fmt, 16, 16).components[-1].bits


def _coded_colour(colour: Colour, pix_fmt: str) -> Colour:
    """Return the tags of a picture in `colour` that becomes `pix_fmt`: RGB is of full range."""
    if av.VideoFormat(pix_fmt, 16, 16).is_rgb:
        return Colour(True, 0, colour.primaries, colour.transfer)
    return colour


def _coded_size(size: tuple[int, int], chosen: EncodePlan) -> tuple[int, int]:
    """Return the size to encode at: H.264, HEVC and AV1 need even sides where chroma is halved."""
    if chosen.name in ("vp9", "ffv1", "prores", "dnxhd", "qtrle", "png"):
        return size
    parts = av.VideoFormat(chosen.sized_as, 16, 16).components
    if len(parts) < 3:
        return size
    chroma = parts[1]
    width, height = size
    return width + (width % 2 if chroma.width < 16 else 0), height + (
        height % 2 if chroma.height < 16 else 0
    )


def _siting(info: VideoInfo, layout: PixelFormat, pix_fmt: str) -> dict[str, str]:
    """Return an encoder's option that keeps the source's chroma location, if 4:2:0 stays 4:2:0."""
    kept = info.chroma_location is not None and "420" in layout.name and "420" in pix_fmt
    return {"chroma_sample_location": str(info.chroma_location)} if kept else {}


def _sane_rate(rate: Fraction) -> Fraction:
    """Return a rate that encoders accept.

    Variable-rate files claim absurd ones; encoders only steer their rate control by it.
    """
    return min(max(rate, Fraction(1)), Fraction(240)).limit_denominator(1001)
