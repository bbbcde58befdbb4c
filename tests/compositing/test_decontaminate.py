"""Foreground colours of the edge: the people's own, also where hair is hardly there."""

import numpy as np
import pytest

from tests.helpers.scenes import as_frame
from vidseg.compositing.decontaminate import estimate_foreground, with_edge
from vidseg.frames.frame import as_plane
from vidseg.matting.alpha import Alpha

HAIR, SKY = np.array([60.0, 40.0, 30.0]), np.array([90.0, 150.0, 240.0])


@pytest.mark.parametrize("opacity", [0.1, 0.3, 0.6])
def test_hair_that_flies_has_the_colour_of_hair(opacity: float) -> None:
    """A veil of sky stayed around heads: colours were means of what is half transparent itself."""
    share = np.zeros((180, 320))
    share[40:, 100:220] = 1
    share[31:40, 100:220] = opacity
    frame = as_frame(HAIR * share[..., None] + SKY * (1 - share[..., None]), name="yuv444p")
    alpha = Alpha.of(as_plane(np.rint(share * 255).astype(np.uint8)), frame.format)
    own = with_edge(frame, alpha, estimate_foreground(frame, alpha))
    pure = as_frame(np.broadcast_to(HAIR, (180, 320, 3)).astype(np.float64), name="yuv444p")
    sky = as_frame(np.broadcast_to(SKY, (180, 320, 3)).astype(np.float64), name="yuv444p")
    for index, plane in enumerate(own):
        wanted, wrong = (int(each.planes[index][0, 0]) for each in (pure, sky))
        veil = plane[33:38, 110:210].astype(int)
        assert np.abs(veil - wanted).max() <= 0.2 * abs(wrong - wanted)


@pytest.mark.parametrize("opacity", [0.7, 0.9])
def test_a_pinhole_in_a_body_keeps_to_its_colour(opacity: float) -> None:
    """Pinholes sparkled in any colour where nothing clear is near, only hair to the left of it.

    Cause: the weights there, less than 1e-16, were lost in the rounding of the running sums of a
    blur that came from the hair.
    """
    height, width = 720, 1280
    rng = np.random.default_rng(0)
    share = np.zeros((height, width))
    share[:, 320:] = 1
    hair = np.cumsum(rng.random((height, 120)) ** 3, axis=1)
    share[:, 200:320] = hair / hair[:, -1:]
    share[120:600:60, 640:960:40] = opacity
    frame = as_frame(HAIR * share[..., None] + SKY * (1 - share[..., None]), name="yuv444p")
    alpha = Alpha.of(as_plane(np.rint(share * 255).astype(np.uint8)), frame.format)
    own = with_edge(frame, alpha, estimate_foreground(frame, alpha))
    for index, plane in enumerate(own):
        seen, body = (
            each[120:600:60, 640:960:40].astype(int)
            for each in (frame.planes[index], np.roll(frame.planes[index], -5, axis=1))
        )
        assert np.abs(plane[120:600:60, 640:960:40] - body).max() <= np.abs(seen - body).max() + 1
