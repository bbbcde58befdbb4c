"""The cache of converted models: each TensorFlow.js model is converted once per converter version."""

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vidseg.errors import ModelError
from vidseg.models.download import Say, sha256_of
from vidseg.models.store import cache_dir
from vidseg.models.tfjs import TfjsModel

TFLITE = "model.tflite"
SAVED_MODEL = "saved_model"
"""What the converter leaves in the folder it is given."""

_RESULT = "result.json"

_OUTPUTS = ["float_segments", "float_part_heatmaps"]
"""BodyPix's outputs in use: the person's logits, and those of the body parts where they are asked for."""

_RECIPE = 1
"""Number of the way vidseg converts; to be raised with every change of `convert.py`."""


@dataclass(frozen=True, slots=True)
class Converted:
    """A model in the two forms that run: `tflite` for LiteRT, `saved_model` for TensorFlow.

    `stride` in pixels per score; `architecture` is ``mobilenet`` or ``resnet50`` and tells how pictures
    are scaled for it.
    """

    tflite: Path
    saved_model: Path
    stride: int
    architecture: str


def ensure_converted(source: TfjsModel, *, name: str, parts: bool, say: Say | None = None) -> Converted:
    """Return the converted form of `source`, from the cache or made now, which takes some seconds.

    `name` is what `say` calls it; `parts` asks for the network that also scores body parts. Of several
    processes that want the same model at once, one converts it and the others wait. Raises `ModelError`
    where the model can't be converted or the cache can't be written.
    """
    source.check_weights()
    folder = _folder(source, parts)
    try:
        found = _load(folder)
        return found if found is not None else _made(source.json_path, folder, name, parts, say)
    except OSError as error:
        raise ModelError(
            f"{source.json_path}: the converted model can't be kept in {folder.parent} "
            f"({error.strerror or error}): make room, or set VIDSEG_CACHE_DIR to another folder"
        ) from error


def is_converted(source: TfjsModel) -> bool:
    """Whether the network for whole persons is in the cache, intact."""
    return _load(_folder(source, parts=False)) is not None


def _folder(source: TfjsModel, parts: bool) -> Path:
    stem = f"{source.sha256()[:32]}-{'parts' if parts else 'person'}-{_RECIPE}"
    base = cache_dir() / "converted"
    number = _converter_version()
    # Where nothing can be converted, what another machine has converted is as good, whatever the version.
    made = sorted(base.glob(f"{stem}-*")) if number is None else []
    return made[-1] if made else base / f"{stem}-{number}"


def _converter_version() -> str | None:
    """Return the installed converter's version; it is not published for every kind of machine."""
    try:
        return version("tfjs-graph-converter")
    except PackageNotFoundError:
        return None


def _load(folder: Path) -> Converted | None:
    """Return what `folder` holds, or `None` where it is absent, incomplete or damaged."""
    try:
        result = json.loads((folder / _RESULT).read_text("utf-8"))
        intact = all(sha256_of(folder / name) == known for name, known in result["sha256"].items())
        found = Converted(
            folder / TFLITE, folder / SAVED_MODEL, int(result["stride"]), result["architecture"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if intact else None


def _made(source: Path, folder: Path, name: str, parts: bool, say: Say | None) -> Converted:
    """Convert into a temporary folder and give it its name at the end, so that none is ever half-made."""
    if _converter_version() is None:
        raise ModelError(
            f"{name} has to be converted first, but tfjs-graph-converter is not installed: set "
            "VIDSEG_CACHE_DIR to a cache where another machine has done it, or use --model selfie"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_name(f".{folder.name}.lock")):
        if (found := _load(folder)) is not None:  # another process was converting it meanwhile
            return found
        if say is not None:
            what = f"{name} with body parts" if parts else name
            say(f"converting {what} for this machine (once, some seconds)")
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".converting-") as temporary:
            made = Path(temporary) / "model"
            made.mkdir()
            _seal(made, _run_converter(source, made, _OUTPUTS if parts else _OUTPUTS[:1]))
            shutil.rmtree(folder, ignore_errors=True)  # what is there is damaged
            made.rename(folder)
        found = _load(folder)
    if found is None:
        raise ModelError(f"{folder}: damaged as soon as it was written: is the disk sound?")
    return found


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of this name; the system releases it however the process ends."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _seal(folder: Path, result: dict[str, Any]) -> None:
    """Record the checksums of what was converted beside it."""
    names = [TFLITE, f"{SAVED_MODEL}/saved_model.pb"]
    result["sha256"] = {name: sha256_of(folder / name) for name in names}
    (folder / _RESULT).write_text(json.dumps(result, indent=1), "utf-8")


def _run_converter(source: Path, folder: Path, outputs: list[str]) -> dict[str, Any]:
    package_root = str(Path(__file__).parents[2])
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, (package_root, os.environ.get("PYTHONPATH", "")))
    )
    command = [sys.executable, "-m", "vidseg.models.convert", str(source.resolve()), str(folder), *outputs]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, errors="replace", cwd=folder
    )
    result = _result(done)
    if "missing" in result:
        raise ModelError(
            f"{source}: has to be converted first, for which TensorFlow and tfjs-graph-converter must be "
            f"installed ({result['missing']}): install vidseg with all it depends on, or use --model selfie"
        )
    if "error" in result:
        reason = " ".join(str(result["error"]).split())
        if os.strerror(errno.ENOSPC) in reason:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise ModelError(f"{source}: can't be converted ({reason[:300]})")
    return result


def _result(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return what the converter said last, or its last words where it died before it could say anything."""
    try:
        result: dict[str, Any] = json.loads((done.stdout.splitlines() or [""])[-1])
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        result = {"error": f"the converter ended with status {done.returncode}: {last}"}
    return result
