"""Ogg's pages: which of them a file lacks, by their numbers and checksums (RFC 3533)."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_MARK = b"OggS"
_HEAD = struct.Struct("<4sBBqIIIB")
"""Mark, version, flags, time, the stream's number, the page's, checksum, count of sizes."""
_BEGINS, _ENDS = 2, 4
_CHECKSUM = slice(22, 26)
_LOOKED_AT = 4096
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def missing_pages(path: Path, container: str) -> int:
    """Return how many pages of an Ogg file are gone or damaged; 0 for containers of other names.

    FFmpeg leaves them out and says nothing. Pages are numbered, stream by stream, and the last one
    of each stream is marked; where that one isn't there, at least one is missing.
    """
    if container != "ogg":
        return 0
    missing = 0
    due: dict[int, int] = {}
    ended: dict[int, bool] = {}
    with suppress(OSError), path.open("rb") as file:
        for page in _sound_pages(file):
            _, _, flags, _, stream, number, _, _ = _HEAD.unpack_from(page)
            if not flags & _BEGINS:
                missing += max(0, number - due.get(stream, number))
            due[stream] = number + 1
            ended[stream] = bool(flags & _ENDS)
    return missing + sum(not end for end in ended.values())


def _sound_pages(file: BinaryIO) -> Iterator[bytes]:
    """Yield the pages whose checksum is right, in file order."""
    place = _next_mark(file, 0)
    while place is not None:
        file.seek(place)
        head = file.read(_HEAD.size)
        sizes = file.read(head[-1]) if len(head) == _HEAD.size else b""
        page = head + sizes + file.read(sum(sizes))
        is_sound = len(head) == _HEAD.size and _checksum(page) == page[_CHECKSUM]
        if is_sound:
            yield page
        place = _next_mark(file, place + (len(page) if is_sound else 1))


def _next_mark(file: BinaryIO, place: int) -> int | None:
    """Return where a page may begin, from `place` on; `None`: nowhere."""
    while True:
        file.seek(place)
        part = file.read(_LOOKED_AT)
        if (found := part.find(_MARK)) >= 0:
            return place + found
        if len(part) < _LOOKED_AT:
            return None
        place += len(part) - len(_MARK) + 1


def _checksum(page: bytes) -> bytes:
    """Return what a page should have for its checksum.

    It is zlib's CRC with all bits in the other order, from 0 on, and not inverted.
    """
    unsigned = page[: _CHECKSUM.start] + bytes(4) + page[_CHECKSUM.stop :]
    crc = zlib.crc32(unsigned.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return crc.to_bytes(4, "big").translate(_MIRRORED)
