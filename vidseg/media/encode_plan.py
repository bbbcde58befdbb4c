"""Choice of codec, pixel format and encoder options for an output."""

from dataclasses import dataclass

import av

from vidseg.errors import OutputError
from vidseg.media.codecs import CODECS, Codec, formats_of, sample_bits
from vidseg.media.side_data import as_ratios
from vidseg.media.video_info import VideoInfo
from vidseg.settings import Content, EncodeSettings

_FINER = 12
"""By how much default rate factors are lower for mattes and maps of parts.

They are nothing but edges, from which encoders take bits unless they are told (`Codec.edges`). A
real clip's matte in H.264 was off by 63 of 255 at most; like this by 7, and a frame of 720p takes 5
kB. x264 tells the range only beside a format of video that it knows.
"""


_X26_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
)


_PRESETS = {
    "x264": _X26_PRESETS,
    "x265": _X26_PRESETS,
    "svt-av1": tuple(map(str, range(-1, 14))),
    "vp9": tuple(map(str, range(-8, 9))),
}
"""Presets of encoders that refuse others without a reason."""


_DEFAULT_ALPHA_CODEC = {".webm": "vp9", ".mov": "prores", ".mkv": "ffv1"}


ALPHA_OUTPUTS = (
    "ProRes 4444 (.mov), FFV1 (.mkv), VP9 (.webm), --codec qtrle or png (.mov), pictures "
    "(out/%05d.png), or two files (--pair)"
)
"""What holds transparency, for messages."""


@dataclass(frozen=True, slots=True)
class EncodePlan:
    """How the video will be written, settled before any work is done."""

    name: str
    library: str
    pix_fmt: str
    options: dict[str, str]
    tag: str | None = None
    full_range: bool = False
    """Whether a matte uses all code values."""
    sized_as: str = ""
    """The pixel format whose demands on the size are met; for a pair's foreground, the matte's."""
    captions: bool = False
    """Whether closed captions that frames carry go along."""

    @property
    def separate_alpha(self) -> bool:
        """Whether alpha is coded as a stream of its own (see `vidseg.media.vp9_alpha`)."""
        return self.name == "vp9" and self.pix_fmt == "yuva420p"


def plan(
    info: VideoInfo, settings: EncodeSettings, suffix: str, content: Content = "picture"
) -> EncodePlan:
    """Choose codec, pixel format and options for an output whose name ends in `suffix`.

    Raises `OutputError` where the codec is unknown, not held by the container, or lacks the format,
    where alpha would be lost, or the range of a matte couldn't be told.
    """
    name = _codec_name(info, settings, suffix, content)
    codec = CODECS[name]
    if suffix not in codec.containers:
        raise OutputError(
            f"{suffix} files don't hold {name}; use {' or '.join(codec.containers)}, "
            "or another --codec"
        )
    if content == "cutout" and suffix not in codec.alpha_containers:
        raise OutputError(f"{name} in {suffix} would lose the transparency; use {ALPHA_OUTPUTS}")
    full_range = content == "matte" and _full_range(settings, codec, suffix)
    pix_fmt = _pixel_format(info, settings, name, content, full_range)
    edges = content in ("matte", "parts")
    options = {**codec.options, **(codec.edges if edges else {})}
    for given, known, flag in (
        (settings.crf, codec.quality, "--crf"),
        (settings.preset, codec.preset, "--preset"),
    ):
        if given is not None and known is None:
            raise OutputError(f"{name} has no {flag}; leave it out")
        if known is not None:
            options[known[0]] = _in_words(
                known[1] if given is None else given, finer=given is None and edges
            )
    _check_quality(name, settings.crf)
    _check_preset(name, codec, options)
    _special_options(name, pix_fmt, info, options)
    tag = "hvc1" if name == "x265" and suffix != ".mkv" else None
    sized_as = plan(info, settings, suffix, "matte").pix_fmt if content == "foreground" else pix_fmt
    captions = codec.captions and content in ("picture", "foreground")
    return EncodePlan(name, codec.library, pix_fmt, options, tag, full_range, sized_as, captions)


def _check_quality(name: str, crf: float | None) -> None:
    """Raise `OutputError` for a rate factor that the encoder would take for another or refuse."""
    most = 63 if name in ("vp9", "svt-av1") else 51
    if crf is not None and crf > most:
        raise OutputError(f"{name} takes --crf 0, the best, to {most}, got {crf:g}")


def _check_preset(name: str, codec: Codec, options: dict[str, str]) -> None:
    """Raise `OutputError` for a preset that the encoder doesn't have and wouldn't name."""
    known = _PRESETS.get(name)
    if known is None or codec.preset is None or options[codec.preset[0]] in known:
        return
    named = f"0, the slowest, to {known[-1]}" if known[-1].isdigit() else ", ".join(known)
    raise OutputError(f"{name} has no preset {options[codec.preset[0]]!r}; it has {named}")


def _in_words(value: float | str, *, finer: bool) -> str:
    """Return an option's value; a `finer` rate factor is lower."""
    if isinstance(value, str):
        return value
    return f"{value - (_FINER if finer else 0):g}"


