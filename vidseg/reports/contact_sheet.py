"""Contact sheet: moments of a clip side by side, with headings and times; drawn by Pillow. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vidseg.reports.clock import clock

_PAPER, _INK, _FAINT, _LINE = (20, 22, 27), (236, 238, 242), (150, 156, 168), (48, 52, 61)
_MARGIN, _GAP, _RADIUS = 28, 12, 6
_TITLE, _TEXT, _SMALL = 24.0, 16.0, 13.0
_HEADER, _COLUMNS, _GUTTER, _LINE_HEIGHT = 74, 34, 132, 22
_ELLIPSIS = "…"


@dataclass(frozen=True, slots=True, eq=False)
class SheetRow:
    """One moment: time in seconds, the label's second line, and pictures, uint8 [h, w, 3] RGB.

    `label`: what stands in its first line instead of the time.
    """

    time: Fraction
    detail: str
    pictures: Sequence[NDArray[np.uint8]]
    label: str = ""

    @property
    def heading(self) -> str:
        """The label's first line."""
        return self.label or clock(self.time)


def draw_contact_sheet(
    title: str, subtitle: str, columns: Sequence[str], rows: Sequence[SheetRow]
) -> Image.Image:
    """Return the contact sheet of one or more rows, whose pictures all have one size.

    Where a column's heading is too wide, all go on below after the `` · `` that divides them.
    """
    height, width = rows[0].pictures[0].shape[:2]
    headings = _lines(columns, width)
    above = _COLUMNS + _LINE_HEIGHT * (max(map(len, headings)) - 1)
    whole = (
        2 * _MARGIN + _GUTTER + len(columns) * (width + _GAP) - _GAP,
        2 * _MARGIN + _HEADER + above + len(rows) * (height + _GAP) - _GAP,
    )
    paper = Image.new("RGB", whole, _PAPER)
    draw = ImageDraw.Draw(paper)
    room = whole[0] - 2 * _MARGIN
    _write(draw, (_MARGIN, _MARGIN), title, _TITLE, _INK, room)
    _write(draw, (_MARGIN, _MARGIN + 34), subtitle, _TEXT, _FAINT, room)
    line = _MARGIN + _HEADER - 8
    draw.line([(_MARGIN, line), (whole[0] - _MARGIN, line)], fill=_LINE)
    left, top = _MARGIN + _GUTTER, _MARGIN + _HEADER + above
    for index, lines in enumerate(headings):
        for number, text in enumerate(lines):
            place = (left + index * (width + _GAP), top - above + 6 + number * _LINE_HEIGHT)
            _write(draw, place, text, _TEXT, _FAINT if number else _INK, width)
    for index, row in enumerate(rows):
        _row(paper, draw, row, top + index * (height + _GAP))
    return paper


def _row(paper: Image.Image, draw: ImageDraw.ImageDraw, row: SheetRow, top: int) -> None:
    _write(draw, (_MARGIN, top), row.heading, _TEXT, _INK, _GUTTER)
    _write(draw, (_MARGIN, top + 24), row.detail, _SMALL, _FAINT, _GUTTER)
    for index, picture in enumerate(row.pictures):
        image = Image.fromarray(picture)
        left = _MARGIN + _GUTTER + index * (image.width + _GAP)
        paper.paste(image, (left, top), _rounded(image.size))
        frame = (left, top, left + image.width - 1, top + image.height - 1)
        draw.rounded_rectangle(frame, _RADIUS, outline=_LINE)


def _lines(headings: Sequence[str], room: int) -> list[list[str]]:
    """Return headings in one line each, or in two where one is wider than `room` pixels."""
    font = ImageFont.load_default(_TEXT)
    most = 0 if all(font.getlength(heading) <= room for heading in headings) else 1
    return [heading.split(" · ", most) for heading in headings]


def _rounded(size: tuple[int, int]) -> Image.Image:
    """Return a mask that rounds a picture's corners, anti-aliased by 4 x 4 supersampling."""
    large = Image.new("L", (4 * size[0], 4 * size[1]), 0)
    box = (0, 0, large.width - 1, large.height - 1)
    ImageDraw.Draw(large).rounded_rectangle(box, 4 * _RADIUS, fill=255)
    return large.resize(size, Image.Resampling.BOX)


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    size: float,
    colour: tuple[int, int, int],
    room: int,
) -> None:
    """Write a line of text, shortened at its end where it is wider than `room` pixels."""
    font = ImageFont.load_default(size)
    if draw.textlength(text, font) > room:
        while text and draw.textlength(text + _ELLIPSIS, font) > room:
            text = text[:-1]
        text += _ELLIPSIS
    draw.text(place, text, colour, font)
