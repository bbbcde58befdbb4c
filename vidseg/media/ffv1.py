"""FFV1's slices: into how many a picture of a size can be cut."""

from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction

import av

_SLICED: tuple[dict[str, str], ...] = (
    {},
    {"slices": "0"},
    {"level": "1", "slicecrc": "0", "slices": "0"},
)
"""What is tried: the options as they are, as many slices as the library finds, none.

16 slices are four across and four down. The library refuses them where a side is odd, chroma is
halved and the last slice's side comes out even (it would be short of a chroma sample), or where
there are fewer than four chroma samples. It finds another number for all but the thinnest.
"""


def with_slices(
    options: Mapping[str, str], width: int, height: int, pix_fmt: str
) -> dict[str, str]:
    """Return an FFV1 encoder's `options` with slices that it takes at this size, or as they are."""
    for changed in _SLICED:
        tried = {**options, **changed}
        context = av.VideoCodecContext.create("ffv1", "w")
        context.width, context.height, context.pix_fmt = width, height, pix_fmt
        context.time_base = Fraction(1, 25)
        context.options = tried
        with suppress(av.FFmpegError, OSError, ValueError):
            context.open()
            return tried
    return dict(options)
