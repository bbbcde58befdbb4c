"""Backgrounds with transparency lie on black, however they are stored, and that is said."""

from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.helpers.clips import write_clip
from tests.helpers.planes import frame_of, info_of
from tests.helpers.renders import rendered
from vidseg.compositing.background import Canvas, open_background
from vidseg.errors import BackgroundError
from vidseg.frames.colour import Colour
from vidseg.frames.frame import WORKING_FORMATS, Frame, as_plane
from vidseg.frames.geometry import Box
from vidseg.frames.planes import small_rgb
from vidseg.jobs import resume
from vidseg.media.flatten import Flattener
from vidseg.media.frame_conversion import planes_of
from vidseg.networks.fake import PERSON_RGB, FakeSegmenter
from vidseg.settings import BackgroundSpec, EncodeSettings, MatteSettings, RenderSettings

WIDTH, HEIGHT = 96, 64
RGB = (200, 100, 50)


def see_through() -> NDArray[np.uint8]:
    """Return one colour, uint8 [64, 96, 4]: by thirds opaque, half and wholly transparent."""
    picture = np.empty((HEIGHT, WIDTH, 4), np.uint8)
    picture[..., :3] = RGB
    picture[..., 3] = np.repeat((255, 128, 0), WIDTH // 3)
    return picture


EXPECTED = np.array([RGB, [round(each * 128 / 255) for each in RGB], [0, 0, 0]])


def write_film(path: Path, codec: str, pix_fmt: str, picture: NDArray[np.uint8]) -> Path:
    """Write two frames with alpha."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pix_fmt
        stream.codec_context.time_base = Fraction(1, 25)
        for number in range(2):
            frame = av.VideoFrame.from_ndarray(picture, "rgba")
            if pix_fmt.startswith("yuva"):
                frame = frame.reformat(format=pix_fmt, dst_colorspace=5, dst_color_range=1)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def write(folder: Path, kind: str) -> Path:
    """Write a background of a kind: its ending, or an ending and a codec."""
    suffix, _, codec = kind.partition(" ")
    path = folder / f"b{suffix}"
    image = Image.fromarray(see_through())
    if codec == "palette":
        image.quantize(8).save(path)
    elif suffix == ".gif":  # transparent or not, nothing between
        image.save(path, save_all=True, append_images=[image.rotate(180)], disposal=2)
    elif suffix in (".png", ".webp", ".tif"):
        image.save(path, **({"lossless": True} if suffix == ".webp" else {}))
    elif suffix == ".webm":  # the alpha of our own: FFmpeg's wrapper writes none
        people = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        people[:, : WIDTH // 2] = PERSON_RGB
        clip = write_clip(
            folder / "p.mkv", frames=2, codec="ffv1", pix_fmt="yuv444p", picture=lambda _: people
        )
        rendered(clip, path, "transparent", encode=EncodeSettings())
    else:
        write_film(
            path,
            codec,
            {"prores_ks": "yuva444p10le", "ffv1": "yuva420p"}.get(codec, "rgba"),
            see_through(),
        )
    return path


def shown(path: Path, colour: Colour) -> tuple[NDArray[np.int64], list[str]]:
    """Return the middle row of a background behind a clip of the same size, and its notes."""
    canvas = Canvas(info_of(WIDTH, HEIGHT), WORKING_FORMATS["yuv444p"], colour)
    frame = frame_of(np.zeros((HEIGHT, WIDTH, 3), np.uint8), "yuv444p", colour=colour)
    with closing(open_background(BackgroundSpec.parse(str(path)), canvas)) as background:
        planes = background.behind(frame)(as_plane(np.zeros((HEIGHT, WIDTH), np.uint8)))
    made = Frame(planes, 0, frame.time_base, 1, canvas.layout, canvas.colour)
    rgb = small_rgb(made, Box(0, 0, WIDTH, HEIGHT), WIDTH, HEIGHT)
    return rgb[HEIGHT // 2].astype(np.int64), background.notes


@pytest.mark.parametrize(
    "kind",
    [".png", ".webp", ".tif", ".png palette", ".gif", ".mov prores_ks", ".mov png", ".mkv ffv1"],
)
@pytest.mark.parametrize("full_range", [False, True])
def test_a_transparent_background_lies_on_black(
    tmp_path: Path, kind: str, full_range: bool
) -> None:
    """Cause: a film's alpha was dropped, and colours showed that are stored where nothing shows."""
    path = write(tmp_path, kind)
    row, notes = shown(path, Colour(full_range))
    close = [0, 2] if kind == ".gif" else [0, 1, 2]
    assert np.abs(row[[16, 48, 80]] - EXPECTED)[close].max() <= 6
    assert notes == [f"{path}: where the background is transparent it lies on black"]


def test_alpha_beside_vp9_is_read_too(tmp_path: Path) -> None:
    """Cause: FFmpeg's own decoder of VP9 passes over alpha, which rides beside its packets."""
    row, notes = shown(write(tmp_path, ".webm"), Colour())
    assert np.abs(row[16] - PERSON_RGB).max() <= 12
    assert row[80].max() <= 4
    assert len(notes) == 1


@pytest.mark.parametrize("name", ["b.png", "b.tif"])
def test_an_opaque_picture_with_an_alpha_channel_says_nothing(tmp_path: Path, name: str) -> None:
    opaque = see_through()
    opaque[..., 3] = 255
    Image.fromarray(opaque).save(tmp_path / name)
    row, notes = shown(tmp_path / name, Colour())
    assert np.abs(row[[16, 48, 80]] - RGB).max() <= 2
    assert notes == []


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_luma_and_chroma_fade_to_black(bits: int, full_range: bool) -> None:
    """Luma to black's code, chroma to the middle, rounded; in 4:4:4 nothing else is converted."""
    suffix = "" if bits == 8 else f"{bits}le"
    picture = av.VideoFrame(WIDTH, HEIGHT, f"yuva444p{suffix}")
    unit = 1 << (bits - 8)
    for plane, code in zip(planes_of(picture, sample_type(bits)), (200, 90, 170), strict=False):
        plane[:] = code * unit
    alpha = planes_of(picture, sample_type(bits))[3]
    alpha[:, :32], alpha[:, 32:64], alpha[:, 64:] = (1 << bits) - 1, 1 << (bits - 1), 0
    picture.color_range = 2 if full_range else 1
    picture.pts, picture.time_base = 0, Fraction(1, 25)
    flat = planes_of(Flattener()(picture), sample_type(bits))
    black, half = (0 if full_range else 16) * unit, (1 << (bits - 1)) / ((1 << bits) - 1)
    for plane, code, floor in zip(
        flat, (200, 90, 170), (black, 128 * unit, 128 * unit), strict=True
    ):
        faded = round(floor + (code * unit - floor) * half)
        assert plane[32, [16, 48, 80]].tolist() == [code * unit, faded, floor]


def sample_type(bits: int) -> type[np.uint8] | type[np.uint16]:
    return np.uint8 if bits == 8 else np.uint16


def test_the_note_reaches_the_report_of_both_ways_to_render(tmp_path: Path) -> None:
    path = write(tmp_path, ".png")
    source = write_clip(tmp_path / "in.mp4", frames=4)
    note = f"{path}: where the background is transparent it lies on black"
    assert rendered(source, tmp_path / "out.mp4", str(path)).notes == [note]
    settings = RenderSettings(
        source=source,
        output=tmp_path / "out.mkv",
        background=str(path),
        matte=MatteSettings(smooth=0),
    )
    assert resume.render(settings, segmenter=FakeSegmenter()).notes == [note]


@pytest.mark.parametrize("spec", ["#00ff0080", "#0f08", "rgba(0,255,0,128)"])
def test_a_transparent_colour_is_refused(spec: str) -> None:
    """Cause: its alpha was left out, so that it came out opaque."""
    canvas = Canvas(info_of(WIDTH, HEIGHT), WORKING_FORMATS["yuv420p"], Colour())
    with pytest.raises(
        BackgroundError, match=r"is transparent.*write #00ff00, or -b transparent for none"
    ):
        open_background(BackgroundSpec.parse(spec), canvas)
    open_background(BackgroundSpec.parse("#00ff00ff"), canvas)
