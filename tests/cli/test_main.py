"""The command line as a user meets it: exit codes, one-line errors, help, progress."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import av
import pytest

from tests.helpers.clips import Audio, frame_times, write_clip, write_picture
from tests.helpers.command_line import FAKE, one_line, vidseg
from vidseg import __version__
from vidseg.cli.exit_codes import ExitCode
from vidseg.cli.progress import ClipProgress, FrameProgress


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A short clip with sound."""
    return write_clip(tmp_path / "in.mp4", frames=12, audio=[Audio()])


def test_a_render_succeeds_quietly(clip: Path) -> None:
    done = vidseg("render", clip, "-o", clip.parent / "out.mp4", "-b", "red", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_render_names_the_device_and_the_result(clip: Path) -> None:
    done = vidseg(
        "render",
        clip,
        "-o",
        clip.parent / "out.mp4",
        "-b",
        "red",
        "--report",
        clip.parent / "r.json",
    )
    assert "fake on CPU" in done.stderr
    assert "12 frames" in done.stderr
    report = json.loads((clip.parent / "r.json").read_text())
    assert report["frames_out"] == 12
    assert report["model"] == "fake"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "missing.mp4", "no such file"),
        (lambda folder: folder, "is a folder"),
        (lambda folder: _text(folder / "notes.mp4"), "not a media file"),
        (lambda folder: _empty(folder / "empty.mp4"), "the file is empty"),
        (lambda folder: _sound(folder / "talk.m4a"), "holds no video, only audio"),
        (
            lambda folder: _sound(folder / "song.m4a", cover=True),
            "holds no video, only audio, a cover picture",
        ),
    ],
)
def test_what_is_no_video_ends_in_one_line(tmp_path: Path, make: object, message: str) -> None:
    source = make(tmp_path)  # type: ignore[operator]
    said = one_line(vidseg("render", source, "-o", tmp_path / "out.mp4", "-b", "red"))
    assert message in said
    assert str(source) in said
    assert not (tmp_path / "out.mp4").exists()


def _text(path: Path) -> Path:
    path.write_text("not a video\n" * 50)
    return path


def _empty(path: Path) -> Path:
    path.touch()
    return path


