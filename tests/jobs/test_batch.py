"""Many clips: which are found, how they are named, and that one clip's trouble is nobody else's."""

import errno
import json
import os
import re
import signal
import subprocess
import time
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from tests.helpers.batches import PROJECT, black_corner, run, run_unchanged, vidseg
from tests.helpers.clips import Audio, person_picture, read_frames, write_clip, write_picture
from tests.helpers.workers import open_broken, open_deadly, open_deaf, open_fake, open_never
from vidseg.cli.batch import batch
from vidseg.errors import ModelError, OutputError, SettingsError
from vidseg.jobs.batch import Clip, Outcome, endings_for, find_clips, settings_for, table
from vidseg.jobs.dispatch import Died
from vidseg.jobs.local_workers import LocalWorkers, _Processes, default_jobs
from vidseg.settings import EncodeSettings, ModelSettings, RenderSettings
from vidseg.system.cores import core_count, limit_cores


def names(clips: list[Clip], folder: Path) -> list[str]:
    """Return the names of the results."""
    return [clip.output.relative_to(folder).as_posix() for clip in clips]


# -- finding and naming
# --------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with things in it."""
    for name in (
        "a.mp4",
        "b.MOV",
        "notes.txt",
        "day1/a.mp4",
        "day1/c.avi",
        ".hidden/x.mp4",
        ".y.mp4",
    ):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "in"


