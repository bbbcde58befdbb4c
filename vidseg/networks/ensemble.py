"""Two networks as one: the first tells who is there, both tell where the edge runs.

A network that finds people anywhere in a picture sees them coarsely; one that was made for a person
who fills its input sees the edge finely, and takes walls and furniture for people. Of each person
whom the first finds, the second sees a close-up, and the logits of both are averaged there, as the
more they agree on who it is.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.geometry import Box
from vidseg.networks.base import Scores, Segmenter, Traits

_STRIDE = 4
"""Pixels of the input per score of the result."""

_LIKELY = -1.0
"""Score of the first network from which a cell may belong to a person."""

_REACH = 2
"""Cells of the first network over which a person's parts belong together."""

_MOST_CLOSE_UPS = 3
"""People of a picture who are seen close up, the largest."""

_MARGIN, _NARROWEST = 0.1, 0.7
"""What a close-up shows around a person, as a share of the longer side; its least aspect ratio."""

_SHARE = 0.6
"""What the second network's logits count, against all."""

_SUREST = 4.0
"""The second network's logits are within this of 0: what the first is sure of stays."""

_OTHERS, _SAME = 0.45, 0.7
"""Intersection over union of both networks' person up to which the second doesn't count, and from
which it counts in full: then they mean the same."""

_UNSEEN = 0.1
"""The same up to which the second network sees nobody."""


