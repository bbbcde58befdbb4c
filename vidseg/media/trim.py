"""Trimming of frames to a time range, with the one on screen where it begins. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeVar


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TimedPicture:
    """What is shown from `pts` on, for `duration` ticks of `time_base` seconds."""

    pts: int
    time_base: Fraction
    duration: int

    @property
    def time(self) -> Fraction:
        """When it begins, in seconds, exact."""
        return self.pts * self.time_base


Shown = TypeVar("Shown", bound=TimedPicture)


def within(
    frames: Iterable[Shown],
    start: Fraction | None,
    end: Fraction | None,
    step: int,
    *,
    on_screen: bool,
    sharp: bool,
) -> Iterator[Shown]:
    """Yield the frames that begin in [start, end), seconds of their clock; `None`: no bound.

    With `on_screen`, the one before `start` begins there, if it stays for longer than the next one
    lasts, or than two usual ones do. With `sharp`, the last one ends at `end`, or when a usual one
    would, if that is later. `step`: how many ticks a frame usually lasts.
    """
    for frame in _begun(frames, start, end, step, on_screen=on_screen):
        yield frame if end is None or not sharp else _ended(frame, end, step)


def _begun(
    frames: Iterable[Shown],
    start: Fraction | None,
    end: Fraction | None,
    step: int,
    *,
    on_screen: bool,
) -> Iterator[Shown]:
    before: Shown | None = None
    for frame in frames:
        if start is not None and frame.time < start:
            before = frame if on_screen else None
            continue
        if before is not None and start is not None:
            yield from _later(before, start, frame.pts, min(frame.duration, 2 * step))
            before = None
        if end is not None and frame.time >= end:
            return
        yield frame
    if before is not None and start is not None:
        yield from _later(before, start, before.pts + before.duration, step)


def _later(frame: Shown, start: Fraction, until: int, usual: int) -> Iterator[Shown]:
    """Yield a frame shown until `until` as beginning at `start`, if it stays beyond `usual`."""
    pts = -(-start // frame.time_base)
    if until - pts > usual:
        yield replace(frame, pts=pts, duration=until - pts)


def _ended(frame: Shown, end: Fraction, step: int) -> Shown:
    """Return a frame, cut at `end` seconds if it lasts beyond that and for longer than usual.

    One that lasts for less than half a usual one more is no longer than clocks make it.
    """
    lasts = max(step, -(-end // frame.time_base) - frame.pts)
    unusual = 2 * frame.duration >= 3 * step
    return replace(frame, duration=lasts) if unusual and frame.duration > lasts else frame
