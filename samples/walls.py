"""Plain places that make people hard to find: flat walls, painted ones, stripes, halls.

As in `samples.backdrops`, each function returns what a camera sees at `time` seconds, RGB float32
[height, width, 3] in [0, 255]. Most are seen by a camera that stands still.
"""

from functools import cache

import cv2
import numpy as np

from samples import scenery
from samples.backdrops import Backdrop
from samples.figure import Figure, Stance
from samples.layers import Colour, Layer, Sheet, corners
from samples.person import Image
from samples.scenery import Pen, clouds, glow, gradient

_STENCILS = (
    ((196, 62, 50), (250, 226, 170), 150, 30),
    ((34, 74, 104), (196, 222, 214), 60, 70),
    ((60, 44, 60), (240, 176, 80), 120, 10),
    ((92, 52, 110), (238, 214, 196), 30, 120),
)
"""Who is painted on a wall: dark and light paint, and how the two arms are held."""
_STENCIL_EDGE = 105
"""Codes below are painted dark, others light."""


def flat(colour: Colour) -> Backdrop:
    """A wall of one colour, lit a little more on the left."""
    return lambda _, width, height: _flat(colour, width, height)


def mural(time: float, width: int, height: int) -> Image:
    """A wall with people painted on it, which the camera passes slowly."""
    canvas = _mural(2 * width, height)
    middle = width * (0.6 + 0.3 * time)
    return np.asarray(cv2.getRectSubPix(canvas, (width, height), (middle, height / 2)), np.float32)


def graffiti(_: float, width: int, height: int) -> Image:
    """A wall with big faces, arms and loops, sprayed on in few colours."""
    return _graffiti(width, height)


def stripes(_: float, width: int, height: int) -> Image:
    """A striped wallpaper in pale skin colours, a shelf, and a bed's cover."""
    return _stripes(width, height)


def hall(_: float, width: int, height: int) -> Image:
    """A station's hall: rows of lamps above, pillars and dark doors."""
    return _hall(width, height)


def room(_: float, width: int, height: int) -> Image:
    """The room of the sample clip, with a wooden floor."""
    return _room(width, height)


def still(backdrop: Backdrop) -> Backdrop:
    """Return a place as a camera sees it that does not move."""
    return lambda _, width, height: backdrop(0, width, height)


@cache
def _flat(colour: Colour, width: int, height: int) -> Image:
    canvas = np.full((height, width, 3), colour, np.float32)
    light = glow(width, height, 0.3 * width / height, 0.3, 1.4)[..., None]
    return np.asarray(canvas * (0.88 + 0.2 * light), np.float32)


@cache
def _mural(width: int, height: int) -> Image:
    canvas = gradient([(0, (246, 222, 180)), (1, (226, 150, 104))], width, height)
    pen = Pen(canvas)
    for left, colour in ((0, (64, 132, 116)), (26, (240, 236, 222)), (70, (190, 84, 70))):
        pen.box(left, 12, left + 14, 78, colour)
    for number, (dark, light, left_arm, right_arm) in enumerate(_STENCILS * 2):
        x, size = 0.06 + 0.125 * number, 0.75 + 0.12 * (number % 3)
        stance = Stance(x, 0.5, size, left_arm=left_arm, right_arm=right_arm, left_leg=16)
        layer = Figure(stance, stance).layer(0, width, height)
        bright = layer.premultiplied.max(axis=-1, keepdims=True) > _STENCIL_EDGE
        paint = np.where(bright, light, dark) * layer.alpha[..., None]
        canvas = Layer(paint, layer.alpha).before(canvas)
    return _floored(canvas, 86, (128, 124, 120))


@cache
def _graffiti(width: int, height: int) -> Image:
    sheet, random = Sheet(width, height), np.random.default_rng(31)
    paints = [(230, 224, 210), (206, 92, 60), (60, 104, 150), (224, 172, 132), (44, 40, 46)]
    for _ in range(26):
        start = random.uniform((0, 0), (width, height))
        steps = random.normal(0, height / 9, (14, 2)).cumsum(axis=0)
        loop = cv2.GaussianBlur(start + steps, (1, 5), 1.5).astype(np.float32)
        paint = paints[int(random.integers(len(paints)))]
        sheet.stroke(loop, random.uniform(0.02, 0.09) * height, paint)
    for x, y in ((0.16, 0.3), (0.5, 0.24), (0.86, 0.34)):
        _face(sheet, np.array([x * width, y * height], np.float32), 0.0055 * height)
    rough = 126 + 34 * clouds(width, height, 12, stretch=1)[..., None] * np.ones(3, np.float32)
    return _floored(sheet.layer().before(rough), 90, (104, 104, 108))


def _face(sheet: Sheet, middle: Image, unit: float) -> None:
    """Spray a face of some 40 units' height, with hair and shoulders."""
    for words, wide, colour in (
        ("-22,62 -14,40 14,40 22,62", 22, (52, 92, 140)),
        ("0,-6 0,8", 34, (50, 40, 40)),
        ("0,0 0,8", 26, (222, 168, 134)),
        ("-6,0 -5,0", 3, (40, 36, 36)),
        ("5,0 6,0", 3, (40, 36, 36)),
        ("-5,12 0,14 5,12", 2, (180, 60, 56)),
    ):
        sheet.stroke(middle + unit * corners(words), wide * unit, colour)


@cache
def _stripes(width: int, height: int) -> Image:
    pen = Pen(np.full((height, width, 3), (238, 232, 228), np.float32))
    for left in range(0, 100, 6):
        pen.box(left, 0, left + 2.6, 100, (224, 190, 178))
    pen.box(10, 22, 62, 25, (250, 248, 244))
    pen.box(10, 25, 62, 26, (190, 168, 160))
    for left, colour in ((16, (206, 160, 120)), (33, (120, 134, 120)), (52, (222, 206, 180))):
        pen.box(left, 15, left + 3.5, 22, colour)
    pen.box(0, 84, 100, 100, (232, 228, 222))
    for left in range(-4, 100, 5):
        pen.box(left, 84, left + 0.5, 100, (96, 94, 98))
    return np.asarray(cv2.GaussianBlur(pen.canvas, (0, 0), height / 320), np.float32)


@cache
def _hall(width: int, height: int) -> Image:
    pen = Pen(
        gradient([(0, (84, 92, 84)), (0.6, (120, 128, 104)), (1, (58, 60, 54))], width, height)
    )
    for top in (4, 13, 20):
        pen.box(0, top, 100, top + 2.5, (255, 252, 214))
    for left in (6, 30, 64, 90):
        pen.box(left, 26, left + 6, 84, (54, 60, 56))
    for left in (14, 44, 74):
        pen.box(left, 38, left + 9, 82, (34, 32, 34))
    return np.asarray(cv2.GaussianBlur(pen.canvas, (0, 0), height / 60), np.float32)


@cache
def _room(width: int, height: int) -> Image:
    return _floored(scenery.room(width, height), 82, (134, 98, 70))


def _floored(canvas: Image, top: float, colour: tuple[int, int, int]) -> Image:
    """Return the picture with a floor from `top`, in hundredths, and a skirting above it."""
    pen = Pen(canvas.copy())
    pen.box(0, top - 1.5, 100, top, (206, 200, 190))
    pen.box(0, top, 100, 100, colour)
    grain = 0.92 + 0.16 * clouds(*canvas.shape[1::-1], 21, stretch=12)[..., None]
    return np.asarray(cv2.GaussianBlur(pen.canvas * grain, (0, 0), 0.7), np.float32)
