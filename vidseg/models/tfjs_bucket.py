"""Models published as a TensorFlow.js graph: a json at an address, its weight files beside it."""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from vidseg.errors import DownloadError, ModelError
from vidseg.models.tfjs import read_tfjs
from vidseg.system.download import Say, fetch_file, forget, is_intact, sha256_of


def mirrored(path: str) -> str | None:
    """Return a json's address on the mirror that `VIDSEG_MODEL_URL` names, `None` without one.

    Raises `ModelError` where the mirror is no address.
    """
    base = os.environ.get("VIDSEG_MODEL_URL")
    if not base:
        return None
    if not base.startswith(("https://", "http://")):
        raise ModelError(f"VIDSEG_MODEL_URL must start with https:// or http://, got {base!r}")
    return f"{base.rstrip('/')}/{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketGraph:
    """A TensorFlow.js graph.

    `path` is its json's, below a folder of the user's and below the cache; `url` returns the json's
    address. `sha256` holds the checksums in hex that are known beforehand, by the files' names
    beside the json; for the others it is recorded at the first download. `way_out` is what to do
    where it can't be fetched.
    """

    path: str
    url: Callable[[], str]
    approx_bytes: int
    way_out: str
    sha256: Mapping[str, str] = field(default_factory=dict)

    def address(self) -> str:
        """Return the json's address."""
        return self.url()

    def ways_out(self) -> str:
        """Return what to do where it can't be fetched."""
        return self.way_out

    def candidates(self, folder: Path) -> list[Path]:
        """Return where the json may lie in a folder of the user's, which is laid out alike."""
        return [folder / self.path]

    def cached_at(self, sources: Path) -> Path:
        """Return where the json lies in the cache's folder of fetched files."""
        return sources / self.path

    def is_meant(self, path: Path) -> bool:
        """Whether the json has the checksum that is known beforehand; true where none is."""
        known = self.sha256.get(path.name)
        return known is None or sha256_of(path) == known

    def is_whole(self, path: Path) -> bool:
        """Whether json and weight files are those that were fetched, and belong together."""
        if not is_intact(path):
            return False
        try:
            source = read_tfjs(path)
            source.check_weights()
        except ModelError:
            return False
        return all(is_intact(shard) for shard in source.shards)

    def fetch(self, path: Path, *, name: str, say: Say | None) -> None:
        """Fetch the json, then the weight files it names; whatever is there intact is kept.

        Where these can't be had, the json that names them may be at fault: it is fetched once more,
        and not kept where it comes the same. Raises `DownloadError`.
        """
        url = self.url()
        if say is not None:
            say(f"fetching {name} (about {self.approx_bytes / 1e6:.1f} MB) from {url}")
        progress = say is not None and sys.stderr.isatty()
        self._fetch_json(url, path, progress)
        try:
            self._fetch_weights(url, path, progress)
        except DownloadError:
            if not self._comes_otherwise(url, path, progress):
                forget(path)
                raise
            self._fetch_weights(url, path, progress)

    def files(self, path: Path) -> tuple[Path, ...]:
        """Return the json and the weight files it names."""
        return (path, *read_tfjs(path).shards)

    def checksum(self, path: Path) -> str:
        """Return the checksum over all of these, in hex."""
        return read_tfjs(path).sha256()

    def _fetch_json(self, url: str, path: Path, progress: bool) -> None:
        known = self.sha256.get(path.name)
        fetch_file(
            url,
            path,
            known_sha256=known,
            check=read_tfjs,
            progress=progress,
            ways_out=self.way_out,
        )

    def _comes_otherwise(self, url: str, path: Path, progress: bool) -> bool:
        """Fetch the json once more; return whether it is another one than before."""
        before = sha256_of(path)
        forget(path)
        with suppress(DownloadError):
            self._fetch_json(url, path, progress)
            return sha256_of(path) != before
        return False

    def _fetch_weights(self, url: str, path: Path, progress: bool) -> None:
        """Fetch the weight files that a json names, next to it and to its address `url`."""
        source = read_tfjs(path)
        for shard in source.shards:
            name = shard.relative_to(path.parent).as_posix()
            address, known = f"{url.rpartition('/')[0]}/{name}", self.sha256.get(name)
            fetch_file(address, shard, known_sha256=known, progress=progress, ways_out=self.way_out)
        try:
            source.check_weights()
        except ModelError as error:
            # Whole as files, wrong as weights: to keep them would make the next run fail as well.
            for shard in source.shards:
                forget(shard)
            raise DownloadError(f"can't fetch {url}: {error}: {self.way_out}") from error
