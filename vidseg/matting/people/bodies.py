"""Bodies: the connected areas of a mask, each of which shows one person, or several. Pure."""

import cv2
import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int32]
"""Who is at each point [h, w]: a number from 1 on, or 0 for nobody."""

LEAST = 8
"""Points of the smallest body; a snapshot of 240 x 135 has 32400."""

_PERSON = 0.5


def bodies_of(person: NDArray[np.float32]) -> list[NDArray[np.bool_]]:
    """Return where each body of probabilities [h, w] is, the largest first; specks are left out."""
    likely = (person > np.float32(_PERSON)).view(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(likely, connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    order = [int(i) + 1 for i in np.argsort(-areas, kind="stable") if areas[i] >= LEAST]
    return [np.asarray(labels == label) for label in order]


def people_in(labels: Labels) -> list[int]:
    """Return the numbers of those who are in labels, in order."""
    return [int(who) for who in np.flatnonzero(np.bincount(labels.ravel())) if who]


def extended(labels: Labels) -> Labels:
    """Return labels in which every point has that of the nearest one which has any."""
    if not labels.any():
        return labels
    empty = (labels == 0).view(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(
        empty, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(nearest.max()) + 1, np.int32)
    there = empty == 0
    table[nearest[there]] = labels[there]
    return table[nearest]


def middle_of(where: NDArray[np.bool_]) -> tuple[int, int]:
    """Return (column, row) of a point as deep within an area [h, w] as any: it surely shows it."""
    padded = cv2.copyMakeBorder(where.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    row, column = divmod(int(depth.argmax()), where.shape[1])
    return column, row


def gap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return how many points lie between two areas [h, w]; 0 where either is empty."""
    if not one.any() or not other.any():
        return 0.0
    far = cv2.distanceTransform((~other).view(np.uint8), cv2.DIST_L2, 5)
    return float(far[one].min())
