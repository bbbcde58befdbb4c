"""RobustVideoMatting's graph converted: pictures of any size, their alphas, and its states."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from vidseg.models.convert import graph, rvm_graph
from vidseg.models.convert.rvm_lite import with_known_sizes
from vidseg.models.rvm import MULTIPLE, REDUCTIONS
from vidseg.models.tfjs import read_tfjs

_PROBE = (3 * MULTIPLE, 4 * MULTIPLE)
"""Height and width of the picture that the converted network is tried on."""


def convert(source: Path, folder: Path, outputs: list[str]) -> dict[str, Any]:
    """Write `SAVED_MODEL` and `TFLITE` into `folder`; return what is worth knowing of the network.

    The network takes float32 [N, h, w, 3], RGB in [0, 1] with sides that are multiples of 16, under
    the name ``image``, and recurrent states ``r1i`` to ``r4i``, of 1/2, 1/4, 1/8 and 1/16 of these
    sides, zero for a picture by itself. It gives `outputs`: ``alpha``, float32 [N, h, w, 1], 0 to 1
    and somewhat beyond, and the next states, ``r1o`` to ``r4o``. Raises `ValueError` where the
    graph is no such network.
    """
    graph_def = graph.prune(rvm_graph.mended(loaded(source)), outputs, "RobustVideoMatting")
    states = _states(graph_def)
    graph.free_sizes(graph_def)
    graph.check_weights(graph_def)
    channels = {name: state.shape[-1] for name, state in states.items()}
    network, lite = (
        graph.network(each, rvm_graph.INPUT, outputs, channels)
        for each in (graph_def, with_known_sizes(graph_def))
    )
    graph.save(network, folder, lite=lite)
    _check_alpha(folder, states)
    return {"stride": 1, "architecture": "rvm"}


def _states(graph_def: Any) -> dict[str, Any]:
    """Return the states after a picture of `_PROBE`'s size, by the names of their inputs.

    Raises `ValueError` where they are none of pictures reduced by `REDUCTIONS`.
    """
    import numpy as np
    import tensorflow as tf

    fed = {f"{name}:0": np.zeros((1, 1, 1, 1), "f4") for name in rvm_graph.STATES}
    fed[f"{rvm_graph.INPUT}:0"] = graph.ramp(*_PROBE, 0)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.graph_util.import_graph_def(graph_def, name="")
        found = session.run([f"{name}:0" for name in rvm_graph.STATES.values()], fed)
    for state, reduction in zip(found, REDUCTIONS, strict=True):
        if state.shape[:3] != (1, *(side // reduction for side in _PROBE)):
            raise ValueError(
                f"a state of {state.shape} is no 1/{reduction} of a picture of {_PROBE}"
            )
    return dict(zip(rvm_graph.STATES, found, strict=True))


def loaded(source: Path) -> Any:
    """Return the frozen GraphDef of a TensorFlow.js model, given its json as published."""
    with tempfile.TemporaryDirectory() as temporary:
        mended = Path(temporary) / source.name
        document = json.loads(source.read_text("utf-8"))
        mended.write_text(json.dumps(rvm_graph.typed(document)), "utf-8")
        for shard in read_tfjs(source).shards:
            copy = mended.parent / shard.relative_to(source.parent)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(shard, copy)
        return graph.load(mended)


def _check_alpha(folder: Path, states: dict[str, Any]) -> None:
    """Raise `ValueError` where the network that was written gives no alpha of a picture's size."""
    import numpy as np

    alpha = graph.tried(folder, image=graph.ramp(*_PROBE, 0), **states)["alpha"]
    if alpha.shape != (1, *_PROBE, 1) or not np.isfinite(alpha).all():
        raise ValueError(
            f"the network gives {alpha.shape}, not all finite, for a picture of "
            f"{_PROBE[1]}x{_PROBE[0]}"
        )
