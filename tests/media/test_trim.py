"""Where a cut ends: with a frame, or in one that stays for longer than usual."""

from fractions import Fraction

import pytest

from vidseg.media.trim import TimedPicture, within

TICK = Fraction(1, 1000)


@pytest.mark.parametrize(
    ("end", "lasts"),
    [(2950, 100), (3000, 100), (3040, 140), (3100, 200), (9000, 200)],
)
def test_a_frame_before_a_lost_one_ends_with_the_cut(end: int, lasts: int) -> None:
    """It lasts twice as long, which was left as it was: up to a frame's length beyond the end."""
    frames = [_frame(2800, 100), _frame(2900, 200)]
    assert [frame.duration for frame in _until(frames, end)] == [100, lasts]


def test_frames_of_a_rough_clock_are_whole() -> None:
    """A clock of milliseconds has some that last longer than others, which isn't cut off."""
    assert [frame.duration for frame in _until([_frame(0, 110)], 50)] == [110]


def _frame(pts: int, duration: int) -> TimedPicture:
    return TimedPicture(pts=pts, time_base=TICK, duration=duration)


def _until(frames: list[TimedPicture], end: int) -> list[TimedPicture]:
    return list(within(frames, None, end * TICK, 100, on_screen=True, sharp=True))
