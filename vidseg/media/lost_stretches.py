"""Stretches of time that a damaged file lost: FFmpeg goes on behind them without a word."""

import itertools
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias, TypeVar

Stretch: TypeAlias = tuple[Fraction, Fraction]
"""Begin and end, in seconds."""

_Number = TypeVar("_Number", int, Fraction)

_SLACK_BYTES = {"matroska": 64, "nut": 64, "flv": 64, "mxf": 16_384}
"""How FFmpeg's names of containers begin → bytes between packets that may belong to none."""
_NEVER_PAUSE = ("asf", "mpegts", "mpeg", "ogg")
"""Containers of streams that run on: what is absent of picture and sound at once was lost.

Their bytes tell nothing: some are stuffed, and a page of Ogg holds packets of a second.
"""

_BESIDE = "matroska_block_additional"

_SHARE = 4
"""A stretch was lost where this share of the bytes that usually fill it was passed over."""

_LEAST_S = Fraction(1, 50)
_LEAST_PAUSE_S = Fraction(1, 4)
_MOST_PAUSES = 64
_MOST_UNLIKE = 3
"""How many times as long as a stretch of sound that of the picture may be, or the reverse."""
_UNDECIDED_S = 10
"""How much later it is known of all streams that they paused."""
_MOST_REORDERED_S = Fraction(1, 2)
"""How far from where packets are missing the pictures of these, and what needs them, may lie."""


@dataclass(slots=True)
class _Stream:
    """How far a stream was read: its last packet's number among all, and where in the file it was.

    `place`: its first byte; `before`: how many bytes all packets before it had; `shown` and
    `decoded`: when what was read ends.
    """

    number: int = 0
    place: int | None = None
    before: int = 0
    shown: Fraction | None = None
    decoded: Fraction | None = None


@dataclass(frozen=True, slots=True)
class _Pause:
    """A stretch without packets of a stream, and the numbers of those on both sides among all."""

    index: int
    kind: str
    stretch: Stretch
    numbers: tuple[int, int]

    def coincides(self, other: "_Pause") -> bool:
        """Whether two streams may lack what one hole in the file took.

        They stand in it side by side; but what is shown together may be a second apart.
        """
        shorter, longer = sorted(end - begin for begin, end in (self.stretch, other.stretch))
        return (
            self.kind != other.kind
            and longer <= _MOST_UNLIKE * shorter
            and (
                _common(self.numbers, other.numbers) > 0
                or _common(self.stretch, other.stretch) > shorter / 2
            )
        )


class LostStretches:
    """Watches all packets of a file (PyAV's), in its order, for stretches of time without any.

    A video may pause, a recorder, too. So a stretch counts as lost only where bytes were passed
    over, about as many as usually fill it, or, in containers that never pause, where picture and
    sound are absent at once. Times are in seconds of the packets' clock.
    """

    def __init__(self, container: str) -> None:
        name = container.split(",")[0]
        self._slack = _SLACK_BYTES.get(name)
        self._never_pauses = name in _NEVER_PAUSE
        self._streams: dict[int, _Stream] = {}
        self._lost: dict[int, list[Stretch]] = {}
        self._pauses: deque[_Pause] = deque(maxlen=_MOST_PAUSES)
        self._bytes = self._packets = 0
        self._first: Fraction | None = None

    @property
    def watches(self) -> bool:
        """Whether anything can be told of such a container; then it has to see all packets."""
        return self._slack is not None or self._never_pauses

    def of(self, index: int) -> list[Stretch]:
        """Return the stretches that a stream lost so far; any thread may ask."""
        return list(self._lost.get(index, ()))

    def may_be_near(self, index: int, stretch: Stretch) -> bool:
        """Whether a stretch is near one that a stream lost, or may prove to have lost."""
        pauses = (each.stretch for each in self._pauses if each.index == index)
        return any(_near(stretch, each) for each in (*self.of(index), *pauses))

    def note(self, packet: Any) -> None:
        """Note a packet of any stream."""
        if not (self.watches and packet.size):
            return
        if packet.stream.type in ("audio", "video"):
            stream = self._streams.setdefault(packet.stream_index, _Stream())
            unread, stretch = self._passed_over(stream, packet), _paused(stream, packet)
            numbers = stream.number, self._packets
            if stretch is not None:
                self._judge(
                    _Pause(packet.stream_index, packet.stream.type, stretch, numbers), unread
                )
            stream.number = self._packets
        self._bytes += _bytes_of(packet)
        self._packets += 1

    def _passed_over(self, stream: _Stream, packet: Any) -> int:
        """Return how many bytes since the stream's last packet were part of none."""
        if packet.pos is None or packet.pos < 0:
            return 0
        last, before = stream.place, stream.before
        stream.place, stream.before = packet.pos, self._bytes
        return 0 if last is None else packet.pos - last - (self._bytes - before)

    def _judge(self, pause: _Pause, unread: int) -> None:
        """Find out whether a stretch without packets was lost."""
        begin, end = pause.stretch
        self._first = begin if self._first is None else min(self._first, begin)
        if end - begin < _LEAST_S:
            return
        if (
            self._slack is not None
            and unread > self._slack + self._usual_bytes(pause.stretch) / _SHARE
        ):
            self._lose(pause)
        elif self._never_pauses and end - begin >= _LEAST_PAUSE_S:
            for other in self._pauses:
                if pause.coincides(other):
                    self._lose(pause)
                    self._lose(other)
            self._pauses.append(pause)

    def _usual_bytes(self, stretch: Stretch) -> Fraction:
        """Return how many bytes so long a stretch holds, as those before it did."""
        begin, end = stretch
        assert self._first is not None, "it is at most the begin"
        return self._bytes * (end - begin) / max(begin - self._first, _LEAST_PAUSE_S)

    def _lose(self, pause: _Pause) -> None:
        lost = self._lost.setdefault(pause.index, [])
        if pause.stretch not in lost:
            lost.append(pause.stretch)


