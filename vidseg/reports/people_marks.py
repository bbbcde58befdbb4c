"""Marks of people on a picture: a colour and a number for each. Pure."""

from collections.abc import Collection

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vidseg.matting.people.bodies import people_in
from vidseg.reports.thumbnails import Rgb

_COLOURS = (
    (255, 196, 0),
    (64, 196, 255),
    (255, 112, 160),
    (120, 220, 90),
    (190, 140, 255),
    (255, 140, 60),
)
_LEFT_OUT = (120, 120, 120)
_TINT = 0.45
_TEXT, _RADIUS = 14.0, 12
_INK = (20, 22, 27)


def marked(picture: Rgb, labels: NDArray[np.int32], kept: Collection[int]) -> Rgb:
    """Return a picture, uint8 [h, w, 3], in which everybody is tinted and numbered.

    `labels`: int32 [h', w'] of the same picture, who is at each point, 0 for nobody; who is not
    among those `kept` is grey.
    """
    height, width = picture.shape[:2]
    enlarged = cv2.resize(
        labels.astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST
    ).astype(np.int32)
    numbers = people_in(enlarged)
    tinted = picture.astype(np.float32)
    for who in numbers:
        colour = np.asarray(_colour(who, kept), np.float32)
        where = enlarged == who
        tinted[where] += _TINT * (colour - tinted[where])
    image = Image.fromarray(np.rint(tinted).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for who in numbers:
        _number(draw, who, _middle(enlarged == who), _colour(who, kept))
    return np.asarray(image, np.uint8)


def _colour(who: int, kept: Collection[int]) -> tuple[int, int, int]:
    return _COLOURS[(who - 1) % len(_COLOURS)] if who in kept else _LEFT_OUT


def _middle(where: NDArray[np.bool_]) -> tuple[int, int]:
    """Return (x, y) of a pixel as deep inside an area as any."""
    depth = cv2.distanceTransform(where.view(np.uint8), cv2.DIST_L2, 3)
    y, x = divmod(int(depth.argmax()), where.shape[1])
    return x, y


def _number(
    draw: ImageDraw.ImageDraw, who: int, place: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    x, y = place
    draw.ellipse((x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS), fill=colour, outline=_INK)
    font = ImageFont.load_default(_TEXT)
    draw.text((x, y), str(who), _INK, font, anchor="mm")
