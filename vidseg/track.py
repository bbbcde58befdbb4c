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

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg import grid, regions
from vidseg.carry import Carrier, View
from vidseg.errors import ModelError
from vidseg.frames import Box, Frame, Mask, Orientation, small_rgb
from vidseg.look import Look, chosen, joined, joined_labels, reach
from vidseg.parts import part_indices
from vidseg.segmenters.base import Segmenter
from vidseg.settings import SegmentSettings
from vidseg.shots import spans

_SPAN = 8
"""Frames between two looks at the whole frame; a batch of the network's liking may make it longer."""
_LONGEST_SPAN = 16

_LIKELY, _CERTAIN = -1.0, 0.0
"""Logits above which a blob in a look at the whole frame belongs to a person, and makes one."""

_LARGE = 0.3
"""Share of the frame that a person and the margins take up, above which regions bring nothing."""

_NEARLY_WHOLE = 0.8
"""Share of the frame above which regions are no longer worth having."""

_MOST_REGIONS, _MOST_FIXED_REGIONS = 3, 2
"""Regions per frame; fewer where each costs a whole pass since the network's input has one size."""

_MARGIN_IN_NEED = 0.5
"""Share of its sides by which a region grows whose border a person touches."""

_MOST_ENLARGED = 2.0

_MOST_DISTORTED = 0.7
"""Least ratio of a region's aspect to that of a network's fixed input."""


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
    """A frame that the network saw: its looks, and boxes around the people in it."""

    frame: Frame
    looks: list[Look]
    people: list[Box]


def _span_masks(looker: "_Looker", span: list[Frame], before: _Seen | None) -> tuple[list[Mask], _Seen]:
    """Return the masks of a span, and what was seen in its last frame.

    `before`: the frame before it, `None` where the span begins a shot or is to know nothing of it.
    """
    end = len(span) - 1
    ends = [0, end] if before is None and end else [end]
    whole = dict(zip(ends, looker.whole([span[i] for i in ends]), strict=True))
    last = whole[end].people(_LIKELY)
    first = whole[ends[0]].people(_LIKELY) if before is None else before.people
    last += _found_again(looker, span[end], regions.missing(first, last))
    plans = looker.plan(_whole(span[0]), first, last, len(span))
    seen = _looks(looker, span, plans, ends) if plans else {i: [look] for i, look in whole.items()}
    masks = _masks(looker, span, plans, seen, before)
    people = last + [box for look in seen[end] for box in look.people(_CERTAIN)]
    return masks, _Seen(span[end], seen[end], people)


