"""Whom to keep, from file to file: renders, mattes, photos, the library; and what is refused."""

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import vidseg
from tests.helpers.clips import Rgb, read_frames, write_clip
from tests.helpers.command_line import one_line
from tests.helpers.command_line import vidseg as command
from tests.helpers.crowds import GRASS, OLIVE, SIZE, Actor, picture, standing, walking
from tests.helpers.renders import rendered
from vidseg.errors import SettingsError
from vidseg.networks.fake import FakeSegmenter
from vidseg.rendering import pipeline
from vidseg.rendering.preview import preview
from vidseg.settings import (
    EncodeSettings,
    MatteSettings,
    PeopleSettings,
    PreviewSettings,
    RenderSettings,
)

RATE = 25
SPEAKER, PASSER = Actor(GRASS, standing(110)), Actor(OLIVE, walking(200, 20), 90)
ACTORS = (SPEAKER, PASSER)
MAIN = PeopleSettings(keep=("main",))
LOSSLESS = EncodeSettings(codec="ffv1")
CRISP = MatteSettings(smooth=0, decontaminate=False)


def clip(path: Path, seconds: float = 2, actors: Sequence[Actor] = ACTORS, **more: Any) -> Path:
    """Write a made sequence."""

    def shown(number: int) -> Rgb:
        return picture(actors, number / RATE)

    frames = round(seconds * RATE)
    width, height = SIZE
    return write_clip(
        path, width=width, height=height, rate=RATE, frames=frames, picture=shown, **more
    )


def shares(mattes: Sequence[NDArray[Any]], actor: Actor, rate: int = RATE) -> list[float]:
    """Return how much of an actor each matte [h, w], 0 to 255, shows."""
    return [float((matte[actor.mask(i / rate)] > 127).mean()) for i, matte in enumerate(mattes)]


def mattes_of(source: Path, target: Path, people: PeopleSettings, **more: Any) -> list[Rgb]:
    """Return the mattes of a clip in which some are kept."""
    rendered(source, target, "black", kind="matte", people=people, encode=LOSSLESS, **more)
    return [frame.rgb[..., 0] for frame in read_frames(target)]


@pytest.mark.parametrize(
    ("people", "speaker", "passer"),
    [
        (MAIN, True, False),
        (PeopleSettings(keep=("2",)), True, True),
        (PeopleSettings(keep=("200,110",)), False, True),
        (PeopleSettings(keep=("220,110@1",)), False, True),
        (PeopleSettings(drop=("110,110@0:01",)), False, True),
        (PeopleSettings(keep=("main", "200,110")), True, True),
        (PeopleSettings(keep=("all",), drop=("200,110",)), True, False),
    ],
)
def test_a_matte_has_who_is_kept(
    tmp_path: Path, people: PeopleSettings, speaker: bool, passer: bool
) -> None:
    mattes = mattes_of(clip(tmp_path / "in.mp4"), tmp_path / "out.mkv", people)
    for actor, kept in ((SPEAKER, speaker), (PASSER, passer)):
        found = shares(mattes, actor)
        assert min(found) > 0.97 if kept else max(found) < 0.01


def test_with_everybody_the_network_sees_no_more(tmp_path: Path) -> None:
    """Nothing is looked at beforehand where nobody is left out."""
    source, network = clip(tmp_path / "in.mp4", 1), FakeSegmenter()
    seen = []
    for people in (PeopleSettings(), PeopleSettings(keep=("all",)), MAIN):
        network.frames = 0
        for _ in vidseg.masks(source, people=people, segmenter=network):
            pass
        seen.append(network.frames)
    assert seen[0] == seen[1] < seen[2]


def test_a_point_is_in_pixels_of_the_picture_as_shown(tmp_path: Path) -> None:
    """Of a phone's clip that is turned, with oblong pixels: as `vidseg probe` tells its size."""
    source = clip(tmp_path / "in.mp4", 1, rotation=-90, sample_aspect_ratio=Fraction(2))
    info = vidseg.probe(source)
    assert info.shown_size == (180, 640)
    across, down = info.orientation.shown_place(200 / 320, 110 / 180)
    point = f"{across * 180:.0f},{down * 640:.0f}"
    people = PeopleSettings(keep=(point,))
    mattes = [alpha for _, alpha in vidseg.masks(source, people=people, segmenter=FakeSegmenter())]
    found = [255 * matte for matte in mattes]
    assert min(shares(found, PASSER)) > 0.97
    assert max(shares(found, SPEAKER)) < 0.01


