"""Decoder accounting: pictures expected of packets, against those that came out."""

import heapq
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

_PICTURE_FOR_A_PACKET = (
    "h264",
    "hevc",
    "mpeg4",
    "mpeg1video",
    "mpeg2video",
    "mjpeg",
    "ffv1",
    "huffyuv",
    "utvideo",
)
"""Codecs that show a picture for each packet; of others a packet may say that nothing changes."""

_FIELD_OF_STEP = 3, 4
"""A field in its own packet comes within this share of a picture's time after the first."""

_SAME_AGAIN_BYTES = 16
"""In fewer bytes, MPEG-4 says that a picture stays; none comes of such a packet.

Where pictures are packed two to a packet, one of them comes after all.
"""

MOST_UNANSWERED = 64
"""More packets than decoders hold, in up to 16 threads and to put pictures in order."""


class ExpectedPictures(Protocol):
    """An account of PyAV's packets that go into a decoder and pictures that come out.

    Times are in ticks of the stream's time base.
    """

    def sent(self, packet: Any) -> None:
        """Note a packet before it is given to the decoder."""

    def came(self, picture: Any) -> None:
        """Note a picture that came out."""

    def failed(self) -> int | None:
        """Note an error; return the time of the packet that it answers, `None` if none told one."""

    def left(self) -> list[int]:
        """Return the times of pictures that the decoder still has, rising."""

    def awaits(self, picture: Any) -> bool:
        """Whether a picture, another decoder's of the same clip, is one of those left."""

    def refused(self, packet: Any) -> int | None:
        """Note another decoder's error; return the packet's time, `None` if it isn't left."""

    def give_up(self) -> None:
        """Note that no more pictures will come."""

    def lost(self) -> list[int]:
        """Return the times of the pictures that were lost so far, rising; any thread may ask."""


class _Unanswered:
    """The packets that a decoder took and answered by no picture and no error so far.

    Decoders answer in order, those of several threads a few packets later. As its `dts`, a picture
    has that of the packet that let it out.
    """

    def __init__(self) -> None:
        self._packets: deque[tuple[int, int]] = deque(maxlen=MOST_UNANSWERED)
        self._latest: int | None = None

    def sent(self, dts: int | None, time: int | None) -> None:
        self._latest = self._latest if time is None else time
        if dts is not None and self._latest is not None:
            self._packets.append((dts, self._latest))

    def came(self, dts: int | None) -> None:
        while dts is not None and self._packets and self._packets[0][0] <= dts:
            self._packets.popleft()

    def failed(self) -> int | None:
        """Return the time of the packet that an error answers."""
        return self._packets.popleft()[1] if self._packets else self._latest


class ExpectedByTime:
    """The account where packets and pictures tell when they are shown.

    A decoder gives pictures in the order in which they are shown, so that what is older than the
    latest picture is lost, unless it comes out of order. What is older than the first one was never
    to be seen: a recording that begins between key frames, or what precedes the key frame that was
    sought. The second field of an interlaced picture may have a packet, and a time, of its own.
    Pictures at times that no packet told stand for as many of those that are missing. `since`:
    pictures after that time count even if none came.
    """

    def __init__(self, codec: str, since: int | None = None) -> None:
        self._codec = codec
        self._waiting: list[int] = []
        self._lost: dict[int, int | None] = {}
        self._latest = since
        self._first_field: int | None = None
        self._step: int | None = None
        self._untold = 0
        self._unanswered = _Unanswered()

    def sent(self, packet: Any) -> None:
        """Note a packet, and its picture if that is shown."""
        self._unanswered.sent(packet.dts, packet.dts if packet.pts is None else packet.pts)
        if packet.pts is not None and not packet.is_discard and shows(self._codec, packet):
            heapq.heappush(self._waiting, packet.pts)

    def came(self, picture: Any) -> None:
        """Note a picture that came out."""
        self._unanswered.came(picture.dts)
        ticks: int | None = picture.pts
        if ticks is None:
            return
        told = self._lost.pop(ticks, self) is not self or ticks == self._latest
        while self._waiting and self._waiting[0] <= ticks:
            each = heapq.heappop(self._waiting)
            told = told or each == ticks
            if each < ticks:
                self._miss(each)
        self._untold += not told
        if self._latest is None:
            self._latest = ticks
        elif ticks > self._latest:
            step, self._latest = ticks - self._latest, ticks
            self._step = step if self._step is None else min(step, self._step)
        self._first_field = ticks if picture.interlaced_frame else None

    def failed(self) -> int | None:
        """Return the time of the packet that an error answers; later pictures tell what is lost."""
        return self._unanswered.failed()

    def left(self) -> list[int]:
        """Return the times of pictures that the decoder still has, rising."""
        latest = self._latest
        later = (t for t in self._waiting if latest is None or t > latest)
        return sorted(t for t in later if self._is_shown(t, self._first_field))

    def awaits(self, picture: Any) -> bool:
        """Whether a picture is one of those left."""
        return picture.pts in self.left()

    def refused(self, packet: Any) -> int | None:
        """Return the time of a packet that another decoder refuses, if it is one of those left."""
        return packet.pts if packet.pts in self.left() else None

    def give_up(self) -> None:
        """Note that no more pictures will come."""
        for ticks in self.left():
            self._miss(ticks)
        self._waiting.clear()

    def lost(self) -> list[int]:
        """Return the times of the pictures that were lost so far, rising."""
        return sorted(t for t, since in self._lost.copy().items() if self._is_shown(t, since))[
            self._untold :
        ]

    def _miss(self, ticks: int) -> None:
        if self._latest not in (None, ticks) and self._is_shown(ticks, self._first_field):
            self._lost[ticks] = self._first_field

    def _is_shown(self, ticks: int, first_field: int | None) -> bool:
        """Whether a new picture is shown at a time, not the second field of the one before."""
        if first_field is None or self._step is None:
            return True
        share, whole = _FIELD_OF_STEP
        return (ticks - first_field) * whole > self._step * share


