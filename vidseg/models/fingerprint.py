"""The checksum of a model's weights, so that a changed file is noticed."""

import hashlib
from pathlib import Path

from vidseg.models.catalogue import MODELS, companion_of
from vidseg.models.model import Model
from vidseg.models.store import find
from vidseg.system.download import sha256_of


def fingerprint(model: str) -> str | None:
    """Return a checksum over a model's files, by name or path; `None` where they aren't here.

    Those of its companion, where they are here, count among them.
    """
    if model in MODELS:
        return _of_named(MODELS[model])
    path = Path(model).expanduser()
    if path.is_file() and path.suffix != ".json":
        return sha256_of(path)
    folder = path.parent if path.is_file() else path
    digest = hashlib.sha256()
    for file in sorted(each for each in folder.rglob("*") if each.is_file()):
        digest.update(f"{file.relative_to(folder).as_posix()} {sha256_of(file)}\n".encode())
    return digest.hexdigest() if folder.is_dir() else None


def _of_named(model: Model) -> str | None:
    found = find(model)
    if found is None:
        return None
    own = model.published.checksum(found[1])
    companion = companion_of(model)
    beside = None if companion is None else _of_named(companion)
    return own if beside is None else f"{own} {beside}"
