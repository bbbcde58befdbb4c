"""Light of a coloured screen is taken off people's edges; other backgrounds change nothing."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vidseg.compositing.decontaminate import estimate_foreground, with_edge
from vidseg.compositing.despill import despilled, screen_behind
from vidseg.frames.colour import Colour, rgb_to_yuv_matrix, yuv_to_rgb_matrix
from vidseg.frames.frame import WORKING_FORMATS, Frame, Plane, Planes, as_plane
from vidseg.matting.alpha import Alpha

GREEN, BLUE = (0, 177, 64), (0, 71, 187)
GREY_HAIR, SKIN = (120, 120, 120), (205, 150, 120)
SIZE = 240
FORMATS = ["yuv420p", "yuv422p10le", "yuv444p12le"]
Rgb = tuple[int, int, int]


def alpha_of(peak: int, dtype: type[np.generic]) -> Plane:
    """Return a disc with an edge some pixels soft, as hair has."""
    disc = np.zeros((SIZE, SIZE), np.float32)
    cv2.circle(disc, (SIZE // 2, SIZE // 2), SIZE // 3, 1.0, -1)
    return as_plane(np.rint(cv2.GaussianBlur(disc, (0, 0), 2) * peak).astype(dtype))


def before_a_screen(person: Rgb, screen: Rgb, name: str = "yuv420p") -> tuple[Frame, Plane]:
    """Return a person of one colour, lit a fifth by the screen near the edge, and the alpha."""
    form = WORKING_FORMATS[name]
    alpha = alpha_of(form.peak, form.dtype)
    share = (alpha / form.peak)[..., None]
    light = 0.2 * np.minimum(1, 2 * cv2.blur(1 - share, (7, 7)))[..., None]
    rgb = (np.array(person) * (1 - light) + np.array(screen) * light) * share + np.array(screen) * (
        1 - share
    )
    matrix = rgb_to_yuv_matrix(Colour(), SIZE, form.bits)
    codes = np.rint(rgb / 255 @ matrix[:, :3].T + matrix[:, 3]).astype(form.dtype)
    sizes = [form.plane_size(i, SIZE, SIZE) for i in range(3)]
    planes = tuple(
        as_plane(
            cv2.resize(np.ascontiguousarray(codes[..., i]), size, interpolation=cv2.INTER_AREA)
        )
        for i, size in enumerate(sizes)
    )
    return Frame(planes, 0, Fraction(1, 25), 1, form, Colour()), alpha


def people_of(frame: Frame, alpha: Plane) -> Planes:
    """Return the frame's planes with the person's own colours at the edge."""
    known = Alpha.of(alpha, frame.format)
    return with_edge(frame, known, estimate_foreground(frame, known))


def without_screen(people: Planes, frame: Frame, alpha: Plane) -> Planes:
    """Return the planes as a render has them."""
    known = Alpha.of(alpha, frame.format)
    screen = screen_behind(frame, known)
    return people if screen is None else despilled(people, known, screen)


def rgb_of(frame: Frame, planes: tuple[Plane, ...]) -> NDArray[np.float64]:
    """Return planes as RGB [H, W, 3] in 0..255."""
    whole = np.stack([cv2.resize(plane, (SIZE, SIZE)) for plane in planes], axis=-1).astype(
        np.float64
    )
    matrix = yuv_to_rgb_matrix(Colour(), SIZE, frame.format.bits)
    return np.asarray(whole @ matrix[:, :3].T + matrix[:, 3])


def tint(rgb: NDArray[np.float64], where: NDArray[np.bool_], screen: Rgb) -> float:
    """Return by how much the screen's channel exceeds the others, on average."""
    channel = int(np.argmax(screen))
    others = np.delete(rgb, channel, axis=-1).max(axis=-1)
    return float(np.maximum(rgb[..., channel] - others, 0)[where].mean())


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("screen", [GREEN, BLUE], ids=["green", "blue"])
def test_hair_before_a_screen_loses_its_tint(screen: Rgb, name: str) -> None:
    frame, alpha = before_a_screen(GREY_HAIR, screen, name)
    people = people_of(frame, alpha)
    edge = (alpha > frame.format.peak // 5) & (alpha < frame.format.peak)
    before, after = (
        tint(rgb_of(frame, planes), edge, screen)
        for planes in (people, without_screen(people, frame, alpha))
    )
    assert before > 5
    assert after < 0.35 * before


def test_skin_keeps_its_colour() -> None:
    """Its chroma lies 45 degrees and more from that of screens; despill must not grey faces."""
    frame, alpha = before_a_screen(SKIN, GREEN)
    people = people_of(frame, alpha)
    inside = alpha == 255
    changed = rgb_of(frame, without_screen(people, frame, alpha)) - rgb_of(frame, people)
    assert np.abs(changed)[inside].mean() < 0.5


@pytest.mark.parametrize(
    "wall",
    [(128, 128, 128), (150, 160, 145), (215, 150, 115)],
    ids=["grey", "pale green", "skin-coloured"],
)
def test_before_other_walls_nothing_changes(wall: Rgb) -> None:
    frame, alpha = before_a_screen(GREY_HAIR, wall)
    people = people_of(frame, alpha)
    assert without_screen(people, frame, alpha) is people


def test_a_room_of_many_colours_is_no_screen() -> None:
    frame, alpha = before_a_screen(GREY_HAIR, GREEN)
    frame.planes[1][:, SIZE // 4 :] = 180
    people = people_of(frame, alpha)
    assert without_screen(people, frame, alpha) is people


@pytest.mark.parametrize("level", [0, 255], ids=["nobody", "all person"])
def test_alpha_without_an_edge_passes(level: int) -> None:
    frame, alpha = before_a_screen(GREY_HAIR, GREEN)
    flat = np.full_like(alpha, level)
    for plane, same in zip(without_screen(frame.planes, frame, flat), frame.planes, strict=True):
        np.testing.assert_array_equal(plane, same)


def test_planes_are_not_written_to() -> None:
    frame, alpha = before_a_screen(GREY_HAIR, GREEN)
    before = [plane.copy() for plane in frame.planes]
    without_screen(frame.planes, frame, alpha)
    for plane, same in zip(frame.planes, before, strict=True):
        np.testing.assert_array_equal(plane, same)
