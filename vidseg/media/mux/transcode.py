"""Audio transcoding: decoded, trimmed sample by sample, and encoded."""

from contextlib import suppress
from fractions import Fraction

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer

from vidseg.media.channel_layout import is_listed, layout_of
from vidseg.media.ffmpeg import Packet
from vidseg.media.mux.kept_range import KeptRange
from vidseg.media.mux.stream_tags import copy_description

_HIGHEST_RATE = 48_000
_LAYOUTS = {
    3: ("2.1", "3.0"),
    4: ("4.0", "quad"),
    5: ("5.0",),
    6: ("5.1",),
    7: ("6.1",),
    8: ("7.1",),
}
"""Layouts of more than two channels; first, FFmpeg's choice where nobody gave them places."""


def _rate(encoder: str, rate: int) -> int:
    """Return the rate to encode at, in Hz: of the encoder's, the nearest that loses nothing.

    Above 48 kHz nobody hears a difference. Opus is played at 48 kHz, whatever goes in.
    """
    wanted = min(rate or _HIGHEST_RATE, _HIGHEST_RATE) if encoder != "libopus" else _HIGHEST_RATE
    has = av.Codec(encoder, "w").audio_rates or [wanted]
    return min((each for each in has if each >= wanted), default=max(has))


def _layout(encoder: str, context: AudioCodecContext) -> str:
    """Return the layout to encode in: of as many channels if the encoder has one, else stereo."""
    layout = layout_of(context)
    own, count = layout.name, layout.nb_channels
    if count == 1:
        return "mono"
    names = (own, own.removesuffix("(side)"), *_LAYOUTS.get(count, ()))
    named = (
        name for name in names if not name.endswith("channels") and not is_listed(name)
    )  # which players know no places of
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
        self.outcome = (
            f"transcoded from {stream.codec_context.name} to {encoder.removeprefix('lib')}"
        )
        rate = _rate(encoder, stream.codec_context.sample_rate)
        channels, layout = (
            layout_of(stream.codec_context).nb_channels,
            _layout(encoder, stream.codec_context),
        )
        if channels > AudioLayout(layout).nb_channels:
            self.outcome += f", its {channels} channels mixed down to {layout}"
        target = container.add_stream(encoder, rate=rate, layout=layout)
        assert isinstance(target, AudioStream)
        copy_description(stream, target)
        context = target.codec_context
        context.bit_rate = 96_000 * max(1, context.layout.nb_channels)
        context.open()
        self._target = target
        self._reorderer = AudioResampler(layout=layout)
        self._resampler = AudioResampler(
            context.format, layout, rate, frame_size=context.frame_size or 1024
        )
        self.lost_packets = 0
        self._next: int | None = None

    def feed(self, packet: Packet, cut: KeptRange) -> list[Packet]:
        """Return the encoded packets that this one completes."""
        try:
            frames = self.source.decode(packet)
        except av.FFmpegError:
            self.lost_packets += 1
            return []
        packets: list[Packet] = []
        for frame in frames:
            listed = is_listed(layout_of(frame).name)
            try:
                for each in self._reorderer.resample(frame) if listed else [frame]:
                    if (kept := self._trimmed(each, cut)) is not None:
                        packets += self._encoded(self._resampler.resample(kept))
            except (
                av.FFmpegError,
                ValueError,
            ):  # samples that are no numbers, a layout that changes
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

    def _trimmed(self, frame: AudioFrame, cut: KeptRange) -> AudioFrame | None:
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
    """Return samples [first, last) of a frame.

    They are packed on the way: PyAV reads beyond the eighth plane.
    """
    (packed,) = AudioResampler(frame.format.packed).resample(frame)
    channels = frame.layout.nb_channels
    part = packed.to_ndarray()[:, first * channels : last * channels]
    new = AudioFrame.from_ndarray(part.copy(), format=packed.format.name, layout=frame.layout.name)
    new.sample_rate = frame.sample_rate
    (restored,) = AudioResampler(frame.format).resample(new)
    return restored
