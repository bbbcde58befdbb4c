"""Observations: the predictions for one frame, and their logits on a grid of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Box
from vidseg.matting import grid
from vidseg.matting.colour_model import Appearance
from vidseg.matting.tracking import regions
from vidseg.matting.tracking.detection import LIKELY, Detector
from vidseg.matting.tracking.inference import Inference
from vidseg.matting.tracking.memory import RegionMemory
from vidseg.matting.tracking.predictions import Prediction, joined, reach
from vidseg.matting.tracking.propagation import FlowInput
from vidseg.matting.tracking.roi_planner import Roi

_MARGIN_IN_NEED = 0.5
"""Share of its sides by which a region grows whose border a person touches."""


@dataclass(slots=True, eq=False)
class GriddedObservation:
    """What a frame shows on a grid: its picture, uint8 [h, w, 3], and logits, float32 [h, w].

    `flow_input`: both as optical flow takes them; `appearance`: how people look in it, once learnt.
    """

    box: Box
    side: int
    picture: NDArray[np.uint8]
    logits: NDArray[np.float32]
    flow_input: FlowInput
    appearance: Appearance | None = None


class Observation:
    """The predictions for one frame; on a grid once, for the gaps on both sides of it."""

    def __init__(self, predictions: Sequence[Prediction]) -> None:
        self.predictions = predictions
        self._view: GriddedObservation | None = None

    @property
    def reach(self) -> Box:
        """The box around all predicted regions."""
        return reach(self.predictions)

    def on_grid(
        self, frame: Frame, box: Box, side: int, *, fine: bool = False
    ) -> GriddedObservation:
        """Return what the observed `frame` shows in an aligned box; `fine`: see `FlowInput.of`."""
        view = self._view
        if view is None or (view.box, view.side) != (box, side):
            picture, logits = grid.picture(frame, box, side), joined(self.predictions, box, side)
            view = self._view = GriddedObservation(
                box, side, picture, logits, FlowInput.of(picture, logits, fine=fine)
            )
        return view


class SpanObserver:
    """Observes frames of one span at its regions of interest, or where it has none as a whole.

    `known`: boxes around the people at either end of the span.
    """

    def __init__(
        self, inference: Inference, detector: Detector, rois: Sequence[Roi], known: Sequence[Box]
    ) -> None:
        self._inference = inference
        self._detector = detector
        self._rois = rois
        self._known = known

    def observe(self, frames: Mapping[int, Frame]) -> dict[int, Observation]:
        """Return observations of some frames by their places in the span.

        Regions that cut someone off are widened, and a frame that shows nobody in any is seen
        whole.
        """
        if not self._rois or not frames:
            whole = self._detector.detect(list(frames.values()), self._known)
            return {i: Observation([one]) for i, one in zip(frames, whole, strict=True)}
        by_roi = [self._predictions(roi, frames) for roi in self._rois]
        return {
            i: self._observation(frame, predictions)
            for (i, frame), predictions in zip(
                frames.items(), zip(*by_roi, strict=True), strict=True
            )
        }

    def observe_in_order(
        self, frames: Sequence[Frame], before: Sequence[RegionMemory]
    ) -> tuple[dict[int, Observation], Sequence[RegionMemory]]:
        """Return what a recurrent network sees in all frames of the span, one after the other.

        Region by region, whose pictures are of one size. `before`: what the network remembers of
        the frame before them; what it does of the last is returned.
        """
        observed: dict[int, Observation] = {}
        if not self._rois:
            for i, frame in enumerate(frames):
                prediction, memory = self._detector.detect_next(frame, self._known, before)
                observed[i], before = Observation([prediction]), [memory]
            return observed, before
        by_roi, memories = zip(
            *(self._followed(roi, frames, before) for roi in self._rois), strict=True
        )
        for i, predictions in enumerate(zip(*by_roi, strict=True)):
            observed[i] = self._observation(frames[i], predictions)
        return observed, memories

    def _followed(
        self, roi: Roi, frames: Sequence[Frame], before: Sequence[RegionMemory]
    ) -> tuple[list[Prediction], RegionMemory]:
        """Return a recurrent network's predictions for a region of all frames of the span.

        Where it cuts someone off, it is widened from there on. Also returned is what the network
        remembers of the last.
        """
        predictions = []
        for i, frame in enumerate(frames):
            seen, memory = self._inference.predict_next(frame, roi.boxes[i], roi.scale, before)
            if seen.cuts_someone(frame.whole):
                boxes, scale = self._wider(frame, [seen], roi.scale)
                roi = Roi(boxes * len(roi.boxes), scale)
                seen, memory = self._inference.predict_next(frame, boxes[0], scale, before)
            predictions.append(seen)
            before = [memory]
        return predictions, memory

    def _observation(self, frame: Frame, predictions: tuple[Prediction, ...]) -> Observation:
        """Return the observation of a frame, which is seen whole where no region shows anybody."""
        if not any(one.someone for one in predictions):
            predictions = (self._detector.detect([frame], [])[0], *predictions[1:])
        return Observation(predictions)

    def _predictions(self, roi: Roi, frames: Mapping[int, Frame]) -> list[Prediction]:
        listed = list(frames.values())
        predictions = self._inference.predict(listed, [roi.boxes[i] for i in frames], roi.scale)
        whole = listed[0].whole
        clipped = [i for i, one in enumerate(predictions) if one.cuts_someone(whole)]
        if clipped:
            seen = [listed[i] for i in clipped]
            boxes, scale = self._wider(seen[0], [predictions[i] for i in clipped], roi.scale)
            for i, one in zip(clipped, self._inference.predict(seen, boxes, scale), strict=True):
                predictions[i] = one
        return predictions

    def _wider(
        self, frame: Frame, predictions: Sequence[Prediction], scale: float
    ) -> tuple[list[Box], float]:
        """Return wider regions, which also cover whom all of `frame` shows there, and their scale.

        `predictions`: those that cut someone off, at their `scale`; of `frame` the first.
        """
        whole = frame.whole
        people = self._detector.detect([frame], self._known)[0].people(LIKELY)
        boxes = []
        for box in (prediction.box for prediction in predictions):
            near = [person for person in people if regions.overlap(person, box)]
            box = regions.union([box, *near])
            grown = 1 + 2 * _MARGIN_IN_NEED
            size = round(box.width * grown), round(box.height * grown)
            boxes.append(regions.placed(box, *size, whole))
        shrink = float(np.sqrt(regions.area(predictions[0].box) / regions.area(boxes[0])))
        return boxes, scale * shrink
