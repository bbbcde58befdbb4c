"""Closed captions in the picture: kept at their frames, or their loss told.

They are those of CEA-608 and 708, carried as ATSC A/53 says.
"""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.helpers.clips import ffprobe, write_clip
from tests.helpers.packets import with_packets
from tests.helpers.renders import rendered
from vidseg.jobs import resume
from vidseg.media.ffmpeg import Packet
from vidseg.networks.fake import FakeSegmenter
from vidseg.settings import EncodeSettings, MatteSettings, RenderSettings


def _words(number: int) -> bytes:
    """Return three bytes of captions that tell a frame's number."""
    return bytes([0xFC, 0x20 + number, 0x41])


def captioned_clip(path: Path, frames: int = 8, since: int = 0, fields: bool = False) -> Path:
    """Write H.264, with B-frames, whose frames from `since` on carry captions of their numbers."""
    options = {"x264-params": "tff=1"} if fields else {}
    plain = write_clip(
        path.with_name(f"plain-{path.name}"), frames=frames, b_frames=2, options=options
    )

    def captioned(packet: Packet) -> bytes:
        assert packet.pts is not None
        number = round(packet.pts * packet.time_base * 30)
        return (_caption_unit(number) if number >= since else b"") + bytes(packet)

    return with_packets(plain, path, captioned)


def _caption_unit(number: int) -> bytes:
    """Return an H.264 unit with captions (ATSC A/53 part 4 in ITU-T T.35), its length before it."""
    body = b"\xb5\x00\x31GA94\x03\x41\xff" + _words(number) + b"\xff"
    unit = b"\x06\x04" + bytes([len(body)]) + body + b"\x80"
    return len(unit).to_bytes(4, "big") + unit


def captions(path: Path) -> list[bytes]:
    """Return what captions the frames carry, in display order; empty where there are none."""
    with av.open(str(path)) as source:
        return [_caption(frame) for frame in source.decode(video=0)]


def _caption(frame: av.VideoFrame) -> bytes:
    return b"".join(bytes(side) for side in frame.side_data if side.type.name == "A53_CC")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("codec", "name"), [("x264", "out.mp4"), ("x264", "out.mkv"), ("x265", "out.mov")]
)
@pytest.mark.parametrize("since", [0, 5])
def test_captions_stay_at_their_frames(tmp_path: Path, codec: str, name: str, since: int) -> None:
    """Cause: frames are painted on fresh pictures of the library's, which carried nothing."""
    source = captioned_clip(tmp_path / "in.mp4", since=since)
    expected = [b""] * since + [_words(number) for number in range(since, 8)]
    assert captions(source) == expected
    encode = EncodeSettings(codec=codec, preset="ultrafast" if codec == "x265" else "medium")
    report = rendered(source, tmp_path / name, encode=encode)
    assert captions(tmp_path / name) == expected
    shown = ffprobe(tmp_path / name, "-select_streams", "v", "-show_frames")["frames"]
    kinds = [side["side_data_type"] for frame in shown for side in frame.get("side_data_list", ())]
    if codec == "x264":  # FFmpeg 5 reads none of HEVC's
        assert kinds.count("ATSC A53 Part 4 Closed Captions") == 8 - since
    assert report.notes == []


def test_captions_of_a_cut_keep_their_frames(tmp_path: Path) -> None:
    source = captioned_clip(tmp_path / "in.mp4")
    rendered(source, tmp_path / "out.mp4", start=Fraction(1, 10))
    assert captions(tmp_path / "out.mp4") == [_words(number) for number in range(3, 8)]


@pytest.mark.parametrize(("codec", "kept"), [("x264", True), ("ffv1", False)])
def test_captions_of_a_render_in_segments(tmp_path: Path, codec: str, kept: bool) -> None:
    """Segments are encoded apart from the output, where what is lost must be told."""
    source = captioned_clip(tmp_path / "in.mp4")
    settings = RenderSettings(
        source=source,
        output=tmp_path / "out.mkv",
        encode=EncodeSettings(codec=codec),
        matte=MatteSettings(smooth=0),
    )
    report = resume.render(settings, segmenter=FakeSegmenter())
    assert any(captions(tmp_path / "out.mkv")) == kept
    told = ["the closed captions in 8 pictures are dropped: ffv1 holds none, x264 and x265 do"]
    assert report.notes == ([] if kept else told)


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("out.webm", {}, True),
        ("out.mov", {"background": "transparent"}, True),
        ("out/%05d.png", {}, True),
        ("out.mp4", {"kind": "matte"}, False),
        ("out/%05d.png", {"kind": "matte"}, False),
        ("out.mp4", {"background": "transparent", "pair": True}, False),
    ],
)
def test_captions_that_are_lost_are_told(
    tmp_path: Path, name: str, changes: dict[str, object], told: bool
) -> None:
    """Nothing is said of a matte, which is no picture to be watched."""
    source = captioned_clip(tmp_path / "in.mp4", since=3)
    report = rendered(source, tmp_path / name, encode=EncodeSettings(), **changes)
    assert ["closed captions in 5 pictures" in note for note in report.notes] == [True] * told
    if "pair" in changes:
        assert captions(tmp_path / "out.fgr.mp4")[3:] == [_words(number) for number in range(3, 8)]
        assert not any(captions(tmp_path / "out.matte.mp4"))


def test_captions_of_interlaced_frames_go_through_the_deinterlacer(tmp_path: Path) -> None:
    source = captioned_clip(tmp_path / "in.mp4", fields=True)
    report = rendered(source, tmp_path / "out.mp4")
    assert report.notes == ["interlaced pictures are made progressive, each at its time"]
    assert captions(tmp_path / "out.mp4") == [_words(number) for number in range(8)]
