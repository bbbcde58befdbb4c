"""Models published as a file inside a wheel on PyPI."""

from dataclasses import dataclass
from pathlib import Path

from vidseg.models.wheel import WAYS_OUT, Wheel
from vidseg.system.download import Say, sha256_of


@dataclass(frozen=True, slots=True)
class WheelFile:
    """A model that is one file of a wheel; `path` is the file's inside."""

    wheel: Wheel
    path: str

    @property
    def approx_bytes(self) -> int:
        """Size of the file."""
        return self.wheel.sizes[self.path]

    def address(self) -> str:
        """Return the wheel and the file in it."""
        return f"{self.wheel.requirement} ({self.path})"

    def ways_out(self) -> str:
        """Return what to do where it can't be fetched."""
        return WAYS_OUT

    def candidates(self, folder: Path) -> list[Path]:
        """Return the file at the root of the user's folder, and where the package has it."""
        return [folder / self._name, folder / self.path]

    def cached_at(self, sources: Path) -> Path:
        """Return where the file lies in the cache's folder of fetched files."""
        return sources / self.wheel.folder / self._name

    def is_meant(self, path: Path) -> bool:
        """Whether a file has the checksum that is known beforehand."""
        return sha256_of(path) == self.wheel.sha256[self.path]

    def is_whole(self, path: Path) -> bool:
        """Whether the file was fetched and is undamaged."""
        return path.is_file() and self.is_meant(path)

    def fetch(self, path: Path, *, name: str, say: Say | None) -> None:
        """Fetch the wheel and write the file to `path`; raise `DownloadError` where that fails."""
        from vidseg.models.wheel_fetch import fetch  # with pip's and zip's helpers, for this only

        fetch(self.wheel, path, name=name, say=say)

    def files(self, path: Path) -> tuple[Path, ...]:
        """Return the one file."""
        return (path,)

    def checksum(self, path: Path) -> str:
        """Return the file's SHA-256, in hex."""
        return sha256_of(path)

    @property
    def _name(self) -> str:
        return self.path.rpartition("/")[2]
