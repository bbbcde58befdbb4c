"""BodyPix: a strided grid of logits for person and body parts."""

import math

import numpy as np
from numpy.typing import NDArray

from vidseg.errors import ModelError
from vidseg.models import Converted, Model, Say, ready
from vidseg.models.bodypix import RECIPE
from vidseg.networks.base import Scores, Segmenter, Traits, short_input
from vidseg.networks.gpu import choose_gpu, on_gpu_or_cpu
from vidseg.networks.runtimes.base import Runtime, Scaling
from vidseg.networks.runtimes.litert import LiteRtRuntime
from vidseg.networks.runtimes.tensorflow import GPU_BATCH, TensorFlowRuntime
from vidseg.settings import ModelSettings

SCALINGS: dict[str, Scaling] = {
    "mobilenet": Scaling(1 / 127.5, (-1.0, -1.0, -1.0)),
    # The means of ImageNet as the ResNet50 of BodyPix 2.0 was trained with (its resnet.ts).
    "resnet50": Scaling(1.0, (-123.15, -115.90, -103.06)),
}
"""What each backbone wants its input to be."""


def grid_size(width: int, height: int, side: int, grid: int) -> tuple[int, int]:
    """Return the input's (width, height), each a multiple of `grid` plus one.

    The short side comes near `side`, but no nearer than at twice the region's own size; the long
    side follows, so that the region's aspect is kept as closely as the grid allows.
    """
    short = short_input(width, height, side)
    short_cells = max(1, round((short - 1) / grid))
    short_side = short_cells * grid + 1
    long = short_side * max(width, height) / min(width, height)
    long_side = max(short_cells, round((long - 1) / grid)) * grid + 1
    return (long_side, short_side) if width >= height else (short_side, long_side)


class BodyPix:
    """A BodyPix network on a runtime.

    `stride` is in pixels of the input per score; `parts` tells whether the network has, beside the
    person's scores, those of 24 body parts.
    """

    def __init__(
        self, name: str, runtime: Runtime, *, stride: int, parts: bool, batch_size: int = 1
    ) -> None:
        self.name = name
        self._runtime = runtime
        self._grid = math.lcm(stride, runtime.multiple)
        self._parts = parts
        self.traits = Traits(
            whole_side=368,
            # Through the whole chain on two DAVIS sequences IoU is 0.880, against 0.878 at 320, and
            # 0.864 at 320 with a margin of 0.2 and a gain of 3, which leaves colour too little to
            # decide.
            person_side=400,
            margin=0.15,
            logit_gain=2.0,
            logit_bias=0.2,
            fixed_size=runtime.input_size,
            corner_aligned=True,
            batch_size=batch_size,
            has_parts=parts,
        )

    @property
    def device(self) -> str:
        """What it runs on, for people."""
        return self._runtime.device

    def input_size(self, width: int, height: int, side: int) -> tuple[int, int]:
        """Return the input's (width, height) for a region, see `grid_size`."""
        return self.traits.fixed_size or grid_size(width, height, side, self._grid)

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        """Score uint8 [N, h, w, 3] RGB: logits [N, (h - 1) / stride + 1, (w - 1) / stride + 1]."""
        outputs = {array.shape[-1]: array for array in self._runtime.run(batch)}
        if 1 not in outputs or (self._parts and 24 not in outputs):
            raise ModelError(
                f"{self.name}: the network gives {sorted(outputs)} channels, "
                "BodyPix has 1 for the person" + (" and 24 for body parts" if self._parts else "")
            )
        return Scores(person=outputs[1][..., 0], parts=outputs[24] if self._parts else None)

    def close(self) -> None:
        """Free the network."""
        self._runtime.close()


def open_model(model: Model, settings: ModelSettings, say: Say | None) -> Segmenter:
    """Open a model of the catalogue, fetching and converting it first where it is not ready."""
    # The device first: an absent GPU should not be found out after a download.
    gpu = choose_gpu(settings.device)
    made = ready(model, RECIPE, parts=settings.needs_parts, say=say)
    return open_converted(made, model.name, gpu, settings, say)


def open_converted(
    made: Converted, name: str, gpu: int | None, settings: ModelSettings, say: Say | None
) -> Segmenter:
    """Open a converted model on a GPU, or the CPU where `gpu` is `None` or can't be used."""
    parts, scaling = settings.needs_parts, SCALINGS[made.architecture]

    def on_device(gpu: int | None) -> Segmenter:
        if gpu is None:
            lite = LiteRtRuntime(made.tflite, scaling)
            return BodyPix(name, lite, stride=made.stride, parts=parts)
        runtime = TensorFlowRuntime(made.saved_model, scaling, gpu=gpu)
        return BodyPix(name, runtime, stride=made.stride, parts=parts, batch_size=GPU_BATCH)

    return on_gpu_or_cpu(on_device, gpu, settings.device, say)
