"""The account of a run: what goes into its report, what is told, what is written beside."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from vidseg.errors import worded
from vidseg.media.damage import loss_behind
from vidseg.media.ffmpeg import library_versions
from vidseg.media.file_length import missing_bytes
from vidseg.media.lost_pictures import loss_note
from vidseg.media.mux import KeptRange
from vidseg.media.ogg_pages import missing_pages
from vidseg.media.video_info import StreamInfo, VideoInfo
from vidseg.rendering.clip_start import Opening, missing_s
from vidseg.rendering.people import account_of, note_on
from vidseg.rendering.run import Run
from vidseg.rendering.sinks import Sink
from vidseg.reports.run_report import Report
from vidseg.settings import RenderSettings

if TYPE_CHECKING:
    from vidseg.reports.metrics import Collected


class Network(Protocol):
    """Who found the people: a network's name, and what it ran on."""

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def device(self) -> str:
        """What it runs on, for people."""


def check_beside(settings: RenderSettings, info: VideoInfo) -> None:
    """Raise a `VidsegError` where a timeline or a report that is asked for can't be written.

    What writes these is imported where they are asked for, since it takes as long as a frame or
    two.
    """
    if settings.timeline is not None:
        from vidseg.reports import timeline

        timeline.check(settings, info)
    if settings.report is not None:
        from vidseg.reports import html

        html.check(settings)


def new_report(run: Run, network: Network, sinks: Sequence[Sink]) -> Report:
    """Return a report with what is known before the first frame."""
    settings, info = run.settings, run.info
    return Report(
        source=str(settings.source),
        output=", ".join(str(target.path) for target in settings.targets),
        kind=settings.kind,
        container=info.container,
        source_codec=info.codec,
        output_codec=", ".join(sink.codec for sink in sinks),
        pix_fmt=info.pix_fmt,
        width=info.width,
        height=info.height,
        model=network.name,
        device=network.device,
        versions=library_versions(),
    )


def conclude(
    run: Run,
    report: Report,
    sinks: Sequence[Sink],
    opening: Opening,
    figures: "Collected | None" = None,
) -> None:
    """Complete the report, tell its notes, and write it where the settings ask for that."""
    _add_account(run, report, sinks, opening.cut)
    if run.settings.timeline is not None:
        _write_timeline(run, opening, report.frames_out)
    seconds = run.watch.seconds
    report.stage_s = {name: round(busy, 3) for name, busy in seconds.items()}
    report.wall_s = round(time.perf_counter() - run.begun, 3)
    for note in report.notes:
        run.say(note)
    if figures is not None:
        report.quality = figures.account()
    if run.settings.report is not None:
        from vidseg.reports import html

        html.write(report, run.settings.report, figures.moments() if figures is not None else ())


def _write_timeline(run: Run, opening: Opening, frames: int) -> None:
    from vidseg.reports import timeline

    end = run.damage.video_end or Fraction(0)
    kept = timeline.PictureRange(opening.first.time, end, opening.cut.start)
    timeline.write(run.settings, run.info, kept, frames)


def _add_account(run: Run, report: Report, sinks: Sequence[Sink], cut: KeptRange) -> None:
    """Add to a report what was read, copied, left out and lost."""
    info, damage, others = run.info, run.damage, sinks[0].outcomes
    report.start_s = float(cut.origin)
    report.end_s = float(damage.video_end or 0)
    report.streams = [
        {**_plain(s), "fate": others.by_index.get(s.index, "rendered")} for s in info.streams
    ]
    if run.survey is not None:
        report.people = account_of(run.survey, info)
        report.notes += filter(None, [note_on(run.survey, info)])
    if run.bodies is not None:
        report.notes += filter(None, [run.bodies.note(report.model)])
    report.notes += run.changes.notes(info)
    report.notes += [worded(note) for each in sinks for note in each.notes]
    if damage.late_streams:
        report.notes.append(worded(_late(info)))
    lost = sorted(damage.losing())
    read_to = max(damage.video_end or Fraction(0), others.copied_end)
    reached = run.span.end is not None and read_to >= run.span.end
    short = 0 if reached else missing_bytes(Path(info.path), info.container)
    pages = 0 if reached else missing_pages(Path(info.path), info.container)
    counts = damage.counts()
    unread = counts.pop("unread")
    report.damage = {
        **counts,
        "packets": counts["packets"] + others.broken_reads + pages,
        "lost_frames": len(lost) + unread,
        "missing_s": float(missing_s(info, run.span, damage, others)),
        "missing_bytes": short,
        "missing_sound_s": float(others.missing_sound_s),
        "lost_background_frames": _lost_behind(run, report),
    }
    if note := loss_note(info, lost, damage.unread, short):
        report.notes.append(note)


def _lost_behind(run: Run, report: Report) -> int:
    """Return how many pictures of the background are lost, with a note where any are."""
    count, note = loss_behind(run.damage, run.settings.behind.path)
    report.notes += [] if note is None else [note]
    return count


def _late(info: VideoInfo) -> str:
    """Say that streams are left out which no list had, and how to have them listed."""
    return (
        "sound, subtitles or a second video begin so late in the file that they are left out; "
        "to have them, run ffmpeg -probesize 2G -analyzeduration 2G "
        f"-i {info.path} -map 0 -c copy new.mkv before"
    )


def _plain(stream: StreamInfo) -> dict[str, object]:
    """Return what is known of a stream as JSON takes it."""
    return {k: float(v) if isinstance(v, Fraction) else v for k, v in asdict(stream).items()}
