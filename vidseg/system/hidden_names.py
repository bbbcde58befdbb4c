"""Hidden file names beside an output, cut to what its file system takes."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

_MOST_BYTES = 255
"""Bytes of a file's name that nearly every file system takes."""

_SHOWN_BYTES = 40
"""Bytes of an output's name that temporary names begin with, for people who find one."""

_DIGITS = 16


def beside(path: Path, ending: str) -> Path:
    """Return ``.NAME.ENDING`` beside `path`, the same for the same name whenever it is asked for.

    Where that is too long, a checksum of the name stands for what is cut off.
    """
    name = f".{path.name}.{ending}"
    most = _longest(path.parent)
    if len(os.fsencode(name)) > most:
        digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:_DIGITS]
        rest = f".{digest}.{ending}"
        name = f".{_begun(path.name, most - 1 - len(rest))}{rest}"
    return path.with_name(name)


def temporary(path: Path, ending: str = ".part") -> Path:
    """Return a new hidden name beside `path` that nobody else has."""
    return path.with_name(f"{prefix(path)}{os.urandom(6).hex()}{ending}")


def prefix(path: Path) -> str:
    """Return what temporary names begin with that belong to `path`."""
    return f".{_begun(path.stem, _SHOWN_BYTES)}."


def _begun(name: str, most: int) -> str:
    """Return the beginning of a name in at most `most` bytes, in whole characters."""
    return os.fsencode(name)[:most].decode("utf-8", "ignore")


def _longest(folder: Path) -> int:
    """Return how many bytes a name in `folder` may have."""
    with suppress(
        OSError, ValueError, AttributeError
    ):  # no such folder yet, or a system that doesn't tell
        most = os.pathconf(folder, "PC_NAME_MAX")
        return min(_MOST_BYTES, most) if most > 0 else _MOST_BYTES
    return _MOST_BYTES
