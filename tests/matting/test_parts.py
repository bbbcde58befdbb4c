"""Body parts: hidden, kept, and drawn as maps in their colours."""

import itertools
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.helpers.clips import read_frames, read_planes, write_clip
from tests.helpers.command_line import one_line, vidseg
from tests.helpers.planes import frame_of
from tests.helpers.renders import QUICK
from vidseg.body_parts import COLOURS, GROUPS, PARTS
from vidseg.errors import ModelError, SettingsError
from vidseg.frames.frame import as_plane
from vidseg.frames.geometry import Box
from vidseg.jobs import resume
from vidseg.matting import part_map
from vidseg.matting.mask import Mask
from vidseg.matting.smoothing import smooth_masks
from vidseg.matting.tracking.predictions import chosen
from vidseg.networks.base import Scores
from vidseg.networks.fake import FakeSegmenter
from vidseg.rendering import pipeline
from vidseg.reports.run_report import Report
from vidseg.settings import EncodeSettings, MatteSettings, ModelSettings, RenderSettings

PROJECT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 96, 64
LOSSLESS = EncodeSettings(codec="ffv1")
FACE, TORSO, LEG = (110, 230, 40), (40, 230, 40), (40, 230, 110)
"""What `Body` takes for a left face, the front of a torso, and the front of a left leg."""

PART_OF = {FACE: 0, TORSO: 12, LEG: 14}


class Body(FakeSegmenter):
    """Takes bright green for a person, and tells parts by the red and blue in it."""

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        """Score a batch."""
        parts = np.full((*batch.shape[:3], 24), -40.0, np.float32)
        for colour, number in PART_OF.items():
            distance = np.abs(batch.astype(np.float32) - np.array(colour, np.float32)).max(-1)
            parts[..., number] = 4 - distance / 8
        return Scores(person=super().segment(batch).person, parts=parts)


def truth(number: int) -> NDArray[np.uint8]:
    """Return which part each pixel shows, 255 for none: three stacked blocks that walk."""
    left = 24 + 2 * number
    labels = np.full((HEIGHT, WIDTH), 255, np.uint8)
    for top, bottom, part in ((8, 24, 0), (24, 44, 12), (44, 64, 14)):
        labels[top:bottom, left : left + 30] = part
    return labels


def picture(number: int) -> NDArray[np.uint8]:
    """Return the blocks in the colours that `Body` knows, before a room with a pattern."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    rgb = np.stack([90 + 40 * ((x // 4 + y // 4) % 2), 80 + x // 2, 120 - y // 2], -1).astype(
        np.uint8
    )
    for colour, part in PART_OF.items():
        rgb[truth(number) == part] = colour
    return rgb


def clip(folder: Path, **given: Any) -> Path:
    """Write the walking blocks, without loss."""
    return write_clip(
        folder / "in.mkv", frames=4, codec="ffv1", pix_fmt="yuv444p", picture=picture, **given
    )


def run(
    source: Path, output: Path, background: str = "black", *, parts: str = "", **given: Any
) -> Report:
    """Render with `Body`."""
    given = {
        "encode": LOSSLESS,
        "matte": MatteSettings(smooth=0, decontaminate=False),
        "model": ModelSettings(parts=tuple(filter(None, parts.split(",")))),
        **given,
    }
    settings = RenderSettings(source=source, output=output, background=background, **given)
    return pipeline.render(settings, segmenter=Body())


def inner(number: int, *names: str) -> NDArray[np.bool_]:
    """Return where parts are, without the pixels next to their edges."""
    chosen = np.isin(truth(number), [PARTS.index(name) for name in names])
    return np.asarray(cv2.erode(chosen.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0)


def outer(number: int, *names: str) -> NDArray[np.bool_]:
    """Return where parts are not, without the pixels next to their edges."""
    chosen = np.isin(truth(number), [PARTS.index(name) for name in names])
    return np.asarray(cv2.dilate(chosen.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0)


BODY = ("left_face", "torso_front", "left_upper_leg_front")


# -- figures
# -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"kind": "parts"}, BODY),
        ({"kind": "parts", "parts": "face"}, BODY[:1]),
        ({"background": "blur:60", "parts": "face"}, BODY[:1]),  # of those who are hidden
        ({"parts": "face,legs"}, BODY[::2]),
    ],
)
def test_figures_are_those_of_the_parts_in_question(
    tmp_path: Path, given: dict[str, Any], shown: tuple[str, ...]
) -> None:
    quality: Any = run(
        clip(tmp_path), tmp_path / "out.mkv", report=tmp_path / "r.html", **given
    ).quality
    numbers = [PARTS.index(name) for name in shown]
    share = 100 * np.mean([np.isin(truth(number), numbers) for number in range(4)])
    assert quality["coverage_percent"]["mean"] == pytest.approx(share, rel=0.08)
    assert quality["frames"] == 4


# -- hidden and kept
# ---------------------------------------------------------------------------------------


def test_a_blurred_face_leaves_the_rest_untouched(tmp_path: Path) -> None:
    """Bit for bit: what is not the face, in every plane of every frame, is the source's."""
    source = clip(tmp_path)
    run(source, tmp_path / "out.mkv", "blur:60", parts="face")
    for number, (before, after) in enumerate(
        zip(read_planes(source), read_planes(tmp_path / "out.mkv"), strict=True)
    ):
        rest, face = outer(number, "left_face"), inner(number, "left_face")
        for plane, (old, new) in enumerate(zip(before.planes, after.planes, strict=True)):
            assert (old[rest] == new[rest]).all()
            if plane == 2:
                assert np.abs(old[face].astype(int) - new[face]).mean() > 4


