"""Boxes around people: found in a mask, merged, widened, and moved between two key frames. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.geometry import Box

_SMALLEST_SHARE = 0.0004
"""Blobs below this share of the picture are noise, not people."""

_HARDLY_MORE = 1.2
"""Two regions become one that has at most this many times their pixels."""

MOST_PEOPLE = 32
"""Blobs of one prediction that are taken for people, the largest: noise shows hundreds.

Each costs a closer prediction, so that the bound keeps a frame below some 30 of these. A crowd
loses nothing: people close together are one blob, and all share the few regions of a span.
"""


def people(logits: NDArray[np.float32], box: Box, *, likely: float, certain: float) -> list[Box]:
    """Return boxes in the picture's pixels around the largest blobs of [h, w] logits over `box`.

    A blob is connected above `likely`, and counts where it reaches `certain` and is no mere speck.
    There are `MOST_PEOPLE` at most.
    """
    height, width = logits.shape
    _, labels, stats, _ = cv2.connectedComponentsWithStats((logits > likely).astype(np.uint8))
    sure = np.bincount(labels[logits > certain], minlength=len(stats))
    found = []
    for label, (left, top, columns, rows, area) in enumerate(stats):
        if label and sure[label] and area >= _SMALLEST_SHARE * height * width:
            scale_x, scale_y = box.width / width, box.height / height
            found.append(
                Box(
                    box.left + int(left * scale_x),
                    box.top + int(top * scale_y),
                    box.left + int(np.ceil((left + columns) * scale_x)),
                    box.top + int(np.ceil((top + rows) * scale_y)),
                )
            )
    return largest(found)


def largest(boxes: list[Box]) -> list[Box]:
    """Return the `MOST_PEOPLE` largest of `boxes`, in their order; of equal ones the first."""
    if len(boxes) <= MOST_PEOPLE:
        return boxes
    ranked = sorted(range(len(boxes)), key=lambda i: -area(boxes[i]))
    return [boxes[i] for i in sorted(ranked[:MOST_PEOPLE])]


def union(boxes: Sequence[Box]) -> Box:
    """Return the smallest box that holds all of `boxes`, at least one."""
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )


def longest_side(boxes: Sequence[Box]) -> int:
    """Return the longest side of any of `boxes`: a standing person's height, upright or turned."""
    return max(max(box.width, box.height) for box in boxes)


def area(box: Box) -> int:
    """Return the number of pixels in the box."""
    return box.width * box.height


def overlap(one: Box, other: Box) -> bool:
    """Whether the boxes share a pixel."""
    across = max(one.left, other.left) < min(one.right, other.right)
    return across and max(one.top, other.top) < min(one.bottom, other.bottom)


def covered_fraction(box: Box, other: Box) -> float:
    """Return how much of `box` lies within `other`, as a share of its pixels."""
    width = min(box.right, other.right) - max(box.left, other.left)
    height = min(box.bottom, other.bottom) - max(box.top, other.top)
    return max(width, 0) * max(height, 0) / area(box)


def grown(box: Box, pixels: int) -> Box:
    """Return the box with `pixels` more on every side."""
    return Box(box.left - pixels, box.top - pixels, box.right + pixels, box.bottom + pixels)


def clipped(box: Box, frame: Box) -> Box:
    """Return the part of `box` within `frame`, which it overlaps."""
    return Box(
        max(box.left, frame.left),
        max(box.top, frame.top),
        min(box.right, frame.right),
        min(box.bottom, frame.bottom),
    )


_OBLONG, _TILE_STEP = 1.2, 0.75
"""Ratio of sides from which a frame is searched in squares, and these squares' distance by side."""

_MOST_TILES = 40
"""Squares beyond which a frame is a strip, where nobody is whole and a search takes minutes."""


@dataclass(frozen=True, slots=True)
class Group:
    """People near each other: their boxes in the first and in the last frame of a span.

    One of the two may be empty. `reach`: the box around all of them; `longest`: their longest side.
    """

    first: tuple[Box, ...]
    last: tuple[Box, ...]
    reach: Box
    longest: int

    @classmethod
    def of(cls, *, first: Box | None = None, last: Box | None = None) -> "Group":
        """Return the group of a person in the first frame, or of one in the last."""
        begins, ends = (() if box is None else (box,) for box in (first, last))
        return cls(begins, ends, union(begins + ends), longest_side(begins + ends))

    def __add__(self, other: "Group") -> "Group":
        reach, longest = union([self.reach, other.reach]), max(self.longest, other.longest)
        return Group(self.first + other.first, self.last + other.last, reach, longest)


