"""Timestamps made continuous across discontinuities of a container's clock. Pure."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

_BACK_S = Fraction(1, 2)
"""How far a stream may go back in time by mistake."""
_AHEAD_S = Fraction(10)
"""How long a pause may be; FFmpeg's program takes longer ones for a jump of the clock, too."""

_MOST_PACKETS_HELD = 5000


class ContinuousClock:
    """Moves all packets of a file, in file order, so that time runs on where the clock jumps.

    Transport streams, program streams and Ogg may jump: a recorder restarts, files are joined end
    to end. At a joint the first stream to jump goes on where it ended, and the other streams keep
    their distance to it, each from its own first packet behind the joint on; packets of before may
    still come in between.
    """

    def __init__(self) -> None:
        self._offsets = [Fraction(0)]
        self._epoch: dict[int, int] = {}
        self._ends: dict[int, Fraction] = {}
        self._latest = Fraction(0)

    @property
    def count(self) -> int:
        """How many joints were passed."""
        return len(self._offsets) - 1

    def move(self, packet: Any) -> None:
        """Change the times of a packet (PyAV's) to those of the one clock."""
        ticks = packet.dts if packet.dts is not None else packet.pts
        index = packet.stream_index
        if ticks is not None:
            time = ticks * packet.time_base
            length = (packet.duration or 0) * packet.time_base
            if packet.stream.type in ("audio", "video"):
                self._epoch[index] = self._epoch_of(index, time)
                self._latest = self._ends[index] = time + self._offsets[self._epoch[index]] + length
            else:  # subtitles and data have pauses of any length
                self._epoch[index] = self._nearest(time)
        shift = (
            round(self._offsets[self._epoch.get(index, 0)] / packet.time_base) if self.count else 0
        )
        if shift:
            packet.pts = None if packet.pts is None else packet.pts + shift
            packet.dts = None if packet.dts is None else packet.dts + shift

    def _epoch_of(self, index: int, time: Fraction) -> int:
        epoch = self._epoch.get(index, len(self._offsets) - 1)
        expected = self._ends.get(index)
        if expected is None or self._runs_on(time, epoch, expected):
            return epoch
        for newer in range(len(self._offsets) - 1, epoch, -1):
            if self._runs_on(time, newer, expected):
                return newer
        self._offsets.append(expected - time)
        return self.count

    def _runs_on(self, time: Fraction, epoch: int, expected: Fraction) -> bool:
        return -_BACK_S <= time + self._offsets[epoch] - expected <= _AHEAD_S

    def _nearest(self, time: Fraction) -> int:
        epochs = range(len(self._offsets))
        return min(epochs, key=lambda epoch: abs(time + self._offsets[epoch] - self._latest))


def from_near(packets: Iterator[Any], time: Fraction) -> Iterator[Any]:
    """Yield packets of a stream from the last key frame before `time` on, as a seek would."""
    held: list[Any] = []
    for packet in packets:
        ticks = packet.dts if packet.dts is not None else packet.pts
        late = ticks is not None and ticks * packet.time_base >= time
        if packet.is_keyframe and not late:
            held.clear()
        held.append(packet)
        if late or packet.size == 0 or len(held) > _MOST_PACKETS_HELD:
            break
    yield from held
    yield from packets
