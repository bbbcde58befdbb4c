"""People of a render in segments: looked for once, and read by whoever renders some of them."""

import json
from contextlib import ExitStack, closing
from pathlib import Path

from vidseg.errors import OutputError
from vidseg.jobs.job import Job
from vidseg.matting.people.survey import Survey
from vidseg.media.ffmpeg import av_errors
from vidseg.networks import open_segmenter
from vidseg.networks.base import Segmenter
from vidseg.rendering.clip_start import player_span
from vidseg.rendering.people import survey_of
from vidseg.rendering.run import Say
from vidseg.system.files import written_whole


def look_for_people(job: Job, segmenter: Segmenter | None, say: Say) -> None:
    """Leave in a job's store who is kept, unless an earlier run has, or everybody is.

    `segmenter` stands in for the network that the settings name. Raises `SettingsError` where
    nobody is at a point.
    """
    settings, path = job.settings, _path(job)
    if settings.people.everybody or path.exists():
        return
    with ExitStack() as stack:
        if segmenter is None:
            segmenter = stack.enter_context(closing(open_segmenter(settings.model, say=say)))
        span = player_span(job.info, settings.start, settings.end)
        survey = survey_of(job.info, span, settings.model, settings.people, segmenter, say=say)
    if survey is not None:
        with (
            av_errors(OutputError, f"{path}: can't be written"),
            written_whole(path, ending=".new") as temporary,
        ):
            temporary.write_text(json.dumps(survey.as_json()), "utf-8")


def people_of(job: Job) -> Survey | None:
    """Return who is kept in a job, as `look_for_people` left it; `None` where everybody is."""
    if job.settings.people.everybody:
        return None
    path = _path(job)
    try:
        return Survey.from_json(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError) as error:
        raise OutputError(f"{path}: who is kept can't be read any more; run again") from error


def _path(job: Job) -> Path:
    return job.store.survey