def _paused(stream: _Stream, packet: Any) -> Stretch | None:
    """Return end of a stream so far and begin of a packet, where they are farthest apart.

    Decoding times, where there are any, tell where pictures are not in the order of the file.
    """
    length = (packet.duration or 0) * packet.time_base
    steps = []
    for name, ticks in (("shown", packet.pts), ("decoded", packet.dts)):
        end: Fraction | None = getattr(stream, name)
        begin = end if ticks is None else ticks * packet.time_base
        if begin is None:
            continue
        if end is not None:
            steps.append((begin - end, end, begin))
        setattr(stream, name, begin + length if end is None else max(end, begin + length))
    return max(steps)[1:] if steps else None


def _bytes_of(packet: Any) -> int:
    """Return how much of the file a packet is; WebM keeps an alpha plane beside the picture."""
    if not packet.has_sidedata(_BESIDE):
        return int(packet.size)
    return int(packet.size + packet.get_sidedata(_BESIDE).buffer_size)


def _common(one: tuple[_Number, _Number], other: tuple[_Number, _Number]) -> _Number:
    """Return how much two ranges have in common; below 0, how far they are apart."""
    return min(one[1], other[1]) - max(one[0], other[0])


class MissingPictures:
    """Counts the pictures that the lost stretches of a video held, at its usual rate.

    `step`: a picture's usual duration in seconds.
    """

    def __init__(self, stretches: LostStretches, index: int, step: Fraction) -> None:
        self._stretches, self._index, self._step = stretches, index, step
        self._latest: Fraction | None = None
        self._jumps: list[Stretch] = []

    def shown(self, time: Fraction) -> None:
        """Note a picture that is shown; times rise."""
        last, self._latest = self._latest, time
        if last is None or 2 * (time - last) <= 3 * self._step:
            return
        lost = self._stretches.of(self._index)
        self._jumps = [
            jump
            for jump in (*self._jumps, (last, time))
            if any(_near(jump, stretch) for stretch in lost)
            or (time - jump[1] < _UNDECIDED_S and self._stretches.may_be_near(self._index, jump))
        ]

    def times(self, known: Iterable[Fraction]) -> list[Fraction]:
        """Return when pictures should have been shown, beside those `known` to be lost."""
        lost, stretches = sorted(known), self._stretches.of(self._index)
        missing: list[Fraction] = []
        for begin, end in self._jumps:
            if not any(_near((begin, end), stretch) for stretch in stretches):
                continue
            points = [begin, *(time for time in lost if begin < time < end), end]
            for one, other in itertools.pairwise(points):
                count = round((other - one) / self._step) - 1
                missing += [one + self._step * (place + 1) for place in range(count)]
        return missing


def _near(one: Stretch, other: Stretch) -> bool:
    return _common(one, other) > -_MOST_REORDERED_S
