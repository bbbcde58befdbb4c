"""Photos: composite, cut-out and matte, whatever the photo is stored as."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tests.helpers.clips import person_mask, person_picture, write_clip
from tests.helpers.command_line import one_line, vidseg
from tests.helpers.renders import rendered
from vidseg.errors import BackgroundError, InputError, OutputError
from vidseg.media.images import read_picture
from vidseg.media.source import probe
from vidseg.networks.fake import PERSON_RGB, FakeSegmenter
from vidseg.rendering.preview import moments
from vidseg.settings import EncodeSettings, MatteSettings, PreviewSettings

PLAIN = EncodeSettings()
SIZE = (96, 64)
NAVY = (0, 0, 128)
PERSON = person_mask(0, *SIZE)
INSIDE = cv2.erode(PERSON.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
OUTSIDE = cv2.dilate(PERSON.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
RGB = person_picture(0, *SIZE, numbered=False)


def photo() -> Image.Image:
    """A green person in a grey room."""
    return Image.fromarray(RGB)


def saved(path: Path, image: Image.Image | None = None, **options: Any) -> Path:
    """Write the photo, or another picture."""
    best = {".jpg": {"quality": 97, "subsampling": 0}, ".webp": {"lossless": True}}.get(
        path.suffix, {}
    )
    (image or photo()).save(path, **best, **options)
    return path


def pixels(path: Path, mode: str | None = None) -> NDArray[Any]:
    """Return a picture's samples as they are, or in a mode of Pillow's."""
    with Image.open(path) as image:
        return np.asarray(image if mode is None else image.convert(mode)).astype(int)


def near(found: NDArray[Any], colour: tuple[int, ...], tolerance: int = 1) -> bool:
    """Whether all pixels, [n, channels], are of a colour."""
    return bool(np.abs(found - np.array(colour)).max() <= tolerance)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".tiff", ".jpeg"])
@pytest.mark.parametrize("source", ["in.png", "in.jpg", "in.webp", "in.tif", "in.bmp"])
def test_a_photo_gives_a_photo(tmp_path: Path, source: str, suffix: str) -> None:
    report = rendered(saved(tmp_path / source), tmp_path / f"out{suffix}", "navy", encode=PLAIN)
    made = pixels(tmp_path / f"out{suffix}")
    assert report.frames_out == 1
    assert made.shape == (64, 96, 3)
    lossy = "jp" in source + suffix or source.endswith("webp")
    assert near(made[OUTSIDE], NAVY, 24 if lossy else 0)
    assert near(made[INSIDE], PERSON_RGB, 24 if lossy else 0)


def test_the_three_results_of_the_tutorial_agree(tmp_path: Path) -> None:
    """The composite is the cut-out over the colour, and the cut-out's alpha is the matte.

    Within the roundings of both to code values and to RGB.
    """
    source = saved(tmp_path / "in.png")
    soft = MatteSettings(feather=1.5)
    for name, background, more in (
        ("cut.png", "transparent", {}),
        ("mask.png", "black", {"kind": "matte"}),
        ("all.png", "#c04080", {}),
    ):
        rendered(source, tmp_path / name, background, encode=PLAIN, matte=soft, **more)
    cut, mask, whole = (pixels(tmp_path / name) for name in ("cut.png", "mask.png", "all.png"))
    assert mask.shape == (64, 96)
    assert ((mask > 30) & (mask < 225)).any()
    assert (cut[..., 3] == mask).all()
    alpha = cut[..., 3:] / 255
    assert (
        np.abs(cut[..., :3] * alpha + np.array((192, 64, 128)) * (1 - alpha) - whole).max() <= 1.5
    )


def as_stored(kind: str) -> tuple[str, Image.Image]:
    """Return a file name and the photo in another way of storing colours."""
    image = photo()
    see_through = image.convert("RGBA")
    see_through.putalpha(
        Image.fromarray(np.where(np.arange(64)[:, None] < 8, 0, 255).repeat(96, 1).astype("u1"))
    )
    return {
        "grey": ("in.jpg", image.convert("L")),
        "cmyk": ("in.jpg", image.convert("CMYK")),
        "palette": ("in.png", image.convert("P", palette=Image.Palette.ADAPTIVE)),
        "alpha": ("in.png", see_through),
        "alpha webp": ("in.webp", see_through),
        "grey alpha": ("in.png", see_through.convert("LA")),
        "bilevel": ("in.tif", image.convert("1")),
    }[kind]


@pytest.mark.parametrize(
    "kind", ["grey", "cmyk", "palette", "alpha", "alpha webp", "grey alpha", "bilevel"]
)
def test_any_way_of_storing_colours_is_read(tmp_path: Path, kind: str) -> None:
    name, image = as_stored(kind)
    expected = np.asarray(image.convert("RGB")).astype(int)
    found = read_picture(saved(tmp_path / name, image), InputError)
    assert found is not None
    assert np.abs(found[12:] - expected[12:]).max() <= 24  # JPEG
    if "alpha" in kind:
        assert found[:7].max() == 0  # nothing is there
    rendered(tmp_path / name, tmp_path / "out.png", "navy", encode=PLAIN)
    assert near(pixels(tmp_path / "out.png")[OUTSIDE], NAVY)


@pytest.mark.parametrize("name", ["rgb.png", "grey.png", "rgb.tif", "grey.tif"])
def test_16_bits_are_read(tmp_path: Path, name: str) -> None:
    deep = RGB.astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / name), deep[..., 1] if name.startswith("grey") else deep[..., ::-1])
    found = read_picture(tmp_path / name, InputError)
    expected = np.repeat(RGB[..., 1:2], 3, axis=2) if name.startswith("grey") else RGB
    assert found is not None
    assert (found == expected).all()


@pytest.mark.parametrize("name", ["rgb.png", "grey.png", "rgb.tif"])
def test_a_deep_photo_says_that_8_bits_are_used(tmp_path: Path, name: str) -> None:
    deep = RGB.astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / name), deep[..., 1] if name.startswith("grey") else deep[..., ::-1])
    for source, times in ((tmp_path / name, 1), (saved(tmp_path / "plain.png"), 0)):
        report = rendered(source, tmp_path / "out.png", "navy", encode=PLAIN, overwrite=True)
        assert report.notes.count("the photo has 16 bits per sample, of which 8 are used") == times


def test_pages_that_are_left_out_are_told(tmp_path: Path) -> None:
    """Two of a scan's three pages were dropped without a word."""
    many = {"save_all": True, "append_images": [photo(), photo()]}
    for source, told in (
        (saved(tmp_path / "scan.tif", **many), True),
        (saved(tmp_path / "one.tif"), False),
    ):
        report = rendered(source, tmp_path / "out.png", "navy", encode=PLAIN, overwrite=True)
        assert any("the first picture is used; it holds 2 more" in n for n in report.notes) == told


