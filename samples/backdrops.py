"""Places behind a person that matting finds hard: bright, dark, patterned, alike to her, moving.

Each function returns what a camera sees at `time` seconds, RGB float32 [height, width, 3] in
[0, 255]; the camera is held by hand, or follows something.
"""

from collections.abc import Callable
from functools import cache
from math import pi, sin
from typing import TypeAlias

import cv2
import numpy as np

from samples import scenery
from samples.person import Image
from samples.scenery import Pen, clouds, glow, gradient, mix

Backdrop: TypeAlias = Callable[[float, int, int], Image]

_WORDS = ("OPEN", "COFFEE", "24 h", "BOOKS", "Bakery", "SALE", "EXIT", "No. 7", "Tickets", "TAXI")
_PAINTS = (
    (196, 54, 46),
    (36, 84, 150),
    (240, 236, 224),
    (34, 36, 40),
    (226, 178, 60),
    (52, 120, 84),
)


def window(time: float, width: int, height: int) -> Image:
    """A bright window with trees outside, and curtains beside it."""
    return _handheld(_window(*_larger(width, height)), time, width, height)


def blinds(time: float, width: int, height: int) -> Image:
    """A window behind blinds: bright and dark stripes."""
    return _handheld(_blinds(*_larger(width, height)), time, width, height)


def wall(time: float, width: int, height: int) -> Image:
    """A wall of bricks with a few posters."""
    return _handheld(_wall(*_larger(width, height)), time, width, height)


def street(time: float, width: int, height: int) -> Image:
    """Shop signs, which the camera passes."""
    canvas = _street(3 * width, height)
    return _seen(canvas, width * (0.5 + 0.45 * time), height / 2, width, height)


def landscape(time: float, width: int, height: int) -> Image:
    """Hills seen from a train: they pass slowly, a fence in front of them fast."""
    hills = _seen(_hills(2 * width, height), width * (0.5 + 0.1 * time), height / 2, width, height)
    fence, share = _fence(4 * width, height)
    at = width * (0.5 + 1.1 * time)
    covered = _seen(share[..., None], at, height / 2, width, height)
    return mix(hills, _seen(fence, at, height / 2, width, height), covered)


def sea(time: float, width: int, height: int) -> Image:
    """Waves that roll, once in two seconds."""
    return scenery.sea(time / 2 % 1, width, height).astype(np.float32)


def cinema(time: float, width: int, height: int) -> Image:
    """A dark room with a dark television behind the person's head, and small lights."""
    return _handheld(_cinema(*_larger(width, height)), time, width, height)


def curtain(time: float, width: int, height: int) -> Image:
    """A brown curtain, as bright as the person's clothes, under dark wood."""
    return _handheld(_curtain(*_larger(width, height)), time, width, height)


def _larger(width: int, height: int) -> tuple[int, int]:
    """Return the size of a picture in which a camera may move."""
    return width * 5 // 4, height * 5 // 4


def _handheld(canvas: Image, time: float, width: int, height: int) -> Image:
    """Return what a camera sees that is not quite still."""
    x = canvas.shape[1] / 2 + 0.03 * width * sin(2 * pi * time / 2.1)
    y = canvas.shape[0] / 2 + 0.02 * height * sin(2 * pi * time / 1.4 + 1)
    return _seen(canvas, x, y, width, height)


def _seen(canvas: Image, x: float, y: float, width: int, height: int) -> Image:
    """Return the part of a picture around x, y, float32 as the picture is."""
    return np.asarray(cv2.getRectSubPix(canvas, (width, height), (x, y)), np.float32)


def _blurred(canvas: Image, share: float) -> Image:
    """Return the picture out of focus, by a share of its height."""
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), share * canvas.shape[0]), np.float32)


