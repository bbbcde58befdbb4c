"""A source of masks without a network or tracking, for tests: what is bright green is a person."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import cv2
import numpy as np

from vidseg.frames.frame import Frame, as_plane
from vidseg.frames.planes import small_rgb
from vidseg.matting import grid
from vidseg.matting.alpha import Alpha
from vidseg.matting.logits import probability
from vidseg.matting.mask import Mask
from vidseg.networks.fake import FakeSegmenter


class FakeSource:
    """Every frame by itself: `vidseg.networks.fake` on the frame's grid, enlarged."""

    def follow(
        self, frames: Iterable[Frame], begin: Fraction | None = None
    ) -> Iterator[tuple[Frame, Mask]]:
        """Yield every frame with its mask; see `vidseg.matting.mask_source.MaskSource`."""
        network = FakeSegmenter()
        for frame in frames:
            if begin is None or frame.time >= begin:
                columns, rows = grid.size(frame.whole, grid.side_for(frame.whole))
                picture = small_rgb(frame, frame.whole, columns, rows)
                person = probability(network.segment(picture[None]).person[0])
                yield frame, Mask(person, frame.whole)

    def refine(self, frame: Frame, mask: Mask) -> Alpha:
        """Return the mask, enlarged bilinearly."""
        size = frame.whole.size
        person = cv2.resize(mask.person, size, interpolation=cv2.INTER_LINEAR)
        codes = np.rint(person * np.float32(frame.format.peak))
        return Alpha.of(as_plane(codes.astype(frame.format.dtype)), frame.format)
