"""Truncation check: a file's length by its headers, against what there is."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

_LARGE = 1
"""A box of MP4 whose size stands behind its name, in eight bytes."""

_SEGMENT, _EBML = b"\x18\x53\x80\x67", b"\x1a\x45\xdf\xa3"
_MOST_PARTS = 1_000_000

_PACKET_BYTES, _SYNC = 188, 0x47
_STAMP_BYTES = 4
"""What precedes each packet of the transport streams of Blu-ray and AVCHD."""


def missing_bytes(path: Path, container: str) -> int:
    """Return how many bytes a file lacks of the parts it is made of; 0 where that can't be told.

    `container` is FFmpeg's name of it: MP4 and QuickTime (ISO/IEC 14496-12), Matroska (RFC 8794),
    AVI (RIFF), transport streams (ISO/IEC 13818-1), which are cut within a packet.
    """
    claims = {
        "mov": _end_of_boxes,
        "matroska": _end_of_segment,
        "avi": _end_of_riff,
        "mpegts": _end_of_packets,
    }
    claim = claims.get(container.split(",")[0])
    if claim is None:
        return 0
    with suppress(OSError), path.open("rb") as file:
        return max(0, claim(file) - os.fstat(file.fileno()).st_size)
    return 0


def is_indexed(container: str) -> bool:
    """Whether containers of this name list all their packets at the beginning, as MP4 does."""
    return container.startswith("mov,")


def listed_behind(entries: Any, ticks: int) -> int:
    """Return how many packets an index (PyAV's) lists behind the one of decoding time `ticks`.

    What an edit list leaves out doesn't count.
    """
    place = entries.search_timestamp(ticks, backward=True, any_frame=True)
    return sum(not entry.is_discard for entry in entries[place + 1 :])


def _end_of_boxes(file: BinaryIO) -> int:
    """Return the end of the last box, 0 where it is one without an end."""
    return _end_of_parts(file, "big", 0)


def _end_of_riff(file: BinaryIO) -> int:
    """Return the end of the last RIFF chunk of an AVI; a long one has several."""
    head = file.read(12)
    return _end_of_parts(file, "little", 8) if head[:4] + head[8:] == b"RIFFAVI " else 0


def _end_of_parts(file: BinaryIO, order: str, beside: int) -> int:
    """Return the end of a row of parts with sizes and names; a size leaves out `beside` bytes."""
    begin = end = 0
    for _ in range(_MOST_PARTS):
        file.seek(begin)
        head = file.read(16)
        if len(head) < 8:
            break
        size = _size(head, order)
        is_told = size and size + beside >= 8  # else to the file's end, or not told yet
        if not is_told or not _is_name(head[4:8] if order == "big" else head[:4]):
            break
        end = begin + size + beside
        begin = end + (end & 1 if beside else 0)  # the last of an odd size may lack its padding
    return end


def _size(head: bytes, order: str) -> int:
    if order == "little":
        size = int.from_bytes(head[4:8], "little")
        return 0 if size == 0xFFFFFFFF else size
    size = int.from_bytes(head[:4], "big")
    return int.from_bytes(head[8:16], "big") if size == _LARGE else size


def _is_name(name: bytes) -> bool:
    return all(32 <= letter < 127 or letter == 0xA9 for letter in name)


def _end_of_segment(file: BinaryIO) -> int:
    """Return the end of Matroska's segment, 0 where its size isn't told, as in live recordings."""
    end = 0
    for wanted in (_EBML, _SEGMENT):
        file.seek(end)
        head = file.read(12)
        if head[:4] != wanted or not head[4:]:
            return 0
        width = 9 - head[4].bit_length()
        if not 1 <= width <= 8 or len(head) < 4 + width:
            return 0
        size = int.from_bytes(head[4 : 4 + width], "big") - (1 << 7 * width)
        if size == (1 << 7 * width) - 1:
            return 0
        end += 4 + width + size
    return end


def _end_of_packets(file: BinaryIO) -> int:
    """Return the end of the last packet of a transport stream, if that has begun."""
    for before in (0, _STAMP_BYTES):
        whole, size = before + _PACKET_BYTES, file.seek(0, os.SEEK_END)
        begun = size - size % whole
        if all(_byte(file, at + before) == _SYNC for at in (0, whole, begun)):
            return begun + whole if size % whole else size
    return 0


def _byte(file: BinaryIO, place: int) -> int | None:
    file.seek(place)
    found = file.read(1)
    return found[0] if found else None
