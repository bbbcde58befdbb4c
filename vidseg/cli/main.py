"""The `vidseg` program: its commands `render`, `matte` and `probe`, and how a process ends."""

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from vidseg.cli.batch import batch
from vidseg.cli.completion import completion
from vidseg.cli.exit_codes import ExitCode
from vidseg.cli.models import models
from vidseg.cli.options import (
    Verbosity,
    addresses_option,
    background_options,
    fps_option,
    max_pixels_option,
    option,
    output_option,
    render_options,
    settings_of,
    size_change_option,
    source_argument,
)
from vidseg.cli.preview import preview
from vidseg.cli.progress import FrameProgress
from vidseg.cli.terminal import show, show_json, tell, tell_misuse, tell_traceback
from vidseg.errors import SettingsError, VidsegError, name_options
from vidseg.settings import RenderSettings
from vidseg.system.urls import fetched, is_address

if TYPE_CHECKING:
    from vidseg.reports.run_report import Report

_STDERR = 2


def _show_versions(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from vidseg.cli.versions import described

        for line in described().splitlines():
            show(line)
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_versions,
    help="Show the versions of vidseg and of what it rests on, and exit.",
)
def cli() -> None:
    """Give the people in a recorded clip a new background, or an alpha for an editor."""


cli.add_command(models)
cli.add_command(preview)
cli.add_command(batch)
cli.add_command(completion)


@cli.command(
    epilog="""\b
Examples:
  vidseg render talk.mp4 -o out.mp4 -b office.jpg
  vidseg render talk.mp4 -o out.mp4 -b beach.mp4 --fit cover
  vidseg render talk.mp4 -o out.mp4 -b '#00b140'
  vidseg render talk.mp4 -o out.mp4 -b blur:20
  vidseg render talk.mp4 -o out.mp4 -b blur --parts face
  vidseg render talk.mp4 -o out.mov -b transparent
  vidseg render talk.mp4 -o out.mp4 --pair
  vidseg render talk.mp4 -o people.mov -b office.jpg --otio talk.otio
  vidseg render talk.mp4 -o frames/%05d.png -b transparent
  vidseg render frames/%05d.png --fps 24 -o out.mp4 -b office.jpg
  vidseg render photo.jpg -o cut-out.png -b transparent
"""
)
@source_argument
@output_option
@click.option(
    "-b",
    "--background",
    help="A picture, video or bg/%05d.png (looped), #RRGGBB or a colour, blur[:STRENGTH], "
    "transparent.",
)
@option(
    RenderSettings,
    "pair",
    "No background: people as OUTPUT's name with .fgr, their matte with .matte.",
)
@option(
    RenderSettings,
    "timeline",
    "Write a timeline for editors (.otio, .fcpxml): -b below, OUTPUT with its alpha above, "
    "the sound.",
    "--otio",
    type=click.Path(path_type=Path, dir_okay=False),
)
@option(RenderSettings, "premultiplied", "With -b transparent: colours multiplied by alpha.")
@background_options
@size_change_option
@render_options
def render(background: str | None, **options: Any) -> None:
    """Put the people of INPUT before a new background, with the original audio.

    OUTPUT's ending says what is written: .mp4, .mov, .mkv or .webm; pictures where its name holds a
    place for a number (out/%05d.png); one picture where INPUT is one.
    """
    if background is None and not options["pair"]:
        raise click.UsageError(
            "Give a background with -b, or --pair for people and matte as two files."
        )
    _run({**options, "background": "transparent" if background is None else background})


@cli.command(
    epilog="""\b
Examples:
  vidseg matte talk.mp4 -o matte.mp4
  vidseg matte talk.mp4 -o matte.mkv --codec ffv1
  vidseg matte talk.mp4 -o hole.mov --codec prores --invert
  vidseg matte talk.mp4 -o matte/%05d.png --pix-fmt gray16be
  vidseg matte photo.jpg -o matte.png
  vidseg matte talk.mp4 -o parts.mkv --parts-map --codec ffv1
"""
)
@source_argument
@output_option
@option(RenderSettings, "invert", "White for the background, black for the people.")
@click.option(
    "--parts-map", is_flag=True, help="Body parts, each in its colour, instead of the alpha."
)
@size_change_option
@render_options
def matte(parts_map: bool, **options: Any) -> None:
    """Write the people's alpha as a grey video, or as pictures: white where they are."""
    _run({**options, "kind": "parts" if parts_map else "matte"})


@cli.command(epilog="Example: vidseg probe talk.mp4")
@source_argument
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@fps_option
@max_pixels_option
@addresses_option
def probe(
    source: str, as_json: bool, frame_rate: Fraction | None, max_pixels: int, allow_urls: bool
) -> None:
    """Show what is known of INPUT."""
    from vidseg.media import source as sources

    with fetched([source], allowed=allow_urls, say=tell) as (path,):
        info = sources.probe(Path(path), frame_rate, max_pixels)
        photo = sources.is_photo(info)
    if as_json:
        show_json(asdict(info))
        return
    width, height = info.shown_size
    rate = f"{float(info.average_rate):.3f} fps" if info.average_rate else "unknown rate"
    length = f"{float(info.duration):.3f} s" if info.duration is not None else "unknown length"
    times = "" if photo else f", {length}, starts at {float(info.start):.3f} s"
    show(f"{info.path}: {info.container}{times}")
    size, pace = f"{info.width}x{info.height}", "" if photo else f", {rate}"
    show(f"  picture: {info.codec} {size} {info.pix_fmt}{pace}, shown at {width}x{height}")
    for stream in info.streams:
        words = (
            stream.kind,
            stream.codec,
            stream.detail,
            stream.language or "",
            stream.title or "",
        )
        show(f"  stream {stream.index}: " + " ".join(word for word in words if word))


