"""A render split into files: a new one where the size or the shape of pixels changes."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from vidseg.errors import InputError, SettingsError
from vidseg.media.damage import added_up
from vidseg.media.ffmpeg import check_target
from vidseg.media.image_sequence import is_numbered
from vidseg.media.mux import FORMATS
from vidseg.networks.base import Segmenter
from vidseg.rendering import file_checks, pipeline
from vidseg.rendering.run import Progress, Say
from vidseg.reports.run_report import Report
from vidseg.settings import RenderSettings, named

_MOST_FILES = 1000


def render(
    settings: RenderSettings,
    *,
    segmenter: Segmenter | None = None,
    progress: Progress | None = None,
    say: Say = lambda _: None,
) -> Report:
    """Render like `pipeline.render`; where `settings` ask for it, to ``out.mp4``, ``out.2.mp4``, ….

    Each file has its own size, its sound, and a clock that begins at 0; each may have a report.
    Returns the account of all. Where a later one fails, the files before it stay.
    """
    if settings.size_change == "box":
        return pipeline.render(settings, segmenter=segmenter, progress=progress, say=say)
    _check(settings)
    reports: list[Report] = []
    part: RenderSettings | None = settings
    while part is not None:
        report, stop = pipeline.render_alike(part, segmenter, _after(reports, progress), say)
        reports.append(report)
        if len(reports) == _MOST_FILES and stop is not None:
            raise InputError(
                f"{settings.source}: its size changes {_MOST_FILES} times; leave out --size-change"
            )
        part = None if stop is None else replace(_numbered(settings, len(reports) + 1), start=stop)
        if part is not None and stop is not None:
            say(
                f"{report.output}: ends at {float(stop):.3f} s, where the picture changes; "
                f"see {part.output}"
            )
    return _joined(reports)


def _check(settings: RenderSettings) -> None:
    """Raise a `VidsegError` where the render can't be split, or a later file can't be written."""
    if settings.output.suffix.lower() not in FORMATS or is_numbered(settings.output):
        endings = ", ".join(FORMATS)
        raise SettingsError(
            f"{settings.output}: only videos are divided; use {endings}, or no --size-change"
        )
    later = [path for path in _later(settings) if os.path.lexists(path)]
    file_checks.check_kept(later, lambda: file_checks.read_by(settings))
    for path in later:
        check_target(path, overwrite=settings.overwrite)


def _later(settings: RenderSettings) -> Iterator[Path]:
    """Yield all names that may be written after the first file is whole."""
    for number in range(2, _MOST_FILES + 1):
        yield from file_checks.written_by(_numbered(settings, number))


def _numbered(settings: RenderSettings, number: int) -> RenderSettings:
    """Return the settings of the `number`-th file."""
    report = settings.report
    return replace(
        settings,
        output=named(settings.output, str(number)),
        report=None if report is None else named(report, str(number)),
    )


def _after(before: list[Report], progress: Progress | None) -> Progress | None:
    """Return what tells `progress` of a file's frames, with those of the files before it."""
    if progress is None:
        return None
    done = sum(report.frames_out for report in before)
    return lambda now, expected: progress(done + now, None if expected is None else done + expected)


def _joined(reports: list[Report]) -> Report:
    """Return the account of several files, one after the other."""
    first, last = reports[0], reports[-1]
    return replace(
        first,
        output=", ".join(report.output for report in reports),
        frames_out=sum(report.frames_out for report in reports),
        end_s=last.end_s,
        notes=list(dict.fromkeys(note for report in reports for note in report.notes)),
        damage=added_up(report.damage for report in reports),
        stage_s={
            name: sum(report.stage_s.get(name, 0.0) for report in reports) for name in first.stage_s
        },
        wall_s=sum(report.wall_s for report in reports),
        quality=first.quality if len(reports) == 1 else {},
    )
