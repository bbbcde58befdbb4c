"""The colour model: what its evidence is between two pictures that it was learnt from."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.scenes import room
from vidseg.frames.geometry import Box, Orientation
from vidseg.matting.colour_model import Appearance, AppearanceBetween, subsampled
from vidseg.matting.tracking.tracker import Tracker
from vidseg.networks.fake import FakeSegmenter
from vidseg.settings import ModelSettings

ROWS, COLUMNS = np.array([5, 20, 40, 60]), np.array([30, 50, 70, 90])


def learnt(seed: int) -> tuple[Appearance, NDArray[np.uint8]]:
    """Return the appearance of somebody in the left half of a noisy picture, and the picture."""
    picture = np.random.default_rng(seed).integers(0, 256, (80, 120, 3), np.uint8)
    picture[:, :60, 0] //= 2
    person = np.zeros((80, 120), np.float32)
    person[:, :60] = 1
    return Appearance.of((subsampled(person), subsampled(picture))), picture


@pytest.mark.parametrize("progress", [0.0, 0.25, 1.0])
def test_between_two_pictures_both_speak_by_their_nearness(progress: float) -> None:
    (first, picture), (second, _) = learnt(1), learnt(2)
    colours = picture[ROWS, COLUMNS]
    one, other = (each.evidence(ROWS, COLUMNS, colours) for each in (first, second))
    assert np.abs(one - other).max() > 0.05
    between = AppearanceBetween(first, second, progress).evidence(ROWS, COLUMNS, colours)
    np.testing.assert_allclose(between, (1 - progress) * one + progress * other, atol=1e-5)


def test_colours_do_not_jump_where_the_network_looks() -> None:
    """Edges pulsed every eighth frame: each gap between looks had colours of its own.

    Masks on both sides of a look, and the look's own, take the colours that were learnt there.
    """
    frames = [room([Box(100, 40, 160, 170)], index=i) for i in range(40)]
    tracker = Tracker(FakeSegmenter(side=180), ModelSettings(), Orientation())
    masks = [mask for _, mask in tracker.follow(iter(frames))]
    looks = [i for i, mask in enumerate(masks) if not mask.propagated][1:-1]
    assert len(looks) > 2
    for i in looks:
        before, after = masks[i - 1].appearance, masks[i + 1].appearance
        assert isinstance(before, AppearanceBetween)
        assert isinstance(after, AppearanceBetween)
        assert before.second is after.first
        assert masks[i].appearance is before.second
        assert before.progress > 0.5 > after.progress
