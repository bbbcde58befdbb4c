"""Sample formats of picture files: plan, and conversion of planes to samples."""

import re
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.errors import OutputError
from vidseg.frames.colour import Colour, yuv_to_rgb_matrix
from vidseg.frames.frame import PixelFormat, Plane, Planes
from vidseg.frames.planes import scaled
from vidseg.settings import Content, EncodeSettings

FORMATS = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".webp": "webp",
}
"""File extensions of pictures that can be written, and their formats' names."""

_DEEP = ("png", "tiff")
_TRANSPARENT = ("png", "tiff", "webp")

_BAND_ROWS = 256
"""Rows of RGB in the making at a time: a photo's worth of floats is a gigabyte."""

Samples = NDArray[np.uint8] | NDArray[np.uint16]
"""[h, w] grey, [h, w, 3] RGB or [h, w, 4] RGB and alpha; uint8, or uint16 using all 16 bits."""


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """How pictures will be written: the format's name, and FFmpeg's name for their samples."""

    name: str
    pix_fmt: str

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB, 4 with alpha."""
        return {"g": 1, "r": 3}[self.pix_fmt[0]] + self.pix_fmt.startswith("rgba")

    @property
    def bits(self) -> int:
        """Bits per sample: 8 or 16."""
        return 16 if re.search("16|48|64", self.pix_fmt) else 8


def plan_images(
    settings: EncodeSettings, suffix: str, content: Content, source_bits: int
) -> ImagePlan:
    """Choose how pictures are written whose names end in `suffix`.

    By default 8 bits per sample, 16 where the source has more than 8 and the format can. Raises
    `OutputError` for settings that the format doesn't have.
    """
    name = FORMATS[suffix]
    if settings.codec not in ("auto", name):
        raise OutputError(f"{suffix} pictures are {name}; leave out --codec {settings.codec}")
    if settings.crf is not None or settings.preset is not None:
        raise OutputError(f"{suffix} pictures have no --crf and no --preset; leave them out")
    if settings.range == "video":
        raise OutputError(f"{suffix} pictures are of full range; leave out --range video")
    if content == "cutout" and name not in _TRANSPARENT:
        raise OutputError(f"{suffix} pictures hold no transparency; use .png, .tif or .webp")
    deep = {"cutout": ("rgba", "rgba64"), "matte": ("gray", "gray16")}.get(
        content, ("rgb24", "rgb48")
    )
    kinds: tuple[str, ...] = deep if name in _DEEP else deep[:1]
    wanted = kinds[-1 if source_bits > 8 and content not in ("matte", "parts") else 0]
    if settings.pix_fmt is not None:
        wanted = re.sub("(be|le)$", "", settings.pix_fmt)
        if wanted not in kinds:
            raise OutputError(
                f"{suffix} pictures of this kind don't take --pix-fmt {settings.pix_fmt}; "
                f"they take {' or '.join(kinds)}"
            )
    return ImagePlan(name, wanted)


def samples_of(
    planes: Planes, layout: PixelFormat, colour: Colour, plan: ImagePlan, *, grey: bool
) -> Samples:
    """Return the samples of painted planes: Y, U, V in `layout` and `colour`, and any alpha."""
    peak = (1 << plan.bits) - 1
    if grey:
        return scaled(planes[0], layout.peak, peak)
    height, width = planes[0].shape
    full = [planes[0], *(_luma_sized(plane, layout, width, height) for plane in planes[1:3])]
    matrix = (yuv_to_rgb_matrix(colour, height, layout.bits) * (peak / 255)).astype(np.float32)
    samples: Any = np.empty(
        (height, width, plan.channels), np.uint8 if plan.bits == 8 else np.uint16
    )
    for top in range(0, height, _BAND_ROWS):
        rows = slice(top, top + _BAND_ROWS)
        rgb = cv2.transform(cv2.merge([plane[rows].astype(np.float32) for plane in full]), matrix)
        samples[rows, :, :3] = np.clip(np.rint(rgb), 0, peak)
    if plan.channels == 4:
        samples[..., 3] = scaled(planes[3], layout.peak, peak)
    return samples  # type: ignore[no-any-return]


def _luma_sized(plane: Plane, layout: PixelFormat, width: int, height: int) -> NDArray[Any]:
    if not (layout.shift_x or layout.shift_y):
        return plane
    size = (plane.shape[1] << layout.shift_x, plane.shape[0] << layout.shift_y)
    return cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)[
        :height, :width
    ]
