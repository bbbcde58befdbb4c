"""Networks on the CPU: LiteRT with its XNNPACK kernels."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.errors import ModelError
from vidseg.networks.runtimes.base import Scaling, States, closed, other_inputs
from vidseg.networks.runtimes.stderr import quiet_start
from vidseg.system.cores import workers

_CORES_PER_THREAD, _MOST_THREADS = 2, 4
"""Decoder, painters and encoder want the other cores: on two, a second thread made runs slower."""

_PATIENCE_S = 10.0
"""How long the end waits for another thread's pictures."""


class LiteRtRuntime:
    """A .tflite network with one picture as its input, and states where it is recurrent.

    `reductions`: by which the states' sides are smaller than the picture's, in the order of their
    names. `threads`: as many as suit the cores, unless given; results are the same bits. Frames of
    a batch go through one by one: on the CPU a batch gains nothing and takes more memory.
    """

    def __init__(
        self,
        path: Path,
        scaling: Scaling,
        *,
        threads: int | None = None,
        reductions: Sequence[int] = (),
    ) -> None:
        threads = threads or workers(_CORES_PER_THREAD, _MOST_THREADS)
        self._path = path
        self._table = scaling.table()
        self._alone = threading.Lock()
        self._interpreter = _interpreter(path, threads)
        picture, *states = _inputs(path, self._interpreter, len(reductions))
        shape = picture["shape_signature"]
        self._input = picture["index"]
        self._states = [
            (state["index"], reduction, int(state["shape_signature"][3]))
            for state, reduction in zip(states, reductions, strict=True)
        ]
        self._outputs = _output_indices(self._interpreter, named=bool(reductions))
        self._fixed = None if min(shape[1:3]) < 0 else (int(shape[2]), int(shape[1]))
        self._allocated: tuple[int, ...] | None = None
        self.device = f"CPU (LiteRT, {threads} thread{'s' if threads > 1 else ''})"

    @property
    def input_size(self) -> tuple[int, int] | None:
        """(width, height) of the input where the network fixes it, else `None`."""
        return self._fixed

    @property
    def multiple(self) -> int:
        """1: any size will do."""
        return 1

    def run(
        self, batch: NDArray[np.uint8], states: States | None = None, *, count: int | None = None
    ) -> list[NDArray[np.float32]]:
        """Return the outputs for a batch; see `Runtime.run`."""
        with self._alone:  # the network's memory holds one picture
            if self._interpreter is None:
                raise closed(self._path)
            self._allocate(batch.shape[1:])
            per_frame = [self._run_one(batch, states, i, count) for i in range(len(batch))]
        if len(batch) == 1:
            return per_frame[0]
        return [np.concatenate(outputs) for outputs in zip(*per_frame, strict=True)]

    def _allocate(self, shape: tuple[int, ...]) -> None:
        # Planning the memory for a new size costs about as much as an inference.
        if shape == self._allocated:
            return
        self._allocated = None  # nor is the size before there any more, where this one fails
        height, width, _ = shape
        sizes = [(self._input, [1, *shape])] + [
            (index, [1, height // reduction, width // reduction, channels])
            for index, reduction, channels in self._states
        ]
        try:
            for index, size in sizes:
                self._interpreter.resize_tensor_input(index, size)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"{self._path}: does not take a picture of {width}x{height}: {error}"
            ) from error
        self._allocated = shape

    def _run_one(
        self, batch: NDArray[np.uint8], states: States | None, i: int, count: int | None
    ) -> list[NDArray[np.float32]]:
        self._fill(batch[i])
        for number, (index, _, _) in enumerate(self._states):
            self._interpreter.tensor(index)()[0] = 0 if states is None else states[number][i]
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs[:count]]

    def _fill(self, frame: NDArray[np.uint8]) -> None:
        # A look-up straight into the network's memory: 0.2 ms for 641x369, half of scaling in
        # floats and copying. The view must be gone before the network runs, hence a function of its
        # own.
        target = self._interpreter.tensor(self._input)()[0]
        cv2.LUT(frame, self._table, dst=target)

    def close(self) -> None:
        """Free the network; a thread that hangs in it is left behind, as in a stalled run."""
        if self._alone.acquire(timeout=_PATIENCE_S):
            self._interpreter = None
            self._allocated = None
            self._alone.release()


def node_names(path: Path) -> str:
    """Return a network's tensor names in one lower-case text; they tell its architecture."""
    details = _interpreter(path, 1).get_tensor_details()
    return " ".join(detail["name"] for detail in details).lower()


def _interpreter(path: Path, threads: int) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    try:
        with quiet_start():
            interpreter = Interpreter(model_path=str(path), num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: LiteRT can't load it ({str(error).splitlines()[0]})") from error
    return interpreter


def _inputs(path: Path, interpreter: Any, states: int) -> list[dict[str, Any]]:
    """Return the details of the picture's input, and of as many `states`.

    Raises `ModelError` where the network's inputs are others.
    """
    found = sorted(interpreter.get_input_details(), key=lambda detail: str(detail["name"]))
    shapes = [list(detail["shape_signature"]) for detail in found]
    fits = len(found) == 1 + states and all(
        len(shape) == 4 and shape[3] > 0 and detail["dtype"] == np.float32
        for shape, detail in zip(shapes, found, strict=True)
    )
    if not fits or shapes[0][3] != 3:
        raise other_inputs(path, states, _described(found))
    return found


def _output_indices(interpreter: Any, *, named: bool) -> list[int]:
    """Return the outputs' indices, by their names in the network's signature where `named`."""
    if named:
        details = interpreter.get_signature_runner().get_output_details()
        return [details[name]["index"] for name in sorted(details)]
    return [detail["index"] for detail in interpreter.get_output_details()]


def _described(details: list[dict[str, Any]]) -> str:
    return (
        ", ".join(
            f"{np.dtype(each['dtype']).name} {np.array(each['shape_signature']).tolist()}"
            for each in details
        )
        or "none"
    )
