"""Small holes are closed and specks dropped where the network doubts them; the sure ones stay."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vidseg.matting.refinement.components import clean_components

Mask = NDArray[np.float32]


def body(height: int = 200, width: int = 160) -> Mask:
    """Return a person of 100 x 120 pixels."""
    mask = np.zeros((height, width), np.float32)
    mask[60:160, 20:140] = 1
    return mask


def with_square(mask: Mask, top: int, left: int, side: int, value: float) -> Mask:
    """Return a copy of the mask with a square of one value in it."""
    result = mask.copy()
    result[top : top + side, left : left + side] = value
    return result


def test_a_mask_without_flaws_comes_back_as_it_is() -> None:
    mask = body()
    assert clean_components(mask, mask) is mask


def test_what_is_given_stays_as_it_is() -> None:
    mask = with_square(with_square(body(), 100, 70, 8, 0.0), 10, 10, 4, 1.0)
    before = mask.copy()
    assert clean_components(mask, body()) is not mask
    np.testing.assert_array_equal(mask, before)


def test_a_hole_that_only_colour_made_is_closed() -> None:
    np.testing.assert_array_equal(
        clean_components(with_square(body(), 100, 70, 8, 0.1), body()), body()
    )


@pytest.mark.parametrize(
    ("side", "said"), [(8, 0.0), (40, 0.3)], ids=["seen by the network", "large"]
)
def test_daylight_between_arm_and_body_stays(side: int, said: float) -> None:
    mask = with_square(body(), 90, 60, side, 0.0)
    np.testing.assert_array_equal(
        clean_components(mask, with_square(body(), 90, 60, side, said)), mask
    )


def test_a_gap_that_is_open_to_the_border_is_no_hole() -> None:
    mask = body(height=160)
    mask[150:, 70:78] = 0
    np.testing.assert_array_equal(clean_components(mask, body(height=160)), mask)


def test_a_soft_rim_of_a_hole_is_closed_with_it() -> None:
    """Alpha rises until 0.75, so that filling only what is below one half would leave a ring."""
    mask = with_square(with_square(body(), 99, 69, 10, 0.6), 100, 70, 8, 0.1)
    np.testing.assert_array_equal(clean_components(mask, body())[100:108, 69:79], 1)


@pytest.mark.parametrize(
    ("side", "said"),
    [(12, 0.7), (14, 0.75), (3, 1.0)],
    ids=["the network was not sure", "larger, and not sure either", "a mote, however sure"],
)
def test_specks_are_dropped(side: int, said: float) -> None:
    mask = with_square(body(), 10, 10, side, 0.9)
    result = clean_components(mask, with_square(body(), 10, 10, side, said))
    np.testing.assert_array_equal(result, body())


def test_a_small_person_far_behind_stays() -> None:
    mask = with_square(body(), 10, 10, 10, 1.0)
    assert clean_components(mask, mask) is mask


def test_haze_that_is_nowhere_sure_is_dropped() -> None:
    """Below one half, where it makes no blob, haze still lets the old room shine through."""
    mask = with_square(body(), 10, 10, 30, 0.4)
    np.testing.assert_array_equal(clean_components(mask, mask), body())


def test_a_room_in_which_the_network_is_nowhere_sure_is_empty() -> None:
    mask = with_square(np.zeros((200, 160), np.float32), 50, 50, 60, 0.7)
    assert clean_components(mask, mask).max() == 0


def test_an_empty_mask_passes() -> None:
    mask = np.zeros((20, 30), np.float32)
    assert clean_components(mask, mask) is mask


def test_faint_flecks_beside_hair_go_and_hair_stays() -> None:
    """Joined to the person by a faint bridge, they passed for a part of the person."""
    mask = body()
    mask[100, 140:160] = 0.3
    mask[99:102, 152:155] = 0.6
    mask[80, 140:142] = 0.3
    mended = clean_components(mask, mask)
    assert not mended[95:105, 146:].any()
    assert mended[80, 141] == np.float32(0.3)
