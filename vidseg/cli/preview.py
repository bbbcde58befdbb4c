"""``vidseg preview``: a contact sheet to judge a clip, a model and a background by."""

import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from vidseg.cli.options import (
    Seconds,
    addresses_option,
    background_options,
    fps_option,
    given,
    matte_of,
    matte_options,
    max_pixels_option,
    model_of,
    model_options,
    option,
    output_option,
    overwrite_option,
    people_of,
    people_options,
    quiet_option,
    source_argument,
    verbose_option,
)
from vidseg.cli.terminal import tell
from vidseg.errors import SettingsError
from vidseg.settings import PreviewSettings
from vidseg.system.urls import fetched


class Names(click.ParamType[tuple[str, ...]]):
    """Names with commas between."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the names."""
        if isinstance(value, tuple):
            return value
        return tuple(word.strip() for word in str(value).split(",") if word.strip())


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


@click.command(
    epilog="""\b
Examples:
  vidseg preview talk.mp4 -o sheet.png
  vidseg preview talk.mp4 -o sheet.png -b beach.jpg --rows 8
  vidseg preview talk.mp4 -o sheet.png -b blur --at 0.5,12,1:02.5
  vidseg preview photo.jpg -o sheet.png
  vidseg preview talk.mp4 -o sheet.png --keep 412,305@2.5
  vidseg preview talk.mp4 -o networks.png --models bodypix-050-s16,selfie,rvm
"""
)
@source_argument
@output_option
@option(
    PreviewSettings,
    "background",
    "What render takes; transparent shows a checkerboard.",
    "-b",
    "--background",
)
@background_options
@option(PreviewSettings, "rows", "Moments, evenly spaced in the clip.")
@option(PreviewSettings, "at", "These moments instead: 1.5,12,1:02:03.", type=Times())
@option(PreviewSettings, "width", "Longer side of each picture.", metavar="PIXELS")
@option(
    PreviewSettings, "models", "Networks to put side by side, with commas between.", type=Names()
)
@model_options
@matte_options
@people_options
@fps_option
@max_pixels_option
@addresses_option
@overwrite_option
@quiet_option
@verbose_option("Show tracebacks.")
def preview(**options: Any) -> None:
    """Draw a contact sheet of INPUT: its moments, their masks and results, without a render."""
    from vidseg.rendering.preview import preview as draw

    def say(line: str) -> None:
        if not options["quiet"]:
            tell(line)

    begun = time.monotonic()
    names = [options["source"], options["background"]]
    with fetched(names, allowed=options["allow_urls"], say=say) as (source, background):
        settings = _settings({**options, "source": Path(source), "background": background})
        done = draw(settings, say=say)
    say(f"{done}, {time.monotonic() - begun:.1f} s")


def _settings(options: dict[str, Any]) -> PreviewSettings:
    source = click.get_current_context().get_parameter_source("name")
    if options["models"] and source is not ParameterSource.DEFAULT:
        raise SettingsError("--models names all networks; leave --model out")
    parts = {
        "model": model_of(options),
        "matte": matte_of(options),
        "people": people_of(options),
    }
    return PreviewSettings(**{**given(PreviewSettings, options), **parts})
