"""Soft masks: opacity that a network saw, of hair as well, is neither hardened nor cleaned away."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vidseg.frames.colour import Colour
from vidseg.frames.frame import WORKING_FORMATS, Frame
from vidseg.frames.geometry import Box
from vidseg.matting.mask import Mask
from vidseg.matting.refinement.doubt import decided
from vidseg.matting.refinement.refine import refine
from vidseg.settings import MatteSettings

WIDTH, HEIGHT = 640, 384
ROWS, COLUMNS = HEIGHT // 2, WIDTH // 2
"""Masks lie on cells of 2 pixels."""


def frame() -> Frame:
    """Return a frame of even grey, which says nothing of where an edge runs."""
    form = WORKING_FORMATS["yuv420p"]
    planes = tuple(
        np.full(form.plane_size(i, WIDTH, HEIGHT)[::-1], 128, np.uint8) for i in range(3)
    )
    return Frame(planes, 0, Fraction(1, 25), 1, form, Colour())


def body() -> NDArray[np.float32]:
    """Return a mask with a body in its left half, whose edge is as narrow as can be."""
    person = np.zeros((ROWS, COLUMNS), np.float32)
    person[:, : COLUMNS // 2] = 1
    return person


def alpha_of(
    person: NDArray[np.float32], *, soft: bool = True, matte: MatteSettings | None = None
) -> NDArray[np.float64]:
    """Return the alpha of a mask, in [0, 1], at the middles of its cells."""
    mask = Mask(person, Box(0, 0, WIDTH, HEIGHT))
    plane = refine(frame(), mask, matte or MatteSettings(), soft=soft).plane
    return np.asarray(cv2.resize(plane, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA) / 255)


def with_hair(opacity: float) -> NDArray[np.float32]:
    """Return a body with an area of that opacity beside it, 14 cells wide."""
    person = body()
    person[20:70, COLUMNS // 2 : COLUMNS // 2 + 14] = opacity
    return person


@pytest.mark.parametrize("opacity", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_half_opaque_hair_stays_as_opaque(opacity: float) -> None:
    """Cause: alpha was made to rise from 0 to 1 over the middle of probability alone."""
    made = alpha_of(with_hair(opacity))[45, COLUMNS // 2 + 4 : COLUMNS // 2 + 10]
    assert np.abs(made - opacity).max() < 0.05


def test_an_edge_as_narrow_as_can_be_is_crisp() -> None:
    """What the network's coarse grid blurs over three cells is an edge of one and a half."""
    blurred = np.asarray(cv2.GaussianBlur(body(), (0, 0), 1.0), np.float32)
    row = alpha_of(blurred)[45]
    assert np.count_nonzero((row > 0.05) & (row < 0.95)) < np.count_nonzero(
        (blurred[45] > 0.05) & (blurred[45] < 0.95)
    )


def test_strands_and_the_gaps_between_them_stay() -> None:
    """Such as are no body, nowhere sure and small, were taken for specks, and gaps for holes."""
    person = body()
    first = COLUMNS // 2
    for column in range(first, first + 16, 3):
        person[20:70, column] = 0.8
    person[45, first : first + 16] = 0.8  # which closes the gaps all around
    made = alpha_of(person)[48, first : first + 16]
    assert made[0::3].min() > 0.5
    assert made[1:15:3].max() < 0.45


def test_half_a_cushion_beside_somebody_is_left_out() -> None:
    """Hair is half opaque over a few cells; what is so over many is a thing of the room."""
    person = body()
    person[20:100, COLUMNS // 2 : COLUMNS // 2 + 60] = 0.5
    made = alpha_of(person)
    assert made[60, COLUMNS // 2 + 20 : COLUMNS // 2 + 50].max() < 0.05
    assert made[60, 10] == 1


def test_a_body_that_is_half_doubted_within_is_whole() -> None:
    """A dark coat in dim light was see-through in its middle."""
    person = body()
    person[60:130, 40:110] = 0.6
    assert alpha_of(person)[70:120, 50:100].min() > 0.95


@pytest.mark.parametrize(("opacity", "kept"), [(0.7, 1), (0.4, 0)])
def test_a_body_that_fills_the_picture_is_not_left_out(opacity: float, kept: float) -> None:
    """Nothing is around it, neither opaque nor clear, which counted as clear."""
    everywhere = np.full((ROWS, COLUMNS), opacity, np.float32)
    assert np.abs(decided(everywhere, COLUMNS) - kept).max() < 0.05


def test_a_mask_without_doubt_is_left_as_it_is() -> None:
    person = with_hair(0.5)
    assert decided(person, COLUMNS) is person


def test_specks_far_from_everybody_go() -> None:
    person = body()
    person[10:12, COLUMNS - 12 : COLUMNS - 10] = 0.8
    person[50:60, COLUMNS - 20 : COLUMNS - 10] = 0.4
    made = alpha_of(person)
    assert made[45, 10] == 1
    assert made[:, COLUMNS - 24 :].max() == 0


def test_where_nobody_is_nothing_shows() -> None:
    person = np.full((ROWS, COLUMNS), 0.3, np.float32)
    assert alpha_of(person).max() == 0


@pytest.mark.parametrize("threshold", [0.2, 0.35, 0.6])
def test_the_threshold_is_where_alpha_is_one_half(threshold: float) -> None:
    made = alpha_of(with_hair(threshold), matte=MatteSettings(threshold=threshold))
    assert made[45, COLUMNS // 2 + 7] == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(("grow", "cells"), [(8, 4), (-8, -4)])
def test_grow_moves_the_edge(grow: float, cells: int) -> None:
    made = alpha_of(body(), matte=MatteSettings(grow=grow))[45]
    edge = np.count_nonzero(made > 0.5)
    assert edge == pytest.approx(COLUMNS // 2 + cells, abs=1)


def test_feather_softens() -> None:
    made = alpha_of(body(), matte=MatteSettings(feather=8))[45]
    assert np.count_nonzero((made > 0.05) & (made < 0.95)) > 8


def test_masks_of_other_networks_are_hardened_still() -> None:
    made = alpha_of(with_hair(0.3), soft=False)
    assert made[45, COLUMNS // 2 + 7] < 0.25
