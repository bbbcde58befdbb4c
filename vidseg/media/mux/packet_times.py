"""Timestamps of copied packets, fitted to what the output's container can hold."""

from fractions import Fraction

from vidseg.media.ffmpeg import Packet
from vidseg.media.mux.kept_range import KeptRange, clip_start, times_of
from vidseg.media.mux.streams import EDIT_LISTS, Track
from vidseg.media.mux.transcode import TranscodedAudio
from vidseg.media.video_info import VideoInfo

_EQUAL_TIMES = ("matroska", "webm")
"""Containers in which two packets of a stream may have one decoding time."""


class TimestampFitter:
    """Gives packets, already on the output's clock, times that the container can hold."""

    def __init__(self, container_format: str, info: VideoInfo, cut: KeptRange) -> None:
        self._edit_lists = container_format in EDIT_LISTS
        self._step = 0 if container_format in _EQUAL_TIMES else 1
        whole = cut.start is None
        self._floor = min(Fraction(0), info.start - cut.origin) if whole else Fraction(0)
        self._tells_priming = whole and info.container.startswith("matroska")
        self._whole = whole
        self._last: dict[int, int] = {}

    def fit(self, packet: Packet, track: Track) -> bool:
        """Change a packet's times where they can't stay; whether it has a place at all."""
        if (
            track.source.type == "audio"
            and not self._edit_lists
            and not self._begins(packet, track)
        ):
            return False
        self._keep_rising(packet, track.source.index)
        return True

    def _begins(self, packet: Packet, track: Track) -> bool:
        """Whether any sound of a packet is heard in a container that can't say "play from here".

        Such a container would move everything else to make room for what lies before time 0. A
        packet that reaches beyond begins there: heard a moment late, for as long as it lasts,
        rather than not at all. Packets of Opus, and those of another Matroska file, stay: there it
        is stored how much of them is priming.
        """
        times = times_of(packet)
        if times is None or packet.pts is None:
            return True
        if isinstance(track, TranscodedAudio):  # whose priming is the new file's own
            return times[1] > 0
        context = track.source.codec_context
        told = self._tells_priming or (
            self._whole and context is not None and context.name == "opus"
        )
        if times[0] >= self._floor or told:
            return True
        if times[1] <= self._floor:
            return False
        clip_start(packet, self._floor)
        return True

    def _keep_rising(self, packet: Packet, index: int) -> None:
        """Make decoding times rise, as muxers demand and damaged or fragmented files don't."""
        if packet.dts is None:
            return
        last = self._last.get(index)
        least = None if last is None else last + self._step
        if least is not None and packet.dts < least:
            packet.dts = least
            packet.pts = None if packet.pts is None else max(packet.pts, least)
        self._last[index] = packet.dts
