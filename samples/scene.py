"""People among furniture before a backdrop, with exact alpha.

As in `samples.soft_truth`, every frame is alpha * foreground + (1 - alpha) * backdrop, in codes;
what stands before people is part of the backdrop.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Literal, Protocol

import numpy as np

from samples.backdrops import Backdrop
from samples.furniture import Piece
from samples.layers import Colour, Layer, averaged
from samples.person import Image
from samples.truth import LENGTH, TrueFrame, moments, straight

Kind = Literal["flat", "painted", "dim", "furniture", "limbs", "turned", "two"]
"""A backdrop of one colour, people painted on a wall, little light, chairs and pillows, thin limbs
spread out, someone upside down or lying, two people of different sizes."""

_MOMENTS = 4
"""How often the world is looked at while the shutter is open."""
_SHUTTER = 0.5


class Person(Protocol):
    """Whoever is in a frame of a width and height at a time in seconds."""

    def layer(self, time: float, width: int, height: int) -> Layer: ...


@dataclass(frozen=True, slots=True)
class Scene:
    """What is seen in a sequence: people from the farthest to the nearest, and what is around them.

    Everything is times `light`; `noise` is the standard deviation of the camera's, in codes.
    """

    name: str
    kinds: tuple[Kind, ...]
    backdrop: Backdrop
    people: tuple[Person, ...]
    behind: tuple[Piece, ...] = ()
    before: tuple[Piece, ...] = ()
    light: Colour = (1, 1, 1)
    noise: float = 1
    width: int = 640
    height: int = 360

    def frames(self, length: int = LENGTH) -> Iterator[TrueFrame]:
        """Yield the frames of the sequence, the same ones each time."""
        random = np.random.default_rng(sum(self.name.encode()))
        for number in range(length):
            times = moments(number, _SHUTTER, _MOMENTS)
            frame = self._frame(averaged([self._people(time) for time in times]), times)
            noise = self.noise * random.standard_normal(frame.backdrop.shape, np.float32)
            grain = np.asarray(noise, np.float32)
            yield TrueFrame(
                self._filmed(frame.foreground, grain),
                frame.alpha,
                self._filmed(frame.backdrop, grain),
            )

    def _people(self, time: float) -> Layer:
        layers = [person.layer(time, self.width, self.height) for person in self.people]
        return reduce(lambda below, above: above.over(below), layers)

    def _frame(self, people: Layer, times: list[float]) -> TrueFrame:
        """Return people between their furniture: what hides them takes its share of alpha."""
        size = self.width, self.height
        seen = np.mean([self.backdrop(time, *size) for time in times], axis=0, dtype=np.float32)
        for piece in self.behind:
            seen = piece(*size).before(seen)
        alpha = np.clip(people.alpha, 0, 1)
        shown = (1 - alpha)[..., None] * seen
        for piece in self.before:
            hiding = piece(*size)
            alpha, shown = alpha * (1 - hiding.alpha), hiding.before(shown)
        share = 1 - alpha[..., None]
        backdrop = np.divide(shown, share, out=seen.copy(), where=share > 1e-4)
        return TrueFrame(straight(people), alpha, backdrop)

    def _filmed(self, colour: Image, grain: Image) -> Image:
        """Return what a camera makes of colours in this light."""
        lit = colour * np.array(self.light, np.float32) + grain
        return np.clip(lit, 0, 255).astype(np.float32)