def _run(options: dict[str, Any]) -> None:
    """Render what the options ask for; leave with `ExitCode.DAMAGED` where the source was damaged.

    Beside the command's own options there may be settings that it implies, such as `kind`.
    """
    with FrameProgress(options["quiet"]) as progress, _local(options, progress) as local:
        settings = settings_of({**options, **local})
        report = _render(settings, options, progress)
    _tell_result(report, settings, progress, verbose=options["verbose"])
    if report.damaged:
        lost = ", ".join(
            f"{name.replace('_', ' ')}: {count:g}" for name, count in report.damage.items() if count
        )
        tell(
            f"vidseg: {settings.source}: the {report.damaged_input} is damaged ({lost}); "
            "what could be read is done"
        )
        sys.exit(ExitCode.DAMAGED)


def _tell_result(
    report: "Report", settings: RenderSettings, progress: FrameProgress, *, verbose: bool
) -> None:
    """Say what was written; with -v also what of, by what, and how long each stage took."""
    beside = [str(path) for path in (settings.timeline, settings.report) if path is not None]
    made = ", ".join([report.output, *beside])
    progress.say(f"{made}: {report.frames_out} frames in {report.wall_s:.1f} s")
    if verbose:
        from vidseg.cli.run_details import details_of

        for line in details_of(report, settings.model):
            progress.say(line)


@contextmanager
def _local(options: dict[str, Any], progress: FrameProgress) -> Iterator[dict[str, str]]:
    """Give a run's source and background as files here, fetched where they are addresses."""
    names = {name: options[name] for name in ("source", "background") if name in options}
    for setting, name in (("resumable", "resumable"), ("ray", "ray"), ("timeline", "otio")):
        if options.get(setting) and any(map(is_address, names.values())):
            raise SettingsError(
                f"--{name} needs files that stay: download what has an address, and name it"
            )
    wanted = list(names.values())
    with fetched(wanted, allowed=options["allow_urls"], say=progress.say) as paths:
        yield dict(zip(names, paths, strict=True))


def _render(settings: RenderSettings, options: dict[str, Any], progress: FrameProgress) -> "Report":
    if options["ray"] is None and not options["resumable"]:
        from vidseg.rendering import split

        return split.render(settings, progress=progress.update, say=progress.say)
    if settings.size_change == "split":
        raise SettingsError(
            "--size-change split makes several files, a render in segments one; leave it out"
        )
    try:
        if options["ray"] is not None:
            from vidseg.jobs.ray_workers import render_on

            return render_on(options["ray"], settings, progress=progress.update, say=progress.say)
        from vidseg.jobs import resume

        return resume.render(settings, progress=progress.update, say=progress.say)
    except KeyboardInterrupt:
        tell("vidseg: interrupted; the same command goes on from here")
        sys.exit(ExitCode.INTERRUPTED)


def _terminated(_: int, __: FrameType | None) -> None:
    """Treat SIGTERM and SIGHUP like Ctrl-C: all is closed, and nothing half-written stays."""
    raise KeyboardInterrupt


def _open_standard_streams() -> None:
    """Open what is closed of the standard streams, towards nothing.

    The next file that is opened would get the stream's number, and with it what libraries write
    there.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(number)
    if sys.stderr is None:
        sys.stderr = open(_STDERR, "w", closefd=False)  # noqa: SIM115 (open to the end)


def _empty_standard_streams() -> None:
    """Write out what they hold, towards nothing where they are full.

    Python does it at its end, and where it fails, exits with 120 in place of our code.
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def main() -> None:
    """Run the command line; errors become one line and an exit code."""
    try:
        _answered()
    finally:
        _empty_standard_streams()


def _answered() -> None:
    """Run the command and leave, with what went wrong in one line."""
    _open_standard_streams()
    name_options()
    signal.signal(signal.SIGTERM, _terminated)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # `nohup` has it ignored
        signal.signal(signal.SIGHUP, _terminated)
    verbosity = Verbosity()
    try:
        cli.main(standalone_mode=False, obj=verbosity)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        tell_misuse(error)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        tell("vidseg: interrupted; nothing was written")
        sys.exit(ExitCode.INTERRUPTED)
    except VidsegError as error:
        if verbosity.verbose:
            tell_traceback()
        tell(f"vidseg: {error}")
        sys.exit(ExitCode.ERROR)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            _report_bug(error, verbose=verbosity.verbose)
        tell("vidseg: no space left, where standard output goes or for temporary files; make room")
        sys.exit(ExitCode.ERROR)
    except Exception as error:
        _report_bug(error, verbose=verbosity.verbose)


def _report_bug(error: Exception, *, verbose: bool) -> NoReturn:
    """Leave after a bug of ours: still one line, with the way to the rest."""
    if verbose:
        tell_traceback()
    told = f"{type(error).__name__}: {error}"
    tell(f"vidseg: internal error, {told}; please report it, with what -v shows")
    sys.exit(ExitCode.ERROR)
