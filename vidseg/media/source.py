"""Sources of frames: a video, an image sequence, or one photo."""

from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.errors import InputError
from vidseg.frames.colour import Colour, rgb_to_yuv_matrix
from vidseg.frames.frame import WORKING_FORMATS, Frame, as_plane
from vidseg.frames.geometry import Orientation
from vidseg.media.damage import Damage
from vidseg.media.decode import Span, decode
from vidseg.media.image_sequence import PHOTO_SUFFIXES, is_numbered, sequence_near
from vidseg.media.probe import probe_video
from vidseg.media.video_info import VideoInfo
from vidseg.settings import MOST_PIXELS

_PHOTO = "photo"
_LAYOUT = WORKING_FORMATS["yuv444p12le"]
"""Photos are worked on in this layout, in which each RGB of 8 bits has a code of its own."""

_COLOUR = Colour(full_range=True, matrix=6, primaries=1, transfer=13)  # sYCC, IEC 61966-2-1
_SECOND = Fraction(1)
_BAND_ROWS = 256
"""Rows that are converted at a time: a photo's worth of floats is a gigabyte."""


def probe(path: Path, rate: Fraction | None = None, most: int = MOST_PIXELS) -> VideoInfo:
    """Return what is known of a source; `rate` is the frames per second of a sequence of pictures.

    Raises `InputError` where it can't be read, is of more than `most` pixels, or a rate is missing
    or out of place.
    """
    if rate is not None and not is_numbered(path):
        raise InputError(f"{path}: --fps is for numbered pictures; {_instead(path)}")
    if path.suffix.lower() in PHOTO_SUFFIXES and not is_numbered(path):
        from vidseg.media.images import read_picture

        picture = read_picture(path, InputError, most)
        if picture is not None:
            return _photo_info(path, *picture.shape[1::-1])
    return probe_video(path, rate=rate, most=most)


def _instead(path: Path) -> str:
    """Return what to say in place of a path that has a rate, but is no sequence."""
    near = sequence_near(path)
    if near is not None:
        return f"name them as {near}"
    return "leave it out" if path.is_file() else "name them as in frames/%05d.png"


def is_photo(info: VideoInfo) -> bool:
    """Whether the source is one picture."""
    return info.container == _PHOTO


def frames_of(
    info: VideoInfo, span: Span, damage: Damage, hwaccel: str | None = None, *, settle: bool = False
) -> Iterator[Frame]:
    """Yield the frames of a source in `span`; a photo is one, at time 0.

    See `vidseg.media.decode.decode`.
    """
    if not is_photo(info):
        with closing(decode(info, span, damage, hwaccel, settle=settle)) as frames:  # type: ignore[type-var]
            yield from frames
    elif span.holds(Fraction(0)):
        damage.video_end = _SECOND
        yield _photo(info)


def _photo(info: VideoInfo) -> Frame:
    from vidseg.media.images import read_picture

    rgb = read_picture(Path(info.path), InputError, info.width * info.height, straight=True)
    if rgb is None:
        raise InputError(f"{info.path}: changed while it was read")
    return frame_of(rgb)


def frame_of(rgb: NDArray[np.uint8]) -> Frame:
    """Return a picture, uint8 [h, w, 3] of sRGB, as a frame at time 0."""
    matrix = rgb_to_yuv_matrix(_COLOUR, rgb.shape[0], _LAYOUT.bits)
    matrix[:, :3] /= 255
    planes = [np.empty(rgb.shape[:2], np.uint16) for _ in range(3)]
    for top in range(0, rgb.shape[0], _BAND_ROWS):
        rows = slice(top, top + _BAND_ROWS)
        codes = cv2.transform(rgb[rows].astype(np.float32), matrix.astype(np.float32))
        for index, plane in enumerate(planes):
            plane[rows] = np.clip(np.rint(codes[..., index]), 0, _LAYOUT.peak)
    return Frame(
        planes=tuple(as_plane(plane) for plane in planes),
        pts=0,
        time_base=_SECOND,
        duration=1,
        format=_LAYOUT,
        colour=_COLOUR,
    )


def _photo_info(path: Path, width: int, height: int) -> VideoInfo:
    return VideoInfo(
        path=str(path),
        container=_PHOTO,
        codec=path.suffix.lower().removeprefix("."),
        width=width,
        height=height,
        pix_fmt="rgb24",
        colour=_COLOUR,
        time_base=_SECOND,
        average_rate=_SECOND,
        start=Fraction(0),
        container_start=Fraction(0),
        duration=_SECOND,
        frame_count=1,
        sample_aspect_ratio=Fraction(1),
        orientation=Orientation(),
        streams=(),
        video_index=0,
    )
