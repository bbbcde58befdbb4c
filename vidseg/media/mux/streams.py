"""Copying and conversion of audio, subtitle and cover streams."""

import io
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from vidseg.media.ffmpeg import Packet, reason
from vidseg.media.late_streams import is_described
from vidseg.media.mux.kept_range import KeptRange, Times, clip_end, clip_start, move, times_of
from vidseg.media.mux.stream_tags import copy_description
from vidseg.media.mux.transcode import TranscodedAudio
from vidseg.settings import AudioMode

EDIT_LISTS = ("mp4", "mov")
"""Containers that can say "play from here", so that packets before a cut may stay as preroll."""

_MOST_PREROLL = 512
"""Packets that are held for a decoder to begin with: FFmpeg gives a second, 400 of Opus's shortest.

Where a track names packets that decoding can begin at, it gives all since the last of these.
"""

_POORLY_PLAYED = {"mp4": ("pcm_", "vorbis")}
"""Codecs that a container takes, by their names' beginnings, but few players play from it."""

_AUDIO_ENCODERS = {"mp4": "aac", "mov": "aac", "matroska": "libopus", "webm": "libopus"}
_TEXT_SUBTITLES = {"mp4": "mov_text", "mov": "mov_text", "matroska": "srt", "webm": "webvtt"}
_IMAGE_SUBTITLES = (
    "dvd_subtitle",
    "dvdsub",
    "dvb_subtitle",
    "dvbsub",
    "hdmv_pgs_subtitle",
    "pgssub",
    "xsub",
)

_SUBTITLE_STYLE = b"""[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, \
Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, \
Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
"""Subtitle encoders won't open without an ASS header; this one says what players assume anyway."""


class Track(Protocol):
    """One stream on its way to the output."""

    wants_end: bool
    """Whether `feed` is to get the empty packet that marks the stream's end."""
    lost_packets: int
    """How many packets could not be decoded or converted."""

    @property
    def source(self) -> Stream:
        """The source's stream."""

    @property
    def outcome(self) -> str:
        """What is done, for people: ``copied``, ``transcoded from … to …``."""

    def feed(self, packet: Packet, cut: KeptRange) -> list[Packet]:
        """Return what `packet` of the source gives for the output, moved to the output's clock."""

    def flush(self) -> list[Packet]:
        """Return what is still held back at the end."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A stream that the output can't hold, and why."""

    source: Stream
    why: str


def takes(container_format: str, stream: Stream) -> bool:
    """Whether a container of this format takes the stream's packets as is, by a trial header."""
    if stream.codec_context is None:
        return False
    name = stream.codec_context.codec.canonical_name
    if name.startswith(_POORLY_PLAYED.get(container_format, ())):
        return False
    try:
        with av.open(io.BytesIO(), "w", format=container_format) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (av.FFmpegError, ValueError, OSError):
        return False
    return True


def audio_track(
    container: OutputContainer, stream: AudioStream, mode: AudioMode
) -> Track | Dropped:
    """Add the output's stream for an audio stream: copied where container and `mode` allow."""
    if stream.codec_context is None:
        return Dropped(stream, "this FFmpeg doesn't know its codec")
    if mode == "copy" and is_described(stream) and takes(container.format.name, stream):
        return CopiedTrack(container, stream)
    try:
        return TranscodedAudio(container, stream, _AUDIO_ENCODERS[container.format.name])
    except (av.FFmpegError, ValueError) as error:
        return Dropped(stream, f"it can be neither copied nor transcoded: {reason(error)}")


def subtitle_track(container: OutputContainer, stream: SubtitleStream) -> Track | Dropped:
    """Add the output's stream for a subtitle stream: copied, or converted where it is text."""
    if stream.codec_context is None:
        return Dropped(stream, "this FFmpeg doesn't know its codec")
    if takes(container.format.name, stream):
        return CopiedTrack(container, stream)
    if stream.codec_context.name in _IMAGE_SUBTITLES:
        return Dropped(stream, f"{container.format.name} holds no picture subtitles; .mkv does")
    try:
        return ConvertedSubtitle(container, stream, _TEXT_SUBTITLES[container.format.name])
    except (av.FFmpegError, ValueError) as error:
        return Dropped(stream, f"it can be neither copied nor converted: {reason(error)}")


