"""Preview: a contact sheet, a picture or a page, of a few moments: the clip, mask and result."""

from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from vidseg.errors import OutputError
from vidseg.frames.frame import Frame
from vidseg.matting.mask import Mask
from vidseg.matting.mask_source import Layer, source_of_masks
from vidseg.matting.people.choice import Choice
from vidseg.matting.people.keeping import labels_on
from vidseg.matting.people.snapshot import Snapshot
from vidseg.matting.people.survey import Survey
from vidseg.matting.people.surveyor import Surveyor
from vidseg.media.damage import Damage, loss_behind
from vidseg.media.decode import Span
from vidseg.media.ffmpeg import av_errors, check_target
from vidseg.media.source import is_photo, probe
from vidseg.media.video_info import VideoInfo
from vidseg.networks import open_segmenter
from vidseg.networks.base import Segmenter
from vidseg.rendering import file_checks
from vidseg.rendering.comparison import compared
from vidseg.rendering.moments import Moments, at_moments, layer_at, over_background
from vidseg.rendering.people import lines_of, looked_through, survey_of
from vidseg.rendering.run import Say, silent
from vidseg.reports.clock import clock
from vidseg.reports.contact_sheet import SheetRow, draw_contact_sheet
from vidseg.reports.mask_metrics import PAGES
from vidseg.reports.people_marks import marked
from vidseg.reports.sheet_page import sheet_page
from vidseg.reports.thumbnails import alpha_of, fitted_size, picture_of
from vidseg.settings import BackgroundSpec, PreviewSettings
from vidseg.system.files import write_text, written_whole
from vidseg.system.text import printable

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""File extension → Pillow's name of the format."""

_SHORT_S = 30
"""Length of a clip that is looked through for people as well, which then takes seconds."""


def preview(
    settings: PreviewSettings, *, segmenter: Segmenter | None = None, say: Say = silent
) -> str:
    """Write the contact sheet that `settings` ask for and return a line about it.

    Only a short window of the source around each moment is decoded and segmented, unless some
    people are to be left out. `segmenter` stands in for the one that `settings.model` names, and is
    left open; `settings.models` are opened in any case. `say` gets a line for each person, where
    there are several. Raises a `VidsegError` for what can't be done.
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
    made = compared(settings, info) if settings.models else _masks(settings, info, segmenter, say)
    described = f"{_described(info)} · {made.by}"
    _save(output, settings.source.name, described, made)
    _, note = loss_behind(made.damage, settings.behind.path)
    beside = "" if note is None else f"; {note}"
    return f"{output}: {len({row.time for row in made.rows})} moments, {made.by}{beside}"


def _masks(
    settings: PreviewSettings, info: VideoInfo, segmenter: Segmenter | None, say: Say
) -> Moments:
    with ExitStack() as stack:
        if segmenter is None:
            segmenter = stack.enter_context(closing(open_segmenter(settings.model)))
        damage = Damage()
        survey = survey_of(info, Span(), settings.model, settings.people, segmenter, say=say)
        seen = _seen(settings, info, segmenter, survey, damage)
        found = survey or _met(settings, info, segmenter, seen)
    rows = [each.row for each in seen]
    columns = ["Original", "Mask", f"Result · {_name_of(settings.behind)}"]
    if len(found.people) > 1 or survey is not None:
        rows = [_marked(each, found, info) for each in seen]
        columns.append("People")
        for line in lines_of(found, info):
            say(line)
    return Moments(columns, rows, f"{segmenter.name} on {segmenter.device}", damage)


def moments(
    settings: PreviewSettings, info: VideoInfo, segmenter: Segmenter, damage: Damage | None = None
) -> list[SheetRow]:
    """Return the moments of a clip that `settings` ask for, in order: original, mask, result.

    `damage` is told what of the background can't be read.
    """
    seen = _seen(settings, info, segmenter, None, damage or Damage())
    return [each.row for each in seen]


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A moment's row, and its frame, small, with its mask."""

    row: SheetRow
    snapshot: Snapshot

    @property
    def time(self) -> Fraction:
        """When it is shown, in seconds of the player's clock."""
        return self.row.time


def _seen(
    settings: PreviewSettings,
    info: VideoInfo,
    segmenter: Segmenter,
    survey: Survey | None,
    damage: Damage,
) -> list[_Seen]:
    def look(time: Fraction) -> _Seen:
        layer, _ = layer_at(settings, info, segmenter, time, survey)
        mask = layer.mask if survey is None else _everybody(settings, info, segmenter, layer.frame)
        snapshot = Snapshot.of(layer.frame, mask, begins_shot=True)
        return _Seen(_row(settings, info, layer, damage), snapshot)

    return at_moments(settings, info, look)


def _everybody(
    settings: PreviewSettings, info: VideoInfo, segmenter: Segmenter, frame: Frame
) -> Mask:
    """Return the mask of all people in a frame, whole."""
    model = replace(settings.model, parts=(), part_map=False)
    source = source_of_masks(segmenter, model, settings.matte, info.orientation)
    return next(iter(source.follow([frame])))[1]


def _met(
    settings: PreviewSettings, info: VideoInfo, segmenter: Segmenter, seen: list[_Seen]
) -> Survey:
    """Return who is seen in a clip.

    In a long one who is seen in the moments, known again from one to the other by colours alone.
    """
    if info.duration is not None and info.duration <= _SHORT_S:
        return looked_through(info, Span(), settings.model, Choice(), segmenter)
    surveyor = Surveyor(Choice())
    for each in seen:
        surveyor.look(each.snapshot)
    return surveyor.survey()


def _marked(seen: _Seen, survey: Survey, info: VideoInfo) -> SheetRow:
    """Return the row of a moment with a picture more, in which people have their numbers."""
    row = seen.row
    upright = np.asarray(info.orientation.upright(labels_on(seen.snapshot, survey)), np.int32)
    return replace(row, pictures=(*row.pictures, marked(row.pictures[0], upright, survey.kept)))


def _row(settings: PreviewSettings, info: VideoInfo, layer: Layer, damage: Damage) -> SheetRow:
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
