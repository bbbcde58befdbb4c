"""A render divided where the picture's size changes: each file has its own size, sound and time."""

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.helpers.clips import (
    Audio,
    audio_packets,
    ffprobe,
    frame_number,
    frame_times,
    person_picture,
    read_frames,
    write_clip,
)
from vidseg.cli.main import cli
from vidseg.errors import OutputError, SettingsError
from vidseg.media.probe import probe_video
from vidseg.networks.fake import FakeSegmenter
from vidseg.rendering import split
from vidseg.reports.run_report import Report
from vidseg.settings import EncodeSettings, MatteSettings, RenderSettings

SIZES = ((96, 64), (128, 128), (96, 64))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pieces of 24 numbered frames, the middle one larger, with sound."""
    folder = tmp_path_factory.mktemp("clip")
    pieces = [
        write_clip(
            folder / f"{order}.ts",
            width=width,
            height=height,
            frames=24,
            audio=[Audio(codec="mp2")],
            picture=lambda i, o=order, w=width, h=height: person_picture(i + 24 * o, w, h),  # type: ignore[misc]
        )
        for order, (width, height) in enumerate(SIZES)
    ]
    source = folder / "in.ts"
    source.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    return source


def divided(source: Path, output: Path, **changes: Any) -> Report:
    given = {
        "background": "#2040c0",
        "size_change": "split",
        "matte": MatteSettings(smooth=0, decontaminate=False),
        "encode": EncodeSettings(preset="ultrafast"),
        **changes,
    }
    settings = RenderSettings(source=source, output=output, **given)
    return split.render(settings, segmenter=FakeSegmenter())


def test_each_size_gets_a_file(clip: Path, tmp_path: Path) -> None:
    report = divided(clip, tmp_path / "out.mp4", report=tmp_path / "r.json")
    outputs = [tmp_path / name for name in ("out.mp4", "out.2.mp4", "out.3.mp4")]
    assert sorted(tmp_path.iterdir()) == sorted(
        [*outputs, *(tmp_path / name for name in ("r.json", "r.2.json", "r.3.json"))]
    )
    assert report.output == ", ".join(map(str, outputs))
    assert (report.frames_out, report.damaged) == (72, False)
    for order, (output, size) in enumerate(zip(outputs, SIZES, strict=True)):
        told = ffprobe(output, "-select_streams", "v", "-show_streams")["streams"][0]
        assert (told["width"], told["height"]) == size
        numbers = [frame_number(frame.rgb) for frame in read_frames(output)]
        assert numbers == list(range(24 * order, 24 * order + 24))
        times = frame_times(output)
        assert times[0] < Fraction(1, 10)
        assert abs(times[-1] - times[0] - Fraction(23, 30)) < Fraction(1, 1000)
    notes = json.loads((tmp_path / "r.json").read_text())["notes"]
    assert not any("bars" in note for note in notes)


def test_each_file_has_the_sound_of_its_pictures(clip: Path, tmp_path: Path) -> None:
    """What is cut off at one end begins the next: whole packets; one may reach over the border."""
    divided(clip, tmp_path / "out.mkv")
    whole = [packet.sha256 for packet in audio_packets(clip)]
    parts = [
        [packet.sha256 for packet in audio_packets(tmp_path / name)]
        for name in ("out.mkv", "out.2.mkv", "out.3.mkv")
    ]
    assert {packet for part in parts for packet in part} == set(whole)
    assert len(whole) <= sum(map(len, parts)) <= len(whole) + 4
    for part in parts:
        assert 30 <= len(part) <= 36, "0.8 s in packets of 24 ms"


def test_a_stream_that_begins_late_is_one_in_all_files(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part finds it anew, and the account of all added these up: three were left out."""
    monkeypatch.setattr("vidseg.media.decode.count_unlisted", lambda _: 1)
    assert divided(clip, tmp_path / "out.mp4").damage["late_streams"] == 1


def test_a_clip_of_one_size_gives_one_file(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=5)
    report = divided(source, tmp_path / "out.mp4")
    assert report.output == str(tmp_path / "out.mp4")
    assert not (tmp_path / "out.2.mp4").exists()


def test_pairs_and_mattes_are_divided(clip: Path, tmp_path: Path) -> None:
    divided(clip, tmp_path / "out.mov", background="transparent", pair=True)
    divided(
        clip,
        tmp_path / "matte.mkv",
        background="black",
        kind="matte",
        encode=EncodeSettings(codec="ffv1"),
    )
    assert (
        probe_video(tmp_path / "out.2.fgr.mov").shape
        == probe_video(tmp_path / "out.2.matte.mov").shape
    )
    assert probe_video(tmp_path / "matte.2.mkv").width == 128
    (tmp_path / "out.fgr.mov").unlink()
    (tmp_path / "out.matte.mov").unlink()
    with pytest.raises(OutputError, match=r"out\.2\.fgr\.mov: exists already"):
        divided(clip, tmp_path / "out.mov", background="transparent", pair=True)


def test_a_later_file_that_is_there_is_told_before_the_render(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "out.3.mp4").write_bytes(b"old")
    with pytest.raises(OutputError, match=r"out\.3\.mp4: exists already; use --overwrite"):
        divided(clip, tmp_path / "out.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["out.3.mp4"]
    divided(clip, tmp_path / "out.mp4", overwrite=True)
    assert probe_video(tmp_path / "out.3.mp4").width == 96


@pytest.mark.parametrize("what", ["source", "background", "report"])
def test_a_later_file_that_may_not_be_written_is_told_before_the_render(
    clip: Path, tmp_path: Path, what: str
) -> None:
    """Only the first file was compared with what is read; the next was refused after its render.

    Of the later reports none was looked for, so that one that existed ended the render too.
    """
    later = tmp_path / ("r.2.json" if what == "report" else "out.3.mp4")
    later.write_bytes(clip.read_bytes())
    source = later if what == "source" else clip
    behind = str(later) if what == "background" else "red"
    message = "exists already" if what == "report" else f"is also an input, the {what}"
    with pytest.raises(OutputError, match=rf"{re.escape(later.name)}: {message}"):
        divided(
            source,
            tmp_path / "out.mp4",
            background=behind,
            overwrite=what != "report",
            report=tmp_path / "r.json",
        )
    assert list(tmp_path.iterdir()) == [later]
    assert later.read_bytes() == clip.read_bytes()


def test_progress_counts_on(clip: Path, tmp_path: Path) -> None:
    told: list[int] = []
    settings = RenderSettings(source=clip, output=tmp_path / "out.mp4", size_change="split")
    split.render(settings, segmenter=FakeSegmenter(), progress=lambda done, _: told.append(done))
    assert told == list(range(1, 73))


def test_what_cannot_be_divided_is_told(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="only videos are divided"):
        divided(clip, tmp_path / "out" / "%05d.png")
    with pytest.raises(SettingsError, match="--otio lays one file over the clip"):
        divided(clip, tmp_path / "out.mov", timeline=tmp_path / "out.otio")
    command = [
        "render",
        str(clip),
        "-o",
        str(tmp_path / "out.mp4"),
        "-b",
        "blur",
        "--size-change",
        "split",
    ]
    result = CliRunner().invoke(cli, [*command, "--resumable"])
    assert isinstance(result.exception, SettingsError)
    assert "a render in segments one" in str(result.exception)
