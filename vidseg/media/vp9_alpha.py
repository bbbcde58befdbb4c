"""The alpha of a VP9 video: a lossless stream of its own whose packets ride on the colours'.

libvpx's own coding of alpha takes the quality of the colours: at crf 24 a real clip's alpha was off
by 44 of 255 at edges. Without loss and with the encoder's quickest search, alpha costs less time
than that, and about as many bits as the colours do.
"""

from collections import deque
from fractions import Fraction

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from vidseg.errors import OutputError
from vidseg.frames.colour import Colour
from vidseg.frames.frame import Plane
from vidseg.media.ffmpeg import Packet, attach_data, av_errors
from vidseg.media.frame_conversion import new_frame, tag_colour

TAG = {"alpha_mode": "1"}
"""What says that a stream's packets carry alpha."""

_OPTIONS = {
    "lossless": "1",
    "b": "0",
    "deadline": "realtime",
    "cpu-used": "8",
    "row-mt": "1",
    "auto-alt-ref": "0",
    "lag-in-frames": "0",
}
_ADDITION = (1).to_bytes(8, "big")
"""Which addition to a block alpha is (WebM's VP8 alpha side stream, 2012), before its bytes."""


class Vp9AlphaEncoder:
    """Takes the alpha of every frame, and puts it on the packet in which the frame's colours come.

    A key frame of the alpha stands on every key frame of the colours, so that a player can begin
    there. What the encoder of the colours looks ahead is held: [height, width] uint8 for each
    frame.
    """

    def __init__(self, width: int, height: int) -> None:
        context = av.CodecContext.create("libvpx-vp9", "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base = Fraction(1, 1000)
        context.options = _OPTIONS
        tag_colour(context, Colour(full_range=True))
        self._context = context
        self._waiting: deque[Plane] = deque()
        self._count = 0

    def add(self, alpha: Plane) -> None:
        """Take the alpha of the next frame, uint8 [height, width]."""
        self._waiting.append(alpha)

    def attach(self, packet: Packet) -> Packet:
        """Return the packet of the next frame's colours with its alpha. Raises `OutputError`."""
        frame, planes = new_frame(self._context.width, self._context.height, "yuv420p", np.uint8)
        planes[0][:] = self._waiting.popleft()
        for chroma in planes[1:]:
            chroma[:] = 128
        tag_colour(frame, Colour(full_range=True))
        frame.pts, frame.time_base = self._count, self._context.time_base
        frame.pict_type = 1 if packet.is_keyframe else 0  # I, or as the encoder likes
        self._count += 1
        with av_errors(OutputError, "encoding alpha with vp9 failed"):
            (coded,) = self._context.encode(frame)
        attach_data(packet, "matroska_block_additional", _ADDITION + bytes(coded))
        return packet
