"""Resumable renders: the same frames as a plain one, whatever interrupts them, however often."""

import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.clips import (
    Audio,
    Coded,
    audio_packets,
    person_picture,
    read_planes,
    write_clip,
    write_picture,
)
from tests.helpers.packets import hurt
from tests.helpers.segments import QUICK, RATE, StoppedError, in_segments, settings, stop_after
from vidseg.errors import OutputError, SettingsError
from vidseg.jobs import resume, segment_sink
from vidseg.jobs.job import Job
from vidseg.jobs.segment_store import Store
from vidseg.jobs.stretch import render_stretch
from vidseg.media.mux import Output, PacketFileWriter, scratch_container
from vidseg.networks.fake import FakeSegmenter
from vidseg.rendering import pipeline
from vidseg.rendering.image_sink import PictureSink
from vidseg.settings import EncodeSettings, MatteSettings, RenderSettings

LOSSLESS = EncodeSettings(codec="ffv1")
PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """35 s at a rate that varies, with sound: four segments."""
    pts = [round(1000 / RATE * i) + 17 * (i % 3) for i in range(35 * RATE)]
    path = tmp_path_factory.mktemp("clip") / "in.mp4"
    return write_clip(
        path, pts=pts, time_base=Fraction(1, 1000), rate=RATE, audio=[Audio()], b_frames=2
    )


def same(one: list[Coded], other: list[Coded]) -> bool:
    """Whether two clips have the same frames at the same times."""
    if [frame.pts * frame.time_base for frame in one] != [
        frame.pts * frame.time_base for frame in other
    ]:
        return False
    return all(
        np.array_equal(a, b)
        for mine, theirs in zip(one, other, strict=True)
        for a, b in zip(mine.planes, theirs.planes, strict=True)
    )


def hidden(folder: Path) -> list[str]:
    """Return the names of what is hidden in a folder."""
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("stopped", [None, 22, 35, 65])
def test_frames_and_sound_equal_those_of_a_plain_render(
    clip: Path, tmp_path: Path, stopped: int | None
) -> None:
    """Without loss, so that one code value of one mask at one border would show."""
    plain = settings(clip, tmp_path / "plain.mkv", encode=LOSSLESS)
    pipeline.render(plain, segmenter=FakeSegmenter())
    given = settings(clip, tmp_path / "out.mkv", encode=LOSSLESS)
    if stopped is not None:
        with pytest.raises(StoppedError):
            in_segments(given, progress=stop_after(stopped))
        assert hidden(tmp_path) == [".out.mkv.segments"]
    report, said = in_segments(given)
    assert same(read_planes(tmp_path / "out.mkv"), read_planes(tmp_path / "plain.mkv"))
    assert audio_packets(tmp_path / "out.mkv") == audio_packets(tmp_path / "plain.mkv")
    assert report.frames_out == 35 * RATE
    assert any("going on" in line for line in said) == (stopped is not None)
    assert hidden(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        ("x264.mp4", QUICK),
        ("x264.mkv", EncodeSettings(preset="superfast")),
        ("x265.mp4", EncodeSettings(codec="x265", preset="ultrafast")),
        ("av1.mp4", EncodeSettings(codec="svt-av1", preset="12")),
        ("vp9.webm", EncodeSettings(preset="8")),
        ("prores.mov", EncodeSettings(codec="prores")),
        ("alpha.webm", EncodeSettings(preset="8")),
    ],
)
def test_joints_are_sound_whatever_the_codec(
    clip: Path, tmp_path: Path, name: str, encode: EncodeSettings
) -> None:
    """Times are exact, decoding times rise, and every frame decodes."""
    background = "transparent" if name.startswith("alpha") else "#2040c0"
    given = settings(clip, tmp_path / name, encode=encode, background=background)
    with pytest.raises(StoppedError):
        in_segments(given, progress=stop_after(35))
    in_segments(given)
    pipeline.render(
        settings(clip, tmp_path / f"plain-{name}", encode=encode, background=background),
        segmenter=FakeSegmenter(),
    )
    ours, plain = read_planes(tmp_path / name), read_planes(tmp_path / f"plain-{name}")
    assert [f.pts * f.time_base for f in ours] == [f.pts * f.time_base for f in plain]
    worst = max(
        float(np.abs(a.planes[0].astype(int) - b.planes[0]).mean())
        for a, b in zip(ours, plain, strict=True)
    )
    assert worst < 4
    decoding = [time for time in decoding_times(tmp_path / name) if time is not None]
    assert all(a < b for a, b in itertools.pairwise(decoding))


