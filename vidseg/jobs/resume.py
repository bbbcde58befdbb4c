"""Renders that survive being killed: segment by segment, then joined; a second run goes on after the first.

Segments share one way of finding masks (see `vidseg.matting.restarts`), so that it doesn't matter
which of them were made in one go, after a restart, or on another machine.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from itertools import chain as row
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np

from vidseg.compositing.painters import open_painter
from vidseg.errors import OutputError, SettingsError
from vidseg.frames.frame import Frame
from vidseg.jobs.segment_metrics import SegmentFigures, read_figures
from vidseg.jobs.segment_sink import SegmentSink, add_up
from vidseg.jobs.segment_store import Account, Store, missing
from vidseg.matting.mask import Mask
from vidseg.matting.restarts import MOST_SEGMENTS, border, restart_before, segment_at
from vidseg.media.ffmpeg import Packet, check_target, library_versions
from vidseg.media.image_sequence import is_numbered, is_sequence, name_of, numbers
from vidseg.media.mux import FORMATS, read_packets, retimed
from vidseg.media.picture_changes import joined
from vidseg.media.source import is_photo, probe
from vidseg.media.video_info import VideoInfo
from vidseg.models import fingerprint
from vidseg.networks import open_segmenter
from vidseg.networks.base import Segmenter
from vidseg.rendering import file_checks
from vidseg.rendering.account import check_beside, conclude, new_report
from vidseg.rendering.chain import choose_hwaccel, open_chain
from vidseg.rendering.clip_start import Opening, expected_frames, find_opening, player_span
from vidseg.rendering.pipeline import painted, write_one
from vidseg.rendering.run import Progress, Run, Say
from vidseg.rendering.sinks import VideoSink
from vidseg.reports.run_report import Report
from vidseg.settings import RenderSettings
from vidseg.system.signals import deferred_signals
from vidseg.system.timing import Stopwatch

_EDGE_BYTES = 1 << 20

Stretch: TypeAlias = tuple[int, int | None]
"""Segments [begin, stop); `None`: to the clip's end."""


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
        """The number after the last segment's, by what the source claims; `None` where that can't be."""
        span = player_span(self.info, self.settings.start, self.settings.end)
        if self.info.duration is None:
            return None
        end = self.info.start + self.info.duration
        stop = max(self.first, segment_at(end if span.end is None else min(end, span.end))) + 1
        return stop if stop - self.first <= MOST_SEGMENTS else None


Renderer: TypeAlias = Callable[[Job, list[Stretch], Callable[[int], None]], None]
"""Renders stretches of a job, telling of each frame or of some frames at once."""


def open_job(settings: RenderSettings) -> Job:
    """Look at the source. Raises a `VidsegError` for what can't be rendered in segments."""
    for target in settings.targets:
        if target.path.suffix.lower() not in FORMATS or is_numbered(target.path):
            endings = ", ".join(FORMATS)
            raise SettingsError(
                f"{target.path}: only videos are rendered in segments; use {endings}"
            )
    info = probe(settings.source, settings.frame_rate, settings.max_pixels)
    if is_photo(info):
        raise SettingsError(
            f"{settings.source}: is a photo; `vidseg render` makes one of it, without --resumable and --ray"
        )
    opening = find_opening(settings, info)
    return Job(settings, opening.info, opening, Store(settings.output))


def _admitted(job: Job, who: dict[str, Any]) -> Job:
    """Return the job after checking its targets; its own finished ones, left by a kill, it may replace."""
    settings, ours = job.settings, False
    for target in settings.targets:
        mine = job.store.made(target.path, who)
        check_target(target.path, overwrite=settings.overwrite or mine)
        ours = ours or mine
    job = replace(job, settings=replace(settings, overwrite=True)) if ours else job
    check_beside(job.settings, job.info)
    return job


def render(
    settings: RenderSettings,
    *,
    segmenter: Segmenter | None = None,
    progress: Progress | None = None,
    say: Say = lambda _: None,
    renderer: Renderer | None = None,
) -> Report:
    """Render like `pipeline.render`, in segments; what an earlier run finished is used again.

    A segment is used again where source, background, settings, weights and versions are what they
    were; otherwise all is rendered anew and `say` is told why. `renderer` makes the segments
    elsewhere. Finished segments stay when this run fails or is interrupted.
    """
    begun = time.perf_counter()
    watch = Stopwatch()
    file_checks.check(settings)
    job = open_job(settings)
    who = identity(settings, segmenter)
    outputs = [target.path for target in settings.targets]
    for output in outputs:
        check_target(output, overwrite=True)
    job.store.claim()
    try:
        job = _admitted(job, who)
        if (account := job.store.finished(who, outputs)) is not None:
            job.store.remove()
            return Report(**account)
        stretches, tally = _left(job, who, progress, say)
        if stretches:
            (renderer or _Local(segmenter, watch, say))(job, stretches, tally.add)
        report = _join(job, watch, begun, say)
        job.store.finish(who, outputs, asdict(report))
        job.store.remove()
        return report
    finally:
        job.store.release()


