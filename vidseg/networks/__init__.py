"""Networks that find people: one protocol, several models, two runtimes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from vidseg.errors import DeviceError, ModelError
from vidseg.models import (
    MODELS,
    Converted,
    Model,
    Say,
    ensure_converted,
    locate,
    model_named,
    ready,
)
from vidseg.networks.base import Scores, Segmenter, Traits
from vidseg.networks.bodypix import SCALINGS, BodyPix
from vidseg.networks.from_path import looks_like_path, open_saved_model, open_tflite, tfjs_at
from vidseg.networks.gpu import choose_gpu
from vidseg.networks.runtimes.litert import LiteRtRuntime
from vidseg.networks.runtimes.tensorflow import GPU_BATCH, TensorFlowRuntime
from vidseg.networks.selfie import SCALING, Selfie
from vidseg.settings import ModelSettings

__all__ = ["Scores", "Segmenter", "Traits", "open_segmenter"]


def open_segmenter(settings: ModelSettings, *, say: Say | None = None) -> Segmenter:
    """Open the model that `settings` name, fetching and converting it first where that has not been done.

    On the CPU it runs on LiteRT, on a GPU on TensorFlow. `say` is told what will take time, a
    download, a conversion, before it begins, and prevents it by raising something. Raises
    `ModelError` for a model that is unknown or damaged or knows no body parts where they are asked
    for, `DownloadError` where it can't be fetched, `DeviceError` for an absent GPU.
    """
    opened = _open(settings, say)
    fixed = opened.traits.fixed_size
    if fixed is not None and settings.resolution is not None and say is not None:
        size = f"{fixed[0]}x{fixed[1]}"
        say(f"--resolution {settings.resolution} has no effect: {opened.name} takes {size} only")
    return opened


def _open(settings: ModelSettings, say: Say | None) -> Segmenter:
    if settings.name not in MODELS and looks_like_path(settings.name):
        return _open_path(Path(settings.name).expanduser(), settings, say)
    model = model_named(settings.name)
    if not model.is_bodypix:
        return _open_selfie(model, settings, say)
    # The device first: an absent GPU should not be found out after a download.
    gpu = choose_gpu(settings.device)
    made = ready(model, parts=settings.needs_parts, say=say)
    return _open_converted(made, model.name, model.architecture, gpu, settings, say)


def _open_selfie(model: Model, settings: ModelSettings, say: Say | None) -> Segmenter:
    if settings.device.startswith("gpu"):
        raise DeviceError(
            f"--device {settings.device}: {model.name} runs on the CPU only: use --device cpu"
        )
    if settings.needs_parts:
        raise ModelError(f"--parts: {model.name} knows no body parts: use a bodypix model")
    return Selfie(model.name, LiteRtRuntime(locate(model, say=say), SCALING))


def _open_path(path: Path, settings: ModelSettings, say: Say | None) -> Segmenter:
    parts = settings.needs_parts
    source = tfjs_at(path)
    if source is not None:
        gpu = choose_gpu(settings.device)
        made = ensure_converted(source, name=str(path), parts=parts, say=say)
        return _open_converted(made, str(path), made.architecture, gpu, settings, say)
    if path.suffix == ".tflite":
        return open_tflite(path, settings.device, parts=parts)
    on_device = partial(open_saved_model, path, parts=parts)
    return _on_gpu_or_cpu(on_device, choose_gpu(settings.device), settings.device, say)


def _open_converted(
    made: Converted,
    name: str,
    architecture: str,
    gpu: int | None,
    settings: ModelSettings,
    say: Say | None,
) -> Segmenter:
    parts = settings.needs_parts
    scaling = SCALINGS[architecture]

    def on_device(gpu: int | None) -> Segmenter:
        if gpu is None:
            return BodyPix(
                name, LiteRtRuntime(made.tflite, scaling), stride=made.stride, parts=parts
            )
        runtime = TensorFlowRuntime(made.saved_model, scaling, gpu=gpu)
        return BodyPix(name, runtime, stride=made.stride, parts=parts, batch_size=GPU_BATCH)

    return _on_gpu_or_cpu(on_device, gpu, settings.device, say)


def _on_gpu_or_cpu(
    on_device: Callable[[int | None], Segmenter], gpu: int | None, device: str, say: Say | None
) -> Segmenter:
    """Open on `gpu`; where TensorFlow can't use it and it was not asked for by name, on the CPU."""
    try:
        return on_device(gpu)
    except DeviceError as error:
        if gpu is None or device != "auto":
            raise
        if say is not None:
            say(f"running on the CPU: {error}")
    return on_device(None)
