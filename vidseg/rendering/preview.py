"""Preview: a contact sheet of a few moments of a clip: what it shows, the mask, the result."""

import itertools
from contextlib import ExitStack, closing
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from vidseg.compositing.background import Canvas, Still
from vidseg.compositing.painters import ScenePainter, open_scene
from vidseg.errors import InputError, OutputError, SettingsError
from vidseg.frames.frame import Frame, as_plane
from vidseg.matting.mask_source import Layer, source_of_masks
from vidseg.media.damage import Damage, loss_behind
from vidseg.media.decode import Span
from vidseg.media.ffmpeg import av_errors, check_target
from vidseg.media.source import frames_of, is_photo, probe
from vidseg.media.video_info import VideoInfo
from vidseg.networks import open_segmenter
from vidseg.networks.base import Segmenter
from vidseg.rendering import file_checks
from vidseg.reports.contact_sheet import SheetRow, clock, draw_contact_sheet
from vidseg.reports.thumbnails import alpha_of, checkerboard, fitted_size, picture_of
from vidseg.settings import BackgroundSpec, PreviewSettings
from vidseg.system.files import written_whole
from vidseg.system.text import printable

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""File extension → Pillow's name of the format."""

_LEAD_S = Fraction(1, 4)
"""How long before a moment, beyond what smoothing needs, the person is followed."""

_REACHES_S = (Fraction(10), None)
"""How far back the frame is looked for that a moment shows, where none begins shortly before it."""

_MOST_FRAMES = 240
"""Bound of what is held around a moment; reached only with windows of seconds."""

_SQUARE = 10
"""Side of the checkerboard's squares, in pixels of the sheet."""


def preview(settings: PreviewSettings, *, segmenter: Segmenter | None = None) -> str:
    """Write the contact sheet that `settings` ask for and return a line about it.

    Only a short window of the source around each moment is decoded and segmented. `segmenter`
    stands in for the one that `settings.model` names, and is left open. Raises a `VidsegError`
    for what can't be done.
    """
    output = settings.output
    if output.suffix.lower() not in FORMATS:
        raise OutputError(
            f"{output}: can't tell a picture from its ending; use {', '.join(FORMATS)}"
        )
    file_checks.check(settings)
    check_target(output, overwrite=settings.overwrite)
    info = probe(settings.source, settings.frame_rate, settings.max_pixels)
    with ExitStack() as stack:
        if segmenter is None:
            segmenter = stack.enter_context(closing(open_segmenter(settings.model)))
        damage = Damage()
        rows = moments(settings, info, segmenter, damage)
    described = f"{_described(info)} · {segmenter.name} on {segmenter.device}"
    columns = ("Original", "Mask", f"Result · {_name_of(settings.behind)}")
    _save(draw_contact_sheet(printable(settings.source.name), described, columns, rows), output)
    _, note = loss_behind(damage, settings.behind.path)
    beside = "" if note is None else f"; {note}"
    return f"{output}: {len(rows)} moments, {segmenter.name} on {segmenter.device}{beside}"


def moments(
    settings: PreviewSettings, info: VideoInfo, segmenter: Segmenter, damage: Damage | None = None
) -> list[SheetRow]:
    """Return the moments of a clip that `settings` ask for, in order: original, mask, result.

    Each once; where the clip turns out to end before its header says, they are spread over what is
    there. `damage` is told what of the background can't be read.
    """
    damage = damage or Damage()
    rows = [_row(settings, info, segmenter, time, damage) for time in _times(settings, info)]
    if not settings.at and len(rows) > 1 and rows[-1].time == rows[-2].time:
        end = rows[-1].time + (1 / info.average_rate if info.average_rate else 0)
        times = _spread(info.start - info.container_start, end, settings.rows)
        rows = [_row(settings, info, segmenter, time, damage) for time in times]
    return list({row.time: row for row in rows}.values())


def _times(settings: PreviewSettings, info: VideoInfo) -> list[Fraction]:
    """Return the moments to show, in seconds of the player's clock, in order."""
    if settings.at:
        return sorted(settings.at)
    if is_photo(info):
        return [Fraction(0)]
    end = (
        _decoded_end(info)
        if info.duration is None
        else info.start + info.duration - info.container_start
    )
    return _spread(info.start - info.container_start, end, settings.rows)


def _spread(start: Fraction, end: Fraction, count: int) -> list[Fraction]:
    """Return the middles of `count` equal parts of a span."""
    return [start + (end - start) * Fraction(2 * i + 1, 2 * count) for i in range(count)]


