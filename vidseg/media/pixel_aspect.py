"""Pixel aspect ratio of each picture, where it changes within a stream."""

from fractions import Fraction

import av
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

_WATCHED = 128
"""Pictures to look at one by one after the decoder told of another shape; it holds fewer."""

_UNIT, _MOST = 1000, 16000
"""Columns that stand for a shape of 1, and the most there may be."""


class PixelShapes:
    """Tells the shape of the pixels of every picture that a stream gives, in order.

    Where the container states a shape, it holds until the decoder's changes. The decoder tells of a
    change too early, by the pictures that it still has to give out. Each of these carries its own
    shape, which PyAV has no name for; but a filter can be asked for as many columns as it is wide.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._context = stream.codec_context
        self._told = self._context.sample_aspect_ratio
        self._now = stream.sample_aspect_ratio or Fraction(1)
        self._known = {self._told or Fraction(1): self._now}
        self._left = 0
        self._begun = self._until_key = False
        self._ruler: _Ruler | None = None

    def of(self, picture: VideoFrame) -> Fraction:
        """Return the shape of a picture's pixels, width by height."""
        told = self._context.sample_aspect_ratio
        if told != self._told:
            # To pictures of before that tell none of their own, FFmpeg gives the new one.
            self._until_key = self._begun and not self._told
            self._told, self._left = told, _WATCHED
            self._known.setdefault(told or Fraction(1), told or Fraction(1))
        if self._left:
            self._left -= 1
            self._until_key = self._until_key and not picture.key_frame
            self._now = self._now if self._until_key else self._known[self._measured(picture)]
        self._begun = True
        return self._now

    def _measured(self, picture: VideoFrame) -> Fraction:
        try:
            if self._ruler is None or not self._ruler.fits(picture):
                self._ruler = _Ruler(picture)
            columns = self._ruler.measure(picture)
        except (av.FFmpegError, ValueError):  # a pixel format that no filter takes
            return self._told or Fraction(1)
        off = {shape: abs(min(shape * _UNIT, Fraction(_MOST)) - columns) for shape in self._known}
        return min(off, key=lambda shape: off[shape])


class _Ruler:
    """A corner of a picture made as wide as its pixels."""

    def __init__(self, like: VideoFrame) -> None:
        self._layout = (like.width, like.height, like.format.name)
        self._graph = Graph()
        self._source = self._graph.add_buffer(
            width=like.width, height=like.height, format=like.format, time_base=like.time_base
        )
        corner = self._graph.add("crop", "w=min(16\\,iw):h=min(16\\,ih):x=0:y=0")
        wide = self._graph.add("scale", f"w=min(round(sar*{_UNIT})\\,{_MOST}):h=2:eval=frame")
        self._sink = self._graph.add("buffersink")
        self._source.link_to(corner)
        corner.link_to(wide)
        wide.link_to(self._sink)
        self._graph.configure()

    def fits(self, picture: VideoFrame) -> bool:
        """Whether the picture has the size and format of the first."""
        return self._layout == (picture.width, picture.height, picture.format.name)

    def measure(self, picture: VideoFrame) -> int:
        """Return the width of the picture's pixels, in thousandths of their height."""
        self._source.push(picture)
        made = self._graph.pull()
        assert isinstance(made, VideoFrame)
        return made.width
