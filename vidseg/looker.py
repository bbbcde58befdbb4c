"""What feeds regions of frames to the network, and makes masks of what it says, as the frames are coded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg import grid
from vidseg.carry import Carrier, View
from vidseg.colours import Appearance, thinned
from vidseg.frames import Box, Frame, Mask, Orientation
from vidseg.looks import Look, chosen, joined_labels, reach
from vidseg.odds import probability
from vidseg.parts import part_indices
from vidseg.plan import Planner
from vidseg.planes import small_rgb
from vidseg.recall import Recall
from vidseg.segmenters.base import Segmenter
from vidseg.settings import SegmentSettings
from vidseg.sights import Sight, Sights
from vidseg.vet import LIKELY, vetted

_WORTH_SHARING = 3
"""Masks carried over one gap from which on it is cheaper to learn colours from its ends than from each."""


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """Frames between two that the network saw: what those show, and their times.

    `made`: a frame whose mask has been carried, and that; `appearance`: colours for all masks.
    """

    begin: Sight
    end: Sight
    since: Fraction
    until: Fraction
    made: tuple[Frame, Mask] | None = None
    appearance: Appearance | None = None


class Looker:
    """Feeds regions of frames to the network and brings what it says back to coded orientation."""

    def __init__(self, segmenter: Segmenter, settings: SegmentSettings, orientation: Orientation) -> None:
        self._segmenter = segmenter
        self._traits = segmenter.traits
        self._settings = settings
        self._orientation = orientation
        self._carrier = Carrier()
        self._recall = Recall()
        self.sights = Sights()
        self.planner = Planner(segmenter.traits, settings.resolution or 0, turned=orientation.swaps_axes)
        self.batch_size = settings.batch_size or segmenter.traits.batch_size

    def whole(self, frames: list[Frame]) -> list[Look]:
        """Look at whole frames."""
        if not frames:
            return []
        box = whole_box(frames[0])
        return self.look(frames, [box] * len(frames), self.planner.whole_scale(box))

    def vetted(self, frames: list[Frame], known: list[Box]) -> list[Look]:
        """Look at whole frames, and closer at whoever isn't `known` there; people there are at most few."""
        return [
            vetted(look, known, partial(self._closer, frame))
            for frame, look in zip(frames, self.whole(frames), strict=True)
        ]

    def searched(self, frame: Frame) -> list[Box]:
        """Return people who are too small for a look at the whole frame, found by looks at parts of it."""
        tiles, scale = self.planner.tiles(whole_box(frame))
        found: list[Box] = []
        for look in self.look([frame] * len(tiles), tiles, scale):
            found += vetted(look, [], partial(self._closer, frame)).people(LIKELY)
        return found

    def _closer(self, frame: Frame, person: Box) -> Look | None:
        """Look at a person with the usual margins; `None` where that were most of the frame.

        Where such a look was taken not long ago, and what it saw is there still, it is as good as new.
        """
        box = self.planner.around(person, whole_box(frame))
        if box is None:
            return None
        look = self._recall.look(frame, person, box)
        if look is None:
            look = self.look([frame], [box], self.planner.closer(box, person, whole_box(frame)))[0]
            self._recall.keep(look, frame)
        return look

    def forget(self) -> None:
        """Forget what was seen before."""
        self.sights = Sights()
        self._recall = Recall()

    def look(self, frames: list[Frame], boxes: list[Box], scale: float) -> list[Look]:
        """Run the network over a box of each frame; neighbours of one size share batches."""
        looks: list[Look] = []
        start = 0
        for stop in range(1, len(frames) + 1):
            full = stop - start == self.batch_size
            if stop == len(frames) or full or _size(boxes[stop]) != _size(boxes[start]):
                looks += self._batch(frames[start:stop], boxes[start:stop], scale)
                start = stop
        return looks

    def mask(self, frame: Frame, looks: list[Look]) -> Mask:
        """Return the looks at a frame as one mask, which covers all of them."""
        box, side = _gridded(looks, frame)
        sight = self.sights.of(frame, looks, box, side)
        mask = self._mask(sight.logits, box, sight.picture)
        if not self._settings.part_map:
            return mask
        return replace(mask, parts=joined_labels(looks, box, side, part_indices(self._settings.parts)))

    def gap(self, frames: dict[int, Frame], seen: dict[int, list[Look]], low: int, high: int) -> Gap | None:
        """Return the gap between two frames; none with maps of parts, which have no mean to be carried."""
        if self._settings.part_map:
            return None
        box, side = _gridded(seen[low] + seen[high], frames[low])
        begin, end = (self.sights.of(frames[i], seen[i], box, side) for i in (low, high))
        return Gap(begin, end, frames[low].time, frames[high].time)

    def with_colours(self, gap: Gap, count: int) -> Gap:
        """Return a gap with the colours that `count` masks carried over it share, where that is cheaper."""
        if count < _WORTH_SHARING:
            return gap
        seen = [(self._person(thinned(end.logits)), thinned(end.picture)) for end in (gap.begin, gap.end)]
        return replace(gap, appearance=Appearance.of(*seen))

    def carry(self, gap: Gap, frame: Frame) -> Mask | None:
        """Return the mask of a frame in a gap, `None` where the frames at its ends don't explain it."""
        if gap.made is not None and gap.made[0] is frame:
            return replace(gap.made[1], appearance=gap.appearance)
        box, side = gap.begin.box, gap.begin.side
        picture = grid.picture(frame, box, side)
        share = (frame.time - gap.since) / (gap.until - gap.since)
        found = self._carrier.carried(View.of(picture), gap.begin.view, gap.end.view, float(share))
        if found is None:
            return None
        return replace(self._mask(found, box, picture), carried=True, appearance=gap.appearance)

    def _mask(self, logits: NDArray[np.float32], box: Box, picture: NDArray[np.uint8]) -> Mask:
        height, width = picture.shape[:2]
        if logits.shape != (height, width):
            logits = np.asarray(
                cv2.resize(logits, (width, height), interpolation=cv2.INTER_LINEAR), np.float32
            )
        return Mask(person=self._person(logits), box=box, picture=picture)

    def _person(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of a person."""
        return probability(logits, self._traits.logit_gain)

    def _batch(self, frames: list[Frame], boxes: list[Box], scale: float) -> list[Look]:
        width, height = self._picture_size(boxes[0], scale)
        pictures = [small_rgb(frame, box, width, height) for frame, box in zip(frames, boxes, strict=True)]
        scores = self._segmenter.segment(np.stack([self._input(picture) for picture in pictures]))
        wanted = chosen(scores, self._settings.parts) + np.float32(self._traits.logit_bias)
        mapped = scores.parts if self._settings.part_map else None
        return [
            Look(
                box,
                self._coded(scores.person[i]),
                self._coded(wanted[i]),
                self._traits.corner_aligned,
                width,
                height,
                None if mapped is None else self._coded(mapped[i]),
            )
            for i, box in enumerate(boxes)
        ]

    def _coded(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return upright scores in coded orientation."""
        return np.ascontiguousarray(self._orientation.coded(scores), np.float32)

    def _input(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the picture as the network takes it: upright, and resized where its input has one size."""
        upright = np.asarray(self._orientation.upright(picture), np.uint8)
        size = self._traits.fixed_size
        if size is None or size == upright.shape[1::-1]:
            return upright
        return np.asarray(cv2.resize(upright, size, interpolation=cv2.INTER_AREA), np.uint8)

    def _picture_size(self, box: Box, scale: float) -> tuple[int, int]:
        """Return (width, height) of the picture for a box, in coded orientation: what the network takes.

        Where that is one size, it is the box to scale, so that circles stay circles for later stages.
        """
        if self._traits.fixed_size is not None:
            return max(1, round(box.width * scale)), max(1, round(box.height * scale))
        shown = _size(box)[::-1] if self._orientation.swaps_axes else _size(box)
        size = self._segmenter.input_size(*shown, max(1, round(min(shown) * scale)))
        return size[::-1] if self._orientation.swaps_axes else size


def whole_box(frame: Frame) -> Box:
    return Box(0, 0, frame.width, frame.height)


def _gridded(looks: Sequence[Look], frame: Frame) -> tuple[Box, int]:
    """Return the box around all looks' regions on a grid of the frame, and the side of its cells."""
    box = reach(looks)
    side = grid.side_for(box)
    return grid.aligned(box, side, frame), side


def _size(box: Box) -> tuple[int, int]:
    return box.width, box.height
