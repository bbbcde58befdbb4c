"""Options that several commands share, and the settings made of them."""

from collections.abc import Callable
from dataclasses import Field, dataclass, fields
from fractions import Fraction
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

import click

from vidseg.media.image_sequence import sequence_near
from vidseg.people_words import seconds_of
from vidseg.settings import (
    EncodeSettings,
    MatteSettings,
    ModelSettings,
    PeopleSettings,
    RenderSettings,
)

F = TypeVar("F", bound=Callable[..., Any])

_AS_MODEL_LIKES = "auto"
"""What --resolution says for `None`."""


class Seconds(click.ParamType[Fraction]):
    """A time: seconds, or [HH:]MM:SS, with decimals."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Fraction:
        """Return exact seconds."""
        if isinstance(value, Fraction):
            return value
        seconds = seconds_of(str(value))
        if seconds is None:
            self.fail(
                f"{value!r} is no time; write seconds (12.5) or [HH:]MM:SS (1:02:03.5)", param, ctx
            )
        return seconds


class Rate(click.ParamType[Fraction]):
    """Frames per second: 24, 23.976 or 24000/1001."""

    name = "rate"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Fraction:
        """Return the exact rate; 23.976, 29.97 and 59.94 mean the NTSC rates."""
        try:
            rate = Fraction(value)
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value!r} is no frame rate; write 24, 23.976 or 24000/1001", param, ctx)
        ntsc = Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)
        return ntsc if rate.denominator != 1 and abs(rate - ntsc) < Fraction(1, 200) else rate


def grouped(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Return one decorator that applies several, the first of them outermost."""

    def apply(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


def option(settings: type, field: str, meaning: str, *names: str, **looks: Any) -> Callable[[F], F]:
    """Return the option that sets a field of a class of settings; `meaning` is its help.

    Its name, default, type and choices are the field's, unless `names`, or `looks` for click, say
    otherwise.
    """
    about = _fields_of(settings)[field]
    looks = {"default": about.default, "show_default": True, **_of_type(about.type), **looks}
    return click.option(*(names or (f"--{field.replace('_', '-')}",)), field, help=meaning, **looks)


def _of_type(kind: Any) -> dict[str, Any]:
    """Return what click has to know of a field's type: a switch, choices, or a plain type."""
    if kind is bool:
        return {"is_flag": True, "show_default": False}
    if get_origin(kind) is Literal:
        return {"type": click.Choice(get_args(kind))}
    plain = [each for each in get_args(kind) if each is not NoneType]
    return {"type": plain[0] if plain else kind}


@dataclass(slots=True)
class Verbosity:
    """The context's object: whether -v was given, for what is told after the command."""

    verbose: bool = False


def verbose_option(meaning: str) -> Callable[[F], F]:
    """Return -v; its value stands in the context's `Verbosity` as well."""

    def note(context: click.Context, _: click.Parameter, verbose: bool) -> bool:
        context.ensure_object(Verbosity).verbose = verbose
        return verbose

    return click.option("-v", "--verbose", is_flag=True, callback=note, help=meaning)


def _fields_of(settings: type) -> dict[str, "Field[Any]"]:
    return {field.name: field for field in fields(settings)}


def given(settings: type, options: dict[str, Any]) -> dict[str, Any]:
    """Return those of a command's options that are fields of a class of settings."""
    return {name: options[name] for name in _fields_of(settings) if name in options}


model_options = grouped(
    option(ModelSettings, "name", "Network: a name of `vidseg models list`, or a path.", "--model"),
    option(ModelSettings, "device", "auto, cpu, gpu or gpu:N."),
    option(
        ModelSettings,
        "batch_size",
        "Frames per call of the network.  [default: what the device likes]",
    ),
    option(
        ModelSettings,
        "resolution",
        "Short side given to the network, or auto.",
        default=_AS_MODEL_LIKES,
        type=str,
    ),
    option(
        ModelSettings,
        "parts",
        "Comma-separated body parts or groups to keep, or to blur with -b blur.",
        default=None,
        type=str,
    ),
)
matte_options = grouped(
    option(MatteSettings, "threshold", "Probability at the edge."),
    option(MatteSettings, "smooth", "Window that steadies masks; 0 is off.", metavar="SECONDS"),
    option(MatteSettings, "feather", "Extra softness of the edge.", metavar="PIXELS"),
    option(MatteSettings, "grow", "Move the edge out, or in if negative.", metavar="PIXELS"),
)
people_options = grouped(
    option(
        PeopleSettings,
        "keep",
        "Whom to keep: all, main, a number of people, or X,Y[@TIME] (several times).",
        multiple=True,
        type=str,
    ),
    option(
        PeopleSettings,
        "drop",
        "Leave out whoever is at X,Y[@TIME] (several times).",
        multiple=True,
        type=str,
    ),
)
encode_options = grouped(
    option(EncodeSettings, "codec", "x264, x265, svt-av1, vp9, prores, dnxhd, ffv1, h264-nvenc, …"),
    option(EncodeSettings, "crf", "Quality, lower is better.  [default: 18 for x264]"),
    option(EncodeSettings, "preset", "Speed of the encoder.  [default: medium for x264]"),
    option(EncodeSettings, "pix_fmt", "Pixel format.  [default: the source's]"),
    option(EncodeSettings, "audio", "What becomes of the audio."),
)
_range_option = option(
    EncodeSettings,
    "range",
    "Code values of a matte; auto: full for FFV1, PNG, Animation and pictures, else video.",
)
fps_option = option(
    RenderSettings,
    "frame_rate",
    "Frame rate, where INPUT is pictures (frames/%05d.png).",
    "--fps",
    type=Rate(),
)
max_pixels_option = option(
    RenderSettings,
    "max_pixels",
    "Refuse larger pictures (width times height), which could take all memory.",
)
overwrite_option = option(RenderSettings, "overwrite", "Replace the output if it exists.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
run_options = grouped(
    fps_option,
    option(
        RenderSettings,
        "hwaccel",
        "Decode in hardware: cuda, vaapi, …; software where that fails.",
    ),
    option(RenderSettings, "start", "Begin here: seconds or [HH:]MM:SS.", type=Seconds()),
    option(RenderSettings, "end", "End before this: seconds or [HH:]MM:SS.", type=Seconds()),
    max_pixels_option,
    overwrite_option,
    click.option(
        "--resumable",
        is_flag=True,
        help="Render in segments; the same command goes on after a crash.",
    ),
    click.option(
        "--ray", metavar="ADDRESS", help="Render on a Ray cluster: auto, local, or its address."
    ),
    option(
        RenderSettings,
        "report",
        "Write an account of the run here: a page (.html), or JSON.",
        type=click.Path(path_type=Path, dir_okay=False),
    ),
    quiet_option,
    verbose_option("Say more; show tracebacks."),
)
addresses_option = click.option(
    "--allow-urls",
    is_flag=True,
    help="Fetch what is named by http:// or https://, for this run only.",
)
render_options = grouped(
    model_options,
    matte_options,
    people_options,
    encode_options,
    _range_option,
    addresses_option,
    run_options,
)
size_change_option = option(
    RenderSettings,
    "size_change",
    "Where the size changes on the way: scaled into the first, or a file for each (out.2.mp4, …).",
)


def _only(context: click.Context, _: click.Parameter, sources: tuple[str, ...]) -> str:
    """Return the only source; say what to do with the pictures that a shell made of ``*.png``."""
    if len(sources) == 1 or context.resilient_parsing:
        return "".join(sources[:1])
    near = sequence_near(Path(sources[0]))
    way_out = (
        "`vidseg batch` takes several" if near is None else f"name pictures as {near}, with --fps"
    )
    raise click.UsageError(f"one INPUT at a time, got {sources[0]}, {sources[1]}, …: {way_out}")


source_argument = click.argument(
    "source", metavar="INPUT", type=click.Path(), nargs=-1, required=True, callback=_only
)
background_options = grouped(
    option(RenderSettings, "fit", "How the background fills the frame."),
    option(
        MatteSettings,
        "decontaminate",
        "Leave the old background's colour in the edges.",
        "--no-decontaminate",
        flag_value=False,
    ),
)
output_option = click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write."
)


def model_of(options: dict[str, Any]) -> ModelSettings:
    """Return what `model_options` say."""
    resolution = options["resolution"]
    if resolution != _AS_MODEL_LIKES and not resolution.isdigit():
        raise click.BadParameter(
            f"{resolution!r} is neither auto nor a number of pixels", param_hint="--resolution"
        )
    parts = tuple(name for name in (options["parts"] or "").split(",") if name.strip())
    side = None if resolution == _AS_MODEL_LIKES else int(resolution)
    return ModelSettings(**{**given(ModelSettings, options), "resolution": side, "parts": parts})


def matte_of(options: dict[str, Any]) -> MatteSettings:
    """Return what `matte_options` say, and `background_options` where a command has them."""
    return MatteSettings(**given(MatteSettings, options))


def people_of(options: dict[str, Any]) -> PeopleSettings:
    """Return what `people_options` say."""
    return PeopleSettings(**given(PeopleSettings, options))


def settings_of(options: dict[str, Any]) -> RenderSettings:
    """Return the settings that the options of `render`, `matte` or `batch` ask for."""
    parts = {
        "source": Path(options["source"]),
        "model": model_of(options),
        "matte": matte_of(options),
        "people": people_of(options),
        "encode": EncodeSettings(**given(EncodeSettings, options)),
    }
    return RenderSettings(**{**given(RenderSettings, options), **parts})
