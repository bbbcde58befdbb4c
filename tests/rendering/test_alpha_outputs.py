"""Transparent outputs and mattes: what is read back is the alpha that was meant."""

import shutil
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.clips import (
    Audio,
    audio_packets,
    ffprobe,
    frame_times,
    person_picture,
    read_frames,
    write_clip,
)
from tests.helpers.filters import by_ffmpeg, premultiplied_over
from tests.helpers.renders import rendered
from vidseg.errors import OutputError, SettingsError
from vidseg.media.codecs import CODECS
from vidseg.settings import EncodeSettings, MatteSettings

SOFT = MatteSettings(smooth=0, feather=1.5)
Array = NDArray[Any]


def lossless(path: Path, frames: int = 4, **given: Any) -> Path:
    """Write a source whose pixels are known exactly: a person, soft-edged by the settings above."""
    picture = lambda number: person_picture(number, 96, 64)  # noqa: E731
    return write_clip(path, frames=frames, codec="ffv1", picture=picture, **given)


def matte_of(source: Path) -> list[Array]:
    """Return the intended alpha, float [h, w] in [0, 1], as a lossless full-range matte says it."""
    target = source.with_name("meant.mkv")
    rendered(
        source,
        target,
        kind="matte",
        encode=EncodeSettings(codec="ffv1"),
        matte=SOFT,
        overwrite=True,
    )
    with av.open(str(target)) as file:
        return [frame.to_ndarray().astype(float)[:64] / 255 for frame in file.decode(video=0)]


def alpha_of(path: Path) -> list[Array]:
    """Return the alpha that a file holds, float [h, w] in [0, 1]; VP9's is seen by libvpx only."""
    found = []
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        decoder: Any = stream
        if stream.codec_context.name == "vp9":
            decoder = av.CodecContext.create("libvpx-vp9", "r")
            decoder.extradata = stream.codec_context.extradata
        for packet in file.demux(stream):
            found += [_alpha(frame) for frame in decoder.decode(packet if packet.size else None)]
    return found


def _alpha(frame: Any) -> Array:
    bits = frame.format.components[-1].bits
    kind = np.dtype(np.uint8 if bits == 8 else ">u2" if frame.format.name.endswith("be") else "<u2")
    plane = frame.planes[-1]
    rows = np.frombuffer(plane, kind).reshape(plane.height, -1)
    if len(frame.planes) == 1:
        place = 0 if frame.format.name == "argb" else 3
        return rows[:, : 4 * frame.width].reshape(frame.height, frame.width, 4)[..., place] / (
            2**bits - 1
        )
    return rows[:, : frame.width] / (2**bits - 1)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "tolerance"),
    [
        ("out.mov", "auto", "yuva444p10le", 0.51 / 255),
        ("out.mkv", "auto", "yuva420p", 0),
        ("out.mov", "qtrle", "argb", 0),
        ("out.mov", "png", "rgba", 0),
        ("out.webm", "auto", "yuva420p", 0),
    ],
)
def test_alpha_read_back_is_the_matte(
    tmp_path: Path, name: str, codec: str, pix_fmt: str, tolerance: float
) -> None:
    source = lossless(tmp_path / "in.mkv", audio=[Audio()])
    report = rendered(
        source, tmp_path / name, "transparent", encode=EncodeSettings(codec=codec), matte=SOFT
    )
    found, meant = alpha_of(tmp_path / name), matte_of(source)
    assert len(found) == len(meant) == report.frames_out == 4
    assert any(((m > 0.1) & (m < 0.9)).any() for m in meant), "the edge is soft"
    assert max(np.abs(a - m).max() for a, m in zip(found, meant, strict=True)) <= tolerance
    assert all(a.max() == 1 for a in found), "opaque is opaque"
    stream = ffprobe(tmp_path / name, "-show_streams")["streams"][0]
    assert frame_times(tmp_path / name) == frame_times(source)
    if name.endswith(".webm"):
        assert stream["tags"]["ALPHA_MODE"] == "1"
    else:
        assert stream["pix_fmt"].startswith((pix_fmt[:8], "yuva444p12"))
    assert audio_packets(tmp_path / name)


