"""Masks on a grid of the frame, built of predictions, or propagated between two observed frames."""

from dataclasses import dataclass, replace
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.body_parts import part_indices
from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Box
from vidseg.matting import grid
from vidseg.matting.colour_model import Appearance, AppearanceBetween, subsampled
from vidseg.matting.logits import probability
from vidseg.matting.mask import Mask
from vidseg.matting.tracking import regions
from vidseg.matting.tracking.observation import GriddedObservation, Observation
from vidseg.matting.tracking.predictions import joined_labels
from vidseg.matting.tracking.propagation import FlowInput, Propagator
from vidseg.settings import ModelSettings

_WORTH_SHARING = 3
"""Masks propagated over one gap from which on colours are learnt at its ends, not in each."""


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """Frames between two observed ones: what those show, and their times in seconds.

    `shares_appearance`: colours of people are learnt at its ends, not in each of its frames.
    """

    begin: GriddedObservation
    end: GriddedObservation
    since: Fraction
    until: Fraction
    shares_appearance: bool = False

    def progress(self, frame: Frame) -> float:
        """Return how far a frame is on the way from begin to end, in (0, 1)."""
        return float((frame.time - self.since) / (self.until - self.since))


class MaskBuilder:
    """Builds the masks of one clip.

    `gain`: factor on logits that makes them honest probabilities; `soft`: they tell opacity, whose
    detail is kept (see `vidseg.networks.base.Traits`).
    """

    def __init__(self, gain: float, settings: ModelSettings, *, soft: bool = False) -> None:
        self._gain = gain
        self._settings = settings
        self._soft = soft
        self._propagator = Propagator()

    def observed(self, frame: Frame, observation: Observation) -> Mask:
        """Return the mask of an observed frame, which covers all of its predictions."""
        box, side = _gridded(observation.reach, frame)
        view = observation.on_grid(frame, box, side, fine=self._soft)
        mask = replace(self._mask(view.logits, box, view.picture), appearance=view.appearance)
        if not self._settings.part_map:
            return mask
        among = part_indices(self._settings.parts)
        return replace(mask, parts=joined_labels(observation.predictions, box, side, among))

    def gap(self, first: tuple[Frame, Observation], last: tuple[Frame, Observation]) -> Gap | None:
        """Return the gap between observed frames; none for maps of parts, which have no mean."""
        if self._settings.part_map:
            return None
        box, side = _gridded(regions.union([first[1].reach, last[1].reach]), first[0])
        begin, end = (
            seen.on_grid(frame, box, side, fine=self._soft) for frame, seen in (first, last)
        )
        return Gap(begin, end, first[0].time, last[0].time)

    def sharing(self, gap: Gap, count: int) -> Gap:
        """Return a gap whose `count` masks share colours learnt at its ends, where that is cheaper.

        Each takes them by how near it is, so that masks don't jump from gap to gap.
        """
        if count < _WORTH_SHARING or self._soft:
            return gap
        for end in (gap.begin, gap.end):
            if end.appearance is None:
                person = probability(subsampled(end.logits), self._gain)
                end.appearance = Appearance.of((person, subsampled(end.picture)))
        return replace(gap, shares_appearance=True)

    def propagated(self, gap: Gap, frame: Frame) -> Mask | None:
        """Return the mask of a frame in a gap, `None` where the ends don't explain the frame."""
        box, side = gap.begin.box, gap.begin.side
        picture = grid.picture(frame, box, side)
        logits = self._propagator.warped(
            FlowInput.of(picture), gap.begin.flow_input, gap.end.flow_input, gap.progress(frame)
        )
        if logits is None:
            return None
        return self.with_appearance(
            replace(self._mask(logits, box, picture), propagated=True), gap, frame
        )

    def with_appearance(self, mask: Mask, gap: Gap, frame: Frame) -> Mask:
        """Return the mask of a frame in a gap, with the colours that its masks share, if any."""
        first, last = gap.begin.appearance, gap.end.appearance
        if not gap.shares_appearance or first is None or last is None:
            return mask
        return replace(mask, appearance=AppearanceBetween(first, last, gap.progress(frame)))

    def _mask(self, logits: NDArray[np.float32], box: Box, picture: NDArray[np.uint8]) -> Mask:
        height, width = picture.shape[:2]
        if logits.shape != (height, width):
            resized = cv2.resize(logits, (width, height), interpolation=cv2.INTER_LINEAR)
            logits = np.asarray(resized, np.float32)
        return Mask(person=probability(logits, self._gain), box=box, picture=picture)


def _gridded(box: Box, frame: Frame) -> tuple[Box, int]:
    """Return the box on a grid of the frame that fits its size, and the side of its cells."""
    side = grid.side_for(box)
    return grid.aligned(box, side, frame), side