def test_a_folder_means_all_videos_below_it(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert names(find_clips([str(tree)], out), out) == [
        "a.mp4",
        "b.MOV",
        "day1/a.mp4",
        "day1/c.mp4",
    ]


def test_patterns_and_files_count_once(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    clips = find_clips([f"{tree}/*.mp4", str(tree / "a.mp4"), f"{tree}/**/c.*"], out)
    assert names(clips, out) == ["a.mp4", "c.mp4"]


def test_results_are_no_sources(tree: Path) -> None:
    """A second run over a folder that holds the results must not render those."""
    (tree / "results").mkdir()
    (tree / "results" / "a.mp4").touch()
    assert len(find_clips([str(tree)], tree / "results")) == 4


def test_results_beside_the_clips_are_no_sources(tree: Path) -> None:
    """They were rendered again, as a.new.new.mp4, by each further run into the clips' folder."""
    before = names(find_clips([str(tree)], tree, "{stem}.new{suffix}"), tree)
    (tree / "a.new.mp4").touch()
    (tree / "day1" / "c.new.mp4").touch()
    assert names(find_clips([str(tree)], tree, "{stem}.new{suffix}"), tree) == before
    with pytest.raises(SettingsError, match="numbers change once results lie beside the clips"):
        find_clips([str(tree)], tree, "{number}{suffix}")


def test_results_that_a_pattern_finds_are_no_sources(tree: Path) -> None:
    (tree / "results").mkdir()
    (tree / "results" / "b.MOV").touch()
    clips = find_clips([f"{tree}/**/b.*"], tree / "results")
    assert [clip.source for clip in clips] == [tree / "b.MOV"]


def test_no_result_replaces_its_source(tree: Path) -> None:
    """The clips counted as done already: the run skipped all of them and ended well."""
    with pytest.raises(
        SettingsError, match="would be replaced by its own result; give -o another folder"
    ):
        find_clips([str(tree)], tree)


def test_a_link_is_named_by_itself(tree: Path, tmp_path: Path) -> None:
    """Its result was called like what it leads to, which collides in a store of numbered files."""
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "interview.mp4").symlink_to(tree / "a.mp4")
    out = tmp_path / "out"
    assert names(find_clips([str(tmp_path / "links")], out), out) == ["interview.mp4"]


@pytest.mark.parametrize(
    ("encode", "background", "expected"),
    [
        (EncodeSettings(), "red", ["a.mp4", "b.MOV"]),
        (EncodeSettings(), "transparent", ["a.mov", "b.MOV"]),
        (EncodeSettings(codec="vp9"), "red", ["a.mp4", "b.webm"]),
        (EncodeSettings(codec="vp9"), "transparent", ["a.webm", "b.webm"]),
        (EncodeSettings(codec="prores"), "red", ["a.mov", "b.MOV"]),
        (EncodeSettings(preset="veryfast"), "red", ["a.mp4", "b.MOV", "d.mp4"]),
        (EncodeSettings(preset="4"), "red", ["a.mp4", "b.MOV", "d.webm"]),
    ],
)
def test_a_result_ends_in_what_can_hold_it(
    tree: Path, tmp_path: Path, encode: EncodeSettings, background: str, expected: list[str]
) -> None:
    """Each clip failed where .mp4 holds no transparency, or not the codec asked for."""
    common = RenderSettings(source=tree, output=tree, background=background, encode=encode)
    if len(expected) == 3:
        (tree / "d.webm").touch()
    out = tmp_path / "out"
    assert (
        names(find_clips([f"{tree}/*.[mMw]*"], out, endings=endings_for(common)), out) == expected
    )


def test_names_follow_the_template(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    clips = find_clips([str(tree)], out, "{number:03d}-{stem}.vidseg.mkv")
    assert names(clips, out)[-1] == "day1/004-c.vidseg.mkv"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("../{stem}{suffix}", "leads out of"),
        ("/tmp/{stem}{suffix}", "leads out of"),
        ("a/../../{stem}{suffix}", "leads out of"),
        ("{name}", "{stem}, {suffix}, {number}"),
        ("{stem.__class__}", "unknown 'stem.__class__'"),
        ("{stem", "expected '}'"),
        ("{}", "{stem}, {suffix}, {number}"),
        ("same.mp4", "would both become"),
        ("{stem}.png", "a.png is no video"),
        ("{stem}", "a is no video"),
    ],
)
def test_bad_templates_are_refused(tree: Path, tmp_path: Path, template: str, message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        find_clips([str(tree)], tmp_path / "out", template)


@pytest.mark.parametrize("source", ["missing.mp4", "nothing/*.mp4"])
def test_sources_that_are_not_there_are_refused(tree: Path, source: str) -> None:
    with pytest.raises(SettingsError, match="no such file or folder"):
        find_clips([str(tree), source], tree / "out")


def test_numbered_pictures_are_a_clip(tmp_path: Path) -> None:
    """`--fps` was offered for them, but no batch took them; its rate is for them alone."""
    for folder in ("day1", "day2"):
        (tmp_path / folder).mkdir()
    for number in (1, 2):
        write_picture(tmp_path / "day1" / f"shot_{number:04d}.png")
        write_picture(tmp_path / "day2" / f"{number}.png")
    (tmp_path / "a.mp4").touch()
    sources = [str(tmp_path / name) for name in ("day1/shot_%04d.png", "day2/%d.png", "a.mp4")]
    clips = find_clips(sources, tmp_path / "out")
    assert names(clips, tmp_path / "out") == ["a.mp4", "shot.mp4", "day2.mp4"]
    common = RenderSettings(source=Path("x"), output=Path("y"), frame_rate=Fraction(24))
    assert [settings_for(clip, common).frame_rate for clip in clips] == [None, 24, 24]


def test_a_percent_sign_in_a_clips_name_is_no_number(tmp_path: Path) -> None:
    """`50%discount.mp4` passed for numbered pictures, which aren't rendered in segments."""
    write_clip(tmp_path / "50%discount.mp4", frames=3)
    done = run("batch", tmp_path / "50%discount.mp4", "-o", tmp_path / "out", "-b", "red")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["50%discount.mp4"]


def test_a_quiet_batch_tells_what_failed(tmp_path: Path) -> None:
    """`-q` is to say nothing but errors, and said nothing at all."""
    (tmp_path / "bad.mp4").write_bytes(b"no clip")
    done = run("batch", tmp_path / "bad.mp4", "-o", tmp_path / "out", "-b", "red", "-q")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"\S+/out/bad.mp4: failed: \S+/bad.mp4: not a media file.*\n", done.stderr)


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="this system has no device that is always full"
)
def test_a_batch_outlives_its_log(tmp_path: Path) -> None:
    """The first clip that ended was told to a log on a full disk, and no other was begun."""
    clips = [write_clip(tmp_path / name, frames=3) for name in ("a.mp4", "b.mp4")]
    command = vidseg("batch", *clips, "-o", tmp_path / "out", "-b", "red", "--jobs", "1")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            check=False,
            timeout=240,
            cwd=PROJECT,
        )
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "2 done"


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there are no videos in"):
        find_clips([str(tmp_path)], tmp_path / "out")