def _masks(
    looker: "_Looker",
    span: list[Frame],
    plans: "list[_Plan]",
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
        seen |= _looks(looker, span, plans, wanted)
        gaps = halves
    return [masks[i] if i in masks else looker.mask(frame, seen[i]) for i, frame in enumerate(span)]


def _looks(
    looker: "_Looker", span: list[Frame], plans: "list[_Plan]", which: list[int]
) -> dict[int, list[Look]]:
    """Return the looks at some frames of a span, at their regions, or where there are none at all of them.

    Regions that cut someone off are widened, and those that show nobody at all are looked at whole.
    """
    frames = [span[i] for i in which]
    if not plans or not which:
        return {i: [look] for i, look in zip(which, looker.whole(frames), strict=True)}
    by_region = [looker.look(frames, [plan.boxes[i] for i in which], plan.scale) for plan in plans]
    whole = _whole(span[0])
    for plan, looks in zip(plans, by_region, strict=True):
        doubtful = [at for at, look in enumerate(looks) if look.cuts_someone(whole)]
        if doubtful:
            _widen(looker, frames, looks, doubtful, plan.scale)
    seen = {i: list(looks) for i, looks in zip(which, zip(*by_region, strict=True), strict=True)}
    for i, looks in seen.items():
        if not any(look.someone for look in looks):
            looks[0] = looker.whole([span[i]])[0]
    return seen


def _widen(looker: "_Looker", frames: list[Frame], looks: list[Look], which: list[int], scale: float) -> None:
    """Replace some looks by wider ones that also cover whom a look at the whole frame shows there."""
    whole = _whole(frames[0])
    found = looker.whole([frames[which[0]]])[0].people(_LIKELY)
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
        look = looker.look([frame], [box], looker.closer(box, person, whole))[0]
        found += look.people(_CERTAIN)
    return found


@dataclass(frozen=True, slots=True)
class _Plan:
    """A region over a span: a box per frame, all of one size, and the input pixels per source pixel."""

    boxes: list[Box]
    scale: float


class _Looker:
    """Feeds regions of frames to the network and brings what it says back to coded orientation."""

    def __init__(self, segmenter: Segmenter, settings: SegmentSettings, orientation: Orientation) -> None:
        self._segmenter = segmenter
        self._traits = segmenter.traits
        self._settings = settings
        self._orientation = orientation
        self._carrier = Carrier()
        self.batch_size = settings.batch_size or segmenter.traits.batch_size

    def plan(self, whole: Box, first: list[Box], last: list[Box], count: int) -> list[_Plan]:
        """Return the regions of a span that has the people `first` and `last` at its ends.

        None: look at whole frames, since there is nobody yet (lest one be missed who only comes by), or
        since people take up most of the picture. Regions together get no more pixels of input than a
        whole frame, and none is seen smaller than there.
        """
        most = _MOST_REGIONS if self._traits.fixed_size is None else _MOST_FIXED_REGIONS
        found = regions.groups(first, last, margin=self._traits.margin, most=most)
        boxes = [self._boxes(group, whole, count) for group in found]
        if not found or sum(regions.area(each[0]) for each in boxes) > _NEARLY_WHOLE * regions.area(whole):
            return []
        if any(self._is_large(person, whole) for person in first + last):
            return []
        wanted = [self._traits.person_side / regions.longest_side(group.everyone) for group in found]
        wanted = [min(scale, _MOST_ENLARGED) for scale in wanted]
        least = self._whole_scale(whole)
        pixels = sum(regions.area(each[0]) * s**2 for each, s in zip(boxes, wanted, strict=True))
        shrink = min(1.0, least * float(np.sqrt(regions.area(whole) / pixels)))
        return [_Plan(each, max(least, s * shrink)) for each, s in zip(boxes, wanted, strict=True)]

    def closer(self, box: Box, person: Box, whole: Box) -> float:
        """Return the scale to look for a person in a box: what the network likes, within a frame's cost."""
        wanted = min(self._traits.person_side / regions.longest_side([person]), _MOST_ENLARGED)
        affordable = self._whole_scale(whole) * float(np.sqrt(regions.area(whole) / regions.area(box)))
        return min(wanted, affordable)

    def _boxes(self, group: regions.Group, whole: Box, count: int) -> list[Box]:
        gliding = regions.glide(group, count)
        margin = 2 * round(self._traits.margin * regions.longest_side(group.everyone))
        width, height = self._proportioned(gliding[0].width + margin, gliding[0].height + margin)
        return [regions.placed(box, width, height, whole) for box in gliding]

    def _is_large(self, person: Box, whole: Box) -> bool:
        margin = round(self._traits.margin * regions.longest_side([person]))
        return regions.area(regions.inside(regions.grown(person, margin), whole)) > _LARGE * regions.area(
            whole
        )

    def whole(self, frames: list[Frame]) -> list[Look]:
        """Look at whole frames."""
        if not frames:
            return []
        box = _whole(frames[0])
        return self.look(frames, [box] * len(frames), self._whole_scale(box))

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
        mask = self._mask(joined(looks, box, side), box, grid.picture(frame, box, side))
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
        begin, end = (
            View.of(grid.picture(frames[i], box, side), joined(seen[i], box, side)) for i in (low, high)
        )
        middle = inner[len(inner) // 2]
        masks: dict[int, Mask] = {}
        for i in sorted(inner, key=lambda i: i != middle):
            picture = grid.picture(frames[i], box, side)
            share = (frames[i].time - frames[low].time) / (frames[high].time - frames[low].time)
            logits = self._carrier.carried(View.of(picture), begin, end, float(share))
            if logits is not None:
                masks[i] = replace(self._mask(logits, box, picture), carried=True)
            elif i == middle:
                break
        return masks

    def _mask(self, logits: NDArray[np.float32], box: Box, picture: NDArray[np.uint8]) -> Mask:
        height, width = picture.shape[:2]
        if logits.shape != (height, width):
            logits = np.asarray(
                cv2.resize(logits, (width, height), interpolation=cv2.INTER_LINEAR), np.float32
            )
        person = 1 / (1 + np.exp(-self._traits.logit_gain * logits))
        return Mask(person=np.asarray(person, np.float32), box=box, picture=picture)

    def _batch(self, frames: list[Frame], boxes: list[Box], scale: float) -> list[Look]:
        width, height = self._picture_size(boxes[0], scale)
        pictures = [small_rgb(frame, box, width, height) for frame, box in zip(frames, boxes, strict=True)]
        scores = self._segmenter.segment(np.stack([self._input(picture) for picture in pictures]))
        wanted = chosen(scores, self._settings.parts)
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

    def _proportioned(self, width: int, height: int) -> tuple[int, int]:
        """Return the size made longer one way where a network of fixed input would see it too distorted."""
        if self._traits.fixed_size is None:
            return width, height
        across, down = self._traits.fixed_size[:: -1 if self._orientation.swaps_axes else 1]
        narrow = _MOST_DISTORTED * across / down
        return max(width, round(height * narrow)), max(height, round(width * _MOST_DISTORTED * down / across))

    def _whole_scale(self, whole: Box) -> float:
        return (self._settings.resolution or self._traits.whole_side) / min(_size(whole))


def _whole(frame: Frame) -> Box:
    return Box(0, 0, frame.width, frame.height)


def _gridded(looks: Sequence[Look], frame: Frame) -> tuple[Box, int]:
    """Return the box around all looks' regions on a grid of the frame, and the side of its cells."""
    box = reach(looks)
    side = grid.side_for(box)
    return grid.aligned(box, side, frame), side


def _size(box: Box) -> tuple[int, int]:
    return box.width, box.height
