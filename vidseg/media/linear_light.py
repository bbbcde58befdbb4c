"""Linear-light pictures (OpenEXR, Radiance, PFM) converted to sRGB. Pure."""

import re
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

_FLOATS = re.compile(r"(gbra?p|gray|ya|rgba?)f(16|32)(le|be)")
_CHANNELS = {"gray": 1, "ya": 2, "rgb": 3, "rgba": 4}
_DARK = 0.0031308
"""Light below which sRGB is a straight line (IEC 61966-2-1)."""

DEEP_TIFF = (
    "is a TIFF of 32 bits per sample, which doesn't say what light they mean; save it with 8 or 16 "
    "bits, or as OpenEXR (.exr)"
)
"""What to say of a picture whose samples may be of linear light or not."""


def is_linear(pix_fmt: str) -> bool:
    """Whether samples of FFmpeg's `pix_fmt` are floats, which by custom mean linear light."""
    return _FLOATS.fullmatch(pix_fmt) is not None


def srgb_of(
    pix_fmt: str, planes: Sequence[memoryview], width: int, height: int
) -> NDArray[np.uint16]:
    """Return R'G'B' of sRGB, uint16 [height, width, 3] of all 16 bits, of an `is_linear` picture.

    `planes` hold rows that may be longer than the picture is wide. What is brighter than white is
    white, what is no number black; alpha, by which such colours are multiplied already, is left
    out.
    """
    kind, bits, order = _FLOATS.fullmatch(pix_fmt).groups()  # type: ignore[union-attr]  # as promised
    sample = np.dtype(f"{'<' if order == 'le' else '>'}f{int(bits) // 8}")
    rows = [np.frombuffer(plane, sample).reshape(height, -1) for plane in planes]
    if kind.startswith("gbr"):
        light = np.stack([rows[index][:, :width] for index in (2, 0, 1)], axis=-1)
    else:
        count = _CHANNELS[kind]
        light = rows[0][:, : width * count].reshape(height, width, count)
        light = light[..., :3] if count >= 3 else np.repeat(light[..., :1], 3, axis=-1)
    return _encoded(np.nan_to_num(light.astype(np.float32), nan=0, posinf=1, neginf=0))


def _encoded(light: NDArray[np.float32]) -> NDArray[np.uint16]:
    light = np.clip(light, 0, 1)
    curve = 1.055 * cv2.pow(light, 1 / 2.4) - 0.055
    signal = np.where(light <= _DARK, 12.92 * light, curve)
    codes: NDArray[np.uint16] = np.rint(signal * 65535).astype(np.uint16)
    return codes