@pytest.fixture
def _day1_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders called day1 can't be read, whoever runs the tests."""
    scan = os.scandir

    def scandir(path: str | Path) -> Any:
        if Path(path).name == "day1":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)


@pytest.mark.usefixtures("_day1_is_closed")
def test_a_folder_that_cannot_be_read_is_told_and_has_failed(tree: Path, tmp_path: Path) -> None:
    """Cause: what finds files below a folder passes over such a folder without a word."""
    out = tmp_path / "out"
    closed: dict[Path, str] = {}
    found = find_clips([str(tree)], out, closed=closed)
    assert names(found, out) == ["a.mp4", "b.MOV"]
    assert closed == {tree / "day1": "Permission denied"}
    with pytest.raises(SettingsError, match=r"no videos in .*; .*day1 can't be read: Permission"):
        find_clips([str(tree / "day1")], out)
    out.mkdir()
    for clip in found:
        clip.output.touch()
    done = CliRunner().invoke(batch, [str(tree), "-o", str(out), "-b", "navy"])
    assert done.exit_code == 1
    assert re.search(r"day1 +failed .*the folder can't be read: Permission", done.stdout)
    assert done.stdout.splitlines()[-1] == "2 skipped, 1 failed"
    assert f"vidseg: {tree / 'day1'}: the folder can't be read" in done.stderr


@pytest.mark.parametrize("place", ["notes.txt/out", "/proc/no/such"])
def test_a_folder_for_results_that_cannot_be_made_is_one_line(tree: Path, place: str) -> None:
    """Cause: it was made outside of what turns the system's errors into ours."""
    with pytest.raises(OutputError, match="the folder can't be made"):
        CliRunner().invoke(
            batch, [str(tree), "-o", str(tree / place), "-b", "navy"], catch_exceptions=False
        )


def test_the_table_counts() -> None:
    clips = [Clip(Path("a.mp4"), Path("out/a.mp4")), Clip(Path("b.mp4"), Path("out/b.mp4"))]
    lines = table(
        clips, [Outcome("done", 12, 0.5), Outcome("failed", message="why")], Path("out")
    ).splitlines()
    assert lines[1].split() == ["a.mp4", "done", "12", "0.5"]
    assert lines[2].split() == ["b.mp4", "failed", "-", "-", "why"]
    assert lines[-1] == "1 done, 1 failed"


def test_workers_leave_cores_to_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidseg.jobs.local_workers.core_count", lambda: 8)
    assert default_jobs(ModelSettings()) == 4
    assert default_jobs(ModelSettings(device="gpu")) == 1
    monkeypatch.setattr("vidseg.jobs.local_workers.core_count", lambda: 1)
    assert default_jobs(ModelSettings()) == 1


def test_a_quota_counts_as_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container of two of a host's 64 cores, 32 workers were started."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(64))
    quota = tmp_path / "cpu.max"
    monkeypatch.setattr("vidseg.system.cores._CPU_QUOTA", quota)
    assert core_count() == 64
    quota.write_text("max 100000\n")
    assert core_count() == 64
    quota.write_text("150000 100000\n")
    assert core_count() == 2


def test_a_worker_counts_on_its_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of several threads took all cores in each of the workers."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(64))
    monkeypatch.setattr("vidseg.system.cores._CPU_QUOTA", Path("/nowhere"))
    monkeypatch.setattr("vidseg.system.cores._most", None)
    limit_cores(2)
    assert core_count() == 2
    limit_cores(0)
    assert core_count() == 1


# -- running
# -------------------------------------------------------------------------------------------------