def test_a_player_can_begin_at_any_key_frame_of_vp9(tmp_path: Path) -> None:
    """Alpha is coded beside the colours: it has key frames where they do, or seeking shows none.

    libvpx, which codes both alike when it is asked to, was 44 of 255 off at edges.
    """
    source = lossless(tmp_path / "in.mkv", frames=140)
    encode = EncodeSettings(preset="8")
    rendered(source, tmp_path / "o.webm", "transparent", encode=encode, matte=SOFT)
    whole = alpha_of(tmp_path / "o.webm")
    with av.open(str(tmp_path / "o.webm")) as file:
        packets = [packet for packet in file.demux(video=0) if packet.size]
    starts = [number for number, packet in enumerate(packets) if packet.is_keyframe]
    assert starts[0] == 0
    assert len(starts) > 1, "the encoder's interval is 128 frames"
    decoder: Any = av.CodecContext.create("libvpx-vp9", "r")
    frames = [frame for packet in packets[starts[-1] :] for frame in decoder.decode(packet)]
    meant = matte_of(source)
    assert len(frames) == 140 - starts[-1]
    for found, straight, matte in zip(
        frames, whole[starts[-1] :], meant[starts[-1] :], strict=True
    ):
        assert (_alpha(found) == straight).all()
        assert (straight == matte).all()


@pytest.mark.parametrize(
    ("codec", "pix_fmt"), [("png", "rgb24"), ("png", "rgb48be"), ("qtrle", "rgb24")]
)
def test_rgb_is_rounded_and_reaches_white(tmp_path: Path, codec: str, pix_fmt: str) -> None:
    """It was cut down by one or two codes of 255 (swscale); white in 16 bits was 65280 of 65535."""
    source = lossless(tmp_path / "in.mkv")
    for spec, rgb in (
        ("white", (255, 255, 255)),
        ("#c04080", (192, 64, 128)),
        ("black", (0, 0, 0)),
    ):
        encode = EncodeSettings(codec=codec, pix_fmt=pix_fmt)
        rendered(source, tmp_path / "o.mov", spec, encode=encode, matte=SOFT, overwrite=True)
        with av.open(str(tmp_path / "o.mov")) as file:
            corner = next(file.decode(video=0)).to_ndarray()[-4:, -4:].astype(float)
        off = np.abs(corner / (257 if pix_fmt == "rgb48be" else 1) - np.array(rgb)).max()
        assert off <= (1.2 if spec.startswith("#") else 0)


def test_a_matte_of_h264_keeps_its_edges(tmp_path: Path) -> None:
    """At pictures' rate factor, edges of a real clip's matte were off by 63 of 255 code values."""
    source = lossless(tmp_path / "in.mkv", frames=12)
    rendered(source, tmp_path / "m.mp4", kind="matte", encode=EncodeSettings(), matte=SOFT)
    with av.open(str(tmp_path / "m.mp4")) as file:
        found = [
            (frame.to_ndarray()[:64].astype(float) - 16) / 219 for frame in file.decode(video=0)
        ]
    assert max(np.abs(a - m).max() for a, m in zip(found, matte_of(source), strict=True)) < 12 / 255


def test_what_a_source_says_of_its_own_alpha_is_not_said_of_the_result(tmp_path: Path) -> None:
    """A clip of VP9 with alpha, put before a colour, was tagged as transparent still."""
    rendered(
        lossless(tmp_path / "in.mkv"), tmp_path / "cut.webm", "transparent", encode=EncodeSettings()
    )
    rendered(tmp_path / "cut.webm", tmp_path / "o.webm", "red", encode=EncodeSettings())
    for name, mode in (("cut.webm", "1"), ("o.webm", None)):
        tags = ffprobe(tmp_path / name, "-show_streams")["streams"][0].get("tags", {})
        assert {key.lower(): value for key, value in tags.items()}.get("alpha_mode") == mode


