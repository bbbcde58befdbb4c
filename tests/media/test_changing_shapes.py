"""Clips whose size or pixel shape changes on the way: one size comes out, nothing distorted."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.helpers.clips import (
    Audio,
    audio_packets,
    ffprobe,
    frame_number,
    frame_times,
    person_picture,
    read_frames,
    read_planes,
    write_clip,
)
from tests.helpers.renders import rendered
from vidseg import api
from vidseg.frames.colour import Colour
from vidseg.frames.frame import WORKING_FORMATS, Frame, Shape
from vidseg.frames.geometry import Box
from vidseg.frames.letterbox import crop, display_box, letterboxed
from vidseg.jobs import resume
from vidseg.matting.tracking.shots import detect_cuts
from vidseg.media.damage import Damage
from vidseg.media.decode import Span, decode
from vidseg.media.probe import probe_video
from vidseg.networks.fake import PERSON_RGB, FakeSegmenter
from vidseg.rendering.preview import preview
from vidseg.settings import EncodeSettings, MatteSettings, PreviewSettings, RenderSettings

SQUARE, WIDE = Shape(96, 64), Shape(96, 64, Fraction(4, 3))
LOSSLESS = EncodeSettings(codec="ffv1")


def write_pieces(path: Path, *shapes: Shape, frames: int = 24, **more: Any) -> Path:
    """Write a transport stream of pieces end to end, as a recorder does; frames are numbered on."""
    data = b""
    for order, shape in enumerate(shapes):
        piece = write_clip(
            path.with_name(f"piece{order}.ts"),
            width=shape.width,
            height=shape.height,
            sample_aspect_ratio=shape.sample_aspect_ratio,
            frames=frames,
            picture=lambda i, s=shape, o=order: person_picture(i + o * frames, s.width, s.height),  # type: ignore[misc]
            **{"b_frames": 2, **more},
        )
        data += piece.read_bytes()
        piece.unlink()
    path.write_bytes(data)
    return path


def frame_of(
    planes: tuple[np.ndarray, ...], shape: Shape | None, name: str = "yuv420p", **more: Any
) -> Frame:
    return Frame(planes, 0, Fraction(1), 1, WORKING_FORMATS[name], Colour(), shape=shape, **more)


@pytest.mark.parametrize(
    ("own", "shape", "box"),
    [
        (Shape(128, 64), Shape(64, 64), Box(0, 16, 64, 48)),
        (Shape(32, 64), Shape(64, 64), Box(16, 0, 48, 64)),
        (Shape(48, 32), Shape(96, 64), Box(0, 0, 96, 64)),
        (
            Shape(720, 576, Fraction(64, 45)),
            Shape(720, 576, Fraction(16, 15)),
            Box(0, 72, 720, 504),
        ),
        (
            Shape(720, 576, Fraction(16, 15)),
            Shape(720, 576, Fraction(64, 45)),
            Box(90, 0, 630, 576),
        ),
        (Shape(1440, 1080, Fraction(4, 3)), Shape(1920, 1080), Box(0, 0, 1920, 1080)),
        (Shape(1000, 1), Shape(2, 2), Box(0, 0, 2, 2)),
        (Shape(95, 63), Shape(97, 63), Box(0, 0, 97, 63)),
    ],
)
def test_where_a_picture_of_another_shape_goes(own: Shape, shape: Shape, box: Box) -> None:
    assert display_box(own, shape, WORKING_FORMATS["yuv420p"]) == box


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "yuv444p12le"])
def test_bars_are_black_and_what_is_between_them_is_all_of_the_picture(name: str) -> None:
    layout = WORKING_FORMATS[name]
    unit = 1 << (layout.bits - 8)
    sizes = [layout.plane_size(index, 40, 80) for index in range(3)]
    planes = tuple(np.full((h, w), 90 * unit, layout.dtype) for w, h in sizes)
    made = letterboxed(frame_of(planes, Shape(40, 80), name), Shape(96, 64))
    assert made.window == Box(32, 0, 64, 64)
    luma, blue, _ = made.planes
    assert luma.shape == (64, 96)
    assert (luma[:, 32:64] == 90 * unit).all()
    assert (luma[:, :32] == 16 * unit).all()
    assert (luma[:, 64:] == 16 * unit).all()
    left = 32 >> layout.shift_x
    assert (blue[:, :left] == 128 * unit).all()
    assert (blue[:, left : 2 * left] == 90 * unit).all()


def test_a_frame_of_its_shape_is_left_alone() -> None:
    frame = frame_of((np.zeros((64, 96), np.uint8),), SQUARE)
    assert letterboxed(frame, SQUARE) is frame


@pytest.mark.parametrize(("left", "top"), [(0, 0), (2, 4), (1, 0), (0, 3), (5, 3)])
def test_a_crop_takes_the_colours_that_belong_to_its_pixels(left: int, top: int) -> None:
    """Chroma of 4:2:0 that an odd edge divides lies halfway between two samples."""
    down, across = np.mgrid[0:32, 0:48]
    chroma = (4 * across[::2, ::2] // 2 + 4 * down[::2, ::2] // 2 + 20).astype(np.uint8)
    frame = frame_of(((2 * across + 2 * down).astype(np.uint8), chroma, chroma), None)
    made = crop(frame, Box(left, top, 40, 30))
    assert (made.planes[0] == frame.planes[0][top:30, left:40]).all()
    height, width = made.planes[1].shape
    assert (width, height) == (-(-(40 - left) // 2), -(-(30 - top) // 2))
    expected = 4 * (left / 2 + np.arange(width)) + 4 * (top / 2 + np.arange(height))[:, None] + 20
    inner = np.s_[: height - 1, : width - 1]
    assert np.abs(made.planes[1][inner] - expected[inner]).max() <= 1


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video", "libx265"])
def test_the_shape_of_every_single_picture_is_known(tmp_path: Path, codec: str) -> None:
    """The decoder tells of another shape while it still gives out pictures of the one before."""
    options = {"qmin": "2", "qmax": "2"} if codec == "mpeg2video" else {}
    # MPEG-2 knows three shapes: pictures of 4:3 and of 16:9, and square pixels.
    shapes = (Shape(96, 64, Fraction(8, 9)), Shape(96, 64, Fraction(32, 27)), Shape(64, 64), SQUARE)
    source = write_pieces(tmp_path / "in.ts", *shapes, codec=codec, options=options, rate=25)
    frames = list(decode(probe_video(source), Span(), Damage()))
    numbers = [frame_number(shown.rgb) for shown in read_frames(source)]
    own = [(frame.shape, number // 24) for frame, number in zip(frames, numbers, strict=True)]
    assert {shapes[piece] for _, piece in own} == set(shapes)
    assert [(shape, shapes[piece]) for shape, piece in own if shape != shapes[piece]] == []


def test_pictures_that_tell_no_shape_have_that_of_before(tmp_path: Path) -> None:
    """FFmpeg gives them the shape that comes next, where it still has them when that begins."""
    shapes = (SQUARE, Shape(96, 64, Fraction(16, 11)))
    pieces = []
    for order, shape in enumerate(shapes):
        told = None if order == 0 else shape.sample_aspect_ratio
        pieces.append(
            write_clip(tmp_path / f"{order}.ts", frames=24, b_frames=3, sample_aspect_ratio=told)
        )
    source = tmp_path / "in.ts"
    source.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    found = [frame.shape for frame in decode(probe_video(source), Span(), Damage())]
    assert found == [shape for shape in shapes for _ in range(24)]


def test_a_clip_whose_size_changes_is_rendered_to_its_end(tmp_path: Path) -> None:
    """It was refused where the change came up, maybe after hours, with nothing written."""
    source = write_pieces(
        tmp_path / "in.ts",
        SQUARE,
        Shape(128, 128),
        Shape(192, 128),
        SQUARE,
        audio=[Audio(codec="mp2")],
    )
    report = rendered(source, tmp_path / "out.mp4")
    assert (report.frames_out, report.width, report.height) == (96, 96, 64)
    told = [note for note in report.notes if "the picture changes" in note]
    assert told == [
        "the picture changes from 96x64 to 128x128 at "
        f"{float(frame_times(tmp_path / 'out.mp4')[24]):.3f} s, "
        "and 2 more times: all is scaled to 96x64, and lies between bars where its shape is another"
    ]
    shown = read_frames(tmp_path / "out.mp4")
    assert [frame_number(f.rgb) for f in (*shown[:24], *shown[48:])] == [*range(24), *range(48, 96)]
    alone = write_clip(
        tmp_path / "alone.ts", width=128, height=128, frames=12, picture=lambda i: square(i + 12)
    )
    assert alone.exists()
    inner = np.asarray(Image.fromarray(shown[24].rgb[:, 16:80]).resize((128, 128)))
    truth = square(24)
    people = (truth == PERSON_RGB).all(axis=-1)
    assert np.abs(inner[people].astype(int) - PERSON_RGB).mean() < 25
    assert np.abs(shown[24].rgb[:, :14].astype(int) - (0x20, 0x40, 0xC0)).max() < 12, (
        "nobody is in the bars"
    )
    assert len(audio_packets(tmp_path / "out.mp4")) == len(audio_packets(source))


def square(number: int) -> np.ndarray:
    return person_picture(number, 128, 128)


def test_a_clip_whose_pixels_become_wider_keeps_what_is_shown(tmp_path: Path) -> None:
    source = write_pieces(tmp_path / "in.ts", SQUARE, WIDE)
    report = rendered(source, tmp_path / "out.mkv", encode=LOSSLESS)
    (note,) = (note for note in report.notes if "changes" in note)
    assert "from 96x64 to 96x64 with pixels of 4:3 at" in note
    assert "once more" not in note
    assert probe_video(tmp_path / "out.mkv").sample_aspect_ratio == 1
    person = person_picture(26, 96, 64, numbered=False)
    green = (person == PERSON_RGB).all(axis=-1)[30:]
    shown = read_frames(tmp_path / "out.mkv")[26].rgb
    there = shown[..., 1].astype(int) - shown[..., 2] > 60
    rows = np.flatnonzero(there[:, 40:].any(axis=1))
    assert rows.max() <= 64 - 8, "between bars above and below"
    columns = np.flatnonzero(there[30:].any(axis=0))
    whole = np.flatnonzero(green.any(axis=0))
    assert abs(np.ptp(columns) - np.ptp(whole)) <= 3


@pytest.mark.parametrize("start", [Fraction(9, 10), Fraction(6, 5)])
def test_the_span_that_is_rendered_has_its_own_shape(tmp_path: Path, start: Fraction) -> None:
    """Its pixels were tagged with the file's first shape; behind a change of size it failed."""
    sources = [
        write_pieces(tmp_path / "shape.ts", SQUARE, WIDE),
        write_pieces(tmp_path / "size.ts", SQUARE, Shape(128, 96)),
    ]
    for source, shape in zip(sources, (WIDE, Shape(128, 96)), strict=True):
        output = tmp_path / f"{source.stem}.mp4"
        report = rendered(source, output, start=start)
        assert not [note for note in report.notes if "changes" in note]
        assert probe_video(output).shape == shape
        told = ffprobe(output, "-select_streams", "v", "-show_streams")["streams"][0]
        assert (told["width"], told["height"]) == (shape.width, shape.height)
        assert (
            told["sample_aspect_ratio"]
            == f"{shape.sample_aspect_ratio.numerator}:{shape.sample_aspect_ratio.denominator}"
        )
        resume.render(
            _settings(source, tmp_path / f"{source.stem}.s.mp4", start=start),
            segmenter=FakeSegmenter(),
        )
        assert probe_video(tmp_path / f"{source.stem}.s.mp4").shape == shape
        first, alpha = next(api.masks(source, start=start, segmenter=FakeSegmenter()))
        assert alpha.shape == (first.height, first.width) == (shape.height, shape.width)


