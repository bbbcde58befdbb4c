"""Places, drawn by formulas: the room the person is filmed in, and the two that may replace it."""

from functools import cache
from math import pi

import cv2
import numpy as np
from numpy.typing import NDArray

from samples.person import Image

_Colour = tuple[int, int, int]


def gradient(stops: list[tuple[float, _Colour]], width: int, height: int) -> Image:
    """Return a vertical gradient through `stops` of (place in [0, 1] from the top, colour)."""
    places, colours = [s[0] for s in stops], np.array([s[1] for s in stops], np.float32)
    rows = np.linspace(0, 1, height)
    column = np.stack([np.interp(rows, places, colours[:, i]) for i in range(3)], axis=-1)
    return np.repeat(column[:, None], width, axis=1).astype(np.float32)


@cache
def clouds(width: int, height: int, seed: int, *, stretch: int = 3) -> Image:
    """Return noise [height, width] in [0, 1], with detail at all scales, repeating horizontally."""
    random = np.random.default_rng(seed)
    total = np.zeros((height, width), np.float32)
    for octave in range(2, 7):
        cells = 2**octave
        coarse = random.random((cells, max(2, cells // stretch))).astype(np.float32)
        coarse = np.concatenate([coarse, coarse[:, :1]], axis=1)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) / 2**octave
    low, high = total.min(), total.max()
    return np.asarray((total - low) / (high - low), np.float32)


def mix(under: Image, over: Image | _Colour, share: Image) -> Image:
    """Lay `over` on `under` with the opacity `share`, [height, width] in [0, 1]."""
    return np.asarray(under + (np.asarray(over, np.float32) - under) * share[..., None], np.float32)


def glow(width: int, height: int, x: float, y: float, radius: float) -> Image:
    """Return a light that falls from 1 at (x, y) to 1/e at `radius`; all in picture heights."""
    across, down = np.meshgrid(np.arange(width) / height, np.arange(height) / height)
    falloff: Image = np.exp(-((across - x) ** 2 + (down - y) ** 2) / radius**2).astype(np.float32)
    return falloff


# -- the room
# ----------------------------------------------------------------------------------------------


class Pen:
    """Draws with coordinates in hundredths of the picture's width and height."""

    def __init__(self, canvas: Image) -> None:
        self.canvas = canvas
        self.height, self.width = canvas.shape[:2]

    def point(self, x: float, y: float) -> tuple[int, int]:
        return round(x * self.width / 100), round(y * self.height / 100)

    def box(self, left: float, top: float, right: float, bottom: float, colour: _Colour) -> None:
        cv2.rectangle(self.canvas, self.point(left, top), self.point(right, bottom), colour, -1)


def room(width: int, height: int) -> Image:
    """Return a blurred room with a window, books and a cabinet: RGB float32 [height, width, 3]."""
    canvas = gradient([(0, (176, 160, 142)), (1, (132, 116, 104))], width, height)
    canvas *= (0.96 + 0.08 * clouds(width, height, 3, stretch=1))[..., None]
    pen = Pen(canvas)
    _window(pen)
    _shelf(pen)
    _cabinet(pen)
    canvas = cv2.GaussianBlur(canvas, (0, 0), height / 220)  # type: ignore[assignment]
    light = glow(width, height, 0.25, 0.35, 1.1)
    return np.clip(canvas * (0.72 + 0.42 * light)[..., None], 0, 255).astype(np.float32)


def _window(pen: Pen) -> None:
    pen.box(3, 6, 27, 66, (232, 228, 220))
    for left in (4.5, 15.75):
        for top in (9, 37.5):
            corner, far = pen.point(left, top), pen.point(left + 9.75, top + 26)
            pane = gradient(
                [(0, (186, 214, 238)), (1, (232, 240, 240))], far[0] - corner[0], far[1] - corner[1]
            )
            pen.canvas[corner[1] : far[1], corner[0] : far[0]] = pane
    pen.box(1.5, 66, 28.5, 69, (214, 208, 198))


def _shelf(pen: Pen) -> None:
    random = np.random.default_rng(5)
    spines = [
        (64, 92, 120),
        (150, 60, 54),
        (200, 176, 120),
        (70, 110, 84),
        (92, 74, 110),
        (214, 206, 192),
    ]
    pen.box(73, 8, 98, 100, (98, 70, 50))
    for top in (11, 34, 57, 80):
        pen.box(74, top, 97, top + 20, (60, 44, 34))
        left = 74.4
        while left < 94:
            thick, tall = random.uniform(0.9, 2.2), random.uniform(12, 18.5)
            colour = spines[int(random.integers(len(spines)))]
            pen.box(left, top + 20 - tall, left + thick, top + 20, colour)
            left += thick + (0.15 if random.random() < 0.9 else 3.0)


def _cabinet(pen: Pen) -> None:
    pen.box(2, 78, 30, 100, (112, 84, 62))
    for left in (3, 16.5):
        pen.box(left, 80, left + 12.5, 97, (128, 98, 74))
    for left in (13.5, 17.5):
        pen.box(left, 87, left + 1, 90, (206, 190, 160))
    pen.box(6, 74.5, 13, 76.2, (150, 62, 58))
    pen.box(5.5, 76.2, 13.4, 78, (70, 100, 120))


# -- hills at sunset
# ---------------------------------------------------------------------------------------


def hills(width: int, height: int) -> NDArray[np.uint8]:
    """Return a picture of hills at sunset, RGB uint8 [height, width, 3]."""
    sky = [
        (0.0, (38, 52, 104)),
        (0.3, (112, 96, 150)),
        (0.5, (238, 150, 110)),
        (0.62, (255, 214, 140)),
    ]
    canvas = gradient(sky, width, height)
    x, y = 0.68 * width / height, 0.5
    canvas += 90 * glow(width, height, x, y, 0.4)[..., None] * np.array([1, 0.75, 0.4], np.float32)
    veil = np.clip(clouds(width, height, 11) * 2.6 - 1.35, 0, 0.75)
    canvas = mix(canvas, (255, 208, 184), veil.astype(np.float32))
    sun = np.clip((glow(width, height, x, y, 0.075) - 0.42) * 14, 0, 1)
    canvas = mix(canvas, (255, 246, 214), sun)
    for i in range(5):
        canvas = mix(canvas, *_ridge(width, height, i))
    return np.clip(canvas, 0, 255).astype(np.uint8)


def _ridge(width: int, height: int, i: int) -> tuple[Image, Image]:
    """Return the i-th range of hills from the back: its colours and its shape."""
    random = np.random.default_rng(20 + i)
    x = np.linspace(0, 1, width)
    line = np.full(width, 0.56 + 0.085 * i)
    for wave in range(1, 8):
        line += (
            0.075 / wave**1.25 * np.sin(2 * pi * (x * wave * (0.8 + 0.25 * i) + random.random()))
        )
    rows = np.arange(height)[:, None] / height
    shape = np.clip((rows - line[None]) * height / 2, 0, 1)
    near = i / 4
    top = np.array([172, 112, 124]) * (1 - near) + np.array([26, 44, 46]) * near
    depth = np.clip((rows - line[None]) * 4, 0, 1)[..., None]
    mist = np.array([228, 160, 130]) * (1 - near) + np.array([40, 62, 58]) * near
    return (top + (mist - top) * depth).astype(np.float32), shape.astype(np.float32)


# -- the sea
# -----------------------------------------------------------------------------------------------


def sea(phase: float, width: int, height: int) -> NDArray[np.uint8]:
    """Return a rolling sea as RGB uint8 [height, width, 3]; `phase` in [0, 1) makes one loop."""
    sky = [(0.0, (52, 118, 190)), (0.45, (190, 222, 240)), (0.5, (240, 240, 226))]
    canvas = gradient(sky, width, height)
    drift = np.roll(clouds(width, height, 31), round(0.03 * width * np.sin(2 * pi * phase)), axis=1)
    veil = (
        np.clip(drift * 3 - 1.4, 0, 0.9)
        * np.clip(1.6 - 3 * np.arange(height) / height, 0, 1)[:, None]
    )
    canvas = mix(canvas, (255, 255, 255), veil.astype(np.float32))
    for i in range(9):
        _lay_swell(canvas, phase, i)
    return np.clip(canvas, 0, 255).astype(np.uint8)


def _lay_swell(canvas: Image, phase: float, i: int) -> None:
    """Draw the i-th wave from the horizon, with a foaming crest, over what is there."""
    height, width = canvas.shape[:2]
    x = np.arange(width) / height
    tall, turns = 0.004 + 0.004 * i, 2 - i % 2
    line = 0.47 + 0.006 * i**2 + 0.01 * i
    line = line + tall * np.sin(2 * pi * (x * (5 - 0.42 * i) + turns * phase + 0.37 * i))
    line += 0.35 * tall * np.sin(2 * pi * (x * (9.7 - 0.7 * i) - phase + 0.61 * i))
    top = int(line.min() * height)
    rows = np.arange(top, height, dtype=np.float32)[:, None] / height
    below = rows - line[None].astype(np.float32)
    far, near, foam = (
        np.array(c, np.float32) for c in ((70, 150, 176), (6, 58, 96), (214, 240, 240))
    )
    deep = far + (near - far) * np.float32(i / 8)
    crest = 0.75 * np.exp(-np.clip(below, 0, None) / (0.006 + 0.004 * i))
    water = deep + (foam - deep) * crest[..., None].astype(np.float32)
    canvas[top:] = mix(canvas[top:], water, np.clip(below * height / 1.5, 0, 1))
