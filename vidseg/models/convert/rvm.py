"""RobustVideoMatting's graph converted: a picture of any size, and its alpha before the clamp."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from vidseg.models.convert import graph, rvm_graph
from vidseg.models.tfjs import read_tfjs

_PROBE = (3 * rvm_graph.MULTIPLE, 4 * rvm_graph.MULTIPLE)
"""Height and width of the picture that the converted network is tried on."""


def convert(source: Path, folder: Path, outputs: list[str]) -> dict[str, Any]:
    """Write `SAVED_MODEL` and `TFLITE` into `folder`; return what is worth knowing of the network.

    The network takes float32 [N, h, w, 3], RGB in [0, 1] with sides that are multiples of 16, under
    the name ``image``, and gives `outputs`: ``alpha``, float32 [N, h, w, 1], 0 to 1 and somewhat
    beyond. Raises `ValueError` where the graph is no such network.
    """
    graph_def = graph.prune(rvm_graph.mended(loaded(source)), outputs, "RobustVideoMatting")
    graph.free_sizes(graph_def)
    graph.check_weights(graph_def)
    graph.save(graph.network(graph_def, rvm_graph.INPUT, outputs), folder)
    _check_alpha(folder)
    return {"stride": 1, "architecture": "rvm"}


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


def _check_alpha(folder: Path) -> None:
    """Raise `ValueError` where the network that was written gives no alpha of a picture's size."""
    import numpy as np

    for alpha in graph.tried(folder, *_PROBE, 0):
        if alpha.shape != (1, *_PROBE, 1) or not np.isfinite(alpha).all():
            raise ValueError(
                f"the network gives {alpha.shape}, not all finite, for a picture of "
                f"{_PROBE[1]}x{_PROBE[0]}"
            )