def _settings(source: Path, output: Path, **changes: Any) -> RenderSettings:
    given = {
        "background": "#2040c0",
        "encode": LOSSLESS if output.suffix == ".mkv" else EncodeSettings(),
    }
    return RenderSettings(source=source, output=output, **{**given, **changes})


def test_segments_hold_what_a_plain_render_does(tmp_path: Path) -> None:
    """Whoever enters a clip behind a change must know the shape that it had before."""
    shapes = (SQUARE, Shape(64, 96), WIDE)
    source = write_pieces(tmp_path / "in.ts", *shapes, frames=28, rate=4)
    plain = api.run(_settings(source, tmp_path / "plain.mkv"), segmenter=FakeSegmenter())
    pieces = _settings(source, tmp_path / "pieces.mkv")

    def stop(done: int, _: int | None) -> None:
        if done == 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resume.render(pieces, segmenter=FakeSegmenter(), progress=stop)
    whole = resume.render(pieces, segmenter=FakeSegmenter())
    assert whole.notes == plain.notes
    assert "and once more" in " ".join(plain.notes)
    one, other = (read_planes(tmp_path / name) for name in ("plain.mkv", "pieces.mkv"))
    assert len(one) == 3 * 28
    for a, b in zip(one, other, strict=True):
        assert a.pts * a.time_base == b.pts * b.time_base
        assert all(np.array_equal(x, y) for x, y in zip(a.planes, b.planes, strict=True))


