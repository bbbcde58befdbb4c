"""The clock of reports: times as people read them. Pure."""

from fractions import Fraction


def clock(time: Fraction) -> str:
    """Return seconds as ``HH:MM:SS.mmm``."""
    milliseconds = round(abs(time) * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if time < 0 and milliseconds else ""
    return f"{sign}{hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
