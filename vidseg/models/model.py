"""A model that can be asked for by name: its family, and how it is published."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vidseg.system.download import Say


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a TensorFlow.js graph is converted: a function of `vidseg.models.convert`.

    `name` is the function's in `RECIPES` there, `number` is raised with every change of what it
    writes. `outputs` names the graph's outputs in use, `part_outputs` those of the body parts.
    """

    name: str
    number: int
    outputs: tuple[str, ...]
    part_outputs: tuple[str, ...] = ()

    def wanted(self, parts: bool) -> list[str]:
        """Return the outputs to keep, those of the body parts where `parts` asks for them."""
        return [*self.outputs, *(self.part_outputs if parts else ())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What all models of one architecture have in common.

    `vidseg.networks` opens them by the family's `name`. `recipe` tells how they are converted,
    `None` that they run as published; `has_parts` whether they can tell body parts apart.
    """

    name: str
    recipe: Recipe | None
    has_parts: bool
    runs_on_gpu: bool


class Publication(Protocol):
    """How a model is published: what there is of it, where, and how it is fetched."""

    @property
    def path(self) -> str:
        """Path of its json or .tflite file where it is published, with forward slashes."""

    @property
    def approx_bytes(self) -> int:
        """Size of its weights as published, for people."""

    def address(self) -> str:
        """Return where it is fetched from, for people."""

    def ways_out(self) -> str:
        """Return what to do where it can't be fetched, or is of no use."""

    def candidates(self, folder: Path) -> list[Path]:
        """Return where its json or .tflite file may lie in a folder of the user's, in order."""

    def cached_at(self, sources: Path) -> Path:
        """Return where its json or .tflite file lies in the cache's folder of fetched files."""

    def is_meant(self, path: Path) -> bool:
        """Whether a file has the checksum that is known beforehand; true where none is."""

    def is_whole(self, path: Path) -> bool:
        """Whether all that was fetched to `path` and beside it is there and undamaged."""

    def fetch(self, path: Path, *, name: str, say: Say | None) -> None:
        """Fetch the model called `name` to `path`; raise `DownloadError` where that fails."""

    def files(self, path: Path) -> tuple[Path, ...]:
        """Return all files of the model whose json or .tflite file is `path`."""

    def checksum(self, path: Path) -> str:
        """Return the checksum over all of these, in hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model that can be asked for by name; `origin` tells people who published what.

    `companion`: name of the model that is run beside it, since the edge runs better with both.
    """

    name: str
    family: Family
    published: Publication
    origin: str
    licence: str = "Apache-2.0"
    companion: str | None = None
