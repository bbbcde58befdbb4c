"""Streams that only other programs can make for a test: subtitles that are pictures, and timecode."""

import json
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.media import write_clip
from tests.renders import rendered

AWKWARD = Path(__file__).resolve().parent.parent / "scripts" / "awkward.py"
needs_ffmpeg = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="ffmpeg and ffprobe are not installed"
)


def ffmpeg(*words: object) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, words)], check=True, capture_output=True)


def probed(path: Path) -> dict[str, Any]:
    """Return what ffprobe says of a file's streams and of the file."""
    words = ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", str(path)]
    told: dict[str, Any] = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    return told


@needs_ffmpeg
def test_subtitles_that_are_pictures_are_kept_or_named(tmp_path: Path) -> None:
    """Matroska holds Blu-ray's; MP4 doesn't, and no program makes text of pictures."""
    plain, words, source = (tmp_path / name for name in ("plain.mkv", "words.sup", "in.mkv"))
    write_clip(plain, frames=40, width=160, height=96)
    words.write_bytes(runpy.run_path(str(AWKWARD))["pgs"](160, 96))
    ffmpeg("-i", plain, "-i", words, "-map", 0, "-map", 1, "-c", "copy", source)
    rendered(source, tmp_path / "out.mkv")
    before, after = (probed(path)["streams"] for path in (source, tmp_path / "out.mkv"))
    for streams in (before, after):
        assert [s["codec_name"] for s in streams] == ["h264", "hdmv_pgs_subtitle"]
    assert packets(tmp_path / "out.mkv") == packets(source) != []
    report = rendered(source, tmp_path / "out.mp4")
    assert [s["codec_name"] for s in probed(tmp_path / "out.mp4")["streams"]] == ["h264"]
    assert any("subtitle" in note and "dropped" in note for note in report.notes), report.notes


def packets(path: Path) -> list[tuple[str, str]]:
    """Return time and checksum of every subtitle packet."""
    words = ["ffprobe", "-v", "error", "-select_streams", "s", "-show_packets", "-show_data_hash", "md5"]
    told = subprocess.run([*words, "-of", "json", str(path)], check=True, capture_output=True).stdout
    return [(p["pts_time"], p["data_hash"]) for p in json.loads(told)["packets"]]


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mov", ".mkv", ".mp4"])
def test_timecode_is_kept(tmp_path: Path, suffix: str) -> None:
    """A timecode track is data, which isn't copied; the tag makes one anew where the container has them."""
    plain, source = write_clip(tmp_path / "plain.mp4", frames=10), tmp_path / "in.mov"
    ffmpeg("-i", plain, "-c", "copy", "-timecode", "01:02:03:04", source)
    assert "01:02:03:04" in json.dumps(probed(source))
    report = rendered(source, tmp_path / f"out{suffix}")
    told = probed(tmp_path / f"out{suffix}")
    assert "01:02:03:04" in json.dumps(told)
    assert report.notes == []  # which said that the timecode's track was dropped, as if it were lost
