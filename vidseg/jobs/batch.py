"""Batch rendering: the clips of a batch, the names of their results, and the outcome of each."""

import glob
import os
import re
import string
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from vidseg.errors import SettingsError, VidsegError
from vidseg.jobs import resume
from vidseg.jobs.segment_store import Store
from vidseg.media.codecs import CODECS
from vidseg.media.ffmpeg import av_errors, reason
from vidseg.media.image_sequence import (
    VIDEO_SUFFIXES,
    common_name,
    is_numbered,
    is_sequence,
    numbers,
)
from vidseg.media.mux import FORMATS
from vidseg.networks.base import Segmenter
from vidseg.settings import RenderSettings
from vidseg.system.text import printable
from vidseg.system.urls import is_address

DEFAULT_NAME = "{stem}{suffix}"
_FIELDS = ("stem", "suffix", "number")
_WITH_ALPHA = (".mov", ".mkv", ".webm")

State: TypeAlias = Literal["done", "damaged", "skipped", "failed"]
Tell: TypeAlias = Callable[[int, float], None]
"""Told of a clip's number and the share of it that is done, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip to be rendered."""

    source: Path
    output: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a clip. `message`: why it failed, or what of it was damaged."""

    state: State
    frames: int = 0
    seconds: float = 0.0
    message: str = ""


class Workers(Protocol):
    """Renders clips, several at a time; each worker loads its network once."""

    def run(self, jobs: Sequence[RenderSettings], tell: Tell) -> Iterator[tuple[int, Outcome]]:
        """Yield each job's number and outcome, as they end; a worker's death fails no other."""

    def close(self) -> None:
        """End the workers; what they are at is left as segments, nothing half-written."""


def find_clips(
    sources: Sequence[str],
    folder: Path,
    name: str = DEFAULT_NAME,
    endings: Sequence[str] = tuple(FORMATS),
    closed: dict[Path, str] | None = None,
) -> list[Clip]:
    """Return the clips that `sources` (files, folders and all below them, patterns) mean, by name.

    Results go into `folder`, below the sub-folders that the clips had below a folder among
    `sources`. `name` is a template with the fields stem, suffix and number; suffix is the source's
    where it is among `endings`, else the first of those. What lies in `folder`, or is another
    clip's result, is no source. `closed` gets the folders that can't be read, each with the reason.
    Raises `SettingsError` where a source is missing, a name leads out of `folder` or ends in no
    video's ending, two names are the same, or a result would replace its source.
    """
    _check_template(name)
    found: dict[Path, tuple[Path, Path]] = {}
    closed = {} if closed is None else closed
    for source in sources:
        with av_errors(SettingsError, f"{source}: can't be looked at"):
            for path, below in _expanded(source, folder, closed):
                found.setdefault(path.resolve(), (path.absolute(), below))
    if not found:
        unread = "".join(f"; {path} can't be read: {why}" for path, why in closed.items())
        raise SettingsError(f"there are no videos in {', '.join(sources)}{unread}")
    if "{number" in name and any(path.is_relative_to(folder.resolve()) for path in found):
        raise SettingsError(
            f"--name {name!r}: numbers change once results lie beside the clips; "
            "give -o a folder of its own"
        )
    clips = [
        Clip(path, _output(path, below, folder, name, number, endings))
        for number, (path, below) in enumerate(sorted(found.values()), 1)
    ]
    return _distinct(_without_results(clips), folder)


def _without_results(clips: list[Clip]) -> list[Clip]:
    """Leave out results of other clips, from an earlier run into the clips' own folder."""
    makers: dict[Path, set[Path]] = {}
    for clip in clips:
        makers.setdefault(clip.output.resolve(), set()).add(clip.source)
    return [clip for clip in clips if not makers.get(clip.source.resolve(), set()) - {clip.source}]


