"""Joining of segments: the outputs of a clip written from its segments, and its report."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain

from vidseg.compositing.painters import open_painter
from vidseg.errors import OutputError
from vidseg.jobs.job import Job
from vidseg.jobs.people import people_of
from vidseg.jobs.segment_metrics import read_figures
from vidseg.jobs.segment_sink import add_up
from vidseg.jobs.segment_store import SegmentRecord
from vidseg.matting.restarts import border
from vidseg.media.ffmpeg import Packet
from vidseg.media.mux import read_packets, retimed
from vidseg.media.picture_changes import joined
from vidseg.rendering.account import conclude, new_report
from vidseg.rendering.chain import choose_hwaccel
from vidseg.rendering.run import Run, Say
from vidseg.rendering.sinks import VideoSink
from vidseg.reports.metrics import Collected
from vidseg.reports.run_report import Report
from vidseg.system.signals import deferred_signals
from vidseg.system.timing import Stopwatch


def join(job: Job, watch: Stopwatch, begun: float, say: Say) -> Report:
    """Write the outputs from the segments, and report on them."""
    settings, info = job.settings, job.info
    run = Run(settings, info, say, watch, survey=people_of(job), begun=begun)
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
            records = _records(job, index)
            _check_headers(sink, records, job)
            sink.copy(_packets(job, index, records), sum(record.captioned for record in records))
            if index == 0:
                report = new_report(run, _RenderedBy.of(records), sinks)
                report.frames_out = sum(record.frames for record in records)
                add_up(run.damage, records)
                run.changes = joined(record.course for record in records)
                figures = _figures(job, records)
        choose_hwaccel(settings, sinks[0].notes)
        if settings.report is not None and figures is None:
            sinks[0].notes.append(
                "no figures on what is written: parts were rendered without --report"
            )
        job.store.joining()
        for sink in sinks:
            sink.finish()
    watch.add("join", since)
    conclude(run, report, sinks, job.opening, figures)
    return report


@dataclass(frozen=True, slots=True)
class _RenderedBy:
    """Names of the networks that rendered, and what they ran on; nearly always one."""

    name: str
    device: str

    @classmethod
    def of(cls, records: list[SegmentRecord]) -> "_RenderedBy":
        """Return who rendered the segments."""
        names = dict.fromkeys(record.model for record in records)
        devices = dict.fromkeys(record.device for record in records)
        return cls(", ".join(names), ", ".join(devices))


def _records(job: Job, target: int) -> list[SegmentRecord]:
    """Return the records of all segments of a target, to the last one."""
    records: list[SegmentRecord] = []
    while not records or not records[-1].last:
        number = job.first + len(records)
        record = job.store.record(number, target, checked=False)
        if record is None:
            raise OutputError(
                f"{job.store.path(number, target)}: this part of the render is gone; run again"
            )
        records.append(record)
    return records


def _figures(job: Job, records: list[SegmentRecord]) -> Collected | None:
    """Return the figures of all segments where a report is asked for, and all of them have some."""
    if job.settings.report is None:
        return None
    return read_figures(job.store.folder, job.first, [record.frames for record in records])


def _packets(job: Job, target: int, records: list[SegmentRecord]) -> Iterator[Packet]:
    paths = (job.store.path(job.first + number, target) for number in range(len(records)))
    return retimed(
        chain.from_iterable(map(read_packets, paths)), max(each.reorder for each in records)
    )


def _check_headers(sink: VideoSink, records: list[SegmentRecord], job: Job) -> None:
    """Refuse to join what one header can't describe, such as parts encoded on unlike machines."""
    for number, record in enumerate(records, job.first):
        if record.header != sink.header:
            job.store.path(number, 0).unlink(missing_ok=True)
            raise OutputError(
                f"{sink.codec} wrote another header for the part at "
                f"{float(border(number)):g} s, which can't be joined; "
                "run again, on machines with the same encoder"
            )
