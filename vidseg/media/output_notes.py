"""Notes on what an output loses of its source, and where it won't play."""

from vidseg.frames.hdr import is_hdr
from vidseg.media.codecs import CODECS, Codec, formats_of, sample_bits
from vidseg.media.encode_plan import EncodePlan
from vidseg.media.linear_light import is_linear
from vidseg.media.video_info import VideoInfo
from vidseg.settings import Content, EncodeSettings

_MOST_BITS = 12
"""Bits per sample that frames are worked on in, of sources with more."""

_UNSPECIFIED = 2

_DEEP = ("x265", "svt-av1", "prores", "ffv1", "png")
"""Codecs of more than 8 bits, the best-known first."""

_STANDARDS = {
    "x264": ("H.264", 8),
    "h264": ("H.264", 8),
    "x265": ("HEVC", 10),
    "hevc": ("HEVC", 10),
    "vp9": ("VP9", 8),
}
"""How codecs' names begin → the standard, and the most bits per sample all its players know."""


def caveats(
    chosen: EncodePlan, info: VideoInfo, settings: EncodeSettings, suffix: str, content: Content
) -> list[str]:
    """Return notes on a video that is written as `chosen` to a name ending in `suffix`.

    There are none on a pixel format that was asked for by its name, nor on mattes, which have depth
    enough.
    """
    if content in ("matte", "parts"):
        return []
    notes = [*linear_light(info, content), *(_dynamic(name, info) for name in info.dynamic_hdr)]
    if settings.pix_fmt is None:
        notes.append(_shallow(chosen, info, suffix, content))
    if settings.pix_fmt is None and content == "picture":
        notes.append(_seldom_played(chosen))
    return [note for note in notes if note]


def linear_light(info: VideoInfo, content: Content) -> list[str]:
    """Return a note where the source's samples are linear light, which displays show in part."""
    if content in ("matte", "parts") or not is_linear(info.pix_fmt):
        return []
    return ["the source's linear light becomes sRGB; what is brighter than white is cut off"]


def _dynamic(name: str, info: VideoInfo) -> str:
    """Return a note on dynamic metadata, which is of the picture with its old background."""
    if name == "Dolby Vision" and info.colour.transfer == _UNSPECIFIED:
        return (
            "the clip is Dolby Vision without a plain picture beneath (profile 5): its colours "
            "come out wrong, green and violet; convert it to HDR10 or SDR first"
        )
    plain = {16: "HDR10", 18: "HLG"}.get(info.colour.transfer, "SDR")
    return f"{name}'s metadata is dropped; its plain picture stays, which is {plain}"


def lost_captions(count: int, codec: str, *, kept: bool, content: Content) -> list[str]:
    """Return a note where `codec` can't write `count` frames' closed captions, unless `kept`."""
    if kept or not count or content in ("matte", "parts"):
        return []
    way_out = "" if content == "cutout" else ", x264 and x265 do"
    return [f"the closed captions in {count} pictures are dropped: {codec} holds none{way_out}"]


def _shallow(chosen: EncodePlan, info: VideoInfo, suffix: str, content: Content) -> str:
    """Return a note where samples lose bits, with what would keep more, else nothing."""
    bits, kept = sample_bits(info.pix_fmt), sample_bits(chosen.pix_fmt)
    if kept >= min(bits, _MOST_BITS):
        return ""
    bands = ", in which HDR shows bands" if kept == 8 and is_hdr(info.colour) else ""
    return (
        f"the source's {bits} bits per sample become {kept}, dithered{bands}: {chosen.name} takes "
        f"no more here, {_deeper(kept, suffix, content)} does"
    )


def _deeper(bits: int, suffix: str, content: Content) -> str:
    """Return what takes more `bits`: a codec for the same ending, or else another ending."""
    for name in _DEEP:
        codec = CODECS[name]
        if suffix in _containers(codec, content) and _most(codec, content) > bits:
            return f"--codec {name}"
    return "an output named .mov or .mkv"


def _containers(codec: Codec, content: Content) -> tuple[str, ...]:
    return codec.alpha_containers if content == "cutout" else codec.containers


def _most(codec: Codec, content: Content) -> int:
    return max(map(sample_bits, formats_of(codec, content)), default=0)


def _seldom_played(chosen: EncodePlan) -> str:
    """Return a note where only some players decode such a profile of the codec, else nothing."""
    standard = _STANDARDS.get(chosen.name.partition("-")[0])
    if standard is None:
        return ""
    name, usual = standard
    bits = sample_bits(chosen.pix_fmt)
    chroma = next(
        (f"4:{each[0]}:{each[1]}" for each in ("22", "44") if f"4{each}" in chosen.pix_fmt), ""
    )
    if not chroma and bits <= usual:
        return ""
    what = " and ".join(filter(None, (chroma, f"{bits} bits" if bits > usual else "")))
    plain = "yuv420p10le" if min(bits, usual) > 8 else "yuv420p"
    return (
        f"{name} of {what} plays in few places, mostly editors; "
        f"--pix-fmt {plain} is for all players"
    )
