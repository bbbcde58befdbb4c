"""Web addresses in place of files: fetched whole, into a folder that is gone after the run.

A source is read several times, and a connection that breaks must not pass for a clip that ends.
What came is opened like any file, so that a playlist among it reaches nothing.
"""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from vidseg.errors import InputError

Say: TypeAlias = Callable[[str], None]

_WAY_OUT = "download it yourself, and name the file"


def is_address(name: str) -> bool:
    """Whether a name is an address that can be fetched."""
    return re.match("https?://", name, re.IGNORECASE) is not None


@contextmanager
def fetched(names: Sequence[str], *, allowed: bool, say: Say) -> Iterator[tuple[str, ...]]:
    """Give the names back, addresses replaced by paths of files that last as long as the block.

    `say` is told of each. Raises `InputError` for an address where these are not `allowed`,
    `DownloadError` where one can't be fetched whole.
    """
    addresses = [name for name in names if is_address(name)]
    if not addresses:
        yield tuple(names)
        return
    if not allowed:
        raise InputError(
            f"{addresses[0]}: addresses are fetched with --allow-urls only; or {_WAY_OUT}"
        )
    import tempfile  # for addresses only, as the means to fetch them

    with tempfile.TemporaryDirectory(prefix="vidseg-") as folder:
        yield tuple(
            str(_fetch(name, Path(folder, str(number)), say)) if is_address(name) else name
            for number, name in enumerate(names)
        )


def _fetch(address: str, folder: Path, say: Say) -> Path:
    """Fetch into a new folder, under the address's last word: its ending may tell a photo."""
    from vidseg.system.download import download

    last = unquote(urlsplit(address).path).rpartition("/")[2]
    target = folder / (re.sub(r"[^\w.-]", "_", last).lstrip(".")[-80:] or "fetched")
    folder.mkdir()
    say(f"fetching {address}")
    download(address, target, progress=sys.stderr.isatty(), way_out=_WAY_OUT, elsewhere="TMPDIR")
    return target
