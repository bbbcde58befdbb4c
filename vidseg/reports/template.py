"""Templates of pages: text and pictures put into them, and the style that all pages share. Pure."""

import base64
from collections.abc import Mapping
from html import escape
from importlib.resources import files

from vidseg.system.text import printable


def filled(name: str, values: Mapping[str, str]) -> str:
    """Return the template `name` of this package, each ``{{key}}`` replaced by its HTML.

    ``{{style}}`` is what stands in page.css.
    """
    folder = files("vidseg.reports")
    values = {**values, "style": (folder / "page.css").read_text("utf-8")}
    head, *pieces = (folder / name).read_text("utf-8").split("{{")
    return head + "".join(
        values[key] + rest for key, _, rest in (piece.partition("}}") for piece in pieces)
    )


def shown(text: str) -> str:
    """Return text as HTML shows it; of a file's name, what can't be printed is escaped."""
    return escape(printable(text))


def data_uri(jpeg: bytes) -> str:
    """Return the address that holds a JPEG itself."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
