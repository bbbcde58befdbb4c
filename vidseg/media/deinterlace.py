"""Deinterlacing (bwdif), one frame for one frame; progressive pictures pass."""

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
from av.filter import Graph
from av.video.frame import VideoFrame


def deinterlaced(pictures: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, bool]]:
    """Yield every picture at its time, and whether it was interlaced.

    What was interlaced, bwdif has made progressive. Each picture says for itself. The filter looks
    at those before and behind, so it is fed with all from the one before the first interlaced one
    on; it begins anew where pictures become larger or smaller.
    """
    fields: _Fields | None = None
    before: VideoFrame | None = None
    for picture in pictures:
        if fields is not None and _layout(picture) != fields.layout:
            yield from fields.rest()
            fields = before = None
        if fields is not None:
            yield from fields.push(picture)
        elif picture.interlaced_frame:
            fields = _Fields(picture)
            alike = before is not None and _layout(before) == fields.layout
            yield from fields.begin(before if alike else None, picture)
            before = None
        else:
            yield picture, False
            before = picture
    if fields is not None:
        yield from fields.rest()


def _layout(picture: VideoFrame) -> tuple[int, int, str]:
    return picture.width, picture.height, picture.format.name


class _Fields:
    """The filter, and the pictures that it has not given back."""

    def __init__(self, like: VideoFrame) -> None:
        self.layout = _layout(like)
        self._graph = Graph()
        self._time_base = like.time_base or Fraction(1, 1000)
        self._source = self._graph.add_buffer(
            width=like.width, height=like.height, format=like.format, time_base=self._time_base
        )
        filtered = self._graph.add("bwdif", "mode=send_frame:deint=interlaced")
        sink = self._graph.add("buffersink")
        self._source.link_to(filtered)
        filtered.link_to(sink)
        self._graph.configure()
        self._waiting: deque[VideoFrame] = deque()

    def begin(
        self, before: VideoFrame | None, first: VideoFrame
    ) -> Iterator[tuple[VideoFrame, bool]]:
        """Push the first picture; the one `before` it is looked at only."""
        if before is not None:
            for _ in self.push(before):
                pass
        for picture, was in self.push(first):
            if picture is not before:
                yield picture, was

    def push(self, picture: VideoFrame) -> Iterator[tuple[VideoFrame, bool]]:
        """Yield what the filter gives for one picture more."""
        self._waiting.append(picture)
        self._source.push(picture)
        yield from self._pulled()

    def rest(self) -> Iterator[tuple[VideoFrame, bool]]:
        """Yield what is left, and end."""
        self._source.push(None)
        yield from self._pulled()

    def _pulled(self) -> Iterator[tuple[VideoFrame, bool]]:
        while True:
            try:
                made = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            assert isinstance(made, VideoFrame)
            picture = self._waiting.popleft()
            if not picture.interlaced_frame:
                yield picture, False
                continue
            made.pts, made.time_base, made.duration = (
                picture.pts,
                picture.time_base,
                picture.duration,
            )
            yield made, True