def test_twenty_clips_two_of_them_broken(tmp_path: Path) -> None:
    """The others are rendered, the exit code is 1; a second run tries only the broken ones."""
    folder = tmp_path / "in"
    folder.mkdir()
    whole = write_clip(folder / "00.mp4", frames=10, audio=[Audio()])
    for number in range(1, 20):
        (folder / f"{number:02d}.mp4").write_bytes(whole.read_bytes())
    (folder / "07.mp4").write_bytes(b"not a video at all")
    (folder / "13.mp4").write_bytes(whole.read_bytes()[:600])
    words = (
        "batch",
        folder,
        "-o",
        tmp_path / "out",
        "-b",
        "red",
        "--preset",
        "ultrafast",
        "--jobs",
        "2",
    )
    done = run(*words, "--report", tmp_path / "report.json")
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1] == "18 done, 2 failed"
    assert "07.mp4: not a media file" in done.stdout
    assert len(list((tmp_path / "out").iterdir())) == 18
    assert len(read_frames(tmp_path / "out" / "19.mp4")) == 10
    states = [row["state"] for row in json.loads((tmp_path / "report.json").read_text())]
    assert [states.count(state) for state in ("done", "failed")] == [18, 2]
    (folder / "07.mp4").write_bytes(whole.read_bytes())
    (folder / "13.mp4").unlink()
    again = run(*words)
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "1 done, 18 skipped")


def test_a_damaged_clip_is_rendered_and_told(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", frames=90)
    source = tmp_path / "cut.mkv"
    source.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    done = run("batch", source, "-o", tmp_path / "out", "-b", "red", "--jobs", "1")
    assert done.returncode == 3, done.stderr
    assert done.stdout.splitlines()[-1] == "1 damaged"
    assert "missing s" in done.stdout


@pytest.mark.parametrize("once", [True, False])
def test_a_clip_that_kills_its_worker_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, once: bool
) -> None:
    """Where it does so once it is tried again and done."""
    if once:
        monkeypatch.setenv("VIDSEG_TEST_ONCE", str(tmp_path / "died"))
    bad = write_clip(tmp_path / "bad.mp4", frames=10, picture=black_corner)
    clips = [Clip(bad, tmp_path / "out-bad.mp4")]
    for number in range(3):
        source = write_clip(tmp_path / f"{number}.mp4", frames=10)
        clips.append(Clip(source, tmp_path / f"out-{number}.mp4"))
    common = RenderSettings(source=bad, output=bad, encode=EncodeSettings(preset="ultrafast"))
    with closing(LocalWorkers(ModelSettings(), 2, open_deadly)) as workers:
        outcomes = dict(
            workers.run([settings_for(clip, common) for clip in clips], lambda *_: None)
        )
    assert [outcomes[number].state for number in (1, 2, 3)] == ["done"] * 3
    assert outcomes[0].state == ("done" if once else "failed")
    assert ("SIGKILL" in outcomes[0].message) == (not once)


def test_the_share_of_each_clip_that_is_done_is_told(tmp_path: Path) -> None:
    clips = [
        Clip(write_clip(tmp_path / f"{number}.mp4", frames=10), tmp_path / f"out-{number}.mp4")
        for number in range(2)
    ]
    common = RenderSettings(
        source=Path("x"), output=Path("y"), encode=EncodeSettings(preset="ultrafast")
    )
    told: list[tuple[int, float]] = []
    with closing(LocalWorkers(ModelSettings(), 1, open_fake)) as workers:
        jobs = [settings_for(clip, common) for clip in clips]
        outcomes = dict(workers.run(jobs, lambda number, share: told.append((number, share))))
    assert [outcome.state for outcome in outcomes.values()] == ["done", "done"]
    assert {number for number, _ in told} == {0, 1}
    assert all(0 < share <= 1 for _, share in told)


def test_workers_that_die_at_once_end_a_batch(tmp_path: Path) -> None:
    """Where memory is short, say; no clip is to blame. `--jobs 1` was advised even to that one."""
    given = RenderSettings(source=tmp_path / "in.mp4", output=tmp_path / "out.mp4")
    with (
        closing(LocalWorkers(ModelSettings(), 1, open_never)) as workers,
        pytest.raises(ModelError, match="die before they have opened the network") as raised,
    ):
        list(workers.run([given], lambda *_: None))
    assert "(exit code 7); free some memory, or try another --model" in str(raised.value)


def test_fewer_jobs_are_advised_where_there_are_several() -> None:
    processes = _Processes(ModelSettings(), 2, open_never)
    event = processes.wait([processes.spawn()])
    assert isinstance(event, Died)
    assert str(event.error).endswith("; try --jobs 1")


