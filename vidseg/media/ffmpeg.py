"""Opening containers with PyAV, and its errors turned into ours."""

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
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

import vidseg
from vidseg.errors import InputError, OutputError, VidsegError
from vidseg.media.image_sequence import first_number, first_readable, is_numbered, pictures_near
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
"""Demuxers that follow what files name (playlists, patterns, addresses), and one drawing text."""

_JUMPS = 0x0200  # AVFMT_TS_DISCONT

_LISTING = ("mov,", "matroska,")
"""How FFmpeg's names begin of the containers that list their streams before anything else."""

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"avif")


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
    describe it. `probe_options`: FFmpeg's options on how much of the file to look at for that.

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
            f"{path}: can't be opened: {reason(error)}; playlists and other lists of files are not "
            "read (name the files themselves), photos are told by their endings (.jpg, .png, …)"
        ) from error
    except (av.FFmpegError, OSError) as error:
        raise kind(f"{path}: can't be opened: {reason(error)}") from error


def _passing_over(stream: int | None) -> list[dict[str, str]] | None:
    """Return decoders' options, stream by stream, that leave out the pictures of one."""
    return None if stream is None else [{}] * stream + [{"skip_frame": "all"}]


def lists_streams(container: str) -> bool:
    """Whether containers of this name list their streams first, so that one can be `unseen`."""
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
                f"{path}: no such file; addresses ({scheme}:) are not read: fetch it, "
                "and name the file"
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


def check_folder(target: Path, folder: Path) -> None:
    """Raise `OutputError` where the folder that is to hold `target` is none."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{target}: {folder} is no folder; name another")
    if not folder.exists():
        raise OutputError(f"{target}: the folder {folder} doesn't exist; create it first")


def _check_target(target: Path, *, overwrite: bool) -> None:
    check_folder(target, target.parent)
    if target.is_dir():
        raise OutputError(f"{target}: is a folder; give a file name")
    if target.exists() and not target.is_file():
        raise OutputError(f"{target}: is a pipe or a device; give a file name")
    if (target.exists() or target.is_symlink()) and not overwrite:
        raise OutputError(f"{target}: exists already; use --overwrite to replace it")
    if not os.access(target.parent, os.W_OK):
        raise OutputError(f"{target}: the folder {target.parent} can't be written to")


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