def test_masks_of_a_clip_whose_size_changes_are_of_one_size(tmp_path: Path) -> None:
    source = write_pieces(tmp_path / "in.ts", SQUARE, Shape(64, 64))
    sizes = {alpha.shape for _, alpha in api.masks(source, segmenter=FakeSegmenter())}
    assert sizes == {(64, 96)}


def test_nothing_is_carried_over_a_change(tmp_path: Path) -> None:
    """The picture moves and shrinks at once, which no motion explains: it counts as a cut."""
    source = write_pieces(tmp_path / "in.ts", SQUARE, WIDE)
    cuts = [cut for cut, _ in detect_cuts(decode(probe_video(source), Span(), Damage()))]
    assert [number for number, cut in enumerate(cuts) if cut] == [0, 24]


def test_a_preview_shows_both_sides_of_a_change(tmp_path: Path) -> None:
    """It told of --end, which it hasn't, and showed nothing."""
    source = write_pieces(tmp_path / "in.ts", SQUARE, Shape(64, 96))
    sheet = PreviewSettings(source=source, output=tmp_path / "out.png", rows=4)
    assert "4 moments" in preview(sheet, segmenter=FakeSegmenter())


def test_a_background_whose_size_changes_plays_on(tmp_path: Path) -> None:
    """Its first size is kept here too, wherever it is entered."""
    source = write_clip(
        tmp_path / "in.mp4", frames=60, picture=lambda _: np.full((64, 96, 3), 128, np.uint8)
    )
    red = write_clip(
        tmp_path / "a.ts", frames=24, picture=lambda _: np.full((64, 96, 3), (200, 0, 0), np.uint8)
    )
    blue = write_clip(
        tmp_path / "b.ts",
        frames=24,
        width=64,
        height=64,
        picture=lambda _: np.full((64, 64, 3), (0, 0, 200), np.uint8),
    )
    behind = tmp_path / "behind.ts"
    behind.write_bytes(red.read_bytes() + blue.read_bytes())
    rendered(source, tmp_path / "out.mp4", str(behind))
    shown = [frame.rgb for frame in read_frames(tmp_path / "out.mp4")]
    assert len(shown) == 60
    assert np.abs(shown[5].astype(int) - (200, 0, 0)).mean() < 8
    assert np.abs(shown[30][:, 20:76].astype(int) - (0, 0, 200)).mean() < 8
    assert shown[30][:, :12].max() < 24, "black bars"
    assert np.abs(shown[55].astype(int) - (200, 0, 0)).mean() < 8