def _sound(path: Path, *, cover: bool = False) -> Path:
    import av

    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=48000, layout="mono")
        if cover:
            art = out.add_stream("png")
            art.width, art.height, art.pix_fmt = 32, 32, "rgb24"
            art.disposition = av.stream.Disposition.attached_pic
            out.mux(art.encode(av.VideoFrame(32, 32, "rgb24")) + art.encode(None))
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.sample_rate = 48000
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-b", "nowhere.jpg"], "nowhere.jpg: no such file"),
        (["-b", "#zz"], "not a colour"),
        (["-b", "red", "-o", "/nowhere/out.mp4"], "the folder /nowhere doesn't exist"),
        (["-b", "red", "-o", "out.gif"], "can't tell from its ending what to write"),
        (["-b", "red", "--codec", "divx"], "unknown codec 'divx'; known are x264"),
        (["-b", "red", "--codec", "vp9", "-o", "out.mov"], "don't hold vp9"),
        (
            ["-b", "red", "--codec", "h264-nvenc"],
            "the hardware or its driver is absent; use --codec x264",
        ),
        (["-b", "red", "--pix-fmt", "rgb565"], "doesn't take --pix-fmt rgb565; it takes yuv420p"),
        (["-b", "red", "--preset", "warp"], "x264 has no preset 'warp'; it has ultrafast"),
        (
            ["-b", "red", "--preset", "fast", "-o", "out.webm"],
            "vp9 has no preset 'fast'; it has 0, the slowest",
        ),
        (
            ["-b", "red", "--preset", "14", "--codec", "svt-av1"],
            "svt-av1 has no preset '14'; it has 0, the slow",
        ),
        (["-b", "red", "--threshold", "2"], "--threshold must lie in"),
        (["-b", "red", "--smooth", "nan"], "--smooth must lie in"),
        (["-b", "red", "--device", "tpu"], "--device must be auto, cpu, gpu or gpu:N"),
        (["-b", "red", "--start", "5", "--end", "4"], "--end must come after --start"),
        (["-b", "red", "--parts", "tail"], "unknown body part 'tail'"),
        (["-b", "red", "--hwaccel", "abacus"], "this FFmpeg knows"),
    ],
)
def test_wrong_values_end_in_one_line(clip: Path, options: list[str], message: str) -> None:
    target = [] if "-o" in options else ["-o", str(clip.parent / "out.mp4")]
    said = one_line(vidseg("render", clip, *target, *options))
    assert message in said
    assert [p.name for p in clip.parent.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize(
    "options",
    [
        ["--fit", "crop"],
        ["--start", "noon"],
        ["--resolution", "big"],
        ["--bogus"],
        ["--crf", "low"],
    ],
)
def test_wrong_usage_exits_with_2(clip: Path, options: list[str]) -> None:
    done = vidseg("render", clip, "-o", clip.parent / "out.mp4", "-b", "red", *options)
    assert done.returncode == ExitCode.USAGE
    assert "Error" in done.stderr


def test_a_damaged_source_is_rendered_and_exits_with_3(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", frames=90)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    done = vidseg("render", cut, "-o", tmp_path / "out.mp4", "-b", "red")
    assert done.returncode == ExitCode.DAMAGED
    assert "the source is damaged (missing s: " in done.stderr
    assert (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
def test_a_render_outlives_its_terminal(clip: Path, stderr: str) -> None:
    """What couldn't be told ended the render: an error in standard error, or none at all.

    A closed one's number went to the next file that was opened, into which libraries wrote
    messages.
    """
    if "full" in stderr and not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    command = f'exec "$0" -c "$1" render "$2" -o "$3" -b red {stderr}'
    words = [sys.executable, FAKE, str(clip), str(clip.parent / "out.mp4")]
    done = subprocess.run(
        ["sh", "-c", command, *words], capture_output=True, check=False, timeout=240
    )
    assert done.returncode == 0
    assert len(frame_times(clip.parent / "out.mp4")) == 12


@pytest.mark.parametrize("command", ["render", "batch", "preview"])
def test_an_empty_background_is_refused(clip: Path, command: str) -> None:
    """A shell's unset variable meant transparent in one command, and black in another."""
    said = one_line(vidseg(command, clip, "-o", clip.parent / "out.mkv", "-b", ""))
    assert "-b is empty" in said


def test_numbered_pictures_are_probed(tmp_path: Path) -> None:
    """The error told to give `--fps`, which probe didn't have."""
    for number in range(3):
        write_picture(tmp_path / f"{number}.png")
    assert "such as --fps 24" in one_line(vidseg("probe", tmp_path / "%d.png"))
    done = vidseg("probe", tmp_path / "%d.png", "--fps", "24")
    assert (done.returncode, done.stderr) == (0, "")
    assert "24.000 fps" in done.stdout


def test_probe_tells_what_a_file_holds(clip: Path) -> None:
    done = vidseg("probe", clip)
    assert "h264 96x64 yuv420p, 30.000 fps" in done.stdout
    assert "stream 1: audio aac 48000 Hz stereo" in done.stdout
    told = json.loads(vidseg("probe", clip, "--json").stdout)
    assert (told["width"], told["height"], told["frame_count"]) == (96, 64, 12)


def test_version_tells_what_a_report_of_a_bug_needs() -> None:
    done = vidseg("--version")
    assert done.returncode == 0
    first, *rows = done.stdout.splitlines()
    assert first == f"vidseg {__version__}"
    told = dict(row.strip().split(":", 1) for row in rows)
    assert set(told) == {
        "Python",
        "TensorFlow",
        "LiteRT",
        "OpenCV",
        "numpy",
        "PyAV",
        "FFmpeg",
        "device",
    }
    assert f"libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))}" in told["FFmpeg"]
    assert all(re.search(r"\d", value) for name, value in told.items() if name != "device")
    assert told["device"].strip().startswith(("CPU", "GPU"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str) -> None:
    done = vidseg("completion", shell)
    assert f"_VIDSEG_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize(
    ("words", "found"), [("vidseg ren", "render"), ("vidseg render --back", "--background")]
)
def test_the_program_answers_what_the_script_asks(words: str, found: str) -> None:
    """Bash gets what fits the word that is being typed."""
    asked = {
        "_VIDSEG_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    code = "import sys; sys.argv[0] = 'vidseg'\nfrom vidseg.cli.main import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **asked},
        timeout=240,
    )
    assert done.stdout.splitlines() == [f"plain,{found}"], done.stderr


@pytest.mark.parametrize("command", ["render", "matte", "probe", "models"])
def test_every_command_has_help(command: str) -> None:
    done = vidseg(command, "--help")
    assert done.returncode == 0
    assert "Usage:" in done.stdout


def test_the_pace_is_that_of_frames(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A first run was said to take a quarter of an hour: a model's conversion counted as pace."""
    now = [0.0]
    monkeypatch.setattr("vidseg.cli.progress.time.monotonic", lambda: now[0])
    with FrameProgress(quiet=False) as line:
        for seconds, done in ((30.0, 1), (32.0, 5), (36.0, 13)):
            now[0] = seconds
            line.update(done, 33)
    assert capsys.readouterr().err == "13 frames of 33, 10 s left, 2.0 frames/s\n"


class _Gone:
    """A terminal whose window was closed."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def write(self, _: str) -> int:
        raise OSError

    def flush(self) -> None:
        raise OSError


def test_progress_outlives_its_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar of frames and the bar of clips each took care of that by themselves."""
    monkeypatch.setattr(sys, "stderr", _Gone())
    with FrameProgress(quiet=False) as frames:
        frames.update(1, 10)
        frames.say("a line")
    with ClipProgress(3, 1, quiet=False) as clips:
        clips.share(0, 0.5)
        clips.ended(0, "a clip", failed=False)


def test_verbose_tells_what_a_run_used(clip: Path) -> None:
    """It was looked for among the words of the command line, and said no more than before."""
    words = ("render", clip, "-o", clip.parent / "out.mp4", "-b", "red")
    plain, more = vidseg(*words), vidseg(*words, "--overwrite", "-v")
    assert "busy" not in plain.stderr
    assert [line.split(":")[0].split()[0] for line in more.stderr.splitlines()[-5:]] == [
        "model",
        "read",
        "wrote",
        "busy",
        "on",
    ]
    assert re.search(r"busy \(stages overlap\): .*decode \d+\.\d\d s", more.stderr)
    assert vidseg(*words, "--overwrite", "-qv").stderr == ""
    refused = vidseg(*words, "-qv")
    assert "Traceback" in refused.stderr
    assert "Traceback" not in vidseg(*words, "-q").stderr


def test_the_readme_lists_every_exit_code() -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
    listed = readme.partition("go by the exit code:")[2].partition("###")[0]
    found = {int(code) for code in re.findall(r"(?:^|; )(\d+)(?:,| means)", listed, re.MULTILINE)}
    assert found == set(ExitCode)


def test_a_report_replaces_no_clip(clip: Path, tmp_path: Path) -> None:
    """The account of a run was written over whatever had its name, the source among that."""
    before = clip.read_bytes()
    (tmp_path / "old.json").write_text("kept")
    for report, message in (
        (clip, "is also an input"),
        (tmp_path / "out.mp4", "is written by the render itself"),
        (tmp_path / "old.json", "exists already; use --overwrite"),
        (tmp_path / "nowhere" / "r.html", "doesn't exist; create it first"),
    ):
        for options in ([], ["--resumable"]):
            line = one_line(
                vidseg(
                    "render",
                    clip,
                    "-o",
                    tmp_path / "out.mp4",
                    "-b",
                    "red",
                    "--report",
                    report,
                    *options,
                )
            )
            assert message in line
            assert not (tmp_path / "out.mp4").exists()
    assert clip.read_bytes() == before
    assert (tmp_path / "old.json").read_text() == "kept"


def test_what_was_made_is_named(clip: Path, tmp_path: Path) -> None:
    """A pair was called by a name that neither file has, and its matte complained of no sound."""
    done = vidseg(
        "render", clip, "-o", tmp_path / "out.mp4", "--pair", "--report", tmp_path / "r.json"
    )
    made = ", ".join(str(tmp_path / name) for name in ("out.fgr.mp4", "out.matte.mp4", "r.json"))
    assert done.stderr.splitlines()[-1].startswith(f"{made}: 12 frames in ")
    assert "audio" not in done.stderr


def test_a_photo_is_probed(tmp_path: Path) -> None:
    done = vidseg("probe", write_picture(tmp_path / "photo.jpg"))
    assert (done.returncode, "jpg 64x48" in done.stdout) == (0, True), done.stderr
    assert "1.000" not in done.stdout  # its length and frame rate, as a source of one frame


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("words", [["--help"], ["models", "list"], ["completion", "bash"]])
def test_a_full_disk_behind_standard_output_is_told(words: list[str]) -> None:
    """It was called an internal error."""
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "vidseg", *words]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert "no space left, where standard output goes" in one_line(done)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--codec", "x264", "--crf", "52"], "x264 takes --crf 0, the best, to 51, got 52"),
        (["--range", "full"], "--range is for mattes; leave it out"),
    ],
)
def test_what_would_have_no_effect_is_refused(clip: Path, words: list[str], message: str) -> None:
    """A rate factor beyond the encoder's was its highest; pictures' range is the source's."""
    assert message in one_line(
        vidseg("render", clip, "-o", clip.parent / "out.mp4", "-b", "red", *words)
    )
