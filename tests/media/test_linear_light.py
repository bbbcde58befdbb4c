"""Pictures of linear light: shown in sRGB, as source and background, or refused with a way out."""

import struct
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.helpers.clips import read_frames
from tests.helpers.renders import rendered
from vidseg.errors import BackgroundError, InputError, VidsegError
from vidseg.frames.colour import Colour
from vidseg.media.damage import Damage
from vidseg.media.decode import Span
from vidseg.media.images import read_picture
from vidseg.media.linear_light import srgb_of
from vidseg.media.source import frames_of, probe
from vidseg.settings import EncodeSettings

SHOWN = np.array([0, 3, 10, 50, 128, 200, 255], np.uint8)
"""Codes of sRGB."""


def light_of(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the linear light of codes of sRGB (IEC 61966-2-1)."""
    signal = codes / 255
    light = np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


def stripes(
    codes: NDArray[np.uint8] = SHOWN, height: int = 48, width: int = 12
) -> NDArray[np.uint8]:
    """Return upright stripes of grey, uint8 [height, width of all, 3]."""
    row = np.repeat(codes, width)
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (height, len(row), 3)))


def write_exr(path: Path, light: NDArray[np.float32], half: bool = False) -> Path:
    """Write an OpenEXR picture, uncompressed, of float32 [h, w, 3] RGB (OpenEXR 2 file layout)."""
    height, width = light.shape[:2]

    def attribute(name: str, kind: str, value: bytes) -> bytes:
        return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value

    channels = b"".join(
        name + b"\0" + struct.pack("<iBxxxii", 1 if half else 2, 0, 1, 1)
        for name in (b"B", b"G", b"R")
    )
    box = struct.pack("<4i", 0, 0, width - 1, height - 1)
    head = struct.pack("<iI", 20000630, 2) + b"".join(
        (
            attribute("channels", "chlist", channels + b"\0"),
            attribute("compression", "compression", b"\0"),
            attribute("dataWindow", "box2i", box),
            attribute("displayWindow", "box2i", box),
            attribute("lineOrder", "lineOrder", b"\0"),
            attribute("pixelAspectRatio", "float", struct.pack("<f", 1)),
            attribute("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
            attribute("screenWindowWidth", "float", struct.pack("<f", 1)),
            b"\0",
        )
    )
    rows = light[..., ::-1].transpose(0, 2, 1).astype("<f2" if half else "<f4")
    size = rows[0].nbytes
    begin = len(head) + 8 * height
    offsets = b"".join(struct.pack("<Q", begin + row * (8 + size)) for row in range(height))
    lines = b"".join(struct.pack("<ii", y, size) + rows[y].tobytes() for y in range(height))
    path.write_bytes(head + offsets + lines)
    return path


def written(path: Path, light: NDArray[np.float32]) -> Path:
    """Write linear light as the ending says; ``half.exr`` in half floats."""
    if path.suffix == ".exr":
        return write_exr(path, light, half=path.stem == "half")
    cv2.imwrite(str(path), light[..., ::-1])
    return path


@pytest.mark.parametrize("name", ["float.exr", "half.exr", "a.hdr", "a.pfm"])
def test_a_background_of_linear_light_is_shown_as_a_display_shows_it(
    tmp_path: Path, name: str
) -> None:
    """Cause: linear light was taken for sRGB's codes, so that middle grey came out at 55 of 255."""
    background = written(tmp_path / name, light_of(stripes()))
    source = tmp_path / "in.png"
    Image.fromarray(stripes()).save(source)
    rendered(source, tmp_path / "out.png", str(background), encode=EncodeSettings())
    made = np.asarray(Image.open(tmp_path / "out.png").convert("RGB")).astype(int)
    middles = made[24, 6::12]
    assert np.abs(middles - SHOWN[:, None]).max() <= (3 if name == "a.hdr" else 2)


@pytest.mark.parametrize("half", [False, True])
def test_a_sequence_of_openexr_is_a_clip(tmp_path: Path, half: bool) -> None:
    for number in range(3):
        write_exr(tmp_path / f"{number}.exr", light_of(stripes()), half)
    source = tmp_path / "%d.exr"
    info = probe(source, Fraction(25))
    frames = list(frames_of(info, Span(), Damage()))
    assert [frame.pts for frame in frames] == [0, 1, 2]
    assert frames[0].colour == Colour(False, 6, 1, 13)
    report = rendered(
        source,
        tmp_path / "out.mkv",
        background="blur:0.01",
        frame_rate=Fraction(25),
        encode=EncodeSettings(codec="ffv1"),
    )
    assert report.notes == [
        "the source's linear light becomes sRGB; what is brighter than white is cut off"
    ]
    middles = read_frames(tmp_path / "out.mkv")[2].rgb[24, 6::12].astype(int)
    assert np.abs(middles - SHOWN[:, None]).max() <= 3


@pytest.mark.parametrize("order", ["le", "be"])
@pytest.mark.parametrize("kind", ["gbrp", "gbrap", "gray", "ya", "rgb", "rgba"])
@pytest.mark.parametrize("bits", [16, 32])
def test_every_layout_of_floats_is_read(kind: str, bits: int, order: str) -> None:
    """FFmpeg's scaler ends the process for some. Rows may be longer than the picture is wide."""
    sample = np.dtype(f"{'<' if order == 'le' else '>'}f{bits // 8}")
    light = np.array([[0.5, np.nan, -1], [2, np.inf, 0.25]], np.float32)
    grey = kind in ("gray", "ya")
    channels = [light] if grey else [light, light / 2, light / 4]
    if kind in ("gbrap", "ya", "rgba"):
        channels.append(np.full_like(light, 0.5))
    if kind.startswith("gbr"):
        parts = [channels[i] for i in (1, 2, 0, 3)[: len(channels)]]
    else:
        parts = [np.stack(channels, axis=-1).reshape(2, -1)]
    planes = [memoryview(np.pad(p.astype(sample), ((0, 0), (0, 5))).tobytes()) for p in parts]
    made = srgb_of(f"{kind}f{bits}{order}", planes, 3, 2)
    assert made.shape == (2, 3, 3)
    assert made[0, :, 0].tolist() == [48192, 0, 0]
    assert made[1, :2, 0].tolist() == [65535, 65535]
    second = 35199 if not grey else 48192
    assert abs(int(made[0, 0, 1]) - second) <= 1


@pytest.mark.parametrize("kind", ["floats", "grey floats", "integers"])
@pytest.mark.parametrize("error", [BackgroundError, InputError])
def test_a_tiff_of_32_bits_is_refused(tmp_path: Path, kind: str, error: type[VidsegError]) -> None:
    """Cause: floats, and integers above 255, became black or white. Nothing says what they mean."""
    path, light = tmp_path / "in.tif", light_of(stripes())
    if kind == "floats":
        cv2.imwrite(str(path), light)
    else:
        grey = light[..., 0]
        Image.fromarray(grey if kind == "grey floats" else (grey * 1e6).astype(np.int32)).save(path)
    source = path if error is InputError else tmp_path / "in.png"
    if error is BackgroundError:
        Image.fromarray(stripes()).save(source)
    with pytest.raises(error, match=r"a TIFF of 32 bits per sample.*save it with 8 or 16 bits"):
        rendered(source, tmp_path / "out.png", str(path), encode=EncodeSettings())


def test_a_sequence_of_tiffs_of_floats_is_refused(tmp_path: Path) -> None:
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.tif"), light_of(stripes()))
    with pytest.raises(InputError, match="a TIFF of 32 bits"):
        probe(tmp_path / "%d.tif", Fraction(25))


def test_pgm_of_16_bits_is_no_white_wall(tmp_path: Path) -> None:
    """Cause: Pillow gives its samples as 32-bit integers; those above 255 counted as white."""
    codes = stripes()[..., 0]
    (tmp_path / "a.pgm").write_bytes(
        b"P5\n84 48\n65535\n" + (codes.astype(">u2") * 257).astype(">u2").tobytes()
    )
    found = read_picture(tmp_path / "a.pgm", InputError)
    assert found is not None
    assert np.array_equal(found[..., 0], codes)
