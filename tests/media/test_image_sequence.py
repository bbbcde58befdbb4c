"""Numbered pictures: read, written, refused where numbers are missing or files would be lost."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tests.helpers.clips import (
    Audio,
    ffprobe,
    frame_number,
    frame_times,
    person_picture,
    read_frames,
    write_clip,
)
from tests.helpers.renders import rendered
from vidseg.cli.main import cli
from vidseg.errors import InputError, OutputError
from vidseg.frames.colour import Colour
from vidseg.media.damage import Damage
from vidseg.media.decode import Span
from vidseg.media.image_sequence import sequence_near
from vidseg.media.probe import probe_video
from vidseg.media.source import frames_of, probe
from vidseg.networks.fake import FakeSegmenter
from vidseg.rendering.image_sink import PictureSink
from vidseg.rendering.preview import moments
from vidseg.settings import EncodeSettings, MatteSettings, PreviewSettings

SOFT = MatteSettings(smooth=0, feather=1.5)
PLAIN = EncodeSettings()


def write_pictures(folder: Path, numbers: range | list[int], suffix: str = ".png") -> Path:
    """Write pictures that carry their numbers, and return the sequence's name."""
    folder.mkdir()
    for number in numbers:
        Image.fromarray(person_picture(number, 96, 64)).save(folder / f"shot.{number:04d}{suffix}")
    return folder / f"shot.%04d{suffix}"


