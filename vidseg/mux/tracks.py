"""What becomes of one audio or subtitle stream: copied, converted, or dropped with a reason."""

import io
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from vidseg._av import Packet, reason
from vidseg.settings import AudioMode

EDIT_LISTS = ("mp4", "mov")
"""Containers that can say "play from here", so that packets before a cut may stay as preroll."""

_POORLY_PLAYED = {"mp4": ("pcm_", "vorbis")}
"""Codecs that a container takes, by their names' beginnings, but few players play from it."""

_AUDIO_ENCODERS = {"mp4": "aac", "mov": "aac", "matroska": "libopus", "webm": "libopus"}
_LAYOUTS = {3: ("2.1", "3.0"), 4: ("4.0", "quad"), 5: ("5.0",), 6: ("5.1",), 7: ("6.1",), 8: ("7.1",)}
"""Layouts of more than two channels, FFmpeg's own choice for those that nobody gave a place first."""

_TEXT_SUBTITLES = {"mp4": "mov_text", "mov": "mov_text", "matroska": "srt", "webm": "webvtt"}
_IMAGE_SUBTITLES = ("dvd_subtitle", "dvdsub", "dvb_subtitle", "dvbsub", "hdmv_pgs_subtitle", "pgssub", "xsub")

_OF_THE_CODING = ("DURATION", "ENCODER", "BPS", "ALPHA_MODE")
"""Tags that describe how a stream is coded; they are wrong for what is coded anew."""

_QUICKTIME_LANGUAGES = {
    "deu": "ger", "nld": "dut", "ell": "gre", "isl": "ice", "zho": "chi", "sqi": "alb", "fre": "fra",
    "cze": "ces", "slo": "slk", "rum": "ron", "fas": "per", "hye": "arm", "kat": "geo", "mkd": "mac",
    "msa": "may", "mya": "bur", "eus": "baq", "cym": "wel", "bod": "tib",
}  # fmt: skip
"""Of two codes of ISO 639-2 for one language, the one that FFmpeg knows QuickTime's number of."""

_SUBTITLE_STYLE = b"""[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, \
Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, \
MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
"""Subtitle encoders won't open without an ASS header; this one says nothing a player doesn't assume."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The stretch of the source that is kept, in seconds of its clock; `origin` becomes time 0."""

    start: Fraction | None
    end: Fraction | None
    origin: Fraction


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
    def fate(self) -> str:
        """What is done, for people: ``copied``, ``transcoded from … to …``."""

    def feed(self, packet: Packet, cut: Cut) -> list[Packet]:
        """Return what `packet` of the source gives for the output, moved to the output's clock."""

    def flush(self) -> list[Packet]:
        """Return what is still held back at the end."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A stream that the output can't hold, and why."""

    source: Stream
    why: str


def takes(container_format: str, stream: Stream) -> bool:
    """Whether a container of this format takes the stream's packets as they are, found by a trial header."""
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


def audio_track(container: OutputContainer, stream: AudioStream, mode: AudioMode) -> Track | Dropped:
    """Add the output's stream for an audio stream: copied where the container takes it and `mode` allows."""
    if stream.codec_context is None:
        return Dropped(stream, "this FFmpeg doesn't know its codec")
    if mode == "copy" and takes(container.format.name, stream):
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


def copy_description(source: Stream, target: Stream) -> None:
    """Give the new stream the old one's tags and disposition, less what describes the old file's making."""
    kept = {k: v for k, v in source.metadata.items() if k.upper() not in _OF_THE_CODING}
    kept = {k: v for k, v in kept.items() if not k.upper().startswith(("NUMBER_OF_", "_STATISTICS"))}
    target.metadata.update(kept)
    if target.container.format.name == "mov" and (language := kept.get("language")) in _QUICKTIME_LANGUAGES:
        target.metadata["language"] = _QUICKTIME_LANGUAGES[language]
    target.disposition = source.disposition


def _seconds(value: int | None, time_base: Fraction) -> Fraction | None:
    return None if value is None else value * time_base


