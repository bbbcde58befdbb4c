"""SMPTE ST 12 timecode, moved by a number of frames; pure."""

import re
from fractions import Fraction


def moved_timecode(timecode: str, by: Fraction, rate: Fraction) -> str:
    """Return the ``HH:MM:SS:FF`` timecode `by` seconds later at `rate` frames per second.

    A semicolon before the frames means drop-frame counting: at 29.97 and 59.94 frames per second
    the first numbers of every minute are skipped, but not of every tenth. What is no timecode comes
    back as it is.
    """
    match = re.fullmatch(r"(\d+):(\d\d):(\d\d)([:;.])(\d+)", timecode.strip())
    if match is None:
        return timecode
    hours, minutes, seconds, frames = (int(match[i]) for i in (1, 2, 3, 5))
    base = round(rate)
    skipped = base // 15 if match[4] in ";." and base % 30 == 0 else 0
    total_minutes = hours * 60 + minutes
    number = (
        (total_minutes * 60 + seconds) * base
        + frames
        - skipped * (total_minutes - total_minutes // 10)
    )
    return _written(number + round(by * rate), base, skipped, match[4])


def _written(number: int, base: int, skipped: int, mark: str) -> str:
    if skipped:
        per_ten = 600 * base - 9 * skipped
        tens, rest = divmod(number, per_ten)
        after_first = max(0, rest - 60 * base)
        minutes_in = (after_first // (60 * base - skipped) + 1) if rest >= 60 * base else 0
        number += skipped * (9 * tens + minutes_in)
    seconds, frames = divmod(number, base)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours % 24:02d}:{minutes:02d}:{seconds:02d}{mark}{frames:02d}"
