"""What sequences with exact alpha have in common: their frames, and how they become clips."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from samples.layers import Layer
from samples.make import Writer
from samples.person import Image

RATE = 24
LENGTH = 32
"""Frames of a sequence."""


@dataclass(frozen=True, slots=True, eq=False)
class TrueFrame:
    """A picture and what it was made of, float32: colours [h, w, 3] in codes, alpha [h, w]."""

    foreground: Image
    alpha: Image
    backdrop: Image

    @property
    def picture(self) -> Image:
        """The picture, not rounded."""
        return self.backdrop + (self.foreground - self.backdrop) * self.alpha[..., None]


class Drawn(Protocol):
    """A sequence that is drawn; it has the same frames each time."""

    @property
    def name(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    def frames(self, length: int = LENGTH) -> Iterator[TrueFrame]: ...


def write(sequence: Drawn, target: Path, length: int = LENGTH) -> list[Image]:
    """Write a sequence as a lossless clip (FFV1, 4:2:0); return its alphas."""
    alphas = []
    size = (sequence.width, sequence.height)
    with Writer(target, codec="ffv1", pix_fmt="yuv420p", size=size, rate=RATE) as out:
        for frame in sequence.frames(length):
            out.picture(np.rint(np.clip(frame.picture, 0, 255)).astype(np.uint8))
            alphas.append(frame.alpha)
    return alphas


def moments(number: int, shutter: float, count: int) -> list[float]:
    """Return the seconds at which a frame is looked at; a shutter of 0 sees one moment."""
    count = count if shutter else 1
    return [(number + shutter * (i + 0.5) / count) / RATE for i in range(count)]


def straight(layer: Layer) -> Image:
    """Return a layer's colours without alpha in them; 0 where nothing is."""
    share = layer.alpha[..., None]
    nothing = np.zeros_like(layer.premultiplied)
    return np.divide(layer.premultiplied, share, out=nothing, where=share > 0)