def _moved(packet: Packet, cut: Cut) -> None:
    shift = round(cut.origin / packet.time_base)
    if packet.pts is not None:
        packet.pts -= shift
    if packet.dts is not None:
        packet.dts -= shift


class CopiedTrack:
    """Packets go over as they are."""

    fate = "copied"
    wants_end = False

    def __init__(self, container: OutputContainer, stream: Stream) -> None:
        self.source = stream
        self.lost_packets = 0
        self._preroll = container.format.name in EDIT_LISTS
        self._target = container.add_stream_from_template(stream)
        copy_description(stream, self._target)

    def feed(self, packet: Packet, cut: Cut) -> list[Packet]:
        """Return the packet if any of it lies in the cut, clipped where it is a subtitle."""
        if packet.is_discard and not self._preroll:
            return []
        time = packet.pts if packet.pts is not None else packet.dts
        begin = _seconds(time, packet.time_base)
        if begin is not None:
            end = begin + (packet.duration or 0) * packet.time_base
            if cut.end is not None and begin >= cut.end:
                return []
            if cut.start is not None and begin < cut.start:
                if end <= cut.start or not (self._preroll or self.source.type == "subtitle"):
                    return []
                if self.source.type == "subtitle":
                    _clip_start(packet, cut.start)
            if self.source.type == "subtitle":
                _clip_end(packet, cut.end)
        _moved(packet, cut)
        packet.stream = self._target
        return [packet]

    def flush(self) -> list[Packet]:
        """Nothing is held back."""
        return []


class CopiedCover(CopiedTrack):
    """Cover art: one picture that belongs to the whole file, whatever is cut."""

    def feed(self, packet: Packet, cut: Cut) -> list[Packet]:
        """Return the picture, at time 0."""
        packet.pts = packet.dts = 0
        packet.stream = self._target
        return [packet]


def _clip_start(packet: Packet, start: Fraction) -> None:
    assert packet.pts is not None
    late = round(start / packet.time_base) - packet.pts
    packet.pts += late
    packet.dts = packet.pts
    packet.duration = max(0, (packet.duration or 0) - late)


def _clip_end(packet: Packet, end: Fraction | None) -> None:
    """Let a subtitle end with the picture, which players would hold until it is gone."""
    if end is not None and packet.pts is not None and packet.duration:
        packet.duration = min(packet.duration, max(0, round(end / packet.time_base) - packet.pts))


def _layout(encoder: str, context: AudioCodecContext) -> str:
    """Return the layout to encode in: one of as many channels, where the encoder has any, else stereo."""
    if context.layout.nb_channels < 2:
        return "mono"
    own, count = context.layout.name, context.layout.nb_channels
    names = (own, own.removesuffix("(side)"), *_LAYOUTS.get(count, ()))
    named = (name for name in names if not name.endswith("channels"))  # which players know no places of
    return next((name for name in named if _opens(encoder, name)), "stereo")


def _opens(encoder: str, layout: str) -> bool:
    trial = AudioCodecContext.create(encoder, "w")
    assert isinstance(trial, AudioCodecContext)
    try:
        trial.sample_rate, trial.layout = 48000, layout
        trial.format = trial.codec.audio_formats[0]  # type: ignore[index]
        trial.open()
    except (av.FFmpegError, ValueError):
        return False
    return True


