"""Accounting of one copied or transcoded stream: what was read, and what written."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from av.stream import Stream

from vidseg.media.ffmpeg import Packet, clock_jumps
from vidseg.media.lost_pictures import listed_times
from vidseg.media.lost_stretches import Stretch
from vidseg.media.mux.kept_range import KeptRange, times_of

_SKIPS = struct.Struct("<II")
"""How FFmpeg's side data `skip_samples` begins: samples to skip at a packet's begin and end."""
_LEAST_MISSING_S = Fraction(1, 4)
"""How much earlier than its container claims a stream may end before it counts as truncated."""
_LEAST_UNDECODED_S = Fraction(1, 10)
"""How much shorter than its packets sound may be that is coded anew: some decoders begin late.

Where packets are longer, it may be as much as one of them: the last one may hold less than it says.
"""


@dataclass(slots=True)
class StreamAccount:
    """What a stream held in the cut and what of it was written; for sound, to the packet or sample.

    `recoded`: whether the sound is decoded, so that seconds are compared; where packets are copied,
    each that is heard in the cut has to be written. `refused` packets are those that the output's
    container didn't take, `corrupt` those that the source's container itself called damaged. What
    an edit list cuts away (packets to be discarded, samples to be skipped) is promised by nobody.
    """

    stream: Stream
    recoded: bool
    refused: int = 0
    corrupt: int = 0
    unwritten: int = 0
    due_s: Fraction = Fraction(0)
    written_s: Fraction = Fraction(0)
    longest_s: Fraction = Fraction(0)
    end: Fraction | None = None

    @property
    def lost_packets(self) -> int:
        """How many packets are not in the output, or not as they were."""
        return self.refused + self.corrupt + self.unwritten

    def read(self, packet: Packet, cut: KeptRange) -> bool:
        """Note a packet of the source; whether any of it is to be heard in the output."""
        times = times_of(packet)
        if self.stream.type != "audio" or packet.size == 0 or packet.is_discard:
            return False
        if times is not None:
            self.end = max(times[1], self.end or times[1])
            if not cut.overlaps(*times) or times[1] <= cut.origin:
                return False
            self.longest_s = max(self.longest_s, times[1] - times[0])
            self.due_s += max(Fraction(0), _within(cut, *times) - self._skipped(packet))
        self.corrupt += packet.is_corrupt
        return True

    def wrote(self, packet: Packet) -> None:
        """Note a packet that was written."""
        self.written_s += (packet.duration or 0) * packet.time_base

    def _skipped(self, packet: Packet) -> Fraction:
        """Return how many seconds of a packet its decoder is told to leave out."""
        rate = self.stream.codec_context.sample_rate  # type: ignore[attr-defined]
        if not self.recoded or not rate or not packet.has_sidedata("skip_samples"):
            return Fraction(0)
        data = bytes(packet.get_sidedata("skip_samples"))
        return Fraction(sum(_SKIPS.unpack_from(data)), rate)

    def missing(
        self, cut: KeptRange, lost: Sequence[Stretch], start: Fraction
    ) -> list[tuple[Fraction, str]]:
        """Return how many seconds of sound are missing in the cut, and where, for people.

        `lost`: the stretches that the file lost; `start`: what is time 0 to people.
        """
        return [
            (self.truncated_s(cut), "at its end, though the file claims to hold it"),
            (self.undecoded_s(), "that could not be decoded"),
            self._lost_s(cut, lost, start),
        ]

    def _lost_s(
        self, cut: KeptRange, lost: Sequence[Stretch], start: Fraction
    ) -> tuple[Fraction, str]:
        if self.stream.type != "audio":
            return Fraction(0), ""
        parts = [each for each in lost if cut.overlaps(*each)]
        times = listed_times([max(begin, cut.start or begin) - start for begin, _ in parts])
        seconds = sum((_within(cut, *each) for each in parts), Fraction(0))
        return seconds, f"that the file lost, {times}"

    def undecoded_s(self) -> Fraction:
        """Return how many seconds of sound went into the decoder and never came to the output."""
        lost = self.due_s - self.written_s
        return (
            lost if self.recoded and lost > max(_LEAST_UNDECODED_S, self.longest_s) else Fraction(0)
        )

    def truncated_s(self, cut: KeptRange) -> Fraction:
        """Return by how many seconds the stream ends before its container claims, in the cut."""
        claimed = _claimed_end(self.stream)
        if claimed is None:
            return Fraction(0)
        wanted = claimed if cut.end is None else min(claimed, cut.end)
        begin = cut.origin if cut.start is None else cut.start
        short = wanted - max(begin, self.end or begin)
        return short if short > _LEAST_MISSING_S else Fraction(0)


def _within(cut: KeptRange, begin: Fraction, end: Fraction) -> Fraction:
    """Return how much of [begin, end) lies in the cut, in seconds."""
    begin = begin if cut.start is None else max(begin, cut.start)
    return (end if cut.end is None else min(end, cut.end)) - begin


def _claimed_end(stream: Stream) -> Fraction | None:
    """Return when a track of sound ends as its container's index claims, `None` where it has none.

    Where the clock jumps, lengths are FFmpeg's estimates. MP4 counts a track's length from 0, also
    where it begins with nothing.
    """
    if stream.type != "audio" or not stream.duration or stream.time_base is None:
        return None
    if clock_jumps(stream.container):  # type: ignore[arg-type]
        return None
    begin = 0 if stream.container.format.name.startswith("mov,") else stream.start_time or 0
    return (begin + stream.duration) * stream.time_base
