"""Opening of containers whose streams begin late, with longer probing."""

from fractions import Fraction
from pathlib import Path
from typing import Literal

from av.audio.codeccontext import AudioCodecContext
from av.container import InputContainer
from av.stream import Stream

from vidseg.errors import InputError, VidsegError
from vidseg.media.channel_layout import layout_of
from vidseg.media.ffmpeg import lists_streams, open_source

_FURTHER = (
    {"probesize": "32000000", "analyzeduration": "60000000"},
    {"probesize": "256000000", "analyzeduration": "600000000"},
)
"""How far to look, in bytes, which FFmpeg holds in memory, and in microseconds."""


def open_described(
    path: Path,
    kind: type[VidsegError] = InputError,
    *,
    rate: Fraction | None = None,
    unseen: int | None = None,
) -> InputContainer:
    """Open a file as `open_source` does, and look further where streams begin late.

    FFmpeg looks at 5 MB or 5 s; what begins later in a recording (MPEG, Flash) is listed without
    its size, rate and channels, which a container of another kind is told first of all.
    """
    container = open_source(path, kind, rate=rate, unseen=unseen)
    for options in _FURTHER:
        if lists_streams(container.format.name) or all(map(is_described, container.streams)):
            break
        container.close()
        container = open_source(path, kind, rate=rate, unseen=unseen, probe_options=options)
    return container


def is_described(stream: Stream) -> bool:
    """Whether enough of a video or sound was found to tell its size, or its rate and channels."""
    context = stream.codec_context
    if context is None or stream.type not in ("audio", "video"):
        return True
    if isinstance(context, AudioCodecContext):
        return bool(context.sample_rate and layout_of(context).nb_channels)
    return bool(context.width)  # type: ignore[attr-defined]


def count_unlisted(container: InputContainer) -> int:
    """Return of how many kinds (sound, subtitles, video) the best stream began after opening.

    PyAV lists the streams of the beginning; of those that come later, FFmpeg's choice of the best
    tells.
    """
    return sum(_best_is_unlisted(container, kind) for kind in ("audio", "subtitle", "video"))


def _best_is_unlisted(
    container: InputContainer, kind: Literal["audio", "subtitle", "video"]
) -> bool:
    try:
        container.streams.best(kind)
    except IndexError:
        return True
    return False
