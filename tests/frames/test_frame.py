"""Orientation, colour matrices, and the small pictures networks see."""

import itertools

import numpy as np
import pytest

from tests.helpers.planes import frame_of
from vidseg.body_parts import part_indices
from vidseg.errors import SettingsError
from vidseg.frames.colour import Colour, rgb_to_yuv_matrix, yuv_to_rgb_matrix
from vidseg.frames.frame import WORKING_FORMATS
from vidseg.frames.geometry import Box, Orientation
from vidseg.frames.planes import cell_means, reduced, small_rgb


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_coded_undoes_upright(turns: int, mirrored: bool) -> None:
    picture = np.arange(12).reshape(3, 4)
    orientation = Orientation(turns, mirrored)
    assert np.array_equal(orientation.coded(orientation.upright(picture)), picture)


def test_a_quarter_turn_is_clockwise() -> None:
    picture = np.array([[1, 2], [3, 4]])
    assert Orientation(1).upright(picture).tolist() == [[3, 1], [4, 2]]


@pytest.mark.parametrize(
    ("colour", "rgb", "expected"),
    [
        # White, black and the primaries by the equations of ITU-R BT.601 and BT.709.
        (Colour(matrix=1), (255, 255, 255), (235, 128, 128)),
        (Colour(matrix=1), (0, 0, 0), (16, 128, 128)),
        (Colour(matrix=1), (255, 0, 0), (63, 102, 240)),
        (Colour(matrix=6), (255, 0, 0), (81, 90, 240)),
        (Colour(full_range=True, matrix=6), (0, 0, 255), (29, 255, 107)),
    ],
)
def test_code_values_are_those_of_the_standards(
    colour: Colour, rgb: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    matrix = rgb_to_yuv_matrix(colour, 1080, 8)
    yuv = matrix @ np.array([*(value / 255 for value in rgb), 1])
    assert np.abs(yuv - expected).max() <= 0.75


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_the_matrices_are_inverse(bits: int) -> None:
    for colour in (Colour(), Colour(full_range=True, matrix=1), Colour(matrix=9)):
        there, back = rgb_to_yuv_matrix(colour, 720, bits), yuv_to_rgb_matrix(colour, 720, bits)
        rgb = np.array([0.2, 0.7, 0.4])
        yuv = there @ [*rgb, 1]
        assert np.allclose(back @ [*yuv, 1], rgb * 255)


def test_an_untagged_picture_is_bt709_when_high_and_bt601_when_low() -> None:
    assert Colour().weights(1080) == Colour(matrix=1).weights(0)
    assert Colour().weights(480) == Colour(matrix=6).weights(0)


@pytest.mark.parametrize("name", list(WORKING_FORMATS))
@pytest.mark.parametrize("size", [(64, 48), (61, 47)])
def test_small_rgb_shows_the_same_colours_from_every_format(
    name: str, size: tuple[int, int]
) -> None:
    width, height = size
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[:, : width // 2] = (200, 40, 90)
    rgb[:, width // 2 :] = (30, 160, 220)
    frame = frame_of(rgb, name)
    small = small_rgb(frame, Box(0, 0, width, height), 8, 6)
    assert small.shape == (6, 8, 3)
    assert np.abs(small[:, :3].astype(int) - (200, 40, 90)).max() <= 4
    assert np.abs(small[:, 5:].astype(int) - (30, 160, 220)).max() <= 4


def test_small_rgb_of_a_box_sees_only_the_box() -> None:
    rgb = np.full((80, 80, 3), 20, np.uint8)
    rgb[20:40, 40:60] = 230
    small = small_rgb(frame_of(rgb), Box(40, 20, 60, 40), 10, 10)
    assert small.min() > 200


@pytest.mark.parametrize("name", list(WORKING_FORMATS))
@pytest.mark.parametrize("size", [(64, 48), (61, 47)])
@pytest.mark.parametrize("sides", [(8,), (2, 8), (4, 8), (8, 2)])
def test_means_of_cells_are_those_of_their_pixels(
    name: str, size: tuple[int, int], sides: tuple[int, ...]
) -> None:
    """Whichever were asked for before; the last pixels go on beyond the frame."""
    noise = np.random.default_rng(8).integers(0, 256, (*size[::-1], 3)).astype(np.uint8)
    frame = frame_of(noise, name)
    part = Box(16, 8, *size)
    for side in sides:
        cell_means(frame, 0, frame.whole, side), cell_means(frame, 1, frame.whole, side)
    for index, side in itertools.product((0, 1), sides):
        found = cell_means(frame, index, part, side).astype(float)
        shift_x, shift_y = (frame.format.shift_x, frame.format.shift_y) if index else (0, 0)
        down, across = side >> shift_y, side >> shift_x
        plane = frame.planes[index][8 >> shift_y :, 16 >> shift_x :].astype(float)
        padding = [
            (0, -length % cell) for length, cell in zip(plane.shape, (down, across), strict=True)
        ]
        padded = np.pad(plane, padding, mode="edge")
        rows, columns = padded.shape[0] // down, padded.shape[1] // across
        means = padded.reshape(rows, down, columns, across).mean(axis=(1, 3))
        whole = slice(plane.shape[0] // down), slice(plane.shape[1] // across)
        assert found.shape == means.shape
        assert np.abs(found - means)[whole].max() <= 1.5  # a rounding each time it is halved


def test_a_frame_without_its_picture_keeps_no_means_of_it() -> None:
    frame = frame_of(np.zeros((16, 16, 3), np.uint8))
    cell_means(frame, 0, frame.whole, 4)
    assert frame.reductions
    assert not frame.without_picture.reductions


def test_reducing_does_not_alias() -> None:
    """A bare bilinear step of 8 reads one stripe in four; the mean must survive instead."""
    stripes = np.zeros((64, 512), np.uint8)
    stripes[:, ::2] = 200
    small = reduced(stripes, 60, 8)
    assert np.abs(small.astype(int) - 100).max() <= 2


def test_a_box_needs_an_area() -> None:
    with pytest.raises(ValueError, match="needs an area"):
        Box(3, 0, 3, 5)


def test_parts_are_found_by_group_and_by_name() -> None:
    assert part_indices(("face",)) == (0, 1)
    assert part_indices(("Left-Hand", "face")) == (0, 1, 10)
    with pytest.raises(SettingsError, match="unknown body part 'nose'"):
        part_indices(("nose",))
