"""Steady masks: nothing dropped, nothing lagging, nothing carried across a cut."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tests.helpers.textures import seen
from vidseg.frames.colour import Colour
from vidseg.frames.frame import WORKING_FORMATS, Frame, PixelFormat
from vidseg.frames.geometry import Box
from vidseg.matting import smoothing
from vidseg.matting.mask import Mask
from vidseg.matting.smoothing import smooth_masks

FORMAT = WORKING_FORMATS["yuv420p"]
BOX = Box(0, 0, 32, 32)


def pair(level: float, milliseconds: int, *, begins_shot: bool = False) -> tuple[Frame, Mask]:
    """Return a grey 32x32 frame at a time with an even mask."""
    planes = tuple(np.full((n, n), 128, np.uint8) for n in (32, 16, 16))
    frame = Frame(planes, milliseconds, Fraction(1, 1000), 40, FORMAT, Colour())
    picture = np.full((16, 16, 3), 128, np.uint8)
    return frame, Mask(
        np.full((16, 16), level, np.float32), BOX, begins_shot=begins_shot, picture=picture
    )


@pytest.mark.parametrize("count", [0, 1, 2, 3, 30])
@pytest.mark.parametrize("window", [0.0, 0.05, 0.2, 5.0])
def test_frames_out_are_frames_in(count: int, window: float) -> None:
    pairs = [pair(0.5, 40 * i) for i in range(count)]
    out = list(smooth_masks(iter(pairs), window))
    assert [frame for frame, _ in out] == [frame for frame, _ in pairs]


def test_a_flicker_is_damped() -> None:
    pairs = [pair(0.9 if i != 5 else 0.1, 40 * i) for i in range(11)]
    out = [float(mask.person.mean()) for _, mask in smooth_masks(pairs, 0.2)]
    assert out[5] > 0.4


def test_nothing_crosses_a_cut() -> None:
    pairs = [pair(0.0 if i < 5 else 1.0, 40 * i, begins_shot=i == 5) for i in range(10)]
    out = [float(mask.person.mean()) for _, mask in smooth_masks(pairs, 0.4)]
    assert out == pytest.approx([0.0] * 5 + [1.0] * 5, abs=0.01)


def test_cells_that_the_frames_edge_cuts_stay_where_they_are() -> None:
    """Masks were taken to fill their boxes: where last cells are cut, an edge moved by a pixel."""
    frame = pair(0, 0)[0]
    boxes = Box(0, 0, 49, 33), Box(32, 0, 49, 33)
    whole = np.zeros((9, 13), np.float32)
    whole[:, 10:] = 1
    masks = [Mask(whole[:, box.left // 4 :].copy(), box) for box in boxes]
    assert [mask.cell for mask in masks] == [4, 4]
    pairs = [(frame, masks[0]), (Frame(frame.planes, 10, *_rest(frame)), masks[1])]
    for _, mask in smooth_masks(pairs, 0.2):
        np.testing.assert_allclose(mask.person, whole[:, mask.box.left // 4 :], atol=0.01)


@pytest.mark.parametrize("times", [1, 3])
def test_what_moves_is_steadied_and_leaves_no_ghost(times: int) -> None:
    """Neighbours counted only where nothing had moved: a walking person's mask flickered.

    Also on a grid that is larger than flow takes.
    """
    pairs = [walker(60 + 4 * i, 40 * i, times) for i in range(5)]
    truth = pairs[2][1].person > 0.5
    middle = pairs[2][1]
    middle.person[truth.shape[0] // 2 :] = 0.2  # one look missed the legs
    steadied = list(smooth_masks(pairs, 0.2))[2][1].person
    legs = np.zeros_like(truth)
    legs[truth.shape[0] // 2 :] = truth[truth.shape[0] // 2 :]
    assert (steadied[legs] > 0.5).mean() > 0.9
    assert (steadied[~truth] > 0.5).mean() < 0.01


def test_logits_of_a_mask_are_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """They were found for it and again for both of its neighbours."""
    found = []
    original = smoothing.logits

    def logits(person: Any, least: float) -> Any:
        found.append(person)
        return original(person, least)

    monkeypatch.setattr(smoothing, "logits", logits)
    pairs = [walker(60 + 2 * i, 40 * i, 1) for i in range(6)]
    assert len(list(smooth_masks(pairs, 0.2))) == len(found) == 6


def walker(x: int, milliseconds: int, times: int) -> tuple[Frame, Mask]:
    """Return somebody at `x` and a certain mask, on a grid `times` 160 x 90."""
    picture, logits = (
        np.kron(array, np.ones((times, times) + (1,) * (array.ndim - 2))) for array in seen(x)
    )
    height, width = logits.shape
    planes = tuple(np.zeros((2 * height // n, 2 * width // n), np.uint8) for n in (1, 2, 2))
    frame = Frame(planes, milliseconds, Fraction(1, 1000), 40, FORMAT, Colour())
    person = (logits > 0).astype(np.float32)
    return frame, Mask(person, Box(0, 0, 2 * width, 2 * height), picture=picture.astype(np.uint8))


def _rest(frame: Frame) -> tuple[Fraction, int, PixelFormat, Colour]:
    return frame.time_base, frame.duration, frame.format, frame.colour
