"""What ``-v`` adds to a run's result: the model's file, codecs, stage times, versions."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vidseg.errors import ModelError
from vidseg.settings import ModelSettings
from vidseg.system.cores import core_count

if TYPE_CHECKING:
    from vidseg.reports.run_report import Report


def details_of(report: "Report", model: ModelSettings) -> Iterator[str]:
    """Yield lines on a render that is done; `model`: what its settings say."""
    span = f"{report.start_s:.3f} to {report.end_s:.3f} s"
    size = f"{report.width}x{report.height}"
    stages = sorted(report.stage_s.items(), key=lambda stage: -stage[1])
    busy = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in stages)
    libraries = ", ".join(f"{name} {number}" for name, number in report.versions.items())
    yield f"  model: {report.model} on {report.device}, {model_file(model)}"
    yield f"  read: {report.source_codec}, {span}"
    yield f"  wrote: {report.output_codec} {report.pix_fmt} {size}, {report.frames_out} frames"
    yield f"  busy (stages overlap): {busy}"
    yield f"  on {core_count()} cores, with {libraries}"


def batch_details(model: ModelSettings, jobs: int | None) -> str:
    """Return a line on a batch that begins; `jobs`: clips at a time, `None` where that is open."""
    pace = f"{jobs} at a time on {core_count()} cores, " if jobs is not None else ""
    return f"{pace}model {model.name}, {model_file(model)}"


def model_file(model: ModelSettings) -> str:
    """Return where the published file of a model lies on this machine, or its own path."""
    from vidseg.models import MODELS, find

    if model.name not in MODELS:
        return model.name
    try:
        found = find(MODELS[model.name])
    except ModelError as error:  # the run is done, or will tell it
        return str(error)
    return str(found[1]) if found else "not on this machine"
