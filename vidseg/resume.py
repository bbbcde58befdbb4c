"""Renders that survive being killed: segment by segment, then joined; a second run goes on after the first.

Segments share one way of finding masks (see `vidseg.borders`), so that it doesn't matter which of them
were made in one go, after a restart, or on another machine.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import chain as row
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np

from vidseg import timeline
from vidseg._av import Packet, check_target, library_versions
from vidseg.borders import border, restart_before, segment_at
from vidseg.decode import Damage
from vidseg.errors import OutputError, SettingsError
from vidseg.frames import VideoInfo
from vidseg.models import fingerprint
from vidseg.mux import FORMATS, read_packets, retimed
from vidseg.paint import open_painter
from vidseg.pipeline import (
    Opening,
    Progress,
    Say,
    choose_hwaccel,
    conclude,
    expected_frames,
    find_opening,
    new_report,
    open_chain,
    player_span,
    write_one,
)
from vidseg.report import Report, Stopwatch
from vidseg.segmenters import open_segmenter
from vidseg.segmenters.base import Segmenter
from vidseg.segments import Account, SegmentSink, Store, missing
from vidseg.settings import RenderSettings
from vidseg.sinks import VideoSink
from vidseg.source import look

_EDGE_BYTES = 1 << 20

Stretch: TypeAlias = tuple[int, int | None]
"""Segments [begin, stop); `None`: to the clip's end."""


@dataclass(frozen=True, slots=True)
class Named:
    """The name of the network that rendered, and what it ran on."""

    name: str
    device: str


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A render in segments: its settings, its source, where it begins, and where its segments are."""

    settings: RenderSettings
    info: VideoInfo
    opening: Opening
    store: Store

    @property
    def first(self) -> int:
        """The number of the first segment."""
        return segment_at(self.opening.first.time)

    @property
    def estimated_stop(self) -> int | None:
        """The number after the last segment's, by what the source claims; `None` where it claims nothing."""
        span = player_span(self.info, self.settings.start, self.settings.end)
        if self.info.duration is None:
            return None
        end = self.info.start + self.info.duration
        return max(self.first, segment_at(end if span.end is None else min(end, span.end))) + 1


Renderer: TypeAlias = Callable[[Job, list[Stretch], Callable[[int], None]], Named]
"""Renders stretches of a job, telling of each frame or of some frames at once; returns who did it."""


def open_job(settings: RenderSettings) -> Job:
    """Look at the source and check the targets. Raises a `VidsegError` for what can't be rendered so."""
    for target in settings.targets:
        if target.path.suffix.lower() not in FORMATS or "%" in target.path.name:
            endings = ", ".join(FORMATS)
            raise SettingsError(f"{target.path}: only videos are rendered in segments; use {endings}")
        check_target(target.path, (settings.source,), overwrite=settings.overwrite)
    info = look(settings.source, settings.frame_rate)
    timeline.check(settings, info)
    return Job(settings, info, find_opening(settings, info), Store(settings.output))


def render(
    settings: RenderSettings,
    *,
    segmenter: Segmenter | None = None,
    progress: Progress | None = None,
    say: Say = lambda _: None,
    renderer: Renderer | None = None,
) -> Report:
    """Render like `vidseg.pipeline.render`, in segments; what an earlier run finished is used again.

    A segment is used again where source, background, settings, weights and versions are what they were;
    otherwise all is rendered anew and `say` is told why. `renderer` makes the segments elsewhere. Finished
    segments stay when this run fails or is interrupted.
    """
    begun = time.perf_counter()
    job = open_job(settings)
    watch = Stopwatch()
    job.store.claim()
    try:
        why = job.store.settle(identity(settings, segmenter))
        if why is not None:
            say(f"{settings.output}: starting anew, since {why}")
        whole = job.store.accounts(job.first, len(settings.targets))
        tally = _Tally(job, whole, progress)
        if tally.done:
            say(f"{settings.output}: going on, {tally.done} frames are there already")
        stretches = missing(whole, job.first)
        report = new_report(settings, job.info, Named("", ""), [])
        if stretches:
            local = _Local(segmenter, watch, say)
            named = (renderer or local)(job, stretches, tally.add)
            report.model, report.device = named.name, named.device
        _join(job, report, watch, begun, say)
    finally:
        job.store.release()
    job.store.remove()
    return report


class _Tally:
    """Counts frames over all segments for a progress bar."""

    def __init__(self, job: Job, whole: dict[int, list[Account]], progress: Progress | None) -> None:
        self.done = sum(accounts[0].frames for accounts in whole.values())
        span = player_span(job.info, job.settings.start, job.settings.end)
        self._expected = expected_frames(job.info, span)
        self._progress = progress

    def add(self, frames: int) -> None:
        """Count frames that were written."""
        self.done += frames
        if self._progress is not None:
            self._progress(self.done, self._expected)


class _Local:
    """Renders stretches in this process, with one network for all."""

    def __init__(self, segmenter: Segmenter | None, watch: Stopwatch, say: Say) -> None:
        self._segmenter, self._watch, self._say = segmenter, watch, say

    def __call__(self, job: Job, stretches: list[Stretch], add: Callable[[int], None]) -> Named:
        """Render all of them, one after the other."""
        with ExitStack() as stack:
            segmenter = self._segmenter
            if segmenter is None:
                segmenter = open_segmenter(job.settings.segment, say=self._say)
                stack.callback(segmenter.close)
            for stretch in stretches:
                render_stretch(job, stretch, segmenter, add, watch=self._watch, say=self._say)
            return Named(segmenter.name, segmenter.device)


