"""Networks on the GPU: TensorFlow, fed once per batch."""

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidseg.errors import DeviceError, ModelError
from vidseg.models import onednn
from vidseg.networks.runtimes.base import Scaling, States, closed, other_inputs
from vidseg.networks.runtimes.stderr import quiet_start

GPU_BATCH = 16
"""Frames per call on a GPU."""

_GPU_MULTIPLE = 64
"""Pixels of which sides are multiples on a GPU.

The first batch of each shape waits for cuDNN: 20 ms for each convolution of 3 x 3, tuned or not
(H200, cuDNN 9.19), where a call takes 2 ms.
"""


class TensorFlowRuntime:
    """A SavedModel with one picture as its input, and states where it is recurrent.

    `reductions`: by which the states' sides are smaller than the picture's, in the order of their
    names. Cast, scaling and network are one compiled function: bytes go to the device, scores come
    back. With `gpu` `None` it runs on the CPU, which LiteRT does faster; only models that exist in
    no other form, and tests, do that.
    """

    def __init__(
        self,
        path: Path,
        scaling: Scaling,
        *,
        gpu: int | None,
        reductions: Sequence[int] = (),
    ) -> None:
        self._path = path
        tf = _tensorflow()
        _prepare_gpus(tf, gpu)
        self._place = "/CPU:0" if gpu is None else f"/GPU:{gpu}"
        self.device = "CPU (TensorFlow)" if gpu is None else f"GPU {gpu} (TensorFlow)"
        self.multiple = 1 if gpu is None else _GPU_MULTIPLE
        with quiet_start(), tf.device(self._place):
            network, self._shape = _load(tf, path, len(reductions))
            self._call: Callable[..., list[Any]] | None = _compiled(
                tf, network, scaling, reductions
            )
        self._tf = tf

    @property
    def input_size(self) -> tuple[int, int] | None:
        """(width, height) of the input where the network fixes it, else `None`."""
        _, height, width, _ = self._shape
        return None if height is None or width is None else (width, height)

    def run(
        self, batch: NDArray[np.uint8], states: States | None = None, *, count: int | None = None
    ) -> list[NDArray[np.float32]]:
        """Return the outputs for a batch; see `Runtime.run`."""
        if self._shape[0] == 1 and len(batch) > 1:  # a model saved for one picture at a time
            per_frame = [
                self._run(
                    batch[i : i + 1], states and [state[i : i + 1] for state in states], count
                )
                for i in range(len(batch))
            ]
            return [np.concatenate(outputs) for outputs in zip(*per_frame, strict=True)]
        return self._run(batch, states, count)

    def _run(
        self, batch: NDArray[np.uint8], states: States | None, count: int | None
    ) -> list[NDArray[np.float32]]:
        if self._call is None:
            raise closed(self._path)
        try:
            with self._tf.device(self._place):
                before = None if states is None else [self._tf.constant(each) for each in states]
                outputs = self._call(self._tf.constant(batch), before)
        except self._tf.errors.ResourceExhaustedError as error:
            number, height, width, _ = batch.shape
            raise DeviceError(
                f"{self.device}: its memory does not hold a batch of {number} pictures of "
                f"{width}x{height}: use a smaller --batch-size or --resolution"
            ) from error
        except self._tf.errors.UnimplementedError as error:
            raise ModelError(
                f"{self._path}: TensorFlow can't run it here ({_kernel_missed(error)}): "
                f"{onednn.way_out()}"
            ) from error
        return [np.ascontiguousarray(output.numpy(), np.float32) for output in outputs[:count]]

    def close(self) -> None:
        """Free the network; what TensorFlow itself holds stays until the process ends."""
        self._call = None


