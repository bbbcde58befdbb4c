"""Where the people are: which regions of which frames the network sees, and the masks it gives.

Frames are taken in spans of a few. The network looks at the whole of the last frame of a span (and of the
first, after a cut), which tells where people are at both of its ends; in between, regions that cover them
glide from one to the other and fill the network's input. So a person is followed without any delay, one
who comes in is expected, and nobody is lost whom a look at the whole frame would have found.

Between two frames that the network saw, masks are carried along the motion of the picture (`vidseg.carry`).
Where that doesn't explain what the frame in the middle shows, the network looks there too, and so on.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg import grid, regions
from vidseg.carry import Carrier, View
from vidseg.colours import Appearance, thinned
from vidseg.errors import ModelError
from vidseg.frames import Box, Frame, Mask, Orientation
from vidseg.looks import CERTAIN, Look, chosen, joined_labels, reach
from vidseg.odds import probability
from vidseg.parts import part_indices
from vidseg.plan import Plan, Planner
from vidseg.planes import small_rgb
from vidseg.recall import Recall
from vidseg.segmenters.base import Segmenter
from vidseg.settings import SegmentSettings
from vidseg.shots import spans
from vidseg.sights import Sights
from vidseg.vet import LIKELY, vetted

_SPAN = 8
"""Frames between two looks at the whole frame; a batch of the network's liking may make it longer."""
_LONGEST_SPAN = 16

_MARGIN_IN_NEED = 0.5
"""Share of its sides by which a region grows whose border a person touches."""

_WORTH_SHARING = 3
"""Masks carried over one gap from which on it is cheaper to learn colours from its ends than from each."""


