"""The seam to PyAV: its errors become ours, its frames become planes, its numbers become ours."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import av
import numpy as np
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

import vidseg
from vidseg.errors import InputError, OutputError, VidsegError
from vidseg.frames.colour import Colour
from vidseg.frames.frame import WORKING_FORMATS, PixelFormat, Plane, Planes, as_plane
from vidseg.media.image_sequence import first_number, first_readable, is_numbered, pictures_near
from vidseg.media.linear_light import is_linear, srgb_of
from vidseg.media.unsupported import to_be_exported

Packet: TypeAlias = "av.Packet[Any]"

MICROSECOND = Fraction(1, 1_000_000)

_READS_OTHER_FILES = frozenset(
    {
        "concat",
        "hls",
        "dash",
        "imf",
        "image2",
        "lavfi",
        "sdp",
        "rtp",
        "rtsp",
        "sap",
        "tty",
        "vobsub",
    }
)
"""Demuxers that follow what a file names (playlists, patterns, addresses), and one that draws text."""

_JUMPS = 0x0200  # AVFMT_TS_DISCONT

_LISTING = ("mov,", "matroska,")
"""How FFmpeg's names begin of the containers that list their streams before anything else."""

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"avif")
_RANGE_FULL = 2  # AVCOL_RANGE_JPEG
_RANGE_VIDEO = 1  # AVCOL_RANGE_MPEG
_RGB, _UNSPECIFIED = 0, 2  # AVCOL_SPC_RGB, AVCOL_SPC_UNSPECIFIED
_SRGB = Colour(full_range=True, matrix=_RGB, primaries=1, transfer=13)
_SWS_MATRIX = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}  # ITU-T H.273 → SWS_CS_*


def reason(error: BaseException) -> str:
    """Return what went wrong, in a few words, without the path that FFmpeg appends."""
    if words := getattr(error, "strerror", None):
        return str(words)
    text = str(error).splitlines()
    return text[0] if text else type(error).__name__


@contextmanager
def av_errors(kind: type[VidsegError], what: str) -> Iterator[None]:
    """Turn PyAV's and the system's errors inside the block into `kind`, as ``what: reason``."""
    try:
        yield
    except VidsegError:
        raise
    except (av.FFmpegError, OSError, ValueError) as error:
        raise kind(f"{what}: {reason(error)}") from error


def open_source(
    path: Path,
    kind: type[VidsegError] = InputError,
    *,
    hwaccel: str | None = None,
    rate: Fraction | None = None,
    unseen: int | None = None,
    probe_options: dict[str, str] | None = None,
) -> InputContainer:
    """Open a local media file for reading. The caller closes it, in the thread that opened it.

    Of the stream `unseen`, a video whose packets are not wanted, FFmpeg decodes no picture to
    describe it. `probe_options`: FFmpeg's options that say how much of the file to look at for that.

    A numbered name (``frames/%05d.png``) opens a sequence of pictures, shown at `rate` per second.
    Only the file itself is read: playlists and protocol names inside it can't reach further. Raises
    `kind` where there is no such file, it is no regular file, or FFmpeg finds no media in it.
    """
    if is_numbered(path) and not _exists(path, kind):
        return _open_numbered(path, kind, rate or Fraction(25))
    check_source(path, kind)
    _refuse_heif(path, kind)
    try:
        return av.open(  # type: ignore[call-overload,no-any-return]  # the stubs take a stream's options for a str
            f"file:{path}",
            "r",
            options={
                "protocol_whitelist": "file",
                "format_whitelist": _self_contained(),
                **(probe_options or {}),
            },
            stream_options=_passing_over(unseen),
            metadata_errors="replace",
            hwaccel=None if hwaccel is None else HWAccel(hwaccel, allow_software_fallback=False),
        )
    except av.InvalidDataError as error:
        raise kind(
            f"{path}: not a media file, or damaged beyond opening ({reason(error)})"
        ) from error
    except av.ArgumentError as error:
        raise kind(
            f"{path}: can't be opened: {reason(error)}; playlists and other lists of files are not read "
            "(name the files themselves), photos are told by their endings (.jpg, .png, …)"
        ) from error
    except (av.FFmpegError, OSError) as error:
        raise kind(f"{path}: can't be opened: {reason(error)}") from error


