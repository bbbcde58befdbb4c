"""Keeping: masks in which only those people remain who are kept, by a survey of the clip."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np

from vidseg.frames.frame import Frame
from vidseg.matting.mask import Mask
from vidseg.matting.people.assignment import assigned
from vidseg.matting.people.bodies import Labels, extended
from vidseg.matting.people.colours import Counts, mixed
from vidseg.matting.people.division import colours_of
from vidseg.matting.people.motion import Motion
from vidseg.matting.people.snapshot import Snapshot, onto_mask
from vidseg.matting.people.survey import Survey

_BORDER = (3, 3)
"""Points over which one person's share of the mask ends and another's begins."""


def only_kept(pairs: Iterable[tuple[Frame, Mask]], survey: Survey) -> Iterator[tuple[Frame, Mask]]:
    """Yield frames with their masks, in which nobody is left who isn't kept.

    From each look of the survey to the next, people are followed anew from where that one saw them,
    so that a mask doesn't depend on where a render began: restarts (see `vidseg.matting.restarts`)
    are whole seconds, which begin with a look.
    """
    keeper = _Keeper(survey)
    for frame, mask in pairs:
        yield frame, keeper.of(frame, mask)


def labels_on(snapshot: Snapshot, survey: Survey) -> Labels:
    """Return who is at each point of a snapshot of a clip, by the look before it; 0 for nobody."""
    if not survey.looks:
        return np.zeros(snapshot.person.shape, np.int32)
    keeper = _Keeper(survey)
    keeper.go_to(snapshot.time)
    return keeper.labels(snapshot)


class _Keeper:
    """Follows people through the frames of a clip."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._kept = survey.kept
        self._mixed = [one.number for one in survey.people if one.mixed]
        self._motion = Motion()
        self._place = -1
        self._from: tuple[Snapshot, Labels] | None = None
        self._later: Labels | None = None
        self._colours: Mapping[int, Counts] = {}

    def go_to(self, time: Fraction) -> None:
        """Begin anew where there is another look at or before a time."""
        if (place := self._survey.at(time)) != self._place:
            self._place, self._from = place, None

    def of(self, frame: Frame, mask: Mask) -> Mask:
        """Return the mask of a frame without those who aren't kept."""
        survey = self._survey
        if not survey.looks:
            return mask
        self.go_to(frame.time)
        present = self._present()
        if (present or not survey.only) and present <= self._kept:
            return mask
        if not present & self._kept:
            return replace(mask, person=np.zeros_like(mask.person), appearance=None)
        return self._selected(frame, mask)

    def _present(self) -> frozenset[int]:
        """Return who is seen in the look before the frame or in the one after it."""
        places = [self._place, self._survey.later(self._place)]
        looks = [self._survey.looks[place] for place in places if place is not None]
        return frozenset(who for look in looks for who in look.people)

    def _selected(self, frame: Frame, mask: Mask) -> Mask:
        labels = self.labels(Snapshot.of(frame, mask))
        if not labels.any():
            return mask
        kept = np.isin(extended(labels), list(self._kept)).astype(np.float32)
        if kept.all():
            return mask
        share = onto_mask(np.asarray(cv2.blur(kept, _BORDER), np.float32), frame, mask)
        return replace(mask, person=mask.person * share, appearance=None)

    def labels(self, snapshot: Snapshot) -> Labels:
        """Return who is at each point of a snapshot, the next one since where it went to."""
        if self._from is None:
            expected, self._later = self._survey.labels(self._place), self._next()
            seen = colours_of(snapshot, np.where(snapshot.person > 0.5, expected, 0))
            known = self._survey.colours
            self._colours = {who: mixed(seen.get(who), known[who]) for who in self._present()}
        else:
            expected = self._motion.carried(self._from[1], self._from[0], snapshot)
        labels = assigned(snapshot, expected, self._colours, self._later)
        self._from = snapshot, labels
        return labels

    def _next(self) -> Labels | None:
        """Return where those will be who may come out from behind somebody."""
        later = self._survey.later(self._place)
        if later is None:
            return None
        labels = self._survey.labels(later)
        return np.where(np.isin(labels, self._mixed), 0, labels).astype(np.int32)