def test_a_blurred_face_leaves_the_rest_untouched_with_halved_chroma(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=2, codec="ffv1", picture=picture)
    run(source, tmp_path / "out.mkv", "blur:60", parts="face")
    for number, (before, after) in enumerate(
        zip(read_planes(source), read_planes(tmp_path / "out.mkv"), strict=True)
    ):
        rest = outer(number, "left_face")
        assert (before.planes[0][rest] == after.planes[0][rest]).all()
        small = rest[::2, ::2] & rest[1::2, ::2] & rest[::2, 1::2] & rest[1::2, 1::2]
        assert (before.planes[1][small] == after.planes[1][small]).all()
        assert (before.planes[1] != after.planes[1]).any()


def test_nobody_means_nothing_is_blurred(tmp_path: Path) -> None:
    source = write_clip(
        tmp_path / "in.mkv",
        frames=2,
        codec="ffv1",
        picture=lambda _: np.full((HEIGHT, WIDTH, 3), 90, np.uint8),
    )
    run(source, tmp_path / "out.mkv", "blur:60", parts="face")
    for before, after in zip(read_planes(source), read_planes(tmp_path / "out.mkv"), strict=True):
        assert all((a == b).all() for a, b in zip(before.planes, after.planes, strict=True))


def test_only_the_upper_body_is_kept(tmp_path: Path) -> None:
    source = clip(tmp_path)
    run(source, tmp_path / "out.mkv", "#2040c0", parts="upper_body")
    old, new = read_frames(source), read_frames(tmp_path / "out.mkv")
    for number in range(4):
        upper, legs = (
            inner(number, "left_face", "torso_front"),
            inner(number, "left_upper_leg_front"),
        )
        assert np.abs(old[number].rgb[upper].astype(int) - new[number].rgb[upper]).max() <= 1
        assert np.abs(new[number].rgb[legs].astype(int) - (0x20, 0x40, 0xC0)).max() <= 2


# -- maps
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "codec", "near"),
    [
        ("out.mkv", "ffv1", 0),
        ("out.mov", "qtrle", 0),
        ("out.mov", "png", 0),
        ("out.mov", "prores", 6),
        ("out.mp4", "x264", 8),
    ],
)
def test_a_map_has_the_documented_colours(tmp_path: Path, name: str, codec: str, near: int) -> None:
    encode = EncodeSettings(codec=codec, crf=4 if codec == "x264" else None)
    run(clip(tmp_path), tmp_path / name, kind="parts", encode=encode)
    for number, frame in enumerate(read_frames(tmp_path / name)):
        for part in BODY:
            shown = frame.rgb[inner(number, part)].astype(int)
            assert np.abs(shown - COLOURS[PARTS.index(part)]).max() <= near
        assert frame.rgb[outer(number, *BODY)].max() <= near
        if not near:
            colours = {tuple(colour) for colour in frame.rgb.reshape(-1, 3).tolist()}
            assert colours == {(0, 0, 0), *(COLOURS[PARTS.index(part)] for part in BODY)}


