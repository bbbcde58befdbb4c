"""Boxes around people: how many there are at most, and which."""

from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest

from vidseg.frames.colour import Colour
from vidseg.frames.frame import WORKING_FORMATS, Frame, as_plane
from vidseg.frames.geometry import Box, Orientation
from vidseg.matting.tracking import regions
from vidseg.matting.tracking.tracker import Tracker
from vidseg.networks.fake import FakeSegmenter
from vidseg.settings import ModelSettings

WIDTH, HEIGHT, GRAIN = 640, 360, 4


def noise(rng: np.random.Generator, index: int) -> Frame:
    """Return coloured noise whose grains are as large as specks that count as people."""
    sizes = ((WIDTH, HEIGHT), (WIDTH // 2, HEIGHT // 2), (WIDTH // 2, HEIGHT // 2))
    grains = rng.integers(0, 256, (3, HEIGHT // GRAIN, WIDTH // GRAIN), np.uint8)
    planes = tuple(
        as_plane(cv2.resize(each, size, interpolation=cv2.INTER_NEAREST))
        for each, size in zip(grains, sizes, strict=True)
    )
    return Frame(planes, index, Fraction(1, 25), 1, WORKING_FORMATS["yuv420p"], Colour())


def test_noise_has_no_more_people_than_a_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each speck that was missed was looked for, and brought ten others, who were missed in turn.

    The second span had six thousand people, whose grouping, cubic in their number, took half a
    minute, and the third would have had ten times as many.
    """
    grouped: list[int] = []
    compared = 0
    groups, overlap = regions.groups, regions.overlap

    def counted(first: Any, last: Any, **options: Any) -> Any:
        grouped.append(len(first) + len(last))
        return groups(first, last, **options)

    def counted_overlap(one: Box, other: Box) -> bool:
        nonlocal compared
        compared += 1
        return overlap(one, other)

    monkeypatch.setattr(regions, "groups", counted)
    monkeypatch.setattr(regions, "overlap", counted_overlap)
    rng, frames = np.random.default_rng(0), 16
    network = FakeSegmenter()
    clip = (noise(rng, index) for index in range(frames))
    assert len(list(Tracker(network, ModelSettings(), Orientation()).follow(clip))) == frames
    most = regions.MOST_PEOPLE
    assert len(grouped) == 2, "cuts in the noise"
    assert max(grouped) <= 7 * most  # the whole frame's, those found again, and three regions'
    assert compared <= 4 * len(grouped) * (7 * most) ** 2
    # For a frame the whole and its regions, and whoever is doubted or missing.
    assert network.frames <= frames * (4 + 2 * most)


def test_the_largest_blobs_are_people() -> None:
    """In their order; as many as there may be, and what is smaller is left out."""
    sides = [3 + i % 5 for i in range(regions.MOST_PEOPLE + 8)]
    logits = np.full((80, 100), -5, np.float32)
    for i, side in enumerate(sides):
        top, left = 10 * (i // 10), 10 * (i % 10)
        logits[top : top + side, left : left + side] = 5
    found = regions.people(logits, Box(0, 0, 100, 80), likely=-1, certain=0)
    kept = [i for i, side in enumerate(sides) if side > 3]
    assert [box.left + box.top * 10 for box in found] == [
        10 * (i % 10) + 100 * (i // 10) for i in kept
    ]