@pytest.mark.parametrize(
    "pix_fmt", ["yuv422p", "yuv444p", "yuv420p10le", "yuv422p12le", "yuv420p12le"]
)
def test_deep_and_fine_sources_keep_depth_and_chroma(tmp_path: Path, pix_fmt: str) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=2, codec="ffv1", pix_fmt=pix_fmt)
    rendered(source, tmp_path / "out.mkv", "transparent", encode=EncodeSettings())
    made = ffprobe(tmp_path / "out.mkv", "-show_streams")["streams"][0]["pix_fmt"]
    assert made == pix_fmt.replace("12le", "10le").replace("yuv", "yuva"), (
        "older FFV1 has no 12 bits with alpha"
    )
    assert alpha_of(tmp_path / "out.mkv")[0].max() == 1


@pytest.mark.parametrize(
    ("name", "codec"), [("o.mp4", "auto"), ("o.mp4", "vp9"), ("o.mov", "x264"), ("o.mkv", "prores")]
)
def test_what_would_lose_alpha_is_refused(tmp_path: Path, name: str, codec: str) -> None:
    source = write_clip(tmp_path / "in.mp4")
    if (name, codec) == ("o.mkv", "prores"):
        rendered(source, tmp_path / name, "transparent", encode=EncodeSettings(codec=codec))
        assert alpha_of(tmp_path / name)[0].min() == 0
        return
    with pytest.raises(
        OutputError, match=r"use ProRes 4444 \(\.mov\), FFV1 \(\.mkv\), VP9 \(\.webm\)"
    ):
        rendered(source, tmp_path / name, "transparent", encode=EncodeSettings(codec=codec))
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


OVER = (
    "[0:v]format=rgba,split[p][q];[q]lutrgb=r=192:g=64:b=128:a=255,format=rgb24[c];"
    "[c][p]overlay=format=rgb:alpha="
)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "mean", "largest"),
    [
        ("o.mov", "auto", "yuv444p", 1.5, 5),
        ("o.mov", "png", "yuv444p", 1.5, 5),
        ("o.mov", "qtrle", "yuv444p", 1.5, 5),
        ("o.mkv", "auto", "yuv444p", 1.5, 5),
        ("o.mkv", "auto", "yuv420p", 2.8, 40),
        ("o.webm", "auto", "yuv420p", 3, 60),
    ],
)
@pytest.mark.parametrize("premultiplied", [False, True])
@pytest.mark.parametrize("decontaminate", [False, True])
def test_ffmpeg_puts_it_over_a_colour_as_render_does(
    tmp_path: Path,
    name: str,
    codec: str,
    pix_fmt: str,
    mean: float,
    largest: float,
    premultiplied: bool,
    decontaminate: bool,
) -> None:
    """An editor's composite of the transparent output is the composite that vidseg makes.

    Within 5 code values of 255 where chroma is not halved, rounded through YUV twice; at single
    pixels of this tiny picture's edge more where it is.
    """
    matte = MatteSettings(smooth=0, feather=1.5, decontaminate=decontaminate)
    source = lossless(tmp_path / "in.mkv", pix_fmt=pix_fmt)
    encode = EncodeSettings(codec=codec, crf=4 if name.endswith("webm") else None)
    rendered(
        source,
        tmp_path / name,
        "transparent",
        encode=encode,
        matte=matte,
        premultiplied=premultiplied,
    )
    if (
        premultiplied and shutil.which("ffmpeg") is None
    ):  # FFmpeg 8's overlay goes by what frames say of it
        over = premultiplied_over(tmp_path / name, (192, 64, 128))
    else:
        over = by_ffmpeg(OVER + ("premultiplied" if premultiplied else "straight"), tmp_path / name)
    difference = np.abs(over - composite_of(source, matte))
    assert difference.mean() < mean
    assert difference.max() <= largest


def composite_of(source: Path, matte: MatteSettings) -> Array:
    """Return what `render` makes over the colour, RGB [n, h, w, 3]."""
    flat = source.with_name("flat.mkv")
    rendered(source, flat, "#c04080", encode=EncodeSettings(codec="ffv1"), matte=matte)
    return np.stack([shown.rgb for shown in read_frames(flat)]).astype(float)


