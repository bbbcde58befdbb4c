"""Thumbnails of frames and masks, as a player shows them: upright, square pixels, 8-bit RGB."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.frame import Frame, Plane
from vidseg.frames.geometry import Box
from vidseg.frames.hdr import is_hdr, sdr_from
from vidseg.frames.planes import reduced, small_rgb
from vidseg.media.video_info import VideoInfo

Rgb = NDArray[np.uint8]

_JPEG_QUALITY = 80
_LIGHT, _DARK = 205, 160
"""Grey levels of a checkerboard's squares."""


def fitted_size(info: VideoInfo, width: int, height: int) -> tuple[int, int]:
    """Return the largest (width, height) of the shown picture's shape inside `width` x `height`."""
    shown = info.shown_size
    scale = min(width / shown[0], height / shown[1])
    return max(1, round(shown[0] * scale)), max(1, round(shown[1] * scale))


def picture_of(frame: Frame, info: VideoInfo, size: tuple[int, int]) -> Rgb:
    """Return the frame at `size` (width, height), uint8 [h, w, 3]; HDR is brought to SDR."""
    coded = small_rgb(frame, Box(0, 0, frame.width, frame.height), *_coded(info, size))
    if is_hdr(frame.colour):
        coded = np.rint(sdr_from(coded.astype(np.float32) / 255, frame.colour) * 255).astype(
            np.uint8
        )
    return np.ascontiguousarray(info.orientation.upright(coded), np.uint8)


def alpha_of(alpha: Plane, peak: int, info: VideoInfo, size: tuple[int, int]) -> Rgb:
    """Return an alpha [H, W], 0 to `peak`, as grey RGB at `size` (width, height)."""
    small = reduced(alpha, *_coded(info, size)).astype(np.float32) * (255 / peak)
    return _grey(np.rint(small).astype(np.uint8), info)


def checkerboard(width: int, height: int, square: int) -> Rgb:
    """Return a checkerboard of grey squares of side `square`, uint8 [height, width, 3]."""
    odd = (np.arange(height)[:, None] // square + np.arange(width) // square) % 2
    grey = np.where(odd, np.uint8(_DARK), np.uint8(_LIGHT))
    return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2), np.uint8)


def jpeg(picture: Rgb) -> bytes:
    """Return a picture, uint8 [h, w, 3], as JPEG."""
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return data.tobytes()


def png(picture: Rgb) -> bytes:
    """Return a picture, uint8 [h, w, 3], as PNG, quickly rather than small."""
    _, data = cv2.imencode(".png", picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return data.tobytes()


def decoded(data: bytes) -> Rgb:
    """Return the picture that `jpeg` or `png` gave, uint8 [h, w, 3]."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    return np.asarray(picture, np.uint8)


def _coded(info: VideoInfo, size: tuple[int, int]) -> tuple[int, int]:
    return size[::-1] if info.orientation.swaps_axes else size


def _grey(coded: NDArray[np.uint8], info: VideoInfo) -> Rgb:
    upright = np.asarray(info.orientation.upright(coded), np.uint8)
    return np.ascontiguousarray(np.repeat(upright[..., None], 3, axis=2))
