"""Figures of segments put together: the same as at once, with the pictures that are shown alone."""

import json
from pathlib import Path

import pytest

from tests.helpers.clips import write_clip
from tests.helpers.segments import in_segments, settings
from vidseg.jobs import join
from vidseg.jobs.segment_metrics import read_figures
from vidseg.reports.metrics import Collected, Figures, Moment

FRAMES, SEGMENTS = 40, 30


def figures_of(segment: int) -> Collected:
    """Return the figures of ten seconds: a peak, taller in later segments, and four even moments.

    Each picture tells its time.
    """
    collected = Collected()
    for frame in range(FRAMES):
        time, flicker = segment * 10 + frame / 4, 5.0 + segment if frame == 18 else 0.5
        kept = collected.add(time, Figures(10.0, 2.0, flicker), begins_shot=frame == 0)
        if frame in (0, 10, 18, 20, 30):
            reasons = ("flicker",) if frame == 18 else ()
            picture = str(time).encode()
            collected.pictures.append(Moment(time, reasons, kept, picture, picture, picture))
    return collected


def test_pictures_that_are_not_shown_are_not_held(tmp_path: Path) -> None:
    """Those of all segments were held until the report was written: 400 MiB for three hours."""
    whole = Collected()
    for number in range(SEGMENTS):
        part = figures_of(number)
        (tmp_path / f"{number:+07d}.figures").write_text(json.dumps(part.as_json()))
        whole.append(part)
    found = read_figures(tmp_path, 0, [FRAMES] * SEGMENTS)
    assert found is not None
    assert found.moments() == whole.moments()
    assert len(found.moments()) == 12 + 6
    assert len(found.pictures) == len(found.moments()) < len(whole.pictures)
    assert found.account() == whole.account()


def test_figures_are_read_for_a_report_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of an earlier run, which wanted a report, were read and thrown away."""
    source = write_clip(tmp_path / "in.mp4", frames=4)
    read: list[Path] = []
    monkeypatch.setattr(join, "read_figures", lambda folder, *_: read.append(folder))
    in_segments(settings(source, tmp_path / "out.mp4"))
    assert read == []
    in_segments(settings(source, tmp_path / "again.mp4", report=tmp_path / "r.json"))
    assert len(read) == 1