def test_nothing_of_the_old_room_stays_under_the_transparency(tmp_path: Path) -> None:
    """The room is grey, the person green: straight colours are green everywhere."""
    source = lossless(tmp_path / "in.mkv")
    rendered(
        source, tmp_path / "o.mov", "transparent", encode=EncodeSettings(codec="png"), matte=SOFT
    )
    with av.open(str(tmp_path / "o.mov")) as file:
        rgba = next(file.decode(video=0)).to_ndarray(format="rgba").astype(int)
    far = cv2.erode((rgba[..., 3] == 0).astype(np.uint8), np.ones((7, 7), np.uint8))
    bare = rgba[far > 0]
    assert (bare[:, 1] - bare[:, 0]).min() > 60


def test_a_pair_is_foreground_and_matte(tmp_path: Path) -> None:
    source = lossless(tmp_path / "in.mkv", pix_fmt="yuv444p", audio=[Audio()])
    report = rendered(
        source,
        tmp_path / "o.mkv",
        "transparent",
        pair=True,
        encode=EncodeSettings(codec="ffv1"),
        matte=SOFT,
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mkv", "o.fgr.mkv", "o.matte.mkv"]
    colours, matte = tmp_path / "o.fgr.mkv", tmp_path / "o.matte.mkv"
    assert report.frames_out == len(read_frames(colours)) == len(read_frames(matte)) == 4
    assert frame_times(colours) == frame_times(matte) == frame_times(source)
    assert audio_packets(colours)
    assert not audio_packets(matte)
    over = by_ffmpeg(
        "[0:v]format=gbrp[f];[1:v]format=gray[m];[f][m]alphamerge,format=rgba,split[p][q];"
        "[q]lutrgb=r=192:g=64:b=128:a=255,format=rgb24[c];[c][p]overlay=format=rgb",
        colours,
        matte,
    )
    difference = np.abs(over[:4] - composite_of(source, SOFT))
    assert difference.mean() < 1.5
    assert difference.max() <= 5


def test_a_pair_is_of_one_size(tmp_path: Path) -> None:
    """A 4:2:0 matte needs even sides, a 4:4:4 foreground doesn't: 320x180 lay beside 319x179."""
    source = lossless(tmp_path / "in.mkv", pix_fmt="yuv444p", width=95, height=63)
    rendered(source, tmp_path / "o.mp4", "transparent", pair=True)
    made = [read_frames(tmp_path / f"o.{name}.mp4")[0].rgb.shape for name in ("fgr", "matte")]
    assert made == [(64, 96, 3)] * 2
    rendered(source, tmp_path / "plain.mp4")
    assert read_frames(tmp_path / "plain.mp4")[0].rgb.shape == (63, 95, 3)


def test_pair_and_premultiplied_are_for_transparency() -> None:
    with pytest.raises(SettingsError, match="leave out -b red"):
        rendered(Path("a.mp4"), Path("b.mp4"), "red", pair=True)
    with pytest.raises(SettingsError, match="--premultiplied is for -b transparent"):
        rendered(Path("a.mp4"), Path("b.mp4"), "red", premultiplied=True)


@pytest.mark.parametrize(
    ("name", "codec", "chosen", "tag", "white"),
    [
        ("m.mkv", "ffv1", "auto", "pc", 255),
        ("m.mkv", "ffv1", "video", "tv", 235),
        ("m.mp4", "x264", "auto", "tv", 235),
        ("m.mp4", "x264", "full", "pc", 255),
        ("m.mp4", "x265", "auto", "tv", 235),
        ("m.mp4", "x265", "full", "pc", 255),
        ("m.webm", "vp9", "auto", "tv", 235),
        ("m.webm", "vp9", "full", "pc", 255),
        ("m.mov", "prores", "auto", "tv", 940),
        ("m.mov", "png", "auto", "pc", 255),
    ],
)
def test_a_matte_has_the_range_that_its_tag_says(
    tmp_path: Path, name: str, codec: str, chosen: str, tag: str, white: int
) -> None:
    source = lossless(tmp_path / "in.mkv")
    crf = None if codec in ("ffv1", "prores", "png") else 1
    encode: Any = EncodeSettings(codec=codec, range=chosen, crf=crf)  # type: ignore[arg-type]
    rendered(source, tmp_path / name, kind="matte", encode=encode, matte=SOFT)
    stream = ffprobe(tmp_path / name, "-show_streams")["streams"][0]
    assert stream["color_range"] == tag
    with av.open(str(tmp_path / name)) as file:
        luma = next(file.decode(video=0))
        kind = np.uint16 if codec == "prores" else np.uint8
        plane = np.frombuffer(luma.planes[0], kind).reshape(luma.planes[0].height, -1)[:64, :96]
    meant = matte_of(source)[0]
    black = 0 if tag == "pc" else 64 if codec == "prores" else 16
    assert np.abs(plane - (black + meant * (white - black))).max() <= (
        1 if codec in ("ffv1", "png") else 6
    )


def is_usable(name: str, folder: Path) -> bool:
    """Whether an encoder works on this machine."""
    try:
        source = write_clip(folder / "in.mp4", frames=4, width=256, height=128)
        rendered(
            source, folder / "tried.mkv", "red", encode=EncodeSettings(codec=name), overwrite=True
        )
    except OutputError:
        return False
    return True


def test_every_container_that_a_hardware_codec_names_takes_it(tmp_path: Path) -> None:
    usable = [
        name for name, codec in CODECS.items() if codec.hardware and is_usable(name, tmp_path)
    ]
    if not usable:
        pytest.skip(
            "no hardware encoder works here: run it on a machine with a GPU that encodes video"
        )
    for name in usable:
        test_every_container_that_a_codec_names_takes_it(tmp_path, name)


@pytest.mark.parametrize("name", [name for name, codec in CODECS.items() if not codec.hardware])
def test_every_container_that_a_codec_names_takes_it(tmp_path: Path, name: str) -> None:
    """FFV1 in .mov, DNxHR and PNG in .mkv were offered, and then refused when the render began."""
    source = write_clip(tmp_path / "in.mp4", frames=4, width=256, height=128)
    for suffix in CODECS[name].containers:
        report = rendered(source, tmp_path / f"o{suffix}", "red", encode=EncodeSettings(codec=name))
        assert report.frames_out == 4
    for suffix in CODECS[name].alpha_containers:
        rendered(source, tmp_path / f"a{suffix}", "transparent", encode=EncodeSettings(codec=name))
        assert alpha_of(tmp_path / f"a{suffix}")[0].min() == 0


@pytest.mark.parametrize(
    ("name", "codec"), [("m.mp4", "auto"), ("m.mkv", "ffv1"), ("m.webm", "auto")]
)
def test_a_matte_has_the_frames_times_and_sound_of_a_render(
    tmp_path: Path, name: str, codec: str
) -> None:
    source = write_clip(
        tmp_path / "in.mkv", pts=[0, 3, 4, 9, 20, 21], codec="ffv1", audio=[Audio()], rate=30
    )
    encode: Any = {"codec": codec, "audio": "transcode" if name.endswith("webm") else "copy"}
    rendered(source, tmp_path / f"r{name}", "red", encode=EncodeSettings(**encode), matte=SOFT)
    sounds = []
    for invert in (False, True):
        given: Any = {"kind": "matte", "invert": invert, "overwrite": True}
        rendered(source, tmp_path / name, encode=EncodeSettings(**encode), matte=SOFT, **given)
        assert (
            frame_times(tmp_path / name)
            == frame_times(tmp_path / f"r{name}")
            == frame_times(source)
        )
        sounds.append(audio_packets(tmp_path / name))
    assert sounds[0] == sounds[1] == audio_packets(tmp_path / f"r{name}")
    assert sounds[0]
    rendered(
        source,
        tmp_path / "quiet.mkv",
        kind="matte",
        encode=EncodeSettings(codec="ffv1", audio="none"),
        matte=SOFT,
    )
    assert not audio_packets(tmp_path / "quiet.mkv")


def test_a_range_that_cannot_be_told_is_refused(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4")
    with pytest.raises(
        OutputError, match="can't say that a matte is of full range; use --range video"
    ):
        rendered(
            source,
            tmp_path / "m.mov",
            kind="matte",
            encode=EncodeSettings(codec="prores", range="full"),
        )