def names(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_pictures_come_in_at_the_rate_that_is_said(tmp_path: Path) -> None:
    source = write_pictures(tmp_path / "in", range(1001, 1013))
    rate = Fraction(24000, 1001)
    report = rendered(
        source, tmp_path / "out.mkv", frame_rate=rate, encode=EncodeSettings(codec="ffv1")
    )
    assert report.frames_out == 12
    shown = read_frames(tmp_path / "out.mkv")
    assert [frame_number(frame.rgb) for frame in shown] == [n % 1024 for n in range(1001, 1013)]
    assert [round(time * rate) for time in frame_times(tmp_path / "out.mkv")] == list(range(12))


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_other_pictures_come_in_too(tmp_path: Path, suffix: str) -> None:
    source = write_pictures(tmp_path / "in", range(4), suffix)
    assert rendered(source, tmp_path / "out.mp4", frame_rate=Fraction(25)).frames_out == 4
    assert probe_video(tmp_path / "out.mp4").average_rate == 25


def test_gaps_are_named(tmp_path: Path) -> None:
    source = write_pictures(tmp_path / "in", [1, 2, 4, 5, 9])
    with pytest.raises(InputError, match="numbers 3, 6, 7, 8 are missing between 1 and 9"):
        rendered(source, tmp_path / "out.mp4", frame_rate=Fraction(24))
    assert names(tmp_path) == ["in"]


def test_pictures_that_are_stored_differently_make_one_clip(tmp_path: Path) -> None:
    """A grey and a transparent picture among RGB ones."""
    source = write_pictures(tmp_path / "in", range(4))
    for number, mode in ((1, "L"), (2, "RGBA")):
        Image.fromarray(person_picture(number, 96, 64)).convert(mode).save(
            tmp_path / "in" / f"shot.{number:04d}.png"
        )
    rendered(
        source, tmp_path / "out.mkv", encode=EncodeSettings(codec="ffv1"), frame_rate=Fraction(24)
    )
    assert [frame_number(frame.rgb) for frame in read_frames(tmp_path / "out.mkv")][2:] == [2, 3]


@pytest.mark.parametrize(
    ("mode", "suffix"), [("L", ".png"), ("I;16", ".png"), ("LA", ".png"), ("L", ".jpg")]
)
@pytest.mark.parametrize("name", ["out.mp4", "out.webm"])
def test_grey_pictures_are_not_told_to_be_rgb(
    tmp_path: Path, mode: str, suffix: str, name: str
) -> None:
    """Cause: FFmpeg tags grey PNGs with RGB's matrix, which the video got too; VP9 refused it."""
    grey = np.tile(np.arange(0, 192, 2, dtype=np.uint8), (64, 1))
    picture = (
        Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(grey)
    )
    (tmp_path / "in").mkdir()
    for number in range(3):
        (picture.convert("LA") if mode == "LA" else picture).save(tmp_path / f"in/{number}{suffix}")
    rendered(
        tmp_path / f"in/%d{suffix}",
        tmp_path / name,
        "#2040c0",
        frame_rate=Fraction(25),
        encode=PLAIN,
    )
    stream = ffprobe(tmp_path / name, "-show_streams")["streams"][0]
    assert stream.get("color_space", "unknown") in ("unknown", "bt470bg")
    shown = read_frames(tmp_path / name)[0].rgb[32, 48]
    assert np.abs(shown.astype(int) - (0x20, 0x40, 0xC0)).max() <= 4


@pytest.mark.parametrize("codec", ["png", "ffv1"])
def test_grey_clips_keep_their_greys(tmp_path: Path, codec: str) -> None:
    """Likewise in a container, where they may be tagged as of full range, or not at all."""
    luma = np.tile(np.arange(0, 192, 2, dtype=np.uint8), (64, 1))
    source = write_clip(
        tmp_path / "in.mov" if codec == "png" else tmp_path / "in.mkv",
        frames=3, codec=codec, pix_fmt="gray", colour=Colour(full_range=True),
        picture=lambda _: (luma,),
    )  # fmt: skip
    info = probe(source)
    assert (info.pix_fmt, info.colour.matrix) == ("gray", 2)
    frame = next(frames_of(info, Span(), Damage()))
    assert frame.colour == Colour(full_range=True)
    assert np.array_equal(frame.planes[0], luma)


@pytest.mark.parametrize("first", [0, 1])
def test_grey_and_colour_make_one_clip(tmp_path: Path, first: int) -> None:
    """The first picture decides on the kind, the others come in its range and matrix."""
    (tmp_path / "in").mkdir()
    for number in range(4):
        picture = Image.new("RGB", (96, 64), (200, 200, 200))
        (picture.convert("L") if number == first else picture).save(tmp_path / f"in/{number}.png")
    source = tmp_path / "in/%d.png"
    info = probe(source, Fraction(25))
    frames = list(frames_of(info, Span(), Damage()))
    lumas = {int(frame.planes[0][32, 48]) for frame in frames}
    assert max(lumas) - min(lumas) <= 1
    assert {frame.colour.matrix for frame in frames} <= {2, 6}
    report = rendered(source, tmp_path / "out.webm", frame_rate=Fraction(25), encode=PLAIN)
    assert report.frames_out == 4


def test_a_preview_of_numbered_pictures(tmp_path: Path) -> None:
    source = write_pictures(tmp_path / "in", range(50, 62))
    settings = PreviewSettings(
        source=source, output=tmp_path / "sheet.png", rows=3, width=96, frame_rate=Fraction(12)
    )
    rows = moments(settings, probe(source, Fraction(12)), FakeSegmenter())
    assert [frame_number(row.pictures[0]) for row in rows] == [52, 56, 60]


def test_a_sequence_is_left_while_threads_decode(tmp_path: Path) -> None:
    """A thread that freed a packet waited for the interpreter's lock, which closing held."""
    noise = np.random.default_rng(0).integers(0, 255, (540, 960, 3), np.uint8)
    for number in range(24):
        Image.fromarray(noise).save(tmp_path / f"{number:05d}.png", compress_level=1)
    code = (
        "import sys; from fractions import Fraction; from pathlib import Path\n"
        "from vidseg.media.damage import Damage; from vidseg.media.decode import Span\n"
        "from vidseg.media.source import frames_of, probe\n"
        "info = probe(Path(sys.argv[1]), Fraction(10))\n"
        "for count in range(4, 12):\n"
        "    list(frames_of(info, Span(end=Fraction(count, 10)), Damage()))\n"
    )
    given = [sys.executable, "-c", code, str(tmp_path / "%05d.png")]
    assert subprocess.run(given, timeout=20, check=False).returncode == 0


def test_an_empty_sequence_and_a_missing_or_needless_rate_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such pictures"):
        probe(tmp_path / "%05d.png", Fraction(24))
    source = write_pictures(tmp_path / "in", range(2))
    with pytest.raises(InputError, match="say it, such as --fps 24"):
        probe(source)
    with pytest.raises(InputError, match="--fps is for numbered pictures"):
        probe(write_clip(tmp_path / "a.mp4"), Fraction(24))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_a_clip_over_a_background_becomes_pictures(tmp_path: Path, suffix: str) -> None:
    source = write_clip(
        tmp_path / "in.mkv", frames=3, codec="ffv1", pix_fmt="yuv444p", audio=[Audio()]
    )
    report = rendered(source, tmp_path / "out" / f"%05d{suffix}", encode=PLAIN)
    assert names(tmp_path / "out") == [f"{n:05d}{suffix}" for n in (1, 2, 3)]
    assert names(tmp_path) == ["in.mkv", "out"]
    rendered(source, tmp_path / "flat.mkv", encode=EncodeSettings(codec="ffv1"))
    for number, frame in enumerate(read_frames(tmp_path / "flat.mkv"), 1):
        with Image.open(tmp_path / "out" / f"{number:05d}{suffix}") as picture:
            assert picture.mode == "RGB"
            difference = np.abs(np.asarray(picture).astype(int) - frame.rgb)
        assert difference.max() <= (40 if suffix == ".jpg" else 2)
    assert report.notes == ["audio stream 1 is dropped: pictures hold no sound"]


@pytest.mark.parametrize(
    ("suffix", "pix_fmt", "ffprobes"),
    [(".png", None, "rgba"), (".png", "rgba64be", "rgba64be"), (".tif", None, "rgba"),
     (".tif", "rgba64le", "rgba64le"), (".webp", None, "argb")],
)  # fmt: skip
def test_alpha_in_pictures_is_the_matte(
    tmp_path: Path, suffix: str, pix_fmt: str | None, ffprobes: str
) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=2, codec="ffv1")
    rendered(
        source,
        tmp_path / "o" / f"%d{suffix}",
        "transparent",
        encode=EncodeSettings(pix_fmt=pix_fmt),
        matte=SOFT,
    )
    rendered(source, tmp_path / "m" / "%d.png", kind="matte", encode=PLAIN, matte=SOFT)
    made = tmp_path / "o" / f"2{suffix}"
    assert ffprobe(made, "-show_streams")["streams"][0]["pix_fmt"] == ffprobes
    with av.open(str(made)) as file:
        seen = next(file.decode(video=0))
    alpha = np.asarray(seen.to_ndarray(format="rgba64le"))[..., 3] / 65535
    with Image.open(tmp_path / "m" / "2.png") as picture:
        assert picture.mode == "L"
        meant = np.asarray(picture) / 255
    assert ((meant > 0.1) & (meant < 0.9)).any()
    assert np.abs(alpha - meant).max() <= (0 if suffix != ".webp" else 1e-9) + 1e-4
    if suffix == ".tif":
        with Image.open(made) as picture:
            assert picture.tag_v2[338] == (2,)  # type: ignore[attr-defined]


