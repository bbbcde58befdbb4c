"""``vidseg batch``: a folder of clips in one command."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from vidseg.cli.exit_codes import ExitCode
from vidseg.cli.options import (
    background_options,
    encode_options,
    matte_options,
    model_options,
    people_options,
    run_options,
    settings_of,
)
from vidseg.cli.progress import ClipProgress
from vidseg.cli.terminal import show, tell
from vidseg.errors import OutputError
from vidseg.settings import RenderSettings
from vidseg.system.text import as_json


@click.command(
    epilog="""\b
Examples:
  vidseg batch talks/ -o results -b office.jpg
  vidseg batch 'day1/*.mp4' extra.mov -o results -b blur --jobs 2
  vidseg batch talks/ -o mattes --matte --name '{stem}.matte.mkv' --codec ffv1
  vidseg batch /shared/talks -o /shared/results -b navy --ray auto

"""
    "Run it again after a crash, or with more clips in the folder: what is done is skipped, and a "
    "clip that was under way goes on where it was.\n"
)
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the results."
)
@click.option("-b", "--background", help="What render takes; not with --matte.")
@click.option("--matte", is_flag=True, help="Write mattes instead of pictures.")
@click.option("--parts-map", is_flag=True, help="With --matte: body parts, each in its colour.")
@background_options
@click.option(
    "--name",
    "name_pattern",
    default="{stem}{suffix}",
    show_default=True,
    help="Results' names, of {stem}, {suffix} and {number}.",
)
@click.option(
    "--jobs", type=click.IntRange(1, 256), help="Clips at a time.  [default: half the cores]"
)
@model_options
@matte_options
@people_options
@encode_options
@run_options
def batch(sources: tuple[str, ...], **options: Any) -> None:
    """Render every clip of SOURCE...: files, folders with all below them, patterns."""
    from vidseg.jobs.batch import (
        Clip,
        Outcome,
        endings_for,
        find_clips,
        is_done,
        settings_for,
        table,
    )
    from vidseg.media.ffmpeg import av_errors
    from vidseg.rendering.file_checks import check_batch

    folder: Path = options["output"]
    with av_errors(OutputError, f"-o {folder}: can't be looked at"):
        if folder.exists() and not folder.is_dir():
            raise click.UsageError(f"-o {folder}: is a file; name a folder for the results")
    if (options["background"] is None) != options["matte"]:
        raise click.UsageError("give either -b BACKGROUND or --matte")
    if options["parts_map"] and not options["matte"]:
        raise click.UsageError("--parts-map is for mattes; give --matte with it")
    _check_report(options["report"])
    common = _common(options, Path("source"), folder)
    closed: dict[Path, str] = {}
    clips = find_clips(sources, folder, options["name_pattern"], endings_for(common), closed)
    runs = [settings_for(clip, common) for clip in clips]
    # Without --overwrite, results that a shell's pattern names along with the clips are left as
    # they are.
    check_batch(runs, options["report"], [Path(each) for each in sources if common.overwrite])
    outcomes: list[Outcome | None] = [
        Outcome("skipped") if is_done(clip) and not common.overwrite else None for clip in clips
    ]
    todo = [number for number, outcome in enumerate(outcomes) if outcome is None]
    with av_errors(OutputError, f"-o {folder}: the folder can't be made"):
        folder.mkdir(parents=True, exist_ok=True)
    with (
        ClipProgress(len(clips), len(clips) - len(todo), options["quiet"]) as progress,
        _interruptible(),
    ):
        for place, outcome in _outcomes([runs[number] for number in todo], options, progress):
            outcomes[todo[place]] = outcome
            line = f"{clips[todo[place]].output}: {_in_words(outcome)}"
            progress.ended(place, line, failed=outcome.state == "failed")
    ended = [outcome for outcome in outcomes if outcome is not None]
    for path, why in closed.items():
        clips.append(Clip(path, path))
        ended.append(Outcome("failed", message=f"the folder can't be read: {why}"))
        tell(f"vidseg: {path}: {ended[-1].message}")
    if not options["quiet"]:
        for line in table(clips, ended, folder).splitlines():
            show(line)
    if options["report"] is not None:
        from vidseg.system.files import write_text

        rows = [{**asdict(c), **asdict(o)} for c, o in zip(clips, ended, strict=True)]
        with av_errors(
            OutputError, f"{options['report']}: the report can't be written, the batch is done"
        ):
            write_text(options["report"], as_json(rows) + "\n")
    states = {outcome.state for outcome in ended}
    if states & {"failed", "damaged"}:
        sys.exit(ExitCode.ERROR if "failed" in states else ExitCode.DAMAGED)


def _check_report(path: Path | None) -> None:
    """Refuse, before a night of work, an account that couldn't be written after it."""
    if path is None:
        return
    if path.suffix.lower() != ".json":  # which no clip is
        raise click.UsageError(f"--report {path}: the account of a batch is JSON; name it .json")
    if not path.parent.is_dir():
        raise click.UsageError(
            f"--report {path}: the folder {path.parent} doesn't exist; create it first"
        )


def _common(options: dict[str, Any], source: Path, output: Path) -> RenderSettings:
    """Return what all clips are rendered with; `source` and `output` stand for those of each."""
    paths = {"source": source, "output": output, "report": None}
    matte = {"kind": "parts" if options["parts_map"] else "matte", "background": "black"}
    return settings_of({**options, **paths, **(matte if options["matte"] else {})})


def _outcomes(
    jobs: list[RenderSettings], options: dict[str, Any], progress: ClipProgress
) -> Iterator[Any]:
    """Yield (place among the jobs, outcome) from workers here or on a cluster."""
    from vidseg.jobs.batch import Workers

    if not jobs:
        return
    model, count = jobs[0].model, options["jobs"]
    workers: Workers
    if options["ray"] is not None:
        from vidseg.jobs.ray_workers import RayWorkers

        workers = RayWorkers(options["ray"], model, count, say=progress.say)
    else:
        from vidseg.jobs.local_workers import LocalWorkers, default_jobs

        count = count or default_jobs(model)
        workers = LocalWorkers(model, count)
    if options["verbose"]:
        from vidseg.cli.run_details import batch_details

        progress.say(batch_details(model, count))
    try:
        yield from workers.run(jobs, progress.share)
    finally:
        workers.close()


def _in_words(outcome: Any) -> str:
    if outcome.state == "failed":
        return f"failed: {outcome.message}"
    lost = f", but something is damaged ({outcome.message})" if outcome.message else ""
    return f"{outcome.frames} frames in {outcome.seconds:.1f} s{lost}"


@contextmanager
def _interruptible() -> Iterator[None]:
    """Say on Ctrl-C that the same command goes on."""
    try:
        yield
    except KeyboardInterrupt:
        tell("vidseg: interrupted; the same command goes on from here")
        sys.exit(ExitCode.INTERRUPTED)
