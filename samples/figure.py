"""A whole person: a head from the portrait on a body that is modelled, down to fingers and shoes.

A body is put together from joints, in units of its head's height, as drawing books do: seven and a
half heads tall.
"""

from dataclasses import dataclass
from math import cos, pi, radians, sin
from typing import Any, NamedTuple, Self

import numpy as np

from samples.head import head
from samples.layers import Colour, Layer
from samples.relief import Point, Relief

_HEADS = 7.5
_FINGERS = ((-58, 0.42, 0.2), (-17, 0.48, 0.36), (-4, 0.5, 0.4), (9, 0.48, 0.37), (22, 0.44, 0.3))
"""Degrees from the middle of a hand, where on it they begin, how long they are; thumb first."""


class Stance(NamedTuple):
    """Where a figure stands and how: angles in degrees.

    `x`, `y` is the hip's place and `size` the figure's height, as shares of the frame's. `turn` is
    clockwise and turns all of her; `lean` turns what is above the hips too, `nod` the head. Arms
    and legs hang at 0 and are spread by more, elbows and knees bend the same way.
    """

    x: float = 0.5
    y: float = 0.55
    size: float = 0.85
    turn: float = 0
    lean: float = 0
    nod: float = 0
    left_arm: float = 14
    left_elbow: float = 6
    right_arm: float = 14
    right_elbow: float = 6
    left_leg: float = 4
    left_knee: float = 0
    right_leg: float = 4
    right_knee: float = 0

    def towards(self, other: Self, share: float) -> "Stance":
        """Return what is between this stance (0) and another one (1)."""
        return Stance(*(a + (b - a) * share for a, b in zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True)
class Dress:
    """Colours in codes; sleeves and trouser legs may be short, `tone` is what hair is times."""

    top: Colour = (84, 98, 128)
    legs: Colour = (52, 54, 66)
    shoes: Colour = (40, 36, 36)
    skin: Colour = (216, 162, 134)
    tone: Colour = (1, 1, 1)
    short_sleeves: bool = False
    short_legs: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """Someone who moves to and fro between two stances, once in `period_s`."""

    first: Stance
    second: Stance
    dress: Dress = Dress()
    period_s: float = 2.4

    def layer(self, time: float, width: int, height: int) -> Layer:
        """Return her in a frame at `time` seconds."""
        share = (1 - cos(2 * pi * time / self.period_s)) / 2
        body = _Body(self.first.towards(self.second, share), self.dress, width, height)
        return body.layer()


class _Body:
    """A body that is put together, one part over the other."""

    def __init__(self, stance: Stance, dress: Dress, width: int, height: int) -> None:
        self._stance, self._dress, self._size = stance, dress, (width, height)
        self._relief = Relief(width, height)
        self._unit = stance.size * height / _HEADS
        self._hip = np.array([stance.x * width, stance.y * height])
        self._neck = self._from(self._hip, 180 - stance.lean, 2.55)

    def layer(self) -> Layer:
        stance = self._stance
        waist = self._from(self._hip, 180, 0.3)
        self._part(waist, self._hip, (0.62, 0.68), self._dress.legs, flat=1.7, folds=1)
        for side, leg, knee in (
            (-1, stance.left_leg, stance.left_knee),
            (1, stance.right_leg, stance.right_knee),
        ):
            self._leg(side, leg, knee)
        self._torso()
        for side, arm, elbow in (
            (-1, stance.left_arm, stance.left_elbow),
            (1, stance.right_arm, stance.right_elbow),
        ):
            self._arm(side, arm, elbow)
        return self._head().over(self._relief.layer())

    def _from(self, start: Point, angle: float, length: float) -> Point:
        """Return the place that is `length` away from another; 0 is down, 90 to the right."""
        turned = radians(angle - self._stance.turn)
        return start + length * self._unit * np.array([sin(turned), cos(turned)])

    def _part(
        self, start: Point, end: Point, radii: tuple[float, ...], colour: Colour, **how: Any
    ) -> None:
        """Put in what is turned about an axis, with radii in heads."""
        self._relief.turned(start, end, [each * self._unit for each in radii], colour, **how)

    def _torso(self) -> None:
        dress = self._dress
        upper = self._from(self._neck, 180 - self._stance.lean, 0.5)
        self._part(self._from(self._neck, -self._stance.lean, 0.1), upper, (0.3, 0.24), dress.skin)
        top = self._from(self._neck, 180 - self._stance.lean, 0.06)
        sides = (0.26, 0.42, 0.66, 0.79, 0.77, 0.72, 0.67, 0.63, 0.62, 0.65, 0.7, 0.73)
        hem = self._from(self._hip, 0, 0.12)
        self._part(top, hem, sides, dress.top, flat=1.7, folds=1, blunt=True)

    def _leg(self, side: int, angle: float, knee: float) -> None:
        dress = self._dress
        hip = self._from(self._hip, 90 * side, 0.36)
        joint = self._from(hip, side * angle, 1.75)
        ankle = self._from(joint, side * (angle + knee), 1.65)
        foot = self._from(ankle, side * (angle + knee + 38), 0.42)
        shin = dress.skin if dress.short_legs else dress.legs
        self._part(self._from(ankle, side * (angle + knee), 0.12), foot, (0.19, 0.17), dress.shoes)
        self._part(joint, ankle, (0.27, 0.29, 0.22, 0.17), shin, folds=0 if dress.short_legs else 1)
        self._part(
            hip, joint, (0.38, 0.36, 0.31, 0.28), dress.legs, folds=1, blunt=dress.short_legs
        )

    def _arm(self, side: int, angle: float, elbow: float) -> None:
        dress, lean = self._dress, -self._stance.lean
        shoulder = self._from(self._from(self._neck, lean, 0.3), 90 * side + lean, 0.6)
        joint = self._from(shoulder, side * angle + lean, 1.2)
        heading = side * (angle + elbow) + lean
        wrist = self._from(joint, heading, 1.05)
        lower = dress.skin if dress.short_sleeves else dress.top
        folds = 0 if dress.short_sleeves else 1
        self._hand(side, wrist, heading)
        self._part(joint, wrist, (0.18, 0.18, 0.14, 0.105), lower, folds=folds)
        self._part(shoulder, joint, (0.25, 0.23, 0.2, 0.18), lower, folds=folds)
        if dress.short_sleeves:
            middle = (shoulder + joint) / 2
            self._part(shoulder, middle, (0.25, 0.25, 0.26), dress.top, folds=1, blunt=True)

    def _hand(self, side: int, wrist: Point, heading: float) -> None:
        skin = self._dress.skin
        self._part(wrist, self._from(wrist, heading, 0.36), (0.09, 0.15, 0.16), skin)
        for spread, begin, long in _FINGERS:
            turned = heading - side * spread
            root = self._from(wrist, heading - 0.5 * side * spread, 0.5 * begin)
            tip = self._from(root, turned, 0.12 + long)
            self._part(root, tip, (0.06, 0.055, 0.045), skin)

    def _head(self) -> Layer:
        stance = self._stance
        chin = self._from(self._neck, 180 - stance.lean, 0.32)
        angle = stance.turn + stance.lean + stance.nod
        return head(self._dress.tone, chin, angle, self._unit, *self._size)