def _left(
    job: Job, who: dict[str, Any], progress: Progress | None, say: Say
) -> tuple[list[Stretch], "_Tally"]:
    """Return the stretches that no earlier run has left, and a count of all frames."""
    outputs = [target.path for target in job.settings.targets]
    why = job.store.settle(who, outputs)
    if why is not None:
        say(f"{job.settings.output}: starting anew, since {why}")
    whole = job.store.accounts(job.first, len(outputs))
    tally = _Tally(job, whole, progress, who)
    if tally.done:
        say(f"{job.settings.output}: going on, {tally.done} frames are there already")
    return missing(whole, job.first), tally


class _Tally:
    """Counts frames over all segments for a progress bar."""

    def __init__(
        self,
        job: Job,
        whole: dict[int, list[Account]],
        progress: Progress | None,
        who: dict[str, Any],
    ) -> None:
        self.done = sum(accounts[0].frames for accounts in whole.values())
        span = player_span(job.info, job.settings.start, job.settings.end)
        self._expected = expected_frames(job.info, span)
        self._progress = progress
        self._job = job
        self._unknown = who if who["weights"] is None else None

    def add(self, frames: int) -> None:
        """Count frames that were written."""
        if self._unknown is not None:  # by now the network is open, its weights fetched
            weights = fingerprint(self._job.settings.model.name)
            self._job.store.amend({**self._unknown, "weights": weights})
            self._unknown = None
        self.done += frames
        if self._progress is not None:
            self._progress(self.done, self._expected)


class _Local:
    """Renders stretches in this process, with one network for all."""

    def __init__(self, segmenter: Segmenter | None, watch: Stopwatch, say: Say) -> None:
        self._segmenter, self._watch, self._say = segmenter, watch, say

    def __call__(self, job: Job, stretches: list[Stretch], add: Callable[[int], None]) -> None:
        """Render all of them, one after the other."""
        with ExitStack() as stack:
            segmenter = self._segmenter
            if segmenter is None:
                segmenter = open_segmenter(job.settings.model, say=self._say)
                stack.callback(segmenter.close)
            for stretch in stretches:
                render_stretch(job, stretch, segmenter, add, watch=self._watch, say=self._say)


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
    settings, info, (first, stop) = job.settings, job.info, stretch
    run = Run(settings, info, say, watch or Stopwatch())
    begin = None if first == job.first else restart_before(first, settings.matte.smooth)
    with ExitStack() as stack:
        sinks = [
            stack.enter_context(SegmentSink(target, index, settings, info, job.store))
            for index, target in enumerate(settings.targets)
        ]
        for sink in sinks:
            sink.begin(first, stop, run.damage, segmenter, opens=first == job.first)
        chain = open_chain(stack, run, sinks, segmenter, opening=job.opening, begin=begin)
        figures = SegmentFigures(job.store.folder, run, chain)
        wanted = _within(stretch, job.first, chain.pairs, figures, sinks)
        measured = settings.report is not None
        frames = painted(run, chain, wanted, sinks, measured=measured)
        for one in stack.enter_context(closing(frames)):
            figures.turn(one.frame.time)
            write_one(run, one, sinks, figures.quality)
            add(1)
        figures.finish()
        for sink in sinks:
            sink.finish()


def _within(
    stretch: Stretch,
    very_first: int,
    pairs: Iterable[tuple[Frame, Mask]],
    figures: SegmentFigures,
    sinks: list[SegmentSink],
) -> Iterator[tuple[Frame, Mask]]:
    """Yield the pairs that lie in a stretch; where the clip goes on behind it, the sinks are told."""
    first, stop = stretch
    for frame, mask in pairs:
        if stop is not None and frame.time >= border(stop):
            for sink in sinks:
                sink.last = False
            return
        if frame.time < border(first) and first != very_first:
            figures.pass_by(frame, mask)
        else:
            yield frame, mask


