"""Store of segments: a hidden folder beside an output, with a lock, a manifest and their files."""

import fcntl
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidseg.errors import OutputError
from vidseg.media.ffmpeg import av_errors
from vidseg.media.mux import account_of, last_words
from vidseg.system import hidden_names
from vidseg.system.files import written_whole

_MANIFEST = "manifest.json"
_JOINING = "joining.json"
_DONE = "done.json"
_LOCK = "lock"
_SURVEY = "people.json"
_MOST_TRIES = 100


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """What is known of a segment: its frames, its packets' reordering, what was damaged or lost.

    `course`: what is in a `vidseg.media.picture_changes.PictureChanges`.

    `last`: the clip ends with it, at `video_end` in seconds of the source's clock; `header`:
    checksum of what the encoder puts into the container's header, which all segments must share;
    `model` and `device`: who found the people. `captioned`: how many frames have closed captions.
    `damage`: the times that `vidseg.media.damage.Damage` lists, by name, and `lost`, when pictures
    should have been shown that are lost: in seconds, as fractions. `unread` and `late_streams` are
    as there. `behind`: when pictures of the background were lost so far, by its own clock, with
    `unread_behind` more at its end.
    """

    frames: int
    reorder: int
    last: bool
    header: str
    damage: dict[str, list[str]]
    unread: int = 0
    late_streams: int = 0
    video_end: str | None = None
    model: str = ""
    device: str = ""
    captioned: int = 0
    lost: list[str] = field(default_factory=list)
    course: dict[str, Any] = field(default_factory=dict)
    behind: list[str] = field(default_factory=list)
    unread_behind: int = 0


