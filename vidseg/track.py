"""Where the people are: which region of each frame the network sees, and masks in the frame's own grid."""

from collections.abc import Iterable, Iterator
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames import Box, Frame, Mask, Orientation, small_rgb
from vidseg.parts import part_indices
from vidseg.segmenters.base import Scores, Segmenter
from vidseg.settings import SegmentSettings


def follow(
    frames: Iterable[Frame], segmenter: Segmenter, settings: SegmentSettings, orientation: Orientation
) -> Iterator[tuple[Frame, Mask]]:
    """Yield every frame with its mask, in order; frames are passed on as they came.

    Frames go through the network in batches of `settings.batch_size`, or what the segmenter likes.
    """
    source = iter(frames)
    size = settings.batch_size or segmenter.traits.batch_size
    while batch := list(islice(source, size)):
        yield from zip(batch, _masks(batch, segmenter, settings, orientation), strict=True)


def _masks(
    batch: list[Frame], segmenter: Segmenter, settings: SegmentSettings, orientation: Orientation
) -> Iterator[Mask]:
    box = Box(0, 0, batch[0].width, batch[0].height)
    shown = (box.height, box.width) if orientation.swaps_axes else (box.width, box.height)
    side = settings.resolution or segmenter.traits.whole_side
    width, height = segmenter.input_size(*shown, side)
    coded = (height, width) if orientation.swaps_axes else (width, height)
    pictures = [small_rgb(frame, box, *coded) for frame in batch]
    scores = segmenter.segment(np.stack([orientation.upright(picture) for picture in pictures]))
    for logits, picture in zip(_logits(scores, settings.parts), pictures, strict=True):
        full = _spread(logits, width, height, segmenter.traits.corner_aligned)
        person = _probability(np.ascontiguousarray(orientation.coded(full), np.float32), segmenter)
        yield Mask(person=person, box=box, picture=picture)


def _probability(logits: NDArray[np.float32], segmenter: Segmenter) -> NDArray[np.float32]:
    gained = np.asarray(logits * -segmenter.traits.logit_gain, np.float32)
    return np.asarray(1 / (1 + np.exp(gained)), np.float32)


def _logits(scores: Scores, parts: tuple[str, ...]) -> NDArray[np.float32]:
    """Return float32 [N, h, w] logits of the person, or of the person's chosen parts."""
    if not parts or scores.parts is None:
        return scores.person
    each = 1 / (1 + np.exp(-scores.parts))
    share = each[..., part_indices(parts)].sum(-1) / np.maximum(each.sum(-1), 1e-6)
    chosen = np.clip(share / (1 + np.exp(-scores.person)), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(chosen / (1 - chosen)), np.float32)


def _spread(logits: NDArray[np.float32], width: int, height: int, corners: bool) -> NDArray[np.float32]:
    """Return the [h, w] grid of scores interpolated to the input's pixels, float32 [height, width].

    With `corners` the first and the last score lie on the first and the last pixel.
    """
    if not corners:
        return np.asarray(cv2.resize(logits, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    rows, columns = logits.shape
    scale_x, scale_y = (columns - 1) / max(width - 1, 1), (rows - 1) / max(height - 1, 1)
    matrix = np.array([[scale_x, 0, 0], [0, scale_y, 0]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    spread = cv2.warpAffine(logits, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(spread, np.float32)
