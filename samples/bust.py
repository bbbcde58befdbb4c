"""The portrait's head and shoulders in other clothes, upright, lying or upside down."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from samples.hair import toned
from samples.head import head_share
from samples.layers import Colour, Layer
from samples.person import CutOut, Motion, cut_out, placed, pose

_SUIT = 118
"""The mean code of the portrait's suit."""


@dataclass(frozen=True, slots=True)
class Bust:
    """Head and shoulders at the edge of the frame: below, or after quarter `turns` elsewhere.

    Turns are counter-clockwise. `cloth` is the mean colour of the clothes, in codes; `tone` what
    hair is times.
    """

    cloth: Colour
    tone: Colour = (1, 1, 1)
    motion: Motion = field(default_factory=Motion)
    turns: int = 0
    mirrored: bool = False

    def layer(self, time: float, width: int, height: int) -> Layer:
        """Return her in a frame at `time` seconds."""
        across, down = (height, width) if self.turns % 2 else (width, height)
        where = pose(time, across, down, self.motion)
        layer = Layer.of(placed(_dressed(self.cloth, self.tone), where, across))
        layer = layer.turned(self.turns)
        return layer.mirrored() if self.mirrored else layer


@cache
def _dressed(cloth: Colour, tone: Colour) -> CutOut:
    """Return the person in clothes of another colour, with the folds of her suit."""
    person = toned(cut_out(), tone)
    grey = person.colour.mean(axis=-1, keepdims=True) / _SUIT
    share = head_share()[..., None]
    worn = np.clip(grey * np.array(cloth, np.float32), 0, 255)
    return CutOut(np.asarray(worn + (person.colour - worn) * share, np.float32), person.alpha)
