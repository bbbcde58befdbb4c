"""Short sequences whose alpha is known exactly, hair and blur of movement included.

Every frame is alpha * foreground + (1 - alpha) * backdrop, in codes, as the product composites.
Matting is adjusted by the sequences whose names begin with ``tuning`` and judged by those that
begin with ``judging``; each half has bright, dark, patterned and moving places.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from samples import backdrops
from samples.backdrops import Backdrop
from samples.hair import Hair, Style, grown, toned
from samples.held import Thing, held
from samples.layers import Colour, Layer, averaged
from samples.person import CutOut, Motion, cut_out, placed, pose
from samples.truth import LENGTH, TrueFrame, moments, straight

_MOMENTS = 12
"""How often the world is looked at while the shutter is open."""
_DARK: Colour = (0.3, 0.29, 0.34)
_BROWN: Colour = (0.62, 0.52, 0.5)


@dataclass(frozen=True, slots=True)
class Sequence:
    """What is seen in a sequence; the shutter is open for a share of the time between frames."""

    name: str
    backdrop: Backdrop
    width: int
    height: int
    hair: Style = field(default_factory=Style)
    motion: Motion = field(default_factory=Motion)
    thing: Thing | None = None
    shutter: float = 0.5
    light: Colour = (1, 1, 1)
    mirrored: bool = False

    def frames(self, length: int = LENGTH) -> Iterator[TrueFrame]:
        """Yield the frames of the sequence, the same ones each time."""
        person, hair = _person(self.hair.tone), _hair(self.hair, self.name)
        for number in range(length):
            times = moments(number, self.shutter, _MOMENTS)
            seen = averaged([_moment(self, person, hair, time) for time in times])
            behind = [self.backdrop(time, self.width, self.height) for time in times]
            yield TrueFrame(straight(seen), seen.alpha, np.mean(behind, axis=0, dtype=np.float32))


SEQUENCES = (
    Sequence("tuning-window", backdrops.window, 768, 432, Style(tone=_BROWN), thing="cup"),
    Sequence(
        "tuning-wall",
        backdrops.wall,
        640,
        360,
        Style(locks=24, frizz=900),
        Motion(reach=0.14, reach_period_s=1.1),
        mirrored=True,
    ),
    Sequence(
        "tuning-landscape",
        backdrops.landscape,
        960,
        540,
        Style(length=62, wind=0.3, tone=_BROWN),
        thing="stick",
    ),
    Sequence(
        "tuning-cinema",
        backdrops.cinema,
        768,
        432,
        Style(tone=_DARK),
        Motion(lean=26, lean_period_s=1.6),
        light=(0.62, 0.58, 0.56),
    ),
    Sequence(
        "judging-blinds",
        backdrops.blinds,
        768,
        432,
        Style(locks=30, frizz=900, tone=_DARK),
        Motion(size=0.74, lean=26, lean_period_s=1.5),
        mirrored=True,
    ),
    Sequence(
        "judging-street",
        backdrops.street,
        640,
        360,
        Style(length=54, tone=_BROWN),
        thing="cup",
    ),
    Sequence(
        "judging-sea",
        backdrops.sea,
        960,
        540,
        Style(length=66, wind=0.3),
        Motion(size=0.6),
        thing="stick",
        mirrored=True,
    ),
    Sequence(
        "judging-curtain",
        backdrops.curtain,
        768,
        432,
        Style(tone=_DARK),
        Motion(reach=0.14, reach_period_s=1.2),
        light=(0.86, 0.82, 0.8),
    ),
)


def _moment(sequence: Sequence, person: CutOut, hair: Hair, time: float) -> Layer:
    """Return the person with hair and thing as they are at one moment."""
    width, height, motion = sequence.width, sequence.height, sequence.motion
    layer = Layer.of(placed(person, pose(time, width, height, motion), width))
    layer = layer.over(hair.layer(time, width, height, motion))
    if sequence.thing is not None:
        layer = held(sequence.thing, time, width, height, motion).over(layer)
    layer = layer.lit(sequence.light)
    return layer.mirrored() if sequence.mirrored else layer


@cache
def _person(tone: Colour) -> CutOut:
    return toned(cut_out(), tone)


@cache
def _hair(style: Style, name: str) -> Hair:
    return grown(style, seed=sum(name.encode()))
