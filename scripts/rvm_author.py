"""RobustVideoMatting as its author's inference script works, for `bench.py`.

Every frame goes through the network whole, one after another, with its recurrent memory, at the
ratio that the author recommends; the network enlarges alpha and colours with its own guided
filter, and they are put over one colour, in floats of RGB. The graph is the one that vidseg
converts, run by LiteRT on all cores; sizes are constants here, with which LiteRT is fastest. Its
alpha was compared with that of the unchanged graph under TensorFlow, for three frames of both
clips: it is the same to 1e-3.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATIOS = {720: (0.375, 0.6), 1080: (0.25, 0.4), 2160: (0.125, 0.2)}
"""By height: of portraits, and of people in full (README of RobustVideoMatting, *Inference*)."""

STATES = ("r1i", "r2i", "r3i", "r4i")
CHANNELS = (16, 20, 40, 64)
"""Of the states, which are 1/2, 1/4, 1/8 and 1/16 as large as the reduced picture."""


def ratio(height: int, full_body: bool) -> float:
    """Return the ratio recommended for pictures of that height, or the next lower in `RATIOS`."""
    known = [each for each in RATIOS if each <= height]
    return RATIOS[max(known)][full_body] if known else 1.0


def state_shapes(width: int, height: int, ratio: float) -> list[tuple[int, int, int, int]]:
    """Return the shapes of the states, [1, h, w, c], for pictures of a size."""
    h, w = int(height * ratio), int(width * ratio)
    shapes = []
    for channels in CHANNELS:
        h, w = -(-h // 2), -(-w // 2)
        shapes.append((1, h, w, channels))
    return shapes


def converted(width: int, height: int, ratio: float, colour: tuple[int, int, int]) -> bytes:
    """Return the network as a .tflite file, for pictures of one size.

    Inputs: the picture, float32 [1, h, w, 3] in [0, 1], and four states; outputs: the picture over
    `colour`, alpha, float32 [1, h, w, 1], and the next states.
    """
    import tensorflow as tf

    from vidseg.models import MODELS, locate
    from vidseg.models.convert import graph, rvm, rvm_graph
    from vidseg.models.convert.rvm_nodes import identity

    mends = {
        "_FusedConv2D": rvm_graph.unfused,
        "Switch": rvm_graph.passed,
        "Merge": lambda node, inputs: [identity(node.name, inputs[1])],  # the branch below 1
    }
    fixed = {"downsample_ratio": ratio}
    rewritten = rvm_graph.rewritten(rvm.loaded(locate(MODELS["rvm"])), mends, fixed)
    outputs = [f"Identity{number}" for number in ("", "_1", "_2", "_3", "_4", "_5")]
    graph_def = graph.prune(rewritten, outputs, "RobustVideoMatting")
    for node in graph_def.node:
        node.attr.pop("_output_shapes", None)

    def run(*inputs: Any) -> dict[str, Any]:
        fed = dict(zip(("src", *STATES), inputs, strict=True))
        names = [f"{output}:0" for output in outputs]
        person, alpha, *states = tf.graph_util.import_graph_def(graph_def, fed, names, name="")
        behind = np.array(colour, np.float32) / 255
        tensors = (person * alpha + behind * (1 - alpha), alpha, *states)
        return {f"out{number}": tensor for number, tensor in enumerate(tensors)}

    shapes = [(1, height, width, 3), *state_shapes(width, height, ratio)]
    given = [tf.TensorSpec(shape, tf.float32, f"in{number}") for number, shape in enumerate(shapes)]
    function = tf.function(run, input_signature=given)
    module = tf.Module()
    module.run = function
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], module
    )
    flat: bytes = converter.convert()
    return flat


class Matting:
    """The network with its memory, which is zero at first."""

    def __init__(self, network: bytes, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=network, num_threads=threads)
        self._interpreter.allocate_tensors()
        runner = self._interpreter.get_signature_runner()
        inputs, outputs = runner.get_input_details(), runner.get_output_details()
        self._picture, *self._old = (inputs[f"in{i}"]["index"] for i in range(len(inputs)))
        self._found, self._alpha, *self._new = (
            outputs[f"out{i}"]["index"] for i in range(len(outputs))
        )
        for index in self._old:
            self._interpreter.tensor(index)()[:] = 0

    def step(self, rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return a picture over the colour, float32 [h, w, 3], and its alpha, [h, w, 1]."""
        self._fill(rgb)
        self._interpreter.invoke()
        for old, new in zip(self._old, self._new, strict=True):
            self._interpreter.set_tensor(old, self._interpreter.get_tensor(new))
        found, alpha = map(self._interpreter.get_tensor, (self._found, self._alpha))
        return found[0], alpha[0]

    def _fill(self, rgb: NDArray[np.uint8]) -> None:
        # The view must be gone before the network runs.
        np.multiply(rgb, np.float32(1 / 255), out=self._interpreter.tensor(self._picture)()[0])


def author(
    frames: Iterator[Any],
    opened: Callable[[Any], tuple[Any, Any]],
    network: bytes,
    threads: int,
) -> float:
    """Write the author's render of `frames`; return seconds a frame, after the first.

    `opened` opens a file and its video stream for frames like the one given.
    """
    import av

    matting = Matting(network, threads)
    out = stream = None
    count, begun = 0, time.perf_counter()
    for frame in frames:
        picture, _ = matting.step(frame.to_ndarray(format="rgb24"))
        made = av.VideoFrame.from_ndarray((picture * 255).astype(np.uint8), format="rgb24")
        made.pts, made.time_base = frame.pts, frame.time_base
        if out is None:
            out, stream = opened(made)
            begun = time.perf_counter()
        out.mux(stream.encode(made))
        count += 1
    out.mux(stream.encode(None))
    out.close()
    return (time.perf_counter() - begun) / max(1, count - 1)
