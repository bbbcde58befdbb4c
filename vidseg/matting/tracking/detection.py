"""Detection of people in whole frames; who is new is verified by a closer prediction.

Networks see people in rocks, curtains and door frames, often with all certainty, but not in the
same rocks twice: seen larger, and with other things around them, those are nobody. A person stays
one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Box
from vidseg.matting.tracking import regions
from vidseg.matting.tracking.inference import Inference
from vidseg.matting.tracking.memory import RegionMemory
from vidseg.matting.tracking.prediction_cache import PredictionCache
from vidseg.matting.tracking.predictions import CERTAIN, NOBODY, Prediction
from vidseg.matting.tracking.roi_planner import RoiPlanner

LIKELY = -1.0
"""Logit above which a blob in a whole frame belongs to a person who is certain somewhere."""

_AGREED = 0.3
"""Intersection over union of two predictions' people from which they mean the same person.

Rocks, fences and shelves reach 0.1 in most cases, people 0.5; those of a few pixels less.
"""

_CELLS = 64
"""Cells a side on which predictions are compared."""


class Detector:
    """Finds people in whole frames. `planner` gives the closer regions, and their scales."""

    def __init__(self, inference: Inference, planner: RoiPlanner) -> None:
        self._inference = inference
        self._planner = planner
        self._cache = PredictionCache()

    def forget(self) -> None:
        """Forget what was seen before."""
        self._cache = PredictionCache()

    def detect(self, frames: Sequence[Frame], known: Sequence[Box]) -> list[Prediction]:
        """Return predictions for whole frames, without what a closer prediction doesn't confirm.

        Whoever overlaps a box of `known` people has been confirmed before.
        """
        if not frames:
            return []
        whole = frames[0].whole
        scale = self._planner.whole_scale(whole)
        predictions = self._inference.predict(frames, [whole] * len(frames), scale)
        return [
            self.verified(frame, prediction, known)
            for frame, prediction in zip(frames, predictions, strict=True)
        ]

    def detect_next(
        self, frame: Frame, known: Sequence[Box], before: Sequence[RegionMemory]
    ) -> tuple[Prediction, RegionMemory]:
        """Return a recurrent network's prediction for a whole frame, and what it remembers of it.

        `before`: what it remembers of the frame before; `known` people: see `detect`.
        """
        scale = self._planner.whole_scale(frame.whole)
        prediction, memory = self._inference.predict_next(frame, frame.whole, scale, before)
        return self.verified(frame, prediction, known), memory

    def search(self, frame: Frame) -> list[Box]:
        """Return people too small for a prediction of the whole frame, found in parts of it."""
        tiles, scale = self._planner.tiles(frame.whole)
        found: list[Box] = []
        for prediction in self._inference.predict([frame] * len(tiles), tiles, scale):
            found += self.verified(frame, prediction, []).people(LIKELY)
        return regions.largest(found)

    def find_again(self, frame: Frame, missing: list[Box]) -> list[Box]:
        """Return boxes around people whom a prediction of the whole frame missed, found near by.

        Someone small and far away is seen well in a region, hardly in the whole frame; going by the
        latter alone, the region would stay where it is, and the person would walk out of it.

        Only the largest are searched for and returned (see `regions.largest`): whoever is found is
        missing in turn one span later, and in noise each one brought ten more.
        """
        found: list[Box] = []
        for person in regions.largest(missing):
            box = regions.search_area(person, frame.whole)
            scale = self._planner.close_up_scale(box, person, frame.whole)
            found += self._inference.predict([frame], [box], scale)[0].people(CERTAIN)
        return regions.largest(found)

    def verified(self, frame: Frame, prediction: Prediction, known: Sequence[Box]) -> Prediction:
        """Return a prediction without the blobs that a closer one doesn't confirm."""
        people = prediction.people(LIKELY)
        doubted = [one for one in people if not any(regions.overlap(one, other) for other in known)]
        refuted = [one for one in doubted if self._refuted(frame, prediction, one)]
        if not refuted:
            return prediction
        kept = [one for one in people if one not in refuted]
        person, chosen = (
            _without(prediction, scores, refuted, kept)
            for scores in (prediction.person, prediction.chosen)
        )
        return replace(prediction, person=person, chosen=chosen)

    def _refuted(self, frame: Frame, prediction: Prediction, person: Box) -> bool:
        """Whether a closer prediction shows nobody; who fills the frame has none, and is kept."""
        closer = self._closer(frame, person)
        return closer is not None and _agreement(prediction, closer, person) < _AGREED

    def _closer(self, frame: Frame, person: Box) -> Prediction | None:
        """Return a prediction for a person with the usual margins; `None` if nearly the frame.

        Where one was made not long ago, and what it saw is there still, it is as good as new.
        """
        box = self._planner.close_up_box(person, frame.whole)
        if box is None:
            return None
        prediction = self._cache.find(frame, person, box)
        if prediction is None:
            scale = self._planner.close_up_scale(box, person, frame.whole)
            prediction = self._inference.predict([frame], [box], scale)[0]
            self._cache.add(prediction, frame)
        return prediction


def _agreement(one: Prediction, other: Prediction, box: Box) -> float:
    """Return intersection over union of the people that two predictions show in a box."""
    shown = [prediction.within(box, _CELLS) > CERTAIN for prediction in (one, other)]
    either = np.count_nonzero(shown[0] | shown[1])
    return float(np.count_nonzero(shown[0] & shown[1]) / max(either, 1))


def _without(
    prediction: Prediction, scores: NDArray[np.float32], refuted: Iterable[Box], kept: Iterable[Box]
) -> NDArray[np.float32]:
    """Return scores with nobody in the boxes `refuted`, but for what is in those `kept`."""
    result = scores.copy()
    for box in refuted:
        result[_slices(prediction, box)] = NOBODY
    for box in kept:
        result[_slices(prediction, box)] = scores[_slices(prediction, box)]
    return result


def _slices(prediction: Prediction, box: Box) -> tuple[slice, slice]:
    """Return the rows and columns of scores that a box touches, and one more on each side."""
    region = prediction.box
    rows, columns = prediction.person.shape
    down, across = rows / region.height, columns / region.width
    return (
        slice(
            max(0, int((box.top - region.top) * down) - 1),
            int((box.bottom - region.top) * down) + 2,
        ),
        slice(
            max(0, int((box.left - region.left) * across) - 1),
            int((box.right - region.left) * across) + 2,
        ),
    )
