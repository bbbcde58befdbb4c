"""Models made ready to run: fetched where they are nowhere yet, and converted once."""

from pathlib import Path

from vidseg.errors import ModelError
from vidseg.models.catalogue import Model
from vidseg.models.converted import ConversionError, Converted, load
from vidseg.models.store import cache_dir, fetch_anew, locate, model_url
from vidseg.models.tfjs import TfjsModel, read_tfjs
from vidseg.system.download import BODYPIX_WAYS_OUT, Say

_RECIPE = 1
"""Number of the way vidseg converts; to be raised with every change of what `convert.py` writes."""


def ensure_converted(
    source: TfjsModel, *, name: str, parts: bool, say: Say | None = None
) -> Converted:
    """Return the converted form of `source`, from the cache or made now, which takes some seconds.

    `name` is what `say` calls it; `parts` asks for the network that also scores body parts. Of
    several processes that want the same model at once, one converts it and the others wait. Raises
    `ModelError` where the model can't be converted or the cache can't be written.
    """
    source.check_weights()
    folder = _folder(source, parts)
    try:
        found = load(folder)
        if found is not None:
            return found
        from vidseg.models.converter import (
            made,
        )  # what it needs takes longer to import than a model to load

        return made(source.json_path, folder, name, parts=parts, say=say)
    except OSError as error:
        raise ModelError(
            f"{source.json_path}: the converted model can't be kept in {folder.parent} "
            f"({error.strerror or error}): make room, or set VIDSEG_CACHE_DIR to another folder"
        ) from error


def ready(model: Model, *, parts: bool, say: Say | None = None) -> Converted:
    """Return the converted form of a model of the catalogue, which is fetched first where it isn't here.

    Where it can't be converted it may have been damaged on the way, so that it is fetched once
    more. Raises what `locate` and `ensure_converted` do.
    """
    source = read_tfjs(locate(model, say=say))
    try:
        return ensure_converted(source, name=model.name, parts=parts, say=say)
    except ConversionError as error:
        trouble = error
    if is_fetched(source):
        if say is not None:
            say(f"{trouble}: perhaps it was damaged on the way")
        if fetch_anew(model, say=say):
            return ensure_converted(read_tfjs(locate(model)), name=model.name, parts=parts, say=say)
    raise ConversionError(f"{trouble}: {_way_out(model, source)}") from trouble


def is_fetched(source: TfjsModel) -> bool:
    """Whether a model was fetched into the cache, rather than brought along by the user."""
    return source.json_path.is_relative_to(cache_dir())


def _way_out(model: Model, source: TfjsModel) -> str:
    """Return what to do where a model's files can't be converted, though they are as they were published."""
    if is_fetched(source):
        return f"it came just so twice from {model_url(model)}: {BODYPIX_WAYS_OUT}"
    return "replace the file, or take another model, such as selfie"


def is_converted(source: TfjsModel) -> bool:
    """Whether the network for whole persons is in the cache, intact."""
    return load(_folder(source, parts=False)) is not None


def _folder(source: TfjsModel, parts: bool) -> Path:
    """Return the folder of the converted model; the recipe tells how it was made, the rest what of."""
    stem = f"{source.sha256()[:32]}-{'parts' if parts else 'person'}-{_RECIPE}"
    base = cache_dir() / "converted"
    return max(base.glob(f"{stem}-*"), default=base / stem)