def decoding_times(path: Path) -> list[int | None]:
    """Return the decoding times of a clip's video packets."""
    import av

    with av.open(str(path)) as container:
        return [packet.dts for packet in container.demux(video=0) if packet.size]


def test_a_cut_clip_is_resumed(clip: Path, tmp_path: Path) -> None:
    span = {"start": Fraction(17, 2), "end": Fraction(27), "encode": LOSSLESS}
    pipeline.render(settings(clip, tmp_path / "plain.mkv", **span), segmenter=FakeSegmenter())
    given = settings(clip, tmp_path / "out.mkv", **span)
    with pytest.raises(StoppedError):
        in_segments(given, progress=stop_after(25))
    in_segments(given)
    assert same(read_planes(tmp_path / "out.mkv"), read_planes(tmp_path / "plain.mkv"))


def test_a_video_behind_goes_on_where_it_was(clip: Path, tmp_path: Path) -> None:
    """Its loops are counted from the clip's beginning, not from where a run took up."""
    behind = write_clip(tmp_path / "behind.mp4", frames=23, rate=7)
    look = {"background": str(behind), "encode": LOSSLESS}
    pipeline.render(settings(clip, tmp_path / "plain.mkv", **look), segmenter=FakeSegmenter())
    given = settings(clip, tmp_path / "out.mkv", **look)
    with pytest.raises(StoppedError):
        in_segments(given, progress=stop_after(50))
    in_segments(given)
    assert same(read_planes(tmp_path / "out.mkv"), read_planes(tmp_path / "plain.mkv"))


def test_damage_at_a_border_counts_once(tmp_path: Path) -> None:
    """Cause: a part rendered on its own counted what it decoded before and behind itself."""
    source = write_clip(tmp_path / "in.mp4", rate=RATE, frames=50, b_frames=0, gop=7)
    hurt(source, 18, 20, 39)

    def pieces(job: Job, _: object, add: Callable[[int], None]) -> None:
        for stretch in ((0, 1), (1, 2), (2, None)):
            render_stretch(job, stretch, FakeSegmenter(), add)

    whole = pipeline.render(settings(source, tmp_path / "a.mp4"), segmenter=FakeSegmenter())
    divided, _ = in_segments(settings(source, tmp_path / "b.mp4"), renderer=pieces)
    assert whole.damage["packets"] == whole.damage["lost_frames"] == 3
    assert divided.damage == whole.damage


