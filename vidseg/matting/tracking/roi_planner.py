"""Regions of interest of a span of frames, and how large the network is to see them. Pure."""

from dataclasses import dataclass

import numpy as np

from vidseg.frames.geometry import Box
from vidseg.matting.tracking import regions
from vidseg.networks.base import Traits

_LARGE = 0.3
"""Share of the frame that a person and the margins take up, above which regions bring nothing."""

_NEARLY_WHOLE = 0.8
"""Share of the frame above which regions are no longer worth having."""

_MOST_REGIONS, _MOST_FIXED_REGIONS = 3, 2
"""Regions per frame; fewer where each costs a whole pass since the network's input has one size."""

_MOST_ENLARGED = 2.0

_MOST_DISTORTED = 0.7
"""Least ratio of a region's aspect to that of a network's fixed input."""


@dataclass(frozen=True, slots=True)
class Roi:
    """A region of interest over a span: a box per frame, all of one size.

    `scale`: pixels of the network's input per pixel of the frame.
    """

    boxes: list[Box]
    scale: float


class RoiPlanner:
    """Plans the regions of interest of one network.

    `resolution`: short side of its input for whole frames, 0 for what it likes; `turned`: coded
    pictures are shown with their sides swapped.
    """

    def __init__(self, traits: Traits, resolution: int, *, turned: bool) -> None:
        self._traits = traits
        self._resolution = resolution or traits.whole_side
        self._turned = turned

    def plan(self, whole: Box, first: list[Box], last: list[Box], count: int) -> list[Roi]:
        """Return the regions of a span that has the people `first` and `last` at its ends.

        None: predict whole frames, since there is nobody yet (lest one be missed who only comes
        by), or since people take up most of the picture. Regions together get no more pixels of
        input than a whole frame, and none is seen smaller than there.
        """
        most = _MOST_REGIONS if self._traits.fixed_size is None else _MOST_FIXED_REGIONS
        found = regions.groups(first, last, margin=self._traits.margin, most=most)
        boxes = [self._boxes(group, whole, count) for group in found]
        if not found or sum(regions.area(each[0]) for each in boxes) > _NEARLY_WHOLE * regions.area(
            whole
        ):
            return []
        if any(self._is_large(person, whole) for person in first + last):
            return []
        wanted = [min(self._traits.person_side / group.longest, _MOST_ENLARGED) for group in found]
        least = self.whole_scale(whole)
        pixels = sum(regions.area(each[0]) * s**2 for each, s in zip(boxes, wanted, strict=True))
        shrink = min(1.0, least * float(np.sqrt(regions.area(whole) / pixels)))
        return [Roi(each, max(least, s * shrink)) for each, s in zip(boxes, wanted, strict=True)]

    def close_up_scale(self, box: Box, person: Box, whole: Box) -> float:
        """Return the scale of a person's box: what the network likes, at a frame's cost at most."""
        wanted = min(self._traits.person_side / regions.longest_side([person]), _MOST_ENLARGED)
        affordable = self.whole_scale(whole) * float(
            np.sqrt(regions.area(whole) / regions.area(box))
        )
        return min(wanted, affordable)

    def close_up_box(self, person: Box, whole: Box) -> Box | None:
        """Return a person's box with the usual margins; `None` where that is most of the frame."""
        margin = round(self._traits.margin * regions.longest_side([person]))
        box = regions.placed(person, person.width + 2 * margin, person.height + 2 * margin, whole)
        return None if regions.area(box) > _NEARLY_WHOLE * regions.area(whole) else box

    def tiles(self, whole: Box) -> tuple[list[Box], float]:
        """Return parts of the frame to search for people too small in the whole, and their scale.

        None for a network whose input can be of any size: it sees the whole frame large enough.
        """
        if self._traits.fixed_size is None:
            return [], 1.0
        tiles = regions.tiles(whole)
        seen = regions.area(whole) / regions.area(tiles[0]) if tiles else 1.0
        return tiles, self.whole_scale(whole) * float(np.sqrt(seen))

    def whole_scale(self, whole: Box) -> float:
        """Return input pixels per source pixel in predictions of whole frames."""
        return self._resolution / min(whole.width, whole.height)

    def _boxes(self, group: regions.Group, whole: Box, count: int) -> list[Box]:
        boxes = regions.interpolated_over(group, count)
        margin = 2 * round(self._traits.margin * group.longest)
        width, height = self._proportioned(boxes[0].width + margin, boxes[0].height + margin)
        return [regions.placed(box, width, height, whole) for box in boxes]

    def _is_large(self, person: Box, whole: Box) -> bool:
        margin = round(self._traits.margin * regions.longest_side([person]))
        return regions.area(
            regions.clipped(regions.grown(person, margin), whole)
        ) > _LARGE * regions.area(whole)

    def _proportioned(self, width: int, height: int) -> tuple[int, int]:
        """Return the size, made longer one way where a fixed input would distort it too much."""
        if self._traits.fixed_size is None:
            return width, height
        across, down = self._traits.fixed_size[:: -1 if self._turned else 1]
        narrow = _MOST_DISTORTED * across / down
        return max(width, round(height * narrow)), max(
            height, round(width * _MOST_DISTORTED * down / across)
        )