def _passing_over(stream: int | None) -> list[dict[str, str]] | None:
    """Return decoders' options, stream by stream, that leave out the pictures of one."""
    return None if stream is None else [{}] * stream + [{"skip_frame": "all"}]


def lists_streams(container: str) -> bool:
    """Whether containers of this name tell of their streams at the beginning, so that one can be `unseen`."""
    return container.startswith(_LISTING)


def check_source(path: Path, kind: type[VidsegError] = InputError) -> None:
    """Raise `kind` unless `path` is a regular file with something in it.

    Pipes and devices are refused, since a source is read several times, and addresses are not
    fetched.
    """
    if not _exists(path, kind):
        if address := re.match(r"([a-z][a-z0-9+.-]+):", str(path), re.IGNORECASE):
            scheme = address[1]
            raise kind(
                f"{path}: no such file; addresses ({scheme}:) are not read: fetch it, and name the file"
            )
        raise kind(f"{path}: no such file{pictures_near(path, kind)}")
    try:
        status = path.stat()
    except OSError as error:
        raise kind(f"{path}: can't be opened: {reason(error)}") from error
    if stat.S_ISDIR(status.st_mode):
        batch = "; `vidseg batch` renders all clips of a folder" if kind is InputError else ""
        raise kind(f"{path}: is a folder, not a media file{pictures_near(path, kind) or batch}")
    if not stat.S_ISREG(status.st_mode):
        raise kind(f"{path}: is a pipe or a device; write the clip to a file first")
    if status.st_size == 0:
        raise kind(f"{path}: the file is empty")
    if (what := to_be_exported(path)) is not None:
        raise kind(f"{path}: {what}")


def _exists(path: Path, kind: type[VidsegError]) -> bool:
    try:
        return path.exists()
    except OSError as error:  # a name too long, a folder that may not be entered
        raise kind(f"{path}: can't be opened: {reason(error)}") from error


@cache
def _self_contained() -> str:
    """Return FFmpeg's list of the demuxers that read nothing but the file they are given."""
    readable = (name for name in av.formats_available if av.ContainerFormat(name).is_input)
    return ",".join(sorted(name for name in readable if name not in _READS_OTHER_FILES))


def check_pixels(path: Path, width: int, height: int, most: int, kind: type[VidsegError]) -> None:
    """Raise `kind` for pictures of more than `most` pixels."""
    if width * height > most:
        way_out = (
            f"if there is memory enough, allow them with --max-pixels {width * height}"
            if kind is InputError
            else "make it smaller"
        )
        raise kind(
            f"{path}: its pictures are of {width}x{height}, more than {most} pixels; {way_out}"
        )


def limit_pixels(stream: VideoStream, most: int) -> None:
    """Let the decoder refuse pictures far beyond `most` pixels, before it takes memory for them.

    FFmpeg counts what it allocates: sides rounded up, and a margin around the picture.
    """
    stream.codec_context.options = {"max_pixels": str(2 * most + (1 << 16))}


def demuxed(container: InputContainer, *streams: Stream) -> Iterator[Packet]:
    """Yield the packets of `streams`, by default of all, then an empty one of each.

    Where a container tells of streams on the way (SWF, FLV, transport streams), PyAV, which has
    room for those of the beginning, at the very end may ask for one that it has not: nothing comes
    after that. Empty packets that have a time (Ogg, AVI) say that the picture before them stays,
    and are left out.
    """
    with suppress(IndexError):
        for packet in container.demux(*streams):
            if packet.size == 0:
                if packet.dts is not None or packet.pts is not None:
                    continue
                packet.stream = packet.stream  # PyAV leaves these with index 0, whatever they end
            yield packet


def _refuse_heif(path: Path, kind: type[VidsegError]) -> None:
    """Raise `kind` for a photo of HEIF, whose tiles FFmpeg gives out as so many videos."""
    with av_errors(kind, f"{path}: can't be opened"), path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp" and head[8:] in _HEIF_BRANDS:
        raise kind(
            f"{path}: is a HEIF photo (.heic), which vidseg doesn't read; save it as .jpg or .png"
        )


def clock_jumps(container: InputContainer) -> bool:
    """Whether the container's clock has no beginning of its own and may be set anew on the way."""
    return bool(int(container.format.flags) & _JUMPS)


