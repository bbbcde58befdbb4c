"""Preview: a contact sheet, a picture or a page, of a few moments: the clip, mask and result."""

from contextlib import ExitStack, closing
from fractions import Fraction
from pathlib import Path

from vidseg.errors import OutputError
from vidseg.media.damage import Damage, loss_behind
from vidseg.media.ffmpeg import av_errors, check_target
from vidseg.media.source import is_photo, probe
from vidseg.media.video_info import VideoInfo
from vidseg.networks import open_segmenter
from vidseg.networks.base import Segmenter
from vidseg.rendering import file_checks
from vidseg.rendering.comparison import compared
from vidseg.rendering.moments import Moments, at_moments, layer_at, over_background
from vidseg.reports.contact_sheet import SheetRow, clock, draw_contact_sheet
from vidseg.reports.mask_metrics import PAGES
from vidseg.reports.sheet_page import sheet_page
from vidseg.reports.thumbnails import alpha_of, fitted_size, picture_of
from vidseg.settings import BackgroundSpec, PreviewSettings
from vidseg.system.files import write_text, written_whole
from vidseg.system.text import printable

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""File extension → Pillow's name of the format."""


def preview(settings: PreviewSettings, *, segmenter: Segmenter | None = None) -> str:
    """Write the contact sheet that `settings` ask for and return a line about it.

    Only a short window of the source around each moment is decoded and segmented. `segmenter`
    stands in for the one that `settings.model` names, and is left open; `settings.models` are
    opened in any case. Raises a `VidsegError` for what can't be done.
    """
    output = settings.output
    endings = (*FORMATS, *PAGES)
    if output.suffix.lower() not in endings:
        raise OutputError(
            f"{output}: can't tell a picture or page from its ending; use {', '.join(endings)}"
        )
    file_checks.check(settings)
    check_target(output, overwrite=settings.overwrite)
    info = probe(settings.source, settings.frame_rate, settings.max_pixels)
    made = compared(settings, info) if settings.models else _masks(settings, info, segmenter)
    described = f"{_described(info)} · {made.by}"
    _save(output, settings.source.name, described, made)
    _, note = loss_behind(made.damage, settings.behind.path)
    beside = "" if note is None else f"; {note}"
    return f"{output}: {len({row.time for row in made.rows})} moments, {made.by}{beside}"


def _masks(settings: PreviewSettings, info: VideoInfo, segmenter: Segmenter | None) -> Moments:
    with ExitStack() as stack:
        if segmenter is None:
            segmenter = stack.enter_context(closing(open_segmenter(settings.model)))
        damage = Damage()
        rows = moments(settings, info, segmenter, damage)
    columns = ["Original", "Mask", f"Result · {_name_of(settings.behind)}"]
    return Moments(columns, rows, f"{segmenter.name} on {segmenter.device}", damage)


def moments(
    settings: PreviewSettings, info: VideoInfo, segmenter: Segmenter, damage: Damage | None = None
) -> list[SheetRow]:
    """Return the moments of a clip that `settings` ask for, in order: original, mask, result.

    `damage` is told what of the background can't be read.
    """
    told = damage or Damage()
    return at_moments(settings, info, lambda time: _row(settings, info, segmenter, time, told))


def _row(
    settings: PreviewSettings,
    info: VideoInfo,
    segmenter: Segmenter,
    time: Fraction,
    damage: Damage,
) -> SheetRow:
    layer, _ = layer_at(settings, info, segmenter, time)
    frame, alpha = layer.frame, layer.alpha.plane
    size = fitted_size(info, settings.width, settings.width)
    shown = frame.time - info.container_start
    return SheetRow(
        time=shown,
        detail=f"{float(alpha.mean()) / frame.format.peak:.1%} people",
        pictures=(
            picture_of(frame, info, size),
            alpha_of(alpha, frame.format.peak, info, size),
            picture_of(over_background(settings, info, layer, size, damage), info, size),
        ),
    )


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


def _save(output: Path, title: str, subtitle: str, made: Moments) -> None:
    """Write a page or a picture of moments, whole or not at all."""
    with av_errors(OutputError, f"{output}: can't be written"):
        if output.suffix.lower() in PAGES:
            write_text(output, sheet_page(title, subtitle, made.columns, made.rows))
            return
        sheet = draw_contact_sheet(printable(title), subtitle, made.columns, made.rows)
        with written_whole(output) as temporary:
            sheet.save(temporary, FORMATS[output.suffix.lower()])