def test_mattes_of_16_bits(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=2, codec="ffv1", pix_fmt="yuv420p10le")
    rendered(
        source,
        tmp_path / "m" / "%d.png",
        kind="matte",
        encode=EncodeSettings(pix_fmt="gray16be"),
        matte=SOFT,
    )
    deep = cv2.imread(str(tmp_path / "m" / "1.png"), cv2.IMREAD_UNCHANGED)
    assert deep is not None
    assert (deep.dtype, deep.min(), deep.max()) == (np.uint16, 0, 65535)
    assert len(np.unique(deep)) > 20
    assert ffprobe(tmp_path / "m" / "1.png", "-show_streams")["streams"][0]["pix_fmt"] == "gray16be"


def test_pictures_of_a_turned_clip_are_upright(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=2, rotation=90)
    rendered(source, tmp_path / "o" / "%d.png", encode=PLAIN)
    with Image.open(tmp_path / "o" / "1.png") as picture:
        assert picture.size == (64, 96)


def test_a_sequence_from_a_sequence_keeps_its_numbers(tmp_path: Path) -> None:
    source = write_pictures(tmp_path / "in", range(100, 112))
    rendered(
        source,
        tmp_path / "out" / "%04d.png",
        encode=PLAIN,
        frame_rate=Fraction(24),
        start=Fraction(3, 24),
    )
    assert names(tmp_path / "out") == [f"{n:04d}.png" for n in range(103, 112)]


