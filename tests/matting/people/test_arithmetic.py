"""The arithmetic of telling people apart: bodies, colours, their division, and their motion."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.crowds import GRASS, OLIVE, SEA
from tests.helpers.scenes import room
from vidseg.frames.geometry import Box, Orientation
from vidseg.matting.mask import Mask
from vidseg.matting.people.assignment import assigned, claims
from vidseg.matting.people.bodies import bodies_of, extended, middle_of, people_in
from vidseg.matting.people.colours import bins_of, counted, likeness, mixed
from vidseg.matting.people.division import colours_of, divided, parted
from vidseg.matting.people.motion import Motion
from vidseg.matting.people.snapshot import Snapshot, onto_mask

GREY = (128, 128, 128)


def scene(*boxes: tuple[tuple[int, int, int, int], tuple[int, int, int]]) -> Snapshot:
    """Return a snapshot of 120 x 80 of boxes (left, top, right, bottom) in their colours."""
    picture = np.full((80, 120, 3), GREY, np.uint8)
    person = np.zeros((80, 120), np.float32)
    for (left, top, right, bottom), colour in boxes:
        picture[top:bottom, left:right] = colour
        person[top:bottom, left:right] = 1
    return Snapshot(Fraction(0), picture, person)


def labelled(*boxes: tuple[int, int, int, int]) -> NDArray[np.int32]:
    """Return labels of 120 x 80: 1 in the first box, 2 in the next one, and so on."""
    labels = np.zeros((80, 120), np.int32)
    for number, (left, top, right, bottom) in enumerate(boxes, 1):
        labels[top:bottom, left:right] = number
    return labels


def test_bodies_come_by_size_without_specks() -> None:
    person = scene(
        ((10, 10, 20, 20), GRASS), ((40, 10, 80, 70), GRASS), ((2, 2, 4, 4), GRASS)
    ).person
    assert [int(body.sum()) for body in bodies_of(person)] == [2400, 100]
    assert bodies_of(np.zeros_like(person)) == []


def test_the_nearest_one_has_what_is_around() -> None:
    labels = extended(labelled((10, 10, 20, 70), (100, 10, 110, 70)))
    assert (labels[:, :58] == 1).all()
    assert (labels[:, 62:] == 2).all()
    assert not extended(np.zeros((5, 5), np.int32)).any()


def test_a_middle_lies_inside() -> None:
    """Of a ring, whose mean does not."""
    ring = np.zeros((50, 50), bool)
    ring[5:45, 5:45] = True
    ring[15:35, 15:35] = False
    column, row = middle_of(ring)
    assert ring[row, column]
    whole = np.ones((9, 9), bool)
    assert middle_of(whole) == (4, 4)


def test_likeness_of_colours() -> None:
    seen = scene(((0, 0, 40, 80), GRASS), ((40, 0, 80, 80), OLIVE), ((80, 0, 120, 80), SEA))
    bins = bins_of(seen.picture)
    parts = labelled((0, 0, 40, 80), (40, 0, 80, 80), (80, 0, 120, 80))
    one, other, third = (counted(bins, parts == i) for i in (1, 2, 3))
    assert likeness(one, one) == pytest.approx(1, abs=1e-3)
    assert likeness(one, other) < 0.6
    assert likeness(one, third) < 0.1
    assert likeness(mixed(one, other), one) > likeness(one, other)


def test_a_body_is_divided_where_colours_change() -> None:
    """Though both have moved by more than what was expected."""
    seen = scene(((20, 10, 60, 70), GRASS), ((60, 20, 100, 70), OLIVE))
    expected = labelled((14, 10, 54, 70), (54, 20, 94, 70))
    truth = labelled((20, 10, 60, 70), (60, 20, 100, 70))
    (body,) = bodies_of(seen.person)
    labels = divided(body, expected, colours_of(seen, truth), seen)
    assert (labels == truth).mean() > 0.99


def test_a_body_of_one_colour_is_divided_where_it_is_expected() -> None:
    seen = scene(((20, 10, 60, 70), GRASS), ((60, 20, 100, 70), GRASS))
    truth = labelled((20, 10, 60, 70), (60, 20, 100, 70))
    (body,) = bodies_of(seen.person)
    labels = divided(body, truth, colours_of(seen, truth), seen)
    assert (labels == truth).mean() > 0.98


def test_the_seam_is_where_the_network_is_least_sure() -> None:
    """Where neither colours nor motion tell."""
    seen = scene(((20, 10, 100, 70), GRASS))
    seen.person[:, 57:60] = 0.6
    expected = labelled((24, 10, 48, 70), (72, 10, 96, 70))
    (body,) = bodies_of(seen.person)
    labels = divided(body, expected, colours_of(seen, expected), seen)
    edges = [int(np.flatnonzero(row == 1).max()) for row in labels[15:65]]
    assert 55 <= min(edges) <= max(edges) <= 60


def test_points_part_a_body() -> None:
    """Nobody has seen its two people apart; whoever names both knows that they are two."""
    seen = scene(((20, 10, 60, 70), GRASS), ((60, 20, 100, 70), OLIVE))
    (body,) = bodies_of(seen.person)
    labels = parted(body, [(40, 40), (80, 50)], seen)
    assert (labels == labelled((20, 10, 60, 70), (60, 20, 100, 70))).mean() > 0.99


def test_a_few_points_are_no_claim() -> None:
    """What another's motion brings along over the gap between two bodies."""
    bodies = [labelled((10, 10, 40, 70)) > 0, labelled((44, 10, 74, 70)) > 0]
    found = claims(bodies, labelled((12, 10, 45, 70), (45, 10, 76, 70)))
    assert [list(each) for each in found] == [[1], [2]]


