"""Compositing of pictures with alpha over black, as players show them."""

from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from vidseg.frames.colour import Colour
from vidseg.frames.frame import Plane
from vidseg.media.frame_conversion import colour_of, new_frame, planes_of, sws_matrix, tag_colour
from vidseg.media.linear_light import is_linear
from vidseg.media.side_data import has_alpha


class Flattener:
    """Lays one picture after another on black; those without transparency stay as they are.

    Floats of linear light stay too: their colours are multiplied by alpha already.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def __call__(self, picture: VideoFrame) -> VideoFrame:
        """Return the picture without alpha, of 4:4:4 where it had any."""
        layout = picture.format
        if not has_alpha(layout) or is_linear(layout.name):
            return picture
        planar = len(layout.components) > 3 and not layout.is_rgb
        flat = self._luma_and_chroma(picture) if planar else self._rgb(picture)
        flat.pts, flat.time_base, flat.duration = picture.pts, picture.time_base, picture.duration
        return flat

    def _rgb(self, picture: VideoFrame) -> VideoFrame:
        deep = max(part.bits for part in picture.format.components) > 8
        whole = self._reformatter.reformat(picture, format="rgba64le" if deep else "rgba")
        channels: NDArray[Any] = whole.to_ndarray()
        share = channels[..., 3:] / np.float32(np.iinfo(channels.dtype).max)
        mixed = np.rint(channels[..., :3] * share).astype(channels.dtype)
        flat = VideoFrame.from_ndarray(mixed, "rgb48le" if deep else "rgb24")
        own = colour_of(picture)
        tag_colour(flat, Colour(True, 0, own.primaries, own.transfer))
        return flat

    def _luma_and_chroma(self, picture: VideoFrame) -> VideoFrame:
        bits = picture.format.components[0].bits
        suffix, bits = ("", 8) if bits <= 8 else ("10le", 10) if bits <= 10 else ("12le", 12)
        colour, dtype = colour_of(picture), np.uint8 if bits == 8 else np.uint16
        matrix, code = sws_matrix(colour, picture.height), 2 if colour.full_range else 1
        whole = self._reformatter.reformat(
            picture,
            format=f"yuva444p{suffix}",
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=code,
            dst_color_range=code,
        )
        flat, out = new_frame(picture.width, picture.height, f"yuv444p{suffix}", dtype)
        *planes, alpha = planes_of(whole, dtype)
        share = alpha / np.float32((1 << bits) - 1)
        floors = (0 if colour.full_range else 16, 128, 128)
        for plane, target, floor in zip(planes, out, floors, strict=True):
            target[:] = _faded(plane, share, floor << (bits - 8))
        tag_colour(flat, colour)
        return flat


def _faded(plane: Plane, share: NDArray[np.float32], floor: int) -> NDArray[np.float32]:
    """Return code values as near to `floor` as `share`, in [0, 1], says."""
    faded: NDArray[np.float32] = np.rint(floor + (plane.astype(np.float32) - floor) * share)
    return faded