class TranscodedAudio:
    """Packets are decoded, trimmed to the cut sample by sample, and encoded anew."""

    wants_end = True

    def __init__(self, container: OutputContainer, stream: AudioStream, encoder: str) -> None:
        self.source = stream
        self.fate = f"transcoded from {stream.codec_context.name} to {encoder.removeprefix('lib')}"
        rate = 48000 if encoder == "libopus" else min(stream.codec_context.sample_rate or 48000, 48000)
        channels, layout = stream.codec_context.layout.nb_channels, _layout(encoder, stream.codec_context)
        if channels > AudioLayout(layout).nb_channels:
            self.fate += f", its {channels} channels mixed down to {layout}"
        target = container.add_stream(encoder, rate=rate, layout=layout)
        assert isinstance(target, AudioStream)
        copy_description(stream, target)
        context = target.codec_context
        context.bit_rate = 96_000 * max(1, context.layout.nb_channels)
        context.open()
        self._target = target
        self._resampler = AudioResampler(context.format, layout, rate, frame_size=context.frame_size or 1024)
        self.lost_packets = 0
        self._next: int | None = None

    def feed(self, packet: Packet, cut: Cut) -> list[Packet]:
        """Return the encoded packets that this one completes."""
        try:
            frames = self.source.decode(packet)
        except av.FFmpegError:
            self.lost_packets += 1
            return []
        packets: list[Packet] = []
        for frame in frames:
            try:
                if (kept := self._trimmed(frame, cut)) is not None:
                    packets += self._encoded(self._resampler.resample(kept))
            except (av.FFmpegError, ValueError):  # samples that are no numbers, a layout that changes
                self.lost_packets += 1
        return packets

    def flush(self) -> list[Packet]:
        """Return what decoder, resampler and encoder still hold."""
        packets: list[Packet] = []
        with suppress(av.FFmpegError, ValueError):
            packets += self._encoded(self._resampler.resample(None))
        return packets + self._target.encode(None)

    def _encoded(self, frames: list[AudioFrame]) -> list[Packet]:
        return [packet for frame in frames for packet in self._target.encode(frame)]

    def _trimmed(self, frame: AudioFrame, cut: Cut) -> AudioFrame | None:
        """Return the samples inside the cut, timed by the output's clock; `None` without any."""
        rate = frame.sample_rate
        pts = self._next if frame.pts is None else round(frame.pts * (frame.time_base or 0) * rate)
        pts = pts or 0
        self._next = pts + frame.samples
        first = 0 if cut.start is None else max(0, round(cut.start * rate) - pts)
        last = frame.samples if cut.end is None else min(frame.samples, round(cut.end * rate) - pts)
        if first >= last:
            return None
        if (first, last) != (0, frame.samples):
            frame = _samples(frame, first, last)
        frame.pts = pts + first - round(cut.origin * rate)
        frame.time_base = Fraction(1, rate)
        return frame


def _samples(frame: AudioFrame, first: int, last: int) -> AudioFrame:
    """Return samples [first, last) of a frame, packed on the way: PyAV reads beyond the eighth plane."""
    (packed,) = AudioResampler(frame.format.packed).resample(frame)
    channels = frame.layout.nb_channels
    part = packed.to_ndarray()[:, first * channels : last * channels]
    new = AudioFrame.from_ndarray(part.copy(), format=packed.format.name, layout=frame.layout.name)
    new.sample_rate = frame.sample_rate
    (restored,) = AudioResampler(frame.format).resample(new)
    return restored


class ConvertedSubtitle:
    """Text subtitles are read and written in the container's own form."""

    wants_end = False

    def __init__(self, container: OutputContainer, stream: SubtitleStream, encoder: str) -> None:
        self.source = stream
        self.lost_packets = 0
        self.fate = f"converted from {stream.codec_context.name} to {encoder}"
        target = container.add_stream(encoder)
        assert isinstance(target, SubtitleStream)
        copy_description(stream, target)
        context = target.codec_context
        context.subtitle_header = stream.codec_context.subtitle_header or _SUBTITLE_STYLE
        context.time_base = stream.time_base or Fraction(1, 1000)
        context.open()
        self._target = target

    def feed(self, packet: Packet, cut: Cut) -> list[Packet]:
        """Return the subtitle if it is shown inside the cut."""
        if packet.pts is None:
            return []
        begin = packet.pts * packet.time_base
        end = begin + (packet.duration or 0) * packet.time_base
        if (cut.end is not None and begin >= cut.end) or (cut.start is not None and end <= cut.start):
            return []
        if cut.start is not None and begin < cut.start:
            _clip_start(packet, cut.start)
        _clip_end(packet, cut.end)
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
        _moved(new, cut)
        new.stream = self._target
        return [new]

    def flush(self) -> list[Packet]:
        """Nothing is held back."""
        return []