@pytest.mark.parametrize(("name", "kind"), [("in.jp2", "JPEG2000"), ("in", "JPEG")])
def test_a_picture_of_another_kind_says_what_to_do(tmp_path: Path, name: str, kind: str) -> None:
    """It was told that one picture can't hold a clip, which it never was."""
    photo().save(tmp_path / name, format=kind)
    with pytest.raises(OutputError, match=f"{name}: one picture is a photo if"):
        rendered(tmp_path / name, tmp_path / "out.png", encode=PLAIN)


def test_what_is_half_transparent_in_a_photo_shows_the_background(tmp_path: Path) -> None:
    """The person's transparent half came out opaque over a new background."""
    opacity = np.full((64, 96), 255, np.uint8)
    opacity[:, :48] = 128
    see_through = photo().convert("RGBA")
    see_through.putalpha(Image.fromarray(opacity))
    rendered(saved(tmp_path / "in.png", see_through), tmp_path / "out.png", "navy", encode=PLAIN)
    made = pixels(tmp_path / "out.png")
    mixed = [
        round((128 * own + 127 * new) / 255) for own, new in zip(PERSON_RGB, NAVY, strict=True)
    ]
    assert near(made[INSIDE & (opacity == 128)], mixed)
    assert near(made[INSIDE & (opacity == 255)], PERSON_RGB)