class ExpectedInOrder:
    """The account where the container stores decoding times only.

    Pictures leave the decoder in the order in which they are shown, one for a packet: each gets, as
    its `dts`, the earliest decoding time that is left. The decoder holds back as many as `depth`
    tells (asked each time) to put them in order, so that what is older than these gave none. What
    is older than the first one was never to be seen. `start`: when the first packet is shown.
    """

    def __init__(self, codec: str, start: int, depth: Callable[[], int]) -> None:
        self._codec, self._start, self._depth = codec, start, depth
        self._steady = codec in _PICTURE_FOR_A_PACKET
        self._shift: int | None = None
        self._waiting: list[int] = []
        self._lost: list[int] = []
        self._reached: int | None = None
        self._begun = False
        self._most_held = self._failures = self._placeholders = 0
        self._unanswered = _Unanswered()

    def sent(self, packet: Any) -> None:
        """Note a packet."""
        if packet.size and packet.dts is not None:
            if self._shift is None:
                self._shift = self._start - packet.dts
            heapq.heappush(self._waiting, packet.dts)
            self._unanswered.sent(packet.dts, self._time(packet.dts))
            self._placeholders += not shows(self._codec, packet)

    def came(self, picture: Any) -> None:
        """Note a picture that came out, and give it its time."""
        self._steady = (
            self._steady and not picture.interlaced_frame
        )  # fields may have packets of their own
        self._unanswered.came(picture.dts)
        if picture.dts is not None:
            self._pass_over(picture.dts, 2 if picture.interlaced_frame else 1)
        picture.dts = self._time(heapq.heappop(self._waiting)) if self._waiting else None
        self._begun = True

    def failed(self) -> int | None:
        """Return the time of the packet that an error answers; later pictures tell what is lost."""
        self._failures += 1
        return self._unanswered.failed()

    def left(self) -> list[int]:
        """Return the times of pictures that the decoder still has, rising."""
        rising = sorted(self._waiting)[self._placeholders :] if self._steady else []
        return [self._time(dts) for dts in rising]

    def awaits(self, picture: Any) -> bool:
        """Whether a picture is one of those left."""
        return self._is_behind(picture.dts)

    def refused(self, packet: Any) -> int | None:
        """Return the time of a packet that another decoder refuses, if it is one of those left."""
        if packet.dts is None or not self._is_behind(packet.dts):
            return None
        self._failures += 1
        return self._time(packet.dts)

    def give_up(self) -> None:
        """Note that no more pictures will come."""
        self._lost += self.left()
        self._waiting.clear()

    def lost(self) -> list[int]:
        """Return the times of the pictures that were lost so far, rising."""
        return sorted(self._lost.copy())

    def _time(self, dts: int) -> int:
        return dts + (self._shift or 0)

    def _is_behind(self, dts: int | None) -> bool:
        """Whether what has a decoding time stands behind the last picture; ends have none."""
        return dts is None or self._reached is None or dts > self._reached

    def _pass_over(self, reached: int, packets: int) -> None:
        """Leave out times of before the packet `reached`, but for those of pictures held back.

        `packets`: how many a picture may have.
        """
        self._reached = reached
        self._most_held = max(self._most_held, self._depth())
        before = sum(dts <= reached for dts in self._waiting)
        for _ in range(before - packets * (1 + self._most_held)):
            self._miss(heapq.heappop(self._waiting))

    def _miss(self, dts: int) -> None:
        """Note that a packet gave no picture, which is a loss unless it had none to give."""
        is_lost = self._steady
        if self._failures:
            self._failures, is_lost = self._failures - 1, True
        elif self._placeholders:
            self._placeholders, is_lost = self._placeholders - 1, False
        if is_lost and self._begun:
            self._lost.append(self._time(dts))


def shows(codec: str, packet: Any) -> bool:
    """Whether a packet of `codec` is of a picture that is shown.

    VP8 and VP9 have pictures to predict from only (RFC 6386, 9.1; VP9 bitstream specification,
    6.2), MPEG-4 has placeholders.
    """
    if codec not in ("vp8", "vp9", "mpeg4") or not packet.size:
        return bool(packet.size)
    if codec == "mpeg4":
        return bool(packet.size >= _SAME_AGAIN_BYTES)
    data = memoryview(packet)
    head = data[0]
    if codec == "vp8":
        is_sound = head >> 5 or any(data[1:3])  # the size of its first part; zeros are no picture
        return bool(head >> 4 & 1 or not is_sound)
    if (
        head >> 6 != 0b10 or data[-1] >> 5 == 0b110
    ):  # not sound; several, of which the last is shown
        return True
    bits = head << 1 if head >> 4 & 3 == 3 else head  # profile 3 has a reserved bit before the rest
    shows_an_earlier_one, is_shown = bits >> 3 & 1, bits >> 1 & 1
    return bool(shows_an_earlier_one or is_shown)
