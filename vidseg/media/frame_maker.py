"""Frames made of decoded pictures: cropped, converted, all of one size and shape."""

from dataclasses import dataclass
from fractions import Fraction

from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from vidseg.frames.frame import Frame, Shape
from vidseg.frames.geometry import Box
from vidseg.frames.letterbox import crop, letterboxed
from vidseg.media.frame_conversion import (
    colour_of,
    planes_of,
    recoloured,
    to_working,
    working_format,
)
from vidseg.media.side_data import PictureFilter, captions_of
from vidseg.media.track_header import TrackHeader, header_of
from vidseg.media.trim import TimedPicture
from vidseg.media.video_info import VideoInfo


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DecodedPicture(TimedPicture):
    """A decoded picture, its pixels' aspect ratio, and whether it came in two fields.

    `corrupt`: whether the decoder calls it damaged; `made_up`: how many times since the picture
    before weren't told by the container.
    """

    picture: VideoFrame
    sample_aspect_ratio: Fraction
    deinterlaced: bool
    corrupt: bool
    made_up: int


class FrameMaker:
    """Makes frames of pictures, all like the first or `info` in format, colours, size and shape."""

    def __init__(
        self, info: VideoInfo, picture_filter: PictureFilter | None, *, settle: bool
    ) -> None:
        self.wants_alpha = picture_filter is not None and info.alpha
        self._picture_filter = picture_filter
        self._format = working_format(info.pix_fmt)
        self._reformatter, self._captioner = VideoReformatter(), VideoReformatter()
        self._colour = info.frame_colour
        self._shape = None if settle else info.shape
        self._before: Shape | None = None

    def look_at(self, stream: VideoStream) -> None:
        """Learn what is told of the stream that pictures will come from."""
        self._header = header_of(stream)
        self._described = (stream.codec_context.width, stream.codec_context.height)

    def frame(self, picture: DecodedPicture) -> Frame:
        """Return the frame that shows a picture."""
        box = self._kept(picture.picture)
        shape = Shape(box.width, box.height, picture.sample_aspect_ratio)
        self._shape = self._shape or shape
        made = (
            picture.picture
            if self._picture_filter is None
            else self._picture_filter(picture.picture)
        )
        made = to_working(made, self._format, self._reformatter)
        self._colour = self._colour or colour_of(made)
        made = recoloured(made, self._colour, self._reformatter, self._shape.height)
        frame = Frame(
            planes=planes_of(made, self._format.dtype),
            pts=picture.pts,
            time_base=picture.time_base,
            duration=picture.duration,
            format=self._format,
            colour=self._colour,
            captions=captions_of(made, self._captioner),
            shape=shape,
            changed_from=self._before if self._before != shape else None,
            deinterlaced=picture.deinterlaced,
        )
        self._before = shape
        if (box.width, box.height) != (made.width, made.height):
            frame = crop(frame, box)
        return letterboxed(frame, self._shape)

    def _kept(self, picture: VideoFrame) -> Box:
        """Return what is shown of a picture: all but what the container crops at its size."""
        size = picture.width, picture.height
        return (self._header if size == self._described else TrackHeader()).kept(*size)
