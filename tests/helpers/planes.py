"""Frames made of arrays, without a codec between."""

from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.colour import Colour, rgb_to_yuv_matrix
from vidseg.frames.frame import WORKING_FORMATS, Frame, Plane, as_plane
from vidseg.frames.geometry import Orientation
from vidseg.media.video_info import VideoInfo


def frame_of(
    rgb: NDArray[np.uint8],
    format_name: str = "yuv420p",
    *,
    colour: Colour | None = None,
    pts: int = 0,
    time_base: Fraction = Fraction(1, 30),
) -> Frame:
    """Return a frame that shows `rgb`, uint8 [h, w, 3]."""
    colour = colour or Colour()
    layout = WORKING_FORMATS[format_name]
    height, width = rgb.shape[:2]
    matrix = rgb_to_yuv_matrix(colour, height, layout.bits).astype(np.float32)
    yuv = cv2.transform(rgb.astype(np.float32) / 255, matrix)
    planes: list[Plane] = []
    for index in range(3):
        plane = cv2.resize(
            yuv[..., index], layout.plane_size(index, width, height), interpolation=cv2.INTER_AREA
        )
        planes.append(as_plane(np.clip(np.rint(plane), 0, layout.peak).astype(layout.dtype)))
    return Frame(tuple(planes), pts, time_base, 1, layout, colour)


def info_of(
    width: int,
    height: int,
    *,
    orientation: Orientation | None = None,
    aspect: Fraction = Fraction(1),
) -> VideoInfo:
    """Return what would be known of a 30 fps source of this size."""
    return VideoInfo(
        path="clip.mp4",
        container="mp4",
        codec="h264",
        width=width,
        height=height,
        pix_fmt="yuv420p",
        colour=Colour(),
        time_base=Fraction(1, 30),
        average_rate=Fraction(30),
        start=Fraction(0),
        container_start=Fraction(0),
        duration=Fraction(1),
        frame_count=30,
        sample_aspect_ratio=aspect,
        orientation=orientation or Orientation(),
        streams=(),
        video_index=0,
    )