def remaining(job: Job, stretch: Stretch) -> list[Stretch]:
    """Return what of a stretch isn't finished yet."""
    begin, stop = stretch
    whole = job.store.accounts(begin, len(job.settings.targets), stop)
    parts = [(low, stop if high is None else high) for low, high in missing(whole, begin)]
    return [(low, high) for low, high in parts if high is None or low < high]


def render_stretch(
    job: Job,
    stretch: Stretch,
    segmenter: Segmenter,
    add: Callable[[int], None] = lambda _: None,
    *,
    watch: Stopwatch | None = None,
    say: Say = lambda _: None,
) -> None:
    """Render the segments of a stretch in one go; all of them, or those before a failure, are kept."""
    settings, info = job.settings, job.info
    first, stop = stretch
    watch, damage = watch or Stopwatch(), Damage()
    begin = None if first == job.first else restart_before(first, settings.matte.smooth)
    with ExitStack() as stack:
        sinks = [
            stack.enter_context(SegmentSink(target, index, settings, info, job.store))
            for index, target in enumerate(settings.targets)
        ]
        for sink in sinks:
            sink.begin(first, stop, damage)
        hwaccel = choose_hwaccel(settings, [])
        opened = open_chain(
            stack, settings, info, sinks, damage, watch, hwaccel, segmenter, say,
            opening=job.opening, begin=begin,
        )  # fmt: skip
        ended = True
        for frame, mask in opened.pairs:
            if frame.time < border(first) and first != job.first:
                continue
            if stop is not None and frame.time >= border(stop):
                ended = False
                break
            write_one(frame, mask, opened.painter, sinks, watch)
            add(1)
        for sink in sinks:
            sink.last = ended
            sink.finish()


def _join(job: Job, report: Report, watch: Stopwatch, begun: float, say: Say) -> None:
    """Write the outputs from the segments, and complete the report."""
    settings, info = job.settings, job.info
    since = time.perf_counter()
    damage = Damage()
    with ExitStack() as stack:
        sinks = [stack.enter_context(VideoSink(target, settings, info)) for target in settings.targets]
        painter, surfaces = open_painter(settings, info, job.opening.first, [s.full_range for s in sinks])
        painter.close()
        for index, (sink, surface) in enumerate(zip(sinks, surfaces, strict=True)):
            sink.start(surface.layout, surface.colour, job.opening.cut)
            accounts = _accounts(job, index)
            _check_headers(sink, accounts, job)
            sink.copy(_packets(job, index, accounts))
            if index == 0:
                report.frames_out = sum(account.frames for account in accounts)
                _add_up(damage, accounts)
        choose_hwaccel(settings, sinks[0].notes)
        for sink in sinks:
            sink.finish()
    report.output_codec = ", ".join(sink.codec for sink in sinks)
    watch.add("join", since)
    conclude(report, settings, info, sinks, damage, job.opening, watch, begun, say)


def _accounts(job: Job, target: int) -> list[Account]:
    """Return the accounts of all segments of a target, to the last one."""
    accounts: list[Account] = []
    while not accounts or not accounts[-1].last:
        number = job.first + len(accounts)
        account = job.store.account(number, target)
        if account is None:
            raise OutputError(f"{job.store.path(number, target)}: this part of the render is gone; run again")
        accounts.append(account)
    return accounts


def _packets(job: Job, target: int, accounts: list[Account]) -> Iterator[Packet]:
    paths = (job.store.path(job.first + number, target) for number in range(len(accounts)))
    depth = max(account.reorder for account in accounts)
    return retimed(row.from_iterable(map(read_packets, paths)), depth)


def _check_headers(sink: VideoSink, accounts: list[Account], job: Job) -> None:
    """Refuse to join what one header can't describe, such as parts encoded on unlike machines."""
    for number, account in enumerate(accounts, job.first):
        if account.header != sink.header:
            job.store.path(number, 0).unlink(missing_ok=True)
            raise OutputError(
                f"{sink.codec} wrote another header for the part at {float(border(number)):g} s, which "
                "can't be joined; run again, on machines with the same encoder"
            )


def _add_up(damage: Damage, accounts: list[Account]) -> None:
    for account in accounts:
        damage.packets += account.damage["packets"]
        damage.corrupt_frames += account.damage["corrupt_frames"]
        damage.made_up_times += account.damage["made_up_times"]
    if accounts[-1].video_end is not None:
        damage.video_end = Fraction(accounts[-1].video_end)


def identity(settings: RenderSettings, segmenter: Segmenter | None = None) -> dict[str, Any]:
    """Return all that a segment depends on: source, background, settings, weights, versions."""
    chosen = asdict(settings)
    for name in ("output", "overwrite", "report", "source"):
        del chosen[name]
    chosen["timeline"] = settings.timeline is not None
    chosen["segment"]["network"] = settings.segment.model if segmenter is None else segmenter.name
    background = Path(settings.background)
    return {
        "source": _file_identity(settings.source),
        "background file": _file_identity(background) if background.is_file() else None,
        "settings": chosen,
        "weights": fingerprint(settings.segment.model),
        "versions": {**library_versions(), "numpy": np.__version__, "opencv": cv2.__version__},
        "container": settings.output.suffix.lower(),
    }


def _file_identity(path: Path) -> dict[str, Any]:
    """Return size, time of change and a checksum of both ends of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        digest.update(file.read(_EDGE_BYTES))
        file.seek(max(0, status.st_size - _EDGE_BYTES))
        digest.update(file.read(_EDGE_BYTES))
    return {"size": status.st_size, "changed": status.st_mtime_ns, "ends": digest.hexdigest()[:32]}