def test_times_are_those_of_the_player_from_start_on(tmp_path: Path) -> None:
    """Without a time a point means the beginning of what is rendered."""
    source = clip(tmp_path / "in.mkv", 3)
    start = Fraction(3, 2)
    for word in ("230,110", "240,110@2"):
        people = PeopleSettings(keep=(word,))
        mattes = mattes_of(source, tmp_path / "out.mkv", people, start=start, overwrite=True)
        shown = [PASSER.mask(1.5 + i / RATE) for i in range(len(mattes))]
        assert min(m[s].mean() for m, s in zip(mattes, shown, strict=True)) > 240
        assert max(m[SPEAKER.mask(0)].mean() for m in mattes) < 3


def test_a_photo_has_who_is_kept(tmp_path: Path) -> None:
    Image.fromarray(picture(ACTORS, 0)).save(tmp_path / "in.png")
    for name, people in (("main", MAIN), ("point", PeopleSettings(keep=("200,110",)))):
        target = tmp_path / f"{name}.png"
        plain = EncodeSettings()
        rendered(tmp_path / "in.png", target, "black", kind="matte", people=people, encode=plain)
        matte = np.asarray(Image.open(target).convert("L"))
        kept, gone = (SPEAKER, PASSER) if name == "main" else (PASSER, SPEAKER)
        assert shares([matte], kept)[0] > 0.97
        assert shares([matte], gone)[0] < 0.01


def test_the_library_keeps_people_too(tmp_path: Path) -> None:
    network = FakeSegmenter()
    alpha = vidseg.alpha_of(picture(ACTORS, 0), people=MAIN, segmenter=network)
    assert shares([255 * alpha], SPEAKER)[0] > 0.97
    assert shares([255 * alpha], PASSER)[0] < 0.01
    source = clip(tmp_path / "in.mp4", 1)
    vidseg.render(source, tmp_path / "out.mkv", "black", people=MAIN, segmenter=network)
    frame = read_frames(tmp_path / "out.mkv")[-1].rgb
    assert frame[PASSER.mask(24 / RATE)].mean() < 10
    assert frame[SPEAKER.mask(24 / RATE)].mean() > 60


def test_parts_are_of_those_who_are_kept(tmp_path: Path) -> None:
    """People are told apart as wholes, whichever of their parts are wanted."""
    people = PeopleSettings(keep=("200,130",))
    model = vidseg.ModelSettings(parts=("face",))
    source = clip(tmp_path / "in.mp4", 1)
    mattes = mattes_of(source, tmp_path / "out.mkv", people, model=model, matte=CRISP)
    assert max(shares(mattes, SPEAKER)) < 0.01
    assert min(shares(mattes, PASSER)) > 0.1


@pytest.mark.parametrize(
    ("people", "message"),
    [
        (PeopleSettings(keep=("10,10",)), "keep 10,10: nobody is there; `vidseg preview` shows"),
        (PeopleSettings(drop=("300,20@0.5",)), "drop 300,20@0.5: nobody is there"),
        (PeopleSettings(keep=("320,20",)), "keep 320,20: the picture is 320x180, counted from 0,0"),
        (PeopleSettings(keep=("110,110@2:00",)), "keep 110,110@2:00: that is after the end"),
    ],
)
def test_what_names_nobody_is_refused(tmp_path: Path, people: PeopleSettings, message: str) -> None:
    source = clip(tmp_path / "in.mp4", 1)
    with pytest.raises(SettingsError) as caught:
        rendered(source, tmp_path / "out.mp4", people=people)
    assert message in caught.value.args[0]
    assert not (tmp_path / "out.mp4").exists()


def test_a_time_outside_of_the_cut_is_refused(tmp_path: Path) -> None:
    people = PeopleSettings(keep=("110,110@0.2",))
    with pytest.raises(SettingsError, match="not between --start and --end"):
        rendered(clip(tmp_path / "in.mp4"), tmp_path / "out.mp4", people=people, start=Fraction(1))


