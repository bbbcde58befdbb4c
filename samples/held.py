"""Things that the person holds up: a forearm beside her with a cup or a stick in its hand."""

from math import cos, pi, sin
from typing import Literal

import numpy as np

from samples.layers import Colour, Layer, Sheet
from samples.person import Image, Motion, pose

Thing = Literal["cup", "stick"]

_ELBOW = (384.0, 396.0)
"""In the portrait; all else is from there, x to the right, y down, in units of `_UNIT` pixels."""
_UNIT = 1.35
_SLEEVE: Colour = (196, 76, 44)
_CUFF: Colour = (120, 44, 30)
_SKIN: Colour = (214, 158, 128)
_WAVE_S = 1.7


def held(thing: Thing, time: float, width: int, height: int, motion: Motion) -> Layer:
    """Return forearm, hand and thing in a frame at `time` seconds."""
    arm = _Arm(time, width, height, motion)
    if thing == "stick":
        arm.rounded("26,-188 6,-40", 4.2, (92, 64, 44))
    else:
        arm.cup()
    arm.rounded("-4,30 -1,-40 0,-74", 46, _SLEEVE)
    arm.rounded("-11,-80 11,-80", 15, _CUFF)
    arm.rounded("0,-86 2,-104", 27, _SKIN)
    for finger in range(4):
        arm.rounded(f"-10,{-96 - 8 * finger} 13,{-99 - 8 * finger}", 9, _SKIN)
    arm.rounded("-11,-96 -7,-122", 9, _SKIN)
    return arm.sheet.layer()


class _Arm:
    """A sheet on which to draw along a forearm that waves a little."""

    def __init__(self, time: float, width: int, height: int, motion: Motion) -> None:
        self.sheet = Sheet(width, height)
        self._pose = pose(time, width, height, motion)
        self._angle = 0.16 + 0.13 * sin(2 * pi * time / _WAVE_S)

    def rounded(self, words: str, width: float, colour: Colour) -> None:
        """Draw a round thing through the corners `x,y x,y` along the arm."""
        self.sheet.rounded(self._turned(words), width * _UNIT * self._pose.scale, colour)

    def cup(self) -> None:
        """Draw a cup with a handle, lighter in its middle."""
        handle = self._turned("20,-136 36,-132 36,-106 20,-102")
        self.sheet.stroke(handle, 5 * _UNIT * self._pose.scale, (58, 92, 144))
        for step in range(12):
            side = 23 * (1 - step / 12)
            corners = f"{-side},-150 {side},-150 {0.8 * side},-94 {-0.8 * side},-94"
            shade = 0.72 + 0.28 * step / 11
            self.sheet.shape(self._turned(corners), (74 * shade, 116 * shade, 178 * shade))
        self.rounded("-21,-148 21,-148", 4, (200, 208, 216))

    def _turned(self, words: str) -> Image:
        """Return the corners in the frame."""
        places = np.array([corner.split(",") for corner in words.split()], np.float32)
        along, aside = cos(self._angle), sin(self._angle)
        turn = np.array([[along, -aside], [aside, along]])
        turned = _UNIT * places @ turn.T + np.array(_ELBOW)
        return self._pose.in_frame(turned.astype(np.float32))
