"""Where the people are: which regions of which frames the network sees, and the masks it gives.

Frames are taken in spans of a few. The network looks at the whole of the last frame of a span (and of the
first, after a cut), which tells where people are at both of its ends; in between, regions that cover them
glide from one to the other and fill the network's input. So a person is followed without any delay, one
who comes in is expected, and nobody is lost whom a look at the whole frame would have found.

Between two frames that the network saw, masks are carried along the motion of the picture (`vidseg.carry`).
Where that doesn't explain what the frame in the middle shows, the network looks there too, and so on.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

import numpy as np

from vidseg import regions
from vidseg.errors import ModelError
from vidseg.frames import Box, Frame, Mask, Orientation
from vidseg.looker import Gap, Looker, whole_box
from vidseg.looks import CERTAIN, Look
from vidseg.plan import Plan
from vidseg.segmenters.base import Segmenter
from vidseg.settings import SegmentSettings
from vidseg.shots import Span, spans
from vidseg.vet import LIKELY

_SPAN, _LONGEST_SPAN = 8, 16
"""Frames between two looks at the whole frame; a batch of the network's liking may make it longer."""

_CALM_SPAN = 12
"""Frames in a span after one whose masks could all be carried, with people too large for regions.

In an empty room, or with small people, whoever comes in would be followed too late.
"""

_MOST_HELD = 27_000_000
"""Pixels of all frames of such a span: 12 frames of 1080p, less than the usual ones of 4K, 12 MB each."""

_MARGIN_IN_NEED = 0.5
"""Share of its sides by which a region grows whose border a person touches."""


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
    looker = Looker(segmenter, settings, orientation)
    pace = _Pace(looker.batch_size)
    before: _Seen | None = None
    for span in spans(frames, pace.length):
        if begin is not None and span.frames[0].time < begin:
            continue
        before, pairs = _followed(looker, span, None if span.fresh else before)
        count = carried = 0
        for frame, mask in pairs:
            count, carried = count + 1, carried + mask.carried
            yield frame, mask
        pace.calm = before.large and 0 < carried == count - (2 if span.fresh else 1)