def _kernel_missed(error: Exception) -> str:
    """Return TensorFlow's own words on what it has no kernel for, without places in our code."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = next(
        (line for line in lines if "support" in line and not line.startswith("File ")), lines[0]
    )
    return said.partition(", received")[0][:200]


def _tensorflow() -> Any:
    onednn.enable()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with warnings.catch_warnings(), quiet_start():
        warnings.simplefilter("ignore")  # of its dependencies about each other
        try:
            import tensorflow as tf
        except ImportError as error:
            raise ModelError(
                f"TensorFlow is not installed, or can't be imported ({error}), and this model "
                "needs it: `pip install 'tensorflow==2.19.*'`, or use --model selfie"
            ) from error
        tf.get_logger().setLevel("ERROR")
    return tf


def _prepare_gpus(tf: Any, gpu: int | None) -> None:
    if gpu is None:
        return
    with quiet_start():
        gpus = tf.config.list_physical_devices("GPU")
    if gpu >= len(gpus):
        raise DeviceError(
            f"GPU {gpu}: the driver offers it but TensorFlow sees {len(gpus)} GPUs: "
            "`pip install 'vidseg[gpu]'` brings the CUDA libraries it needs, or use --device cpu"
        )
    for device in gpus:
        try:
            # Otherwise it takes all of the GPU's memory, also from the encoder and other programs.
            tf.config.experimental.set_memory_growth(device, True)
        except RuntimeError:  # TensorFlow has already started, with what was set then
            return


def node_names(path: Path) -> str:
    """Return a SavedModel's node names in one lower-case text; they tell its architecture."""
    tf = _tensorflow()
    with quiet_start(), tf.device("/CPU:0"):
        network = _signature(tf, path)
    graph = network.graph.as_graph_def()
    # What was saved as a function inside of a function shows its nodes in the library only.
    nodes = [
        *graph.node,
        *(node for function in graph.library.function for node in function.node_def),
    ]
    return " ".join(node.name for node in nodes).lower()


def _signature(tf: Any, path: Path) -> Any:
    """Return the network's function."""
    try:
        return tf.saved_model.load(str(path)).signatures["serving_default"]
    except (OSError, KeyError, ValueError, tf.errors.OpError) as error:
        raise ModelError(
            f"{path}: TensorFlow can't load it ({str(error).splitlines()[0]})"
        ) from error


def _load(tf: Any, path: Path, states: int) -> tuple[Any, list[int | None]]:
    """Return the network's function and its picture's shape; it has as many `states` beside it."""
    network = _signature(tf, path)
    specs = [spec for _, spec in sorted(network.structured_input_signature[1].items())]
    fits = len(specs) == 1 + states and all(
        spec.shape.rank == 4 and spec.dtype == tf.float32 for spec in specs
    )
    shape = specs[0].shape.as_list() if fits else []
    if not fits or shape[3] != 3:
        raise other_inputs(path, states, specs)
    return network, shape


def _compiled(
    tf: Any, network: Any, scaling: Scaling, reductions: Sequence[int]
) -> Callable[..., list[Any]]:
    """Return a function of uint8 pictures and of states, `None` for zero ones, which it makes."""
    argument, *names = sorted(network.structured_input_signature[1])
    specs = [network.structured_input_signature[1][name] for name in names]
    offsets = tf.constant(scaling.offsets, tf.float32)

    def continued(batch: Any, states: Any) -> list[Any]:
        picture = tf.cast(batch, tf.float32) * scaling.gain + offsets
        outputs = network(**{argument: picture}, **dict(zip(names, states, strict=True)))
        return [outputs[name] for name in (sorted(outputs) if names else outputs)]

    def alone(batch: Any) -> list[Any]:
        count, height, width, _ = tf.unstack(tf.shape(batch))
        zeros = [
            tf.zeros(tf.stack([count, height // by, width // by, spec.shape[3]]))
            for by, spec in zip(reductions, specs, strict=True)
        ]
        return continued(batch, zeros)

    frames = tf.TensorSpec([None, None, None, 3], tf.uint8)
    first = tf.function(alone, input_signature=[frames])
    later = tf.function(continued, input_signature=[frames, specs])
    return lambda batch, states: first(batch) if states is None else later(batch, states)