class CopiedTrack:
    """Packets go over as they are."""

    outcome = "copied"
    wants_end = False

    def __init__(self, container: OutputContainer, stream: Stream) -> None:
        self.source = stream
        self.lost_packets = 0
        self._hides = container.format.name in EDIT_LISTS and stream.type == "audio"
        self._begun = False
        self._preroll: deque[Packet] = deque(maxlen=_MOST_PREROLL)
        self._target = container.add_stream_from_template(stream)
        copy_description(stream, self._target)

    def feed(self, packet: Packet, cut: KeptRange) -> list[Packet]:
        """Return the packet if any of it lies in the cut, clipped where it is a subtitle."""
        times = times_of(packet)
        if packet.is_discard:
            self._hold(packet, times, cut)
            return []
        preroll = self._released(times, cut)
        if (times is not None and not cut.overlaps(*times)) or self._is_pause(packet):
            return []
        if times is not None and self.source.type == "subtitle":
            if cut.start is not None and times[0] < cut.start:
                clip_start(packet, cut.start)
            clip_end(packet, cut.end)
        return [self._placed(each, cut) for each in (*preroll, packet)]

    def _is_pause(self, packet: Packet) -> bool:
        """Whether a packet is MP4's text of nothing, which the muxer writes where nothing is shown.

        Those of a file with an edit list last into the next text, which would be shown behind them.
        """
        return self.source.type == "subtitle" and packet.size == 2 and not any(bytes(packet))

    def _hold(self, packet: Packet, times: Times | None, cut: KeptRange) -> None:
        """Hold back what the source's edit list cuts away, where the output's may do the same.

        That hides what lies before time 0, and nothing else. Later edits of the source bring sound
        of their own to be cut away, with the times of what is heard before them.
        """
        if self._hides and not self._begun and times is not None and times[1] <= cut.origin:
            self._preroll.append(packet)

    def _released(self, times: Times | None, cut: KeptRange) -> list[Packet]:
        """Return what was held back for the decoder, where the first heard packet follows it.

        Behind a pause the last of them would be heard until the pause is over.
        """
        follows = times is not None and times[0] <= cut.origin < times[1]
        preroll = list(self._preroll) if follows and not self._begun else []
        self._begun = True
        self._preroll.clear()
        return preroll

    def _placed(self, packet: Packet, cut: KeptRange) -> Packet:
        move(packet, cut)
        packet.stream = self._target
        return packet

    def flush(self) -> list[Packet]:
        """Nothing is held back."""
        return []


class CopiedCover(CopiedTrack):
    """Cover art: one picture that belongs to the whole file, whatever is cut."""

    def feed(self, packet: Packet, cut: KeptRange) -> list[Packet]:
        """Return the picture, at time 0."""
        packet.pts = packet.dts = 0
        packet.stream = self._target
        return [packet]


class ConvertedSubtitle:
    """Text subtitles are read and written in the container's own form."""

    wants_end = False

    def __init__(self, container: OutputContainer, stream: SubtitleStream, encoder: str) -> None:
        self.source = stream
        self.lost_packets = 0
        self.outcome = f"converted from {stream.codec_context.name} to {encoder}"
        target = container.add_stream(encoder)
        assert isinstance(target, SubtitleStream)
        copy_description(stream, target)
        context = target.codec_context
        context.subtitle_header = stream.codec_context.subtitle_header or _SUBTITLE_STYLE
        context.time_base = stream.time_base or Fraction(1, 1000)
        context.open()
        self._target = target

    def feed(self, packet: Packet, cut: KeptRange) -> list[Packet]:
        """Return the subtitle if it is shown inside the cut."""
        times = times_of(packet)
        if packet.pts is None or times is None or packet.is_discard or not cut.overlaps(*times):
            return []
        if cut.start is not None and times[0] < cut.start:
            clip_start(packet, cut.start)
        clip_end(packet, cut.end)
        try:
            read = self.source.codec_context.decode2(packet)
            if read is None or not len(read):
                return []
            new = self._target.codec_context.encode_subtitle(read)
        except av.FFmpegError:
            self.lost_packets += 1
            return []
        new.pts = new.dts = packet.pts
        new.duration = packet.duration
        new.time_base = packet.time_base
        move(new, cut)
        new.stream = self._target
        return [new]

    def flush(self) -> list[Packet]:
        """Nothing is held back."""
        return []