def test_a_network_that_fails_to_open_ends_a_batch_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Only our own errors were sent back: each worker in turn died, with a traceback of its own."""
    given = RenderSettings(source=tmp_path / "in.mp4", output=tmp_path / "out.mp4")
    with (
        closing(LocalWorkers(ModelSettings(), 1, open_broken)) as workers,
        pytest.raises(ModelError, match="internal error, RuntimeError: the driver is broken"),
    ):
        list(workers.run([given], lambda *_: None))
    assert "Traceback" not in capfd.readouterr().err


def test_a_worker_that_says_no_more_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was waited for and left running, having died of "exit code None"."""
    monkeypatch.setattr("vidseg.jobs.local_workers._EXIT_TIMEOUT_S", 0)
    processes = _Processes(ModelSettings(), 1, open_deaf)
    worker = processes.spawn()
    event = processes.wait([worker])
    assert isinstance(event, Died)
    assert event.message == "it ends its worker (signal SIGKILL)"
    assert not worker.process.is_alive()


def test_ctrl_c_leaves_nothing_half_written_and_the_next_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    for number in range(3):
        write_clip(tmp_path / "in" / f"{number}.mp4", frames=120, rate=5)
    words = ("batch", tmp_path / "in", "-o", tmp_path / "out", "-b", "red", "--jobs", "2")
    monkeypatch.setenv("VIDSEG_TEST_OUT", str(tmp_path / "out"))
    command = vidseg(*words, opener="open_tiring")
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        start_new_session=True,
    )
    while running.poll() is None and not list(tmp_path.glob("out/.*.segments/*.part")):
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=240)
    assert running.returncode == 130
    assert said.splitlines()[-1] == "vidseg: interrupted; the same command goes on from here"
    assert "Traceback" not in said
    there = [path.name for path in (tmp_path / "out").iterdir()]
    assert not [name for name in there if not name.endswith(".segments")]
    assert not list(tmp_path.glob("out/.*.segments/.*"))
    assert run(*words).stdout.splitlines()[-1] == "3 done"
    assert all(len(read_frames(tmp_path / "out" / f"{n}.mp4")) == 120 for n in range(3))


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-b", "red", "--matte"],
        ["-b", "red", "--parts-map"],
        ["-b", "red", "--jobs", "0"],
        ["-b", "red", "--report", "nowhere/report.json"],
        ["-b", "red", "--report", "report.html"],
    ],
)
def test_wrong_usage_exits_with_2(tmp_path: Path, options: list[str]) -> None:
    source = write_clip(tmp_path / "a.mp4", frames=2)
    assert run("batch", source, "-o", tmp_path / "out", *options).returncode == 2


def test_maps_of_parts_are_made_of_many_clips(tmp_path: Path) -> None:
    """As `matte --parts-map` makes them: the fake's upper half is a face, the lower a torso."""
    for name in ("a.mp4", "b.mp4"):
        write_clip(tmp_path / name, frames=2, picture=lambda n: person_picture(n, 96, 64))
    options = ("--matte", "--parts-map", "--name", "{stem}.mkv", "--codec", "ffv1")
    done = run("batch", tmp_path / "a.mp4", tmp_path / "b.mp4", "-o", tmp_path / "out", *options)
    assert done.returncode == 0, done.stderr
    for name in ("a.mkv", "b.mkv"):
        shown = read_frames(tmp_path / "out" / name)[0].rgb.reshape(-1, 3)
        found = {tuple(int(value) for value in colour) for colour in np.unique(shown, axis=0)}
        assert {(0, 0, 0), (255, 215, 0), (0, 170, 60)} <= found


def test_an_unknown_model_ends_in_one_line(tmp_path: Path) -> None:
    """It would befall every clip, so none is tried."""
    source = write_clip(tmp_path / "a.mp4", frames=2)
    words = ["batch", source, "-o", tmp_path / "out", "-b", "red", "--model", "nonsense"]
    done = run_unchanged(*words)
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    assert said.startswith("vidseg: ")
    assert "nonsense" in said


def test_the_fake_is_what_workers_open() -> None:
    """Guards the tests above: they must not wait for real networks."""
    assert open_fake(ModelSettings()).name == "fake"