@pytest.mark.parametrize(
    ("pix_fmt", "suffix"), [("yuv420p", ".png"), ("yuv420p10le", ".png"), ("yuv420p", ".tif")]
)
def test_a_map_as_pictures_is_exact(tmp_path: Path, pix_fmt: str, suffix: str) -> None:
    source = write_clip(
        tmp_path / "in.mkv", frames=2, codec="ffv1", picture=picture, pix_fmt=pix_fmt
    )
    run(source, tmp_path / "o" / f"%d{suffix}", kind="parts", encode=EncodeSettings())
    with Image.open(tmp_path / "o" / f"2{suffix}") as image:
        assert image.mode == "RGB"
        shown = np.asarray(image)
    for part in BODY:
        assert (shown[inner(1, part)] == COLOURS[PARTS.index(part)]).all()
    assert not shown[outer(1, *BODY)].any()


def test_a_map_of_some_parts_shows_those(tmp_path: Path) -> None:
    run(clip(tmp_path), tmp_path / "out.mkv", kind="parts", parts="face,legs")
    frame = read_frames(tmp_path / "out.mkv")[0].rgb
    assert (frame[inner(0, "left_face")] == COLOURS[0]).all()
    assert (frame[inner(0, "left_upper_leg_front")] == COLOURS[14]).all()
    assert not frame[inner(0, "torso_front")].any()


def test_a_map_of_a_turned_clip_is_turned_like_it(tmp_path: Path) -> None:
    """Parts lie where the people are, in coded orientation, and the tag that turns them is kept."""
    source = write_clip(tmp_path / "in.mp4", frames=2, rotation=90, picture=picture)
    run(source, tmp_path / "out.mov", kind="parts", encode=EncodeSettings(codec="png"))
    frame = read_frames(tmp_path / "out.mov")[0].rgb
    for part in BODY:
        assert (frame[inner(0, part)] == COLOURS[PARTS.index(part)]).all()


def test_a_small_person_in_a_large_picture(tmp_path: Path) -> None:
    """Where the network sees two regions, not the whole, parts lie where they should."""
    wide, high = 1280, 720

    def scene(_: int) -> NDArray[np.uint8]:
        rgb = np.full((high, wide, 3), 100, np.uint8)
        for left in (140, 1000):
            for top, colour in ((300, FACE), (360, TORSO), (440, LEG)):
                rgb[top : top + 80, left : left + 90] = colour
        return rgb

    source = write_clip(tmp_path / "in.mp4", frames=6, width=wide, height=high, picture=scene)
    run(source, tmp_path / "out.mkv", kind="parts")
    for frame in read_frames(tmp_path / "out.mkv"):
        for left in (140, 1000):
            for top, part in ((330, 0), (400, 12), (480, 14)):
                assert tuple(frame.rgb[top, left + 45]) == COLOURS[part]
        assert not frame.rgb[:, 400:900].any()


def test_a_map_in_segments_is_that_in_one_go(tmp_path: Path) -> None:
    source = clip(tmp_path)
    run(source, tmp_path / "one.mkv", kind="parts")
    settings = RenderSettings(
        source=source,
        output=tmp_path / "two.mkv",
        kind="parts",
        encode=LOSSLESS,
        matte=MatteSettings(smooth=0, decontaminate=False),
    )
    resume.render(settings, segmenter=Body())
    one, two = (read_frames(tmp_path / name) for name in ("one.mkv", "two.mkv"))
    assert len(one) == len(two) == 4
    assert all((a.rgb == b.rgb).all() for a, b in zip(one, two, strict=True))


def labelled(part: int, rgb: tuple[int, int, int] = (90, 90, 90), pts: int = 0) -> tuple[Any, Mask]:
    """A frame of one colour, all of it a person's part."""
    picture = np.full((32, 48, 3), rgb, np.uint8)
    mask = Mask(
        person=np.ones((32, 48), np.float32),
        box=Box(0, 0, 48, 32),
        picture=picture,
        parts=np.full((32, 48), part, np.uint8),
    )
    return frame_of(picture, pts=pts), mask


def test_a_part_that_flickers_is_outvoted() -> None:
    """A hand that is a foot for one frame stays a hand, but where the picture changes."""
    pairs = [labelled(23 if i == 4 else 10, pts=i) for i in range(9)]
    assert [
        int(mask.parts[16, 24]) for _, mask in smooth_masks(pairs, 0.2) if mask.parts is not None
    ] == [10] * 9
    moved = [labelled(10, pts=i) for i in range(4)] + [
        labelled(23, (200, 90, 90), i) for i in range(4, 8)
    ]
    found = [
        int(mask.parts[16, 24]) for _, mask in smooth_masks(moved, 0.2) if mask.parts is not None
    ]
    assert found == [10] * 4 + [23] * 4


