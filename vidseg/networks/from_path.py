"""Models given by their path: TensorFlow.js, SavedModel, .tflite."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from vidseg.errors import DeviceError, ModelError
from vidseg.models import TfjsModel, find_json, read_tfjs
from vidseg.models.rvm import REDUCTIONS
from vidseg.networks import rvm
from vidseg.networks.base import Segmenter
from vidseg.networks.bodypix import SCALINGS, BodyPix
from vidseg.networks.runtimes import litert, tensorflow
from vidseg.networks.runtimes.base import Runtime, Scaling
from vidseg.networks.selfie import SCALING, Selfie

_PROBE_SIDE = 257
"""A multiple of every stride in use, plus one."""


def looks_like_path(model: str) -> bool:
    """Whether ``--model`` means a file or folder rather than a name."""
    return (
        Path(model).suffix in (".json", ".tflite")
        or any(c in model for c in "/\\")
        or Path(model).exists()
    )


def tfjs_at(path: Path) -> TfjsModel | None:
    """Return the TensorFlow.js model at `path`, `None` where it is a SavedModel or a .tflite file.

    Raises `ModelError` where it is none of the three.
    """
    if not path.exists():
        raise ModelError(f"{path}: no such model file or folder")
    if path.suffix == ".tflite" or (path / "saved_model.pb").is_file():
        return None
    return read_tfjs(find_json(path))


def open_tflite(path: Path, device: str, *, parts: bool) -> Segmenter:
    """Open a .tflite file: BodyPix by its strided scores, selfie by a mask of its input's size."""
    if device.startswith("gpu"):
        raise DeviceError(
            f"--device {device}: {path.name} is a .tflite file, which runs on the CPU only"
        )

    def runtime(scaling: Scaling, reductions: Sequence[int] = ()) -> Runtime:
        return litert.LiteRtRuntime(path, scaling, reductions=reductions)

    return _open(path, litert.node_names, runtime, parts)


def open_saved_model(path: Path, gpu: int | None, *, parts: bool) -> Segmenter:
    """Open a SavedModel, on the CPU where `gpu` is `None`; told apart as by `open_tflite`."""

    def runtime(scaling: Scaling, reductions: Sequence[int] = ()) -> Runtime:
        return tensorflow.TensorFlowRuntime(path, scaling, gpu=gpu, reductions=reductions)

    return _open(
        path, tensorflow.node_names, runtime, parts, 1 if gpu is None else tensorflow.GPU_BATCH
    )


def _open(
    path: Path,
    node_names: Callable[[Path], str],
    runtime: Callable[..., Runtime],
    parts: bool,
    batch_size: int = 1,
) -> Segmenter:
    names = node_names(path)
    if rvm.DECODER in names:
        if parts:
            raise _no_parts(path)
        network = runtime(rvm.SCALING, REDUCTIONS)
        return rvm.Rvm(path.name, network)
    architecture = "resnet50" if "resnet" in names else "mobilenet"
    network = runtime(SCALINGS[architecture])
    stride, channels = _probed(path, network)
    if stride == 1:
        network.close()
        if parts:
            raise _no_parts(path)
        return Selfie(path.name, runtime(SCALING))
    if parts and 24 not in channels:
        raise ModelError(f"{path}: gives no body parts: leave --parts out or use another model")
    return BodyPix(path.name, network, stride=stride, parts=parts, batch_size=batch_size)


def _no_parts(path: Path) -> ModelError:
    return ModelError(f"{path}: gives no body parts: leave --parts out or use a bodypix model")


def _probed(path: Path, network: Runtime) -> tuple[int, list[int]]:
    """Return pixels per score, 1 for a mask as large as the input, and each output's channels."""
    width, height = network.input_size or (_PROBE_SIDE, _PROBE_SIDE)
    outputs = network.run(np.zeros((1, height, width, 3), np.uint8))
    person = [output for output in outputs if output.ndim == 4 and output.shape[3] == 1]
    if len(person) != 1:
        raise ModelError(
            f"{path}: expected one output of one channel, got {[o.shape for o in outputs]}"
        )
    rows = person[0].shape[1]
    if rows == height:
        return 1, [1]
    if rows < 2 or (height - 1) % (rows - 1):
        raise ModelError(
            f"{path}: {rows} rows of scores for {height} rows of picture fit no stride of BodyPix"
        )
    return (height - 1) // (rows - 1), [output.shape[-1] for output in outputs]
