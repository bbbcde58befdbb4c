"""Motion of people from one snapshot to another: by optical flow, and by shifts. Pure."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.matting.optical_flow import Flow, warp
from vidseg.matting.people.bodies import Labels, people_in
from vidseg.matting.people.snapshot import Snapshot

_FARTHEST = 28
"""Points that somebody may move between two snapshots, across or down."""

_FLOWS = 2.0
"""Codes of 256 by which a shift has to explain the picture better than flow does."""

_STEP_COST = 0.1
"""Codes of 256 that a point of a shift costs: of equal ones the shorter is meant."""

_NEAR = (3, 3)

Floats = NDArray[np.float32]


class Motion:
    """Carries labels from one snapshot to another along what moves."""

    def __init__(self) -> None:
        self._flow = Flow(fine=True)

    def carried(self, labels: Labels, before: Snapshot, now: Snapshot) -> Labels:
        """Return the labels of `before` where they are in `now`, which may also come earlier.

        For snapshots of neighbouring frames.
        """
        places = self._flow.sampling_map(now.luma, before.luma)
        return labels if places is None else _warped(labels, places)

    def carried_far(self, labels: Labels, before: Snapshot, now: Snapshot) -> Labels:
        """Return the same for snapshots some time apart.

        Flow takes long steps, and what has no texture, for something else. So everybody is also
        shifted as a whole to where the picture fits best, and that counts where it fits better.
        Where two come to lie over each other, the one who fits better is in front.
        """
        places = self._flow.sampling_map(now.luma, before.luma)
        by_flow, moved = labels, before.picture
        if places is not None:
            by_flow, moved = _warped(labels, places), warp(before.picture, places)
        unlike = _difference(now.picture, moved)
        result, least = np.zeros_like(labels), np.full(labels.shape, np.inf, np.float32)
        for who in people_in(labels):
            there, misfit = by_flow == who, unlike
            shifted, shifted_misfit, cost = _shifted(labels == who, before.picture, now.picture)
            flows = float(unlike[there].mean()) if there.any() else np.inf
            if cost + _FLOWS < flows:
                there, misfit = shifted, shifted_misfit
            nearer = there & (misfit < least)
            result[nearer], least[nearer] = who, misfit[nearer]
        return result


def _warped(labels: Labels, places: Floats) -> Labels:
    return warp(labels.astype(np.float32), places, nearest=True).astype(np.int32)


def _difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> Floats:
    """Return how much two pictures [h, w, 3] differ around each point, in codes of 256."""
    change = np.asarray(cv2.absdiff(one, other), np.float32).mean(axis=-1)
    return np.asarray(cv2.blur(change, _NEAR), np.float32)


def _shifted(
    where: NDArray[np.bool_], picture: NDArray[np.uint8], now: NDArray[np.uint8]
) -> tuple[NDArray[np.bool_], Floats, float]:
    """Return where somebody is once shifted to where `now` fits best, the misfit there, its mean.

    `where`: the points of `picture` that show that person.
    """
    rows, columns = where.any(axis=1).nonzero()[0], where.any(axis=0).nonzero()[0]
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    mask = where[top:bottom, left:right].view(np.uint8)
    far = _FARTHEST
    around = np.asarray(cv2.copyMakeBorder(now, far, far, far, far, cv2.BORDER_REPLICATE))
    around = around[top : bottom + 2 * far, left : right + 2 * far]
    patch = picture[top:bottom, left:right]
    found = cv2.matchTemplate(
        around, patch, cv2.TM_SQDIFF, mask=np.ascontiguousarray(np.repeat(mask[..., None], 3, 2))
    )
    misfit = np.sqrt(np.maximum(found, 0) / (3 * max(int(mask.sum()), 1)))
    steps = np.abs(np.arange(2 * _FARTHEST + 1) - _FARTHEST)
    costs = misfit + _STEP_COST * np.maximum(steps[:, None], steps)
    y, x = np.unravel_index(int(np.argmin(costs)), costs.shape)
    matrix = np.array([[1, 0, int(x) - _FARTHEST], [0, 1, int(y) - _FARTHEST]], np.float32)
    size = where.shape[::-1]
    moved = cv2.warpAffine(picture, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    there = np.asarray(cv2.warpAffine(where.view(np.uint8), matrix, size), bool)
    unlike = _difference(now, np.asarray(moved, np.uint8))
    cost = float(unlike[there].mean()) if there.any() else np.inf
    return there, unlike, cost
