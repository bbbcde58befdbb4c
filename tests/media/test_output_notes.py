"""What outputs give up of sources, and where they won't play: chosen sparingly, always said."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.helpers.clips import ffprobe, frame_number, read_frames, write_clip
from tests.helpers.packets import with_packets
from tests.helpers.planes import info_of
from tests.helpers.renders import rendered
from vidseg.errors import OutputError
from vidseg.frames.colour import Colour
from vidseg.media.codecs import CODECS, formats_of
from vidseg.media.encode_plan import plan
from vidseg.media.output_notes import caveats
from vidseg.media.probe import probe_video
from vidseg.media.side_data import as_ratios
from vidseg.settings import Content, EncodeSettings

PLAIN = EncodeSettings()


def deep_clip(path: Path, pix_fmt: str = "yuv420p10le", size: tuple[int, int] = (96, 64)) -> Path:
    """Write four frames of more than 8 bits."""
    return write_clip(path, frames=4, codec="ffv1", pix_fmt=pix_fmt, width=size[0], height=size[1])


@pytest.mark.parametrize(
    ("pix_fmt", "note"),
    [
        ("yuv420p10le", ""),
        ("yuv422p10le", ""),
        ("yuv420p12le", "12 bits per sample become 10"),
    ],
)
def test_webm_keeps_more_than_8_bits_as_av1(tmp_path: Path, pix_fmt: str, note: str) -> None:
    """Cause: VP9 was promised 10 and 12 bits; the library in PyAV's wheels isn't built for them."""
    source = deep_clip(tmp_path / "in.mkv", pix_fmt)
    report = rendered(source, tmp_path / "out.webm", encode=PLAIN)
    stream = ffprobe(tmp_path / "out.webm", "-show_streams")["streams"][0]
    assert (stream["codec_name"], stream["pix_fmt"]) == ("av1", "yuv420p10le")
    assert [frame_number(frame.rgb) for frame in read_frames(tmp_path / "out.webm")] == [0, 1, 2, 3]
    assert [note in each for each in report.notes] == [True] * bool(note)


def test_vp9_of_a_deep_source_is_of_8_bits_and_says_so(tmp_path: Path) -> None:
    source = deep_clip(tmp_path / "in.mkv")
    report = rendered(source, tmp_path / "out.webm", encode=EncodeSettings(codec="vp9"))
    assert probe_video(tmp_path / "out.webm").pix_fmt == "yuv420p"
    assert report.notes == [
        "the source's 10 bits per sample become 8, dithered: "
        "vp9 takes no more here, --codec svt-av1 does"
    ]


def test_a_cut_out_of_a_deep_source_for_webm_says_what_it_loses(tmp_path: Path) -> None:
    """Only VP9 has alpha there, of 8 bits."""
    report = rendered(
        deep_clip(tmp_path / "in.mkv"),
        tmp_path / "out.webm",
        background="transparent",
        encode=PLAIN,
    )
    (note,) = report.notes
    assert note.endswith("vp9 takes no more here, an output named .mov or .mkv does")


@pytest.mark.parametrize(("size", "codec"), [((96, 64), "svt-av1"), ((95, 63), "vp9")])
def test_a_deep_pair_in_webm_is_of_one_size(
    tmp_path: Path, size: tuple[int, int], codec: str
) -> None:
    """AV1 wants even sides, the matte in VP9 keeps odd ones."""
    source = deep_clip(tmp_path / "in.mkv", size=size)
    report = rendered(
        source, tmp_path / "out.webm", background="transparent", pair=True, encode=PLAIN
    )
    assert report.output_codec == f"{codec}, vp9"
    for name in ("out.fgr.webm", "out.matte.webm"):
        info = probe_video(tmp_path / name)
        assert (info.width, info.height) == size


def test_a_pixel_format_that_the_library_lacks_is_refused_before_the_work(tmp_path: Path) -> None:
    info = info_of(96, 64)
    with pytest.raises(
        OutputError, match=r"vp9 doesn't take --pix-fmt yuv420p10le; it takes yuv420p, yuv4"
    ):
        plan(info, EncodeSettings(codec="vp9", pix_fmt="yuv420p10le"), ".webm")


@pytest.mark.parametrize("name", [name for name, codec in CODECS.items() if not codec.hardware])
@pytest.mark.parametrize("content", ["picture", "cutout", "matte", "parts"])
def test_every_format_that_is_offered_can_be_opened(name: str, content: Content) -> None:
    """Cause: the table of codecs is of what FFmpeg can, a library may be built for less."""
    codec = CODECS[name]
    for pix_fmt in formats_of(codec, content):
        context = av.CodecContext.create(codec.library, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = 256, 128, pix_fmt
        context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
        if name == "dnxhd":
            sampling = "444" if "444" in pix_fmt else "hqx" if "10" in pix_fmt else "hq"
            context.options = {"profile": f"dnxhr_{sampling}"}
        if name == "x265":
            context.options = {"x265-params": "log-level=error"}
        context.open()


@pytest.mark.parametrize("value", [257, 258, 259, 400, 940])
def test_lost_bits_are_dithered_not_cut_off(tmp_path: Path, value: int) -> None:
    """A quarter of an 8-bit code is kept in the mean."""
    planes = tuple(np.full(shape, value, np.uint16) for shape in ((64, 96), (32, 48), (32, 48)))
    source = write_clip(
        tmp_path / "in.mkv", frames=1, codec="ffv1", pix_fmt="yuv420p10le", picture=lambda _: planes
    )
    encode = EncodeSettings(codec="ffv1", pix_fmt="yuv420p")
    rendered(source, tmp_path / "out.mkv", background="blur", encode=encode)
    with av.open(str(tmp_path / "out.mkv")) as out:
        luma = next(out.decode(video=0)).to_ndarray()[:64]
    assert abs(float(luma.mean()) - value / 4) < 0.02


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "words"),
    [
        ("x264", "yuv420p", ""),
        (
            "x264",
            "yuv422p",
            "H.264 of 4:2:2 plays in few places, mostly editors; --pix-fmt yuv420p is for",
        ),
        ("x264", "yuv444p", "H.264 of 4:4:4 plays"),
        ("x264", "yuv420p10le", "H.264 of 10 bits plays"),
        ("x264", "yuv422p10le", "H.264 of 4:2:2 and 10 bits plays"),
        ("x265", "yuv420p10le", ""),
        (
            "x265",
            "yuv422p10le",
            "HEVC of 4:2:2 plays in few places, mostly editors; --pix-fmt yuv420p10le is",
        ),
        ("x265", "yuv420p12le", "HEVC of 12 bits plays"),
        ("vp9", "yuv444p", "VP9 of 4:4:4 plays"),
        ("ffv1", "yuv444p", ""),
    ],
)
def test_what_few_players_show_is_said_once(codec: str, pix_fmt: str, words: str) -> None:
    """Cause: a clip's own chroma is kept: an editor's clip becomes one that no browser plays."""
    info = replace(info_of(96, 64), pix_fmt=pix_fmt)
    settings = EncodeSettings(codec=codec)
    notes = caveats(plan(info, settings, ".mkv"), info, settings, ".mkv", "picture")
    assert len(notes) == bool(words)
    assert words in "".join(notes)
    asked = EncodeSettings(codec=codec, pix_fmt=pix_fmt)
    assert caveats(plan(info, asked, ".mkv"), info, asked, ".mkv", "picture") == []
    assert caveats(plan(info, settings, ".mkv", "matte"), info, settings, ".mkv", "matte") == []


def test_hdr_in_8_bits_is_warned_of() -> None:
    info = replace(info_of(96, 64), pix_fmt="yuv420p10le", colour=Colour(False, 9, 9, 16))
    settings = EncodeSettings(codec="vp9")
    (note,) = caveats(plan(info, settings, ".webm"), info, settings, ".webm", "picture")
    assert "become 8, dithered, in which HDR shows bands" in note


def test_hdr_metadata_reaches_av1(tmp_path: Path) -> None:
    """Cause: SVT-AV1 takes the numbers that x265 takes, in other units, and wasn't given them."""
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    assert as_ratios(display) == (
        "G(0.26500,0.69000)B(0.15000,0.06000)R(0.68000,0.32000)WP(0.31270,0.32900)L(1000.00000,0.00500)"
    )
    options = {"x265-params": f"log-level=error:hdr10=1:master-display={display}:max-cll=1000,200"}
    colour = Colour(False, 9, 9, 16)
    source = write_clip(
        tmp_path / "in.mp4",
        frames=3,
        codec="libx265",
        pix_fmt="yuv420p10le",
        colour=colour,
        options=options,
    )
    rendered(source, tmp_path / "out.webm", encode=PLAIN)
    info = probe_video(tmp_path / "out.webm")
    assert (info.colour, info.content_light_level) == (colour, "1000,200")
    assert info.mastering_display is not None
    assert info.mastering_display.startswith("G(13250,34500)B(7500,3000)R(34000,16000)")