def test_numbers_are_kept_where_pictures_are_lost_and_held_in_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of each picture was held until all were written."""
    source = write_pictures(tmp_path / "in", range(100, 108))
    (tmp_path / "in" / "shot.0104.png").write_bytes(b"no picture")
    runs: list[range] = []
    finish = PictureSink.finish

    def watched(sink: PictureSink, end: Fraction | None = None) -> None:
        runs.extend(sink._written)
        finish(sink, end)

    monkeypatch.setattr(PictureSink, "finish", watched)
    settings = {"encode": PLAIN, "frame_rate": Fraction(24), "overwrite": True}
    for _ in range(2):  # into a folder that is new, and into one that is there
        rendered(source, tmp_path / "out" / "%d.png", start=Fraction(2, 24), **settings)
        assert names(tmp_path / "out") == [f"{n}.png" for n in (102, 103, 105, 106, 107)]
    assert runs == [range(102, 104), range(105, 108)] * 2


def test_nothing_is_overwritten_and_nothing_half_written_stays(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=3)
    target = tmp_path / "out" / "%d.png"
    rendered(source, target, encode=PLAIN)
    (tmp_path / "out" / "7.png").write_bytes(b"left by a longer run")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"1\.png exists already; use --overwrite"):
        rendered(source, target, encode=PLAIN)
    rendered(source, target, encode=PLAIN, overwrite=True, end=Fraction(2, 30))
    assert names(tmp_path / "out") == ["1.png", "2.png", "notes.txt"]
    with pytest.raises(InputError, match="there are no frames"):
        rendered(source, tmp_path / "none" / "%d.png", encode=PLAIN, start=Fraction(90))
    assert names(tmp_path) == ["in.mp4", "out"]


@pytest.mark.parametrize(
    ("name", "background", "encode", "message"),
    [
        ("out.png", "red", PLAIN, "one picture can't hold a clip; write .*%05d.png"),
        ("%d.jpg", "transparent", PLAIN, "hold no transparency; use .png, .tif or .webp"),
        ("%d.gif", "red", PLAIN, "can't tell from its ending what to write"),
        ("no/where/%d.png", "red", PLAIN, "doesn't exist; create it first"),
        ("%d.png", "red", EncodeSettings(crf=3), "have no --crf"),
        ("%d.png", "red", EncodeSettings(codec="x264"), "leave out --codec x264"),
        ("%d.jpg", "red", EncodeSettings(pix_fmt="rgb48be"), "they take rgb24"),
    ],
)
def test_what_pictures_cannot_be_is_refused(
    tmp_path: Path, name: str, background: str, encode: EncodeSettings, message: str
) -> None:
    source = write_clip(tmp_path / "in.mp4")
    with pytest.raises(OutputError, match=message):
        rendered(source, tmp_path / name, background, encode=encode)
    assert names(tmp_path) == ["in.mp4"]


def test_a_varying_frame_rate_is_told(tmp_path: Path) -> None:
    source = write_clip(
        tmp_path / "in.mp4", pts=[0, 40, 200, 210], time_base=Fraction(1, 1000), rate=25
    )
    report = rendered(source, tmp_path / "o" / "%d.png", encode=PLAIN)
    assert any("the frame rate varies" in note for note in report.notes)


@pytest.mark.parametrize(("kind", "told"), [("picture", True), ("matte", False)])
def test_pictures_of_an_hdr_clip_say_so(tmp_path: Path, kind: str, told: bool) -> None:
    """They can't be tagged as HDR, and looked flat without a word; a matte has no light."""
    source = write_clip(tmp_path / "in.mp4", frames=2, colour=Colour(False, 9, 9, 18))
    report = rendered(source, tmp_path / "%d.png", encode=PLAIN, kind=kind)
    assert any("HDR code values" in note for note in report.notes) is told