def test_the_command_line_keeps_people(tmp_path: Path) -> None:
    source, target = clip(tmp_path / "in.mp4", 1), tmp_path / "out.mkv"
    given = ("matte", source, "-o", target, "--codec", "ffv1")
    done = command(*given, "--keep", "200,110@0:00.1", "--keep", "main", "--drop", "110,110")
    assert done.returncode == 0, done.stderr
    mattes = [frame.rgb[..., 0] for frame in read_frames(target)]
    assert max(shares(mattes, SPEAKER)) < 0.01
    line = one_line(command(*given, "--overwrite", "-q", "--keep", "nobody"))
    assert "--keep 'nobody': write all, main, a number of people, or a point" in line


def test_the_preview_numbers_people_and_prints_points(tmp_path: Path) -> None:
    """What it prints can be typed: `--keep` keeps whom it stands for."""
    source, said = clip(tmp_path / "in.mp4"), []
    settings = PreviewSettings(source=source, output=tmp_path / "sheet.png", rows=2, matte=CRISP)
    preview(settings, segmenter=FakeSegmenter(), say=said.append)
    assert len(said) == 2
    for line, actor, other in zip(said, ACTORS, reversed(ACTORS), strict=True):
        found = re.fullmatch(
            r"person \d: (\S+), \d+\.\d% of the picture, seen from 00:00:00.000 to 00:00:01.\d+",
            line,
        )
        assert found is not None, line
        people = PeopleSettings(keep=(found[1],))
        mattes = mattes_of(source, tmp_path / "out.mkv", people, overwrite=True)
        assert min(shares(mattes, actor)) > 0.97
        assert max(shares(mattes, other)) < 0.01


def test_the_preview_shows_who_is_kept(tmp_path: Path) -> None:
    source, said = clip(tmp_path / "in.mp4"), []
    target = tmp_path / "sheet.png"
    width = {}
    for people in (PeopleSettings(), MAIN):
        settings = PreviewSettings(
            source=source, output=target, people=people, rows=2, overwrite=True
        )
        said.clear()
        preview(settings, segmenter=FakeSegmenter(), say=said.append)
        with Image.open(target) as sheet:
            width[people] = sheet.width
    assert len(set(width.values())) == 1
    assert "looking who is there" in said[0]
    assert said[1].endswith("keeping 1 of 2 people")
    assert said[2].startswith("person 1: ")
    assert said[2].endswith("1.760")
    assert said[3].endswith(", left out")


@pytest.mark.parametrize("people", [PeopleSettings(), MAIN])
def test_the_preview_marks_people_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, people: PeopleSettings
) -> None:
    """Marks were where people had been up to a quarter of a second before."""
    found = []

    def marked(shown: Rgb, labels: NDArray[np.int32], kept: frozenset[int]) -> Rgb:
        found.append(labels)
        return shown

    monkeypatch.setattr("vidseg.rendering.preview.marked", marked)
    runner = Actor(OLIVE, walking(190, 160), 90)
    source = clip(tmp_path / "in.mp4", 1, [SPEAKER, runner])
    settings = PreviewSettings(
        source=source,
        output=tmp_path / "sheet.png",
        people=people,
        at=(Fraction(9, 20),),
        matte=CRISP,
    )
    preview(settings, segmenter=FakeSegmenter())
    height, width = found[0].shape
    for number, actor in enumerate([SPEAKER, runner], start=1):
        there = np.asarray(
            Image.fromarray(actor.mask(0.44)).resize((width, height), Image.Resampling.NEAREST)
        )
        assert (found[0][there] == number).mean() > 0.9


def test_a_preview_of_one_person_prints_nothing(tmp_path: Path) -> None:
    source, said = clip(tmp_path / "in.mp4", 1, [SPEAKER]), []
    settings = PreviewSettings(source=source, output=tmp_path / "sheet.png", rows=2)
    preview(settings, segmenter=FakeSegmenter(), say=said.append)
    assert said == []


def test_the_preview_of_a_photo_prints_points_without_a_time(tmp_path: Path) -> None:
    Image.fromarray(picture(ACTORS, 0)).save(tmp_path / "in.png")
    said: list[str] = []
    settings = PreviewSettings(source=tmp_path / "in.png", output=tmp_path / "sheet.png")
    preview(settings, segmenter=FakeSegmenter(), say=said.append)
    assert [
        bool(re.fullmatch(r"person \d: \d+,\d+, \S+% of the picture", line)) for line in said
    ] == [
        True,
        True,
    ]


