"""The contact sheet: the right moments, upright, with the masks and results that a render gives."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.helpers.clips import frame_number, person_mask, read_frames, write_clip, write_picture
from tests.helpers.command_line import one_line, vidseg
from tests.helpers.renders import rendered
from vidseg.compositing import background
from vidseg.media.decode import decode
from vidseg.media.probe import probe_video
from vidseg.networks.fake import FakeSegmenter
from vidseg.rendering.preview import moments, preview
from vidseg.reports.clock import clock
from vidseg.reports.contact_sheet import SheetRow
from vidseg.settings import MatteSettings, PreviewSettings

CRISP = MatteSettings(smooth=0, decontaminate=False)


def rows_of(source: Path, segmenter: FakeSegmenter | None = None, **changes: Any) -> list[SheetRow]:
    """Return the moments of a clip at its own size, by the fake segmenter."""
    given = {"matte": CRISP, "width": 96, **changes}
    settings = PreviewSettings(source=source, output=Path("sheet.png"), **given)
    return moments(settings, probe_video(source), segmenter or FakeSegmenter())


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Return the mean absolute difference in codes."""
    return float(np.abs(one.astype(int) - other).mean())


def test_moments_are_evenly_spaced(tmp_path: Path) -> None:
    """Three of thirty frames: those in the middle of each third."""
    rows = rows_of(write_clip(tmp_path / "in.mp4", frames=30), rows=3)
    assert [frame_number(row.pictures[0]) for row in rows] == [5, 15, 25]
    assert [row.time for row in rows] == [Fraction(5, 30), Fraction(15, 30), Fraction(25, 30)]


@pytest.mark.parametrize(("frames", "expected"), [(1, [0]), (3, [0, 1, 2])])
def test_each_frame_is_shown_once(tmp_path: Path, frames: int, expected: list[int]) -> None:
    """A clip of one frame gave six rows of it."""
    rows = rows_of(write_clip(tmp_path / "in.mp4", frames=frames), rows=6)
    assert [frame_number(row.pictures[0]) for row in rows] == expected


def test_moments_are_of_what_is_there(tmp_path: Path) -> None:
    """Of a clip that ends long before its header says, every row was the last frame."""
    source = write_clip(tmp_path / "in.mp4", frames=31)
    settings = PreviewSettings(
        source=source, output=Path("sheet.png"), matte=CRISP, width=96, rows=3
    )
    rows = moments(
        settings, replace(probe_video(source), duration=Fraction(36_000)), FakeSegmenter()
    )
    assert [frame_number(row.pictures[0]) for row in rows] == [5, 15, 25]


def test_a_moment_shows_the_frame_a_player_would(tmp_path: Path) -> None:
    """At a variable rate too, and where nothing new was shown for seconds before it."""
    pts = [0, 40, 41, 100, 350, 9000, 9040]
    source = write_clip(tmp_path / "in.mp4", pts=pts, time_base=Fraction(1, 1000), rate=25)
    at = (Fraction("0.0405"), Fraction("0.2"), Fraction("8.5"), Fraction("9.03"))
    assert [frame_number(row.pictures[0]) for row in rows_of(source, at=at)] == [1, 3, 4, 5]


def test_the_mask_and_the_result_are_those_of_a_render(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=40)
    matte = MatteSettings(smooth=0.2)
    rendered(source, tmp_path / "out.mp4", matte=matte)
    rendered(source, tmp_path / "matte.mp4", matte=matte, kind="matte")
    row = rows_of(source, at=(Fraction(20, 30),), background="#2040c0", matte=matte)[0]
    truth = person_mask(20, 96, 64)
    assert row.pictures[1][truth].mean() > 250
    assert difference(row.pictures[1], read_frames(tmp_path / "matte.mp4")[20].rgb) < 2
    assert difference(row.pictures[2], read_frames(tmp_path / "out.mp4")[20].rgb) < 4


def test_a_background_video_plays_on_between_the_moments(tmp_path: Path) -> None:
    """Each moment has the background picture that a render shows there, also in later rounds."""
    source = write_clip(tmp_path / "in.mp4", frames=120)
    behind = write_clip(
        tmp_path / "behind.mp4",
        frames=50,
        picture=lambda i: np.full((64, 96, 3), (5 * i, 0, 80), np.uint8),
    )
    rendered(source, tmp_path / "out.mp4", str(behind))
    frames = read_frames(tmp_path / "out.mp4")
    for row in rows_of(source, background=str(behind), rows=4):
        expected = frames[int(row.time * 30)].rgb[-8:, -8:]
        assert difference(row.pictures[2][-8:, -8:], expected) < 4, row.time


