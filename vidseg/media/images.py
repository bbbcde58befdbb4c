"""Picture files: read upright and in sRGB, written with alpha, depth and profile."""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from vidseg.errors import OutputError, VidsegError
from vidseg.media.ffmpeg import check_pixels, check_source
from vidseg.media.image_formats import Samples
from vidseg.media.linear_light import DEEP_TIFF

_READABLE = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "PPM", "AVIF", "GIF")
_PAGED = ("MPO", "TIFF")
"""Formats whose further pictures (a second eye, a preview, a page) don't make them a film."""

_MOST_PIXELS = 178_956_970
"""Of a picture that is read unasked, half a gigabyte: where Pillow stops."""

_JPEG_QUALITY = 95
_PNG_EFFORT = 3

_LAYOUT_TAGS = frozenset(
    {*range(254, 260), 262, 263, 266, 273, 274, *range(277, 282), 284, 301, *range(317, 326), 330}
    | {*range(338, 342), 347, *range(529, 533), 700, 34675}
)
"""Numbers of the tags that describe a TIFF's samples, or hold its profile (TIFF 6.0 of 1992)."""


@dataclass(frozen=True, slots=True, eq=False)
class FlattenedImage:
    """A picture on black: uint8 [h, w, 3] in sRGB, and whether it is `transparent` in places."""

    rgb: NDArray[np.uint8]
    transparent: bool = False


def read_picture(
    path: Path, kind: type[VidsegError], most: int = _MOST_PIXELS, *, straight: bool = False
) -> NDArray[np.uint8] | None:
    """Return a still picture upright in sRGB, uint8 [h, w, 3], `None` where the file is none.

    It lies on black; `straight` gives what is half transparent its own colours, which go with
    `read_opacity`. Of 16 bits, 8 are kept. Raises `kind` where the file is missing, damaged, an
    animated WebP, a TIFF of 32 bits, or of more than `most` pixels.
    """
    flat = read_flattened(path, kind, most, straight=straight)
    return None if flat is None else flat.rgb


def read_flattened(
    path: Path, kind: type[VidsegError], most: int = _MOST_PIXELS, *, straight: bool = False
) -> FlattenedImage | None:
    """Return what `read_picture` does, and whether the picture is transparent anywhere."""
    check_source(path, kind)
    try:
        with _of_any_size(), Image.open(path, formats=_READABLE) as image:
            check_pixels(path, *image.size, most, kind)
            if getattr(image, "n_frames", 1) > 1 and image.format not in _PAGED:
                if image.format == "WEBP":
                    raise kind(
                        f"{path}: is an animated WebP, which FFmpeg can't decode; make a GIF of it"
                    )
                return None
            if image.mode in ("F", "I") and image.format == "TIFF":
                raise kind(f"{path}: {DEEP_TIFF}")
            if image.mode == "F":
                return None  # a PFM: FFmpeg's, as those in colour are
            return _srgb(image, straight=straight)
    except UnidentifiedImageError:
        return None
    except (OSError, ValueError, SyntaxError) as error:
        raise kind(f"{path}: the picture can't be read: {error}") from error


