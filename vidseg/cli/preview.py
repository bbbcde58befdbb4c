"""``vidseg preview``: a contact sheet to judge a clip, a model and a background by."""

import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from vidseg.cli.options import (
    Seconds,
    addresses_option,
    background_options,
    fps_option,
    matte_of,
    matte_options,
    max_pixels_option,
    model_of,
    model_options,
    output_option,
    source_argument,
    with_default,
)
from vidseg.cli.terminal import tell
from vidseg.settings import PreviewSettings
from vidseg.system.urls import fetched


class Times(click.ParamType[tuple[Fraction, ...]]):
    """Times with commas between."""

    name = "times"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Fraction, ...]:
        """Return exact seconds."""
        if isinstance(value, tuple):
            return value
        return tuple(
            Seconds().convert(word, param, ctx) for word in str(value).split(",") if word.strip()
        )


_SAME = ("output", "fit", "rows", "at", "width", "max_pixels", "overwrite")
"""Settings that are called like their option."""

_DEFAULTS = PreviewSettings(source=Path(), output=Path())


@click.command(
    epilog="""\b
Examples:
  vidseg preview talk.mp4 -o sheet.png
  vidseg preview talk.mp4 -o sheet.png -b beach.jpg --rows 8
  vidseg preview talk.mp4 -o sheet.png -b blur --at 0.5,12,1:02.5
  vidseg preview photo.jpg -o sheet.png
"""
)
@source_argument
@output_option
@click.option(
    "-b",
    "--background",
    default=_DEFAULTS.background,
    show_default=True,
    help="What render takes; transparent shows a checkerboard.",
)
@background_options
@with_default("--rows", _DEFAULTS.rows, "Moments, evenly spaced in the clip.")
@click.option(
    "--at", type=Times(), default=(), metavar="TIMES", help="These moments instead: 1.5,12,1:02:03."
)
@with_default("--width", _DEFAULTS.width, "Longer side of each picture.", "PIXELS")
@model_options
@matte_options
@fps_option
@max_pixels_option
@addresses_option
@click.option("--overwrite", is_flag=True, help="Replace the output if it exists.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("-v", "--verbose", is_flag=True, help="Show tracebacks.")
def preview(*, source: str, background: str, quiet: bool, verbose: bool, **options: Any) -> None:
    """Draw a contact sheet of INPUT: moments of it with their masks and results, without a render."""
    from vidseg.rendering.preview import preview as draw

    def say(line: str) -> None:
        if not quiet:
            tell(line)

    begun = time.monotonic()
    with fetched([source, background], allowed=options["allow_urls"], say=say) as (
        source,
        background,
    ):
        settings = PreviewSettings(
            source=Path(source),
            background=background,
            model=model_of(options),
            matte=matte_of(options),
            frame_rate=options["fps"],
            **{name: options[name] for name in _SAME},
        )
        done = draw(settings)
    say(f"{done}, {time.monotonic() - begun:.1f} s")