def _distinct(clips: list[Clip], folder: Path) -> list[Clip]:
    """Return the clips. Raises `SettingsError` if a result would replace its source or another."""
    taken: dict[Path, Path] = {}
    for clip in clips:
        if clip.output.resolve() == clip.source.resolve():
            raise SettingsError(
                f"{clip.source} would be replaced by its own result; "
                f"give -o another folder than {folder}, or --name such as '{{stem}}.new{{suffix}}'"
            )
        if clip.output in taken:
            raise SettingsError(
                f"{taken[clip.output]} and {clip.source} would both become {clip.output}; "
                "tell them apart with --name, such as '{number:03d}-{stem}{suffix}'"
            )
        taken[clip.output] = clip.source
    return clips


def endings_for(settings: RenderSettings) -> tuple[str, ...]:
    """Return the endings of files that hold what `settings` ask for, the most usual first.

    Raises `SettingsError` where their codec has no alpha, and one is asked for.
    """
    transparent = settings.kind == "picture" and settings.behind.kind == "transparent"
    codec = CODECS.get(settings.encode.codec)
    if codec is None:
        # The presets of .webm's codec are numbers, those of the others' mostly words.
        named = (
            settings.encode.preset is not None and not settings.encode.preset.lstrip("-").isdigit()
        )
        return tuple(
            each
            for each in (_WITH_ALPHA if transparent else FORMATS)
            if not (named and each == ".webm")
        )
    if transparent and not codec.alpha_containers:
        others = ", ".join(name for name, each in CODECS.items() if each.alpha_containers)
        raise SettingsError(
            f"--codec {settings.encode.codec} holds no transparency; "
            f"use one of {others}, or leave it out"
        )
    return (codec.alpha_containers if transparent else codec.containers) or tuple(FORMATS)


def is_done(clip: Clip) -> bool:
    """Whether a clip's result is there, and nothing is left to be tidied up."""
    with suppress(OSError):  # a name too long, which its render will tell
        return clip.output.exists() and not Store(clip.output).made(clip.output)
    return False


def _expanded(source: str, folder: Path, closed: dict[Path, str]) -> Iterator[tuple[Path, Path]]:
    """Yield the videos that a source means, each with its folder below the source's own."""
    path = Path(source)
    if path.is_dir():
        own = folder.resolve()
        for each in _videos_below(path, closed):
            if own == path.resolve() or not each.resolve().is_relative_to(own):
                yield each, each.relative_to(path).parent
    elif path.exists() or (is_numbered(path) and numbers(path)):
        yield path, Path()
    else:
        matches: list[str] = []
        if glob.has_magic(source):
            matches = sorted(glob.glob(source, recursive=True))  # noqa: PTH207 (of any folder)
        files = [Path(match) for match in matches if Path(match).is_file()]
        if not files:
            if is_address(source):
                raise SettingsError(
                    f"{source}: a batch fetches nothing; download it, and name the file"
                )
            raise SettingsError(
                f"{source}: no such file or folder, and no pattern that anything matches"
            )
        yield from ((file, Path()) for file in files)


def _videos_below(path: Path, closed: dict[Path, str]) -> Iterator[Path]:
    """Yield the videos in a folder and all below it that aren't hidden; see `find_clips`."""

    def note(error: OSError) -> None:
        closed[Path(error.filename)] = reason(error)

    for at, folders, names in os.walk(path, onerror=note):
        folders[:] = [each for each in folders if not each.startswith(".")]
        for name in names:
            each = Path(at, name)
            hidden = name.startswith(".")
            if not hidden and each.suffix.lower() in VIDEO_SUFFIXES and each.is_file():
                yield each


def _check_template(name: str) -> None:
    try:
        parsed = list(string.Formatter().parse(name))
        fields = {field for _, field, _, _ in parsed if field is not None}
        if any(re.search(r"[{}]|\d{4}", spec or "") for _, _, spec, _ in parsed):
            raise ValueError("a width is a number below 1000")
        if not name.isprintable():
            raise ValueError("names are of printable characters")
        name.format(stem="a", suffix=".mp4", number=1)
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        raise SettingsError(f"--name {name!r}: use {{{'}, {'.join(_FIELDS)}}} ({error})") from error
    if unknown := sorted(fields - set(_FIELDS)):
        raise SettingsError(
            f"--name {name!r}: unknown {unknown[0]!r}; use {{{'}, {'.join(_FIELDS)}}}"
        )


