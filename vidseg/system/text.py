"""Text that comes from files, their names and tags, made safe to show and to write."""

import json
import re
from typing import Any

_UNPRINTABLE_IN_JSON = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What JSON lets through and terminals obey, or UTF-8 can't hold: C1 controls, lone surrogates."""

_SPACES_AND_JOINERS = re.compile("[\xa0\u1680\u2000-\u200a\u200c\u200d\u202f\u205f\u3000]")
"""What Python calls unprintable in the names of files, and a terminal shows as what it is."""


def printable(text: object) -> str:
    r"""Return text in one line, its unprintable characters escaped as Python writes them.

    A tag can't clear or retitle a terminal by it; a byte of a name that is no UTF-8 is shown as
    ``\udce9``.
    """
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(c if _is_harmless(c) else c.encode("unicode_escape").decode() for c in shown)


def _is_harmless(character: str) -> bool:
    return character.isprintable() or _SPACES_AND_JOINERS.match(character) is not None


def as_json(value: Any, *, ascii_only: bool = False) -> str:
    """Return indented JSON fit for UTF-8 and terminals; parsed, it gives what `value` holds."""
    text = json.dumps(value, default=str, indent=2, ensure_ascii=ascii_only)
    return _UNPRINTABLE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def encoded(text: str) -> bytes:
    r"""Return text as UTF-8. Of a name that is none, the bytes are written as ``\udce9``.

    In JSON that is an escape: what reads it back, `os.fsencode` makes the name's bytes of.
    """
    return text.encode("utf-8", "backslashreplace")