def groups(first: Sequence[Box], last: Sequence[Box], *, margin: float, most: int) -> list[Group]:
    """Return the people at both ends of a span in at most `most` groups, a region each.

    Boxes come together where they overlap once widened by `margin` of their longest side, or where
    one region costs hardly more than two. Whoever is at one end only may have moved far, so those
    who came and those who went form one group.
    """
    found = [Group.of(first=box) for box in first] + [Group.of(last=box) for box in last]
    found = _merged(found, lambda one, other: _near(one, other, margin))
    lonely = [group for group in found if not (group.first and group.last)]
    if any(group.first for group in lonely) and any(group.last for group in lonely):
        found = [group for group in found if group not in lonely] + [sum(lonely[1:], lonely[0])]
    found = _merged(found, _cheaper_as_one)
    while len(found) > most:
        found.sort(key=lambda group: area(group.reach))
        found[:2] = [found[0] + found[1]]
    return found


def _near(one: Group, other: Group, margin: float) -> bool:
    widened = (grown(group.reach, round(margin * group.longest)) for group in (one, other))
    return overlap(*widened)


def _cheaper_as_one(one: Group, other: Group) -> bool:
    return area(union([one.reach, other.reach])) <= _HARDLY_MORE * (
        area(one.reach) + area(other.reach)
    )


def _merged(items: list[Group], alike: Callable[[Group, Group], bool]) -> list[Group]:
    """Return the groups with every two that are alike made one, until no two are."""
    merged: list[Group] = []
    for item in items:
        while match := next((other for other in merged if alike(item, other)), None):
            merged.remove(match)
            item = match + item
        merged.append(item)
    return merged


def missing(first: Sequence[Box], last: Sequence[Box]) -> list[Box]:
    """Return who is in the first frame of a span but, as far as boxes tell, not in the last.

    Whoever is there still overlaps a box of the last frame, once both are widened by half a person.
    """
    return [
        box
        for box in first
        if not any(overlap(_widened(box, 0.5), _widened(other, 0.5)) for other in last)
    ]


def search_area(person: Box, frame: Box) -> Box:
    """Return where to search for who was at `person` some frames ago: up to two lengths away."""
    return clipped(_widened(person, 2.0), frame)


def _widened(box: Box, share: float) -> Box:
    return grown(box, round(share * longest_side([box])))


def tiles(frame: Box) -> list[Box]:
    """Return overlapping squares of the frame's shorter side; none for a square or a strip."""
    side, length = min(frame.width, frame.height), max(frame.width, frame.height)
    if length < _OBLONG * side:
        return []
    count = int(np.ceil((length - side) / (_TILE_STEP * side))) + 1
    if count > _MOST_TILES:
        return []
    across = frame.width == length
    tiles = []
    for start in np.linspace(0, length - side, count):
        left, top = (round(start), 0) if across else (0, round(start))
        tiles.append(placed(Box(left, top, left + side, top + side), side, side, frame))
    return tiles


def interpolated_over(group: Group, count: int) -> list[Box]:
    """Return `count` boxes of one size that follow the group from first to last frame of a span."""
    first, last = (union(boxes) if boxes else group.reach for boxes in (group.first, group.last))
    if not overlap(first, last):
        first = last = group.reach
    return interpolated(first, last, count)


def interpolated(first: Box, last: Box, count: int) -> list[Box]:
    """Return `count` boxes of one size from `first` to `last`, both of which are covered."""
    width, height = max(first.width, last.width), max(first.height, last.height)
    steps = np.linspace(0, 1, count) if count > 1 else np.array([1.0])
    boxes = []
    for step in steps:
        x = ((1 - step) * (first.left + first.right) + step * (last.left + last.right) - width) / 2
        y = ((1 - step) * (first.top + first.bottom) + step * (last.top + last.bottom) - height) / 2
        boxes.append(Box(round(x), round(y), round(x) + width, round(y) + height))
    return boxes


def placed(box: Box, width: int, height: int, frame: Box) -> Box:
    """Return a box of about `width` x `height` centred on `box`, moved to lie inside `frame`.

    Edges fall on even pixels, where 4:2:0 chroma begins, unless they are the frame's own.
    """
    left, right = _fitted(box.left, box.right, width, frame.right)
    top, bottom = _fitted(box.top, box.bottom, height, frame.bottom)
    return Box(left, top, right, bottom)


def _fitted(low: int, high: int, length: int, limit: int) -> tuple[int, int]:
    if length >= limit:
        return 0, limit
    length += length % 2
    start = min(max((low + high - length) // 2, 0), limit - length)
    start -= start % 2
    end = start + length
    return (
        start,
        limit if end == limit - 1 else end,
    )  # the last pixel of an odd side belongs to a cell too
