"""Packets of numbered pictures, one a file."""

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av

from vidseg.media.ffmpeg import Packet
from vidseg.media.image_sequence import name_of, numbers

_NO_PICTURE = bytes(8)
"""What a decoder gets to refuse in place of a file that is empty, cut short, or can't be read."""


def picture_packets(path: Path, tick: Fraction, start: Fraction | None) -> Iterator[Packet]:
    """Yield a packet of every picture of a sequence from the one that is shown at `start` on.

    `tick` is how long each is shown, in seconds; the first is shown at 0. FFmpeg's own reader ends
    at a picture that is empty, and goes on for ever about one that can't be read.
    """
    there = numbers(path)
    first = 0 if start is None else max(0, int(start // tick))
    for place, number in enumerate(there[first:], first):
        data = b""
        with suppress(OSError):
            data = name_of(path, number).read_bytes()
        packet = _packet_of(data if data and not _is_cut_short(data) else _NO_PICTURE)
        packet.time_base, packet.pts, packet.dts, packet.duration = tick, place, place, 1
        packet.is_keyframe = True  # else what a PNG holds is added to the picture before
        yield packet


def _packet_of(data: bytes) -> Packet:
    """Return a packet that holds a copy.

    One that refers to Python's bytes takes the interpreter's lock when it is freed: a thread of the
    decoder waits for that lock, for ever, where whoever closes the decoder has it (PyAV 18.1).
    """
    packet: Packet = av.Packet(len(data))
    packet.update(data)
    return packet


def _is_cut_short(data: bytes) -> bool:
    """Whether a JPEG has no end (ITU-T T.81, B.1.1), which FFmpeg silently fills up with grey.

    Markers before the picture are passed over: they may hold a thumbnail with an end of its own.
    """
    place = 2
    while data[:2] == b"\xff\xd8" and data[place : place + 1] == b"\xff":
        if data[place + 1] == 0xDA:
            return data.find(b"\xff\xd9", place) < 0
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return False
