"""Where the people are: which regions of each frame the network sees, and the masks it gives.

Frames are taken in spans of a few. The network looks at the whole of the last frame of a span (and of the
first, after a cut), which tells where people are at both of its ends; in between, regions that cover them
glide from one to the other and fill the network's input. So a person is followed without any delay, one
who comes in is expected, and nobody is lost whom a look at the whole frame would have found.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg import regions
from vidseg.errors import ModelError
from vidseg.frames import Box, Frame, Mask, Orientation, small_rgb
from vidseg.partmap import Labels, likeliest
from vidseg.parts import part_indices
from vidseg.segmenters.base import Scores, Segmenter
from vidseg.settings import SegmentSettings
from vidseg.shots import spans

_SPAN = 8
"""Frames between two looks at the whole frame; a batch of the network's liking may make it longer."""
_LONGEST_SPAN = 16

_LIKELY, _CERTAIN = -1.0, 0.0
"""Logits above which a blob in a look at the whole frame belongs to a person, and makes one."""

_NOBODY = -9.0
"""Logit where the network did not look."""

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


_MASK_PIXELS = 100_000
"""Most pixels of a mask: finer ones cost more in later stages than they bring."""

_Sample = TypeVar("_Sample", np.uint8, np.float32)


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
    At most 17 frames are held. Raises `ModelError` where parts are asked for that the network doesn't know.
    """
    if settings.needs_parts and not segmenter.traits.has_parts:
        raise ModelError(f"--parts: {segmenter.name} knows no body parts: use a bodypix model")
    looker = _Looker(segmenter, settings, orientation)
    length = min(max(_SPAN, looker.batch_size), _LONGEST_SPAN)
    before: list[Box] = []
    for span in spans(frames, length):
        if begin is not None and span.frames[0].time < begin:
            continue
        masks, before = _span_masks(looker, span.frames, None if span.fresh else before)
        if span.cut:
            masks[0] = replace(masks[0], cut=True)
        yield from zip(span.frames, masks, strict=True)


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """What the network said of a region.

    `logits`: float32 [h, w] of the person, in coded orientation, over `box`, on the pixels of `picture`
    (uint8 [h, w, 3] RGB); `chosen`: the same for the parts asked for, or the person's; `parts`: the
    likeliest part at each, where a map of them is asked for.
    """

    box: Box
    picture: NDArray[np.uint8]
    logits: NDArray[np.float32]
    chosen: NDArray[np.float32]
    parts: Labels | None = None

    @property
    def scale(self) -> float:
        """Pixels of the picture per pixel of the source."""
        return float(self.picture.shape[1] / self.box.width)

    def people(self, likely: float) -> list[Box]:
        """Return boxes around the people, as far as logits exceed `likely`."""
        return regions.people(self.logits, self.box, likely=likely, certain=_CERTAIN)

    def cuts_someone(self, frame: Box) -> bool:
        """Whether a person touches a side of the region that isn't the frame's."""
        inside = self.logits > _CERTAIN
        sides = [
            (self.box.left > frame.left, inside[:, 0]),
            (self.box.right < frame.right, inside[:, -1]),
            (self.box.top > frame.top, inside[0]),
            (self.box.bottom < frame.bottom, inside[-1]),
        ]
        return any(inner and np.count_nonzero(side) > 0 for inner, side in sides)


def _span_masks(
    looker: "_Looker", span: list[Frame], before: list[Box] | None
) -> tuple[list[Mask], list[Box]]:
    """Return the masks of a span, and boxes around the people in its last frame.

    `before`: boxes around the people in the frame before it, `None` where it begins a shot.
    """
    keys = [len(span) - 1] if before is not None or len(span) == 1 else [0, len(span) - 1]
    seen = looker.whole([span[i] for i in keys])
    last = seen[-1].people(_LIKELY)
    first = seen[0].people(_LIKELY) if before is None else before
    last += _found_again(looker, span[-1], regions.missing(first, last))
    plans = looker.plan(_whole(span[0]), first, last, len(span))
    if plans:
        looks = _looks(looker, span, plans)
    else:
        rest = [i for i in range(len(span)) if i not in keys]
        known = dict(zip(rest + keys, looker.whole([span[i] for i in rest]) + seen, strict=True))
        looks = [[known[i]] for i in range(len(span))]
    masks = [looker.mask(frame, parts) for frame, parts in zip(span, looks, strict=True)]
    return masks, last + [box for look in looks[-1] for box in look.people(_CERTAIN)]


def _looks(looker: "_Looker", span: list[Frame], plans: "list[_Plan]") -> list[list[_Look]]:
    """Return the looks at each frame's regions, widened where they cut someone off or show nobody at all."""
    by_region = [looker.look(span, plan.boxes, plan.scale) for plan in plans]
    whole = _whole(span[0])
    for plan, looks in zip(plans, by_region, strict=True):
        doubtful = [i for i, look in enumerate(looks) if look.cuts_someone(whole)]
        if doubtful:
            _widen(looker, span, looks, doubtful, plan.scale)
    for i, parts in enumerate(zip(*by_region, strict=True)):
        if all(look.logits.max() <= _CERTAIN for look in parts):
            by_region[0][i] = looker.whole([span[i]])[0]
    return [list(parts) for parts in zip(*by_region, strict=True)]


