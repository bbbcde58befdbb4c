"""Encoded packets in a file of their own, exactly as the encoder gave them, until they are joined.

No container does this: Matroska rounds times to milliseconds, MP4 drops VP9's alpha, both shift
times that begin below zero. A packet file is a row of records, each with a checksum, with an
account as the last one.
"""

import json
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av

from vidseg.errors import OutputError
from vidseg.media.ffmpeg import Packet, attach_data, av_errors
from vidseg.system.files import StagedFile

_MAGIC = b"vidseg parcel 1\n"
_RECORD = struct.Struct("<qqqqqBHI")
"""pts, dts, duration, time base (numerator, denominator), flags, pieces of side data, bytes."""
_SIDE = struct.Struct("<40sI")
_CHECK = struct.Struct("<I")
_FOOT = struct.Struct("<q")
"""Where the account begins, behind it: so it can be read without all the rest."""
_NONE = -(2**63)
_KEY, _ACCOUNT = 1, 128


class PacketFileWriter:
    """Writes packets under a temporary name; `finish` gives the file its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # No `.part` at its end, which is a whole segment's; not the process's number, which workers
        # on two machines may share.
        self._staged = StagedFile(path, path.with_name(f".{path.name}.{os.urandom(6).hex()}"))
        with av_errors(OutputError, f"{path}: can't be written"):
            self._file: BinaryIO = self._staged.temporary.open("wb")
            self._file.write(_MAGIC)

    def write(self, packets: Iterable[Packet]) -> None:
        """Append packets. Raises `OutputError`, on a full disk for instance."""
        with av_errors(OutputError, f"{self._path}: writing failed"):
            for packet in packets:
                _put(self._file, *_packed(packet))

    def finish(self, account: dict[str, Any]) -> None:
        """Append the account, see that all of it is on the disk, and give the file its name."""
        text = json.dumps(account).encode()
        with av_errors(OutputError, f"{self._path}: writing failed"):
            begin = self._file.tell()
            _put(self._file, _RECORD.pack(0, 0, 0, 0, 1, _ACCOUNT, 0, len(text)), text)
            _put(self._file, _FOOT.pack(begin))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._staged.commit()

    def abandon(self) -> None:
        """Remove what was written, unless it is finished."""
        with suppress(OSError):
            self._file.close()
        self._staged.discard()


def _packed(packet: Packet) -> tuple[bytes, ...]:
    flags = _KEY if packet.is_keyframe else 0
    sides = list(packet.iter_sidedata())
    base = packet.time_base
    numbers = [_NONE if value is None else value for value in (packet.pts, packet.dts)]
    head = _RECORD.pack(
        *numbers,
        packet.duration or 0,
        base.numerator,
        base.denominator,
        flags,
        len(sides),
        packet.size,
    )
    pieces = [head]
    for side in sides:
        pieces += [_SIDE.pack(side.data_type.encode(), side.data_size), bytes(side)]
    return (*pieces, bytes(packet))


def _put(file: BinaryIO, *pieces: bytes) -> None:
    check = 0
    for piece in pieces:
        file.write(piece)
        check = zlib.crc32(piece, check)
    file.write(_CHECK.pack(check))


class _DamagedError(Exception):
    """A packet file ends early or holds what was not written."""


class _Reader:
    """Reads pieces of a record and checks them at its end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._check = 0

    def take(self, size: int) -> bytes:
        piece = self._file.read(size)
        if len(piece) != size:
            raise _DamagedError
        self._check = zlib.crc32(piece, self._check)
        return piece

    def end(self) -> None:
        expected, self._check = self._check, 0
        if self._file.read(_CHECK.size) != _CHECK.pack(expected):
            raise _DamagedError


def account_of(path: Path) -> dict[str, Any] | None:
    """Return a packet file's account, `None` where the file isn't whole and undamaged."""
    with suppress(_DamagedError, OSError):
        for item in _items(path):
            if isinstance(item, dict):
                return item
    return None


def last_words(path: Path) -> dict[str, Any] | None:
    """Return a packet file's account, read from its end alone; `None` where there is none."""
    with suppress(_DamagedError, OSError), path.open("rb") as file:
        file.seek(-_FOOT.size - _CHECK.size, os.SEEK_END)
        reader = _Reader(file)
        (begin,) = _FOOT.unpack(reader.take(_FOOT.size))
        reader.end()
        file.seek(begin)
        *_, flags, _, size = _RECORD.unpack(reader.take(_RECORD.size))
        if flags == _ACCOUNT:
            return _account(reader, size)
    return None


def read_packets(path: Path) -> Iterator[Packet]:
    """Yield a file's packets. Raises `OutputError` where it is damaged or can't be read."""
    try:
        for item in _items(path):
            if not isinstance(item, dict):
                yield item
    except (_DamagedError, OSError) as error:
        raise OutputError(
            f"{path}: this part of the render is damaged; delete it and run again"
        ) from error


def _items(path: Path) -> Iterator["Packet | dict[str, Any]"]:
    """Yield a packet file's packets, and at its end its account."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise _DamagedError
        reader = _Reader(file)
        while True:
            begin = file.tell()
            pts, dts, duration, above, below, flags, sides, size = _RECORD.unpack(
                reader.take(_RECORD.size)
            )
            if flags == _ACCOUNT:
                account = _account(reader, size)
                if reader.take(_FOOT.size) != _FOOT.pack(begin):
                    raise _DamagedError
                reader.end()
                if file.read(1):
                    raise _DamagedError
                yield account
                return
            pieces = [_side(reader) for _ in range(sides)]
            packet: Packet = av.Packet(reader.take(size))
            reader.end()
            packet.pts = None if pts == _NONE else pts
            packet.dts = None if dts == _NONE else dts
            packet.duration, packet.time_base = duration, Fraction(above, below)
            packet.is_keyframe = bool(flags & _KEY)
            for kind, data in pieces:
                attach_data(packet, kind.decode(), data)
            yield packet


def _account(reader: _Reader, size: int) -> dict[str, Any]:
    text = reader.take(size)
    reader.end()
    account: dict[str, Any] = json.loads(text)
    return account


def _side(reader: _Reader) -> tuple[bytes, bytes]:
    name, size = _SIDE.unpack(reader.take(_SIDE.size))
    return name.rstrip(b"\0"), reader.take(size)
