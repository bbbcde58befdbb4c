"""Backgrounds: colours that come out right, fits, turns, loops, and a blur without the people."""

import pickle
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.clips import read_planes, write_clip, write_picture
from tests.helpers.planes import frame_of, info_of
from tests.helpers.renders import rendered
from vidseg.compositing import background
from vidseg.compositing.background import Canvas, open_background
from vidseg.errors import BackgroundError, InputError, VidsegError
from vidseg.frames.colour import Colour
from vidseg.frames.frame import WORKING_FORMATS, Frame, as_plane
from vidseg.frames.geometry import Box, Orientation
from vidseg.frames.hdr import sdr_to
from vidseg.frames.planes import small_rgb
from vidseg.jobs.batch import absolute
from vidseg.jobs.identity import identity
from vidseg.media.decode import decode
from vidseg.media.source import probe
from vidseg.settings import BackgroundSpec, EncodeSettings, Fit, RenderSettings

CLEAR = as_plane(np.zeros((48, 64), np.uint8))


def canvas_for(
    *,
    width: int = 64,
    height: int = 48,
    colour: Colour | None = None,
    format_name: str = "yuv420p",
    fit: str = "cover",
    orientation: Orientation | None = None,
    aspect: Fraction = Fraction(1),
) -> Canvas:
    info = info_of(width, height, orientation=orientation, aspect=aspect)
    return Canvas(info, WORKING_FORMATS[format_name], colour or Colour(), fit)  # type: ignore[arg-type]


def shown(spec: str | Path, canvas: Canvas, time: int = 0) -> np.ndarray:
    """Return the background as RGB in coded orientation."""
    info = canvas.info
    black = np.zeros((info.height, info.width, 3), np.uint8)
    frame = frame_of(black, canvas.layout.name, colour=canvas.colour, pts=time)
    with closing(open_background(BackgroundSpec.parse(str(spec)), canvas)) as background:
        planes = background.behind(frame)(as_plane(np.zeros((info.height, info.width), np.uint8)))
    made = Frame(planes, 0, frame.time_base, 1, canvas.layout, canvas.colour)
    return small_rgb(made, Box(0, 0, info.width, info.height), info.width, info.height).astype(int)


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("format_name", ["yuv420p", "yuv422p10le", "yuv444p"])
def test_a_colour_comes_out_as_itself(matrix: int, full_range: bool, format_name: str) -> None:
    canvas = canvas_for(colour=Colour(full_range, matrix), format_name=format_name)
    assert np.abs(shown("#00b140", canvas) - (0, 0xB1, 0x40)).max() <= 2


@pytest.mark.parametrize("fit", ["cover", "contain", "stretch"])
def test_a_colour_fills_the_frame_whatever_the_fit(fit: Fit) -> None:
    """It was a picture of one pixel to the code, so that `contain` put bars beside it."""
    assert np.abs(shown("#00b140", canvas_for(fit=fit)) - (0, 0xB1, 0x40)).max() <= 2


def test_colours_have_names() -> None:
    assert np.abs(shown("rebeccapurple", canvas_for()) - (0x66, 0x33, 0x99)).max() <= 2


