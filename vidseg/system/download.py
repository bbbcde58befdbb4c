"""Fetch a file over HTTP: whole and checked, or not at all, with an error that says what to do."""

import errno
import hashlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeAlias

from vidseg.errors import DownloadError, ModelError
from vidseg.system.checksums import declared_md5, has_md5

Say: TypeAlias = Callable[[str], None]
"""Takes one line for the user."""

TIMEOUT_S = 30
"""How long a silent server is waited for."""

RECORD_SUFFIX = ".sha256"
"""A cached file's checksum lies beside it, under its name with this added."""


def sha256_of(path: Path) -> str:
    """Return the file's SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def record_of(path: Path) -> str | None:
    """Return the checksum recorded when `path` was first fetched, or `None`."""
    try:
        words = path.with_name(path.name + RECORD_SUFFIX).read_text("ascii").split()
    except (OSError, ValueError):
        return None
    return words[0] if words and len(words[0]) == 64 else None


def is_intact(path: Path) -> bool:
    """Whether `path` is a cached file that is still what was first fetched."""
    known = record_of(path)
    return known is not None and path.is_file() and sha256_of(path) == known


def forget(path: Path) -> None:
    """Drop a cached file and what is known of it."""
    for victim in (path, path.with_name(path.name + RECORD_SUFFIX)):
        victim.unlink(missing_ok=True)


def fetch_file(
    url: str,
    target: Path,
    *,
    ways_out: str,
    known_sha256: str | None = None,
    check: Callable[[Path], object] | None = None,
    progress: bool = False,
) -> None:
    """Download `url` to `target` unless an intact copy is there.

    The file is fetched under a temporary name beside `target`, `check` may refuse it with a
    `ModelError`, its checksum is recorded, and then it gets its name; so several processes may
    fetch the same file at once. A copy that no longer matches its record is fetched anew, and so
    is, once, a file that is not what the server declares it to be. Raises `DownloadError` with the
    address, the reason and `ways_out`.
    """
    if is_intact(target):
        return
    known = known_sha256 or record_of(target)
    with _told(url, target, ways_out, "VIDSEG_CACHE_DIR"):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetching-") as folder:
            staged = Path(folder) / target.name
            _retrieve(url, staged, known, progress)
            if check is not None:
                _checked(url, staged, check, ways_out)
            record = target.with_name(target.name + RECORD_SUFFIX)
            staged_record = staged.with_name(record.name)
            staged_record.write_text(f"{sha256_of(staged)}\n", "ascii")
            staged_record.replace(record)
            staged.replace(target)


def download(url: str, target: Path, *, progress: bool, way_out: str, elsewhere: str) -> None:
    """Download `url` to `target`, of which nothing is known; errors are those of `fetch_file`.

    `elsewhere` is the environment variable that names another disk.
    """
    with _told(url, target, way_out, elsewhere):
        _retrieve(url, target, None, progress)


def _checked(url: str, staged: Path, check: Callable[[Path], object], ways_out: str) -> None:
    try:
        check(staged)
    except ModelError as error:
        text = str(error).replace(f"{staged}: ", "")
        raise DownloadError(f"{url}: what came is not usable: {text}: {ways_out}") from error


@contextmanager
def _told(url: str, target: Path, ways_out: str, elsewhere: str) -> Iterator[None]:
    """Turn what goes wrong with a download into a `DownloadError`."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        reason = _reason(error, target, elsewhere)
        if reason is None:
            raise
        raise DownloadError(f"can't fetch {url}: {reason}: {ways_out}") from error


class _DamagedError(Exception):
    """A file that arrived is not what its server declared."""


def _retrieve(url: str, target: Path, known_sha256: str | None, progress: bool) -> None:
    """Download to `target`, once more where the file arrived damaged. Raises `_DamagedError`."""
    try:
        _retrieve_once(url, target, known_sha256, progress)
    except _DamagedError:
        target.unlink()
        _retrieve_once(url, target, known_sha256, progress)


def _retrieve_once(url: str, target: Path, known_sha256: str | None, progress: bool) -> None:
    import logging

    import pooch

    responses: list[Any] = []  # several, where one leads to another

    def note(response: Any, **_: Any) -> None:
        responses.append(response)

    pooch.get_logger().setLevel(logging.WARNING)  # it would print every file's checksum
    with _bar(url) if progress else nullcontext(False) as bar:
        downloader = pooch.HTTPDownloader(
            progressbar=bar, timeout=TIMEOUT_S, hooks={"response": note}
        )
        try:
            pooch.retrieve(url, known_sha256, target.name, target.parent, downloader=downloader)
        finally:
            for response in responses:
                response.close()
    declared = declared_md5(responses[-1].headers) if responses else None
    if declared is not None and not has_md5(target, declared):
        raise _DamagedError


def _bar(url: str) -> Any:
    from tqdm import tqdm

    # pooch sets the total; without one from the start it takes the bar for absent.
    name = url.rpartition("/")[2]
    return tqdm(desc=name, total=1, unit="B", unit_scale=True, file=sys.stderr)


def _reason(error: Exception, target: Path, elsewhere: str) -> str | None:
    """Say in a few words why a download failed; `None` where the error is of another making."""
    import requests

    match error:
        case requests.HTTPError() if error.response is not None:
            return (
                f"the server answered {error.response.status_code} {error.response.reason}".rstrip()
            )
        case requests.Timeout():
            return f"the server was silent for {TIMEOUT_S} s"
        case (
            requests.exceptions.ChunkedEncodingError() | requests.exceptions.ContentDecodingError()
        ):
            return "the connection broke before the file was whole"
        case requests.ConnectionError():
            return f"no connection ({_innermost(error)})"
        case requests.RequestException():
            return str(error)
        case OSError():
            what = (
                "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
            )
            return f"{what} (writing to {target.parent}; {elsewhere} names another place)"
        case _DamagedError():
            return "it arrived damaged twice: its checksum is not the one that the server declares"
        case ValueError():  # pooch's word for a checksum that differs
            known = record_of(target)
            since = (
                f"since it was first fetched: delete {target.parent} if that is right"
                if known
                else "on the way"
            )
            return f"its checksum is not the expected one; it has changed {since}"
    return None


def _innermost(error: BaseException) -> str:
    """Return the system's own words at the bottom of a chain of wrapped connection errors."""
    seen: BaseException = error
    for _ in range(8):  # the chain is short; a bound guards against one that loops
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        inner = getattr(seen, "reason", None) or seen.__cause__ or seen.__context__
        if not isinstance(inner, BaseException):
            inner = next((a for a in seen.args if isinstance(a, BaseException)), None)
        if inner is None:
            break
        seen = inner
    return type(seen).__name__