def follow(
    frames: Iterable[Frame],
    segmenter: Segmenter,
    settings: SegmentSettings,
    orientation: Orientation,
    begin: Fraction | None = None,
) -> Iterator[tuple[Frame, Mask]]:
    """Yield every frame with its mask, in order; frames are passed on as they came.

    Frames before `begin`, a restart of `vidseg.borders`, are left out; they only tell where shots end.

    Frames go through the network in batches of `settings.batch_size`, or of what the segmenter likes.
    At most 18 frames are held. Raises `ModelError` where parts are asked for that the network doesn't know.
    """
    if settings.needs_parts and not segmenter.traits.has_parts:
        raise ModelError(f"--parts: {segmenter.name} knows no body parts: use a bodypix model")
    looker = _Looker(segmenter, settings, orientation)
    length = min(max(_SPAN, looker.batch_size), _LONGEST_SPAN)
    before: _Seen | None = None
    for span in spans(frames, length):
        if begin is not None and span.frames[0].time < begin:
            continue
        masks, before = _span_masks(looker, span.frames, None if span.fresh else before)
        if span.cut:
            masks[0] = replace(masks[0], cut=True)
        while masks:  # what was handed on is let go of: a frame of 4K takes 12 MB
            yield span.frames.pop(0), masks.pop(0)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A frame that the network saw: its looks, boxes around the people in it, and around those sure to be."""

    frame: Frame
    looks: list[Look]
    people: list[Box]
    known: list[Box]


def _span_masks(looker: "_Looker", span: list[Frame], before: _Seen | None) -> tuple[list[Mask], _Seen]:
    """Return the masks of a span, and what was seen in its last frame.

    `before`: the frame before it, `None` where the span begins a shot or is to know nothing of it.
    """
    end = len(span) - 1
    ends = [0, end] if before is None and end else [end]
    if before is None:
        looker.forget()
    known = [] if before is None else before.known
    whole = dict(zip(ends, looker.vetted([span[i] for i in ends], known), strict=True))
    found = {i: look.people(LIKELY) or looker.searched(span[i]) for i, look in whole.items()}
    last = found[end]
    first = found[ends[0]] if before is None else before.people
    last += _found_again(looker, span[end], regions.missing(first, last))
    plans = looker.planner.plan(_whole(span[0]), first, last, len(span))
    known = first + last
    seen = _looks(looker, span, plans, known, ends) if plans else {i: [look] for i, look in whole.items()}
    masks = _masks(looker, span, plans, known, seen, before)
    looker.sights.forget_all_but(span[end])
    people = last + [box for look in seen[end] for box in look.people(CERTAIN)]
    return masks, _Seen(span[end], seen[end], people, last)


def _masks(
    looker: "_Looker",
    span: list[Frame],
    plans: list[Plan],
    known: list[Box],
    seen: dict[int, list[Look]],
    before: _Seen | None,
) -> list[Mask]:
    """Return the masks of a span some of whose frames were `seen`, by their numbers in it.

    In a gap between two such frames, masks are carried. Where that fails for the frame in its middle, the
    network sees that one, which makes two gaps; where it fails for another, the network sees just that.
    """
    frames, seen = dict(enumerate(span)), dict(seen)
    if before is not None:
        frames[-1], seen[-1] = before.frame, before.looks
    masks: dict[int, Mask] = {}
    gaps = list(itertools.pairwise(sorted(seen)))
    while gaps:
        wanted, halves = [], []
        for low, high in gaps:
            inner = range(low + 1, high)
            carried = looker.carry(frames, seen, inner) if inner else {}
            masks |= carried
            if carried:
                wanted += [i for i in inner if i not in carried]
            elif inner:
                middle = inner[len(inner) // 2]
                wanted.append(middle)
                halves += [(low, middle), (middle, high)]
        seen |= _looks(looker, span, plans, known, wanted)
        gaps = halves
    return [masks[i] if i in masks else looker.mask(frame, seen[i]) for i, frame in enumerate(span)]


def _looks(
    looker: "_Looker", span: list[Frame], plans: list[Plan], known: list[Box], which: list[int]
) -> dict[int, list[Look]]:
    """Return the looks at some frames of a span, at their regions, or where there are none at all of them.

    Regions that cut someone off are widened, and those that show nobody at all are looked at whole.
    """
    frames = [span[i] for i in which]
    if not plans or not which:
        return {i: [look] for i, look in zip(which, looker.vetted(frames, known), strict=True)}
    by_region = [looker.look(frames, [plan.boxes[i] for i in which], plan.scale) for plan in plans]
    whole = _whole(span[0])
    for plan, looks in zip(plans, by_region, strict=True):
        doubtful = [at for at, look in enumerate(looks) if look.cuts_someone(whole)]
        if doubtful:
            _widen(looker, frames, looks, known, doubtful, plan.scale)
    seen = {i: list(looks) for i, looks in zip(which, zip(*by_region, strict=True), strict=True)}
    for i, looks in seen.items():
        if not any(look.someone for look in looks):
            looks[0] = looker.vetted([span[i]], [])[0]
    return seen


def _widen(
    looker: "_Looker",
    frames: list[Frame],
    looks: list[Look],
    known: list[Box],
    which: list[int],
    scale: float,
) -> None:
    """Replace some looks by wider ones that also cover whom a look at the whole frame shows there."""
    whole = _whole(frames[0])
    found = looker.vetted([frames[which[0]]], known)[0].people(LIKELY)
    boxes = []
    for i in which:
        box = looks[i].box
        near = [person for person in found if regions.overlap(person, box)]
        box = regions.union([box, *near])
        grown = 1 + 2 * _MARGIN_IN_NEED
        boxes.append(regions.placed(box, round(box.width * grown), round(box.height * grown), whole))
    scale *= float(np.sqrt(regions.area(looks[which[0]].box) / regions.area(boxes[0])))
    for i, look in zip(which, looker.look([frames[i] for i in which], boxes, scale), strict=True):
        looks[i] = look


def _found_again(looker: "_Looker", frame: Frame, missing: list[Box]) -> list[Box]:
    """Return boxes around people whom a look at the whole frame missed, found by a closer one near by.

    Someone small and far away is seen well in a region, hardly in the whole frame; going by the latter
    alone, the region would stay where it is, and the person would walk out of it.
    """
    whole = _whole(frame)
    found: list[Box] = []
    for person in missing:
        box = regions.around(person, whole)
        look = looker.look([frame], [box], looker.planner.closer(box, person, whole))[0]
        found += look.people(CERTAIN)
    return found


class _Looker:
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
        box = _whole(frames[0])
        return self.look(frames, [box] * len(frames), self.planner.whole_scale(box))

    def vetted(self, frames: list[Frame], known: list[Box]) -> list[Look]:
        """Look at whole frames, and closer at whoever isn't `known` there; people there are at most few."""
        return [
            vetted(look, known, partial(self._closer, frame))
            for frame, look in zip(frames, self.whole(frames), strict=True)
        ]

    def searched(self, frame: Frame) -> list[Box]:
        """Return people who are too small for a look at the whole frame, found by looks at parts of it."""
        tiles, scale = self.planner.tiles(_whole(frame))
        found: list[Box] = []
        for look in self.look([frame] * len(tiles), tiles, scale):
            found += vetted(look, [], partial(self._closer, frame)).people(LIKELY)
        return found

    def _closer(self, frame: Frame, person: Box) -> Look | None:
        """Look at a person with the usual margins; `None` where that were most of the frame.

        Where such a look was taken not long ago, and what it saw is there still, it is as good as new.
        """
        box = self.planner.around(person, _whole(frame))
        if box is None:
            return None
        look = self._recall.look(frame, person, box)
        if look is None:
            look = self.look([frame], [box], self.planner.closer(box, person, _whole(frame)))[0]
            self._recall.keep(look, frame)
        return look

    def forget(self) -> None:
        """Forget what was seen before."""
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

    def carry(self, frames: dict[int, Frame], seen: dict[int, list[Look]], inner: range) -> dict[int, Mask]:
        """Return masks of the frames `inner` that those just before and after them, both `seen`, explain.

        None where the one in the middle isn't explained, and where maps of parts are asked for: these have no
        mean that could be carried.
        """
        if self._settings.part_map:
            return {}
        low, high = inner.start - 1, inner.stop
        box, side = _gridded(seen[low] + seen[high], frames[low])
        ends = [self.sights.of(frames[i], seen[i], box, side) for i in (low, high)]
        middle = inner[len(inner) // 2]
        masks: dict[int, Mask] = {}
        for i in sorted(inner, key=lambda i: i != middle):
            picture = grid.picture(frames[i], box, side)
            share = (frames[i].time - frames[low].time) / (frames[high].time - frames[low].time)
            begin, end = (each.view for each in ends)
            found = self._carrier.carried(View.of(picture), begin, end, float(share))
            if found is not None:
                masks[i] = replace(self._mask(found, box, picture), carried=True)
            elif i == middle:
                break
        if len(masks) < _WORTH_SHARING:
            return masks
        people = [self._person(thinned(each.logits)) for each in ends]
        appearance = Appearance.of(*zip(people, (thinned(each.picture) for each in ends), strict=True))
        return {i: replace(mask, appearance=appearance) for i, mask in masks.items()}

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


def _whole(frame: Frame) -> Box:
    return Box(0, 0, frame.width, frame.height)


def _gridded(looks: Sequence[Look], frame: Frame) -> tuple[Box, int]:
    """Return the box around all looks' regions on a grid of the frame, and the side of its cells."""
    box = reach(looks)
    side = grid.side_for(box)
    return grid.aligned(box, side, frame), side


def _size(box: Box) -> tuple[int, int]:
    return box.width, box.height
