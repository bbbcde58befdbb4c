"""Borders of segments: fixed times of the source's clock, the same however it is rendered. Pure.

Long renders are written in segments that begin at multiples of `SEGMENT_S`. Masks depend on what
came before, so every render forgets it at a restart `LEAD_S` before each of those borders; whoever
renders from there finds the very masks of a render from the beginning.
"""

from fractions import Fraction

SEGMENT_S = 10
"""Length of a segment: what a render that is killed loses at most."""

MOST_SEGMENTS = 30_000
"""Segments of a render at most, 83 hours: a jump of the clock may ask for more, all empty."""

LEAD_S = 1
"""Seconds from a restart to its border: more than half the default window of smoothing."""

SHOT_LEAD_S = 1
"""Of pictures before a restart that tell how much change is usual; cuts are then found alike."""


def segment_at(time: Fraction) -> int:
    """Return the number of the segment that `time`, in seconds of the source's clock, lies in."""
    return int(time // SEGMENT_S)


def border(segment: int) -> Fraction:
    """Return the time at which a segment begins."""
    return Fraction(segment * SEGMENT_S)


def stretch_at(time: Fraction) -> int:
    """Return how many restarts, counted from time 0, lie at or before `time`."""
    return segment_at(time + LEAD_S)


def restart_before(segment: int, window_s: float) -> Fraction:
    """Return the restart from which masks are right once `segment` begins.

    `window_s` is the width of the window of smoothing: half of it must lie after the
    restart.
    """
    needed = border(segment) - Fraction(window_s) / 2
    return border(stretch_at(needed)) - LEAD_S
