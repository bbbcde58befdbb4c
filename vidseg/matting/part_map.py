"""Maps of body parts: labels from scores, smoothed by votes over time, and painted. Pure."""

from collections.abc import Callable, Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.body_parts import COLOURS
from vidseg.frames.colour import Colour, rgb_to_yuv_matrix
from vidseg.frames.frame import WORKING_FORMATS, Plane, Planes, as_plane
from vidseg.matting.mask import Mask

LAYOUT = WORKING_FORMATS["yuv444p12le"]
COLOUR = Colour(full_range=False, matrix=1, primaries=1, transfer=1)
"""Maps are painted in this layout and colour, in which each RGB of 8 bits has a code of its own."""

_SOFTEN = (3, 3)

_Float = NDArray[np.float32]
Labels = NDArray[np.uint8]
"""[h, w] numbers of `vidseg.body_parts.PARTS`."""

Ballot = tuple[_Float, Labels]
"""Votes: a weight for each point, and the part that it is given to."""


def likeliest(
    scores: _Float, spread: Callable[[_Float], _Float], among: Sequence[int] | None = None
) -> Labels:
    """Return which part is likeliest at each point, uint8 [H, W].

    `scores` are logits [h, w, 24]; `spread` brings one part's [h, w] to [H, W]; `among` are the
    only parts that count, all where it is empty or `None`.
    """
    numbers = among or range(scores.shape[-1])
    best = spread(scores[..., numbers[0]])
    labels = np.full(best.shape, numbers[0], np.uint8)
    for number in numbers[1:]:
        candidate = spread(scores[..., number])
        np.copyto(labels, np.uint8(number), where=candidate > best)
        best = np.maximum(best, candidate)
    return labels


def elected(ballots: Iterable[Ballot]) -> Labels:
    """Return the part with most votes at each point; of two equal ones, the earlier ballot's."""
    given = list(ballots)
    winner = given[0][1].copy()
    most: _Float = np.full(winner.shape, -1, np.float32)
    for _, candidate in given:
        support = np.zeros(winner.shape, np.float32)
        for weight, labels in given:
            support += weight * (labels == candidate)
        won = support > most
        np.copyto(winner, candidate, where=won)
        np.copyto(most, support, where=won)
    return winner


def enlarged(labels: Labels, width: int, height: int) -> Labels:
    """Return labels at `width` x `height`, with smooth borders between parts rather than stairs."""
    best = np.zeros((height, width), np.uint8)
    result = np.zeros((height, width), np.uint8)
    for number in np.unique(labels):
        share = cv2.blur((labels == number).astype(np.uint8) * 255, _SOFTEN)
        share = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
        np.copyto(result, number, where=share > best)
        np.maximum(best, share, out=best)
    return result


def paint(labels: Labels, mask: Mask, alpha: Plane, peak: int, out: Planes) -> None:
    """Write the map into planes of `LAYOUT`: parts' colours where `alpha` is above half its `peak`.

    `labels` lie on the grid of `mask`; a person who reaches beyond it, having been grown, keeps the
    part at its border. Elsewhere is black.
    """
    height, width = alpha.shape
    box, (step_x, step_y) = mask.box, mask.step
    index = np.zeros((height, width), np.uint8)
    inside = slice(box.top, box.bottom), slice(box.left, box.right)
    spread = enlarged(labels, round(labels.shape[1] * step_x), round(labels.shape[0] * step_y))
    index[inside] = spread[: box.height, : box.width] + 1
    margins = box.top, height - box.bottom, box.left, width - box.right
    if any(margins):
        index = np.asarray(
            cv2.copyMakeBorder(index[inside], *margins, cv2.BORDER_REPLICATE), np.uint8
        )
    index[alpha <= peak // 2] = 0
    for plane, codes in zip(out, _codes(), strict=True):
        np.take(codes, index, out=plane)


def _codes() -> tuple[Plane, Plane, Plane]:
    """Return the code values, [25] each, of black and the parts' colours in Y, Cb and Cr."""
    rgb = np.array(((0, 0, 0), *COLOURS), np.float64) / 255
    matrix = rgb_to_yuv_matrix(COLOUR, 0, LAYOUT.bits)
    codes = np.rint(rgb @ matrix[:, :3].T + matrix[:, 3]).astype(LAYOUT.dtype)
    luma, blue, red = (as_plane(np.ascontiguousarray(codes[:, i])) for i in range(3))
    return luma, blue, red
