"""People kept in segments: the same whoever renders which of them, and looked for once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.clips import Rgb, read_planes, write_clip
from tests.helpers.command_line import vidseg
from tests.helpers.crowds import GRASS, OLIVE, SIZE, Actor, picture, standing, walking
from tests.helpers.segments import StoppedError, in_segments, settings, stop_after
from vidseg.jobs import resume
from vidseg.jobs.job import Job, Stretch
from vidseg.jobs.people import people_of
from vidseg.jobs.stretch import render_stretch
from vidseg.matting.people.survey import Survey
from vidseg.networks.fake import FakeSegmenter
from vidseg.rendering import pipeline
from vidseg.settings import EncodeSettings, MatteSettings, PeopleSettings

RATE, SECONDS = 6, 23
LOSSLESS = EncodeSettings(codec="ffv1")
MAIN = PeopleSettings(keep=("main",))
SPEAKER = Actor(GRASS, standing(160))
ACTORS = (
    SPEAKER,
    Actor(OLIVE, walking(-20, 30, since=5, until=15), 90),
    Actor(OLIVE, walking(340, -40, since=16), 80),
)
"""Passers-by come before and behind the speaker where segments begin, at 10 and 20 s."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """23 s: three segments."""

    def shown(number: int) -> Rgb:
        return picture(ACTORS, number / RATE)

    width, height = SIZE
    path = tmp_path_factory.mktemp("clip") / "in.mp4"
    return write_clip(
        path, width=width, height=height, rate=RATE, frames=RATE * SECONDS, picture=shown
    )


def kept(source: Path, output: Path, **changes: Any) -> Any:
    """Return settings that keep the speaker, and write what is to be compared."""
    given = {
        "people": MAIN,
        "matte": MatteSettings(smooth=0.4),
        "encode": LOSSLESS,
        "kind": "matte",
    }
    return settings(source, output, **{**given, **changes})


def same(one: Path, other: Path) -> bool:
    """Whether two clips have the same pictures."""
    pairs = zip(read_planes(one), read_planes(other), strict=True)
    return all(np.array_equal(a.planes[0], b.planes[0]) for a, b in pairs)


@pytest.fixture(scope="module")
def plain(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip rendered in one go."""
    output = tmp_path_factory.mktemp("plain") / "plain.mkv"
    report = pipeline.render(kept(clip, output), segmenter=FakeSegmenter())
    assert [one["kept"] for one in report.people["seen"]].count(True) == 1  # type: ignore[attr-defined]
    mattes = [frame.planes[0] for frame in read_planes(output)]
    seen = [matte[SPEAKER.mask(i / RATE)].mean() for i, matte in enumerate(mattes)]
    assert np.median(seen) > 250
    return output


@pytest.mark.parametrize("stopped", [None, 70, 90])
def test_segments_have_the_people_of_a_plain_render(
    clip: Path, plain: Path, tmp_path: Path, stopped: int | None
) -> None:
    given = kept(clip, tmp_path / "out.mkv")
    if stopped is not None:
        with pytest.raises(StoppedError):
            in_segments(given, progress=stop_after(stopped))
    report, said = in_segments(given)
    assert same(given.output, plain)
    looked = [line for line in said if "looking who is there" in line]
    assert len(looked) == (1 if stopped is None else 0), "once is enough"
    assert report.people["seen"]


def test_workers_share_what_was_seen(clip: Path, plain: Path, tmp_path: Path) -> None:
    """As on a cluster: stretch by stretch, each with a network of its own, the last one first."""
    networks: list[FakeSegmenter] = []

    def renderer(job: Job, _: list[Stretch], add: Callable[[int], None]) -> None:
        for number in (2, 1, 0):
            networks.append(FakeSegmenter())
            stretch = (number, None if number == 2 else number + 1)
            render_stretch(job, stretch, networks[-1], add)
        assert isinstance(people_of(job), Survey)

    given = kept(clip, tmp_path / "out.mkv")
    resume.render(given, segmenter=FakeSegmenter(), renderer=renderer)
    assert same(given.output, plain)


def test_another_choice_starts_anew(clip: Path, tmp_path: Path) -> None:
    """What is there shows other people, and so does what was seen."""
    given = kept(clip, tmp_path / "out.mkv")
    with pytest.raises(StoppedError):
        in_segments(given, progress=stop_after(90))
    everybody = kept(clip, tmp_path / "out.mkv", people=PeopleSettings())
    report, said = in_segments(everybody)
    assert any("starting anew, since settings people keep was" in line for line in said)
    assert report.people == {}
    other = kept(clip, tmp_path / "2.mkv")
    with pytest.raises(StoppedError):
        in_segments(other, progress=stop_after(90))
    _, said = in_segments(kept(clip, tmp_path / "2.mkv", people=PeopleSettings(keep=("2",))))
    assert any("starting anew" in line for line in said)
    assert any("looking who is there" in line for line in said)


def test_a_batch_keeps_people_of_every_clip(clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "a.mp4").symlink_to(clip)
    report = tmp_path / "report.json"
    for keep, state in (("main", "done"), ("10,10", "failed")):
        run = (folder, "-o", tmp_path / keep, "--matte", "--keep", keep, "--report", report)
        vidseg("batch", *run, "--jobs", "1", "--model", "bodypix-050-s16", "-q", "--overwrite")
        (row,) = json.loads(report.read_text("utf-8"))
        assert row["state"] == state, row
