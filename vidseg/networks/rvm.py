"""RobustVideoMatting: alpha as fine as its input, soft where hair is; with or without memory."""

import math

import numpy as np
from numpy.typing import NDArray

from vidseg.models import Converted, Model, Say, ready
from vidseg.models.rvm import MULTIPLE, RECIPE, REDUCTIONS
from vidseg.networks.base import (
    Memory,
    Scores,
    Segmenter,
    Traits,
    logits,
    only_plane,
    short_input,
)
from vidseg.networks.gpu import choose_gpu, on_gpu_or_cpu
from vidseg.networks.runtimes.base import Runtime, Scaling
from vidseg.networks.runtimes.litert import LiteRtRuntime
from vidseg.networks.runtimes.tensorflow import TensorFlowRuntime
from vidseg.settings import ModelSettings
from vidseg.system.cores import core_count

SCALING = Scaling(1 / 255, (0.0, 0.0, 0.0))

DECODER = "recurrent_decoder"
"""What the names of its nodes hold, by which one that is named by its path is recognised."""

_CERTAIN = 0.005
"""Alpha this close to 0 and 1 counts as these; it is in percent that soft edges are seen."""

_MOST_THREADS = 4
"""Threads of LiteRT at most: with two a picture takes 0.57 of the time of one."""


def input_size(width: int, height: int, side: int, multiple: int = MULTIPLE) -> tuple[int, int]:
    """Return the input's (width, height) for a region, each a multiple of 16, or of `multiple`.

    The short side comes near `side`, but no nearer than at twice the region's own size; the long
    side follows, so that the region's aspect is kept as closely as that allows.
    """
    scale = short_input(width, height, side) / min(width, height)
    across, down = (max(1, round(each * scale / multiple)) for each in (width, height))
    return across * multiple, down * multiple


class Rvm:
    """A RobustVideoMatting network on a runtime, made for `REDUCTIONS`; it knows no body parts."""

    def __init__(self, name: str, runtime: Runtime) -> None:
        self.name = name
        self._runtime = runtime
        self._multiple = math.lcm(MULTIPLE, runtime.multiple)
        self.traits = Traits(
            whole_side=384,
            person_side=400,
            margin=0.25,
            logit_gain=1.0,
            fixed_size=None,
            corner_aligned=False,
            # It mostly goes on from one picture to the next, and for each other number of them a
            # GPU prepares itself for 0.3 s.
            batch_size=1,
            has_parts=False,
            soft=True,
        )

    @property
    def device(self) -> str:
        """What it runs on, for people."""
        return self._runtime.device

    def input_size(self, width: int, height: int, side: int) -> tuple[int, int]:
        """Return the input's (width, height) for a region, see `input_size`."""
        return input_size(width, height, side, self._multiple)

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        """Score uint8 [N, h, w, 3] RGB, each by itself: logits [N, h, w] of alpha, within ±5.3."""
        (alpha,) = self._runtime.run(batch, count=1)
        return self._scores(alpha, batch)

    def segment_next(
        self, picture: NDArray[np.uint8], memory: Memory | None
    ) -> tuple[Scores, Memory]:
        """Score the picture after the one that `memory` is of; see `Recurrent`."""
        states = None if memory is None else [state[None] for state in memory]
        alpha, *after = self._runtime.run(picture[None], states)
        return self._scores(alpha, picture[None]), [state[0] for state in after]

    def _scores(self, alpha: NDArray[np.float32], batch: NDArray[np.uint8]) -> Scores:
        return Scores(person=logits(only_plane(self.name, "alpha", [alpha], batch), _CERTAIN))

    def close(self) -> None:
        """Free the network."""
        self._runtime.close()


def open_model(model: Model, settings: ModelSettings, say: Say | None) -> Segmenter:
    """Open a model of the catalogue, fetching and converting it first where it is not ready."""
    gpu = choose_gpu(settings.device)
    made = ready(model, RECIPE, parts=False, say=say)
    return open_converted(made, model.name, gpu, settings, say)


def open_converted(
    made: Converted, name: str, gpu: int | None, settings: ModelSettings, say: Say | None
) -> Segmenter:
    """Open a converted model on a GPU, or the CPU where `gpu` is `None` or can't be used."""

    def on_device(gpu: int | None) -> Segmenter:
        if gpu is None:
            threads = min(core_count(), _MOST_THREADS)
            return Rvm(
                name, LiteRtRuntime(made.tflite, SCALING, threads=threads, reductions=REDUCTIONS)
            )
        runtime = TensorFlowRuntime(made.saved_model, SCALING, gpu=gpu, reductions=REDUCTIONS)
        return Rvm(name, runtime)

    return on_gpu_or_cpu(on_device, gpu, settings.device, say)
