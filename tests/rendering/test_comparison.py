"""Networks side by side: a column each, and the place where they differ, enlarged."""

import base64
import io
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.helpers.clips import frame_number, person_mask, write_clip
from tests.helpers.command_line import one_line, vidseg
from vidseg.errors import ModelError, OutputError, SettingsError
from vidseg.media.probe import probe_video
from vidseg.networks.base import Scores
from vidseg.networks.fake import FakeSegmenter
from vidseg.rendering import comparison
from vidseg.rendering.comparison import HARDEST, compared, hardest
from vidseg.rendering.moments import Moments
from vidseg.rendering.preview import preview
from vidseg.settings import MatteSettings, ModelSettings, PreviewSettings

CRISP = MatteSettings(smooth=0, decontaminate=False)
MODELS = ("bodypix-050-s16", "selfie")
GHOST = (slice(44, 64), slice(76, 92))
"""Rows and columns of what `Generous` takes for a person besides, in a picture of 96 x 64."""


class Named(FakeSegmenter):
    """The network that ships for tests under another's name; tells a journal of its life."""

    def __init__(self, name: str, journal: list[str]) -> None:
        super().__init__()
        self.name = name
        self.journal = journal
        journal.append(f"{name} opened")

    def close(self) -> None:
        """Tell it."""
        self.journal.append(f"{self.name} closed")


class Generous(Named):
    """Takes blue for a person as well."""

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        """Score what has its blue moved to green."""
        moved = batch.copy()
        moved[..., 1] = np.maximum(batch[..., 1], batch[..., 2])
        moved[..., 2] = np.minimum(batch[..., 0], 40)
        return super().segment(moved)


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have two networks that differ in place of real ones; return what becomes of them."""
    lines: list[str] = []

    def opened(model: ModelSettings) -> Named:
        return (Named if model.name == MODELS[0] else Generous)(model.name, lines)

    monkeypatch.setattr(comparison, "open_segmenter", opened)
    return lines


def clip(path: Path, frames: int = 30, **given: Any) -> Path:
    """Write a clip of the usual person, and of something blue that only `Generous` sees."""

    def picture(number: int) -> NDArray[np.uint8]:
        rgb = np.full((64, 96, 3), 128, np.uint8)
        rgb[person_mask(0, 96, 64)] = (40, 220, 40)
        rgb[GHOST] = (40, 40, 220)
        rgb[:8, : 4 * number] = (90, 200, 90)
        return rgb

    return write_clip(path, frames=frames, picture=picture, **given)


def settings_of(source: Path, **changes: Any) -> PreviewSettings:
    """Return settings that put the two side by side."""
    given = {"models": MODELS, "matte": CRISP, "width": 96, "rows": 2, **changes}
    return PreviewSettings(source=source, output=source.with_name("sheet.png"), **given)


def made(source: Path, **changes: Any) -> Moments:
    """Return what the two make of a clip."""
    return compared(settings_of(source, **changes), probe_video(source))


def test_each_network_has_a_column(tmp_path: Path, journal: list[str]) -> None:
    """After the original, headed by its name and its time a frame; a moment has two rows."""
    moments = made(clip(tmp_path / "in.mp4"))
    original, *networks = moments.columns
    assert original == "Original"
    for name, heading in zip(MODELS, networks, strict=True):
        assert heading.startswith(f"{name} · ")
        assert heading.endswith(" ms a frame")
    assert [row.time for row in moments.rows] == [Fraction(7, 30)] * 2 + [Fraction(22, 30)] * 2
    assert [row.label for row in moments.rows] == ["", HARDEST] * 2
    assert {picture.shape for row in moments.rows for picture in row.pictures} == {(64, 96, 3)}
    assert moments.by == "2 networks on CPU"


def test_networks_are_open_one_after_the_other(tmp_path: Path, journal: list[str]) -> None:
    """So that memory is that of one; and closed where one fails."""
    made(clip(tmp_path / "in.mp4"))
    assert journal == [f"{name} {what}" for name in MODELS for what in ("opened", "closed")]
    journal.clear()
    with pytest.raises(SettingsError, match="--at 9: "):
        made(tmp_path / "in.mp4", at=(Fraction(9),))
    assert journal == [f"{MODELS[0]} opened", f"{MODELS[0]} closed"]


def test_a_column_shows_what_its_network_found(tmp_path: Path, journal: list[str]) -> None:
    """The ghost is the background's colour in the first one's, blue in the other's."""
    whole = made(clip(tmp_path / "in.mp4"), background="#ff0000").rows[0].pictures
    inside = [picture[50:60, 80:88].reshape(-1, 3).mean(axis=0) for picture in whole]
    assert inside[1][0] > 220 > 90 > inside[1][2]
    assert inside[2][2] > 180 > 90 > inside[2][0]
    for picture in whole[1:]:
        assert picture[45:60, 44:52, 1].mean() > 190


