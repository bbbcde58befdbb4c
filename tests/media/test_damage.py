"""Truncated, corrupt and lying sources: what can be read is rendered, what is lost is counted."""

import os
import subprocess
import sys
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.clips import Audio, frame_times, write_clip
from tests.helpers.renders import QUICK, rendered
from vidseg.errors import InputError
from vidseg.jobs import resume
from vidseg.media.damage import Damage, added_up
from vidseg.media.decode import Span, decode
from vidseg.media.probe import probe_video
from vidseg.networks.fake import FakeSegmenter
from vidseg.rendering.pipeline import render
from vidseg.settings import RenderSettings


def test_a_sound_source_has_no_damage(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=30, audio=[Audio()])
    report = rendered(source, tmp_path / "out.mp4")
    assert not report.damaged
    assert set(report.damage) == {
        *(
            "packets",
            "corrupt_frames",
            "made_up_times",
            "lost_frames",
            "missing_s",
            "missing_bytes",
        ),
        *("late_streams", "missing_sound_s", "lost_background_frames"),
    }


def test_parts_are_added_up_alike_everywhere() -> None:
    """Each place had a list of its own, and one added up streams that every part finds anew."""
    counts = [Damage(packets=[Fraction(0)] * n, unread=n, late_streams=1).counts() for n in (1, 2)]
    others = {"video_end", "losing", "holds", "behind"}
    assert set(counts[0]) == {each.name for each in fields(Damage)} - others
    assert added_up(counts) == {
        "packets": 3, "corrupt_frames": 0, "made_up_times": 0, "unread": 3, "late_streams": 1,
    }  # fmt: skip


def test_what_ends_early_leaves_out_the_damage_behind() -> None:
    """Cause: a file of --size-change split counted what the decoder, ahead of it, met in the next.

    The next one counted that again.
    """
    damage = Damage(unread=3, losing=lambda: [Fraction(1), Fraction(2)])
    for times in (damage.packets, damage.corrupt_frames, damage.made_up_times):
        times += [Fraction(1), Fraction(2), Fraction(3)]
    damage.end_at(Fraction(2))
    assert damage.packets == damage.corrupt_frames == damage.made_up_times == [1]
    assert (damage.losing(), damage.unread, damage.video_end) == ([1], 0, 2)


def test_a_truncated_matroska_file_says_how_much_is_missing(tmp_path: Path) -> None:
    """FFmpeg ends it without a word; the container's own duration gives it away."""
    whole = write_clip(tmp_path / "whole.mkv", frames=90, audio=[Audio()])
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    report = rendered(cut, tmp_path / "out.mp4")
    assert 0 < report.frames_out < 90
    assert report.damage["missing_s"] > 0.5


@pytest.mark.parametrize("resumable", [False, True])
def test_a_truncated_matroska_file_is_damaged_before_an_end_that_it_lacks(
    tmp_path: Path, *, resumable: bool
) -> None:
    """Whoever asked for an end was never told that the file ends before it."""
    whole = write_clip(tmp_path / "whole.mkv", frames=90)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    damage = {}
    for end in (Fraction(1, 2), Fraction(2)):
        settings = RenderSettings(
            source=cut, output=tmp_path / f"{end}.mp4".replace("/", "-"), background="navy",
            end=end, encode=QUICK,
        )  # fmt: skip
        way = resume.render if resumable else render
        report = way(settings, segmenter=FakeSegmenter())
        damage[end] = report.damage["missing_s"], report.damage["missing_bytes"]
    assert damage[Fraction(1, 2)] == (0, 0)
    missing_s, missing_bytes = damage[Fraction(2)]
    assert missing_s == pytest.approx(2 - report.end_s)
    assert missing_s > 0.3
    assert missing_bytes > 0


@pytest.mark.parametrize("end", ["0.4", "0.95", "1.5", "2.9", "4"])
@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_a_whole_file_lacks_nothing_before_any_end(
    tmp_path: Path, seconds: float, end: str
) -> None:
    """Ends within a long frame, behind the picture, behind the sound, and behind all of it."""
    source = write_clip(
        tmp_path / "in.mkv", pts=[0, 1, 2, 9, 10, 11, 28], audio=[Audio(seconds=seconds)]
    )
    assert not rendered(source, tmp_path / "out.mp4", end=Fraction(end)).damaged