@dataclass(slots=True)
class _Pace:
    """How many frames spans have. `batch`: how many the network likes; `calm`: whether the last span was."""

    batch: int
    calm: bool = False

    def length(self, first: Frame, fresh: bool) -> int:
        """Return how many frames the span that begins with `first` may have; see `Span` for `fresh`."""
        affordable = _MOST_HELD // (first.width * first.height)
        longer = min(_CALM_SPAN, affordable) if self.calm and not fresh else 0
        return min(max(_SPAN, longer, self.batch), _LONGEST_SPAN)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A frame that the network saw: its looks, boxes around the people in it, and around those sure to be.

    `large`: there are people at both ends of the span that it ends, too large for regions.
    """

    frame: Frame
    looks: list[Look]
    people: list[Box]
    known: list[Box]
    large: bool


def _followed(looker: Looker, span: Span, before: _Seen | None) -> tuple[_Seen, Iterator[tuple[Frame, Mask]]]:
    """Return what was seen in the last frame of a span, and, to be made one by one, all frames' masks.

    `before`: the frame before it, `None` where the span begins a shot or is to know nothing of it. Frames are
    taken from the span, and let go of as they are handed on: one of 4K takes 12 MB.
    """
    frames = dict(enumerate(span.frames))
    span.frames.clear()
    end = len(frames) - 1
    ends = [0, end] if before is None and end else [end]
    if before is None:
        looker.forget()
    known = [] if before is None else before.known
    whole = dict(zip(ends, looker.vetted([frames[i] for i in ends], known), strict=True))
    found = {i: look.people(LIKELY) or looker.searched(frames[i]) for i, look in whole.items()}
    last = found[end]
    first = found[ends[0]] if before is None else before.people
    last += _found_again(looker, frames[end], regions.missing(first, last))
    plans = looker.planner.plan(whole_box(frames[0]), first, last, len(frames))
    look = partial(_looks, looker, frames, plans, first + last)
    seen = look(ends) if plans else {i: [look] for i, look in whole.items()}
    people = last + [box for look in seen[end] for box in look.people(CERTAIN)]
    large = bool(first and last) and not plans
    pairs = _masks(looker, frames, look, seen, before, cut=span.cut)
    return _Seen(frames[end], seen[end], people, last, large), pairs


def _masks(
    looker: Looker,
    frames: dict[int, Frame],
    look: Callable[[list[int]], dict[int, list[Look]]],
    seen: dict[int, list[Look]],
    before: _Seen | None,
    *,
    cut: bool,
) -> Iterator[tuple[Frame, Mask]]:
    """Yield the frames of a span with their masks; some were `seen`, `look` looks at others of them.

    In a gap between two such frames, masks are carried. Where that fails for the frame in its middle, the
    network sees that one, which makes two gaps; where it fails for another, the network sees just that.
    """
    end, seen = max(frames), dict(seen)
    if before is not None:
        frames[-1], seen[-1] = before.frame, before.looks
    explained = _explained(looker, frames, look, seen)
    looker.sights.forget(frames.pop(-1, None))
    gap: Gap | None = None
    for i in range(end + 1):
        gap = explained.pop(i - 1, gap)
        mask = None if gap is None or i in seen else looker.carry(gap, frames[i])
        if mask is None:
            mask = looker.mask(frames[i], seen[i] if i in seen else look([i])[i])
        if i < end:
            looker.sights.forget(frames[i])
        yield frames.pop(i), replace(mask, cut=cut and i == 0)


def _explained(
    looker: Looker,
    frames: dict[int, Frame],
    look: Callable[[list[int]], dict[int, list[Look]]],
    seen: dict[int, list[Look]],
) -> dict[int, Gap]:
    """Return the gaps to carry masks over, by the frame before each; `seen` gets what had to be looked at."""
    explained: dict[int, Gap] = {}
    gaps = list(itertools.pairwise(sorted(seen)))
    while gaps:
        wanted, halves = [], []
        for low, high in gaps:
            if high - low < 2:
                continue
            middle = (low + high + 1) // 2
            gap = looker.gap(frames, seen, low, high)
            mask = None if gap is None else looker.carry(gap, frames[middle])
            if gap is not None and mask is not None:
                explained[low] = looker.with_colours(
                    replace(gap, made=(frames[middle], mask)), high - low - 1
                )
            else:
                wanted.append(middle)
                halves += [(low, middle), (middle, high)]
        seen |= look(wanted)
        gaps = halves
    return explained


def _looks(
    looker: Looker, span: dict[int, Frame], plans: list[Plan], known: list[Box], which: list[int]
) -> dict[int, list[Look]]:
    """Return the looks at some frames of a span, at their regions, or where there are none at all of them.

    Regions that cut someone off are widened, and those that show nobody at all are looked at whole.
    """
    frames = [span[i] for i in which]
    if not plans or not which:
        return {i: [look] for i, look in zip(which, looker.vetted(frames, known), strict=True)}
    by_region = [looker.look(frames, [plan.boxes[i] for i in which], plan.scale) for plan in plans]
    whole = whole_box(frames[0])
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
    looker: Looker,
    frames: list[Frame],
    looks: list[Look],
    known: list[Box],
    which: list[int],
    scale: float,
) -> None:
    """Replace some looks by wider ones that also cover whom a look at the whole frame shows there."""
    whole = whole_box(frames[0])
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


def _found_again(looker: Looker, frame: Frame, missing: list[Box]) -> list[Box]:
    """Return boxes around people whom a look at the whole frame missed, found by a closer one near by.

    Someone small and far away is seen well in a region, hardly in the whole frame; going by the latter
    alone, the region would stay where it is, and the person would walk out of it.
    """
    whole = whole_box(frame)
    found: list[Box] = []
    for person in missing:
        box = regions.around(person, whole)
        look = looker.look([frame], [box], looker.planner.closer(box, person, whole))[0]
        found += look.people(CERTAIN)
    return found
