"""Networks that find people: one protocol, several models, two runtimes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from vidseg.errors import DeviceError, DownloadError, ModelError
from vidseg.models import (
    MODELS,
    Model,
    Say,
    TfjsModel,
    companion_of,
    ensure_converted,
    find,
    model_named,
)
from vidseg.models.bodypix import RECIPE as BODYPIX_RECIPE
from vidseg.models.rvm import INPUTS as RVM_INPUTS
from vidseg.models.rvm import RECIPE as RVM_RECIPE
from vidseg.networks import bodypix, rvm, selfie
from vidseg.networks.base import Scores, Segmenter, Traits
from vidseg.networks.ensemble import Ensemble
from vidseg.networks.from_path import looks_like_path, open_saved_model, open_tflite, tfjs_at
from vidseg.networks.gpu import choose_gpu, on_gpu_or_cpu
from vidseg.settings import ModelSettings

__all__ = ["Scores", "Segmenter", "Traits", "check_named", "open_segmenter"]

_OPENERS: dict[str, Callable[[Model, ModelSettings, Say | None], Segmenter]] = {
    "bodypix": bodypix.open_model,
    "rvm": rvm.open_model,
    "selfie": selfie.open_model,
}
"""How a model of the catalogue is opened, by the name of its family."""


def open_segmenter(settings: ModelSettings, *, say: Say | None = None) -> Segmenter:
    """Open the model that `settings` name, fetching and converting it first where it is not ready.

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


def check_named(settings: ModelSettings) -> None:
    """Raise what `open_segmenter` would of the model's name, without fetching or opening it."""
    if _is_path(settings):
        tfjs_at(Path(settings.name).expanduser())
    else:
        _named(settings)


def _is_path(settings: ModelSettings) -> bool:
    return settings.name not in MODELS and looks_like_path(settings.name)


def _open(settings: ModelSettings, say: Say | None) -> Segmenter:
    if _is_path(settings):
        return _open_path(Path(settings.name).expanduser(), settings, say)
    model = _named(settings)
    opened = _OPENERS[model.family.name](model, settings, say)
    companion = companion_of(model)
    if companion is None:
        return opened
    try:
        beside = _beside(model, companion, settings, say)
    except BaseException:
        opened.close()
        raise
    return opened if beside is None else Ensemble(opened, beside)


def _beside(
    model: Model, companion: Model, settings: ModelSettings, say: Say | None
) -> Segmenter | None:
    """Open the companion of a model, `None` where it can't be had.

    Nothing is fetched for a model that comes out of the user's own folder: there may be no network.
    """
    found = find(model)
    if found is not None and found[0] == "folder" and find(companion) is None:
        way_out = f"`vidseg models fetch {companion.name}`"
        trouble = f"it is neither in VIDSEG_MODEL_DIR nor fetched: {way_out}"
    else:
        try:
            return _OPENERS[companion.family.name](companion, settings, say)
        except DownloadError as error:
            trouble = str(error)
    if say is not None:
        say(f"{model.name} runs without {companion.name}, with coarser edges: {trouble}")
    return None


def _named(settings: ModelSettings) -> Model:
    """Return the model of the catalogue; raise where it can't do what is asked for."""
    model = model_named(settings.name)
    if not model.family.runs_on_gpu and settings.device.startswith("gpu"):
        raise DeviceError(
            f"--device {settings.device}: {model.name} runs on the CPU only: use --device cpu"
        )
    if not model.family.has_parts and settings.needs_parts:
        raise _no_parts(model.name)
    return model


def _open_tfjs(source: TfjsModel, settings: ModelSettings, say: Say | None) -> Segmenter:
    """Open a TensorFlow.js graph that was named by its path; its inputs tell whose it is."""
    name, parts = settings.name, settings.needs_parts
    is_rvm = source.inputs >= RVM_INPUTS
    if parts and is_rvm:
        raise _no_parts(name)
    gpu = choose_gpu(settings.device)
    recipe = RVM_RECIPE if is_rvm else BODYPIX_RECIPE
    made = ensure_converted(source, name=name, parts=parts, recipe=recipe, say=say)
    opened = rvm.open_converted if is_rvm else bodypix.open_converted
    return opened(made, name, gpu, settings, say)


def _no_parts(name: str) -> ModelError:
    return ModelError(f"--parts: {name} knows no body parts: use a bodypix model")


def _open_path(path: Path, settings: ModelSettings, say: Say | None) -> Segmenter:
    parts = settings.needs_parts
    source = tfjs_at(path)
    if source is not None:
        return _open_tfjs(source, settings, say)
    if path.suffix == ".tflite":
        return open_tflite(path, settings.device, parts=parts)
    on_device = partial(open_saved_model, path, parts=parts)
    return on_gpu_or_cpu(on_device, choose_gpu(settings.device), settings.device, say)
