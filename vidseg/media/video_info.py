"""What probing tells of a source: size, clock, colours, streams. Pure values."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, TypeAlias

from vidseg.frames.colour import Colour
from vidseg.frames.frame import Shape
from vidseg.frames.geometry import Orientation

StreamKind: TypeAlias = Literal["video", "audio", "subtitle", "data", "attachment"]

_MOST_PRIMING_S = Fraction(1, 10)
"""What codecs of sound put before their first sample, at most, at the rates that films have."""


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One stream of a container, as `vidseg probe` shows it.

    `start` and `duration` are in seconds, if known.
    """

    index: int
    kind: StreamKind
    codec: str
    language: str | None = None
    title: str | None = None
    detail: str = ""
    attached_picture: bool = False
    start: Fraction | None = None
    duration: Fraction | None = None


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a source before decoding it.

    `width`, `height` are of the coded picture in pixels; `shown_width`, `shown_height` after
    rotation and with square pixels. `duration` in seconds, `None` where the container doesn't say;
    `start` is the video stream's start time and `container_start` that of the earliest stream, both
    in seconds. `frame_count` is the container's claim, 0 where it makes none. `display_matrix`
    holds nine 16.16 numbers; `mastering_display` and `content_light_level` are HDR10's static
    metadata in x265's notation.
    """

    path: str
    container: str
    codec: str
    width: int
    height: int
    pix_fmt: str
    colour: Colour
    time_base: Fraction
    average_rate: Fraction | None
    start: Fraction
    container_start: Fraction
    duration: Fraction | None
    frame_count: int
    sample_aspect_ratio: Fraction
    orientation: Orientation
    streams: tuple[StreamInfo, ...]
    video_index: int
    display_matrix: tuple[int, ...] | None = None
    mastering_display: str | None = None
    content_light_level: str | None = None
    dynamic_hdr: tuple[str, ...] = ()
    """Names of HDR's dynamic metadata that its first picture carries, such as "Dolby Vision"."""
    metadata: dict[str, str] = field(default_factory=dict)
    chapters: int = 0
    interlaced: bool = False
    alpha: bool = False
    """Whether pictures may be transparent in places."""
    duration_of_file: bool = False
    """Whether `duration` reaches the longest stream's end: the container tells only the file's."""
    free_clock: bool = False
    """Whether the clock begins anywhere (transport streams); players count from its first time."""
    chroma_location: str | None = None
    """Where chroma samples lie, in FFmpeg's words such as ``topleft``; `None`: nothing says so."""
    frame_colour: Colour | None = None
    """The colour all frames are brought to, once a render has one; `None`: that of the first."""

    @property
    def origin(self) -> Fraction:
        """What is time 0 to a player, in seconds of the source's clock.

        Sound before it is an encoder's priming, unless there is too much of it for that.
        """
        first = self.container_start
        most = Fraction(1) if self.free_clock else _MOST_PRIMING_S
        priming = -most < first < 0
        late = first > 0 and not self.free_clock
        return Fraction(0) if self.edited or priming or late else first

    @property
    def edited(self) -> bool:
        """Whether the container has edit lists, which hide all that lies before 0."""
        return self.container.startswith("mov,")

    @property
    def shape(self) -> Shape:
        """Size and shape of pixels that all frames are brought to."""
        return Shape(self.width, self.height, self.sample_aspect_ratio)

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height as a player shows them: upright, with square pixels."""
        width = max(1, round(self.width * self.sample_aspect_ratio))
        return (self.height, width) if self.orientation.swaps_axes else (width, self.height)
