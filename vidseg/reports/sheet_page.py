"""HTML page of a contact sheet, in the style of the report. Pure."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from vidseg.reports.clock import clock
from vidseg.reports.contact_sheet import SheetRow
from vidseg.reports.template import data_uri, filled, shown
from vidseg.reports.thumbnails import jpeg


def sheet_page(title: str, subtitle: str, columns: Sequence[str], rows: Sequence[SheetRow]) -> str:
    """Return the page of a contact sheet; see `vidseg.reports.contact_sheet.draw_contact_sheet`."""
    moments = groupby(rows, key=lambda row: row.time)
    values = {
        "title": shown(f"{title} - vidseg"),
        "heading": shown(title),
        "described": shown(subtitle),
        "moments": "".join(_moment(clock(time), columns, same) for time, same in moments),
    }
    return filled("sheet.html", values)


def _moment(time: str, columns: Sequence[str], rows: Iterable[SheetRow]) -> str:
    """Return the section of a moment: each row's words above its pictures."""
    text = f'<section class="sheet"><h2>{time}</h2>'
    for row in rows:
        words = " · ".join(word for word in (row.label, row.detail) if word)
        above = f'<p class="small faint">{shown(words)}</p>' if words else ""
        text += f'{above}<div class="pictures">{_pictures(time, columns, row)}</div>'
    return f"{text}</section>"


def _pictures(time: str, columns: Sequence[str], row: SheetRow) -> str:
    what = f", {row.label}" if row.label else ""
    return "".join(
        f'<figure><img alt="{shown(column + what)} at {time}" src="{data_uri(jpeg(picture))}">'
        f"<figcaption>{shown(column)}</figcaption></figure>"
        for column, picture in zip(columns, row.pictures, strict=True)
    )
