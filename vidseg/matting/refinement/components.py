"""Connected components: holes in bodies are closed, specks and haze beside them dropped. Pure.

What is small beside the largest person is judged by what the network predicted, before colours had
their say: a blob in which it was nowhere sure of a person is none, and an enclosed gap in which it
was nowhere sure of the background is none either (hysteresis, as in the edges of Canny 1986). So a
shadow that happens to have the jacket's colour does not stay, and daylight between arm and body
does.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

SEEN, _BODY = 0.15, 0.5
"""Probability from which a pixel shows at all (see the step in `refine`), and belongs to a body."""

_PERSON_SURE = 0.9
"""Probability reached somewhere in a person; at 0.8, every fifth frame of a stream shows blobs."""

_GAP, _GAP_SURE = 0.01, 0.1
"""A hole below this share of the largest blob is closed unless probability falls to this in it."""

_MOTE = 0.002
"""Share of the largest blob below which blobs are dropped and holes closed, sure or not."""

_REACH = 1 / 80
"""Share of the longer side beyond which nothing soft belongs to a body."""

_FAINT, _HAIR_REACH = 0.05, 1 / 60
"""Opacity from which hair shows, and the share of the longer side that it may be off a body."""

_Float: TypeAlias = NDArray[np.float32]
_Sample = TypeVar("_Sample", NDArray[np.float32], NDArray[np.uint8])
_Outline: TypeAlias = NDArray[np.integer[Any] | np.floating[Any]]


def clean_components(person: _Float, predicted: _Float, longest: int = 0) -> _Float:
    """Return `person` without specks and holes; `predicted` is what the network gave for it.

    Both are float32 [h, w] in [0, 1], and stay as they are; `person` itself comes back where
    nothing has to change. Where they are the part of a mask that holds all that shows in it,
    `longest` is its longer side. A gap that reaches the picture's border is no hole.
    """
    blobs = cv2.findContours(_above(person, SEEN), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    areas = [_area(blob) for blob in blobs]
    largest = max(areas, default=0.0)
    judged = zip(blobs, areas, strict=True)
    specks = [blob for blob, area in judged if not _is_person(blob, predicted, area / largest)]
    result = _painted(person, specks, 0)
    body = _above(result, _BODY)
    result = _without_haze(
        result, body, _MOTE * largest, max(2, round(max(longest, *person.shape) * _REACH))
    )
    outlines, family = cv2.findContours(body, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    parents = [] if family is None else family[0, :, 3]
    enclosed = [outline for outline, parent in zip(outlines, parents, strict=True) if parent >= 0]
    return _painted(result, [hole for hole in enclosed if _is_flaw(hole, predicted, largest)], 1)


def without_specks(person: _Float, longest: int) -> _Float:
    """Return a soft mask [h, w] without what belongs to nobody.

    A body is opaque somewhere and no speck beside the largest one. What is joined to one is its
    hair, however far it flies, and so is what lies close by; the rest goes. `longest` is the longer
    side of the whole mask.
    """
    bodies = cv2.findContours(_above(person, _BODY), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    areas = [_area(body) for body in bodies]
    largest = max(areas, default=0.0)
    judged = zip(bodies, areas, strict=True)
    people = [body for body, area in judged if _is_person(body, person, area / largest)]
    reach = max(2, round(longest * _HAIR_REACH))
    near = _painted(np.zeros(person.shape, np.uint8), people, 1)
    near = np.asarray(cv2.dilate(near, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)), np.uint8)
    _, labels = cv2.connectedComponents(_above(person, _FAINT) | near)
    joined = np.isin(labels, np.unique(labels[near > 0]))
    return np.where(joined, person, np.float32(0))


def _without_haze(person: _Float, body: NDArray[np.uint8], least: float, reach: int) -> _Float:
    """Return `person` without what is faint and over `reach` off bodies of `least` pixels."""
    blobs = cv2.findContours(body, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    near = _painted(body, [blob for blob in blobs if _area(blob) < least], 0)
    around = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    haze = _above(person, SEEN) > cv2.dilate(near, around)
    return np.where(haze, np.float32(0), person) if haze.any() else person


def _area(blob: _Outline) -> float:
    """Return how many pixels an outline has on and within it, by Pick's theorem."""
    return cv2.contourArea(blob) + len(blob) / 2 + 1


def _above(person: _Float, level: float) -> NDArray[np.uint8]:
    return (person > np.float32(level)).view(np.uint8)


def _is_person(blob: _Outline, predicted: _Float, share: float) -> bool:
    return share >= _MOTE and _extremes(predicted, blob)[1] >= _PERSON_SURE


def _is_flaw(hole: _Outline, predicted: _Float, largest: float) -> bool:
    """Whether a hole, given by the body's pixels around it, is to be closed."""
    share = (cv2.contourArea(hole) - len(hole) / 2 + 1) / largest
    return share < _MOTE or (share < _GAP and _extremes(predicted, hole)[0] > _GAP_SURE)


def _extremes(array: _Float, outline: _Outline) -> tuple[float, float]:
    """Return the least and the greatest value on and within an outline."""
    left, top, width, height = cv2.boundingRect(outline)
    inside = np.zeros((height, width), np.uint8)
    cv2.drawContours(inside, [outline], 0, 1, cv2.FILLED, offset=(-left, -top))
    least, greatest, _, _ = cv2.minMaxLoc(array[top : top + height, left : left + width], inside)
    return least, greatest


def _painted(array: _Sample, outlines: Sequence[_Outline], value: float) -> _Sample:
    """Return the array with `value` on and within the outlines, itself where there are none."""
    if not outlines:
        return array
    result = array.copy()
    for outline in outlines:  # one by one, lest one within another be left out
        cv2.drawContours(result, [outline], 0, value, cv2.FILLED)
    return result