def _decoded_end(info: VideoInfo) -> Fraction:
    """Return the end of a source whose container doesn't tell it, found by decoding all of it."""
    damage = Damage()
    for _ in frames_of(info, Span(), damage):
        pass
    if damage.video_end is None:
        raise InputError(f"{info.path}: none of its video could be decoded")
    return damage.video_end - info.container_start


def _row(
    settings: PreviewSettings,
    info: VideoInfo,
    segmenter: Segmenter,
    time: Fraction,
    damage: Damage,
) -> SheetRow:
    layer = _moment(settings, info, segmenter, time + info.container_start)
    frame, alpha = layer.frame, layer.alpha.plane
    size = fitted_size(info, settings.width, settings.width)
    shown = frame.time - info.container_start
    return SheetRow(
        time=shown,
        detail=f"{float(alpha.mean()) / frame.format.peak:.1%} people",
        pictures=(
            picture_of(frame, info, size),
            alpha_of(alpha, frame.format.peak, info, size),
            picture_of(_result(settings, info, layer, size, damage), info, size),
        ),
    )


def _moment(
    settings: PreviewSettings, info: VideoInfo, segmenter: Segmenter, time: Fraction
) -> Layer:
    """Return what is shown at `time` of the source's clock, its mask smoothed by its neighbours."""
    half = Fraction(settings.matte.smooth) / 2
    frames = _around(info, time, half)
    if not frames or frames[0].time > time:
        frames = _around(info, _shown_at(info, time), half)
    number = max((i for i, frame in enumerate(frames) if frame.time <= time), default=0)
    people = source_of_masks(segmenter, settings.model, settings.matte, info.orientation)
    frame, mask = next(itertools.islice(people.follow(frames), number, None))
    end = frame.time + frame.duration * frame.time_base
    if end <= time and settings.at:
        shown, asked = (float(each - info.container_start) for each in (end, time))
        raise SettingsError(
            f"--at {asked:g}: {info.path} ends at {shown:.3f} s; name an earlier time"
        )
    return Layer(frame, mask, people.refine(frame, mask))


def _around(info: VideoInfo, time: Fraction, half: Fraction) -> list[Frame]:
    """Return the frames that tracking and smoothing need around `time`, by `half` a window."""
    span = Span(time - half - _LEAD_S, time + half + info.time_base)
    return list(itertools.islice(frames_of(info, span, Damage()), _MOST_FRAMES))


def _shown_at(info: VideoInfo, time: Fraction) -> Fraction:
    """Return when the frame begins that is shown at `time`: the last by then, or the first."""
    for reach in _REACHES_S:
        start = None if reach is None else time - reach
        shown = None
        for frame in frames_of(info, Span(start, time + info.time_base), Damage()):
            shown = frame.time
        if shown is not None:
            return shown
    first = next(frames_of(info, Span(), Damage()), None)
    if first is None:
        raise InputError(f"{info.path}: none of its video could be decoded")
    return first.time


def _result(
    settings: PreviewSettings,
    info: VideoInfo,
    layer: Layer,
    size: tuple[int, int],
    damage: Damage,
) -> Frame:
    """Return the frame over its new background, or a checkerboard."""
    frame = layer.frame
    canvas = Canvas(info, frame.format, frame.colour, settings.fit, info.start, damage.behind)
    planes = tuple(as_plane(np.empty_like(plane)) for plane in frame.planes)
    painter = _painter(settings, canvas, size)
    with closing(painter):
        painter.paint(layer, planes)
    return Frame(planes, frame.pts, frame.time_base, frame.duration, frame.format, frame.colour)


def _painter(settings: PreviewSettings, canvas: Canvas, size: tuple[int, int]) -> ScenePainter:
    """Return what paints people over their background, or over a checkerboard for none."""
    if settings.behind.kind != "transparent":
        return open_scene(settings, canvas)
    width, height = canvas.info.shown_size
    side = max(1, round(_SQUARE * width / size[0]))
    return open_scene(settings, canvas, Still.fitted(checkerboard(width, height, side), canvas))


def _described(info: VideoInfo) -> str:
    width, height = info.shown_size
    words = [f"{width} x {height}"]
    if is_photo(info):
        return words[0]
    if info.average_rate is not None:
        words.append(f"{float(info.average_rate):.3f}".rstrip("0").rstrip(".") + " fps")
    if info.duration is not None:
        words.append(clock(info.duration))
    return " · ".join(words)


def _name_of(background: BackgroundSpec) -> str:
    named = background.kind == "named" and background.path.exists()
    return background.path.name if named else background.text


def _save(picture: Image.Image, output: Path) -> None:
    """Write the sheet under a temporary name and move it to its own when it is whole."""
    with av_errors(OutputError, f"{output}: can't be written"), written_whole(output) as temporary:
        picture.save(temporary, FORMATS[output.suffix.lower()])
