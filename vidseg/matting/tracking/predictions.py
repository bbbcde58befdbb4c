"""Predictions: logits for one region of one frame, sampled on the grids of later stages."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.body_parts import part_indices
from vidseg.frames.geometry import Box
from vidseg.matting import grid
from vidseg.matting.part_map import Labels, likeliest
from vidseg.matting.tracking import regions
from vidseg.networks.base import Scores

CERTAIN = 0.0
"""Logit above which there is a person."""

NOBODY = -9.0
"""Logit where nothing was predicted."""

_BLOB_CELLS = 60_000
"""Cells on which blobs are told apart: a person of a fiftieth of the picture has a thousand."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Scores of a region.

    `person`: float32 [h, w] logits in coded orientation, spread over `box` (pixels of the coded
    picture); `chosen`: the same for the parts asked for, or the person's; `parts`: [h, w, 24] for
    each part, where a map of them is asked for. `corners`: whether the first and last score lie on
    the first and last of the `width` x `height` pixels that the network saw, or tile them.
    """

    box: Box
    person: NDArray[np.float32]
    chosen: NDArray[np.float32]
    corners: bool
    width: int
    height: int
    parts: NDArray[np.float32] | None = None

    @property
    def someone(self) -> bool:
        """Whether there is anybody."""
        return float(self.person.max()) > CERTAIN

    def people(self, likely: float) -> list[Box]:
        """Return boxes around the people, as far as logits exceed `likely`."""
        side = 1
        while (self.box.width // side) * (self.box.height // side) > _BLOB_CELLS:
            side *= 2
        logits = self._sampled(self.person, self.box, side)
        return regions.people(logits, self.box, likely=likely, certain=CERTAIN)

    def cuts_someone(self, frame: Box) -> bool:
        """Whether a person touches a side of the region that isn't the frame's."""
        inside = self.person > CERTAIN
        sides = [
            (self.box.left > frame.left, inside[:, 0]),
            (self.box.right < frame.right, inside[:, -1]),
            (self.box.top > frame.top, inside[0]),
            (self.box.bottom < frame.bottom, inside[-1]),
        ]
        return any(inner and bool(side.any()) for inner, side in sides)

    def on(self, box: Box, side: int) -> NDArray[np.float32]:
        """Return the chosen logits on an aligned box's grid, [h, w]; `NOBODY` beyond the region."""
        logits = self._sampled(self.chosen, box, side)
        left, top = (self.box.left - box.left) // side, (self.box.top - box.top) // side
        right, bottom = (
            -((box.left - self.box.right) // side),
            -((box.top - self.box.bottom) // side),
        )
        logits[: max(top, 0)] = NOBODY
        logits[bottom:] = NOBODY
        logits[:, : max(left, 0)] = NOBODY
        logits[:, right:] = NOBODY
        return logits

    def within(self, box: Box, cells: int) -> NDArray[np.float32]:
        """Return the person's logits on about `cells` x `cells` points of a box in the region."""
        side = max(1, min(box.width, box.height) // cells)
        return self._sampled(self.person, box, side)

    def labels(self, box: Box, side: int, among: Sequence[int]) -> Labels | None:
        """Return the likeliest of some parts on an aligned box's grid, where a map is asked for."""
        if self.parts is None:
            return None
        return likeliest(self.parts, lambda part: self._sampled(part, box, side), among)

    def _sampled(self, scores: NDArray[np.float32], box: Box, side: int) -> NDArray[np.float32]:
        """Return scores at the cells' middles in `box`, bilinear; the outermost go on beyond."""
        rows, columns = scores.shape
        across = sampling_line(
            columns, self.width, self.box.left, self.box.width, box.left, side, self.corners
        )
        down = sampling_line(
            rows, self.height, self.box.top, self.box.height, box.top, side, self.corners
        )
        matrix = np.array([[across[0], 0, across[1]], [0, down[0], down[1]]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = grid.size(box, side)
        return np.asarray(
            cv2.warpAffine(scores, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE),
            np.float32,
        )


def sampling_line(
    count: int, pixels: int, begin: int, length: int, origin: int, side: float, corners: bool
) -> tuple[float, float]:
    """Return slope and offset from a cell's number to its place among `count` scores, one way."""
    per_source = pixels / length  # pixels of the input per pixel of the source
    if corners:
        per_pixel, first = (count - 1) / max(pixels - 1, 1), 0.5
    else:
        per_pixel, first = count / pixels, 0.5 * pixels / count
    middle = (origin + side / 2 - begin) * per_source - first
    return side * per_source * per_pixel, middle * per_pixel


def joined(predictions: Sequence[Prediction], box: Box, side: int) -> NDArray[np.float32]:
    """Return the maximum of predictions for one frame on an aligned box's grid, float32 [h, w]."""
    logits = predictions[0].on(box, side)
    for one in predictions[1:]:
        np.maximum(logits, one.on(box, side), out=logits)
    return logits


def joined_labels(
    predictions: Sequence[Prediction], box: Box, side: int, among: Sequence[int]
) -> Labels | None:
    """Return the parts on an aligned box's grid, by the likeliest prediction at each point."""
    labels = predictions[0].labels(box, side, among)
    logits = predictions[0].on(box, side)
    for one in predictions[1:]:
        others, likelier = one.labels(box, side, among), one.on(box, side)
        if labels is not None and others is not None:
            np.copyto(labels, others, where=likelier > logits)
        np.maximum(logits, likelier, out=logits)
    return labels


def reach(predictions: Sequence[Prediction]) -> Box:
    """Return the box around all of the regions."""
    return regions.union([one.box for one in predictions])


def chosen(scores: Scores, parts: Sequence[str]) -> NDArray[np.float32]:
    """Return float32 [N, h, w] logits of the person, or of the person's chosen parts."""
    if not parts or scores.parts is None:
        return scores.person
    among = np.zeros(scores.parts.shape[-1], bool)
    among[list(part_indices(tuple(parts)))] = True
    if among.all():
        return scores.person
    # The parts' own logits are all high within a person, so what counts is which one is the
    # highest.
    theirs, others = scores.parts[..., among], scores.parts[..., ~among]
    return np.minimum(scores.person, _soft_maximum(theirs) - _soft_maximum(others))


def _soft_maximum(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ln Σ exp over the last axis."""
    highest = logits.max(axis=-1)
    return np.asarray(
        highest + np.log(np.exp(logits - highest[..., None]).sum(axis=-1)), np.float32
    )
