"""The cache of converted models: each TensorFlow.js model is converted once per converter version."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vidseg.errors import ModelError
from vidseg.models.download import sha256_of
from vidseg.models.store import Say, cache_dir
from vidseg.models.tfjs import TfjsModel

TFLITE = "model.tflite"
SAVED_MODEL = "saved_model"
RESULT = "result.json"
"""What the converter leaves in the folder it is given."""

PERSON_OUTPUT = "float_segments"
PARTS_OUTPUT = "float_part_heatmaps"

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

    `name` is what `say` calls it; `parts` asks for the network that also scores body parts. Two processes
    that convert the same model at once both succeed. Raises `ModelError` where the model can't be converted
    or the cache can't be written.
    """
    source.check_weights()
    outputs = [PERSON_OUTPUT, PARTS_OUTPUT] if parts else [PERSON_OUTPUT]
    folder = _folder(source, parts)
    found = _load(folder)
    if found is None:
        if say is not None:
            what = f"{name} with body parts" if parts else name
            say(f"converting {what} for this machine (once, some seconds)")
        _convert_into(source.json_path, outputs, folder)
        found = _load(folder)
    if found is None:
        raise ModelError(
            f"{folder}: the converted model is damaged as soon as it is written: is the disk sound?"
        )
    return found


def is_converted(source: TfjsModel) -> bool:
    """Whether the network for whole persons is in the cache, intact."""
    return _load(_folder(source, parts=False)) is not None


def _folder(source: TfjsModel, parts: bool) -> Path:
    stem = f"{source.sha256()[:32]}-{'parts' if parts else 'person'}-{_RECIPE}"
    base = cache_dir() / "converted"
    try:
        return base / f"{stem}-{version('tfjs-graph-converter')}"
    except PackageNotFoundError:
        # Nothing can be converted here, but what another machine converted is as good.
        made = sorted(base.glob(f"{stem}-*"))
        return made[-1] if made else base / f"{stem}-none"


def _load(folder: Path) -> Converted | None:
    """Return what `folder` holds, or `None` where it is absent, incomplete or damaged."""
    try:
        result = json.loads((folder / RESULT).read_text("utf-8"))
        intact = all(sha256_of(folder / name) == known for name, known in result["sha256"].items())
        found = Converted(
            folder / TFLITE, folder / SAVED_MODEL, int(result["stride"]), result["architecture"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if intact else None


def _convert_into(source: Path, outputs: list[str], folder: Path) -> None:
    """Convert into a temporary folder and give it its name at the end, so that none is ever half-made."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".converting-") as name:
            made = Path(name) / "model"
            made.mkdir()
            _seal(made, _run_converter(source, made, outputs))
            shutil.rmtree(folder, ignore_errors=True)  # what is there is damaged, or was not there before
            made.rename(folder)
    except OSError as error:
        if _load(folder) is not None:  # another process was faster
            return
        raise ModelError(
            f"{source}: the converted model can't be kept in {folder.parent} ({error.strerror or error}): "
            "make room, or set VIDSEG_CACHE_DIR to another folder"
        ) from error


def _seal(folder: Path, result: dict[str, Any]) -> None:
    """Record the checksums of what was converted beside it."""
    names = [TFLITE, f"{SAVED_MODEL}/saved_model.pb"]
    result["sha256"] = {name: sha256_of(folder / name) for name in names}
    (folder / RESULT).write_text(json.dumps(result, indent=1), "utf-8")


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
    try:
        result: dict[str, Any] = json.loads((folder / RESULT).read_text("utf-8"))
    except FileNotFoundError:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        result = {"error": f"the converter ended with status {done.returncode}: {last}"}
    if "error" in result:
        reason = " ".join(str(result["error"]).split())
        raise ModelError(f"{source}: can't be converted ({reason[:300]})")
    return result