def test_pictures_of_several_sizes_make_one_clip(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number, (width, height) in enumerate([(96, 64), (128, 72), (64, 96), (96, 64)]):
        Image.fromarray(person_picture(number, width, height)).save(folder / f"{number:03d}.png")
    report = rendered(folder / "%03d.png", tmp_path / "out.mp4", frame_rate=Fraction(24))
    assert (report.frames_out, report.damaged) == (4, False)
    assert "from 96x64 to 128x72 at 0.042 s, and 2 more times" in " ".join(report.notes)
    shown = [frame.rgb for frame in read_frames(tmp_path / "out.mp4")]
    assert [frame_number(shown[i]) for i in (0, 3)] == [0, 3]


def test_a_matte_shows_nobody_in_bars(tmp_path: Path) -> None:
    source = write_pieces(tmp_path / "in.ts", SQUARE, Shape(64, 128))
    settings = _settings(source, tmp_path / "out.mkv", kind="matte", background="black")
    api.run(settings, segmenter=FakeSegmenter())
    luma = read_planes(tmp_path / "out.mkv")[30].planes[0]
    assert luma.shape == (64, 96)
    assert luma[:, 32:64].max() > 200
    assert luma[:, :32].max() == luma[:, 64:].max() == 0


def test_matte_settings_reach_no_further_than_the_picture(tmp_path: Path) -> None:
    source = write_pieces(tmp_path / "in.ts", SQUARE, Shape(64, 128))
    grown = MatteSettings(grow=12, feather=3)
    alphas = [a for _, a in api.masks(source, matte=grown, segmenter=FakeSegmenter())]
    assert alphas[30][:, :32].max() == alphas[30][:, 64:].max() == 0