def _full_range(settings: EncodeSettings, codec: Codec, suffix: str) -> bool:
    """Whether a matte uses all code values. Raises `OutputError` where the file couldn't tell."""
    grey = settings.pix_fmt is not None and settings.pix_fmt.startswith(("gray", "rgb"))
    if settings.range == "auto":
        return grey or (codec.full_range and suffix not in codec.untagged)
    if settings.range == "video" and (grey or not codec.formats[0].startswith("yuv")):
        raise OutputError(
            "grey and RGB pixel formats are of full range; leave out --range video, or use a codec "
            "and --pix-fmt that begin with yuv"
        )
    if settings.range == "full" and suffix in codec.untagged:
        raise OutputError(
            f"{codec.library} in {suffix} can't say that a matte is of full range; "
            "use --range video, or --codec ffv1 in .mkv"
        )
    return settings.range == "full"


def _codec_name(info: VideoInfo, settings: EncodeSettings, suffix: str, content: Content) -> str:
    if settings.codec != "auto":
        if settings.codec not in CODECS:
            raise OutputError(f"unknown codec {settings.codec!r}; known are {', '.join(CODECS)}")
        return settings.codec
    if content == "cutout":
        if suffix not in _DEFAULT_ALPHA_CODEC:
            raise OutputError(f"{suffix} files hold no transparency; use {ALPHA_OUTPUTS}")
        return _DEFAULT_ALPHA_CODEC[suffix]
    deep = _is_deep(settings.pix_fmt or info.pix_fmt) and content not in ("matte", "parts")
    if suffix == ".webm":
        # AV1 wants even sides, while a pair's matte is VP9, which keeps odd ones: both must be of
        # one size.
        odd = content == "foreground" and bool(info.width % 2 or info.height % 2)
        return "svt-av1" if deep and not odd else "vp9"
    return "x265" if deep else "x264"


def _is_deep(pix_fmt: str) -> bool:
    try:
        return sample_bits(pix_fmt) > 8
    except ValueError:  # no pixel format at all, which is told where the codec's are known
        return False


def _pixel_format(
    info: VideoInfo, settings: EncodeSettings, name: str, content: Content, full_range: bool
) -> str:
    codec = CODECS[name]
    formats = formats_of(codec, content)
    if settings.pix_fmt is not None:
        if settings.pix_fmt not in formats:
            raise OutputError(
                f"{name} doesn't take --pix-fmt {settings.pix_fmt}; it takes {', '.join(formats)}"
            )
        return settings.pix_fmt
    if content == "matte" and full_range and codec.full_range and codec.grey:
        return codec.grey[0]
    if content == "parts":
        return (
            codec.rgb[0]
            if codec.rgb
            else _nearest("yuv420p" if codec.quality else "yuv444p", formats)
        )
    source = av.VideoFormat(info.pix_fmt, 16, 16)
    bits = max((part.bits for part in source.components), default=8)
    sub = "420" if content == "matte" else _subsampling(source)
    depth = "" if bits <= 8 or content == "matte" else "10le" if bits <= 10 else "12le"
    return _nearest(f"yuv{'a' if content == 'cutout' else ''}{sub}p{depth}", formats)


def _subsampling(source: av.VideoFormat) -> str:
    """Return the chroma subsampling to write a source in, ``444``, ``422`` or ``420``.

    Packed RGB is kept as 4:2:0: 4:4:4 H.264 plays almost nowhere; --pix-fmt can still ask for it.
    """
    if source.is_rgb or source.has_palette or len(source.components) < 3:
        return "420"
    chroma = source.components[1]
    return "444" if chroma.width == 16 else "422" if chroma.height == 16 else "420"


def _nearest(wanted: str, formats: tuple[str, ...]) -> str:
    """Return the format among `formats` that loses least of `wanted`: first depth, then chroma."""
    if wanted in formats:
        return wanted

    def rank(name: str) -> tuple[bool, bool, int]:
        mine, asked = (
            _fineness(name),
            _fineness(wanted.replace("yuva", "yuv")),
        )  # not all have an alpha twin
        short = mine[0] < asked[0] and asked[0] > 8, mine[1] < asked[1]
        return (*short, abs(mine[0] - asked[0]) + abs(mine[1] - asked[1]))

    return min(formats, key=rank)


def _fineness(name: str) -> tuple[int, int]:
    """Return (bits, chroma samples for 4 x 4 of luma) of a pixel format."""
    described = av.VideoFormat(name, 4, 4)
    parts = described.components
    chroma = parts[1].width * parts[1].height if len(parts) >= 3 else 0
    return max((part.bits for part in parts), default=8), chroma


def _special_options(name: str, pix_fmt: str, info: VideoInfo, options: dict[str, str]) -> None:
    if name == "prores":
        options["profile"] = "4444" if "444" in pix_fmt else "hq"
    elif name == "vp9" and pix_fmt == "yuva420p":
        options["auto-alt-ref"] = (
            "0"  # libvpx can't hide frames whose transparency comes beside them
        )
    elif name == "dnxhd":
        options["profile"] = (
            "dnxhr_444" if "444" in pix_fmt else "dnxhr_hqx" if "10" in pix_fmt else "dnxhr_hq"
        )
    elif name == "x265" and info.mastering_display is not None:
        light = f":max-cll={info.content_light_level}" if info.content_light_level else ""
        options["x265-params"] += (
            f":hdr10=1:repeat-headers=1:master-display={info.mastering_display}{light}"
        )
    elif name == "svt-av1" and info.mastering_display is not None:
        light = f":content-light={info.content_light_level}" if info.content_light_level else ""
        display = as_ratios(info.mastering_display)
        options["svtav1-params"] += f":mastering-display={display}{light}"
