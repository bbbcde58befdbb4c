"""The checksum of a model's weights, so that a changed file is noticed."""

import hashlib
from pathlib import Path

from vidseg.models.catalogue import MODELS
from vidseg.models.store import find
from vidseg.system.download import sha256_of


def fingerprint(model: str) -> str | None:
    """Return a checksum over a model's files, by name or path; `None` where they aren't here."""
    if model in MODELS:
        found = find(MODELS[model])
        return None if found is None else MODELS[model].published.checksum(found[1])
    path = Path(model).expanduser()
    if path.is_file() and path.suffix != ".json":
        return sha256_of(path)
    folder = path.parent if path.is_file() else path
    digest = hashlib.sha256()
    for file in sorted(each for each in folder.rglob("*") if each.is_file()):
        digest.update(f"{file.relative_to(folder).as_posix()} {sha256_of(file)}\n".encode())
    return digest.hexdigest() if folder.is_dir() else None
