"""Furniture behind people, beside them and before them: each a layer that stands still."""

from collections.abc import Callable
from functools import cache
from typing import TypeAlias

import numpy as np

from samples.layers import Colour, Layer
from samples.relief import Relief

Piece: TypeAlias = Callable[[int, int], Layer]
"""What draws a piece into a frame of a width and height."""

_WICKER: Colour = (142, 88, 70)
_LEATHER: Colour = (66, 52, 48)
_PILLOWS: tuple[tuple[float, float, float, Colour], ...] = (
    (30, 80, 17, (214, 184, 160)),
    (70, 78, 19, (104, 112, 124)),
    (51, 87, 14, (220, 216, 206)),
)


@cache
def armchair(width: int, height: int) -> Layer:
    """A wicker chair's back, through which the wall is seen."""
    bench = _Bench(width, height)
    for x in np.linspace(27, 73, 24):
        bench.bar((x, 44), (x, 104), 0.8, _WICKER)
    for y in range(50, 100, 6):
        bench.bar((24, y), (76, y), 0.8, _WICKER)
    for start, end in (((22, 104), (26, 44)), ((26, 44), (74, 44)), ((74, 44), (78, 104))):
        bench.bar(start, end, 2.2, _WICKER)
    return bench.layer()


@cache
def armrest(width: int, height: int) -> Layer:
    """The arms of that chair, before the person."""
    bench = _Bench(width, height)
    for start, end in (((17, 86), (31, 96)), ((83, 86), (69, 96))):
        bench.bar(start, end, 2.4, _WICKER)
    return bench.layer()


@cache
def headrest(width: int, height: int) -> Layer:
    """A dark office chair's back, with a headrest beside the neck."""
    bench = _Bench(width, height)
    bench.bar((50, 62), (50, 112), 27, _LEATHER)
    bench.bar((39, 42), (61, 42), 7.5, _LEATHER)
    return bench.layer()


@cache
def sofa(width: int, height: int) -> Layer:
    """A sofa's back and seat, wider than the frame."""
    bench = _Bench(width, height)
    bench.bar((-5, 62), (105, 62), 13, (112, 96, 92))
    bench.bar((-5, 88), (105, 88), 16, (124, 106, 100))
    return bench.layer()


@cache
def pillows(width: int, height: int) -> Layer:
    """Three pillows in a row."""
    bench = _Bench(width, height)
    for x, y, size, colour in _PILLOWS:
        bench.pillow(x, y, size, colour)
    return bench.layer()


@cache
def cushion(width: int, height: int) -> Layer:
    """One pillow that lies before whoever is on the sofa."""
    bench = _Bench(width, height)
    bench.pillow(70, 90, 15, (190, 140, 116))
    return bench.layer()


class _Bench:
    """Where furniture is made; places are in hundredths of the frame, sizes of its height."""

    def __init__(self, width: int, height: int) -> None:
        self._relief = Relief(width, height)
        self._share = np.array([width, height]) / 100

    def bar(
        self, start: tuple[float, float], end: tuple[float, float], radius: float, colour: Colour
    ) -> None:
        first, last = (np.array(each) * self._share for each in (start, end))
        sides = [radius * self._share[1]]
        self._relief.turned(first, last, sides, colour, flat=2, folds=0.3)

    def pillow(self, x: float, y: float, size: float, colour: Colour) -> None:
        middle, unit = np.array([x, y]) * self._share, size * self._share[1]
        half = np.array([1.05, -0.16]) * unit
        sides = 0.82 * unit * (1.00001 - np.linspace(-1, 1, 49) ** 6) ** 0.25
        self._relief.turned(middle - half, middle + half, list(sides), colour, flat=2, folds=0.25)

    def layer(self) -> Layer:
        return self._relief.layer()
