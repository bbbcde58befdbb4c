"""What a container says of a video beside its packets: a crop, and where chroma lies."""

import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from tests.helpers.clips import (
    ffprobe,
    frame_number,
    person_picture,
    read_frames,
    read_planes,
    write_clip,
)
from tests.helpers.renders import rendered
from vidseg import api
from vidseg.frames.geometry import Box
from vidseg.media.damage import Damage
from vidseg.media.decode import Span, decode
from vidseg.media.probe import probe_video
from vidseg.media.track_header import TrackHeader
from vidseg.networks.fake import FakeSegmenter
from vidseg.rendering.preview import preview
from vidseg.settings import EncodeSettings, PreviewSettings

_AROUND = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def with_aperture(path: Path, box: Box, width: int, height: int) -> Path:
    """Give an MP4 file, its moov last, a clean aperture (ISO/IEC 14496-12, 12.1.4) of `box`."""
    offsets = 2 * box.left - width + box.width, 2 * box.top - height + box.height
    numbers = (box.width, 1, box.height, 1, offsets[0], 2, offsets[1], 2)
    clap = struct.pack(">I4sIIIIiIiI", 40, b"clap", *numbers)
    data = bytearray(path.read_bytes())
    _insert(data, 0, len(data), clap)
    path.write_bytes(data)
    return path


def _insert(data: bytearray, at: int, end: int, new: bytes) -> None:
    """Append a box to the first entry of the first stsd, and lengthen all that it lies in."""
    while at < end:
        size, name = struct.unpack_from(">I4s", data, at)
        if name in (*_AROUND, b"stsd"):
            struct.pack_into(">I", data, at, size + len(new))
        if name == b"stsd":
            entry = at + 16
            (length,) = struct.unpack_from(">I", data, entry)
            struct.pack_into(">I", data, entry, length + len(new))
            data[entry + length : entry + length] = new
            return
        if name in _AROUND:
            _insert(data, at + 8, at + size, new)
            return
        at += size


def remuxed(source: Path, target: Path) -> Path:
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        stream = written.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.size:
                packet.stream = stream
                written.mux_one(packet)
    return target


