"""A render in pieces: each segment is a file that is whole or not there, until all are joined."""

import fcntl
import json
import os
import shutil
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vidseg._av import av_errors
from vidseg.borders import segment_at
from vidseg.decode import Damage
from vidseg.encode import Blank, Encoder, plan
from vidseg.errors import OutputError
from vidseg.frames import Colour, Frame, PixelFormat, Planes, VideoInfo
from vidseg.mux import Cut, ParcelWriter, account_of, reordering, scratch_container
from vidseg.report import Stopwatch
from vidseg.settings import RenderSettings, Target

_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Account:
    """What is known of a segment: its frames, how far its packets are reordered, what was damaged.

    `last`: the clip ends with it, at `video_end` in seconds of the source's clock; `header`: checksum of
    what the encoder puts into the container's header, which all segments must share.
    """

    frames: int
    reorder: int
    last: bool
    header: str
    damage: dict[str, int]
    video_end: str | None = None


class Store:
    """The hidden folder beside an output that holds its segments and says what they are of."""

    def __init__(self, output: Path) -> None:
        self.folder = output.with_name(f".{output.name}.segments")
        self._lock: int | None = None

    def claim(self) -> None:
        """Make the folder and keep others out. Raises `OutputError` where another run has it."""
        with av_errors(OutputError, f"{self.folder}: can't be made"):
            self.folder.mkdir(exist_ok=True)
            self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            raise OutputError(f"{self.folder}: another run is rendering this output; wait for it") from error
        except OSError:  # a file system without locks
            return

    def release(self) -> None:
        """Let others in; a folder without segments is removed."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if self.folder.is_dir() and not any(self.folder.glob("*.part")):
            self.remove()

    def remove(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def settle(self, identity: dict[str, Any]) -> str | None:
        """Keep segments of the same `identity` only; return why earlier ones are dropped, if any are."""
        manifest = self.folder / _MANIFEST
        for leftover in self.folder.glob(".*.part.*"):
            leftover.unlink(missing_ok=True)
        plain = json.loads(json.dumps(identity, default=str))
        before: Any = None
        with suppress(OSError, ValueError):
            before = json.loads(manifest.read_text("utf-8"))
        if before == plain:
            return None
        had = list(self.folder.glob("*.part"))
        for path in had:
            path.unlink(missing_ok=True)
        temporary = manifest.with_suffix(".new")
        with av_errors(OutputError, f"{manifest}: can't be written"):
            temporary.write_text(json.dumps(plain, indent=2) + "\n", "utf-8")
            temporary.replace(manifest)
        return _difference(before, plain) if had else None

    def path(self, segment: int, target: int) -> Path:
        """Return the name of a segment's file for the render's `target`-th output."""
        return self.folder / f"{segment:+07d}-{target}.part"

    def accounts(self, first: int, targets: int, stop: int | None = None) -> dict[int, list[Account]]:
        """Return the accounts, one per target, of the segments in [first, stop) that are whole for each."""
        numbers = sorted({int(path.name.partition("-0.")[0]) for path in self.folder.glob("*-0.part")})
        whole = {}
        for number in numbers:
            if number < first or (stop is not None and number >= stop):
                continue
            found = [self.account(number, target) for target in range(targets)]
            if all(found):
                whole[number] = [account for account in found if account is not None]
        return whole

    def account(self, segment: int, target: int) -> Account | None:
        """Return the account of one file, `None` where it isn't whole."""
        read = account_of(self.path(segment, target))
        return None if read is None else Account(**read)


def missing(whole: dict[int, list[Account]], first: int) -> list[tuple[int, int | None]]:
    """Return the stretches [begin, stop) of segments still to be made; the end of the last may be unknown."""
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


def _difference(before: Any, now: dict[str, Any]) -> str:
    """Return in words what changed between two manifests."""
    if not isinstance(before, dict):
        return "its manifest can't be read"
    old, new = _flat(before), _flat(now)
    changed = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
    shown = [f"{key} was {old.get(key, 'absent')}, is {new.get(key, 'absent')}" for key in changed[:3]]
    return "; ".join(shown) + (f"; and {len(changed) - 3} more" if len(changed) > 3 else "")


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key} ")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


class SegmentSink:
    """Takes the frames of a stretch of segments; every segment has an encoder of its own."""

    copied_end = Fraction(0)
    broken_reads = 0

    def __init__(
        self, target: Target, index: int, settings: RenderSettings, info: VideoInfo, store: Store
    ) -> None:
        self._suffix = target.path.suffix.lower()
        self._plan = plan(info, settings.encode, self._suffix, target.content)
        self.codec, self.pix_fmt = self._plan.name, self._plan.pix_fmt
        self.full_range = self._plan.full_range
        self.notes: list[str] = []
        self.fates: list[tuple[int, str]] = []
        self._index, self._info, self._store = index, info, store
        self._writer: ParcelWriter | None = None
        self._number = 0
        self._stop: int | None = None
        self.last = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.abandon()

    def begin(self, first: int, stop: int | None, damage: Damage) -> None:
        """Say which segments will come, and where their damage is counted."""
        self._number, self._stop, self._damage = first, stop, damage
        self._seen = _counts(damage)

    def start(self, layout: PixelFormat, colour: Colour, cut: Cut) -> None:
        """Open the first encoder."""
        self._layout, self._colour, self._cut = layout, colour, cut
        self._open()
        self.notes += self._encoder.notes

    def blank(self) -> Planes:
        """Return fresh writable planes for the next frame."""
        self._blank: Blank = self._encoder.blank()
        return self._blank.planes

    def write(self, frame: Frame, watch: Stopwatch) -> None:
        """Encode what was painted on the last `blank`, in the segment that holds the frame's time."""
        since = time.perf_counter()
        number = segment_at(frame.time)
        while self._number < number:
            self._close(last=False)
            self._number += 1
            self._open()
        shift = round(self._cut.origin / frame.time_base)
        packets = self._encoder.encode(self._blank, frame.pts - shift, frame.duration, frame.time_base)
        self._put(packets)
        self._frames += 1
        watch.add("encode", since)

    def finish(self) -> None:
        """Complete the last segment of the stretch; set `last` before where the clip ends with it."""
        self._close(last=self.last)
        while not self.last and self._stop is not None and self._number + 1 < self._stop:
            self._number += 1
            self._open()
            self._close(last=False)

    def _open(self) -> None:
        self._container = scratch_container(self._suffix)
        self._encoder = Encoder(self._container, self._plan, self._info, self._layout, self._colour)
        self._encoder.open()
        self._pts: list[int] = []
        self._frames = 0
        self._writer = ParcelWriter(self._store.path(self._number, self._index))

    def _put(self, packets: list[Any]) -> None:
        assert self._writer is not None
        self._pts += [packet.pts for packet in packets]
        self._writer.write(packets)

    def _close(self, *, last: bool) -> None:
        if self._frames:
            self._put(self._encoder.flush())
        counts = _counts(self._damage)
        end = self._damage.video_end
        account = Account(
            frames=self._frames,
            reorder=reordering(self._pts),
            last=last,
            header=self._encoder.header,
            damage={name: counts[name] - self._seen[name] for name in counts},
            video_end=str(end) if last and end is not None else None,
        )
        self._seen = counts
        assert self._writer is not None
        self._writer.finish(asdict(account))
        self._writer = None
        self._container.close()


def _counts(damage: Damage) -> dict[str, int]:
    return {
        "packets": damage.packets,
        "corrupt_frames": damage.corrupt_frames,
        "made_up_times": damage.made_up_times,
    }
