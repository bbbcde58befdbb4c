"""Options that several commands share, and the settings made of them."""

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import click

from vidseg.media.image_sequence import sequence_near
from vidseg.settings import (
    DEFAULT_MODEL,
    MOST_PIXELS,
    EncodeSettings,
    MatteSettings,
    ModelSettings,
    RenderSettings,
)

F = TypeVar("F", bound=Callable[..., Any])

_MATTE = MatteSettings()


class Seconds(click.ParamType[Fraction]):
    """A time: seconds, or [HH:]MM:SS, with decimals."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Fraction:
        """Return exact seconds."""
        if isinstance(value, Fraction):
            return value
        match = re.fullmatch(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)", str(value).strip())
        if match is None:
            self.fail(
                f"{value!r} is no time; write seconds (12.5) or [HH:]MM:SS (1:02:03.5)", param, ctx
            )
        hours, minutes, seconds = match.groups()
        return int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(seconds.rstrip(".") or 0)


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


def with_default(
    name: str, default: float | str, meaning: str, unit: str | None = None
) -> Callable[[F], F]:
    """Return an option that takes what its default is, a number or a text, and shows it in its help."""
    return click.option(name, default=default, show_default=True, metavar=unit, help=meaning)


model_options = grouped(
    with_default("--model", DEFAULT_MODEL, "Network: a name of `vidseg models list`, or a path."),
    with_default("--device", "auto", "auto, cpu, gpu or gpu:N."),
    click.option(
        "--batch-size",
        type=int,
        help="Frames per call of the network.  [default: what the device likes]",
    ),
    with_default("--resolution", "auto", "Short side given to the network, or auto."),
    click.option(
        "--parts", help="Comma-separated body parts or groups to keep, or to blur with -b blur."
    ),
)
matte_options = grouped(
    with_default("--threshold", _MATTE.threshold, "Probability at the edge."),
    with_default("--smooth", _MATTE.smooth, "Window that steadies masks; 0 is off.", "SECONDS"),
    with_default("--feather", _MATTE.feather, "Extra softness of the edge.", "PIXELS"),
    with_default("--grow", _MATTE.grow, "Move the edge out, or in if negative.", "PIXELS"),
)
encode_options = grouped(
    with_default("--codec", "auto", "x264, x265, svt-av1, vp9, prores, dnxhd, ffv1, h264-nvenc, …"),
    click.option("--crf", type=float, help="Quality, lower is better.  [default: 18 for x264]"),
    click.option("--preset", help="Speed of the encoder.  [default: medium for x264]"),
    click.option("--pix-fmt", help="Pixel format.  [default: the source's]"),
    click.option(
        "--audio",
        type=click.Choice(["copy", "transcode", "none"]),
        default="copy",
        show_default=True,
        help="What becomes of the audio.",
    ),
)
_range_option = click.option(
    "--range",
    "matte_range",
    type=click.Choice(["auto", "full", "video"]),
    default="auto",
    show_default=True,
    help="Code values of a matte; auto: full for FFV1, PNG, Animation and pictures, else video.",
)
fps_option = click.option(
    "--fps", type=Rate(), help="Frame rate, where INPUT is pictures (frames/%05d.png)."
)
max_pixels_option = with_default(
    "--max-pixels",
    MOST_PIXELS,
    "Refuse larger pictures (width times height), which could take all memory.",
)
run_options = grouped(
    fps_option,
    click.option(
        "--hwaccel", help="Decode in hardware: cuda, vaapi, …; software where that fails."
    ),
    click.option("--start", type=Seconds(), help="Begin here: seconds or [HH:]MM:SS."),
    click.option("--end", type=Seconds(), help="End before this: seconds or [HH:]MM:SS."),
    max_pixels_option,
    click.option("--overwrite", is_flag=True, help="Replace the output if it exists."),
    click.option(
        "--resumable",
        is_flag=True,
        help="Render in segments; the same command goes on after a crash.",
    ),
    click.option(
        "--ray", metavar="ADDRESS", help="Render on a Ray cluster: auto, local, or its address."
    ),
    click.option(
        "--report",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write an account of the run here: a page (.html), or JSON.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
    click.option("-v", "--verbose", is_flag=True, help="Say more; show tracebacks."),
)
addresses_option = click.option(
    "--allow-urls",
    is_flag=True,
    help="Fetch what is named by http:// or https://, for this run only.",
)
render_options = grouped(
    model_options, matte_options, encode_options, _range_option, addresses_option, run_options
)
size_change_option = click.option(
    "--size-change",
    type=click.Choice(["box", "split"]),
    default="box",
    show_default=True,
    help="Where the size changes on the way: scaled into the first, or a file for each (out.2.mp4, …).",
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
    click.option(
        "--fit",
        type=click.Choice(["cover", "contain", "stretch"]),
        default="cover",
        show_default=True,
        help="How the background fills the frame.",
    ),
    click.option(
        "--no-decontaminate", is_flag=True, help="Leave the old background's colour in the edges."
    ),
)
output_option = click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write."
)


def model_of(options: dict[str, Any]) -> ModelSettings:
    """Return what `model_options` say."""
    resolution = options["resolution"]
    if resolution != "auto" and not resolution.isdigit():
        raise click.BadParameter(
            f"{resolution!r} is neither auto nor a number of pixels", param_hint="--resolution"
        )
    return ModelSettings(
        name=options["model"],
        device=options["device"],
        batch_size=options["batch_size"],
        resolution=None if resolution == "auto" else int(resolution),
        parts=tuple(name for name in (options["parts"] or "").split(",") if name.strip()),
    )


def matte_of(options: dict[str, Any]) -> MatteSettings:
    """Return what `matte_options` say, and `background_options` where a command has them."""
    names = ("threshold", "smooth", "feather", "grow")
    decontaminate = not options.get("no_decontaminate", False)
    return MatteSettings(decontaminate=decontaminate, **{name: options[name] for name in names})


def settings_of(options: dict[str, Any], **given: Any) -> RenderSettings:
    """Return the settings that a command's options ask for; `given` are fields of `RenderSettings`."""
    return RenderSettings(
        source=Path(options["source"]),
        output=options["output"],
        start=options["start"],
        end=options["end"],
        overwrite=options["overwrite"],
        hwaccel=options["hwaccel"],
        report=options["report"],
        frame_rate=options["fps"],
        max_pixels=options["max_pixels"],
        model=model_of(options),
        fit=options.get("fit", "cover"),
        size_change=options.get("size_change", "box"),
        matte=matte_of(options),
        encode=EncodeSettings(
            codec=options["codec"],
            crf=options["crf"],
            preset=options["preset"],
            pix_fmt=options["pix_fmt"],
            audio=options["audio"],
            range=options.get("matte_range", "auto"),
        ),
        **given,
    )