@cache
def _window(width: int, height: int) -> Image:
    sky = [(0.0, (255, 255, 255)), (0.5, (246, 250, 255)), (1.0, (206, 224, 190))]
    outside = gradient(sky, width, height)
    leaves = np.clip(clouds(width, height, 7, stretch=1) * 3 - 1.6, 0, 0.8)
    pen = Pen(_blurred(mix(outside, (120, 150, 96), leaves), 0.008))
    for left in (15, 48.5, 82):
        pen.box(left, 0, left + 3, 100, (150, 140, 128))
    pen.box(0, 44, 100, 47, (150, 140, 128))
    for left in (*range(0, 16, 2), *range(85, 100, 2)):
        fold = 30 * (left // 2 % 2)
        pen.box(left, 0, left + 2, 100, (206 - fold, 196 - fold, 180 - fold))
    return _blurred(pen.canvas, 0.003)


@cache
def _blinds(width: int, height: int) -> Image:
    pen = Pen(gradient([(0, (255, 252, 240)), (1, (236, 236, 226))], width, height))
    for top in range(0, 100, 5):
        pen.box(0, top, 100, top + 2.6, (116, 104, 92))
        pen.box(0, top + 2.1, 100, top + 2.6, (70, 62, 56))
    for left in (20, 52, 80):
        pen.box(left, 0, left + 0.4, 100, (90, 82, 74))
    return _blurred(pen.canvas, 0.0025)


@cache
def _wall(width: int, height: int) -> Image:
    random = np.random.default_rng(8)
    pen = Pen(np.full((height, width, 3), (176, 166, 154), np.float32))
    for row in range(28):
        for column in range(-1, 17):
            left, top = 6.4 * column + 3.2 * (row % 2), 3.7 * row
            red, shade = random.uniform(128, 176), random.uniform(0.5, 0.62)
            colour = round(red), round(red * shade), round(red * 0.45)
            pen.box(left, top, left + 5.9, top + 3.1, colour)
    _posters(pen, random, [(6, 10), (74, 8), (78, 52), (4, 58)])
    return _grainy(_blurred(pen.canvas, 0.0015), random, 9)


@cache
def _street(width: int, height: int) -> Image:
    random = np.random.default_rng(14)
    pen = Pen(gradient([(0, (150, 156, 162)), (1, (96, 92, 88))], width, height))
    _posters(pen, random, [(left, top) for left in range(0, 100, 6) for top in (3, 28, 55, 80)])
    return _grainy(_blurred(pen.canvas, 0.0015), random, 4)


def _posters(pen: Pen, random: np.random.Generator, corners: list[tuple[int, int]]) -> None:
    """Put up boards with words, each in two colours."""
    for left, top in corners:
        paper, ink = random.permutation(len(_PAINTS))[:2]
        word = _WORDS[int(random.integers(len(_WORDS)))]
        board = _board(word, pen.height * random.uniform(0.0022, 0.0036), paper, ink)
        x, y = pen.point(left, top)
        there = pen.canvas[y : y + board.shape[0], x : x + board.shape[1]]
        there[:] = board[: there.shape[0], : there.shape[1]]


def _board(word: str, size: float, paper: int, ink: int) -> Image:
    """Return a board with a word; OpenCV writes into bytes alone."""
    (wide, tall), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_DUPLEX, size, 3)
    board = np.full((2 * tall, wide + tall, 3), _PAINTS[paper], np.uint8)
    place = (tall // 2, round(1.5 * tall))
    cv2.putText(board, word, place, cv2.FONT_HERSHEY_DUPLEX, size, _PAINTS[ink], 3, cv2.LINE_AA)
    return board.astype(np.float32)


def _grainy(canvas: Image, random: np.random.Generator, strength: float) -> Image:
    """Return the picture with a rough surface, of so many codes."""
    grains = random.normal(0, strength, canvas.shape[:2])[..., None]
    return np.asarray(np.clip(canvas + grains, 0, 255), np.float32)


@cache
def _hills(width: int, height: int) -> Image:
    return scenery.hills(width, height).astype(np.float32)


@cache
def _fence(width: int, height: int) -> tuple[Image, Image]:
    """Return posts and rails, and where they are, float32 [height, width] in [0, 1]."""
    pen = Pen(np.zeros((height, width, 3), np.float32))
    for left in range(0, 100, 3):
        pen.box(left, 34, left + 0.35, 100, (1, 1, 1))
    for top in (42, 58):
        pen.box(0, top, 100, top + 1.5, (1, 1, 1))
    share = np.asarray(_blurred(pen.canvas, 0.002)[..., 0], np.float32)
    colour = gradient([(0, (120, 96, 70)), (1, (60, 46, 34))], width, height)
    return colour, share


@cache
def _cinema(width: int, height: int) -> Image:
    canvas = gradient([(0, (44, 38, 36)), (1, (26, 22, 22))], width, height)
    canvas *= (0.8 + 0.4 * clouds(width, height, 4, stretch=1))[..., None]
    pen = Pen(canvas)
    pen.box(33, 18, 72, 58, (12, 12, 14))
    pen.box(34, 19.5, 71, 56.5, (36, 38, 44))
    pen.box(36, 62, 70, 66, (58, 42, 32))
    lamps = ((14, 30, (250, 180, 90)), (84, 22, (90, 140, 220)), (88, 60, (240, 200, 150)))
    for x, y, colour in lamps:
        light = glow(width, height, x / 100 * width / height, y / 100, 0.07)
        pen.canvas[:] = mix(pen.canvas, colour, 0.9 * light)
    return _blurred(pen.canvas, 0.004)


@cache
def _curtain(width: int, height: int) -> Image:
    turns = 17 * np.arange(width) / width
    folds = np.sin(2 * pi * turns + 3 * clouds(width, height, 2))
    shade = (0.9 + 0.18 * folds)[..., None]
    canvas = np.array((138, 117, 101), np.float32) * shade.astype(np.float32)
    pen = Pen(canvas.astype(np.float32))
    pen.box(0, 0, 100, 40, (38, 28, 22))
    for left in range(0, 100, 7):
        pen.box(left, 0, left + 0.5, 40, (22, 16, 14))
    pen.box(0, 38, 100, 40, (70, 52, 38))
    return _grainy(_blurred(pen.canvas, 0.003), np.random.default_rng(6), 3)
