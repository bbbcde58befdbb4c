"""A segmenter without a network, for tests: what is bright green is a person."""

import numpy as np
from numpy.typing import NDArray

from vidseg.networks.base import Scores, Traits

PERSON_RGB = (40, 220, 40)
"""The colour that `FakeSegmenter` takes for a person."""


class FakeSegmenter:
    """Calls a pixel a person where its green exceeds red and blue; counts its calls."""

    name = "fake"
    device = "CPU (no network)"

    def __init__(self, *, side: int = 128, batch_size: int = 1) -> None:
        self.traits = Traits(
            whole_side=side,
            person_side=side,
            margin=0.25,
            logit_gain=1.0,
            fixed_size=None,
            corner_aligned=False,
            batch_size=batch_size,
            has_parts=True,
        )
        self.calls = 0
        self.frames = 0
        self.closed = False

    def input_size(self, width: int, height: int, side: int) -> tuple[int, int]:
        """Return the region's size scaled to a short side of `side`, never enlarged."""
        scale = min(1.0, side / min(width, height))
        return max(1, round(width * scale)), max(1, round(height * scale))

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        """Score a batch; the parts are left face in the picture's upper half, torso below."""
        self.calls += 1
        self.frames += len(batch)
        red, green, blue = (batch[..., i].astype(np.float32) for i in range(3))
        person = (green - np.maximum(red, blue) - 60) / 8
        parts = np.full((*person.shape, 24), -8.0, np.float32)
        half = person.shape[1] // 2
        parts[:, :half, :, 0] = 8.0
        parts[:, half:, :, 12] = 8.0
        return Scores(person=person, parts=parts)

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True
