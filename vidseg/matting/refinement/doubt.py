"""Doubt in soft masks: what is half opaque over more than hair ever is, is kept or left out. Pure.

Hair, and hands blurred by motion, are half opaque over narrow areas, with what is opaque on one
side and what is clear on the other. A chair's cushion beside a coat, or people far behind whom a
network half takes for the background, are so over wide ones. Nobody wants half a cushion.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

_OPAQUE = 0.03
"""Opacity this close to 0 or 1 is clear or opaque."""

_WIDEST_HAIR = 1 / 40
"""Share of the picture's longer side that hair's points may be away from all clear and opaque."""

_BESIDE, _WITHIN, _RISE = 0.8, 0.2, 0.3
"""What becomes half opaque in doubtful areas beside bodies and within them, and the span of opacity
that stays soft there."""


def decided(person: NDArray[np.float32], longest: int) -> NDArray[np.float32]:
    """Return a soft mask [h, w] in [0, 1] that is nearly clear or opaque where there is doubt.

    Doubtful areas that have more of what is opaque around them than of what is clear belong to a
    body, the others don't; one that fills the mask has nothing around it, and goes by its own
    opacity. `longest` is the longer side of the whole mask, of which this may be a part. `person`
    itself comes back where there are none.
    """
    soft = cv2.inRange(person, _OPAQUE, 1 - _OPAQUE)
    depth = cv2.distanceTransform(soft, cv2.DIST_L2, cv2.DIST_MASK_3)
    widest = max(2, round(longest * _WIDEST_HAIR))
    deep = (depth > widest).view(np.uint8)
    if not cv2.countNonZero(deep):
        return person
    near = cv2.dilate(deep, _disc(widest))
    weight = np.asarray(cv2.blur(near.astype(np.float32), (widest, widest)), np.float32)
    middle = np.full_like(person, _BESIDE)
    count, labels = cv2.connectedComponents(near)
    for label in range(1, count):
        inside = (labels == label).view(np.uint8)
        around = person[cv2.dilate(inside, _disc(3)) > inside]
        around = around if around.size else person
        if np.count_nonzero(around > 0.5) > np.count_nonzero(around <= 0.5):
            middle[cv2.dilate(inside, _disc(widest)) > 0] = _WITHIN
    clearer = np.clip((person - middle) / np.float32(_RISE) + np.float32(0.5), 0, 1)
    return np.asarray(person + weight * (clearer - person), np.float32)


def _disc(radius: int) -> NDArray[np.uint8]:
    size = (2 * radius + 1,) * 2
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, size), np.uint8)