@pytest.mark.parametrize("kind", ["cutout", "premultiplied", "matte", "inverted"])
def test_what_is_transparent_in_a_photo_stays_so(tmp_path: Path, kind: str) -> None:
    """Its own cut was lost: the person's transparent half came out opaque and black."""
    opacity = np.full((64, 96), 255, np.uint8)
    opacity[:, :48] = np.arange(48, dtype=np.uint8) * 5
    see_through = photo().convert("RGBA")
    see_through.putalpha(Image.fromarray(opacity))
    source = saved(tmp_path / "in.png", see_through)
    given: Any = {
        "cutout": {},
        "premultiplied": {"premultiplied": True},
        "matte": {"kind": "matte"},
        "inverted": {"kind": "matte", "invert": True},
    }[kind]
    background = "black" if "kind" in given else "transparent"
    report = rendered(source, tmp_path / "out.png", background, encode=PLAIN, **given)
    assert (
        "what is wholly transparent in the photo counts as black and stays transparent"
        in report.notes
    )
    made = pixels(tmp_path / "out.png")
    alpha = made[..., 3] if made.ndim == 3 else made if kind == "matte" else 255 - made
    seen = INSIDE & (opacity > 128)
    assert np.abs(alpha - opacity)[seen].max() <= 1
    assert (alpha <= opacity).all()
    if kind == "cutout":
        assert near(made[seen][:, :3], PERSON_RGB)
    if kind == "premultiplied":
        assert (made[..., 1] <= made[..., 3] + 1).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_obeyed_once(tmp_path: Path, orientation: int) -> None:
    """The result stands as a viewer shows the source, and says that nothing is left to turn."""
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }.get(orientation)  # fmt: skip
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "A camera"
    stored = photo() if turn is None else photo().transpose(turn)
    rendered(
        saved(tmp_path / "in.png", stored, exif=exif), tmp_path / "out.png", "navy", encode=PLAIN
    )
    made = pixels(tmp_path / "out.png")
    assert made.shape == (64, 96, 3)
    assert near(made[INSIDE], PERSON_RGB)
    assert near(made[OUTSIDE], NAVY)
    with Image.open(tmp_path / "out.png") as image:
        assert dict(image.getexif()) == {0x010F: "A camera"}


def test_tags_of_a_tiff_that_tell_how_it_is_stored_are_left_behind(tmp_path: Path) -> None:
    """Where a TIFF's strips lie, its size and depth were copied into the result's Exif data."""
    source = saved(tmp_path / "in.tif", compression="tiff_lzw", tiffinfo={271: "A camera"})
    rendered(source, tmp_path / "out.jpg", "navy", encode=PLAIN)
    with Image.open(tmp_path / "out.jpg") as image:
        assert dict(image.getexif()) == {271: "A camera"}


def test_colours_of_a_profile_become_srgb(tmp_path: Path) -> None:
    """A photo in another space looks the same: its numbers change, and the result says sRGB.

    Lab stands for a wide space, since its profile can be made here.
    """
    lab = ImageCms.profileToProfile(
        photo(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    source = saved(tmp_path / "in.tif", lab)
    rendered(source, tmp_path / "out.png", "navy", encode=PLAIN)
    made = pixels(tmp_path / "out.png")
    assert near(made[INSIDE], PERSON_RGB, 5)
    with Image.open(tmp_path / "out.png") as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)
    rendered(source, tmp_path / "again.png", "navy", encode=PLAIN)
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "out.png").read_bytes()


