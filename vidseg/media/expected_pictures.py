"""Decoder accounting: pictures expected of packets, against those that came out."""

import heapq
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


class ExpectedPictures(Protocol):
    """An account of PyAV's packets that go into a decoder and pictures that come out.

    Times are in ticks of the stream's time base.
    """

    def sent(self, packet: Any) -> None:
        """Note a packet before it is given to the decoder."""

    def came(self, picture: Any) -> None:
        """Note a picture that came out."""

    def failed(self, packet: Any) -> bool:
        """Note an error when a packet went in; return whether its picture was left to come."""

    def left(self) -> list[int]:
        """Return the times of pictures that the decoder still has, rising."""

    def awaits(self, picture: Any, place: int) -> bool:
        """Whether a picture, another decoder's `place`-th of the clip, is one of those left."""

    def give_up(self) -> None:
        """Note that no more pictures will come."""

    def lost(self) -> list[int]:
        """Return the times of the pictures that were lost so far, rising; any thread may ask."""


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

    def sent(self, packet: Any) -> None:
        """Note a packet, if it is of a picture that is shown."""
        if packet.pts is not None and not packet.is_discard and shows(self._codec, packet):
            heapq.heappush(self._waiting, packet.pts)

    def came(self, picture: Any) -> None:
        """Note a picture that came out."""
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

    def failed(self, packet: Any) -> bool:
        """Return whether the packet's picture was yet to come; later ones show that it didn't."""
        return packet.pts in self.left()

    def left(self) -> list[int]:
        """Return the times of pictures that the decoder still has, rising."""
        latest = self._latest
        later = (t for t in self._waiting if latest is None or t > latest)
        return sorted(t for t in later if self._is_shown(t, self._first_field))

    def awaits(self, picture: Any, place: int) -> bool:
        """Whether a picture is one of those left."""
        return picture.pts in self.left()

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
    its `dts`, the earliest decoding time that is left. `start`: when the stream begins.
    """

    def __init__(self, codec: str, start: int) -> None:
        self._start = start
        self._first: int | None = None
        self._codec = codec
        self._steady = codec in _PICTURE_FOR_A_PACKET
        self._waiting: list[int] = []
        self._lost: list[int] = []
        self._count = 0
        self._placeholders = 0

    def sent(self, packet: Any) -> None:
        """Note a packet."""
        if packet.size and packet.dts is not None:
            heapq.heappush(self._waiting, packet.dts)
            self._placeholders += not shows(self._codec, packet)

    def came(self, picture: Any) -> None:
        """Note a picture that came out, and give it its time."""
        self._count += 1
        self._steady = (
            self._steady and not picture.interlaced_frame
        )  # fields may have packets of their own
        picture.dts = heapq.heappop(self._waiting) if self._waiting else None
        self._first = picture.dts if self._first is None else self._first

    def failed(self, packet: Any) -> bool:
        """Note that a packet gave no picture; return whether that was left to come."""
        if packet.dts not in self._waiting:
            return False
        self._waiting.remove(packet.dts)
        heapq.heapify(self._waiting)
        self._lost.append(packet.dts)
        return True

    def left(self) -> list[int]:
        """Return the times of pictures that the decoder still has, rising."""
        return sorted(self._waiting)[self._placeholders :] if self._steady else []

    def awaits(self, picture: Any, place: int) -> bool:
        """Whether a picture is one of those left."""
        return place >= self._count

    def give_up(self) -> None:
        """Note that no more pictures will come."""
        self._lost += self.left()
        self._waiting.clear()

    def lost(self) -> list[int]:
        """Return the times of pictures lost so far, rising; the first that came is at `start`."""
        return sorted(ticks - (self._first or 0) + self._start for ticks in self._lost.copy())


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
