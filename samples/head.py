"""The portrait's head by itself: hair, face and some neck."""

from functools import cache
from math import cos, radians, sin

import cv2
import numpy as np

from samples.hair import toned
from samples.layers import Colour, Layer, corners
from samples.person import CutOut, Image, cut_out
from samples.relief import Point

_OUTLINE = (
    "140,0 312,0 312,120 276,138 266,142 256,165 254,183 240,189 225,188 210,186 190,179 185,165 "
    "183,148 178,134 140,120"
)
"""Corners x,y in the portrait, drawn by hand; above, the person's own outline holds."""
_CHIN = (226.0, 177.0)
_TALL = 162.0


def head(tone: Colour, chin: Point, angle: float, tall: float, width: int, height: int) -> Layer:
    """Return a head of `tall` pixels in a frame, its chin at a point, turned clockwise in degrees.

    Hair is times `tone`.
    """
    smaller = max(1, int(_TALL / tall))
    picture = _smaller(tone, smaller)
    scale, turned = tall / _TALL * smaller, radians(angle)
    along, aside = scale * cos(turned), scale * sin(turned)
    there = np.array([[along, -aside, 0.0], [aside, along, 0.0]])
    there[:, 2] = chin - there[:, :2] @ (np.array(_CHIN) / smaller)
    colour, alpha = (
        cv2.warpAffine(each, there, (width, height))
        for each in (picture.premultiplied, picture.alpha)
    )
    return Layer(np.asarray(colour, np.float32), np.asarray(alpha, np.float32))


@cache
def head_share() -> Image:
    """Return how much of the portrait's pixels is head, float32 [512, 512] in [0, 1]."""
    share = np.zeros(cut_out().alpha.shape, np.float32)
    cv2.fillPoly(share, [corners(_OUTLINE).astype(np.int32)], 1)
    return np.asarray(cv2.GaussianBlur(share, (0, 0), 1.2), np.float32)


@cache
def _smaller(tone: Colour, times: int) -> Layer:
    """Return the head in a picture that is so many times smaller than the portrait."""
    person = toned(cut_out(), tone)
    layer = Layer.of(CutOut(person.colour, person.alpha * head_share()))
    height, width = (side // times for side in layer.alpha.shape)
    colour, alpha = (
        cv2.resize(each, (width, height), interpolation=cv2.INTER_AREA)
        for each in (layer.premultiplied, layer.alpha)
    )
    return Layer(np.asarray(colour, np.float32), np.asarray(alpha, np.float32))
