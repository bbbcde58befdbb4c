"""Which files a run reads and which it writes: nothing that it writes may replace what it reads."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from vidseg.errors import OutputError
from vidseg.media.image_sequence import holds, is_numbered, is_sequence, name_of, numbers
from vidseg.settings import PreviewSettings, RenderSettings

Settings: TypeAlias = RenderSettings | PreviewSettings

_Identity: TypeAlias = tuple[int, int]
"""Device and number of a file: the same whatever name or link leads to it."""

_OF_MODELS = re.compile(
    r".*\.(json|tflite|pb|bin|index|data-\d+-of-\d+)|.*shard\d+of\d+", re.IGNORECASE
)


def check(settings: Settings) -> None:
    """Raise `OutputError` where what is written would replace what is read, or itself."""
    written = list(written_by(settings))
    _check_once(written)
    check_kept(written, lambda: read_by(settings))


def check_batch(
    runs: Sequence[RenderSettings], report: Path | None, named: Sequence[Path] = ()
) -> None:
    """Raise `OutputError` where a run of a batch, or its report, would replace what any reads.

    `named` are files that were asked for by name, also those that are taken for the result of
    another.
    """
    written = [path for run in runs for path in written_by(run)]
    check_kept(
        [*written, *([report] if report is not None else [])], lambda: _read_by_all(runs, named)
    )


def written_by(settings: Settings) -> Iterator[Path]:
    """Yield the names under which a run writes; a sequence of pictures is one."""
    if isinstance(settings, PreviewSettings):
        yield settings.output
        return
    yield from (target.path for target in settings.targets)
    yield from (path for path in (settings.timeline, settings.report) if path is not None)


def read_by(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Yield the files that a run reads, each with what it is to it."""
    yield from (("the source", path) for path in _pictures(settings.source))
    yield from (("the background", path) for path in _pictures(settings.behind.path))
    networks = settings.networks if isinstance(settings, PreviewSettings) else [settings.model]
    yield from (("the model", path) for each in networks for path in _of_model(each.name))


def _read_by_all(
    runs: Sequence[RenderSettings], named: Sequence[Path]
) -> Iterator[tuple[str, Path]]:
    yield from (("a source", path) for run in runs for path in _pictures(run.source))
    yield from (("a source", path) for path in named)
    if runs:
        yield from (each for each in read_by(runs[0]) if each[0] != "the source")


def _pictures(path: Path) -> Iterator[Path]:
    """Yield a file, or those of a sequence."""
    with suppress(OSError):  # a name too long is none of a file
        if is_sequence(path):
            yield from (name_of(path, number) for number in numbers(path))
        else:
            yield path


def _of_model(model: str) -> Iterator[Path]:
    """Yield the files that a model may consist of, by name or path."""
    from vidseg.models import MODELS, places

    known = MODELS.get(model)
    for path in [Path(model).expanduser()] if known is None else places(known):
        yield path
        folders = [path, path / "variables"] if path.is_dir() else [path.parent]
        if path.is_dir() or path.suffix == ".json":
            yield from (each for folder in folders for each in _model_files(folder))


def _model_files(folder: Path) -> Iterable[Path]:
    with suppress(OSError):
        return [each for each in folder.iterdir() if _OF_MODELS.fullmatch(each.name)]
    return ()


def _check_once(written: Sequence[Path]) -> None:
    """Raise `OutputError` where two names are one, or one is in another's sequence of pictures."""
    for number, path in enumerate(written):
        for other in written[:number]:
            if _same(path, other) or (is_numbered(other) and holds(other, path)):
                raise OutputError(f"{path}: is written by the render itself; name another file")


def check_kept(written: Sequence[Path], read: Callable[[], Iterable[tuple[str, Path]]]) -> None:
    """Raise `OutputError` where one of `written` leads to a file that is read.

    `read` yields what is read, as `read_by` does; it is called where anything of `written` exists.
    """
    there: dict[_Identity, tuple[Path, Path]] = {}
    for path in written:
        for each in _present(path):
            if (identity := _identity(each)) is not None:
                there[identity] = path, each
    if not there:
        return
    for what, path in read():
        if (identity := _identity(path)) in there:
            name, found = there[identity]
            which = "" if name == found else f"{found.name} "
            raise OutputError(
                f"{name}: {which}is also an input, {what}; vidseg never writes over what it reads, "
                "so name another file"
            )


def _present(path: Path) -> Iterable[Path]:
    """Return the files that a name stands for, of those that exist; of a sequence, its pictures."""
    if is_numbered(path):
        return [*(name_of(path, number) for number in numbers(path)), path]
    return (path,)


def _same(one: Path, other: Path) -> bool:
    """Whether two names are one, or lead to one file."""
    identity = _identity(one)
    there = identity is not None and identity == _identity(other)
    return there or one.resolve() == other.resolve()


def _identity(path: Path) -> _Identity | None:
    with suppress(OSError, ValueError):
        status = path.stat()
        return status.st_dev, status.st_ino
    return None
