"""Things that the person holds up: a forearm in front of her, with a cup or a stick in its hand.

The sleeve has the colours of the portrait's other sleeve; hand and things are drawn.
"""

from math import cos, pi, sin
from typing import Literal

import cv2
import numpy as np

from samples.layers import Colour, Layer, Sheet, corners
from samples.person import Image, Motion, cut_out, pose

Thing = Literal["cup", "stick"]

_ELBOW = (334.0, 398.0)
"""In the portrait; all else is from there, x to the right, y down, in units of `_UNIT` pixels."""
_UNIT = 1.35
_SLEEVE = "0,30 0,-74 23,30"
_SLEEVE_THERE = "72,285 64,425 103,287"
"""Three corners of the sleeve along the arm, and those in the portrait that look like them."""
_CUFF: Colour = (120, 44, 30)
_SKIN: Colour = (214, 158, 128)
_WHITE: Colour = (255, 255, 255)
_WAVE_S = 1.7


def held(thing: Thing, time: float, width: int, height: int, motion: Motion) -> Layer:
    """Return forearm, hand and thing in a frame at `time` seconds."""
    arm = _Arm(time, width, height, motion)
    if thing == "stick":
        arm.rounded("26,-188 6,-40", 4.2, (92, 64, 44))
    else:
        arm.cup()
    arm.hand()
    return arm.sleeve().over(arm.sheet.layer())


class _Arm:
    """A sheet on which to draw along a forearm that waves a little."""

    def __init__(self, time: float, width: int, height: int, motion: Motion) -> None:
        self.sheet = Sheet(width, height)
        self._width, self._height = width, height
        self._pose = pose(time, width, height, motion)
        self._angle = 0.42 + 0.13 * sin(2 * pi * time / _WAVE_S)

    def rounded(self, words: str, width: float, colour: Colour) -> None:
        """Draw a round thing through the corners `x,y x,y` along the arm."""
        self.sheet.rounded(self._turned(words), width * _UNIT * self._pose.scale, colour)

    def sleeve(self) -> Layer:
        """Return the sleeve, round and up to the wrist: drawn alpha, the portrait's colours."""
        sheet = Sheet(self._width, self._height)
        sheet.rounded(self._turned("-4,60 -1,-40 0,-74"), 46 * _UNIT * self._pose.scale, _WHITE)
        drawn = sheet.layer()
        there = cv2.getAffineTransform(corners(_SLEEVE_THERE), self._turned(_SLEEVE))
        cloth = cv2.warpAffine(cut_out().colour, there, (self._width, self._height))
        return Layer(np.asarray(cloth * drawn.premultiplied / 255, np.float32), drawn.alpha)

    def hand(self) -> None:
        """Draw a fist, with its thumb in front."""
        self.rounded("-11,-80 11,-80", 15, _CUFF)
        self.rounded("0,-70 2,-104", 27, _SKIN)
        for finger in range(4):
            self.rounded(f"-10,{-96 - 8 * finger} 13,{-99 - 8 * finger}", 9.5, _SKIN)
        self.rounded("-11,-94 -6,-122", 9.5, _SKIN)

    def cup(self) -> None:
        """Draw a cup with a handle, lighter in its middle."""
        handle = self._turned("20,-136 36,-132 36,-106 20,-102")
        self.sheet.stroke(handle, 5 * _UNIT * self._pose.scale, (58, 92, 144))
        for step in range(12):
            side = 23 * (1 - step / 12)
            outline = f"{-side},-150 {side},-150 {0.8 * side},-94 {-0.8 * side},-94"
            shade = 0.72 + 0.28 * step / 11
            self.sheet.shape(self._turned(outline), (74 * shade, 116 * shade, 178 * shade))
        self.rounded("-21,-148 21,-148", 4, (200, 208, 216))

    def _turned(self, words: str) -> Image:
        """Return the corners in the frame."""
        places = corners(words)
        along, aside = cos(self._angle), sin(self._angle)
        turn = np.array([[along, -aside], [aside, along]])
        turned = _UNIT * places @ turn.T + np.array(_ELBOW)
        return self._pose.in_frame(turned.astype(np.float32))
