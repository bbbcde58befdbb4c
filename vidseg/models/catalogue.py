"""The models vidseg knows by name."""

from difflib import get_close_matches
from pathlib import Path

from vidseg.errors import ModelError
from vidseg.models import bodypix, rvm, selfie
from vidseg.models.model import Model

MODELS: dict[str, Model] = {
    model.name: model for model in (*bodypix.models(), *selfie.models(), *rvm.models())
}
"""Every model by name, in the order `vidseg models list` shows them."""


def model_named(name: str) -> Model:
    """Return the model called `name`; raise `ModelError` with the nearest names for any other."""
    if name in MODELS:
        return MODELS[name]
    near = get_close_matches(name, MODELS, n=3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise ModelError(
        f"unknown model {name!r}: {hint}`vidseg models list` shows them all, a path works too"
    )


def companion_of(model: Model) -> Model | None:
    """Return the model that is run beside `model`, `None` where none is."""
    return None if model.companion is None else MODELS[model.companion]


def runs_on_gpu(model: str) -> bool:
    """Whether a ``--model``, a name or a path, can run on a GPU: all but .tflite files can."""
    if model in MODELS:
        return MODELS[model].family.runs_on_gpu
    return Path(model).suffix != ".tflite"
