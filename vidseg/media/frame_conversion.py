"""Conversion of PyAV's frames: colour tags, pixel formats, and planes as arrays."""

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from vidseg.frames.colour import Colour
from vidseg.frames.frame import WORKING_FORMATS, PixelFormat, Plane, Planes, as_plane
from vidseg.media.linear_light import is_linear, srgb_of

_RANGE_FULL = 2  # AVCOL_RANGE_JPEG


_RANGE_VIDEO = 1  # AVCOL_RANGE_MPEG


_RGB, _UNSPECIFIED = 0, 2  # AVCOL_SPC_RGB, AVCOL_SPC_UNSPECIFIED


_SRGB = Colour(full_range=True, matrix=_RGB, primaries=1, transfer=13)


_SWS_MATRIX = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}  # ITU-T H.273 → SWS_CS_*


def colour_of(source: object) -> Colour:
    """Return the colour tags of a frame or codec context.

    Grey pictures that some decoders tag with the matrix of RGB, which they haven't, name none.
    """
    matrix, layout = int(source.colorspace), source.format  # type: ignore[attr-defined]
    return Colour(
        full_range=int(source.color_range) == _RANGE_FULL,  # type: ignore[attr-defined]
        matrix=_UNSPECIFIED
        if matrix == _RGB and layout is not None and not layout.is_rgb
        else matrix,
        primaries=int(source.color_primaries),  # type: ignore[attr-defined]
        transfer=int(source.color_trc),  # type: ignore[attr-defined]
    )


def tag_colour(target: object, colour: Colour) -> None:
    """Write colour tags to a frame or codec context."""
    target.color_range = _RANGE_FULL if colour.full_range else _RANGE_VIDEO  # type: ignore[attr-defined]
    target.colorspace = colour.matrix  # type: ignore[attr-defined]
    target.color_primaries = colour.primaries  # type: ignore[attr-defined]
    target.color_trc = colour.transfer  # type: ignore[attr-defined]


def sws_matrix(colour: Colour, height: int) -> int:
    """Return swscale's number for the matrix, guessed by height where the file names none."""
    if colour.matrix in _SWS_MATRIX:
        return _SWS_MATRIX[colour.matrix]
    return 1 if height > 576 else 5


def working_format(name: str) -> PixelFormat:
    """Return the working format that keeps most of the pixel format `name`.

    Packed, semi-planar, grey and alpha variants map to the planar layout of their depth and chroma;
    RGB becomes 4:4:4, grey 4:2:0. Above 12 bits becomes 12 bits.
    """
    if name in WORKING_FORMATS:
        return WORKING_FORMATS[name]
    described = av.VideoFormat(name, 16, 16)
    parts = described.components
    bits = max((part.bits for part in parts), default=8)
    suffix = "" if bits <= 8 else "10le" if bits <= 10 else "12le"
    if described.is_rgb or described.has_palette:
        return WORKING_FORMATS["yuv444p" + suffix]
    if len(parts) < 3:
        return WORKING_FORMATS["yuv420p" + suffix]
    wide, tall = parts[1].width == 16, parts[1].height == 16
    # 4:1:1, 4:1:0 and 4:4:0 have no working format of their own: the next finer one loses nothing.
    sub = "444" if wide else "422" if tall else "420"
    return WORKING_FORMATS[f"yuv{sub}p{suffix}"]


def planes_of(frame: VideoFrame, dtype: type[np.uint8] | type[np.uint16] = np.uint8) -> Planes:
    """Return views of a planar frame's planes, [h, w] without padding, which keep it alive."""
    return tuple(_view(plane, dtype) for plane in frame.planes)


def _view(plane: "av.video.plane.VideoPlane", dtype: type[np.uint8] | type[np.uint16]) -> Plane:
    size = np.dtype(dtype).itemsize
    rows = np.frombuffer(memoryview(plane), dtype).reshape(plane.height, plane.line_size // size)
    return as_plane(rows[:, : plane.width])


def to_working(frame: VideoFrame, target: PixelFormat, reformatter: VideoReformatter) -> VideoFrame:
    """Return `frame` in the working format `target`, with its own colour range and matrix.

    RGB gets BT.709 above 576 lines and BT.601 otherwise, video range, and is tagged so. Linear
    light becomes sRGB first.
    """
    if frame.format.name == target.name:
        return frame
    if is_linear(frame.format.name):
        frame = _displayed(frame)
    colour = colour_of(frame)
    if frame.format.is_rgb or frame.format.has_palette:
        matrix = 1 if frame.height > 576 else 6
        new = reformatter.reformat(
            frame,
            format=target.name,
            dst_colorspace=_SWS_MATRIX[matrix],
            dst_color_range=_RANGE_VIDEO,
        )
        tag_colour(new, Colour(False, matrix, colour.primaries, colour.transfer))
        return new
    full = colour.full_range or frame.format.name.startswith("yuvj")
    matrix_number = sws_matrix(colour, frame.height)
    code = _RANGE_FULL if full else _RANGE_VIDEO
    new = reformatter.reformat(
        frame,
        format=target.name,
        src_colorspace=matrix_number,
        dst_colorspace=matrix_number,
        src_color_range=code,
        dst_color_range=code,
    )
    tag_colour(new, Colour(full, colour.matrix, colour.primaries, colour.transfer))
    return new


def _displayed(frame: VideoFrame) -> VideoFrame:
    """Return a picture of linear light in sRGB, of 16 bits, with the same times."""
    planes = [memoryview(plane) for plane in frame.planes]
    rgb = srgb_of(frame.format.name, planes, frame.width, frame.height)
    new = VideoFrame.from_ndarray(rgb, "rgb48le")
    tag_colour(new, _SRGB)
    new.pts, new.time_base, new.duration = frame.pts, frame.time_base, frame.duration
    new.key_frame = frame.key_frame  # type: ignore[misc]  # it can be set, which the stubs don't say
    return new


def recoloured(
    frame: VideoFrame, colour: Colour, reformatter: VideoReformatter, height: int
) -> VideoFrame:
    """Return `frame` in the range and matrix of `colour`; its transfer and primaries are kept.

    `height`: of the pictures that are of `colour`, by which a matrix is guessed where none is
    named.
    """
    own = colour_of(frame)
    if own.full_range == colour.full_range and own.weights(frame.height) == colour.weights(height):
        return frame
    new = reformatter.reformat(
        frame,
        format=frame.format.name,
        src_colorspace=sws_matrix(own, frame.height),
        dst_colorspace=sws_matrix(colour, height),
        src_color_range=_RANGE_FULL if own.full_range else _RANGE_VIDEO,
        dst_color_range=_RANGE_FULL if colour.full_range else _RANGE_VIDEO,
    )
    tag_colour(new, colour)
    return new


def new_frame(
    width: int, height: int, format_name: str, dtype: type[np.uint8] | type[np.uint16]
) -> tuple[VideoFrame, Planes]:
    """Return a fresh frame and writable views of its planes."""
    frame = VideoFrame(width, height, format_name)
    return frame, planes_of(frame, dtype)