def test_all_show_the_same_moments(tmp_path: Path, journal: list[str]) -> None:
    """Also where the times asked for lie between frames of a variable rate."""
    pts = [0, 40, 41, 100, 350, 9000, 9040]
    source = write_clip(tmp_path / "in.mp4", pts=pts, time_base=Fraction(1, 1000), rate=25)
    rows = made(source, at=(Fraction("0.2"), Fraction("8.5")), background="black").rows[::2]
    for row, number in zip(rows, (3, 4), strict=True):
        assert [frame_number(picture) for picture in row.pictures] == [number] * 3


@pytest.mark.parametrize("rotation", [0, 90])
def test_cut_outs_show_where_networks_differ(
    tmp_path: Path, journal: list[str], rotation: int
) -> None:
    """The same region of each picture, upright, three times as large, framed in the original."""
    source = clip(tmp_path / "in.mp4", rotation=rotation)
    whole, cut = made(source, background="#ff0000").rows[:2]
    blue = [(picture[..., 2] > 170).mean() for picture in cut.pictures]
    assert blue[0] > 0.15
    assert blue[1] < 0.01
    assert blue[2] > 0.15
    assert "3 times" in cut.detail
    yellow = (whole.pictures[0].astype(int) @ (1, 1, -2)) > 300
    rows, columns = np.nonzero(yellow)
    top, left = rows.min(), columns.min()
    region = whole.pictures[0][top : rows.max() + 1, left : columns.max() + 1]
    seen = cv2.resize(cut.pictures[0], region.shape[1::-1], interpolation=cv2.INTER_AREA)
    inner = (slice(3, -3), slice(3, -3))
    assert np.abs(seen[inner].astype(int) - region[inner]).mean() < 12
    assert cut.pictures[0].size > 7 * region.size