def _open_numbered(path: Path, kind: type[VidsegError], rate: Fraction) -> InputContainer:
    options = {
        "framerate": f"{rate.numerator}/{rate.denominator}",
        "start_number": str(first_readable(path, first_number(path, kind))),
        "protocol_whitelist": "file",
    }
    try:
        return av.open(f"file:{path}", "r", format="image2", options=options)
    except (av.FFmpegError, OSError) as error:
        raise kind(f"{path}: can't be opened: {reason(error)}") from error


def check_target(target: Path, *, overwrite: bool) -> None:
    """Refuse an output name that can't be written; `file_checks` refuses those of what is read.

    Raises `OutputError` where the folder is missing, the name is a folder, or it exists and
    `overwrite` is off.
    """
    with av_errors(
        OutputError, f"{target}: can't be written"
    ):  # a name too long, a folder that is closed
        _check_target(target, overwrite=overwrite)


def _check_target(target: Path, *, overwrite: bool) -> None:
    if not target.parent.is_dir():
        raise OutputError(f"{target}: the folder {target.parent} doesn't exist; create it first")
    if target.is_dir():
        raise OutputError(f"{target}: is a folder; give a file name")
    if target.exists() and not target.is_file():
        raise OutputError(f"{target}: is a pipe or a device; give a file name")
    if (target.exists() or target.is_symlink()) and not overwrite:
        raise OutputError(f"{target}: exists already; use --overwrite to replace it")
    if not os.access(target.parent, os.W_OK):
        raise OutputError(f"{target}: the folder {target.parent} can't be written to")


def colour_of(source: object) -> Colour:
    """Return the colour tags of a frame or codec context.

    Grey pictures that some decoders tag with the matrix of RGB, which they haven't, name none.
    """
    matrix, layout = int(source.colorspace), source.format  # type: ignore[attr-defined]
    return Colour(
        full_range=int(source.color_range) == _RANGE_FULL,  # type: ignore[attr-defined]
        matrix=_UNSPECIFIED
        if matrix == _RGB and layout is not None and not layout.is_rgb
        else matrix,
        primaries=int(source.color_primaries),  # type: ignore[attr-defined]
        transfer=int(source.color_trc),  # type: ignore[attr-defined]
    )


def tag_colour(target: object, colour: Colour) -> None:
    """Write colour tags to a frame or codec context."""
    target.color_range = _RANGE_FULL if colour.full_range else _RANGE_VIDEO  # type: ignore[attr-defined]
    target.colorspace = colour.matrix  # type: ignore[attr-defined]
    target.color_primaries = colour.primaries  # type: ignore[attr-defined]
    target.color_trc = colour.transfer  # type: ignore[attr-defined]


def sws_matrix(colour: Colour, height: int) -> int:
    """Return swscale's number for the matrix, guessed by height where the file names none."""
    if colour.matrix in _SWS_MATRIX:
        return _SWS_MATRIX[colour.matrix]
    return 1 if height > 576 else 5


def working_format(name: str) -> PixelFormat:
    """Return the working format that keeps most of the pixel format `name`.

    Packed, semi-planar, grey and alpha variants map to the planar layout of their depth and chroma;
    RGB becomes 4:4:4, grey 4:2:0. Above 12 bits becomes 12 bits.
    """
    if name in WORKING_FORMATS:
        return WORKING_FORMATS[name]
    described = av.VideoFormat(name, 16, 16)
    parts = described.components
    bits = max((part.bits for part in parts), default=8)
    suffix = "" if bits <= 8 else "10le" if bits <= 10 else "12le"
    if described.is_rgb or described.has_palette:
        return WORKING_FORMATS["yuv444p" + suffix]
    if len(parts) < 3:
        return WORKING_FORMATS["yuv420p" + suffix]
    wide, tall = parts[1].width == 16, parts[1].height == 16
    # 4:1:1, 4:1:0 and 4:4:0 have no working format of their own: the next finer one loses nothing.
    sub = "444" if wide else "422" if tall else "420"
    return WORKING_FORMATS[f"yuv{sub}p{suffix}"]


def planes_of(frame: VideoFrame, dtype: type[np.uint8] | type[np.uint16] = np.uint8) -> Planes:
    """Return views of a planar frame's planes, [h, w] without padding; they keep the frame alive."""
    return tuple(_view(plane, dtype) for plane in frame.planes)


