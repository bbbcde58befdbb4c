"""Table of the codecs that can be written: encoders, pixel formats, containers, defaults."""

from dataclasses import dataclass, field

import av

from vidseg.frames.frame import WORKING_FORMATS
from vidseg.settings import Content

_420 = ("yuv420p", "yuv420p10le")
_ALL_8_10 = ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le")
_ALL = tuple(WORKING_FORMATS)
_WITH_ALPHA = ("yuva420p", "yuva422p", "yuva444p", "yuva420p10le", "yuva422p10le", "yuva444p10le")


@dataclass(frozen=True, slots=True)
class Codec:
    """What vidseg knows of a codec it can write.

    `library`: FFmpeg's encoder. `formats`: pixel formats it takes, the best-known first. `quality`:
    the option that carries a constant rate factor, with its default; `preset`: likewise for speed.
    `containers`: file extensions that hold it; `alpha`: pixel formats with alpha, and
    `alpha_containers` the extensions from which others read that alpha; `grey`: formats for mattes
    alone, `rgb` for maps of body parts alone, in which their colours are exact; `untagged`:
    containers that don't say whether code values are of full or video range. `full_range`: whether
    people expect mattes to use all code values there. `edges`: further options for mattes and maps.
    `captions`: whether it writes the closed captions that frames carry.
    """

    library: str
    formats: tuple[str, ...]
    containers: tuple[str, ...]
    quality: tuple[str, float] | None = None
    preset: tuple[str, str] | None = None
    options: dict[str, str] = field(default_factory=dict)
    hardware: bool = False
    alpha: tuple[str, ...] = ()
    alpha_containers: tuple[str, ...] = ()
    grey: tuple[str, ...] = ()
    rgb: tuple[str, ...] = ()
    untagged: tuple[str, ...] = ()
    full_range: bool = False
    edges: dict[str, str] = field(default_factory=dict)
    captions: bool = False


_MP4 = (".mp4", ".m4v", ".mov", ".mkv")
_AV1 = (".mp4", ".m4v", ".mkv")

CODECS: dict[str, Codec] = {
    "x264": Codec(
        "libx264",
        _ALL_8_10,
        _MP4,
        ("crf", 18),
        ("preset", "medium"),
        grey=("gray", "gray10le"),
        edges={"aq-mode": "0", "psy": "0", "x264-params": "videoformat=component"},
        captions=True,
    ),
    "x265": Codec(
        "libx265",
        _ALL,
        _MP4,
        ("crf", 20),
        ("preset", "medium"),
        {"x265-params": "log-level=error", "a53cc": "1"},
        edges={"x265-params": "log-level=error:aq-mode=0"},
        captions=True,
    ),
    "svt-av1": Codec(
        "libsvtav1",
        _420,
        (*_AV1, ".webm"),
        ("crf", 28),
        ("preset", "8"),
        {"svtav1-params": "fast-decode=0"},
    ),
    "vp9": Codec(
        "libvpx-vp9",
        _ALL,
        (".webm", ".mkv", ".mp4"),
        ("crf", 24),
        ("cpu-used", "4"),
        {"b": "0", "deadline": "good", "row-mt": "1"},
        alpha=("yuva420p",),
        alpha_containers=(".webm", ".mkv"),
    ),
    "prores": Codec(
        "prores_ks",
        ("yuv422p10le", "yuv444p10le"),
        (".mov", ".mkv"),
        options={"vendor": "apl0"},
        alpha=("yuva444p10le",),
        alpha_containers=(".mov", ".mkv"),
        untagged=(".mov", ".mkv"),
    ),
    "dnxhd": Codec(
        "dnxhd",
        ("yuv422p", "yuv422p10le", "yuv444p10le"),
        (".mov",),
        untagged=(".mov",),
    ),
    "ffv1": Codec(
        "ffv1",
        _ALL,
        (".mkv",),
        options={"level": "3", "slicecrc": "1", "slices": "16"},
        alpha=_WITH_ALPHA,
        alpha_containers=(".mkv",),
        grey=("gray", "gray10le", "gray12le", "gray16le"),
        rgb=("bgr0",),
        full_range=True,
    ),
    "qtrle": Codec(
        "qtrle", ("rgb24",), (".mov",), alpha=("argb",), alpha_containers=(".mov",), full_range=True
    ),
    "png": Codec(
        "png",
        ("rgb24", "rgb48be"),
        (".mov",),
        alpha=("rgba", "rgba64be"),
        alpha_containers=(".mov",),
        grey=("gray", "gray16be"),
        full_range=True,
    ),
    "h264-nvenc": Codec(
        "h264_nvenc",
        ("yuv420p", "yuv444p"),
        _MP4,
        ("cq", 20),
        ("preset", "p5"),
        hardware=True,
        captions=True,
    ),
    "hevc-nvenc": Codec(
        "hevc_nvenc",
        ("yuv420p", "p010le"),
        _MP4,
        ("cq", 22),
        ("preset", "p5"),
        hardware=True,
        captions=True,
    ),
    "av1-nvenc": Codec(
        "av1_nvenc", ("yuv420p", "p010le"), _AV1, ("cq", 28), ("preset", "p5"), hardware=True
    ),
    "h264-qsv": Codec(
        "h264_qsv",
        ("nv12",),
        _MP4,
        ("global_quality", 20),
        ("preset", "medium"),
        hardware=True,
        captions=True,
    ),
    "hevc-qsv": Codec(
        "hevc_qsv",
        ("nv12", "p010le"),
        _MP4,
        ("global_quality", 22),
        ("preset", "medium"),
        hardware=True,
    ),
    "h264-amf": Codec("h264_amf", ("yuv420p",), _MP4, None, ("quality", "balanced"), hardware=True),
    "hevc-amf": Codec("hevc_amf", ("yuv420p",), _MP4, None, ("quality", "balanced"), hardware=True),
}
"""All codecs of `--codec`. Default rate factors are visually near-lossless at a sensible size."""


def formats_of(codec: Codec, content: Content) -> tuple[str, ...]:
    """Return the codec's pixel formats for a content in this build of FFmpeg, best-known first.

    Libraries are built with or without some: PyAV's libvpx, for one, is without those of more than
    8 bits.
    """
    more = {"matte": codec.grey, "parts": codec.rgb}.get(content, ())
    known = codec.alpha if content == "cutout" else (*codec.formats, *more)
    try:
        listed = {each.name for each in av.Codec(codec.library, "w").video_formats or ()}
    except ValueError:  # no such encoder, which is told where it is opened
        return known
    return tuple(each for each in known if each in listed) or known


def sample_bits(pix_fmt: str) -> int:
    """Return the bits per sample of a pixel format's deepest component."""
    return max((part.bits for part in av.VideoFormat(pix_fmt, 16, 16).components), default=8)
