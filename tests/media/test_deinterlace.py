"""Clips that are interlaced here and progressive there: each picture is treated as it says."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from tests.helpers.clips import frame_times, read_planes, write_clip
from tests.helpers.renders import rendered
from vidseg.frames.frame import Frame
from vidseg.jobs import resume
from vidseg.media.damage import Damage
from vidseg.media.decode import Span, decode
from vidseg.media.deinterlace import deinterlaced
from vidseg.media.probe import probe_video
from vidseg.networks.fake import FakeSegmenter
from vidseg.settings import EncodeSettings, RenderSettings

NOTE = "interlaced pictures are made progressive, each at its time"
COMBED = 10
"""Of `combing`: much less than a bar that moved between the fields gives."""


def stripes(number: int, *, fields: bool, bottom_first: bool = False) -> np.ndarray:
    """Return a bright bar that moves to the right, also from one field to the next."""
    picture = np.full((64, 96, 3), 60, np.uint8)
    for field in (0, 1):
        step = number * 2 + (field if not bottom_first else 1 - field) * fields
        left = step * 4 % 70
        picture[field::2, left : left + 12] = 220
    return picture


def write_piece(path: Path, order: str, codec: str = "libx264", frames: int = 14) -> Path:
    """Write a transport stream, ``progressive``, or with its ``top`` or ``bottom`` field first."""
    fields = order != "progressive"
    options = {
        "libx264": {"x264-params": {"top": "tff=1", "bottom": "bff=1"}.get(order, "bframes=2")},
        "mpeg2video": {"qmin": "2", "qmax": "2"} | ({"flags": "+ildct+ilme"} if fields else {}),
    }[codec]
    return write_clip(
        path,
        frames=frames,
        rate=25,
        codec=codec,
        options=options,
        b_frames=2 if codec == "libx264" else 0,
        picture=lambda i: stripes(i, fields=fields, bottom_first=order == "bottom"),
    )


def write_pieces(path: Path, *orders: str, **more: Any) -> Path:
    pieces = [
        write_piece(path.with_name(f"{n}.ts"), order, **more) for n, order in enumerate(orders)
    ]
    path.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    return path


def combing(frame: Frame) -> float:
    luma = frame.planes[0].astype(int)
    return float(np.abs(luma[1:-1] * 2 - luma[:-2] - luma[2:]).mean())


def raw(path: Path) -> list[VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
@pytest.mark.parametrize(
    "orders",
    [
        ("progressive", "top"),
        ("top", "progressive"),
        ("progressive", "top", "progressive", "top"),
        ("top", "progressive", "top"),
    ],
)
def test_every_picture_says_for_itself_whether_it_is_interlaced(
    tmp_path: Path, codec: str, orders: tuple[str, ...]
) -> None:
    """The first picture decided for all, so that what became interlaced later stayed combed."""
    source = write_pieces(tmp_path / "in.ts", *orders, codec=codec, frames=20)
    before, after = raw(source), list(decode(probe_video(source), Span(), Damage()))
    assert {picture.interlaced_frame for picture in before} == {True, False}
    assert [frame.deinterlaced for frame in after] == [
        picture.interlaced_frame for picture in before
    ]
    assert [frame.time for frame in after] == sorted({frame.time for frame in after})
    for picture, frame in zip(before, after, strict=True):
        if picture.interlaced_frame:
            assert combing(frame) < COMBED
        else:
            own = np.frombuffer(picture.planes[0], np.uint8).reshape(picture.height, -1)[
                :, : picture.width
            ]
            assert np.array_equal(own, frame.planes[0]), "bit for bit"


def test_both_orders_of_fields_in_one_clip(tmp_path: Path) -> None:
    source = write_pieces(tmp_path / "in.ts", "top", "bottom", frames=20)
    frames = list(decode(probe_video(source), Span(), Damage()))
    assert len(frames) == len(frame_times(source))
    assert max(combing(frame) for frame in frames) < COMBED


def test_interlaced_material_of_another_size_begins_the_filter_anew(tmp_path: Path) -> None:
    first = write_piece(tmp_path / "a.ts", "top", frames=20)
    second = write_clip(
        tmp_path / "b.ts",
        frames=20,
        rate=25,
        width=128,
        options={"x264-params": "tff=1"},
        picture=lambda i: np.pad(
            stripes(i, fields=True), ((0, 0), (0, 32), (0, 0)), constant_values=60
        ),
    )
    source = tmp_path / "in.ts"
    source.write_bytes(first.read_bytes() + second.read_bytes())
    frames = list(decode(probe_video(source), Span(), Damage()))
    assert len(frames) == 40
    assert all(frame.deinterlaced for frame in frames)
    assert max(combing(frame) for frame in frames) < COMBED


def test_it_is_told_where_it_happened_only(tmp_path: Path) -> None:
    source = write_pieces(tmp_path / "in.ts", "progressive", "top", frames=25)
    assert NOTE in rendered(source, tmp_path / "out.mp4").notes
    assert NOTE not in rendered(source, tmp_path / "cut.mp4", end=Fraction(9, 10)).notes


def test_segments_are_deinterlaced_as_a_plain_render_is(tmp_path: Path) -> None:
    """The filter looks at the pictures around each, which a segment beginning there decodes too."""
    orders = ("progressive", "top", "progressive", "top")
    source = tmp_path / "in.ts"
    pieces = [
        write_clip(
            tmp_path / f"{n}.ts",
            frames=24,
            rate=4,
            gop=8,
            options={"x264-params": "tff=1"} if order == "top" else {},
            picture=lambda i, o=order: stripes(i, fields=o == "top"),  # type: ignore[misc]
        )
        for n, order in enumerate(orders)
    ]
    source.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    lossless = EncodeSettings(codec="ffv1")
    report = rendered(source, tmp_path / "plain.mkv", "blur", encode=lossless)
    settings = RenderSettings(
        source=source, output=tmp_path / "pieces.mkv", background="blur", encode=lossless
    )
    whole = resume.render(settings, segmenter=FakeSegmenter())
    assert NOTE in whole.notes
    assert report.notes == whole.notes
    one, other = (read_planes(tmp_path / name) for name in ("plain.mkv", "pieces.mkv"))
    assert len(one) == 96
    for a, b in zip(one, other, strict=True):
        assert a.pts * a.time_base == b.pts * b.time_base
        assert all(np.array_equal(x, y) for x, y in zip(a.planes, b.planes, strict=True))


def test_progressive_pictures_never_meet_the_filter(tmp_path: Path) -> None:
    pictures = raw(write_piece(tmp_path / "in.ts", "progressive"))
    made = list(deinterlaced(pictures))
    assert [(one, False) for one in pictures] == made
