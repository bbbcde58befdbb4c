"""Made sequences of several people whose identities are known: each in a green of their own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.helpers.clips import BACKGROUND_RGB, Rgb
from tests.helpers.scenes import RATE, as_frame
from vidseg.frames.frame import Frame

GRASS, OLIVE, SEA = (40, 220, 40), (100, 205, 10), (10, 175, 85)
"""Greens that the fake network takes for people, and that can be told apart."""

SIZE = (320, 180)

Path = Callable[[float], tuple[float, float] | None]
"""Seconds → where somebody stands, (x, y) of the feet; `None`: not in the picture."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody of a made sequence: a head on a body, `height` pixels high."""

    colour: tuple[int, int, int]
    path: Path
    height: float = 110

    def mask(self, time: float, size: tuple[int, int] = SIZE) -> NDArray[np.bool_]:
        """Return where all of this one is, bool [height, width], whoever stands before."""
        canvas = np.zeros(size[::-1], np.uint8)
        place = self.path(time)
        if place is not None:
            x, y = place
            tall = self.height
            head, body = (round(x), round(y - 0.86 * tall)), (round(x), round(y - 0.36 * tall))
            cv2.ellipse(canvas, head, (round(0.1 * tall), round(0.14 * tall)), 0, 0, 360, 1, -1)
            cv2.ellipse(canvas, body, (round(0.2 * tall), round(0.38 * tall)), 0, 0, 360, 1, -1)
        return canvas.astype(bool)


def walking(
    x: float, speed: float, y: float = 150, *, since: float = 0.0, until: float = 1e9
) -> Path:
    """Return the path of somebody who walks by; `speed` in pixels a second."""
    return lambda time: (x + speed * (time - since), y) if since <= time < until else None


def standing(x: float, y: float = 150) -> Path:
    """Return the path of somebody who stays, and sways a little."""
    return lambda time: (x + 4 * np.sin(2 * time), y)


def picture(actors: Sequence[Actor], time: float, size: tuple[int, int] = SIZE) -> Rgb:
    """Return RGB uint8 [h, w, 3]: the actors, the later ones before the earlier ones."""
    rgb = np.full((size[1], size[0], 3), BACKGROUND_RGB, np.uint8)
    for actor in actors:
        rgb[actor.mask(time, size)] = actor.colour
    return rgb


def visible(
    actors: Sequence[Actor], which: int, time: float, size: tuple[int, int] = SIZE
) -> NDArray[np.bool_]:
    """Return where one of the actors is seen, those before that one left out."""
    mask = actors[which].mask(time, size)
    for actor in actors[which + 1 :]:
        mask &= ~actor.mask(time, size)
    return mask


def frames_of(
    picture: Callable[[float], Rgb], seconds: float, *, rate: int = RATE, first: int = 0
) -> list[Frame]:
    """Return the frames of a sequence, given its pictures by seconds."""
    assert rate == RATE, "as_frame counts in them"
    count = round(seconds * rate)
    return [
        as_frame(picture(float(Fraction(i, rate))).astype(np.float64), index=i)
        for i in range(first, first + count)
    ]


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return intersection over union; 1 where both are empty."""
    either = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / either if either else 1.0