class _Page(HTMLParser):
    """Collects the elements of a page and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_sheet_may_be_a_page(tmp_path: Path, journal: list[str]) -> None:
    """One file with a picture a column and row, no script, and names that are no markup."""
    source = clip(tmp_path / "<b>x & y.mp4")
    network = tmp_path / "<i>own.tflite"
    network.touch()
    settings = replace(
        settings_of(source, models=(MODELS[0], str(network))), output=tmp_path / "sheet.html"
    )
    preview(settings)
    page = _Page(settings.output.read_text("utf-8"))
    assert len(page.images) == page.tags.count("img") == 2 * 2 * 3
    for image in page.images:
        start, data = str(image["src"]).split(",")
        assert start == "data:image/jpeg;base64"
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == (96, 64)
    assert page.images[3]["alt"] == f"Original, {HARDEST} at 00:00:00.233"
    assert not {"b", "i", "script"} & set(page.tags)
    assert "<b>x & y.mp4" in page.text
    assert f"{network} · " in page.text
    assert "{{" not in page.text


def test_a_preview_of_one_network_may_be_a_page_too(tmp_path: Path) -> None:
    settings = PreviewSettings(
        source=clip(tmp_path / "in.mp4"), output=tmp_path / "sheet.htm", rows=2, matte=CRISP
    )
    preview(settings, segmenter=FakeSegmenter())
    page = _Page(settings.output.read_text("utf-8"))
    assert [image["alt"] for image in page.images[:3]] == [
        f"{what} at 00:00:00.233" for what in ("Original", "Mask", "Result · transparent")
    ]
    assert len(page.images) == 8  # the number counts as somebody too


def square(middle: tuple[int, int], side: int, value: int = 255) -> NDArray[np.uint8]:
    """Return an alpha of 180 x 320 with a square around (x, y)."""
    alpha = np.zeros((180, 320), np.uint8)
    x, y = middle
    alpha[y - side // 2 : y + side // 2, x - side // 2 : x + side // 2] = value
    return alpha


def test_the_hardest_edge() -> None:
    """At the edge of what only one shows, not inside; the softest where there is no other."""
    both, more = square((80, 90), 100), square((80, 90), 100)
    more[20:160, 130:320] = 255
    x, y = hardest([both, more], 5)
    assert abs(320 * x - 130) < 30, "where the body ends, and the table begins"
    assert 0.1 < y < 0.9
    soft = square((80, 90), 100)
    soft[40:60, 100:130] = 128
    for alphas in ([soft, soft], [soft, np.zeros_like(soft)]):
        x, y = hardest(alphas, 5)
        assert abs(320 * x - 115) < 8
        assert abs(180 * y - 50) < 8
    assert hardest([np.zeros_like(soft)] * 2, 5) == (0.5, 0.5)


def test_the_sheet_is_a_picture(tmp_path: Path, journal: list[str]) -> None:
    """Two rows a moment; names too wide for narrow pictures push the times to a second line."""
    settings = settings_of(clip(tmp_path / "in.mp4"))
    assert preview(settings) == f"{settings.output}: 2 moments, 2 networks on CPU"
    with Image.open(settings.output) as sheet:
        narrow = sheet.size
    preview(replace(settings, width=320, overwrite=True))
    with Image.open(settings.output) as sheet:
        wide = sheet.size
    assert wide[0] - narrow[0] == 3 * (320 - 96)
    assert narrow[1] - wide[1] == 22 - 4 * (213 - 64)


def test_what_networks_cannot_do_is_told_before_any_work(
    tmp_path: Path, journal: list[str]
) -> None:
    """The second would have been refused after the first had seen all moments."""
    source = clip(tmp_path / "in.mp4")
    with pytest.raises(ModelError, match="--parts: selfie knows no body parts"):
        made(source, model=ModelSettings(parts=("face",)))
    with pytest.raises(ModelError, match="nonesuch"):
        made(source, models=(MODELS[0], "nonesuch"))
    assert journal == []


def test_no_network_is_written_over(tmp_path: Path, journal: list[str]) -> None:
    """The second one's file was no input to the check."""
    source = clip(tmp_path / "in.mp4")
    network = tmp_path / "network.png"
    network.write_bytes(b"weights")
    given = replace(
        settings_of(source, models=(MODELS[0], str(network)), overwrite=True), output=network
    )
    with pytest.raises(OutputError, match="is also an input, the model"):
        preview(given)
    assert network.read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--models", "selfie"], "--models takes 2 to 6 networks, got 1"),
        (["--models", "a,b,c,d,e,f,g"], "--models takes 2 to 6 networks, got 7"),
        (["--models", "rvm, selfie,rvm"], "--models: rvm is named twice"),
        (["--models", "rvm,selfie", "--model", "rvm"], "leave --model out"),
        (["--models", "rvm,selfie", "--model", "bodypix-050-s16"], "leave --model out"),
        (["--models", "bodypix-050-s16,rvm", "--parts", "face"], "rvm knows no body parts"),
        (["--models", "rvm,nonesuch"], "nonesuch"),
    ],
)
def test_wrong_choices_end_in_one_line(tmp_path: Path, options: list[str], message: str) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=3)
    assert message in one_line(vidseg("preview", source, "-o", tmp_path / "o.png", *options))
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_the_library_refuses_both_too() -> None:
    with pytest.raises(SettingsError, match="leave --model out"):
        settings_of(Path("in.mp4"), model=ModelSettings(name="rvm"))