def test_votes_are_counted_by_weight() -> None:
    ballots = [
        (np.array([[1.0, 1.0]], np.float32), np.array([[3, 3]], np.uint8)),
        (np.array([[0.6, 0.6]], np.float32), np.array([[5, 5]], np.uint8)),
        (np.array([[0.6, 0.2]], np.float32), np.array([[5, 5]], np.uint8)),
    ]
    assert part_map.elected(ballots).tolist() == [[5, 3]]


def test_borders_between_parts_are_smooth() -> None:
    """A slanted border, enlarged eightfold, is within three pixels of a straight line."""
    y, x = np.mgrid[:40, :40]
    large = part_map.enlarged(np.where(x * 2 > y + 20, 4, 7).astype(np.uint8), 320, 320)
    y, x = (np.mgrid[:320, :320] + 0.5) / 8 - 0.5
    distance = (x * 2 - y - 20.5) / np.sqrt(5) * 8
    assert set(np.unique(large)) == {4, 7}
    assert (large[distance > 3] == 4).all()
    assert (large[distance < -3] == 7).all()


def test_parts_of_cells_that_the_frames_edge_cuts_stay_where_they_are() -> None:
    """Maps were stretched over their boxes: where last cells are cut, borders moved by pixels."""
    box = Box(0, 0, 33, 17)
    labels = np.zeros((5, 9), np.uint8)
    labels[:, 7:] = 12  # a whole column of cells, and one of which the picture shows one pixel
    alpha = as_plane(np.full((17, 33), 255, np.uint8))
    out = tuple(as_plane(np.zeros((17, 33), np.uint16)) for _ in range(3))
    part_map.paint(labels, Mask(np.ones((5, 9), np.float32), box), alpha, 255, out)
    first = np.flatnonzero((out[0] != out[0][0, 0]).any(axis=0))[0]
    assert 27 <= first <= 28


def test_colours_can_be_told_apart() -> None:
    everything = [(0, 0, 0), *COLOURS]
    apart = [
        max(abs(a - b) for a, b in zip(*pair, strict=True))
        for pair in itertools.combinations(everything, 2)
    ]
    assert min(apart) >= 60


def test_the_document_tells_parts_colours_and_groups() -> None:
    text = (PROJECT / "docs" / "parts.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `#(\w{6})` \| (\d+), (\d+), (\d+) \|$", text, re.MULTILINE)
    assert [row[0] for row in rows] == list(PARTS)
    assert [tuple(bytes.fromhex(row[1])) for row in rows] == list(COLOURS)
    assert [tuple(map(int, row[2:])) for row in rows] == list(COLOURS)
    groups = re.findall(r"^\| `(\w+)` \| (`[a-z_`, ]+`) \|$", text, re.MULTILINE)
    assert {
        name: {PARTS.index(part) for part in re.findall(r"\w+", parts)} for name, parts in groups
    } == {name: set(numbers) for name, numbers in GROUPS.items()}


# -- refused
# -----------------------------------------------------------------------------------------------


def test_a_network_without_parts_is_refused(tmp_path: Path) -> None:
    """Given as an object, it once showed the whole person in silence."""
    blunt = FakeSegmenter()
    blunt.traits = replace(blunt.traits, has_parts=False)
    for given in ({"kind": "parts"}, {"model": ModelSettings(parts=("face",))}):
        settings = RenderSettings(
            source=clip(tmp_path),
            output=tmp_path / "out.mp4",
            encode=QUICK,
            **given,  # type: ignore[arg-type]
        )
        with pytest.raises(ModelError, match="fake knows no body parts: use a bodypix model"):
            pipeline.render(settings, segmenter=blunt)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


def test_what_a_map_cannot_be_is_refused(tmp_path: Path) -> None:
    source = clip(tmp_path)
    for option in (["--invert"], ["--range", "full"]):
        done = vidseg("matte", source, "-o", tmp_path / "out.mkv", "--parts-map", *option)
        assert "a map of body parts is in colour" in one_line(done)
    with pytest.raises(SettingsError, match="unknown body part 'nose'"):
        ModelSettings(parts=("nose",))


def test_all_parts_are_the_person() -> None:
    scores = Scores(
        person=np.array([[[2.0, -1.0]]], np.float32),
        parts=np.random.default_rng(1).normal(5, 3, (1, 1, 2, 24)).astype(np.float32),
    )
    upper_and_lower = chosen(scores, ("upper_body", "lower_body"))
    np.testing.assert_array_equal(upper_and_lower, scores.person)
