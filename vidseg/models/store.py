"""Where a model's files are: a folder of the user's, the cache, or the network, in this order."""

import os
from pathlib import Path
from typing import Literal, TypeAlias

import platformdirs

from vidseg.errors import ModelError
from vidseg.models.model import Model
from vidseg.system.download import Say, forget

Place: TypeAlias = Literal["folder", "cache"]


def cache_dir() -> Path:
    """Return the folder vidseg keeps models in: `VIDSEG_CACHE_DIR`, or the system's own place."""
    chosen = os.environ.get("VIDSEG_CACHE_DIR")
    return (
        Path(chosen).expanduser().absolute() if chosen else platformdirs.user_cache_path("vidseg")
    )


def model_dir() -> Path | None:
    """Return the user's folder of models, `VIDSEG_MODEL_DIR`; `ModelError` where it is none."""
    chosen = os.environ.get("VIDSEG_MODEL_DIR")
    if not chosen:
        return None
    folder = Path(chosen).expanduser().absolute()
    if not folder.is_dir():
        raise ModelError(f"VIDSEG_MODEL_DIR is {chosen!r}, which is not a folder")
    return folder


def find(model: Model) -> tuple[Place, Path] | None:
    """Return where `model` lies here and the path of its json or .tflite file, or `None`.

    Never uses the network. What is in the cache counts only when whole and undamaged; what is in
    the user's folder is taken at its word, but for the files whose checksum is known beforehand:
    another content under their name raises `ModelError`.
    """
    folder = model_dir()
    if folder is not None and (path := _in_folder(folder, model)) is not None:
        return "folder", path
    path = _cache_path(model)
    return ("cache", path) if model.published.is_whole(path) else None


def places(model: Model) -> list[Path]:
    """Return where the json or .tflite file of `model` may lie here, those that count first."""
    folder = model_dir()
    return [*([] if folder is None else model.published.candidates(folder)), _cache_path(model)]


def locate(model: Model, *, say: Say | None = None) -> Path:
    """Return the path of the model's json or .tflite file, fetching it where it is nowhere yet.

    `say` is told of a download; without it nothing is shown, no progress either. Raises
    `DownloadError` where it can't be fetched, `ModelError` where the user's folder holds another
    file under its name.
    """
    found = find(model)
    if found is not None:
        return found[1]
    path = _cache_path(model)
    model.published.fetch(path, name=model.name, say=say)
    return path


def fetch_anew(model: Model, *, say: Say | None = None) -> bool:
    """Fetch a cached model's files as if for the first time; return whether they are others now.

    False, and nothing is fetched, where the model lies in the user's own folder.
    """
    found = find(model)
    if found is None or found[0] != "cache":
        return False
    path, published = found[1], model.published
    before = published.checksum(path)
    for file in published.files(path):
        forget(file)
    published.fetch(path, name=model.name, say=say)
    return published.checksum(path) != before


def local_size(model: Model) -> int | None:
    """Return the bytes the model's files take on this machine, `None` where it is not here."""
    found = find(model)
    if found is None:
        return None
    files = model.published.files(found[1])
    return sum(file.stat().st_size for file in files if file.is_file())


def _in_folder(folder: Path, model: Model) -> Path | None:
    for path in model.published.candidates(folder):
        if path.is_file():
            if not model.published.is_meant(path):
                raise ModelError(
                    f"{path}: not the file that {model.name} stands for (another checksum): "
                    f"name it by its path to use it all the same"
                )
            return path
    return None


def _cache_path(model: Model) -> Path:
    return model.published.cached_at(cache_dir() / "sources")