def test_who_comes_out_from_behind_somebody_is_told_by_colours() -> None:
    seen = scene(((20, 10, 60, 70), GRASS), ((60, 20, 70, 70), OLIVE))
    expected, later = labelled((20, 10, 60, 70)), labelled((20, 10, 60, 70), (60, 20, 100, 70))
    looks = colours_of(scene(((20, 10, 60, 70), GRASS), ((60, 20, 100, 70), OLIVE)), later)
    labels = assigned(seen, expected, looks, later)
    assert (labels[25:65, 62:70] == 2).all()
    assert (labels[10:70, 20:58] == 1).all()


def test_who_is_not_expected_is_whom_it_is_nearest_to() -> None:
    seen = scene(((20, 10, 60, 70), GRASS), ((66, 40, 80, 60), OLIVE))
    expected = labelled((20, 10, 60, 70), (110, 10, 118, 70))
    labels = assigned(seen, expected, colours_of(seen, expected))
    assert people_in(labels) == [1]


@pytest.mark.parametrize("step", [(0, 0), (12, -4), (-25, 6)])
def test_people_are_carried_along_with_what_moves(step: tuple[int, int]) -> None:
    """One shape of one colour, on which flow sees nothing move but the edge."""
    x, y = step
    before = scene(((40, 20, 64, 60), GRASS))
    now = scene(((40 + x, 20 + y, 64 + x, 60 + y), GRASS))
    carried = Motion().carried_far(labelled((40, 20, 64, 60)), before, now)
    truth = labelled((40 + x, 20 + y, 64 + x, 60 + y))
    assert (carried == truth).mean() > 0.97


def test_who_is_in_front_hides_the_other() -> None:
    before = scene(((20, 20, 50, 60), GRASS), ((60, 20, 80, 60), OLIVE))
    now = scene(((20, 20, 50, 60), GRASS), ((40, 20, 60, 60), OLIVE))
    carried = Motion().carried_far(labelled((20, 20, 50, 60), (60, 20, 80, 60)), before, now)
    assert (carried[25:55, 42:58] == 2).all()
    assert (carried[25:55, 22:38] == 1).all()


@pytest.mark.parametrize("box", [Box(0, 0, 320, 180), Box(96, 32, 224, 176)])
def test_a_snapshot_shows_the_mask_at_its_place(box: Box) -> None:
    frame = room([Box(120, 60, 200, 160)])
    person = np.zeros((-(-box.height // 2), -(-box.width // 2)), np.float32)
    top, left = (60 - box.top) // 2, (120 - box.left) // 2
    person[top : top + 50, left : left + 40] = 1
    snapshot = Snapshot.of(frame, Mask(person, box))
    assert snapshot.person.shape == (135, 240)
    rows, columns = np.nonzero(snapshot.person > 0.5)
    assert (rows.min(), rows.max() + 1) == pytest.approx((45, 120), abs=1)
    assert (columns.min(), columns.max() + 1) == pytest.approx((90, 150), abs=1)
    back = onto_mask((snapshot.person > 0.5).astype(np.float32), frame, Mask(person, box))
    assert ((back > 0.5) == (person > 0.5)).mean() > 0.98


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_places_turn_with_pictures(turns: int, mirrored: bool) -> None:
    orientation = Orientation(turns, mirrored)
    coded = np.zeros((6, 9), np.uint8)
    coded[1, 7] = 1
    row, column = np.argwhere(orientation.upright(coded))[0]
    height, width = orientation.upright(coded).shape
    place = ((column + 0.5) / width, (row + 0.5) / height)
    across, down = orientation.coded_place(*place)
    assert (int(across * 9), int(down * 6)) == (7, 1)
    assert orientation.shown_place(across, down) == pytest.approx(place)
