"""Edit lists of MP4 and MOV as cutters write them, which leave what they cut away in the file."""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

PAUSE = None
"""In place of where an edit begins in the track: nothing is played for its length."""


def set_edits(path: Path, edits: Sequence[tuple[float, float | None]]) -> Path:
    """Let each track of a file play these edits, in seconds: (length, begin in it or `PAUSE`).

    The index of the file has to be its last box, as it is without ``faststart``.
    """
    data = path.read_bytes()
    (place,) = (at for at, name, _ in _boxes(data) if name == b"moov")
    movie = [(name, body) for _, name, body in _boxes(data[place + 8 :])]
    header = next(body for name, body in movie if name == b"mvhd")
    ticks = struct.unpack_from(">I", header, 12)[0]
    total = round(sum(length for length, _ in edits) * ticks)
    edited = [
        (name, _track(body, edits, ticks, total) if name == b"trak" else body)
        for name, body in movie
    ]
    edited = [(name, _put(body, 16, total) if name == b"mvhd" else body) for name, body in edited]
    path.write_bytes(data[:place] + _box(b"moov", b"".join(_box(*box) for box in edited)))
    return path


def _track(
    body: bytes, edits: Sequence[tuple[float, float | None]], ticks: int, total: int
) -> bytes:
    boxes = [(name, inner) for _, name, inner in _boxes(body) if name != b"edts"]
    media = next(inner for name, inner in boxes if name == b"mdia")
    own_ticks = struct.unpack_from(
        ">I", next(inner for _, name, inner in _boxes(media) if name == b"mdhd"), 12
    )[0]
    rows = b"".join(
        struct.pack(
            ">IiI",
            round(length * ticks),
            -1 if begin is None else round(begin * own_ticks),
            1 << 16,
        )
        for length, begin in edits
    )
    table = _box(b"elst", struct.pack(">II", 0, len(edits)) + rows)
    first, *rest = [
        (name, _put(inner, 20, total) if name == b"tkhd" else inner) for name, inner in boxes
    ]
    return b"".join(_box(*box) for box in (first, (b"edts", table), *rest))


def _put(body: bytes, at: int, number: int) -> bytes:
    return body[:at] + struct.pack(">I", number) + body[at + 4 :]


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + name + body


def _boxes(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield where each box begins, its name and its body."""
    at = 0
    while at + 8 <= len(data):
        size = struct.unpack_from(">I", data, at)[0]
        yield at, data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size