class Store:
    """The hidden folder beside an output that holds its segments and says what they are of.

    Whoever has its lock may change it. It is deleted under its lock only, so that nobody deletes
    what another has just made.
    """

    def __init__(self, output: Path) -> None:
        self.folder = hidden_names.beside(output, "segments")
        self._lock: int | None = None

    def claim(self) -> None:
        """Make the folder and keep others out. Raises `OutputError` where another run has it."""
        lock = self.folder / _LOCK
        for _ in range(_MOST_TRIES):
            with av_errors(OutputError, f"{self.folder}: can't be made"):
                self.folder.mkdir(exist_ok=True)
            try:
                self._lock = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
            except FileNotFoundError:  # another run has just deleted the folder
                continue
            except OSError as error:
                raise OutputError(f"{lock}: can't be opened: {error.strerror}") from error
            self._hold(self._lock)
            if _is_at(self._lock, lock):
                return
            self._let_go()  # another run deleted it before it was locked
        raise OutputError(
            f"{self.folder}: other runs make and delete it all the time; wait for them"
        )

    def release(self) -> None:
        """Let others in; a folder without segments is removed."""
        if self._lock is not None and not any(self.folder.glob("*.part")):
            self.remove()
        self._let_go()

    def remove(self) -> None:
        """Delete everything, and let others in.

        What tells that all is done goes last but one, the lock last: whoever comes between that and
        the end has made a lock of its own, and then the folder is not empty and stays.
        """
        last = [self.folder / _DONE, self.folder / _LOCK]
        with suppress(OSError):
            for path in [*(each for each in self.folder.iterdir() if each not in last), *last]:
                path.unlink(missing_ok=True)
            self.folder.rmdir()
        self._let_go()

    def _hold(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._let_go()
            raise OutputError(
                f"{self.folder}: another run is rendering this output; wait for it"
            ) from error
        except OSError:  # a file system without locks
            return

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def settle(self, identity: dict[str, Any], outputs: Sequence[Path] = ()) -> str | None:
        """Keep segments of the same `identity` only; return why others are dropped, if any are.

        Of the `outputs`, those that `made` is true of stay so.
        """
        before, now = self.identity(), _plain(identity)
        self._write(_JOINING, [_number(path) for path in outputs if self.made(path, identity)])
        leftovers = [*self.folder.glob(".*.part.*"), *self.folder.glob(".*.new")]
        for leftover in (self.folder / _DONE, *leftovers):
            leftover.unlink(missing_ok=True)
        if before == now:
            return None
        had = list(self.folder.glob("*.part"))
        for path in (*had, self.survey):
            path.unlink(missing_ok=True)
        self._write(_MANIFEST, now)
        return _difference(before, now) if had else None

    def amend(self, identity: dict[str, Any]) -> None:
        """Write the manifest again, with what was not known before."""
        self._write(_MANIFEST, _plain(identity))

    def identity(self) -> Any:
        """Return what the segments are of, as the manifest tells; `None` where there is none."""
        return self._read(_MANIFEST)

    def joining(self) -> None:
        """Note that the hidden files in the folder are about to be put in place as outputs.

        A run that is killed after it renamed them leaves finished outputs and the folder: see
        `made`.
        """
        self._write(_JOINING, [*self._joined(), *map(_number, self.folder.glob(".*.part.*"))])

    def made(self, output: Path, identity: dict[str, Any] | None = None) -> bool:
        """Whether a run, killed just after it put `output` in place, made it of these segments."""
        done = self._read(_DONE) or {"identity": self.identity(), "outputs": self._joined()}
        known = identity is None or done["identity"] == _plain(identity)
        return known and output.exists() and _number(output) in done["outputs"]

    def finish(
        self, identity: dict[str, Any], outputs: Sequence[Path], report: dict[str, Any]
    ) -> None:
        """Note that all is done, with the report of it, so that only tidying up is left."""
        numbers = [_number(path) for path in outputs]
        self._write(_DONE, {"identity": _plain(identity), "outputs": numbers, "report": report})

    def finished(self, identity: dict[str, Any], outputs: Sequence[Path]) -> dict[str, Any] | None:
        """Return the report that `finish` noted, if the outputs are still those it was told of."""
        done = self._read(_DONE)
        if done is None or not all(self.made(output, identity) for output in outputs):
            return None
        report: dict[str, Any] = done["report"]
        return report

    def _joined(self) -> list[list[int]]:
        return self._read(_JOINING) or []

    def _read(self, name: str) -> Any:
        with suppress(OSError, ValueError):
            return json.loads((self.folder / name).read_text("utf-8"))
        return None

    def _write(self, name: str, content: Any) -> None:
        path = self.folder / name
        with (
            av_errors(OutputError, f"{path}: can't be written"),
            written_whole(path, ending=".new") as temporary,
        ):
            temporary.write_text(json.dumps(content, indent=2, default=str) + "\n", "utf-8")

    @property
    def survey(self) -> Path:
        """The name of the file that tells who is kept."""
        return self.folder / _SURVEY

    def path(self, segment: int, target: int) -> Path:
        """Return the name of a segment's file for the render's `target`-th output."""
        return self.folder / f"{segment:+07d}-{target}.part"

    def records(
        self, first: int, targets: int, stop: int | None = None
    ) -> dict[int, list[SegmentRecord]]:
        """Return records, one per target, of segments in [first, stop) that are whole for each."""
        numbers = sorted(
            {int(path.name.partition("-0.")[0]) for path in self.folder.glob("*-0.part")}
        )
        whole = {}
        for number in numbers:
            if number < first or (stop is not None and number >= stop):
                continue
            found = [self.record(number, target) for target in range(targets)]
            if all(found):
                whole[number] = [record for record in found if record is not None]
        return whole

    def record(self, segment: int, target: int, *, checked: bool = True) -> SegmentRecord | None:
        """Return a file's record, `None` where it isn't whole; not `checked`: by its end alone."""
        read = (account_of if checked else last_words)(self.path(segment, target))
        return None if read is None else SegmentRecord(**read)


def missing(whole: dict[int, list[SegmentRecord]], first: int) -> list[tuple[int, int | None]]:
    """Return the stretches [begin, stop) still to be made; the end of the last may be unknown."""
    found: list[tuple[int, int | None]] = []
    number = begin = first
    known = max(whole, default=first - 1)
    while number <= known:
        if number not in whole:
            number += 1
            continue
        if begin < number:
            found.append((begin, number))
        if whole[number][0].last:
            return found
        begin = number = number + 1
    return [*found, (begin, None)]


def _is_at(handle: int, path: Path) -> bool:
    """Whether an open file is still the one of that name."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(handle), path.stat())
    return False


def _number(path: Path) -> list[int]:
    """Return what tells a file from all others, whatever its name."""
    status = path.stat()
    return [status.st_dev, status.st_ino]


def _plain(content: Any) -> Any:
    """Return content as JSON gives it back."""
    return json.loads(json.dumps(content, default=str))


def _difference(before: Any, now: dict[str, Any]) -> str:
    """Return in words what changed between two manifests."""
    if not isinstance(before, dict):
        return "its manifest can't be read"
    old, new = _flat(before), _flat(now)
    changed = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
    shown = [
        f"{key} was {old.get(key, 'absent')}, is {new.get(key, 'absent')}" for key in changed[:3]
    ]
    return "; ".join(shown) + (f"; and {len(changed) - 3} more" if len(changed) > 3 else "")


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key} ")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
