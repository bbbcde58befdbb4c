"""Renders in segments, stopped on the way."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vidseg.jobs import resume
from vidseg.networks.fake import FakeSegmenter
from vidseg.reports.run_report import Report
from vidseg.settings import EncodeSettings, MatteSettings, RenderSettings

RATE = 2
"""Frames a second of the clips: 20 a segment."""


QUICK = EncodeSettings(preset="ultrafast")


def settings(source: Path, output: Path, **changes: Any) -> RenderSettings:
    """Return settings with everything on that looks at neighbouring frames."""
    given = {
        "background": "#2040c0",
        "encode": QUICK,
        "matte": MatteSettings(smooth=0.8),
        **changes,
    }
    return RenderSettings(source=source, output=output, **given)


class StoppedError(Exception):
    """Raised in the middle of a render."""


def stop_after(frames: int) -> Callable[[int, int | None], None]:
    """Return a progress function that ends a render."""

    def progress(done: int, _: int | None) -> None:
        if done >= frames:
            raise StoppedError

    return progress


def in_segments(given: RenderSettings, **options: Any) -> tuple[Report, list[str]]:
    """Render in segments with the fake network; return the report, and what was said."""
    said: list[str] = []
    report = resume.render(given, segmenter=FakeSegmenter(), say=said.append, **options)
    return report, said
