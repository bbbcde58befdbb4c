"""BodyPix's graph converted: its outputs in use, with an input of any size, and its stride."""

from pathlib import Path
from typing import Any

from vidseg.models.convert import graph

_PROBE_SIDE = 257
"""A multiple of every stride in use, plus one: the size at which the stride is read off."""


def convert(source: Path, folder: Path, outputs: list[str]) -> dict[str, Any]:
    """Write `SAVED_MODEL` and `TFLITE` into `folder`; return what is worth knowing of the network.

    The network takes float32 [N, h, w, 3], all but the last free, under the name ``image``, and
    gives `outputs` under their own names. The result holds `stride`, in pixels per score, and
    `architecture`, which tells how pictures are scaled. Raises `ValueError` where the graph has no
    such outputs.
    """
    graph_def = graph.prune(graph.load(source), outputs, "BodyPix")
    placeholder = _only_input(graph_def)
    graph.free_sizes(graph_def)
    nodes = " ".join(node.name for node in graph_def.node).lower()
    graph.check_weights(graph_def)
    stride = _stride(graph_def, placeholder, outputs[0])
    graph.save(graph.network(graph_def, placeholder, outputs), folder)
    _check_scores(folder, stride)
    return {"stride": stride, "architecture": "resnet50" if "resnet" in nodes else "mobilenet"}


def _only_input(graph_def: Any) -> str:
    """Return the name of the graph's one input."""
    inputs = [node.name for node in graph_def.node if node.op == "Placeholder"]
    if len(inputs) != 1:
        raise ValueError(
            f"the graph must have one input, it has {len(inputs)}: {', '.join(inputs)}"
        )
    name: str = inputs[0]
    return name


def _stride(graph_def: Any, placeholder: str, output: str) -> int:
    import tensorflow as tf

    with tf.Graph().as_default():
        image = tf.compat.v1.placeholder(tf.float32, [1, _PROBE_SIDE, _PROBE_SIDE, 3])
        (scores,) = tf.graph_util.import_graph_def(graph_def, {placeholder: image}, [f"{output}:0"])
    rows = scores.shape[1]
    if not isinstance(rows, int) or rows < 2 or (_PROBE_SIDE - 1) % (rows - 1):
        raise ValueError(
            f"{output} has {rows} rows for {_PROBE_SIDE} rows of picture: no BodyPix grid"
        )
    return (_PROBE_SIDE - 1) // (rows - 1)


def _check_scores(folder: Path, stride: int) -> None:
    """Raise `ValueError` where the network that was written doesn't score a picture on its grid."""
    import numpy as np

    side = 4 * stride + 1
    for scores in graph.tried(folder, image=graph.ramp(side, side, -1)).values():
        if scores.shape[:3] != (1, 5, 5) or not np.isfinite(scores).all():
            raise ValueError(
                f"the network gives scores {scores.shape}, not all finite, for 5 x 5 cells"
            )