def test_people_of_a_long_clip_are_those_of_its_moments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for minutes to see a sheet."""
    monkeypatch.setattr("vidseg.rendering.preview._SHORT_S", 1)
    source, said, network = clip(tmp_path / "in.mp4"), [], FakeSegmenter()
    settings = PreviewSettings(source=source, output=tmp_path / "sheet.png", rows=2, matte=CRISP)
    preview(settings, segmenter=network, say=said.append)
    assert len(said) == 2
    assert said[0].startswith("person 1: 1")


def test_networks_side_by_side_show_everybody() -> None:
    with pytest.raises(SettingsError, match="--models shows everybody"):
        PreviewSettings(source=Path("a"), output=Path("b"), models=("selfie", "rvm"), people=MAIN)


def test_the_report_tells_who_was_kept(tmp_path: Path) -> None:
    source, page = clip(tmp_path / "in.mp4"), tmp_path / "report.html"
    report = rendered(source, tmp_path / "out.mp4", people=MAIN, report=page)
    first, other = report.people["seen"]  # type: ignore[misc]
    assert (first["number"], first["kept"], other["kept"]) == (1, True, False)
    assert (first["from_s"], first["to_s"]) == (0.0, 1.76)
    assert first["share_percent"] == pytest.approx(100 * SPEAKER.mask(0).mean(), rel=0.1)
    assert report.people["unsure"] == []
    assert report.notes == []
    assert '<h2 id="h-people">People</h2>' in page.read_text("utf-8")
    assert f"<td>{first['point']}</td>" in page.read_text("utf-8")


def test_what_is_not_sure_is_told_in_one_line(tmp_path: Path) -> None:
    """Two of one colour, one of whom hides the other."""
    twins = [Actor(GRASS, walking(-30, 80), 90), Actor(GRASS, standing(160))]
    source = clip(tmp_path / "in.mp4", 5, twins)
    report = rendered(source, tmp_path / "out.mp4", people=MAIN, report=tmp_path / "report.html")
    (note,) = report.notes
    assert re.fullmatch(
        r"who is kept is not sure from \d\d:\d\d:0[12]\.\d+ on: .*, and \d more "
        r"\(--report tells all\)",
        note,
    )
    assert len(report.people["unsure"]) > 1  # type: ignore[arg-type]
    assert "Not sure:" in (tmp_path / "report.html").read_text("utf-8")


def test_a_picture_without_anybody_is_told(tmp_path: Path) -> None:
    people = PeopleSettings(keep=("main",), drop=("110,110",))
    source = clip(tmp_path / "in.mp4", 1, [SPEAKER])
    report = rendered(source, tmp_path / "out.mp4", people=people)
    assert report.notes == ["nobody who was seen is kept: all is background"]


def test_with_everybody_the_report_is_silent_on_people(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    report = rendered(clip(tmp_path / "in.mp4", 1), tmp_path / "out.mp4", report=page)
    assert report.people == {}
    assert "h-people" not in page.read_text("utf-8")


def test_a_long_look_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidseg.rendering.people._TOLD_S", 1)
    said: list[str] = []
    settings = RenderSettings(
        source=clip(tmp_path / "in.mp4", 2.5), output=tmp_path / "out.mp4", people=MAIN
    )
    pipeline.render(settings, segmenter=FakeSegmenter(), say=said.append)
    assert [line.rpartition(": ")[2] for line in said if ": look" in line] == [
        "looking who is there, before all else",
        "looked through 00:00:01.000",
        "looked through 00:00:02.000",
    ]
    assert any(line.endswith(": keeping 1 of 2 people") for line in said)


def test_a_photo_has_no_time(tmp_path: Path) -> None:
    Image.fromarray(picture(ACTORS, 0)).save(tmp_path / "in.png")
    people = PeopleSettings(keep=("200,110@5",))
    with pytest.raises(SettingsError, match=r"keep 200,110@5: a photo has no time; leave out"):
        rendered(
            tmp_path / "in.png",
            tmp_path / "out.png",
            "black",
            kind="matte",
            people=people,
            encode=EncodeSettings(),
        )
