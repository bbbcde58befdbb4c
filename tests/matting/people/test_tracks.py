"""Tracks: what they hold of those who are gone, and when earlier snapshots are looked at again."""

from fractions import Fraction

import numpy as np
import pytest

from vidseg.matting.people.snapshot import Snapshot
from vidseg.matting.people.tracks import Tracks

SIZE = (240, 135)


def snapshot(number: int, *people: tuple[int, int, int, int]) -> Snapshot:
    """Return a quarter of a second's snapshot, in which people are boxes (x, y, width, height)."""
    width, height = SIZE
    picture = np.full((height, width, 3), 120, np.uint8)
    person = np.zeros((height, width), np.float32)
    for i, (x, y, across, down) in enumerate(people):
        where = np.s_[y : y + down, x : x + across]
        picture[where], person[where] = (200, 40 + 60 * i, 30), 1
    return Snapshot(Fraction(number, 4), picture, person, begins_shot=number == 0)


def test_who_is_long_gone_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Specks of the network's noise came and went for hours, each with 72 KB of colours."""
    monkeypatch.setattr("vidseg.matting.people.tracks._REMEMBERED", 4)
    tracks = Tracks()
    for number in range(24):
        speck = [(150 + 3 * number, 20, 4, 4)] if number % 3 == 0 else []
        list(tracks.follow(snapshot(number, (100, 40, 40, 90), *speck)))
    assert len(tracks.tracks) > 8
    open_ones = [each for each in tracks.tracks.values() if each.colours is not each.mixed]
    assert {each.number for each in open_ones if each.last < Fraction(19, 4)} == set()
    assert tracks.tracks[1] in open_ones


def test_where_somebody_was_before_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who touched again just then was looked for in all of the last half minute, every time."""
    gone_back: list[int] = []
    monkeypatch.setattr(Tracks, "_go_back", lambda self, number: gone_back.append(number))
    tracks = Tracks()
    for number in range(14):
        apart = 20 if 3 <= number < 6 else 0
        list(tracks.follow(snapshot(number, (90, 30, 30, 90), (120 + apart, 30, 30, 90))))
    assert len(gone_back) == 1