def halves(path: Path, size: tuple[int, int] = (120, 90)) -> Path:
    """Write a picture that is red on the left and blue on the right."""
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    picture[:, : size[0] // 2] = (220, 30, 30)
    picture[:, size[0] // 2 :] = (30, 30, 220)
    Image.fromarray(picture).save(path)
    return path


def test_cover_fills_the_frame_and_contain_leaves_bars(tmp_path: Path) -> None:
    wide = halves(tmp_path / "wide.png", (200, 50))
    covered = shown(wide, canvas_for(fit="cover"))
    assert covered.sum(axis=2).min() > 200
    contained = shown(wide, canvas_for(fit="contain"))
    assert contained[:8].max() < 6
    assert contained[24, 10, 0] > 200
    stretched = shown(wide, canvas_for(fit="stretch"))
    assert stretched[0, 2, 0] > 200
    assert stretched[-1, -3, 2] > 200


def test_on_a_turned_source_the_background_stands_upright_for_the_viewer(tmp_path: Path) -> None:
    """The background is seen through the display matrix: red must be on the viewer's left."""
    orientation = Orientation(1, mirrored=True)
    coded = shown(halves(tmp_path / "p.png"), canvas_for(orientation=orientation))
    upright = orientation.upright(coded)
    assert upright.shape[:2] == (64, 48)
    assert upright[30, 4, 0] > 200
    assert upright[30, -4, 2] > 200


def test_oblong_pixels_do_not_squash_the_background(tmp_path: Path) -> None:
    """A square spans half as many columns as rows where pixels are twice as wide as high."""
    picture = np.zeros((96, 128, 3), np.uint8)
    picture[24:72, 40:88] = 255
    Image.fromarray(picture).save(tmp_path / "square.png")
    coded = shown(tmp_path / "square.png", canvas_for(width=64, height=96, aspect=Fraction(2)))
    white = coded[..., 1] > 128
    assert white.any(axis=0).sum() == pytest.approx(white.any(axis=1).sum() / 2, abs=1)


def test_exif_orientation_of_a_photo_is_honoured(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    path = halves(tmp_path / "p.png")
    Image.open(path).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    assert shown(tmp_path / "turned.jpg", canvas_for())[20, 4, 2] > 200


def colours(tmp_path: Path, name: str, **options: object) -> Path:
    """Write a 10 fps clip whose picture is a new grey every frame: 40, 80, 120, 160, 200."""
    path = tmp_path / name
    write_clip(
        path,
        rate=10,
        frames=5,
        picture=lambda number: np.full((64, 96, 3), 40 + 40 * number, np.uint8),
        **options,  # type: ignore[arg-type]
    )
    return path


def greys(path: Path, canvas: Canvas, times: Iterable[int]) -> Iterator[int]:
    """Yield the background's grey at `times`, in thirtieths of a second."""
    with closing(open_background(BackgroundSpec.parse(str(path)), canvas)) as background:
        for number in times:
            frame = frame_of(np.zeros((48, 64, 3), np.uint8), pts=number)
            made = Frame(
                background.behind(frame)(CLEAR), 0, Fraction(1, 30), 1, canvas.layout, canvas.colour
            )
            yield int(small_rgb(made, Box(0, 0, 64, 48), 1, 1)[0, 0, 1])


def test_a_video_plays_at_its_own_speed_and_loops(tmp_path: Path) -> None:
    """10 fps behind 30 fps: each picture stays for three frames; after the last comes the first."""
    seen = list(greys(colours(tmp_path, "b.mp4"), canvas_for(), range(33)))
    expected = [40 + 40 * (number // 3 % 5) for number in range(33)]
    assert np.abs(np.array(seen) - expected).max() <= 3


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "before", [[], range(4), range(33)], ids=["at once", "in its first run", "later"]
)
def test_a_video_is_where_it_would_be_after_a_pause_of_years(
    tmp_path: Path, before: Iterable[int]
) -> None:
    """A clock that jumped a billion seconds had the background played through for all of them."""
    times = [*before, *(30 * 10**9 + each for each in (0, 7, 14, 15, 24, 30 * 10**9))]
    seen = list(greys(colours(tmp_path, "b.mp4"), canvas_for(), times))
    assert np.abs(np.array(seen) - [40 + 40 * (time // 3 % 5) for time in times]).max() <= 3


def test_a_video_of_another_range_keeps_its_colours(tmp_path: Path) -> None:
    clip = colours(tmp_path, "full.mp4", colour=Colour(True, 6, 6, 6))
    seen = list(greys(clip, canvas_for(colour=Colour(False, 1)), range(15)))
    assert np.abs(np.array(seen) - [40 + 40 * (number // 3) for number in range(15)]).max() <= 3


PQ, HLG = Colour(False, 9, 9, 16), Colour(False, 9, 9, 18)


@pytest.mark.parametrize("theirs", [PQ, HLG])
@pytest.mark.parametrize("mine", [Colour(False, 1, 1, 1), PQ, HLG])
def test_an_hdr_video_is_brought_into_the_clips_light(
    tmp_path: Path, theirs: Colour, mine: Colour
) -> None:
    """Only SDR behind HDR was: a phone's HDR video came out flat and grey behind an SDR clip."""
    path = tmp_path / "hdr.mp4"

    def picture(colour: Colour) -> np.ndarray:
        rgb = sdr_to(np.full((64, 96, 3), 120 / 255, np.float32), colour)
        return np.asarray(np.rint(rgb * 255), np.uint8)

    write_clip(path, frames=2, picture=lambda _: picture(theirs), colour=theirs)
    (seen,) = greys(path, canvas_for(colour=mine), [0])
    assert abs(seen - int(picture(mine)[0, 0, 1])) <= 4


def test_blur_keeps_the_person_out_of_the_surroundings() -> None:
    """A plain blur would smear the bright person into the dark wall around it."""
    rgb = np.full((120, 160, 3), 40, np.uint8)
    rgb[30:90, 50:110] = 250
    alpha = as_plane(np.zeros((120, 160), np.uint8))
    alpha[30:90, 50:110] = 255
    frame = frame_of(rgb)
    with closing(
        open_background(BackgroundSpec.parse("blur:60"), canvas_for(width=160, height=120))
    ) as background:
        luma = background.behind(frame)(alpha)[0]
    outside = luma[alpha == 0]
    wall = frame.planes[0][0, 0]
    assert np.abs(outside.astype(int) - int(wall)).max() <= 3


def test_blur_is_strong_where_there_is_nobody() -> None:
    checker = np.indices((120, 160)).sum(axis=0) % 2 * 255
    frame = frame_of(np.repeat(checker[..., None], 3, axis=2).astype(np.uint8))
    with closing(
        open_background(BackgroundSpec.parse("blur:30"), canvas_for(width=160, height=120))
    ) as background:
        luma = background.behind(frame)(as_plane(np.zeros((120, 160), np.uint8)))[0]
    assert luma.std() < 3


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nowhere.jpg", "no such file"),
        ("#12", "not a colour; write #RRGGBB"),
        ("blurple2", "no such file, and no colour either"),
        ("blur:none", "blur strength must lie in"),
        ("blur:0", "blur strength must lie in"),
        (".", "is a folder"),
    ],
)
def test_what_is_no_background_is_refused_in_a_sentence(spec: str, message: str) -> None:
    with pytest.raises(BackgroundError, match=message):
        open_background(BackgroundSpec.parse(spec), canvas_for())


def test_a_text_file_is_no_background(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("hello")
    with pytest.raises(BackgroundError, match="not a media file"):
        open_background(BackgroundSpec.parse(str(path)), canvas_for())


def test_a_truncated_photo_is_refused(tmp_path: Path) -> None:
    path = halves(tmp_path / "p.png", (600, 400))
    Image.open(path).save(tmp_path / "p.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "p.jpg").read_bytes()[:2000])
    with pytest.raises(BackgroundError, match="can't be read"):
        open_background(BackgroundSpec.parse(str(tmp_path / "cut.jpg")), canvas_for())


WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114)}
"""Of red and blue in luma, by the number of the matrix in ITU-T H.273."""


def coded(rgb: tuple[int, int, int], colour: Colour) -> np.ndarray:
    """Return Y, Cb, Cr in 8 bits, by the formulas of BT.601 and BT.709, apart from vidseg's own."""
    red_weight, blue_weight = WEIGHTS[colour.matrix]
    r, g, b = (value / 255 for value in rgb)
    y = red_weight * r + (1 - red_weight - blue_weight) * g + blue_weight * b
    cb, cr = (b - y) / (2 - 2 * blue_weight), (r - y) / (2 - 2 * red_weight)
    if colour.full_range:
        return np.array([255 * y, 128 + 255 * cb, 128 + 255 * cr]).clip(0, 255)
    return np.array([16 + 219 * y, 128 + 224 * cb, 128 + 224 * cr])


@pytest.mark.parametrize("colour", [Colour(True, 6), Colour(False, 6), Colour(False, 1)], ids=str)
def test_a_picture_behind_a_clip_is_written_in_the_clips_own_codes(
    tmp_path: Path, colour: Colour
) -> None:
    """The whole way, from a PNG to the file's planes; FFV1, so that the codec loses nothing."""
    colours = ((200, 40, 60), (30, 160, 220))
    picture = np.repeat(np.array(colours, np.uint8)[None], 64, axis=0).repeat(48, axis=1)
    grey = np.full((64, 96, 3), 128, np.uint8)
    source = write_clip(tmp_path / "in.mp4", frames=3, colour=colour, picture=lambda _: grey)
    background = write_picture(tmp_path / "behind.png", picture)
    output = tmp_path / "out.mkv"
    rendered(source, output, str(background), encode=EncodeSettings(codec="ffv1"))
    y, cb, cr = (plane.astype(int) for plane in read_planes(output)[-1].planes)
    for column, rgb in zip((24, 72), colours, strict=True):
        seen = np.array([y[32, column], cb[16, column // 2], cr[16, column // 2]])
        assert np.abs(seen - coded(rgb, colour)).max() <= 2


def write_sequence(folder: Path) -> Path:
    """Write five numbered pictures, each of a grey of its own, and return their name."""
    folder.mkdir()
    for number in range(5):
        Image.new("RGB", (96, 64), (40 + 40 * number,) * 3).save(folder / f"{number + 8:03d}.png")
    return folder / "%03d.png"


def test_numbered_pictures_play_at_the_clips_rate(tmp_path: Path) -> None:
    """Cause: as a background, their name was no file."""
    seen = list(greys(write_sequence(tmp_path / "bg"), canvas_for(), range(12)))
    assert np.abs(np.array(seen) - [40 + 40 * (number % 5) for number in range(12)]).max() <= 2


@pytest.mark.parametrize("rate", [None, Fraction(90000), Fraction(1, 100)])
def test_where_the_clip_has_no_rate_numbered_pictures_play_at_25(
    tmp_path: Path, rate: Fraction | None
) -> None:
    canvas = canvas_for()
    assert replace(canvas, info=replace(canvas.info, average_rate=rate)).rate == 25


def test_missing_numbered_pictures_are_told(tmp_path: Path) -> None:
    name = write_sequence(tmp_path / "bg")
    (tmp_path / "bg" / "010.png").unlink()
    with pytest.raises(BackgroundError, match="numbers 10 are missing between 8 and 12"):
        open_background(BackgroundSpec.parse(str(name)), canvas_for())
    with pytest.raises(BackgroundError, match=r"no such pictures, such as .*bg/s1\.png"):
        open_background(BackgroundSpec.parse(str(tmp_path / "bg/s%d.png")), canvas_for())
    with pytest.raises(
        BackgroundError, match=r"is a folder, not a media file; name its pictures as .*%03d\.png"
    ):
        open_background(BackgroundSpec.parse(str(tmp_path / "bg")), canvas_for())


def test_a_background_is_read_once_for_all_settings_that_have_it() -> None:
    """It was parsed anew at each of the steps that ask what it is, seven times a render."""
    settings = RenderSettings(source=Path("x.mp4"), output=Path("y.mp4"), background="blur:7")
    assert settings.behind is settings.behind
    for copy in (replace(settings, output=Path("z.mp4")), pickle.loads(pickle.dumps(settings))):
        assert copy.behind == settings.behind
    assert replace(settings, background="red").behind.text == "red"


def test_a_blur_is_no_file_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers were told of a background by text, so that a folder called blur took its place."""
    (tmp_path / "blur").mkdir()
    monkeypatch.chdir(tmp_path)
    settings = RenderSettings(source=Path("x.mp4"), output=Path("y.mp4"), background="blur")
    assert absolute(settings).behind.kind == "blur"


def test_a_render_in_segments_sees_that_numbered_pictures_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = write_sequence(tmp_path / "bg")
    settings = RenderSettings(
        source=tmp_path / "x.mp4", output=tmp_path / "out.mp4", background=str(name)
    )
    write_clip(settings.source, frames=2)
    before = identity(settings)
    monkeypatch.chdir(tmp_path)
    assert absolute(replace(settings, background="bg/%03d.png")).background == str(name)
    Image.new("RGB", (96, 64), "red").save(tmp_path / "bg" / "009.png")
    assert identity(settings)["background file"] != before["background file"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("logo.svg", "is an SVG drawing, which vidseg doesn't read; export it as .png"),
        ("page.PDF", "is a PDF document"),
        ("logo.ai", "is a drawing or a document"),
        ("layers.xcf", "is a file of layers"),
        ("photo.NEF", "is a camera's raw photo, which vidseg doesn't read; develop it as .png"),
        ("photo.jxl", "is a JPEG XL picture"),
    ],
)
@pytest.mark.parametrize("error", [BackgroundError, InputError])
def test_what_other_programs_have_to_export_is_told_so(
    tmp_path: Path, name: str, words: str, error: type[VidsegError]
) -> None:
    """Cause: a drawing "couldn't be decoded"; a raw photo may pass for a TIFF of its thumbnail."""
    Image.new("RGB", (96, 64)).save(tmp_path / name, "TIFF")
    with pytest.raises(error, match=words):
        (
            probe
            if error is InputError
            else lambda path: open_background(BackgroundSpec.parse(str(path)), canvas_for())
        )(tmp_path / name)


def test_a_film_of_one_picture_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cause: pictures that only FFmpeg reads were looped like a film of a 25th of a second."""
    opened: list[object] = []
    monkeypatch.setattr(
        background, "decode", lambda *a, **k: (opened.append(a), decode(*a, **k))[1]
    )
    write_picture(tmp_path / "b.pfm", np.full((48, 64, 3), 1, np.float32))  # type: ignore[arg-type]
    assert set(greys(tmp_path / "b.pfm", canvas_for(), range(0, 300, 50))) == {255}
    assert len(opened) == 1