def _view(plane: "av.video.plane.VideoPlane", dtype: type[np.uint8] | type[np.uint16]) -> Plane:
    size = np.dtype(dtype).itemsize
    rows = np.frombuffer(memoryview(plane), dtype).reshape(plane.height, plane.line_size // size)
    return as_plane(rows[:, : plane.width])


def to_working(frame: VideoFrame, target: PixelFormat, reformatter: VideoReformatter) -> VideoFrame:
    """Return `frame` in the working format `target`, with its own colour range and matrix.

    RGB gets BT.709 above 576 lines and BT.601 otherwise, video range, and is tagged so. Linear
    light becomes sRGB first.
    """
    if frame.format.name == target.name:
        return frame
    if is_linear(frame.format.name):
        frame = _displayed(frame)
    colour = colour_of(frame)
    if frame.format.is_rgb or frame.format.has_palette:
        matrix = 1 if frame.height > 576 else 6
        new = reformatter.reformat(
            frame,
            format=target.name,
            dst_colorspace=_SWS_MATRIX[matrix],
            dst_color_range=_RANGE_VIDEO,
        )
        tag_colour(new, Colour(False, matrix, colour.primaries, colour.transfer))
        return new
    full = colour.full_range or frame.format.name.startswith("yuvj")
    matrix_number = sws_matrix(colour, frame.height)
    code = _RANGE_FULL if full else _RANGE_VIDEO
    new = reformatter.reformat(
        frame,
        format=target.name,
        src_colorspace=matrix_number,
        dst_colorspace=matrix_number,
        src_color_range=code,
        dst_color_range=code,
    )
    tag_colour(new, Colour(full, colour.matrix, colour.primaries, colour.transfer))
    return new


def _displayed(frame: VideoFrame) -> VideoFrame:
    """Return a picture of linear light in sRGB, of 16 bits, with the same times."""
    planes = [memoryview(plane) for plane in frame.planes]
    rgb = srgb_of(frame.format.name, planes, frame.width, frame.height)
    new = VideoFrame.from_ndarray(rgb, "rgb48le")
    tag_colour(new, _SRGB)
    new.pts, new.time_base, new.duration = frame.pts, frame.time_base, frame.duration
    new.key_frame = frame.key_frame  # type: ignore[misc]  # it can be set, which the stubs don't say
    return new


def recoloured(
    frame: VideoFrame, colour: Colour, reformatter: VideoReformatter, height: int
) -> VideoFrame:
    """Return `frame` in the range and matrix of `colour`; its transfer and primaries stay what they are.

    `height`: of the pictures that are of `colour`, by which a matrix is guessed where none is
    named.
    """
    own = colour_of(frame)
    if own.full_range == colour.full_range and own.weights(frame.height) == colour.weights(height):
        return frame
    new = reformatter.reformat(
        frame,
        format=frame.format.name,
        src_colorspace=sws_matrix(own, frame.height),
        dst_colorspace=sws_matrix(colour, height),
        src_color_range=_RANGE_FULL if own.full_range else _RANGE_VIDEO,
        dst_color_range=_RANGE_FULL if colour.full_range else _RANGE_VIDEO,
    )
    tag_colour(new, colour)
    return new


def new_frame(
    width: int, height: int, format_name: str, dtype: type[np.uint8] | type[np.uint16]
) -> tuple[VideoFrame, Planes]:
    """Return a fresh frame and writable views of its planes."""
    frame = VideoFrame(width, height, format_name)
    return frame, planes_of(frame, dtype)


def attach_data(packet: Packet, kind: Any, data: bytes) -> None:
    """Put side data of one of PyAV's kinds on a packet."""
    side = av.packet.PacketSideData(  # type: ignore[call-arg]  # missing from the stubs
        av.packet.packet_sidedata_type_from_literal(kind), len(data)
    )
    side.update(data)
    packet.set_sidedata(side)


def library_versions() -> dict[str, str]:
    """Return the versions of vidseg, PyAV and FFmpeg's libraries, for reports."""
    libraries = {name: ".".join(map(str, version)) for name, version in av.library_versions.items()}
    return {"vidseg": vidseg.__version__, "av": av.__version__, **libraries}
