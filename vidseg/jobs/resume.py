"""Resumable renders: made segment by segment, then joined; a second run goes on after the first.

Segments share one way of finding masks (see `vidseg.matting.restarts`), so that it doesn't matter
which of them were made in one go, after a restart, or on another machine.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import Any, TypeAlias

from vidseg.jobs.identity import identity
from vidseg.jobs.job import Job, Stretch, open_job
from vidseg.jobs.join import join
from vidseg.jobs.people import look_for_people
from vidseg.jobs.segment_store import SegmentRecord, missing
from vidseg.jobs.stretch import render_stretch
from vidseg.media.ffmpeg import check_target
from vidseg.models import fingerprint
from vidseg.networks import open_segmenter
from vidseg.networks.base import Segmenter
from vidseg.rendering import file_checks
from vidseg.rendering.account import check_beside
from vidseg.rendering.clip_start import expected_frames, player_span
from vidseg.rendering.run import Progress, Say
from vidseg.reports.run_report import Report
from vidseg.settings import RenderSettings
from vidseg.system.timing import Stopwatch

Renderer: TypeAlias = Callable[[Job, list[Stretch], Callable[[int], None]], None]
"""Renders stretches of a job, telling of each frame or of some frames at once."""


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
        if (noted := job.store.finished(who, outputs)) is not None:
            job.store.remove()
            return Report(**noted)
        stretches, tally = _left(job, who, progress, say)
        if stretches and renderer is None:
            renderer = _Local(segmenter, watch, say)
        else:
            look_for_people(job, segmenter, say)
        if stretches and renderer is not None:
            renderer(job, stretches, tally.add)
        report = join(job, watch, begun, say)
        job.store.finish(who, outputs, asdict(report))
        job.store.remove()
        return report
    finally:
        job.store.release()


def _admitted(job: Job, who: dict[str, Any]) -> Job:
    """Return a job, its targets checked; it may replace its own finished ones, left by a kill."""
    settings, ours = job.settings, False
    for target in settings.targets:
        mine = job.store.made(target.path, who)
        check_target(target.path, overwrite=settings.overwrite or mine)
        ours = ours or mine
    job = replace(job, settings=replace(settings, overwrite=True)) if ours else job
    check_beside(job.settings, job.info)
    return job


def _left(
    job: Job, who: dict[str, Any], progress: Progress | None, say: Say
) -> tuple[list[Stretch], "_Tally"]:
    """Return the stretches that no earlier run has left, and a count of all frames."""
    outputs = [target.path for target in job.settings.targets]
    why = job.store.settle(who, outputs)
    if why is not None:
        say(f"{job.settings.output}: starting anew, since {why}")
    whole = job.store.records(job.first, len(outputs))
    tally = _Tally(job, whole, progress, who)
    if tally.done:
        say(f"{job.settings.output}: going on, {tally.done} frames are there already")
    return missing(whole, job.first), tally


class _Tally:
    """Counts frames over all segments for a progress bar."""

    def __init__(
        self,
        job: Job,
        whole: dict[int, list[SegmentRecord]],
        progress: Progress | None,
        who: dict[str, Any],
    ) -> None:
        self.done = sum(records[0].frames for records in whole.values())
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
            since = time.perf_counter()
            look_for_people(job, segmenter, self._say)
            if not job.settings.people.everybody:
                self._watch.add("people", since)
            for stretch in stretches:
                render_stretch(job, stretch, segmenter, add, watch=self._watch, say=self._say)
