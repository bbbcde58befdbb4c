"""A damaged background plays on, is told, and is counted once."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.helpers.clips import write_clip, write_picture
from tests.helpers.packets import hurt
from tests.helpers.renders import rendered
from tests.helpers.segments import RATE, StoppedError, in_segments, settings, stop_after
from vidseg.media.damage import added_up
from vidseg.networks.fake import FakeSegmenter
from vidseg.rendering.preview import preview
from vidseg.reports.run_report import Report
from vidseg.settings import PreviewSettings


def _hurt(folder: Path) -> tuple[Path, int]:
    """A picture of ten is zeros."""
    path = write_clip(folder / "bg.mkv", frames=10, codec="mjpeg", pix_fmt="yuvj420p")
    hurt(path, 4)
    return path, 1


def _cut(folder: Path) -> tuple[Path, int]:
    """The second half of the file is gone, which has no index."""
    path = write_clip(folder / "bg.mkv", frames=10, codec="mjpeg", pix_fmt="yuvj420p")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path, 1


def _cut_behind_its_index(folder: Path) -> tuple[Path, int]:
    """The second half of a file is gone that lists all pictures at its beginning."""
    path = write_clip(
        folder / "bg.mov",
        frames=10,
        codec="mjpeg",
        pix_fmt="yuvj420p",
        container_options={"movflags": "faststart"},
    )
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path, 3


def _with_an_empty_picture(folder: Path) -> tuple[Path, int]:
    for number in range(1, 6):
        write_picture(folder / f"{number}.png")
    (folder / "3.png").write_bytes(b"")
    return folder / "%d.png", 1


@pytest.mark.parametrize("make", [_hurt, _cut, _cut_behind_its_index, _with_an_empty_picture])
def test_what_a_background_lost_is_told_and_counted_once(
    tmp_path: Path, make: Callable[[Path], tuple[Path, int]]
) -> None:
    """Cause: what the decoder of the background could not read was thrown away.

    It stood still, or began again early, and the render ended as if all were well.
    """
    background, lost = make(tmp_path)
    source = write_clip(tmp_path / "in.mp4", frames=40)  # it is looped
    report = rendered(source, tmp_path / "out.mp4", str(background))
    assert report.frames_out == 40
    assert report.damage["lost_background_frames"] >= lost
    assert [name for name, count in report.damage.items() if count] == ["lost_background_frames"]
    assert report.damaged_input == "background"
    assert any(f"{background}: the background is damaged" in note for note in report.notes)


def test_what_of_a_background_is_never_shown_is_no_damage(tmp_path: Path) -> None:
    background = write_clip(tmp_path / "bg.mkv", frames=90, codec="mjpeg", pix_fmt="yuvj420p")
    hurt(background, 80)
    source = write_clip(tmp_path / "in.mp4", frames=20)
    assert not rendered(source, tmp_path / "out.mp4", str(background)).damaged


def test_parts_of_a_render_count_a_background_once(tmp_path: Path) -> None:
    """Each part of a render reads it anew."""
    background, lost = _hurt(tmp_path)
    source = write_clip(tmp_path / "in.mp4", frames=22 * RATE, rate=RATE)
    given = settings(source, tmp_path / "out.mp4", background=str(background))
    with suppress(StoppedError):
        in_segments(given, progress=stop_after(12 * RATE))
    report, said = in_segments(given)
    assert any("going on" in line for line in said)
    assert report.damage["lost_background_frames"] == lost
    counts = [{"packets": 1, "lost_background_frames": 3}] * 2
    assert added_up(counts) == {"packets": 2, "lost_background_frames": 3}


def test_a_preview_tells_of_a_damaged_background(tmp_path: Path) -> None:
    background, _ = _hurt(tmp_path)
    source = write_clip(tmp_path / "in.mp4", frames=40)
    given = PreviewSettings(
        source=source, output=tmp_path / "sheet.png", background=str(background), rows=2
    )
    told = preview(given, segmenter=FakeSegmenter())
    assert f"{background}: the background is damaged, 1 of its pictures is lost" in told


def test_what_is_damaged_is_called_by_its_name() -> None:
    report = Report("in.mp4", "out.mp4", "picture")
    report.damage = {"packets": 0, "lost_background_frames": 2}
    assert report.damaged_input == "background"
    report.damage = {"packets": 1, "lost_background_frames": 2}
    assert report.damaged_input == "source"
