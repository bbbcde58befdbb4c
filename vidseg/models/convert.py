"""Turn a TensorFlow.js graph into a pruned, frozen SavedModel and a .tflite file. Runs as a child process.

Importing the converter takes seconds, prints, hides the GPU from TensorFlow for the rest of the
process (tfjs_graph_converter sets CUDA_VISIBLE_DEVICES) and holds a gigabyte; in a child all that
ends with the conversion. `vidseg.models.converted` starts it and keeps the results.
"""

import argparse
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from vidseg.models import onednn
from vidseg.models.converted import SAVED_MODEL, TFLITE

_LARGEST_WEIGHT = 1e8
_PROBE_SIDE = 257
"""A multiple of every stride in use, plus one: the size at which the stride is read off the graph."""


def main() -> None:
    """Convert as the command line says; the last line of the output is json: the result, or the trouble."""
    parser = argparse.ArgumentParser(description="Convert a TensorFlow.js graph model.")
    parser.add_argument("source", type=Path, help="the model's json")
    parser.add_argument("folder", type=Path, help="where the results go; must exist")
    parser.add_argument("outputs", nargs="+", help="names of the graph's outputs to keep")
    arguments = parser.parse_args()
    try:
        result = convert(arguments.source, arguments.folder, arguments.outputs)
    except ImportError as error:
        result = {"missing": str(error)}
    except Exception as error:  # whatever it was, the parent reports it as one line
        result = {"error": f"{type(error).__name__}: {error}"}
    sys.stdout.write(f"\n{json.dumps(result)}\n")


def convert(source: Path, folder: Path, outputs: list[str]) -> dict[str, Any]:
    """Write `SAVED_MODEL` and `TFLITE` into `folder`; return what is worth knowing of the network.

    The network takes float32 [N, h, w, 3], all but the last free, under the name ``image``, and
    gives `outputs` under their own names. The result holds `stride`, in pixels per score, and
    `architecture`, which tells how pictures are scaled. Raises `ValueError` where the graph has no
    such outputs.
    """
    graph_def, placeholder = _pruned_graph(source, outputs)
    nodes = " ".join(node.name for node in graph_def.node).lower()
    _check_weights(graph_def)
    stride = _stride(graph_def, placeholder, outputs[0])
    _save(graph_def, placeholder, outputs, folder)
    _check_scores(folder, stride)
    return {"stride": stride, "architecture": "resnet50" if "resnet" in nodes else "mobilenet"}


def _pruned_graph(source: Path, outputs: list[str]) -> tuple[Any, str]:
    """Return the frozen GraphDef that computes `outputs`, and its input's name."""
    onednn.enable()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["TFDF_DISABLE_WELCOME_MESSAGE"] = (
        "1"  # which needs IPython where stdout is no terminal
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converter's dependencies use what others deprecated
        import tensorflow as tf
        from tfjs_graph_converter.api import load_graph_model

        graph_def = load_graph_model(str(source)).as_graph_def()
    names = {node.name for node in graph_def.node}
    if missing := [name for name in outputs if name not in names]:
        raise ValueError(
            f"the graph has no output called {' or '.join(missing)}, so it is no BodyPix model"
        )
    pruned = tf.compat.v1.graph_util.extract_sub_graph(graph_def, outputs)
    inputs = [node.name for node in pruned.node if node.op == "Placeholder"]
    if len(inputs) != 1:
        raise ValueError(
            f"the graph must have one input, it has {len(inputs)}: {', '.join(inputs)}"
        )
    for node in pruned.node:
        # Shapes inferred for a batch of one would contradict the free sizes of the new input.
        node.attr.pop("_output_shapes", None)
        if node.op == "Placeholder":
            node.attr["shape"].shape.CopyFrom(tf.TensorShape([None, None, None, 3]).as_proto())
    return pruned, inputs[0]


def _check_weights(graph_def: Any) -> None:
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


def _check_scores(folder: Path, stride: int) -> None:
    """Raise `ValueError` where the network that was written doesn't score a picture on its grid."""
    import numpy as np
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of another package's name to come
        interpreter = tf.lite.Interpreter(str(folder / TFLITE))
    index, side = interpreter.get_input_details()[0]["index"], 4 * stride + 1
    interpreter.resize_tensor_input(index, [1, side, side, 3])
    interpreter.allocate_tensors()
    interpreter.set_tensor(
        index, np.linspace(-1, 1, 3 * side * side, dtype="f4").reshape(1, side, side, 3)
    )
    interpreter.invoke()
    for detail in interpreter.get_output_details():
        scores = interpreter.get_tensor(detail["index"])
        if scores.shape[:3] != (1, 5, 5) or not np.isfinite(scores).all():
            raise ValueError(
                f"the network gives scores {scores.shape}, not all finite, for 5 x 5 cells"
            )


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


def _save(graph_def: Any, placeholder: str, outputs: list[str], folder: Path) -> None:
    import tensorflow as tf

    def network(image: Any) -> dict[str, Any]:
        names = [f"{output}:0" for output in outputs]
        tensors = tf.graph_util.import_graph_def(graph_def, {placeholder: image}, names, name="")
        return dict(zip(outputs, tensors, strict=True))

    picture = tf.TensorSpec([None, None, None, 3], tf.float32, "image")
    function = tf.function(network, input_signature=[picture]).get_concrete_function()
    target = str(folder / SAVED_MODEL)
    tf.saved_model.save(tf.Module(), target, signatures=function)
    flat = tf.lite.TFLiteConverter.from_saved_model(target).convert()
    (folder / TFLITE).write_bytes(flat)


if __name__ == "__main__":
    main()