def _widen(looker: "_Looker", span: list[Frame], looks: list[_Look], which: list[int], scale: float) -> None:
    """Replace some looks by wider ones that also cover whom a look at the whole frame shows there."""
    whole = _whole(span[0])
    found = looker.whole([span[which[0]]])[0].people(_LIKELY)
    boxes = []
    for i in which:
        box = looks[i].box
        near = [person for person in found if regions.overlap(person, box)]
        box = regions.union([box, *near])
        grown = 1 + 2 * _MARGIN_IN_NEED
        boxes.append(regions.placed(box, round(box.width * grown), round(box.height * grown), whole))
    scale *= float(np.sqrt(regions.area(looks[which[0]].box) / regions.area(boxes[0])))
    for i, look in zip(which, looker.look([span[i] for i in which], boxes, scale), strict=True):
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

    def whole(self, frames: list[Frame]) -> list[_Look]:
        """Look at whole frames."""
        if not frames:
            return []
        box = _whole(frames[0])
        return self.look(frames, [box] * len(frames), self._whole_scale(box))

    def look(self, frames: list[Frame], boxes: list[Box], scale: float) -> list[_Look]:
        """Run the network over a box of each frame; neighbours of one size share batches."""
        looks: list[_Look] = []
        start = 0
        for stop in range(1, len(frames) + 1):
            full = stop - start == self.batch_size
            if stop == len(frames) or full or _size(boxes[stop]) != _size(boxes[start]):
                looks += self._batch(frames[start:stop], boxes[start:stop], scale)
                start = stop
        return looks

    def mask(self, frame: Frame, looks: list[_Look]) -> Mask:
        """Return the looks at a frame as one mask, which covers all of them."""
        if len(looks) == 1:
            box, picture, logits, parts = looks[0].box, looks[0].picture, looks[0].chosen, looks[0].parts
        else:
            box = regions.union([look.box for look in looks])
            width, height = self._common_size(frame, box, max(look.scale for look in looks))
            picture = small_rgb(frame, box, width, height)
            logits = np.full((height, width), _NOBODY, np.float32)
            parts = np.zeros((height, width), np.uint8) if self._settings.part_map else None
            for look in looks:
                _lay(logits, parts, box, look)
        width, height = _mask_size(box, picture)
        picture = _resized(picture, width, height)
        logits = _resized(logits, width, height)
        person = 1 / (1 + np.exp(-self._traits.logit_gain * logits))
        parts = None if parts is None else _nearest(parts, width, height)
        return Mask(person=np.asarray(person, np.float32), box=box, picture=picture, parts=parts)

    def _common_size(self, frame: Frame, box: Box, scale: float) -> tuple[int, int]:
        whole = _whole(frame)
        affordable = self._whole_scale(whole) * float(np.sqrt(regions.area(whole) / regions.area(box)))
        scale = min(scale, affordable)
        return max(1, round(box.width * scale)), max(1, round(box.height * scale))

    def _batch(self, frames: list[Frame], boxes: list[Box], scale: float) -> list[_Look]:
        width, height = self._picture_size(boxes[0], scale)
        pictures = [small_rgb(frame, box, width, height) for frame, box in zip(frames, boxes, strict=True)]
        scores = self._segmenter.segment(np.stack([self._input(picture) for picture in pictures]))
        chosen = _chosen(scores, self._settings.parts)
        return [
            _Look(
                box,
                picture,
                self._grid(scores.person[i], picture),
                self._grid(chosen[i], picture),
                self._parts(scores, i, picture),
            )
            for i, (box, picture) in enumerate(zip(boxes, pictures, strict=True))
        ]

    def _parts(self, scores: Scores, number: int, picture: NDArray[np.uint8]) -> Labels | None:
        """Return the likeliest of the parts asked for at each pixel, where a map of them is wanted."""
        if not self._settings.part_map or scores.parts is None:
            return None
        among = part_indices(self._settings.parts)
        return likeliest(scores.parts[number], lambda part: self._grid(part, picture), among)

    def _input(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the picture as the network takes it: upright, and resized where its input has one size."""
        upright = np.asarray(self._orientation.upright(picture), np.uint8)
        size = self._traits.fixed_size
        if size is None or size == upright.shape[1::-1]:
            return upright
        return _resized(upright, *size)

    def _grid(self, logits: NDArray[np.float32], picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return upright scores as logits of the coded picture's pixels."""
        height, width = picture.shape[1::-1] if self._orientation.swaps_axes else picture.shape[:2]
        full = _spread(logits, width, height, self._traits.corner_aligned)
        return np.ascontiguousarray(self._orientation.coded(full), np.float32)

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


def _mask_size(box: Box, picture: NDArray[np.uint8]) -> tuple[int, int]:
    """Return the mask's (width, height): the picture's, but no finer than the source and of bounded cost."""
    height, width = picture.shape[:2]
    share = min(1.0, box.width / width, float(np.sqrt(_MASK_PIXELS / (width * height))))
    return max(1, round(width * share)), max(1, round(height * share))


def _resized(array: NDArray[_Sample], width: int, height: int) -> NDArray[_Sample]:
    if array.shape[:2] == (height, width):
        return array
    return cv2.resize(array, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _nearest(labels: Labels, width: int, height: int) -> Labels:
    return np.asarray(cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def _whole(frame: Frame) -> Box:
    return Box(0, 0, frame.width, frame.height)


def _size(box: Box) -> tuple[int, int]:
    return box.width, box.height


def _lay(logits: NDArray[np.float32], parts: Labels | None, box: Box, look: _Look) -> None:
    """Write a look into the [h, w] logits, and parts, over `box` wherever it finds people likelier."""
    height, width = logits.shape
    left = round((look.box.left - box.left) * width / box.width)
    top = round((look.box.top - box.top) * height / box.height)
    right = max(left + 1, round((look.box.right - box.left) * width / box.width))
    bottom = max(top + 1, round((look.box.bottom - box.top) * height / box.height))
    resized = cv2.resize(look.chosen, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    part = logits[top:bottom, left:right]
    if parts is not None and look.parts is not None:
        likelier = resized[: part.shape[0], : part.shape[1]] > part
        shown = _nearest(look.parts, right - left, bottom - top)[: part.shape[0], : part.shape[1]]
        np.copyto(parts[top:bottom, left:right], shown, where=likelier)
    np.maximum(part, resized[: part.shape[0], : part.shape[1]], out=part)


def _chosen(scores: Scores, parts: Sequence[str]) -> NDArray[np.float32]:
    """Return float32 [N, h, w] logits of the person, or of the person's chosen parts."""
    if not parts or scores.parts is None:
        return scores.person
    each = 1 / (1 + np.exp(-scores.parts))
    share = each[..., part_indices(tuple(parts))].sum(-1) / np.maximum(each.sum(-1), 1e-6)
    likely = np.clip(share / (1 + np.exp(-scores.person)), 1e-4, 1 - 1e-4)
    return np.asarray(np.log(likely / (1 - likely)), np.float32)


def _spread(logits: NDArray[np.float32], width: int, height: int, corners: bool) -> NDArray[np.float32]:
    """Return the [h, w] grid of scores interpolated to the input's pixels, float32 [height, width].

    With `corners` the first and the last score lie on the first and the last pixel.
    """
    if logits.shape == (height, width):
        return logits
    if not corners:
        return np.asarray(cv2.resize(logits, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    rows, columns = logits.shape
    scale_x, scale_y = (columns - 1) / max(width - 1, 1), (rows - 1) / max(height - 1, 1)
    matrix = np.array([[scale_x, 0, 0], [0, scale_y, 0]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    spread = cv2.warpAffine(logits, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(spread, np.float32)
