"""Notes on lost pictures: how many, and where. Pure."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from vidseg.media.image_sequence import is_sequence, name_of, numbers
from vidseg.media.video_info import VideoInfo

_MOST_SHOWN = 5


def loss_note(
    info: VideoInfo, lost: Sequence[Fraction], unread: int, missing_bytes: int
) -> str | None:
    """Return the sentence on what of a source is lost, `None` where nothing is.

    `lost`: when pictures should have been shown, in seconds of the source's clock, rising;
    `unread`: how many more its index lists at the end; `missing_bytes`: by how much the file is
    shorter than it says.
    """
    parts = []
    if lost:
        are = "1 picture is" if len(lost) == 1 else f"{len(lost)} pictures are"
        parts.append(f"{are} lost, {_where(info, lost)}")
    if unread:
        parts.append(
            f"{unread} {'picture' if unread == 1 else 'pictures'} at the end can't be read"
        )
    if missing_bytes:
        parts.append(f"the file is {missing_bytes} bytes shorter than it says")
    return f"{info.path}: {'; '.join(parts)}" if parts else None


def _where(info: VideoInfo, lost: Sequence[Fraction]) -> str:
    if names := _names(info, [int(time / info.time_base) for time in lost]):
        return _listed(names[:_MOST_SHOWN], len(lost))
    return listed_times([time - info.container_start for time in lost])


def listed_times(times: Sequence[Fraction]) -> str:
    """Return when something happened, in seconds: ``at 1.000 s, 2.000 s and 7 more``."""
    return f"at {_listed([f'{float(time):.3f} s' for time in times[:_MOST_SHOWN]], len(times))}"


def _names(info: VideoInfo, places: Sequence[int]) -> list[str]:
    """Return the names of pictures by their places in a sequence; none of what is no sequence.

    Nor of one that has fewer pictures than it had when it was opened.
    """
    path = Path(info.path)
    there = numbers(path) if is_sequence(path) else []
    count = max(1, round((info.duration or 0) / info.time_base), 1 + max(places))
    return [] if len(there) < count else [name_of(path, there[place]).name for place in places]


def _listed(words: Sequence[str], count: int) -> str:
    """Return words in a row: ``a, b and c``, or ``a, b and 7 more``."""
    if count > len(words):
        return f"{', '.join(words)} and {count - len(words)} more"
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
