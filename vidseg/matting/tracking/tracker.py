"""The tracker: which regions of which frames the network sees, and the masks of all frames.

Frames are taken in spans of a few. The network sees the whole of the last frame of a span (and of
the first, after a cut), which tells where people are at both of its ends; in between, regions of
interest that cover them glide from one to the other and fill the network's input. So a person is
followed without any delay, one who comes in is expected, and nobody is lost whom the whole frame
would have shown.

Between two frames that the network saw, masks are propagated along the motion of the picture
(`vidseg.matting.tracking.propagation`). Where that doesn't explain what the frame in the middle
shows, the network sees it too, and so on. After a span in which it had to see nearly all frames, a
recurrent network sees those of the next in their order, and so remembers; that costs no more.

Where the network takes a batch of frames in hardly more time than one, as on a GPU, it sees all
frames of a span at once, which is less work than to find out which ones it need not see.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from itertools import pairwise

from vidseg.errors import ModelError
from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Box, Orientation
from vidseg.matting.mask import Mask
from vidseg.matting.tracking import regions
from vidseg.matting.tracking.detection import LIKELY, Detector
from vidseg.matting.tracking.inference import Inference
from vidseg.matting.tracking.mask_builder import Gap, MaskBuilder
from vidseg.matting.tracking.memory import RegionMemory
from vidseg.matting.tracking.observation import Observation, SpanObserver
from vidseg.matting.tracking.predictions import CERTAIN
from vidseg.matting.tracking.roi_planner import RoiPlanner
from vidseg.matting.tracking.shots import FrameSpan, frame_spans
from vidseg.networks.base import Recurrent, Segmenter
from vidseg.settings import ModelSettings
from vidseg.system.threads import mapped

_SPAN, _LONGEST_SPAN = 8, 16
"""Frames from one wholly seen to the next; a batch of the network's liking may make it longer."""

_CALM_SPAN = 12
"""Frames in a span after one whose masks were all propagated, with people too large for regions.

In an empty room, or with small people, whoever comes in would be followed too late.
"""

_FEW_PROPAGATED = 0.25
"""Share of a span's masks up to which it brings more to see all frames of the next in order."""

_MOST_HELD = 27_000_000
"""Pixels of all frames of such a span: 12 of 1080p, less than the usual ones of 4K, 12 MB each."""