@pytest.mark.parametrize(
    ("files", "asked", "name"),
    [
        (["f_0001.png", "f_0002.png"], "", "f_%04d.png"),
        (["f_0001.png", "f_0002.png"], "*.png", "f_%04d.png"),
        (["f_0001.png", "f_0002.png"], "f_####.png", "f_%04d.png"),
        (["f_0001.png", "f_0002.png"], "f_0001.png", "f_%04d.png"),
        (["1.jpg", "9.jpg", "10.jpg"], "", "%d.jpg"),
        (["08.exr", "09.exr", "100.exr"], "*.exr", "%02d.exr"),
        (["a1.png", "b1.png", "b2.png", "notes.txt", "c9.txt"], "", "b%d.png"),
        (["take2_001_v3.png", "take2_002_v3.png"], "take2_001*.png", "take2_001_v%d.png"),
        (["2024.07.jpg", "2024.08.jpg"], "", "2024.%02d.jpg"),
        (["one.png"], "*.png", None),
        (["clip1.mp4", "clip2.mp4"], "", None),
    ],
)
def test_the_name_of_a_sequence_is_found(
    tmp_path: Path, files: list[str], asked: str, name: str | None
) -> None:
    for each in files:
        (tmp_path / each).touch()
    assert sequence_near(tmp_path / asked) == (None if name is None else tmp_path / name)


@pytest.mark.parametrize(
    ("asked", "rate"),
    [
        *(("in", rate) for rate in (24, None)),
        *(("in/*.png", rate) for rate in (24, None)),
        *(("in/shot.####.png", rate) for rate in (24, None)),
        ("in/shot.0001.png", 24),  # without a rate it is a photo
    ],
)
def test_who_names_a_sequence_otherwise_is_told_its_name(
    tmp_path: Path, asked: str, rate: int | None
) -> None:
    """Cause: whoever gave a folder and a rate was told to leave the rate out."""
    name = write_pictures(tmp_path / "in", range(1, 4))
    with pytest.raises(InputError) as caught:
        probe(tmp_path / asked, None if rate is None else Fraction(rate))
    assert f"name {'them' if rate else 'its pictures'} as {name}" in str(caught.value)
    assert "--fps" in str(caught.value)
    assert "leave it out" not in str(caught.value)


@pytest.mark.parametrize("command", ["render", "matte", "preview", "probe"])
def test_pictures_that_the_shell_lists_are_told_their_name(tmp_path: Path, command: str) -> None:
    """Without quotes, a shell makes many arguments of ``*.png``."""
    name = write_pictures(tmp_path / "in", range(1, 4))
    pictures = sorted(str(path) for path in (tmp_path / "in").iterdir())
    more = [] if command == "probe" else ["-o", str(tmp_path / "out.mp4")]
    result = CliRunner().invoke(cli, [command, *pictures, "--fps", "24", *more])
    assert result.exit_code == 2
    assert f"name pictures as {name}, with --fps" in " ".join(result.output.split())