def _output(
    path: Path, below: Path, folder: Path, name: str, number: int, endings: Sequence[str]
) -> Path:
    suffix = path.suffix if path.suffix.lower() in endings else endings[0]
    stem = common_name(path) if is_sequence(path) else path.stem
    relative = below / name.format(stem=stem, suffix=suffix, number=number)
    output = Path(os.path.normpath(folder / relative))
    inside = output.is_relative_to(os.path.normpath(folder)) and output != Path(
        os.path.normpath(folder)
    )
    if not inside:
        raise SettingsError(f"--name {name!r}: {relative} leads out of {folder}")
    if output.suffix.lower() not in FORMATS:
        raise SettingsError(
            f"--name {name!r}: {relative} is no video; "
            f"end it in {{suffix}}, or {', '.join(FORMATS)}"
        )
    return output


def settings_for(clip: Clip, common: RenderSettings) -> RenderSettings:
    """Return `common` settings for one clip, with all paths absolute, for use in any process.

    The frame rate is that of sequences of pictures; videos among the clips have their own.
    """
    rate = common.frame_rate if is_sequence(clip.source) else None
    return absolute(
        replace(common, source=clip.source, output=clip.output, report=None, frame_rate=rate)
    )


def absolute(settings: RenderSettings) -> RenderSettings:
    """Return the settings with paths that mean the same in any folder."""
    behind, model = settings.behind, settings.model.name
    path = behind.path
    is_file = behind.kind == "named" and (path.exists() or is_sequence(path))
    return replace(
        settings,
        source=settings.source.absolute(),
        output=settings.output.absolute(),
        background=str(path.absolute()) if is_file else behind.text,
        model=replace(
            settings.model, name=str(Path(model).absolute()) if Path(model).exists() else model
        ),
    )


def render_clip(
    settings: RenderSettings, segmenter: Segmenter, tell: Callable[[float], None]
) -> Outcome:
    """Render one clip in segments; whatever is wrong with it becomes its outcome."""
    begun = time.perf_counter()

    def progress(done: int, expected: int | None) -> None:
        if expected:
            tell(min(1.0, done / expected))

    try:
        settings.output.parent.mkdir(parents=True, exist_ok=True)
        report = resume.render(settings, segmenter=segmenter, progress=progress)
    except (VidsegError, OSError) as error:
        return Outcome("failed", seconds=time.perf_counter() - begun, message=str(error))
    except Exception as error:  # a bug of ours must not end the night's other clips
        message = f"internal error, {type(error).__name__}: {error}"
        return Outcome("failed", seconds=time.perf_counter() - begun, message=message)
    lost = ", ".join(
        f"{name.replace('_', ' ')}: {count:g}" for name, count in report.damage.items() if count
    )
    return Outcome("damaged" if lost else "done", report.frames_out, report.wall_s, lost)


def table(clips: Sequence[Clip], outcomes: Sequence[Outcome], folder: Path) -> str:
    """Return the outcomes as a table, and a last line that counts them."""
    rows = [("CLIP", "RESULT", "FRAMES", "SECONDS", "")]
    for clip, outcome in zip(clips, outcomes, strict=True):
        name = (
            str(clip.output.relative_to(folder))
            if clip.output.is_relative_to(folder)
            else str(clip.output)
        )
        name, message = printable(name), printable(outcome.message)
        numbers = (str(outcome.frames or "-"), f"{outcome.seconds:.1f}" if outcome.seconds else "-")
        rows.append((name, outcome.state, *numbers, message))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    counts = {
        state: sum(o.state == state for o in outcomes)
        for state in ("done", "damaged", "skipped", "failed")
    }
    lines.append(", ".join(f"{count} {state}" for state, count in counts.items() if count))
    return "\n".join(line.rstrip() for line in lines)