def with_rpu(path: Path, colour: Colour) -> Path:
    """Write HEVC whose pictures carry a Dolby Vision unit, a kind that no other standard uses."""
    plain = write_clip(
        path.with_name("plain.mp4"),
        frames=3,
        codec="libx265",
        pix_fmt="yuv420p10le",
        colour=colour,
        b_frames=0,
    )
    unit = b"\x7c\x01\x19" + bytes(40) + b"\x80"
    return with_packets(
        plain, path, lambda packet: bytes(packet) + len(unit).to_bytes(4, "big") + unit
    )


@pytest.mark.parametrize(
    ("transfer", "words"),
    [
        (16, "Dolby Vision's metadata is dropped; its plain picture stays, which is HDR10"),
        (18, "which is HLG"),
        (1, "which is SDR"),
        (2, "without a plain picture beneath (profile 5): its colours come out wrong"),
    ],
)
def test_dolby_vision_is_dropped_aloud(tmp_path: Path, transfer: int, words: str) -> None:
    """Cause: dynamic metadata rides on frames, which are painted anew, and nobody looked at it."""
    colour = Colour(False, 9, 9, transfer) if transfer != 2 else Colour()
    source = with_rpu(tmp_path / "in.mp4", colour)
    assert probe_video(source).dynamic_hdr == ("Dolby Vision",)
    report = rendered(source, tmp_path / "out.mp4")
    assert [words in note for note in report.notes] == [True]
    assert rendered(source, tmp_path / "matte.mp4", kind="matte").notes == []


def test_hdr10_plus_is_dropped_aloud(tmp_path: Path, media_file: Callable[[str], Path]) -> None:
    source = media_file("androidx_hdr10-video-with-sdr-container.mp4")
    report = rendered(source, tmp_path / "out.mp4", end=Fraction(1, 10))
    assert "HDR10+'s metadata is dropped; its plain picture stays, which is HDR10" in report.notes
