"""Side data of frames: display matrix, alpha, closed captions, HDR metadata."""

import re
import struct
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any, TypeAlias

from av.codec import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from vidseg.frames.geometry import Orientation

Decoder: TypeAlias = VideoStream | VideoCodecContext
PictureFilter: TypeAlias = Callable[[VideoFrame], VideoFrame]

_TINY = 16
"""Side in pixels of the pictures that carry captions."""

_ITU601 = 5
"""swscale's number of a matrix that it surely knows; between pictures of one kind any will do."""


def orientation_of(matrix: tuple[int, ...] | None) -> Orientation:
    """Return the nearest of eight orientations to a display matrix (nine 16.16 numbers, row-major).

    In FFmpeg's convention a point (p, q) is shown at (a·p + c·q, b·p + d·q), y downwards.
    """
    if matrix is None:
        return Orientation()
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    mirrored = a * d - b * c < 0
    if mirrored:
        a, c = -a, -c
    turns = {(1, 0): 0, (0, 1): 1, (-1, 0): 2, (0, -1): 3}
    column = (_sign(a), 0) if abs(a) >= abs(b) else (0, _sign(b))
    return Orientation(turns.get(column, 0), mirrored)


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


def display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """Return the frame's display matrix as nine integers, or `None` where it has none."""
    data = _side_data(frame, "DISPLAYMATRIX")
    return _matrix_of_rotation(frame.rotation) if data is None else struct.unpack("<9i", data[:36])


def _side_data(frame: VideoFrame, name: str) -> bytes | None:
    try:
        sides: Iterable[Any] = frame.side_data
    except ValueError:  # one of a kind that this PyAV has no name for hides all the others
        return None
    return next((bytes(side) for side in sides if side.type.name == name), None)


def _matrix_of_rotation(degrees: int) -> tuple[int, ...] | None:
    """Return the display matrix of a counter-clockwise rotation by ±90° or ±180°, else `None`."""
    one = 1 << 16
    corner = {
        90: (0, -one, one, 0),
        -90: (0, one, -one, 0),
        180: (-one, 0, 0, -one),
        -180: (-one, 0, 0, -one),
    }
    if degrees not in corner:
        return None
    a, b, c, d = corner[degrees]
    return (a, b, 0, c, d, 0, 0, 0, 1 << 30)


def mastering_display(frame: VideoFrame) -> str | None:
    """Return HDR10 static metadata in the form of x265's ``master-display``, or `None`.

    Chromaticities in units of 0.00002, luminance in units of 0.0001 cd/m² (SMPTE ST 2086).
    """
    data = _side_data(frame, "MASTERING_DISPLAY_METADATA")
    if data is None:
        return None
    numbers = struct.unpack("<22i", data[:88])
    if not (any(numbers[0:16:2]) and any(numbers[16:20:2])):
        # x265 wants chromaticities and luminance; the flags after them call odd values absent.
        return None
    ratios = [Fraction(numbers[i], numbers[i + 1] or 1) for i in range(0, 20, 2)]
    red, green, blue, white = (
        tuple(round(r * 50000) for r in ratios[i : i + 2]) for i in (0, 2, 4, 6)
    )
    low, high = (round(r * 10000) for r in ratios[8:10])
    points = zip(("G", "B", "R", "WP"), (green, blue, red, white), strict=True)
    return "".join(f"{name}({x},{y})" for name, (x, y) in points) + f"L({high},{low})"


def as_ratios(display: str) -> str:
    """Return x265's ``master-display`` for SVT-AV1: chromaticities in [0, 1], light in cd/m²."""
    unit = {"L": 10000}

    def told(group: re.Match[str]) -> str:
        numbers = (int(each) / unit.get(group[1], 50000) for each in group[2].split(","))
        return f"{group[1]}({','.join(f'{number:.5f}' for number in numbers)})"

    return re.sub(r"([A-Z]+)\(([^)]*)\)", told, display)


_DYNAMIC = {
    "DOVI_METADATA": "Dolby Vision",
    "DOVI_RPU_BUFFER": "Dolby Vision",
    "DYNAMIC_HDR_PLUS": "HDR10+",
    "DYNAMIC_HDR_VIVID": "HDR Vivid",
}
"""Side data that tells frame by frame how HDR is shown, and its names for people."""


def dynamic_hdr(frame: VideoFrame) -> tuple[str, ...]:
    """Return a frame's kinds of dynamic HDR metadata: "Dolby Vision", "HDR10+", "HDR Vivid"."""
    found = (name for kind, name in _DYNAMIC.items() if _side_data(frame, kind) is not None)
    return tuple(dict.fromkeys(found))


def content_light_level(frame: VideoFrame) -> str | None:
    """Return HDR10 light levels as x265's ``max-cll`` (MaxCLL,MaxFALL in cd/m²), or `None`."""
    data = _side_data(frame, "CONTENT_LIGHT_LEVEL")
    if data is None:
        return None
    most, average = struct.unpack("<2I", data[:8])
    return f"{most},{average}"


def has_alpha(layout: VideoFormat) -> bool:
    """Whether a pixel format has alpha, or a palette, whose colours may be transparent."""
    return layout.has_palette or any(part.is_alpha for part in layout.components)


def has_separate_alpha(stream: VideoStream) -> bool:
    """Whether a stream says that its packets carry alpha beside the picture, as WebM's do."""
    return any(
        name.lower() == "alpha_mode" and said == "1" for name, said in stream.metadata.items()
    )


def alpha_decoder(stream: VideoStream, codec: str) -> Decoder:
    """Return what decodes a stream with alpha; where it rides beside (WebM), only libvpx does."""
    name = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(codec)
    if name is None:
        return stream
    decoder = CodecContext.create(name, "r")
    assert isinstance(decoder, VideoCodecContext)
    return decoder


def captions_of(picture: VideoFrame, reformatter: VideoReformatter) -> VideoFrame | None:
    """Return a tiny picture with the closed captions (ATSC A/53) of `picture`, `None` without any.

    PyAV puts no side data on frames; but a picture that is scaled keeps what the larger one
    carried. Only the tiny one is asked what it has: PyAV's frame and its list of side data hold
    each other, so the memory of a frame that was asked waits for the garbage collector.
    """
    side = _TINY if (picture.width, picture.height) != (_TINY, _TINY) else 2 * _TINY
    tiny = _scaled(picture, side, side, picture.format.name, reformatter)
    return None if _side_data(tiny, "A53_CC") is None else tiny


def captioned(
    tiny: VideoFrame, width: int, height: int, name: str, reformatter: VideoReformatter
) -> VideoFrame:
    """Return a picture to paint over, in the pixel format `name`, that carries what `tiny` does."""
    new = _scaled(tiny, width, height, name, reformatter)
    new.pict_type = 0  # it is the encoder's to choose, whatever the source's was
    return new


def _scaled(
    picture: VideoFrame, width: int, height: int, name: str, reformatter: VideoReformatter
) -> VideoFrame:
    return reformatter.reformat(
        picture,
        width,
        height,
        name,
        src_colorspace=_ITU601,
        dst_colorspace=_ITU601,
        interpolation="POINT",
        threads=1,
    )