def swapped_profile() -> bytes:
    """Return an RGB profile with red and green exchanged: sRGB with two tags' names swapped."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    count = int.from_bytes(data[128:132], "big")
    table = data[132 : 132 + 12 * count]
    swapped = table.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    return data[:132] + swapped + data[132 + 12 * count :]


@pytest.mark.parametrize("name", ["in.jpg", "in.png", "in.tif", "in.webp"])
def test_an_embedded_profile_is_used(tmp_path: Path, name: str) -> None:
    """In a space where red and green change places, what is stored red is a green person."""
    stored = Image.fromarray(np.ascontiguousarray(RGB[..., [1, 0, 2]]))
    source = saved(tmp_path / name, stored, icc_profile=swapped_profile())
    rendered(source, tmp_path / "out.png", "navy", encode=PLAIN)
    assert near(pixels(tmp_path / "out.png")[INSIDE], PERSON_RGB, 16)


def test_a_broken_profile_is_no_reason_to_refuse(tmp_path: Path) -> None:
    source = saved(tmp_path / "in.png", icc_profile=b"nothing of the kind")
    rendered(source, tmp_path / "out.png", "navy", encode=PLAIN)
    assert near(pixels(tmp_path / "out.png")[INSIDE], PERSON_RGB)


@pytest.mark.parametrize(
    ("name", "pix_fmt", "peak"),
    [("o.png", "rgba64be", 65535), ("o.tif", "rgba64le", 65535), ("o.webp", None, 255)],
)
def test_cut_outs_in_other_formats(
    tmp_path: Path, name: str, pix_fmt: str | None, peak: int
) -> None:
    source = saved(tmp_path / "in.png")
    rendered(source, tmp_path / name, "transparent", encode=EncodeSettings(pix_fmt=pix_fmt))
    made = cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED)
    assert made is not None
    assert (made.shape, made.max()) == ((64, 96, 4), peak)
    assert (made[INSIDE][:, 3] == peak).all()
    assert (made[OUTSIDE][:, 3] == 0).all()
    assert near(made[INSIDE][:, 2::-1] * (255 / peak), PERSON_RGB)


def test_the_copy_of_a_photo_is_exact_where_nothing_changes(tmp_path: Path) -> None:
    """All of the person is written as it was read: no conversion on the way costs a code value."""
    noisy = RGB.astype(int) + np.random.default_rng(1).integers(-12, 12, RGB.shape)
    source = saved(tmp_path / "in.png", Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)))
    rendered(source, tmp_path / "out.png", "transparent", encode=PLAIN)
    made = pixels(tmp_path / "out.png")
    assert (made[INSIDE][:, :3] == pixels(source)[INSIDE]).all()


def test_a_large_photo(tmp_path: Path) -> None:
    """24 million pixels; above 89 million Pillow would warn, and warnings are errors here."""
    source = saved(tmp_path / "in.jpg", photo().resize((6000, 4000)))
    rendered(source, tmp_path / "out.jpg", "navy", encode=PLAIN)
    assert pixels(tmp_path / "out.jpg").shape == (4000, 6000, 3)
    huge = saved(tmp_path / "huge.png", Image.new("L", (10_000, 9_000), 90), compress_level=1)
    assert probe(huge, most=90_000_000).width == 10_000


@pytest.mark.parametrize(
    ("name", "background", "message"),
    [
        ("out.mp4", "red", "a photo gives a photo; name it .png, .jpg, .tif or .webp"),
        ("out/%05d.png", "red", "a photo gives a photo; name it .png"),
        ("out.jpg", "transparent", "hold no transparency; use .png, .tif or .webp"),
        ("in.png", "red", "is also an input"),
    ],
)
def test_what_a_photo_cannot_become_is_refused(
    tmp_path: Path, name: str, background: str, message: str
) -> None:
    source = saved(tmp_path / "in.png")
    before = source.read_bytes()
    with pytest.raises(OutputError, match=message):
        rendered(source, tmp_path / name, background, encode=PLAIN)
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]
    assert source.read_bytes() == before


def test_a_damaged_photo_ends_in_one_line(tmp_path: Path) -> None:
    source = saved(tmp_path / "in.jpg", photo().resize((600, 400)))
    source.write_bytes(source.read_bytes()[:3000])
    done = vidseg("render", source, "-o", tmp_path / "out.png", "-b", "red")
    assert "in.jpg: the picture can't be read" in one_line(done)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jpg"]


def test_moving_pictures_are_clips_or_say_what_to_do(tmp_path: Path) -> None:
    more = {"save_all": True, "append_images": [photo().rotate(90)], "duration": 100}
    for name in ("in.gif", "in.png"):
        photo().save(tmp_path / name, **more)
        assert rendered(tmp_path / name, tmp_path / f"{name}.mp4").frames_out == 2
        with pytest.raises(OutputError, match="one picture can't hold a clip"):
            rendered(tmp_path / name, tmp_path / "out.png", encode=PLAIN)
    photo().save(tmp_path / "in.webp", **more)
    with pytest.raises(
        InputError, match="an animated WebP, which FFmpeg can't decode; make a GIF of it"
    ):
        rendered(tmp_path / "in.webp", tmp_path / "out.mp4")


def test_a_preview_of_a_photo_is_one_row(tmp_path: Path) -> None:
    source = saved(tmp_path / "in.png")
    settings = PreviewSettings(
        source=source, output=tmp_path / "sheet.png", background="navy", width=96
    )
    rows = moments(settings, probe(source), FakeSegmenter())
    assert len(rows) == 1
    original, mask, result = (picture.astype(int) for picture in rows[0].pictures)
    assert near(original[INSIDE], PERSON_RGB, 2)
    assert near(mask[INSIDE], (255, 255, 255))
    assert near(result[OUTSIDE], NAVY, 2)


@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
def test_a_heif_photo_is_refused_not_shown_in_part(tmp_path: Path, brand: bytes) -> None:
    """A phone's photo as background came out as one of its tiles, which FFmpeg calls videos."""
    photo = tmp_path / "beach.heic"
    photo.write_bytes(b"\0\0\0\x18ftyp" + brand + bytes(100))
    clip = write_clip(tmp_path / "in.mp4", frames=2)
    with pytest.raises(BackgroundError, match=r"HEIF photo \(.heic\).*; save it as .jpg or .png"):
        rendered(clip, tmp_path / "out.mp4", str(photo))
    with pytest.raises(InputError, match="HEIF photo"):
        rendered(photo, tmp_path / "out.png")