class Tracker:
    """Follows the people of one clip with a network.

    Regions go through it in batches of `settings.batch_size`, or of what it likes. `orientation`:
    how the coded pictures are shown; `workers`: threads that propagate masks at once. Raises
    `ModelError` where parts are asked for that the network doesn't know.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        settings: ModelSettings,
        orientation: Orientation,
        *,
        workers: int = 1,
    ) -> None:
        traits = segmenter.traits
        if settings.needs_parts and not traits.has_parts:
            raise ModelError(f"--parts: {segmenter.name} knows no body parts: use a bodypix model")
        self._inference = Inference(segmenter, settings, orientation)
        self._recurrent = isinstance(segmenter, Recurrent)
        self._sees_all = traits.batch_size > 1
        turned = orientation.swaps_axes
        self._planner = RoiPlanner(traits, settings.resolution or 0, turned=turned)
        self._detector = Detector(self._inference, self._planner)
        self._builder = MaskBuilder(traits.logit_gain, settings, soft=traits.soft)
        self._workers = workers

    def follow(
        self, frames: Iterable[Frame], begin: Fraction | None = None, *, most: int = _LONGEST_SPAN
    ) -> Iterator[tuple[Frame, Mask]]:
        """Yield every frame with its mask, in order; frames are passed on as they came.

        Frames before `begin`, a restart of `vidseg.matting.restarts`, are left out; they only tell
        where shots end. At most 18 frames are held. Spans have at most `most` frames: 1 for frames
        so far apart that somebody may come and go between two of them.
        """
        pace = _Pace(self._inference.batch_size, most)
        before: _SpanEnd | None = None
        for span in frame_spans(frames, pace.length):
            if begin is not None and span.frames[0].time < begin:
                continue
            in_order = pace.busy and not span.fresh
            before, masked = self._span(span, None if span.fresh else before, in_order=in_order)
            count = propagated = 0
            for frame, mask in masked:
                count, propagated = count + 1, propagated + mask.propagated
                yield frame, mask
            pace.calm = before.large and 0 < propagated == count - (2 if span.fresh else 1)
            few = count > 1 and propagated <= _FEW_PROPAGATED * count
            pace.busy = self._recurrent and few and not before.calmer

    def _span(
        self, span: FrameSpan, before: "_SpanEnd | None", *, in_order: bool
    ) -> "tuple[_SpanEnd, Iterator[tuple[Frame, Mask]]]":
        """Return the end of a span, and, to be made one by one, the masks of all of its frames.

        `before`: the end of the span before, `None` where this one is to know nothing of it;
        `in_order`: a recurrent network sees all frames. Frames are taken from the span, and let go
        of as they are handed on: one of 4K takes 12 MB.
        """
        frames = deque(span.frames)
        span.frames.clear()
        end = len(frames) - 1
        ends = [0, end] if before is None and end else [end]
        if before is None:
            self._detector.forget()
        known = [] if before is None else before.known
        whole = dict(
            zip(ends, self._detector.detect([frames[i] for i in ends], known), strict=True)
        )
        found = {
            i: one.people(LIKELY) or self._detector.search(frames[i]) for i, one in whole.items()
        }
        first = found[ends[0]] if before is None else before.people
        missing = regions.missing(first, found[end])
        last = found[end] + self._detector.find_again(frames[end], missing)
        rois = self._planner.plan(frames[0].whole, first, last, len(frames))
        observer = SpanObserver(self._inference, self._detector, rois, first + last)
        memories: Sequence[RegionMemory] = ()
        if in_order and before is not None:
            observed, memories = observer.observe_in_order(frames, before.memories)
        else:
            observed = {} if rois else {i: Observation([one]) for i, one in whole.items()}
            wanted = range(len(frames)) if self._sees_all else ends
            observed |= observer.observe({i: frames[i] for i in wanted if i not in observed})
        seen = observed[end]
        people = last + [box for one in seen.predictions for box in one.people(CERTAIN)]
        large = bool(first and last) and not rois
        anchors = [_Anchor(i, frames[i], one) for i, one in sorted(observed.items())]
        if before is not None:
            anchors.insert(0, _Anchor(-1, before.frame, before.observation))
        calmer = in_order and self._explained(frames, anchors[0], anchors[-1], _Sources({}))
        masked = self._masks(frames, observer, anchors, begins_shot=span.begins_shot)
        return _SpanEnd(frames[end], seen, people, last, large, calmer, memories), masked

    def _masks(
        self,
        frames: deque[Frame],
        observer: SpanObserver,
        anchors: "list[_Anchor]",
        *,
        begins_shot: bool,
    ) -> Iterator[tuple[Frame, Mask]]:
        """Yield the frames of a span with their masks, given those that were observed."""
        sources = self._sources(frames, observer, anchors)
        anchors.clear()
        numbered = ((i, frames.popleft()) for i in range(len(frames)))
        made = mapped(partial(self._mask, sources), numbered, self._workers, name="tracking")
        for i, frame, mask in made:
            if mask is None:
                mask = self._builder.observed(frame, observer.observe({i: frame})[i])
            yield frame, replace(mask, begins_shot=begins_shot and i == 0)

    def _mask(
        self, sources: "_Sources", numbered: tuple[int, Frame]
    ) -> tuple[int, Frame, Mask | None]:
        """Return a frame and its mask, `None` where it has to be observed after all."""
        i, frame = numbered
        if (made := sources.made.pop(i, None)) is not None:
            return i, frame, made
        if (gap := sources.gaps.pop(i, None)) is not None:
            return i, frame, self._builder.propagated(gap, frame)
        return i, frame, self._builder.observed(frame, sources.observed.pop(i))

    def _sources(
        self, frames: Sequence[Frame], observer: SpanObserver, anchors: "Sequence[_Anchor]"
    ) -> "_Sources":
        """Return what the masks of a span are made of.

        Between two observed frames masks are propagated. Where that fails for the frame in the
        middle, it is observed, which makes two gaps; where it fails for another, just that one will
        be.
        """
        observed = {one.place: one.observation for one in anchors if one.place >= 0}
        sources = _Sources(observed)
        gaps = list(pairwise(anchors))
        while gaps:
            unexplained = [ends for ends in gaps if not self._explained(frames, *ends, sources)]
            middles = [_middle(*ends) for ends in unexplained]
            observed = observer.observe({i: frames[i] for i in middles})
            sources.observed |= observed
            gaps = []
            for (low, high), i in zip(unexplained, middles, strict=True):
                middle = _Anchor(i, frames[i], observed[i])
                gaps += [(low, middle), (middle, high)]
        return sources

    def _explained(
        self, frames: Sequence[Frame], low: "_Anchor", high: "_Anchor", sources: "_Sources"
    ) -> bool:
        """Whether the ends of a gap explain its middle, if any; `sources` gets the gap then."""
        inner = range(low.place + 1, high.place)
        if not inner:
            return True
        gap = self._builder.gap((low.frame, low.observation), (high.frame, high.observation))
        if gap is None:
            return False
        middle = _middle(low, high)
        mask = self._builder.propagated(gap, frames[middle])
        if mask is None:
            return False
        gap = self._builder.sharing(gap, len(inner))
        sources.gaps |= dict.fromkeys(inner, gap)
        sources.made[middle] = self._builder.with_appearance(mask, gap, frames[middle])
        return True


@dataclass(slots=True)
class _Pace:
    """How spans are taken, after how the last one was.

    `batch`: frames that the network likes; `most`: of any span; `calm`: all masks were propagated;
    `busy`: hardly any.
    """

    batch: int
    most: int
    calm: bool = False
    busy: bool = False

    def length(self, first: Frame, fresh: bool) -> int:
        """Return the most frames of a span that begins with `first`; `fresh`: see `FrameSpan`."""
        affordable = _MOST_HELD // (first.width * first.height)
        longer = min(_CALM_SPAN, affordable) if self.calm and not fresh else 0
        return min(max(_SPAN, longer, self.batch), self.most)


@dataclass(frozen=True, slots=True, eq=False)
class _SpanEnd:
    """The last frame of a span, and boxes around the people in it, and around those sure to be.

    `large`: there are people at both ends of the span, too large for regions of interest;
    `calmer`: though all frames were observed, the ends would have explained the middle;
    `memories`: what a recurrent network remembers of the last frame.
    """

    frame: Frame
    observation: Observation
    people: list[Box]
    known: list[Box]
    large: bool
    calmer: bool
    memories: Sequence[RegionMemory]


@dataclass(frozen=True, slots=True, eq=False)
class _Anchor:
    """An observed frame at a place in a span, from 0; -1: the last frame of the span before."""

    place: int
    frame: Frame
    observation: Observation


def _middle(low: _Anchor, high: _Anchor) -> int:
    return (low.place + high.place + 1) // 2


@dataclass(slots=True)
class _Sources:
    """What the masks of a span are made of, by place: observations, gaps, and finished masks."""

    observed: dict[int, Observation]
    gaps: dict[int, Gap] = field(default_factory=dict)
    made: dict[int, Mask] = field(default_factory=dict)
