"""The time range of a source that is kept, and the shift to the output's clock. Pure."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from vidseg.media.ffmpeg import Packet

Times: TypeAlias = tuple[Fraction, Fraction]
"""Begin and end, in seconds."""


@dataclass(frozen=True, slots=True)
class KeptRange:
    """The stretch of the source that is kept, in seconds of its clock; `origin` becomes time 0."""

    start: Fraction | None
    end: Fraction | None
    origin: Fraction

    def overlaps(self, begin: Fraction, end: Fraction) -> bool:
        """Whether anything of [begin, end) is kept; of a packet without a length, its beginning."""
        late = self.end is not None and begin >= self.end
        early = self.start is not None and begin < self.start and end <= self.start
        return not late and not early


def times_of(packet: Packet) -> Times | None:
    """Return begin and end of a packet in seconds, `None` where it has no time."""
    time = packet.pts if packet.pts is not None else packet.dts
    if time is None:
        return None
    return time * packet.time_base, (time + (packet.duration or 0)) * packet.time_base


def move(packet: Packet, cut: KeptRange) -> None:
    """Change a packet's times from the source's clock to the output's."""
    shift = round(cut.origin / packet.time_base)
    if packet.pts is not None:
        packet.pts -= shift
    if packet.dts is not None:
        packet.dts -= shift


def clip_start(packet: Packet, start: Fraction) -> None:
    """Let a packet begin at `start` seconds, or at the first tick behind it."""
    assert packet.pts is not None
    late = -(-start // packet.time_base) - packet.pts
    packet.pts += late
    packet.dts = packet.pts
    packet.duration = max(0, (packet.duration or 0) - late)


def clip_end(packet: Packet, end: Fraction | None) -> None:
    """Let a subtitle end with the picture, which players would hold until it is gone."""
    if end is not None and packet.pts is not None and packet.duration:
        packet.duration = min(packet.duration, max(0, round(end / packet.time_base) - packet.pts))