def test_gaps_longer_than_a_segment_are_kept(tmp_path: Path) -> None:
    pts = [0, 40, 80, 35_000, 35_040, 62_000]
    source = write_clip(tmp_path / "in.mp4", pts=pts, time_base=Fraction(1, 1000), rate=25)
    in_segments(settings(source, tmp_path / "out.mp4"))
    assert [int(f.pts * f.time_base * 1000) for f in read_planes(tmp_path / "out.mp4")] == pts


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"matte": MatteSettings(smooth=0.4)}, "settings matte smooth was 0.8, is 0.4"),
        ({"background": "red"}, "settings background was #2040c0, is red"),
        ({"encode": EncodeSettings(preset="superfast")}, "preset was ultrafast, is superfast"),
    ],
)
def test_other_settings_start_anew_and_say_why(
    clip: Path, tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(StoppedError):
        in_segments(settings(clip, tmp_path / "out.mp4"), progress=stop_after(35))
    report, said = in_segments(settings(clip, tmp_path / "out.mp4", **change))
    assert any("starting anew" in line and reason in line for line in said)
    assert report.frames_out == 35 * RATE


def test_another_source_starts_anew(clip: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(clip.read_bytes())
    with pytest.raises(StoppedError):
        in_segments(settings(source, tmp_path / "out.mp4"), progress=stop_after(35))
    os.utime(source, (1, 1))
    _, said = in_segments(settings(source, tmp_path / "out.mp4"))
    assert any("source changed was" in line for line in said)


def test_another_picture_behind_starts_anew(clip: Path, tmp_path: Path) -> None:
    behind = write_picture(tmp_path / "behind.png")
    given = settings(clip, tmp_path / "out.mp4", background=str(behind))
    with pytest.raises(StoppedError):
        in_segments(given, progress=stop_after(35))
    write_picture(behind, width=80)
    _, said = in_segments(given)
    assert any("background file" in line for line in said)


def test_a_damaged_segment_is_made_again(clip: Path, tmp_path: Path) -> None:
    given = settings(clip, tmp_path / "out.mkv", encode=LOSSLESS)
    with pytest.raises(StoppedError):
        in_segments(given, progress=stop_after(50))
    part = Store(given.output).path(0, 0)
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    _, said = in_segments(given)
    assert any("20 frames are there already" in line for line in said), said
    pipeline.render(
        settings(clip, tmp_path / "plain.mkv", encode=LOSSLESS), segmenter=FakeSegmenter()
    )
    assert same(read_planes(tmp_path / "out.mkv"), read_planes(tmp_path / "plain.mkv"))


def test_a_render_that_ends_early_closes_its_encoders_container(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the segment under way was left to the garbage collector."""
    told: list[str] = []

    @contextmanager
    def container(suffix: str) -> Iterator[Any]:
        told.append("opened")
        with scratch_container(suffix) as opened:
            yield opened
        told.append("closed")

    monkeypatch.setattr(segment_sink, "scratch_container", container)
    with pytest.raises(StoppedError):
        in_segments(settings(clip, tmp_path / "out.mkv"), progress=stop_after(22))
    assert told == ["opened", "closed"] * 2


def test_two_runs_do_not_meet(clip: Path, tmp_path: Path) -> None:
    given = settings(clip, tmp_path / "out.mp4")
    store = Store(given.output)
    store.claim()
    with pytest.raises(OutputError, match="another run is rendering this output"):
        in_segments(given)
    store.release()
    assert hidden(tmp_path) == []


def test_numbered_pictures_are_resumed(tmp_path: Path) -> None:
    """Their pattern was opened as if it were a file, which ended the run."""
    (tmp_path / "in").mkdir()
    for number in range(48):
        write_picture(tmp_path / "in" / f"{number:03d}.png", person_picture(number, 96, 64))
    given = settings(
        tmp_path / "in" / "%03d.png", tmp_path / "out.mkv", encode=LOSSLESS, frame_rate=Fraction(2)
    )
    with pytest.raises(StoppedError):
        in_segments(given, progress=stop_after(30))
    _, said = in_segments(given)
    assert any("20 frames are there already" in line for line in said), said
    plain = dataclasses.replace(given, output=tmp_path / "plain.mkv")
    pipeline.render(plain, segmenter=FakeSegmenter())
    assert same(read_planes(given.output), read_planes(plain.output))
    given = dataclasses.replace(given, output=tmp_path / "again.mkv")
    with pytest.raises(StoppedError):
        in_segments(given, progress=stop_after(30))
    write_picture(tmp_path / "in" / "040.png", person_picture(1, 96, 64))
    _, said = in_segments(given)
    assert any("starting anew, since source listing was" in line for line in said), said


def test_a_photo_needs_no_segments(tmp_path: Path) -> None:
    photo = write_picture(tmp_path / "in.png")
    with pytest.raises(SettingsError, match="is a photo; `vidseg render` makes one of it"):
        in_segments(settings(photo, tmp_path / "out.mp4"))


def test_weights_that_the_first_run_fetched_are_no_change(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were unknown when it began, so the second run started anew."""
    given = settings(clip, tmp_path / "out.mp4")
    there = iter([None])
    monkeypatch.setattr(resume, "fingerprint", lambda _: next(there, "abc"))
    with pytest.raises(StoppedError):
        in_segments(given, progress=stop_after(35))
    _, said = in_segments(given)
    assert any("going on" in line for line in said), said


def test_a_report_names_who_rendered_what_an_earlier_run_finished(
    clip: Path, tmp_path: Path
) -> None:
    """All segments were there, so no network was opened, and the report named none."""
    given = settings(clip, tmp_path / "out.mp4")
    with pytest.raises(OutputError, match="no room"), monkeypatched_join():
        in_segments(given)
    report, _ = in_segments(given)
    assert (report.model, report.device) == (FakeSegmenter().name, FakeSegmenter().device)


@contextmanager
def monkeypatched_join() -> Iterator[None]:
    """Let joining fail."""

    def fail(*_: Any) -> None:
        raise OutputError("no room")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resume, "join", fail)
        yield


def test_a_full_disk_keeps_what_is_done(clip: Path, tmp_path: Path) -> None:
    """A small file system of its own, which then grows; skipped where mounting isn't allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        given = settings(clip, disk / "out.mkv", encode=LOSSLESS)
        with pytest.raises(OutputError, match="No space left on device"):
            in_segments(given)
        assert [
            path.suffix
            for path in Store(given.output).folder.iterdir()
            if path.name.startswith(".")
        ] == []
        subprocess.run(["mount", "-o", "remount,size=40m", str(disk)], check=True)
        report, said = in_segments(given)
        assert any("going on" in line for line in said), said
        assert report.frames_out == 35 * RATE
        assert [path.name for path in disk.iterdir()] == ["out.mkv"]
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_ten_bits_are_resumed(tmp_path: Path) -> None:
    source = write_clip(
        tmp_path / "in.mkv",
        frames=24 * RATE,
        rate=RATE,
        codec="libx265",
        pix_fmt="yuv420p10le",
        b_frames=3,
    )
    plain = settings(source, tmp_path / "plain.mkv", encode=LOSSLESS)
    pipeline.render(plain, segmenter=FakeSegmenter())
    given = settings(source, tmp_path / "out.mkv", encode=LOSSLESS)
    with pytest.raises(StoppedError):
        in_segments(given, progress=stop_after(30))
    in_segments(given)
    ours = read_planes(given.output)
    assert ours[0].planes[0].dtype == np.uint16
    assert same(ours, read_planes(plain.output))


TWICE = (
    "import sys\n"
    "from pathlib import Path\n"
    "from vidseg.jobs import resume\n"
    "from vidseg.networks.fake import FakeSegmenter\n"
    "from vidseg.settings import RenderSettings\n"
    "source, output = map(Path, sys.argv[1:])\n"
    "resume.render(RenderSettings(source=source, output=output), segmenter=FakeSegmenter())\n"
)


def test_x264_gives_the_same_bits_each_time(tmp_path: Path) -> None:
    """Its AVX-512 code hung on what memory held before, so a segment made again was another."""
    source = write_clip(tmp_path / "in.mp4", frames=60, width=320, height=192)
    outputs = [tmp_path / "zeros.mp4", tmp_path / "ones.mp4"]
    for output, fill in zip(outputs, ("0", "165"), strict=True):
        command = [sys.executable, "-c", TWICE, str(source), str(output)]
        subprocess.run(
            command, check=True, cwd=PROJECT, env={**os.environ, "MALLOC_PERTURB_": fill}
        )
    assert same(*map(read_planes, outputs))


@pytest.mark.parametrize("name", ["report.html", "report.json"])
def test_figures_are_those_of_a_plain_render(clip: Path, tmp_path: Path, name: str) -> None:
    """Segment by segment, before and after a stop: figures, cuts and worst moments are the same."""
    plain = settings(clip, tmp_path / "plain.mp4", report=tmp_path / f"plain-{name}")
    expected: Any = pipeline.render(plain, segmenter=FakeSegmenter()).quality
    given = settings(clip, tmp_path / "out.mp4", report=tmp_path / name)
    with pytest.raises(StoppedError):
        in_segments(given, progress=stop_after(30))
    report, said = in_segments(given)
    assert any("going on" in line for line in said)
    found: Any = report.quality
    assert found["frames"] == 35 * RATE
    assert {key: found[key] for key in found if key != "moments"} == {
        key: expected[key] for key in expected if key != "moments"
    }
    worst = [[m for m in each["moments"] if m["reasons"]] for each in (found, expected)]
    assert worst[0] == worst[1]
    if name.endswith("html"):
        assert worst[0]
        assert (tmp_path / name).read_text("utf-8").count("<img ") >= 3 * 12
    assert not list(tmp_path.glob(".*"))


def test_parts_rendered_without_a_report_have_no_figures(clip: Path, tmp_path: Path) -> None:
    """The report says so; what was rendered before is not thrown away for it."""
    with pytest.raises(StoppedError):
        in_segments(settings(clip, tmp_path / "out.mp4"), progress=stop_after(30))
    report, said = in_segments(
        settings(clip, tmp_path / "out.mp4", report=tmp_path / "report.html")
    )
    assert any("going on" in line for line in said)
    assert report.quality == {}
    assert "no figures on what is written: parts were rendered without --report" in report.notes
    assert "no figures on what is written" in (tmp_path / "report.html").read_text("utf-8")


def test_pictures_are_not_rendered_in_segments(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="only videos are rendered in segments"):
        in_segments(settings(clip, tmp_path / "%05d.png"))


def test_a_pair_is_resumed(clip: Path, tmp_path: Path) -> None:
    given = settings(
        clip,
        tmp_path / "out.mkv",
        background="transparent",
        pair=True,
        encode=EncodeSettings(codec="ffv1"),
    )
    with pytest.raises(StoppedError):
        in_segments(given, progress=stop_after(35))
    report, _ = in_segments(given)
    assert report.frames_out == 35 * RATE
    for target in given.targets:
        assert len(read_planes(target.path)) == 35 * RATE


def test_the_manifest_names_what_segments_depend_on(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        in_segments(settings(clip, tmp_path / "out.mp4"), progress=stop_after(35))
    manifest = json.loads((tmp_path / ".out.mp4.segments" / "manifest.json").read_text())
    assert set(manifest) == {
        "source",
        "background file",
        "settings",
        "weights",
        "versions",
        "container",
    }
    assert "libavcodec" in manifest["versions"]


KILLED = (
    "import sys, time\n"
    "from vidseg.cli import main as cli\nfrom vidseg.jobs import resume\n"
    "from vidseg.networks.fake import FakeSegmenter\n"
    "class Slow(FakeSegmenter):\n"
    "    def segment(self, batch):\n"
    "        time.sleep(PAUSE)\n"
    "        return super().segment(batch)\n"
    "resume.open_segmenter = lambda *a, **k: Slow()\n"
    "cli.main()\n"
)


def command(clip: Path, output: Path, pause: float = 0) -> list[str]:
    """Return the command line that renders in segments with a network as slow as asked."""
    words = [
        "render",
        str(clip),
        "-o",
        str(output),
        "-b",
        "#2040c0",
        "--codec",
        "ffv1",
        "--resumable",
    ]
    return [sys.executable, "-c", KILLED.replace("PAUSE", str(pause)), *words]


def signalled(clip: Path, output: Path, number: signal.Signals, parts: int) -> tuple[int, str]:
    """Render until so many segments are there, send a signal; return exit code and what was said.

    Where the machine is so busy that the signal comes too late, it is tried again with a slower
    network.
    """
    for pause in (0.04, 0.3, 1.6):
        running = subprocess.Popen(command(clip, output, pause), stderr=subprocess.PIPE, text=True)
        while running.poll() is None and len(list(Store(output).folder.glob("*.part"))) < parts:
            time.sleep(0.005)
        running.send_signal(number)
        _, said = running.communicate(timeout=240)
        if running.returncode != 0:
            return running.returncode, said
        output.unlink()
    raise AssertionError("the render ended before it could be stopped")


@pytest.fixture(scope="module")
def undisturbed(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Coded]:
    """What the command gives when nobody kills it."""
    output = tmp_path_factory.mktemp("undisturbed") / "out.mkv"
    subprocess.run(command(clip, output), check=True, capture_output=True)
    return read_planes(output)


@pytest.mark.parametrize("parts", [0, 1, 2, 3])
def test_a_killed_render_goes_on(
    clip: Path, tmp_path: Path, undisturbed: list[Coded], parts: int
) -> None:
    """SIGKILL gives no chance to tidy up: at any moment, with any number of segments done."""
    output = tmp_path / "out.mkv"
    signalled(clip, output, signal.SIGKILL, parts)
    assert not output.exists()
    done = subprocess.run(command(clip, output), capture_output=True, text=True, check=True)
    assert ("going on" in done.stderr) == (parts > 0)
    assert same(read_planes(output), undisturbed)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]


@pytest.mark.parametrize(
    ("moment", "again"),
    [
        ("manifest written, nothing rendered", 0),
        ("first segment written, not yet named", 0),
        ("middle of joining", 70),
        ("renamed, folder still there", 70),
        ("while the folder is deleted", 0),
    ],
)
def test_a_render_killed_at_a_delicate_moment_goes_on(
    clip: Path, tmp_path: Path, undisturbed: list[Coded], moment: str, again: int
) -> None:
    """One while joining left a hidden file; after one behind the rename the second run failed."""
    output = tmp_path / "out.mkv"
    doomed = command(clip, output)
    doomed[2] = doomed[2].replace("cli.main()", f"doomed({moment!r}, '70', *sys.argv[1:])")
    doomed[2] = f"import sys\nsys.path.append({str(PROJECT / 'scripts')!r})\n" + doomed[2].replace(
        "class Slow", "from kill_table import doomed\nclass Slow"
    )
    assert subprocess.run(doomed, capture_output=True, check=False).returncode == -signal.SIGKILL
    done = subprocess.run(command(clip, output), capture_output=True, text=True, check=True)
    assert f"going on, {again} frames" in done.stderr if again else "going on" not in done.stderr
    assert "70 frames in" in done.stderr
    assert same(read_planes(output), undisturbed)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]


@pytest.mark.parametrize("target", ["out.mkv", "pictures/%05d.png"])
def test_ctrl_c_while_an_output_is_opened_leaves_nothing(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """Interrupted between making a hidden file and noting who removes it, it left the file."""
    kind, make = (Output, "_begun") if target == "out.mkv" else (PictureSink, "_temporary_folder")
    monkeypatch.setattr(kind, make, interrupted_after(getattr(kind, make)))
    with pytest.raises(KeyboardInterrupt):
        pipeline.render(
            RenderSettings(source=clip, output=tmp_path / target), segmenter=FakeSegmenter()
        )
    assert not list(tmp_path.iterdir())


def test_ctrl_c_while_a_segment_is_opened_leaves_no_hidden_file(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same between two segments, where a test of the whole command was hit by it."""
    given = settings(clip, tmp_path / "out.mkv")
    with pytest.raises(StoppedError):
        in_segments(given, progress=stop_after(22))
    monkeypatch.setattr(PacketFileWriter, "__init__", interrupted_after(PacketFileWriter.__init__))
    with pytest.raises(KeyboardInterrupt):
        in_segments(given)
    assert list(Store(given.output).folder.glob("*.part"))
    assert not hidden(Store(given.output).folder)


def interrupted_after(make: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that does what `make` does, and is interrupted at its end."""

    def made(*args: Any, **kwargs: Any) -> Any:
        result = make(*args, **kwargs)
        signal.raise_signal(signal.SIGINT)
        return result

    return made


def test_ctrl_c_keeps_what_is_done(clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    code, said = signalled(clip, output, signal.SIGINT, 1)
    assert code == 130
    assert said.splitlines()[-1] == "vidseg: interrupted; the same command goes on from here"
    assert not [path for path in Store(output).folder.iterdir() if path.name.startswith(".")]
