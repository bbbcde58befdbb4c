"""Files written whole: under a hidden temporary name, renamed when they are complete."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from vidseg.system import hidden_names, text


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file that is written as `temporary`, and renamed to `target` when it is complete.

    For writers that stay open over many calls; `written_whole` does the same for one block.
    """

    target: Path
    temporary: Path

    @classmethod
    def beside(cls, target: Path, *, ending: str = ".part", folder: Path | None = None) -> Self:
        """Choose a hidden name beside `target`, or in another `folder` of its disk; makes no file.

        No other process chooses the same. `ending` is the name's, for what tells a format by it.
        """
        hidden = hidden_names.temporary(target, ending)
        return cls(target, hidden if folder is None else folder / hidden.name)

    def commit(self) -> None:
        """Give the file its name, in place of what had it. Raises `OSError`."""
        self.temporary.replace(self.target)

    def discard(self) -> None:
        """Remove what was written, unless it has its name already or was never begun."""
        self.temporary.unlink(missing_ok=True)


@contextmanager
def written_whole(target: Path, *, ending: str = ".part") -> Iterator[Path]:
    """Give a hidden name beside `target` to write to: a block that succeeds renames it to `target`.

    One that raises removes it, and leaves what `target` was. Raises `OSError`.
    """
    staged = StagedFile.beside(target, ending=ending)
    try:
        yield staged.temporary
        staged.commit()
    finally:
        staged.discard()


def write_text(target: Path, content: str) -> None:
    """Write a text file whole or not at all, as UTF-8 (see `vidseg.system.text.encoded`).

    A link stays one, and a device or pipe, which a rename would replace, is written to directly.
    Raises `OSError`.
    """
    data = text.encoded(content)
    if target.exists() and not target.is_file():
        target.write_bytes(data)
        return
    with written_whole(target.resolve()) as temporary:  # /dev/stdout is a link too
        temporary.write_bytes(data)
