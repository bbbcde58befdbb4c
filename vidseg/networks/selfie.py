"""MediaPipe's selfie models: a soft mask as large as the input, whose size is fixed."""

import numpy as np
from numpy.typing import NDArray

from vidseg.errors import ModelError
from vidseg.models import Model, Say, locate
from vidseg.networks.base import Scores, Segmenter, Traits, logits, only_plane
from vidseg.networks.runtimes.base import Runtime, Scaling
from vidseg.networks.runtimes.litert import LiteRtRuntime
from vidseg.settings import ModelSettings

SCALING = Scaling(1 / 255, (0.0, 0.0, 0.0))

_CERTAIN = 1e-4
"""Probabilities are kept this far from 0 and 1, where logits would be infinite."""


class Selfie:
    """A selfie network on a runtime; it knows no body parts."""

    def __init__(self, name: str, runtime: Runtime) -> None:
        if runtime.input_size is None:
            raise ModelError(
                f"{name}: a selfie model has an input of fixed size, this one takes any"
            )
        self.name = name
        self._runtime = runtime
        self._size = runtime.input_size
        self.traits = Traits(
            whole_side=min(self._size),
            # Finer than the input: the mask is sharpened by colour on a picture of this size.
            person_side=400,
            # Its input is small; at 0.125 it loses small people (hockey: IoU 0.81 to 0.72).
            margin=0.075,
            logit_gain=1.0,
            logit_bias=0.4,  # it leaves out twice as much of people as it adds to them
            fixed_size=self._size,
            corner_aligned=False,
            batch_size=1,
            has_parts=False,
            whole_bodies=False,
        )

    @property
    def device(self) -> str:
        """What it runs on, for people."""
        return self._runtime.device

    def input_size(self, width: int, height: int, side: int) -> tuple[int, int]:
        """Return the one (width, height) the network takes, whatever the region."""
        return self._size

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        """Score uint8 [N, h, w, 3] RGB: logits [N, h, w] of the soft mask, within ±9.21."""
        mask = only_plane(self.name, "mask", self._runtime.run(batch), batch)
        return Scores(person=logits(mask, _CERTAIN))

    def close(self) -> None:
        """Free the network."""
        self._runtime.close()


def open_model(model: Model, settings: ModelSettings, say: Say | None) -> Segmenter:
    """Open a model of the catalogue, fetching it first where it is nowhere yet."""
    return Selfie(model.name, LiteRtRuntime(locate(model, say=say), SCALING))