def test_a_long_background_video_is_entered_by_seeking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of a background was decoded up to each moment: minutes for a long clip's last row."""
    source = write_clip(tmp_path / "in.mp4", frames=60, rate=2)
    behind = write_clip(
        tmp_path / "behind.mp4",
        frames=300,
        gop=20,
        rate=15,
        picture=lambda i: np.full((64, 96, 3), (i // 2, 0, 80), np.uint8),
    )
    seen = []

    def counted(*given: Any, **named: Any) -> Any:
        for frame in decode(*given, **named):
            seen.append(frame.time)
            yield frame

    monkeypatch.setattr(background, "decode", counted)
    for at, number in ((Fraction(18), 270), (Fraction(29), 135)):
        seen.clear()
        row = rows_of(source, background=str(behind), at=(at,))[0]
        assert abs(row.pictures[2][-8:, -8:, 0].mean() - number // 2) < 4
        assert len(seen) < 150, "of 300, or 435 with the second round"


@pytest.mark.parametrize(
    ("rotation", "mirrored"), [(90, False), (-90, False), (180, False), (90, True)]
)
def test_pictures_are_upright(tmp_path: Path, rotation: int, mirrored: bool) -> None:
    """A clip that a player turns is turned, with its mask and its result."""

    def corner(_: int) -> NDArray[np.uint8]:
        picture = np.full((64, 96, 3), 120, np.uint8)
        picture[:20, :30] = (40, 220, 40)
        return picture

    source = write_clip(
        tmp_path / "in.mp4", frames=6, rotation=rotation, mirrored=mirrored, picture=corner
    )
    info = probe_video(source)
    row = rows_of(source, at=(Fraction(0),), background="red")[0]
    assert row.pictures[0].shape[:2] == ((64, 96) if rotation == 180 else (96, 64))
    where = np.ascontiguousarray(info.orientation.upright(corner(0)))[..., 1] > 200
    for picture in (row.pictures[0][..., 1], row.pictures[1][..., 0], row.pictures[2][..., 1]):
        assert picture[where].mean() > 190
        assert picture[~where].mean() < 130


def test_pixels_are_square(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=6, sample_aspect_ratio=Fraction(2))
    pictures = rows_of(source, width=192, rows=1)[0].pictures
    assert {picture.shape for picture in pictures} == {(64, 192, 3)}


def test_only_the_neighbourhood_of_a_moment_is_looked_at(tmp_path: Path) -> None:
    """A clip of twenty seconds costs no more than one of two."""
    source = write_clip(tmp_path / "in.mp4", frames=600, gop=30)
    segmenter = FakeSegmenter()
    rows_of(source, segmenter, rows=2, matte=MatteSettings())
    assert segmenter.frames < 90


def test_no_background_shows_a_checkerboard(tmp_path: Path) -> None:
    corner = rows_of(write_clip(tmp_path / "in.mp4", frames=3), rows=1)[0].pictures[2][-20:, -20:]
    assert corner.min() < 165
    assert corner.max() > 200


def test_the_sheet_is_a_picture_with_a_row_per_moment(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=12)
    sizes = []
    for rows, name in ((1, "a.png"), (3, "b.jpg"), (3, "c.webp")):
        settings = PreviewSettings(source=source, output=tmp_path / name, rows=rows, width=96)
        preview(settings, segmenter=FakeSegmenter())
        with Image.open(tmp_path / name) as image:
            sizes.append(image.size)
    assert sizes[0][0] == sizes[1][0] == sizes[2][0] > 3 * 96
    assert sizes[1][1] - sizes[0][1] == 2 * (64 + 12)
    assert not list(tmp_path.glob(".*"))


def test_clock() -> None:
    assert clock(Fraction("3723.4567")) == "01:02:03.457"
    assert clock(Fraction(0)) == "00:00:00.000"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--at", "0.1,77"], "--at 77: "),
        (["--rows", "0"], "--rows must lie in [1, 100], got 0"),
        (["--width", "9"], "--width must lie in [64, 4096] pixels, got 9"),
        (["-b", "nowhere.jpg"], "nowhere.jpg: no such file"),
        (["-o", "sheet.gif"], "can't tell a picture or page from its ending; use .png"),
        (["-o", "/nowhere/sheet.png"], "the folder /nowhere doesn't exist"),
    ],
)
def test_wrong_values_end_in_one_line(tmp_path: Path, options: list[str], message: str) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=12)
    target = [] if "-o" in options else ["-o", str(tmp_path / "sheet.png")]
    assert message in one_line(vidseg("preview", source, *target, *options))
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_the_command_says_what_it_drew(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=12)
    write_picture(tmp_path / "sea.png")
    sheet = tmp_path / "sheet.png"
    done = vidseg("preview", source, "-o", sheet, "-b", tmp_path / "sea.png", "--at", "0.1,0:00.3")
    assert done.returncode == 0, done.stderr
    assert f"{sheet}: 2 moments, fake on CPU" in done.stderr
    assert "exists already" in one_line(vidseg("preview", source, "-o", sheet))
