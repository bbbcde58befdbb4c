"""What is said on the terminal: lines, with nothing in them that a terminal would obey."""

import io
import sys
import traceback
from contextlib import suppress
from typing import Any, TextIO

import click

from vidseg.system.text import as_json, printable


def tell(line: object) -> None:
    """Print a line on standard error where it can be written to: a lost terminal ends no render."""
    with suppress(OSError):
        click.echo(_fitting(line, sys.stderr), err=True)


def tell_beside(bar: Any, line: object) -> None:
    """Print a line on standard error above a tqdm bar, or as `tell` does where there is none."""
    if bar is None:
        tell(line)
        return
    with suppress(OSError):
        bar.write(_fitting(line, sys.stderr), file=sys.stderr)


def tell_misuse(error: click.ClickException) -> None:
    """Print what click says of a command that was given wrong words."""
    told = io.StringIO()
    error.show(file=told)
    for line in told.getvalue().splitlines():
        tell(line)


def tell_traceback() -> None:
    """Print where the exception comes from that is being handled."""
    for line in traceback.format_exc().splitlines():
        tell(line)


def show(line: object) -> None:
    """Print a line on standard output: what was asked for."""
    click.echo(_fitting(line, sys.stdout))


def _fitting(line: object, stream: TextIO | None) -> str:
    """Return a line as a stream can take it: what its encoding hasn't is escaped as well."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return printable(line).encode(encoding, "backslashreplace").decode(encoding)


def show_json(value: Any) -> None:
    """Print JSON on standard output, in ASCII where that can't take all of it."""
    text = as_json(value)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = as_json(value, ascii_only=True)
    click.echo(text)
