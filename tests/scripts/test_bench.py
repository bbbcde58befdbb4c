"""The script that measures speed: its clips, its figures and its tables."""

import shutil
from pathlib import Path
from typing import Any

import av
import pytest

from scripts import bench, ways
from scripts.bench_figures import own_work, renders_table, stages_table, summary
from tests.helpers.clips import read_frames, write_clip

STAGES = {"decode": 5.0, "track": 3.0, "refine": 4.04, "encode veryfast, mux": 20.0}


def rows(programs: float | None = 3.0, **more: float) -> dict[str, list[dict[str, Any]]]:
    """Return what is measured of 100 frames: three renders of some 5 s on two cores, floors."""
    render = [{"wall_s": wall, "cpu_s": 9.0, "peak_mb": wall * 80} for wall in (5.0, 4.0, 9.0)]
    said = {"floor": 4.0, "programs": programs, **more}
    return {"vidseg": render, **{way: [{"said": seconds}] * 3 for way, seconds in said.items()}}


def test_figures_are_medians_beside_both_floors() -> None:
    found = summary(rows(tutorial=0.1), 100, rows(), 2, STAGES)
    assert (found["vidseg_s"], found["vidseg_fps"], found["vidseg_cpu_ms"]) == (5.0, 20.0, 90.0)
    assert (found["floor_s"], found["over_floor"]) == (4.0, 1.25)
    assert (found["programs_s"], found["over_programs"]) == (3.0, 1.667)
    assert (found["busy_percent"], found["own_ms"], found["peak_mb"]) == (90, 7.0, 720)
    assert (found["over_tutorial"], found["over_first"]) == (2.0, 1.0)


def test_own_work_is_neither_decoding_nor_encoding_nor_inference() -> None:
    assert own_work({**STAGES, "inference": 30.0, "smooth": 1.0}) == 8.0


def test_tables_leave_out_what_was_not_measured() -> None:
    """Without the ffmpeg program a dash stands in its place, or, in all rows, no column."""
    with_it, without = (summary(rows(each), 100, rows(), 2, STAGES) for each in (3.0, None))
    lines = renders_table({"a": with_it, "longer name": without}).splitlines()
    assert len({len(line) for line in lines}) == 1
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    titles = cells[0]
    assert titles[:5] == ["render", "frames/s", "s", "floor s", "over floor"]
    assert "over author" not in titles
    assert "over first" not in titles
    place = titles.index("ffmpeg s")
    assert [row[place] for row in cells[2:]] == ["3.0", "-"]
    assert "ffmpeg" not in renders_table({"a": without})


def test_stages_stand_side_by_side() -> None:
    table = stages_table({"talker": STAGES, "sport": {**STAGES, "inference": 30.5}})
    titles, _, talker, sport = (
        line.replace(" ", "").split("|")[1:-1] for line in table.splitlines()
    )
    assert titles[-2:] == ["inference", "own"]
    assert talker[-2:] == ["-", "7.0"]
    assert sport[-2:] == ["30.5", "7.0"]


def test_three_kinds_of_clip_are_rendered_where_they_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no version is tuned to one kind."""
    assert list(bench.CLIPS) == ["talker", "half body", "sport"]
    there = {"talker": [write_clip(tmp_path / "a.mp4")], "half body": [tmp_path / "absent.mp4"]}
    monkeypatch.setattr(bench, "CLIPS", there)
    assert bench.chosen_clips(None, tmp_path) == {"talker": there["talker"]}
    assert bench.chosen_clips(tmp_path / "mine.mp4", tmp_path) == {"mine": [tmp_path / "mine.mp4"]}


@pytest.mark.parametrize(("width", "height", "size"), [(96, 64, (180, 120)), (64, 96, (120, 180))])
def test_a_source_is_scaled_by_its_shorter_side(
    width: int, height: int, size: tuple[int, int], tmp_path: Path
) -> None:
    """A portrait clip of 1080p was made 1080 lines high: a third of the pixels of the others."""
    clip = write_clip(tmp_path / "clip.mp4", width=width, height=height, frames=10)
    source = bench.make_source([clip], 120, 0.5, tmp_path)
    with av.open(str(source)) as made:
        assert (made.streams.video[0].width, made.streams.video[0].height) == size
    assert len(read_frames(source)) == 15


def test_the_second_floor_is_what_ffmpeg_takes(tmp_path: Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg isn't installed")
    source = write_clip(tmp_path / "in.mp4", frames=12)
    composite = write_clip(tmp_path / "composite.mkv", codec="ffv1", frames=12)
    seconds = ways.programs(str(source), str(composite), str(tmp_path / "out.mp4"), "veryfast")
    assert seconds is not None
    assert seconds > 0
    assert len(read_frames(tmp_path / "out.mp4")) == 12


def test_without_ffmpeg_there_is_no_second_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways.shutil, "which", lambda _: None)
    assert ways.programs("in.mp4", "composite.mkv", "out.mp4", "veryfast") is None
