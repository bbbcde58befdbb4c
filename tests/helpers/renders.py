"""Renders for tests: settings with quick defaults, and the fake segmenter."""

from pathlib import Path
from typing import Any

from vidseg.networks.fake import FakeSegmenter
from vidseg.rendering.pipeline import render
from vidseg.reports.run_report import Report
from vidseg.settings import EncodeSettings, MatteSettings, RenderSettings

QUICK = EncodeSettings(preset="ultrafast")


def rendered(source: Path, output: Path, background: str = "#2040c0", **changes: Any) -> Report:
    """Render with the fake segmenter, crisp masks and the quickest encoder."""
    given: dict[str, Any] = {
        "encode": QUICK,
        "matte": MatteSettings(smooth=0, decontaminate=False),
        **changes,
    }
    settings = RenderSettings(source=source, output=output, background=background, **given)
    return render(settings, segmenter=FakeSegmenter())
