"""Graphs of TensorFlow.js in TensorFlow: loaded, pruned, checked, and saved to run."""

import os
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidseg.models import onednn
from vidseg.models.converted import SAVED_MODEL, TFLITE

_LARGEST_WEIGHT = 1e8


def load(source: Path) -> Any:
    """Return the frozen GraphDef of a TensorFlow.js model, given its json; free to run anywhere."""
    onednn.enable()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # The message needs IPython where stdout is no terminal.
    os.environ["TFDF_DISABLE_WELCOME_MESSAGE"] = "1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converter's dependencies use what others deprecated
        from tfjs_graph_converter.api import load_graph_model

        graph_def = load_graph_model(str(source)).as_graph_def()
    for node in graph_def.node:
        # Where it was made. What asks for the CPU runs there beside a GPU, with copies both ways.
        node.device = ""
    return graph_def


def prune(graph_def: Any, outputs: list[str], kind: str) -> Any:
    """Return the part of a graph that computes `outputs`.

    Raises `ValueError` where it has none of that name, and so is no model of this `kind`.
    """
    import tensorflow as tf

    names = {node.name for node in graph_def.node}
    if missing := [name for name in outputs if name not in names]:
        raise ValueError(
            f"the graph has no output called {' or '.join(missing)}, so it is no {kind} model"
        )
    return tf.compat.v1.graph_util.extract_sub_graph(graph_def, outputs)


def check_weights(graph_def: Any) -> None:
    """Raise `ValueError` for weights that no training gives: bytes that are none, or damaged."""
    import numpy as np
    import tensorflow as tf

    for node in graph_def.node:
        if node.op == "Const" and node.attr["dtype"].type == tf.float32.as_datatype_enum:
            values = tf.make_ndarray(node.attr["value"].tensor)
            if not np.all(np.abs(values) < _LARGEST_WEIGHT):  # nor where it is no number
                raise ValueError(
                    f"weights of {node.name} are no numbers, or beyond {_LARGEST_WEIGHT:.0e}"
                )


def free_sizes(graph_def: Any) -> None:
    """Let a graph's inputs be of any size and number."""
    import tensorflow as tf

    for node in graph_def.node:
        # Shapes inferred for a batch of one would contradict the free sizes of the new input.
        node.attr.pop("_output_shapes", None)
        if node.op == "Placeholder":
            node.attr["shape"].shape.CopyFrom(tf.TensorShape([None] * 4).as_proto())


def network(
    graph_def: Any, placeholder: str, outputs: list[str], states: Mapping[str, int] | None = None
) -> Any:
    """Return the concrete function image → `outputs`, of a graph whose input is `placeholder`.

    `states`: further inputs, recurrent states [N, h', w', c], with their channels.
    """
    import tensorflow as tf

    inputs = {placeholder: 3, **(states or {})}

    def run(*tensors: Any) -> dict[str, Any]:
        names = [f"{output}:0" for output in outputs]
        fed = dict(zip(inputs, tensors, strict=True))
        results = tf.graph_util.import_graph_def(graph_def, fed, names, name="")
        return dict(zip(outputs, results, strict=True))

    signature = [
        tf.TensorSpec([None, None, None, channels], tf.float32, name)
        for name, channels in zip(("image", *(states or ())), inputs.values(), strict=True)
    ]
    return tf.function(run, input_signature=signature).get_concrete_function()


def save(function: Any, folder: Path, *, lite: Any = None) -> None:
    """Write a concrete function as `SAVED_MODEL` and as `TFLITE` into `folder`.

    `lite`: the same in the operators that suit LiteRT, where those are others.
    """
    import tensorflow as tf

    target = str(folder / SAVED_MODEL)
    tf.saved_model.save(tf.Module(), target, signatures=function)
    with tempfile.TemporaryDirectory() as temporary:
        if lite is not None:
            target = temporary
            tf.saved_model.save(tf.Module(), target, signatures=lite)
        converter = tf.lite.TFLiteConverter.from_saved_model(target)
        (folder / TFLITE).write_bytes(converter.convert())


def tried(folder: Path, **inputs: Any) -> dict[str, Any]:
    """Return the outputs of the `TFLITE` file in `folder` for inputs by their names."""
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of another package's name to come
        interpreter = tf.lite.Interpreter(str(folder / TFLITE))
    results: dict[str, Any] = interpreter.get_signature_runner()(**inputs)
    return results


def ramp(height: int, width: int, low: float) -> Any:
    """Return a picture that rises from `low` to 1: float32 [1, height, width, 3]."""
    import numpy as np

    return np.linspace(low, 1, height * width * 3, dtype="f4").reshape(1, height, width, 3)