@pytest.fixture
def clip(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a clip with all but `box` hidden: pure red rows and columns."""

    def write(box: Box, suffix: str = ".mp4", rotation: int = 0, codec: str = "libx264") -> Path:
        def picture(number: int) -> np.ndarray:
            whole = np.full((72, 112, 3), (255, 0, 0), np.uint8)
            whole[box.top : box.bottom, box.left : box.right] = person_picture(
                number, box.width, box.height
            )
            return whole

        written = write_clip(
            tmp_path / "whole.mp4",
            width=112,
            height=72,
            picture=picture,
            rotation=rotation,
            codec=codec,
            options={"qp": "1"} if codec == "libx264" else {},
        )
        with_aperture(written, box, 112, 72)
        return written if suffix == ".mp4" else remuxed(written, tmp_path / f"in{suffix}")

    return write


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg4"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_what_a_container_crops_stays_hidden(
    clip: Callable[..., Path], suffix: str, codec: str
) -> None:
    """Only a codec's own crop was applied, by the decoder: eight rows of camera rubbish showed."""
    source = clip(Box(0, 0, 96, 64), suffix, codec=codec)
    info = probe_video(source)
    assert (info.width, info.height, info.shown_size) == (96, 64, (96, 64))
    output = source.with_name(f"out{suffix}")
    report = rendered(source, output)
    assert (report.width, report.height) == (96, 64)
    told = ffprobe(output, "-select_streams", "v", "-show_streams")["streams"][0]
    assert (told["width"], told["height"]) == (96, 64)
    assert not told.get("side_data_list"), "what is cut off is not cut off again"
    assert [frame_number(frame.rgb) for frame in read_frames(output)] == list(range(20))


@pytest.mark.parametrize(
    "box", [Box(8, 4, 104, 68), Box(9, 3, 105, 67), Box(7, 0, 106, 65), Box(1, 1, 112, 72)]
)
def test_a_crop_at_any_pixel(clip: Callable[..., Path], box: Box) -> None:
    """Chroma of 4:2:0 that an odd edge divides lies halfway between two samples."""
    info = probe_video(clip(box))
    frames = list(decode(info, Span(), Damage()))
    assert len(frames) == 20
    for number, frame in enumerate(frames):
        assert (frame.width, frame.height) == (box.width, box.height)
        assert frame.planes[1].shape == (-(-box.height // 2), -(-box.width // 2))
        shown = api.rgb_of(frame)[1:-1, 1:-1].astype(int)
        truth = person_picture(number, box.width, box.height)[1:-1, 1:-1].astype(int)
        assert np.abs(shown - truth).mean() < 6


def test_a_turned_clip_is_cropped_as_it_is_coded(clip: Callable[..., Path]) -> None:
    source = clip(Box(0, 0, 96, 64), rotation=90)
    info = probe_video(source)
    assert (info.width, info.height, info.shown_size) == (96, 64, (64, 96))
    rendered(source, source.with_name("out.mp4"))
    assert probe_video(source.with_name("out.mp4")).shown_size == (64, 96)


def test_a_background_is_cropped(clip: Callable[..., Path], tmp_path: Path) -> None:
    grey = write_clip(tmp_path / "in.mp4", picture=lambda _: np.full((64, 96, 3), 128, np.uint8))
    rendered(grey, tmp_path / "out.mp4", str(clip(Box(0, 0, 96, 64))))
    assert [frame_number(frame.rgb) for frame in read_frames(tmp_path / "out.mp4")] == list(
        range(20)
    )


def test_a_preview_is_cropped(clip: Callable[..., Path], tmp_path: Path) -> None:
    sheet = PreviewSettings(source=clip(Box(0, 0, 96, 64)), output=tmp_path / "out.png", rows=2)
    assert "2 moments" in preview(sheet, segmenter=FakeSegmenter())


@pytest.mark.parametrize("header", [TrackHeader(left=60, right=60), TrackHeader(top=72)])
def test_a_crop_that_leaves_nothing_is_no_crop(header: TrackHeader) -> None:
    assert header.kept(112, 72) == Box(0, 0, 112, 72)


LOCATIONS = {1: "center", 2: "topleft", 3: "top"}


@pytest.mark.parametrize("location", LOCATIONS)
@pytest.mark.parametrize(
    ("name", "codec"),
    [("out.mp4", "x264"), ("out.mp4", "x265"), ("out.webm", "vp9"), ("out.mkv", "ffv1")],
)
def test_the_place_of_chroma_is_kept(tmp_path: Path, location: int, name: str, codec: str) -> None:
    """PyAV has no word for it, so that encoders took it for left."""
    source = write_clip(
        tmp_path / "in.mp4", frames=3, options={"x264-params": f"chromaloc={location}"}
    )
    assert probe_video(source).chroma_location == LOCATIONS[location]
    rendered(source, tmp_path / name, encode=EncodeSettings(codec=codec))
    assert probe_video(tmp_path / name).chroma_location == LOCATIONS[location]
    if shutil.which("ffprobe"):
        told = ffprobe(tmp_path / name, "-select_streams", "v", "-show_streams")["streams"][0]
        assert told["chroma_location"] == LOCATIONS[location]


def test_segments_keep_the_place_of_chroma(tmp_path: Path) -> None:
    from vidseg.jobs import resume
    from vidseg.settings import RenderSettings

    source = write_clip(
        tmp_path / "in.mp4", frames=24, rate=2, options={"x264-params": "chromaloc=2"}
    )
    settings = RenderSettings(source=source, output=tmp_path / "out.mp4", background="blur")
    resume.render(settings, segmenter=FakeSegmenter())
    assert probe_video(tmp_path / "out.mp4").chroma_location == "topleft"


def test_chroma_that_is_no_longer_halved_has_no_place(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=3, options={"x264-params": "chromaloc=2"})
    rendered(source, tmp_path / "out.mov", encode=EncodeSettings(codec="prores"))
    assert read_planes(tmp_path / "out.mov")
    assert probe_video(tmp_path / "out.mov").chroma_location in (None, "left")
