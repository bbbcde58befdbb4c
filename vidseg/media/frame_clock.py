"""Presentation times of decoded pictures, made strictly increasing."""

import itertools
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

from vidseg.media.video_info import VideoInfo

_DECODING_TIME_ONLY = ("avi", "mpegvideo", "h264", "hevc", "m4v")
"""Containers that store no presentation times."""

_MOST_UNTIMED = 64
"""How many pictures at the start may wait for one with a time; each is as large as a frame."""


def has_decoding_times_only(container: str) -> bool:
    """Whether containers of this name (FFmpeg's) store no presentation times."""
    return container in _DECODING_TIME_ONLY


def usual_step(info: VideoInfo) -> int:
    """Return a picture's usual duration in ticks of the stream's time base; at least 1."""
    return max(1, round(1 / (info.average_rate or Fraction(25)) / info.time_base))


class FrameClock:
    """Gives every picture a time, strictly increasing, in the stream's time base.

    Trusts presentation times while they rise. Containers that only know decoding times (AVI, raw
    streams) give them out of order or not at all: there decoding times are used, as
    `vidseg.media.expected_pictures` gives them out. What has neither follows its predecessor at the
    average rate. Of pictures with one and the same time, the later are shown a tick later. Pictures
    are PyAV's.
    """

    def __init__(self, info: VideoInfo) -> None:
        self.by_decoding_time = has_decoding_times_only(info.container)
        self.step = usual_step(info)
        self.start = round(info.start / info.time_base)
        self.last: int | None = None
        self.made_up = 0
        """How many times the container failed to tell, or told before the last picture's."""

    def timed(self, pictures: Iterable[Any]) -> Iterator[Any]:
        """Yield the pictures with a `pts` each."""
        rest = iter(pictures)
        for picture in itertools.chain(self._beginning(rest), rest):
            picture.pts = self._time(picture)
            yield picture

    def _time(self, picture: Any) -> int:
        raw = self._told(picture)
        if raw is None:
            self.made_up += not self.by_decoding_time
            raw = self.start if self.last is None else self.last + (picture.duration or self.step)
        if self.last is not None and raw <= self.last:
            self.made_up += raw < self.last
            raw = self.last + 1
        self.last = raw
        return raw

    def _told(self, picture: Any) -> int | None:
        """Return the time that the container tells, `None` where it doesn't."""
        ticks: int | None = picture.dts if self.by_decoding_time else picture.pts
        return ticks

    def _beginning(self, pictures: Iterator[Any]) -> Iterator[Any]:
        """Yield the first pictures, those without a time counted back from the first with one."""
        early: list[Any] = []
        for picture in pictures:
            early.append(picture)
            if self.by_decoding_time or picture.pts is not None or len(early) == _MOST_UNTIMED:
                break
        first = early[-1].pts if early else None
        if first is not None:
            for place, picture in enumerate(early[:-1]):
                picture.pts = first - (len(early) - 1 - place) * self.step
                self.made_up += 1
        yield from early
