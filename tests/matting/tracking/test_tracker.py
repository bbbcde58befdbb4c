"""Following the people: every frame gets its mask, in the frame's own grid."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from tests.helpers.scenes import room
from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Box, Orientation
from vidseg.matting.tracking.tracker import Tracker
from vidseg.networks.fake import FakeSegmenter
from vidseg.settings import ModelSettings


def frames_of(boxes: list[list[Box]]) -> Iterator[Frame]:
    """Yield a clip with the given people in each frame."""
    for index, people in enumerate(boxes):
        yield room(people, index=index)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 40])
def test_frames_out_are_frames_in(count: int) -> None:
    clip = [room([Box(100, 40, 160, 170)], index=i) for i in range(count)]
    out = list(Tracker(FakeSegmenter(), ModelSettings(), Orientation()).follow(iter(clip)))
    assert [frame for frame, _ in out] == clip


def test_an_empty_room_gives_an_empty_mask() -> None:
    for _, mask in Tracker(FakeSegmenter(), ModelSettings(), Orientation()).follow(
        frames_of([[]] * 20)
    ):
        assert mask.person.max() < 0.1


def test_the_network_rests_where_nothing_changes() -> None:
    """Masks are carried to most frames of a still clip, and are right there."""
    network = FakeSegmenter(side=180)
    person = Box(100, 40, 160, 170)
    masks = [
        mask
        for _, mask in Tracker(network, ModelSettings(), Orientation()).follow(
            frames_of([[person]] * 40)
        )
    ]
    assert network.frames < 20
    for mask in masks:
        assert mask.cell
        inside = Box(
            *(
                (edge - origin) // mask.cell
                for edge, origin in zip(
                    (person.left, person.top, person.right, person.bottom),
                    (mask.box.left, mask.box.top, mask.box.left, mask.box.top),
                    strict=True,
                )
            )
        )
        assert (
            mask.person[
                inside.top + 1 : inside.bottom - 1, inside.left + 1 : inside.right - 1
            ].min()
            > 0.9
        )
        outside = mask.person.copy()
        outside[inside.top - 1 : inside.bottom + 1, inside.left - 1 : inside.right + 1] = 0
        assert outside.max() < 0.1


def test_somebody_who_jumps_in_between_is_seen() -> None:
    """One frame with a person, between two observed frames of an empty room."""
    clip = [[] if i != 4 else [Box(100, 40, 160, 170)] for i in range(16)]
    found = [
        float(mask.person.max())
        for _, mask in Tracker(FakeSegmenter(), ModelSettings(), Orientation()).follow(
            frames_of(clip)
        )
    ]
    assert found[4] > 0.9
    assert max(found[:4] + found[5:]) < 0.1


def test_a_networks_bias_is_made_good_in_masks() -> None:
    """Networks that leave out more of people than they add say so in their traits."""
    doubtful = FakeSegmenter()
    doubtful.traits = replace(doubtful.traits, logit_bias=2.0)
    boxes = [[Box(100, 40, 160, 170)]] * 4
    plain, biased = (
        [
            mask.person
            for _, mask in Tracker(network, ModelSettings(), Orientation()).follow(frames_of(boxes))
        ]
        for network in (FakeSegmenter(), doubtful)
    )
    for one, other in zip(plain, biased, strict=True):
        odds, more = one / (1 - one + 1e-6), other / (1 - other + 1e-6)
        soft = (one > 1e-3) & (other < 0.99)
        np.testing.assert_allclose(more[soft], odds[soft] * np.exp(2), rtol=0.01)
        assert soft.any()