class Ensemble:
    """A `finder` of people, whose scores are corner-aligned, beside an `outliner`, whose aren't.

    The outliner's input has a fixed size. Scores are those of the finder in all but resolution: its
    traits hold for them. Both networks are closed with it.
    """

    def __init__(self, finder: Segmenter, outliner: Segmenter) -> None:
        self._finder = finder
        self._outliner = outliner
        self.name = f"{finder.name} with {outliner.name}"

    @property
    def device(self) -> str:
        """What the finder runs on, for people."""
        return self._finder.device

    @property
    def traits(self) -> Traits:
        """Those of the finder."""
        return self._finder.traits

    def input_size(self, width: int, height: int, side: int) -> tuple[int, int]:
        """Return the finder's input's (width, height) for a region."""
        return self._finder.input_size(width, height, side)

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        """Score uint8 [N, h, w, 3] RGB: logits [N, (h - 1) / 4 + 1, (w - 1) / 4 + 1]."""
        found = self._finder.segment(batch)
        rows, columns = ((side - 1) // _STRIDE + 1 for side in batch.shape[1:3])
        person = [
            self._outlined(picture, scores, _spread(scores, rows, columns))
            for picture, scores in zip(batch, found.person, strict=True)
        ]
        parts = found.parts
        return Scores(
            np.stack(person),
            None if parts is None else np.stack([_spread(each, rows, columns) for each in parts]),
        )

    def close(self) -> None:
        """Free both networks."""
        self._finder.close()
        self._outliner.close()

    def _outlined(
        self, picture: NDArray[np.uint8], coarse: NDArray[np.float32], fine: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return a picture's scores on the grid of `fine`, the finder's: with edges by both."""
        boxes = [_close_up(person, coarse.shape, fine.shape) for person in _people(coarse)]
        places = [(slice(box.top, box.bottom), slice(box.left, box.right)) for box in boxes]
        ours = [_honest(fine[place], self.traits) for place in places]
        theirs = [self._seen_close(picture, box) for box in boxes]
        shares = _shares([_agreement(*both) for both in zip(ours, theirs, strict=True)])
        joined = np.full_like(fine, -np.inf)
        for place, one, other, share in zip(places, ours, theirs, shares, strict=True):
            logits = one + share * (np.clip(other, -_SUREST, _SUREST) - one)
            np.maximum(joined[place], logits, out=joined[place])
        scores = joined / self.traits.logit_gain - self.traits.logit_bias
        return np.where(np.isfinite(joined), scores, fine)

    def _seen_close(self, picture: NDArray[np.uint8], box: Box) -> NDArray[np.float32]:
        """Return the outliner's logits on a box of the fine grid, as likely as they are honest."""
        traits = self._outliner.traits
        assert traits.fixed_size is not None, "see the class"
        top, left = box.top * _STRIDE, box.left * _STRIDE
        height, width = ((side - 1) * _STRIDE + 1 for side in (box.height, box.width))
        shown = picture[top : top + height, left : left + width]
        resized = cv2.resize(shown, traits.fixed_size, interpolation=cv2.INTER_AREA)
        scores = self._outliner.segment(np.asarray(resized, np.uint8)[None]).person[0]
        across, down = scores.shape[1] / width, scores.shape[0] / height
        # From the number of a score to the middle of its pixel, and there to the outliner's own.
        return _honest(
            _sampled(
                scores,
                (_STRIDE * across, across / 2 - 0.5),
                (_STRIDE * down, down / 2 - 0.5),
                box.size,
            ),
            traits,
        )


def _people(scores: NDArray[np.float32]) -> Iterator[Box]:
    """Yield boxes around the largest people among scores [h, w], in its cells."""
    likely = np.asarray(scores > _LIKELY, np.uint8)
    kernel = np.ones((2 * _REACH + 1, 2 * _REACH + 1), np.uint8)
    count, labels = cv2.connectedComponents(cv2.dilate(likely, kernel))
    labels = labels * likely
    sizes = np.bincount(labels.ravel(), minlength=count)
    certain = np.bincount(labels[scores > 0], minlength=count)
    people = [label for label in range(1, count) if certain[label]]
    for label in sorted(people, key=lambda label: -sizes[label])[:_MOST_CLOSE_UPS]:
        rows, columns = np.nonzero(labels == label)
        yield Box(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)


def _close_up(person: Box, coarse: tuple[int, ...], fine: tuple[int, ...]) -> Box:
    """Return what is shown around a person, given in cells of the `coarse` grid, in the fine's."""
    up = [(many - 1) / max(few - 1, 1) for many, few in zip(fine, coarse, strict=True)]
    height, width = (person.height - 1) * up[0], (person.width - 1) * up[1]
    margin = 2 * _MARGIN * max(height, width)
    height, width = height + margin + up[0], width + margin + up[1]
    height, width = max(height, _NARROWEST * width), max(width, _NARROWEST * height)
    middle = (person.top + person.bottom - 1) / 2 * up[0]
    centre = (person.left + person.right - 1) / 2 * up[1]
    return Box(
        max(0, int(centre - width / 2)),
        max(0, int(middle - height / 2)),
        min(fine[1], int(centre + width / 2) + 2),
        min(fine[0], int(middle + height / 2) + 2),
    )


def _agreement(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return intersection over union of the people of two networks' logits [h, w]."""
    either = np.count_nonzero((one > 0) | (other > 0))
    return np.count_nonzero((one > 0) & (other > 0)) / max(either, 1)


def _shares(agreements: Sequence[float]) -> list[np.float32]:
    """Return what the second network counts for each person of a picture, in [0, `_SHARE`].

    Whom it doesn't see at all, while it sees others as the first does, is a thing.
    """
    ramp = (np.asarray(agreements, np.float32) - _OTHERS) / (_SAME - _OTHERS)
    shares = np.clip(ramp, 0, 1) * np.float32(_SHARE)
    highest = shares.max(initial=0)
    return [
        highest if agreement < _UNSEEN else share
        for agreement, share in zip(agreements, shares, strict=True)
    ]


def _honest(scores: NDArray[np.float32], traits: Traits) -> NDArray[np.float32]:
    """Return scores as logits of honest probabilities."""
    return (scores + np.float32(traits.logit_bias)) * np.float32(traits.logit_gain)


def _spread(scores: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Return corner-aligned scores [h, w] or [h, w, c] on a finer grid of as many points."""
    across = (scores.shape[1] - 1) / (columns - 1), 0.0
    down = (scores.shape[0] - 1) / (rows - 1), 0.0
    if scores.ndim == 2:
        return _sampled(scores, across, down, (columns, rows))
    planes = np.moveaxis(scores, -1, 0)
    return np.stack([_sampled(each, across, down, (columns, rows)) for each in planes], axis=-1)


def _sampled(
    scores: NDArray[np.float32],
    across: tuple[float, float],
    down: tuple[float, float],
    size: tuple[int, int],
) -> NDArray[np.float32]:
    """Return `size` (width, height) points of scores [h, w], bilinear; the outermost go on beyond.

    `across` and `down`: slope and offset from a point's number to its place among the scores.
    """
    matrix = np.array([[across[0], 0, across[1]], [0, down[0], down[1]]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    contiguous = np.ascontiguousarray(scores)
    return np.asarray(
        cv2.warpAffine(contiguous, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE),
        np.float32,
    )
