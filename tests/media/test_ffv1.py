"""FFV1's slices: every size can be written, and in 16 where the library takes those."""

import io
import itertools
from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from vidseg.media.codecs import CODECS
from vidseg.media.ffv1 import with_slices

_SIDES = (1, 3, 8, 97, 101, 103, 407)


def _context(width: int, height: int, pix_fmt: str) -> av.VideoCodecContext:
    context = av.VideoCodecContext.create("ffv1", "w")
    context.width, context.height, context.pix_fmt = width, height, pix_fmt
    context.time_base = Fraction(1, 25)
    context.options = with_slices(CODECS["ffv1"].options, width, height, pix_fmt)
    return context


def _samples(plane: VideoPlane) -> NDArray[np.uint8]:
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)
    return rows[:, : plane.width]


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuva420p", "yuv422p10le", "yuv444p", "bgr0"])
def test_every_size_can_be_written(pix_fmt: str) -> None:
    """Cause: 16 slices were asked for at any size.

    FFmpeg refuses them where a side is 5 or 7 more than a multiple of 8 and chroma is halved along
    it: half of all odd sizes.
    """
    for width, height in itertools.product(_SIDES, _SIDES):
        _context(width, height, pix_fmt).open()


def test_slices_stay_16_where_the_library_takes_them() -> None:
    options = CODECS["ffv1"].options
    for width, height in [(1920, 1080), (97, 65), (99, 64)]:
        assert with_slices(options, width, height, "yuv420p") == options
    assert with_slices(options, 101, 103, "yuv444p") == options
    assert with_slices(options, 101, 64, "yuv420p")["level"] == "3"


@pytest.mark.parametrize("size", [(321, 191), (101, 103), (3, 400), (1, 1)])
def test_nothing_is_lost_in_other_slices(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8)
    given = VideoFrame.from_ndarray(noise, "rgb24").reformat(format="yuv420p")
    given.pts = 0
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as out:
        options = with_slices(CODECS["ffv1"].options, *size, "yuv420p")
        stream = out.add_stream("ffv1", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        out.mux([*stream.encode(given), *stream.encode(None)])
    file.seek(0)
    with av.open(file, "r") as read:
        found = next(read.decode(video=0))
    for before, after in zip(given.planes, found.planes, strict=True):
        assert np.array_equal(_samples(before), _samples(after))
