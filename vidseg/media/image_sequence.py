"""Image sequences: patterns such as ``frames/%05d.png``, and the numbers there."""

import itertools
import re
from contextlib import suppress
from pathlib import Path

from vidseg.errors import InputError, VidsegError

VIDEO_SUFFIXES = (
    ".3g2",
    ".3gp",
    ".avi",
    ".flv",
    ".m2ts",
    ".m4v",
    ".mkv",
    ".mov",
    ".mp4",
    ".mpeg",
    ".mpg",
    ".mts",
    ".mxf",
    ".ogv",
    ".ts",
    ".vob",
    ".webm",
    ".wmv",
)
"""Endings of clips, whose names never stand for a sequence: ``50%discount.mp4`` is one file."""

PICTURE_SUFFIXES = (
    ".avif",
    ".bmp",
    ".dpx",
    ".exr",
    ".hdr",
    ".jpeg",
    ".jpg",
    ".jp2",
    ".pfm",
    ".pgm",
    ".png",
    ".ppm",
    ".tga",
    ".tif",
    ".tiff",
    ".webp",
)
"""Endings of pictures, which may be a clip's."""

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".avif", ".ppm")
"""Endings of pictures that are photos where they stand alone."""

NO_PHOTO = f"one picture is a photo if it ends in {', '.join(PHOTO_SUFFIXES)}; make such a one"
"""What to do with a picture of another kind."""

_PLACE = re.compile(r"%(0?)(\d*)d")
_MOST_SHOWN = 5


def is_numbered(path: Path) -> bool:
    """Whether the path's name stands for a sequence: it holds ``%d`` or ``%05d`` for a number."""
    return _PLACE.search(path.name) is not None and path.suffix.lower() not in VIDEO_SUFFIXES


def is_sequence(path: Path) -> bool:
    """Whether a source is numbered pictures, and no file of that very name."""
    return is_numbered(path) and not path.exists()


def name_of(path: Path, number: int) -> Path:
    """Return the path of picture `number` of the sequence `path`."""
    return path.with_name(_PLACE.sub(lambda place: _digits(place, number), path.name, count=1))


def _digits(place: re.Match[str], number: int) -> str:
    width = int(place[2] or 0)
    return f"{number:0{width}d}" if place[1] else f"{number:{width}d}"


def holds(path: Path, picture: Path) -> bool:
    """Whether the name of a picture is one of the sequence's, whatever its number."""
    if path.parent.resolve() != picture.parent.resolve():
        return False
    found = _pattern(path).fullmatch(picture.name)
    return found is not None and name_of(path, int(found[1])).name == picture.name


def common_name(path: Path) -> str:
    """Return what the names of a sequence's pictures share, or else their folder's name.

    It names a clip made of them. ``day1/shot_%04d.png`` is ``shot``, ``day1/%04d.png`` is ``day1``.
    """
    return _PLACE.sub("", path.stem, count=1).strip("._- ") or path.absolute().parent.name


def numbers(path: Path) -> list[int]:
    """Return the numbers of the sequence's pictures that exist, rising; none without a folder."""
    if not path.parent.is_dir():
        return []
    pattern = _pattern(path)
    found = (pattern.fullmatch(entry.name) for entry in path.parent.iterdir())
    return sorted(int(m[1]) for m in found if m and name_of(path, int(m[1])).name == m[0])


def _pattern(path: Path) -> re.Pattern[str]:
    place = _PLACE.search(path.name)
    assert place is not None, "asked of a sequence only"
    before, after = path.name[: place.start()], path.name[place.end() :]
    return re.compile(f"{re.escape(before)}(\\d+){re.escape(after)}")


def first_number(path: Path, kind: type[VidsegError]) -> int:
    """Return the first number of a sequence to read. Raises `kind` if it is empty or has gaps."""
    there = numbers(path)
    if not there:
        raise kind(f"{path}: no such pictures, such as {name_of(path, 1)}")
    count = there[-1] - there[0] + 1 - len(there)
    if count:
        gaps = (n for low, high in itertools.pairwise(there) for n in range(low + 1, high))
        shown = ", ".join(map(str, itertools.islice(gaps, _MOST_SHOWN)))
        more = f" and {count - _MOST_SHOWN} more" if count > _MOST_SHOWN else ""
        raise kind(
            f"{path}: numbers {shown}{more} are missing between {there[0]} and {there[-1]}; "
            "bring them back, or move one stretch into a folder of its own"
        )
    return there[0]


def sequence_near(path: Path) -> Path | None:
    """Return the name of the sequence that a user may mean, `None` where there is none.

    `path` may be a folder, a pattern of the shell's (``*.png``), hashes in the number's place
    (``shot.####.png``), or one of the pictures that are there.
    """
    if path.is_dir():
        return _longest(path, "*")
    place = r"\d+(?=\D*$)" if path.is_file() else "#+"
    pattern = re.sub(place, "*", path.name)
    return _longest(path.parent, pattern) if re.search(r"[*?\[]", pattern) else None


def pictures_near(path: Path, kind: type[VidsegError]) -> str:
    """Return how numbered pictures that may be meant are named, nothing where there are none."""
    near = sequence_near(path)
    rate = ", and say their rate, such as --fps 24" if kind is InputError else ""
    return "" if near is None else f"; name its pictures as {near}{rate}"


def _longest(folder: Path, pattern: str) -> Path | None:
    """Return the sequence of most pictures among the files of a folder that match `pattern`."""
    found: dict[tuple[str, str], list[str]] = {}
    for entry in folder.glob(pattern) if folder.is_dir() else ():
        name = re.fullmatch(r"(.*?)(\d+)(\D*)", entry.stem)
        if name is not None and entry.suffix.lower() in PICTURE_SUFFIXES:
            found.setdefault((name[1], name[3] + entry.suffix), []).append(name[2])
    if not found:
        return None
    before, after = max(found, key=lambda ends: len(found[ends]))
    return folder / f"{before}{_place(found[before, after])}{after}"


def _place(digits: list[str]) -> str:
    """Return the place for numbers that are written like `digits`."""
    widths = {len(each) for each in digits}
    padded = len(widths) == 1 or any(each.startswith("0") for each in digits)
    return f"%0{min(widths)}d" if padded and min(widths) > 1 else "%d"


def first_readable(path: Path, number: int) -> int:
    """Return the first number from `number` on whose picture isn't empty, `number` if all are."""
    there = (each for each in numbers(path) if each >= number)
    return next((each for each in there if _has_data(name_of(path, each))), number)


def _has_data(path: Path) -> bool:
    with suppress(OSError):
        return path.is_file() and path.stat().st_size > 0
    return False
