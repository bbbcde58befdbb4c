"""Streams that only other programs can make for a test: bitmap subtitles, and timecode."""

import json
import runpy
import shutil
import subprocess
from pathlib import Path

import av
import pytest

from tests.helpers.clips import Audio, ffprobe, write_clip
from tests.helpers.renders import rendered

AWKWARD = Path(__file__).resolve().parents[3] / "scripts" / "awkward.py"
needs_ffmpeg = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")),
    reason="no ffmpeg with ffprobe here: apt-get install ffmpeg",
)


def ffmpeg(*words: object) -> None:
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", *map(str, words)], check=True, capture_output=True
    )


@needs_ffmpeg
def test_subtitles_that_are_pictures_are_kept_or_named(tmp_path: Path) -> None:
    """Matroska holds Blu-ray's; MP4 doesn't, and no program makes text of pictures."""
    plain, words, source = (tmp_path / name for name in ("plain.mkv", "words.sup", "in.mkv"))
    write_clip(plain, frames=40, width=160, height=96)
    words.write_bytes(runpy.run_path(str(AWKWARD))["pgs"](160, 96))
    ffmpeg("-i", plain, "-i", words, "-map", 0, "-map", 1, "-c", "copy", source)
    rendered(source, tmp_path / "out.mkv")
    before, after = (ffprobe(path)["streams"] for path in (source, tmp_path / "out.mkv"))
    for streams in (before, after):
        assert [s["codec_name"] for s in streams] == ["h264", "hdmv_pgs_subtitle"]
    assert packets(tmp_path / "out.mkv") == packets(source) != []
    report = rendered(source, tmp_path / "out.mp4")
    assert [s["codec_name"] for s in ffprobe(tmp_path / "out.mp4")["streams"]] == ["h264"]
    assert any("subtitle" in note and "dropped" in note for note in report.notes), report.notes


def packets(path: Path) -> list[tuple[str, str]]:
    """Return time and checksum of every subtitle packet."""
    words = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "s",
        "-show_packets",
        "-show_data_hash",
        "md5",
    ]
    told = subprocess.run(
        [*words, "-of", "json", str(path)], check=True, capture_output=True
    ).stdout
    return [(p["pts_time"], p["data_hash"]) for p in json.loads(told)["packets"]]


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mov", ".mkv", ".mp4"])
def test_timecode_is_kept(tmp_path: Path, suffix: str) -> None:
    """A timecode track is data, not copied; the tag makes one anew where the container has them."""
    plain, source = write_clip(tmp_path / "plain.mp4", frames=10), tmp_path / "in.mov"
    ffmpeg("-i", plain, "-c", "copy", "-timecode", "01:02:03:04", source)
    assert "01:02:03:04" in json.dumps(ffprobe(source))
    report = rendered(source, tmp_path / f"out{suffix}")
    told = ffprobe(tmp_path / f"out{suffix}")
    assert "01:02:03:04" in json.dumps(told)
    assert (
        report.notes == []
    )  # which said that the timecode's track was dropped, as if it were lost


@needs_ffmpeg
def test_sound_that_its_decoder_holds_back_is_kept_to_the_end(tmp_path: Path) -> None:
    """PyAV's packets that end a stream all claim stream 0: others' decoders weren't emptied."""
    plain, source = write_clip(tmp_path / "plain.mp4", frames=30), tmp_path / "in.wmv"
    ffmpeg(
        "-i", plain, "-f", "lavfi", "-i", "sine=440:d=1", "-c:v", "wmv2", "-c:a", "wmav2", source
    )
    rendered(source, tmp_path / "out.mp4")
    ends = [sound_end(path) for path in (source, tmp_path / "out.mp4")]
    assert ends[1] == pytest.approx(ends[0], abs=0.025)


def sound_end(path: Path) -> float:
    """Return when the last sample that can be decoded is over, in seconds."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    first = next(float(frame.time) for frame in frames if frame.time is not None)
    return first + sum(frame.samples for frame in frames) / frames[0].sample_rate


@needs_ffmpeg
def test_pictures_that_say_as_before_are_no_damage(tmp_path: Path) -> None:
    """Theora has an empty packet for a picture that equals the one before; it counted as lost."""
    source = tmp_path / "in.ogv"
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x48:d=1", "-c:v", "libtheora", source)
    with av.open(str(source)) as container:
        assert any(p.size == 0 and p.pts is not None for p in container.demux(video=0))
    report = rendered(source, tmp_path / "out.mp4")
    assert not report.damaged, report.damage


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_phones_tags_are_kept(tmp_path: Path, suffix: str) -> None:
    """MOV and MP4 drop tags they don't know, which are an iPhone's make, place and local time."""
    given = {
        "make": "Apple",
        "location.ISO6709": "+48.8577+002.2950/",
        "creationdate": "2024-05-06T09:08:09+0200",
    }
    tags = {f"com.apple.quicktime.{key}": value for key, value in given.items()}
    plain, source = write_clip(tmp_path / "plain.mp4", frames=3), tmp_path / "in.mov"
    words = [word for key, value in tags.items() for word in ("-metadata", f"{key}={value}")]
    ffmpeg("-i", plain, "-c", "copy", *words, "-movflags", "use_metadata_tags", source)
    rendered(source, tmp_path / f"out{suffix}")
    kept = ffprobe(tmp_path / f"out{suffix}")["format"]["tags"]
    assert tags.items() <= kept.items()


@pytest.mark.parametrize(
    ("told", "kept"), [("deu", "ger"), ("nld", "dut"), ("fre", "fra"), ("ita", "ita")]
)
def test_languages_are_kept_in_mov(tmp_path: Path, told: str, kept: str) -> None:
    """FFmpeg has a number of QuickTime's for one of a language's two codes, and drops the other."""
    source = write_clip(tmp_path / "in.mkv", frames=3, audio=[Audio(language=told)])
    rendered(source, tmp_path / "out.mov")
    sound = ffprobe(tmp_path / "out.mov")["streams"][1]
    assert sound["tags"]["language"] == kept
