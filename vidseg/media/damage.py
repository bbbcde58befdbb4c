"""Damage: what of a source could not be read, noted while decoding, and added up."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

TIMES_OF_DAMAGE = "packets", "corrupt_frames", "made_up_times"
"""Names of what `Damage` lists by its times."""

_FOUND_ANEW = ("late_streams", "lost_background_frames")

Count = TypeVar("Count", int, float)


@dataclass(slots=True)
class Damage:
    """What of a source's span could not be read, noted while decoding.

    The times, in seconds of the source's clock, of `packets` that would not decode,
    `corrupt_frames` that the decoder itself called damaged, `made_up_times` of frames whose
    container should have told their time but didn't, or told one that lies before the last frame's;
    how many `unread` pictures the container's index lists behind what could be read, how many
    `late_streams` began after the file was opened and so are in no list, and `video_end`, the end
    of the last frame. `losing` tells when pictures should have been shown that never came out of
    the decoder, so far. `behind`: what of the background could not be read, each time that it was.
    """

    packets: list[Fraction] = field(default_factory=list)
    corrupt_frames: list[Fraction] = field(default_factory=list)
    made_up_times: list[Fraction] = field(default_factory=list)
    unread: int = 0
    late_streams: int = 0
    video_end: Fraction | None = None
    losing: Callable[[], list[Fraction]] = field(default=list, repr=False)
    holds: Callable[[Fraction], bool] = field(default=lambda _: True, repr=False)
    """Whether a time lies in the span."""
    behind: list["Damage"] = field(default_factory=list, repr=False)

    def fail(self, times: Iterable[Fraction]) -> None:
        """Note packets that would not decode, those of the span."""
        self.packets += filter(self.holds, times)

    def end_at(self, stop: Fraction) -> None:
        """Leave out what lies behind a span that ends at `stop` after all."""
        for name in TIMES_OF_DAMAGE:
            setattr(self, name, [time for time in getattr(self, name) if time < stop])
        lost = [time for time in self.losing() if time < stop]
        self.losing = lambda: lost
        self.unread, self.video_end = 0, stop

    def counts(self) -> dict[str, int]:
        """Return all that is counted, by name."""
        listed = {name: len(getattr(self, name)) for name in TIMES_OF_DAMAGE}
        return {**listed, "unread": self.unread, "late_streams": self.late_streams}

    def lost_behind(self) -> tuple[set[Fraction], int]:
        """Return when pictures of the background were lost, by its clock, and how many at its end.

        A background that is read again, in a loop or by a part of the render, loses no more.
        """
        read = self.behind.copy()  # any thread may ask
        return {time for each in read for time in each.losing()}, max(
            (each.unread for each in read), default=0
        )


def loss_behind(damage: Damage, path: Path) -> tuple[int, str | None]:
    """Return how many pictures of the background at `path` are lost, and the sentence on it."""
    times, more = damage.lost_behind()
    if not (count := len(times) + more):
        return 0, None
    are = "1 of its pictures is" if count == 1 else f"{count} of its pictures are"
    return count, f"{path}: the background is damaged, {are} lost"


def added_up(parts: Iterable[Mapping[str, Count]]) -> dict[str, Count]:
    """Return what is counted of a clip, by name, from what is of its parts.

    All are sums but what each part finds anew: that is the most of them.
    """
    whole: dict[str, Count] = {}
    for part in parts:
        for name, count in part.items():
            before = whole.get(name, 0)
            whole[name] = max(before, count) if name in _FOUND_ANEW else before + count
    return whole