def test_streams_that_appear_on_the_way_end_nothing(tmp_path: Path) -> None:
    """PyAV, with room for the streams of the beginning, looked behind it for those that came later.

    What it found there was chance: here glibc fills it with ones, and the end was an IndexError.
    """
    noise = np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)
    silent = write_clip(
        tmp_path / "silent.ts", width=320, height=240, frames=60, codec="mpeg2video", gop=1,
        picture=lambda _: noise, options={"qmin": "1", "qmax": "1"},
    )  # fmt: skip
    loud = write_clip(
        tmp_path / "loud.ts",
        width=320,
        height=240,
        frames=5,
        codec="mpeg2video",
        audio=[Audio(), Audio()],
    )
    around = silent.read_bytes()  # more than is looked at, of both ends, when a file is opened
    (tmp_path / "in.ts").write_bytes(around + loud.read_bytes() + around)
    out = tmp_path / "out.mp4"
    code = "import sys; from pathlib import Path; from tests.helpers.renders import rendered; "
    code += "print(rendered(*map(Path, sys.argv[1:])).frames_out)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "in.ts"), str(out)],
        env={**os.environ, "MALLOC_PERTURB_": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "125\n", done.stderr


def test_a_truncated_fragment_of_mp4_is_refused_or_counted(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", frames=90)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[:1500])
    with pytest.raises(InputError, match="not a media file, or damaged beyond opening"):
        rendered(cut, tmp_path / "out.mp4")
    faststart = write_clip(
        tmp_path / "fast.mp4", frames=90, container_options={"movflags": "faststart"}
    )
    cut.write_bytes(faststart.read_bytes()[: faststart.stat().st_size * 2 // 3])
    report = rendered(cut, tmp_path / "out.mp4")
    assert 0 < report.frames_out < 90
    assert report.damaged


def test_flipped_bytes_never_stop_the_render_and_are_counted(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", width=320, height=240, frames=60, gop=10)
    data = bytearray(source.read_bytes())
    spots = np.random.default_rng(5).integers(len(data) // 4, len(data) - 2000, 30)
    for spot in spots:
        data[spot] ^= 0xFF
    source.write_bytes(bytes(data))
    report = rendered(source, tmp_path / "out.mp4")
    times = frame_times(tmp_path / "out.mp4")
    assert times == sorted(set(times))
    assert report.damaged


def test_audio_longer_than_the_picture_is_no_damage(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=15, audio=[Audio(seconds=3)])
    assert not rendered(source, tmp_path / "out.mp4").damaged


def test_seeking_gives_the_same_frames_as_reading_from_the_beginning(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=150, gop=12, b_frames=2)
    info = probe_video(source)
    every = [(f.pts, f.planes[0].copy()) for f in decode(info, Span(), Damage())]
    for start in (Fraction(7, 3), Fraction(4), Fraction(149, 30)):
        cut = [(f.pts, f.planes[0].copy()) for f in decode(info, Span(start, None), Damage())]
        expected = [(pts, luma) for pts, luma in every if pts * info.time_base >= start]
        assert [pts for pts, _ in cut] == [pts for pts, _ in expected]
        assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(cut, expected, strict=True))


def test_interlaced_material_is_made_progressive_at_the_same_times(tmp_path: Path) -> None:
    """Combed stripes that move between fields must not be combed any more."""

    def combed(number: int) -> np.ndarray:
        picture = np.full((64, 96, 3), 60, np.uint8)
        for field in (0, 1):
            left = (number * 2 + field) * 4 % 70
            picture[field::2, left : left + 12] = 220
        return picture

    source = write_clip(
        tmp_path / "in.mpg",
        frames=12,
        rate=25,
        codec="mpeg2video",
        options={"flags": "+ildct+ilme", "qmin": "2", "qmax": "2", "top": "1"},
        picture=combed,
        b_frames=0,
    )
    info = probe_video(source)
    if not info.interlaced:
        pytest.skip("this encoder doesn't flag interlacing")
    frames = list(decode(info, Span(), Damage()))
    assert len(frames) == len(frame_times(source))
    luma = frames[5].planes[0].astype(int)
    comb = np.abs(luma[1:-1] * 2 - luma[:-2] - luma[2:])[:, :].mean()
    assert comb < 12
    report = rendered(source, tmp_path / "out.mp4")  # which said nothing of it
    assert "interlaced pictures are made progressive, each at its time" in report.notes
