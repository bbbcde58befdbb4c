"""Inference: regions of frames are cut out, scaled, batched and scored, upright."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Box, Orientation
from vidseg.frames.planes import small_rgb
from vidseg.matting.tracking.memory import RegionMemory, overlapping
from vidseg.matting.tracking.predictions import Prediction, chosen
from vidseg.networks.base import Memory, Recurrent, Scores, Segmenter
from vidseg.settings import ModelSettings


class Inference:
    """Runs the network over regions of frames.

    `orientation` says how coded pictures are shown: the network sees people upright. `batch_size`:
    regions per call, of `settings` or of what the network likes.
    """

    def __init__(
        self, segmenter: Segmenter, settings: ModelSettings, orientation: Orientation
    ) -> None:
        self._segmenter = segmenter
        self._settings = settings
        self._orientation = orientation
        self._traits = segmenter.traits
        self.batch_size = settings.batch_size or segmenter.traits.batch_size

    def predict(
        self, frames: Sequence[Frame], boxes: Sequence[Box], scale: float
    ) -> list[Prediction]:
        """Return a prediction for one box of each frame; neighbours of one size share batches.

        `scale`: pixels of the network's input per pixel of the frame.
        """
        predictions: list[Prediction] = []
        start = 0
        for stop in range(1, len(frames) + 1):
            full = stop - start == self.batch_size
            if stop == len(frames) or full or boxes[stop].size != boxes[start].size:
                predictions += self._batch(frames[start:stop], boxes[start:stop], scale)
                start = stop
        return predictions

    def predict_next(
        self, frame: Frame, box: Box, scale: float, before: Sequence[RegionMemory]
    ) -> tuple[Prediction, RegionMemory]:
        """Return a recurrent network's prediction for a box of a frame, and what it remembers.

        `before`: what it remembers of the regions of the frame before this one.
        """
        assert isinstance(self._segmenter, Recurrent)
        width, height = self._picture_size(box, scale)
        near = overlapping(before, box)
        memory = None if near is None else self._upright(near.moved(box, width, height))
        picture = self._input(small_rgb(frame, box, width, height))
        scores, after = self._segmenter.segment_next(picture, memory)
        maps = [self._coded(each) for each in after]
        (prediction,) = self._predictions(scores, [box], width, height)
        return prediction, RegionMemory(box, width, height, maps)

    def _upright(self, memory: Memory) -> Memory:
        """Return what is remembered in coded orientation upright, as the network sees pictures."""
        upright = [self._orientation.upright(each) for each in memory]
        return [np.ascontiguousarray(each, np.float32) for each in upright]

    def _batch(
        self, frames: Sequence[Frame], boxes: Sequence[Box], scale: float
    ) -> list[Prediction]:
        width, height = self._picture_size(boxes[0], scale)
        pictures = [
            small_rgb(frame, box, width, height) for frame, box in zip(frames, boxes, strict=True)
        ]
        scores = self._segmenter.segment(np.stack([self._input(picture) for picture in pictures]))
        return self._predictions(scores, boxes, width, height)

    def _predictions(
        self, scores: Scores, boxes: Sequence[Box], width: int, height: int
    ) -> list[Prediction]:
        """Return what the scores of a batch say of its boxes, seen as pictures of that size."""
        wanted = chosen(scores, self._settings.parts) + np.float32(self._traits.logit_bias)
        mapped = scores.parts if self._settings.part_map else None
        return [
            Prediction(
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
        """Return the network's input: the picture upright, and resized to a fixed input's size."""
        upright = np.asarray(self._orientation.upright(picture), np.uint8)
        size = self._traits.fixed_size
        if size is None or size == upright.shape[1::-1]:
            return upright
        return np.asarray(cv2.resize(upright, size, interpolation=cv2.INTER_AREA), np.uint8)

    def _picture_size(self, box: Box, scale: float) -> tuple[int, int]:
        """Return (width, height) of the picture for a box, in coded orientation.

        It is what the network takes. Where that is one size only, it is the box to scale, so that
        circles stay circles for later stages.
        """
        if self._traits.fixed_size is not None:
            return max(1, round(box.width * scale)), max(1, round(box.height * scale))
        shown = box.size[::-1] if self._orientation.swaps_axes else box.size
        size = self._segmenter.input_size(*shown, max(1, round(min(shown) * scale)))
        return size[::-1] if self._orientation.swaps_axes else size
