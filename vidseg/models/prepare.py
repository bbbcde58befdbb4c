"""Models made ready to run: fetched once, and converted once."""

from pathlib import Path

from vidseg.errors import ModelError
from vidseg.models import bodypix
from vidseg.models.converted import ConversionError, Converted, load
from vidseg.models.model import Model, Recipe
from vidseg.models.store import cache_dir, fetch_anew, locate
from vidseg.models.tfjs import TfjsModel, read_tfjs
from vidseg.system.download import Say


def ensure_converted(
    source: TfjsModel,
    *,
    name: str,
    parts: bool,
    recipe: Recipe = bodypix.RECIPE,
    say: Say | None = None,
) -> Converted:
    """Return the converted form of `source`, from the cache or made now, which takes some seconds.

    `name` is what `say` calls it; `parts` asks for the network that also scores body parts. A graph
    of unknown origin is taken for BodyPix. Of several processes that want the same model at once,
    one converts it and the others wait. Raises `ModelError` where the model can't be converted or
    the cache can't be written.
    """
    source.check_weights()
    folder = _folder(source, recipe, parts)
    try:
        found = load(folder)
        if found is not None:
            return found
        # What it needs takes longer to import than a model to load.
        from vidseg.models.converter import made

        return made(source.json_path, folder, name, recipe=recipe, parts=parts, say=say)
    except OSError as error:
        raise ModelError(
            f"{source.json_path}: the converted model can't be kept in {folder.parent} "
            f"({error.strerror or error}): make room, or set VIDSEG_CACHE_DIR to another folder"
        ) from error


def ready(model: Model, recipe: Recipe, *, parts: bool, say: Say | None = None) -> Converted:
    """Return a model's converted form, of its family's `recipe`; it is fetched where it isn't here.

    Where it can't be converted it may have been damaged on the way, so that it is fetched once
    more. Raises what `locate` and `ensure_converted` do.
    """

    def converted(source: TfjsModel) -> Converted:
        return ensure_converted(source, name=model.name, parts=parts, recipe=recipe, say=say)

    source = read_tfjs(locate(model, say=say))
    try:
        return converted(source)
    except ConversionError as error:
        trouble = error
    if is_fetched(source):
        if say is not None:
            say(f"{trouble}: perhaps it was damaged on the way")
        if fetch_anew(model, say=say):
            return converted(read_tfjs(locate(model)))
    raise ConversionError(f"{trouble}: {_way_out(model, source)}") from trouble


def is_fetched(source: TfjsModel) -> bool:
    """Whether a model was fetched into the cache, rather than brought along by the user."""
    return source.json_path.is_relative_to(cache_dir())


def _way_out(model: Model, source: TfjsModel) -> str:
    """Return what to do where a model can't be converted, though its files are as published."""
    if is_fetched(source):
        published = model.published
        return f"it came just so twice from {published.address()}: {published.ways_out()}"
    return "replace the file, or take another model, such as selfie"


def is_converted(source: TfjsModel, recipe: Recipe = bodypix.RECIPE) -> bool:
    """Whether the network for whole persons is in the cache, intact."""
    return load(_folder(source, recipe, parts=False)) is not None


def _folder(source: TfjsModel, recipe: Recipe, parts: bool) -> Path:
    """Return the folder of the converted model, named by its weights, outputs and recipe."""
    stem = f"{source.sha256()[:32]}-{'parts' if parts else 'person'}-{recipe.number}"
    base = cache_dir() / "converted"
    return max(base.glob(f"{stem}-*"), default=base / stem)
