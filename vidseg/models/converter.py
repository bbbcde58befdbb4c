"""Conversion in a child process: what was fetched → a folder of the cache."""

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vidseg.errors import ModelError
from vidseg.models.converted import RESULT, SAVED_MODEL, TFLITE, ConversionError, Converted, load
from vidseg.models.model import Recipe
from vidseg.system.download import Say, sha256_of


def made(
    source: Path, folder: Path, name: str, *, recipe: Recipe, parts: bool, say: Say | None
) -> Converted:
    """Convert into a temporary folder that gets its name at the end, so that none is half-made."""
    if _converter_version() is None:
        raise ModelError(
            f"{name} has to be converted first, but tfjs-graph-converter is not installed: set "
            "VIDSEG_CACHE_DIR to a cache where another machine has done it, or take another model, "
            "such as selfie"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    what = f"{name} with body parts" if parts else name
    tell: Say = say or (lambda _: None)
    busy = f"{what} is being converted by another process; waiting for that"
    with _locked(folder.with_name(f".{folder.name}.lock"), lambda: tell(busy)):
        if (found := load(folder)) is not None:  # another process was converting it meanwhile
            return found
        tell(f"converting {what} for this machine (once, some seconds)")
        prefix = f".converting-{folder.name}-"
        for left in folder.parent.glob(f"{prefix}*"):  # of one that was killed
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix) as temporary:
            made = Path(temporary) / "model"
            made.mkdir()
            _seal(made, _run_converter(recipe, source, made, recipe.wanted(parts)))
            shutil.rmtree(folder, ignore_errors=True)  # what is there is damaged
            made.rename(folder)
        found = load(folder)
    if found is None:
        raise ModelError(f"{folder}: damaged as soon as it was written: is the disk sound?")
    return found


def _locked(path: Path, taken: Callable[[], None]) -> AbstractContextManager[object]:
    """Take the lock of this name, to be held by ``with``; it ends with the process at the latest.

    `taken` is called where another holds it, before that is waited for.
    """
    lock = FileLock(path)
    try:
        return lock.acquire(blocking=False)
    except Timeout:
        taken()
        return lock.acquire()


def _seal(folder: Path, result: dict[str, Any]) -> None:
    """Record the checksums of what was converted beside it."""
    names = [TFLITE, f"{SAVED_MODEL}/saved_model.pb"]
    result["sha256"] = {name: sha256_of(folder / name) for name in names}
    (folder / RESULT).write_text(json.dumps(result, indent=1), "utf-8")


def _run_converter(
    recipe: Recipe, source: Path, folder: Path, outputs: list[str]
) -> dict[str, Any]:
    package_root = str(Path(__file__).parents[2])
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, (package_root, os.environ.get("PYTHONPATH", "")))
    )
    command = [
        sys.executable,
        "-m",
        "vidseg.models.convert",
        recipe.name,
        str(source.resolve()),
        str(folder),
        *outputs,
    ]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, errors="replace", cwd=folder
    )
    result = _result(done)
    if "missing" in result:
        raise ModelError(
            f"{source}: has to be converted first, for which TensorFlow and tfjs-graph-converter "
            f"must be installed ({result['missing']}): install vidseg with all it depends on, or "
            "take another model, such as selfie"
        )
    if "error" in result:
        reason = " ".join(str(result["error"]).split())
        if os.strerror(errno.ENOSPC) in reason:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise ConversionError(f"{source}: can't be converted ({reason[:300]})")
    return result


def _result(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the converter's last line, or its last words where it died before it had a result."""
    try:
        result: dict[str, Any] = json.loads((done.stdout.splitlines() or [""])[-1])
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        result = {"error": f"the converter ended with status {done.returncode}: {last}"}
    return result


def _converter_version() -> str | None:
    """Return the installed converter's version; it is not published for every kind of machine."""
    try:
        return version("tfjs-graph-converter")
    except PackageNotFoundError:
        return None