def _join(job: Job, watch: Stopwatch, begun: float, say: Say) -> Report:
    """Write the outputs from the segments, and account for them."""
    settings, info = job.settings, job.info
    run = Run(settings, info, say, watch, begun=begun)
    since = time.perf_counter()
    with ExitStack() as stack:
        with deferred_signals():
            opened = (
                VideoSink(target, settings, info, job.store.folder) for target in settings.targets
            )
            sinks = [stack.enter_context(sink) for sink in opened]
        painter, surfaces = open_painter(
            settings, info, job.opening.first, [s.full_range for s in sinks]
        )
        painter.close()
        sinks[0].notes += painter.notes
        for index, (sink, surface) in enumerate(zip(sinks, surfaces, strict=True)):
            sink.start(surface.layout, surface.colour, job.opening.cut, info)
            accounts = _accounts(job, index)
            _check_headers(sink, accounts, job)
            sink.copy(
                _packets(job, index, accounts), sum(account.captioned for account in accounts)
            )
            if index == 0:
                report = new_report(run, _Named.of(accounts), sinks)
                report.frames_out = sum(account.frames for account in accounts)
                add_up(run.damage, accounts)
                run.changes = joined(account.course for account in accounts)
                figures = read_figures(job.store.folder, job.first, [a.frames for a in accounts])
        choose_hwaccel(settings, sinks[0].notes)
        if settings.report is not None and figures is None:
            sinks[0].notes.append(
                "no figures on what is written: parts were rendered without --report"
            )
        job.store.joining()
        for sink in sinks:
            sink.finish()
    watch.add("join", since)
    figures = figures if settings.report else None
    conclude(run, report, sinks, job.opening, figures)
    return report


@dataclass(frozen=True, slots=True)
class _Named:
    """Names of the networks that rendered, and what they ran on; nearly always one."""

    name: str
    device: str

    @classmethod
    def of(cls, accounts: list[Account]) -> "_Named":
        """Return who rendered the segments."""
        names = dict.fromkeys(account.model for account in accounts)
        devices = dict.fromkeys(account.device for account in accounts)
        return cls(", ".join(names), ", ".join(devices))


def _accounts(job: Job, target: int) -> list[Account]:
    """Return the accounts of all segments of a target, to the last one."""
    accounts: list[Account] = []
    while not accounts or not accounts[-1].last:
        number = job.first + len(accounts)
        account = job.store.account(number, target, checked=False)
        if account is None:
            raise OutputError(
                f"{job.store.path(number, target)}: this part of the render is gone; run again"
            )
        accounts.append(account)
    return accounts


def _packets(job: Job, target: int, accounts: list[Account]) -> Iterator[Packet]:
    paths = (job.store.path(job.first + number, target) for number in range(len(accounts)))
    return retimed(
        row.from_iterable(map(read_packets, paths)), max(each.reorder for each in accounts)
    )


def _check_headers(sink: VideoSink, accounts: list[Account], job: Job) -> None:
    """Refuse to join what one header can't describe, such as parts encoded on unlike machines."""
    for number, account in enumerate(accounts, job.first):
        if account.header != sink.header:
            job.store.path(number, 0).unlink(missing_ok=True)
            raise OutputError(
                f"{sink.codec} wrote another header for the part at {float(border(number)):g} s, which "
                "can't be joined; run again, on machines with the same encoder"
            )


def identity(settings: RenderSettings, segmenter: Segmenter | None = None) -> dict[str, Any]:
    """Return all that a segment depends on: source, background, settings, weights, versions."""
    chosen = asdict(settings)
    for name in ("output", "overwrite", "report", "source", "timeline"):
        del chosen[name]
    chosen["timeline"] = settings.timeline is not None
    chosen["model"]["network"] = settings.model.name if segmenter is None else segmenter.name
    background = Path(settings.background)
    there = background.is_file() or is_sequence(background)
    return {
        "source": _source_identity(settings.source),
        "background file": _source_identity(background) if there else None,
        "settings": chosen,
        "weights": fingerprint(settings.model.name),
        "versions": {**library_versions(), "numpy": np.__version__, "opencv": cv2.__version__},
        "container": settings.output.suffix.lower(),
    }


def _source_identity(path: Path) -> dict[str, Any]:
    """Return what tells a source from another: of a sequence, the names, sizes and times of its pictures."""
    if not is_sequence(path):
        return _file_identity(path)
    there = numbers(path)
    digest = hashlib.sha256()
    for number in there:
        status = name_of(path, number).stat()
        digest.update(f"{number} {status.st_size} {status.st_mtime_ns}\n".encode())
    return {"pictures": len(there), "first": there[:1], "listing": digest.hexdigest()[:32]}


def _file_identity(path: Path) -> dict[str, Any]:
    """Return size, time of change and a checksum of both ends of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        digest.update(file.read(_EDGE_BYTES))
        file.seek(max(0, status.st_size - _EDGE_BYTES))
        digest.update(file.read(_EDGE_BYTES))
    return {"size": status.st_size, "changed": status.st_mtime_ns, "ends": digest.hexdigest()[:32]}