@contextmanager
def _of_any_size() -> Iterator[None]:
    """Read pictures of any size, which Pillow alone refuses: here it is checked what they hold."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _srgb(image: Image.Image, *, straight: bool) -> FlattenedImage:
    transparent = False
    profile = image.info.get("icc_profile")
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):  # also PGM's 16 bits, which Pillow gives as 32
        return FlattenedImage(
            np.repeat((np.asarray(upright) >> 8).astype(np.uint8)[..., None], 3, axis=2)
        )
    if _has_alpha(upright):
        upright = upright.convert("RGBA")
        transparent = upright.getchannel("A").getextrema() != (255, 255)
        if straight:
            upright.putalpha(upright.getchannel("A").point(lambda opacity: 255 * (opacity > 0)))
        upright = Image.alpha_composite(Image.new("RGBA", upright.size, (0, 0, 0, 255)), upright)
        upright = upright.convert("RGB")
    if profile and upright.mode in ("RGB", "CMYK"):
        upright = _by_profile(upright, profile)
    return FlattenedImage(np.asarray(upright.convert("RGB")), transparent)


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info


def read_opacity(path: Path) -> NDArray[np.uint8] | None:
    """Return how opaque a picture is, upright, uint8 [h, w]; `None` where all of it is."""
    with _of_any_size(), Image.open(path, formats=_READABLE) as image:
        if not _has_alpha(image):
            return None
        opacity = np.asarray(ImageOps.exif_transpose(image).convert("RGBA").getchannel("A"))
    return None if opacity.min() == 255 else opacity


def count_pages(path: Path) -> int:
    """Return how many pages a TIFF has, 1 of other files: those of a JPEG are eyes and previews."""
    with _of_any_size(), Image.open(path, formats=_READABLE) as image:
        return getattr(image, "n_frames", 1) if image.format == "TIFF" else 1


def is_deep(path: Path) -> bool:
    """Whether a picture has 16 bits per sample."""
    with _of_any_size(), Image.open(path, formats=_READABLE) as image:
        return image.mode.startswith("I;16") or ";16" in str(image.tile)


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        return image  # a broken profile is no reason to refuse the picture
    return image if converted is None else converted


def read_exif(path: Path) -> bytes:
    """Return a picture's Exif data for a copy that is upright and stored otherwise; empty if none.

    Its orientation is left out, and whatever tells how the samples lie in the file: in a TIFF, such
    tags stand among those that tell of the camera.
    """
    with _of_any_size(), Image.open(path, formats=_READABLE) as image:
        exif = image.getexif()
        for tag in _LAYOUT_TAGS & set(exif):
            del exif[tag]
        return exif.tobytes() if exif else b""


def srgb_profile() -> bytes:
    """Return an ICC profile of sRGB, the same every time: without the date that it was made."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return made[:24] + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + made[36:]


def write_picture(
    path: Path,
    samples: Samples,
    name: str,
    *,
    profile: bytes = b"",
    exif: bytes = b"",
    associated: bool = False,
) -> None:
    """Write samples in the format `name`.

    `associated`: colours are multiplied by alpha, which TIFF can tell. `profile` and `exif` go into
    8-bit pictures, but for Exif in TIFF. Raises `OutputError` where the file can't be written.
    """
    try:
        if name == "tiff":
            _write_tiff(path, samples, profile, associated=associated)
        elif samples.dtype == np.uint16:
            order = samples if samples.ndim == 2 else samples[..., [2, 1, 0, 3][: samples.shape[2]]]
            path.write_bytes(
                cv2.imencode(".png", order, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_EFFORT])[1].data
            )
        else:
            options: dict[str, Any] = {"icc_profile": profile} if profile else {}
            options |= {"exif": exif} if exif else {}
            options |= {
                "png": {"compress_level": _PNG_EFFORT},
                "jpeg": {"quality": _JPEG_QUALITY, "subsampling": 0},
                "webp": {"lossless": True, "quality": 50, "exact": True},
            }[name]
            Image.fromarray(np.ascontiguousarray(samples)).save(
                path, format=name.upper(), **options
            )
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: the picture can't be written: {error}") from error


def _write_tiff(path: Path, samples: Samples, profile: bytes, *, associated: bool) -> None:
    """Write a deflated TIFF; Pillow writes no 16-bit RGB, OpenCV no word of what alpha is."""
    import tifffile  # only here: 15 ms

    alpha = samples.ndim == 3 and samples.shape[2] == 4
    tifffile.imwrite(
        path,
        samples,
        photometric="minisblack" if samples.ndim == 2 else "rgb",
        extrasamples=["assocalpha" if associated else "unassalpha"] if alpha else None,
        compression="zlib",
        predictor=True,
        iccprofile=profile or None,
        metadata=None,
        software=False,
    )
