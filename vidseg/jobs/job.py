"""Job: one render in segments, and the stretches of segments that it is divided into."""

from dataclasses import dataclass
from typing import TypeAlias

from vidseg.errors import SettingsError
from vidseg.jobs.segment_store import Store, missing
from vidseg.matting.restarts import MOST_SEGMENTS, segment_at
from vidseg.media.image_sequence import is_numbered
from vidseg.media.mux import FORMATS
from vidseg.media.source import is_photo, probe
from vidseg.media.video_info import VideoInfo
from vidseg.rendering.clip_start import Opening, find_opening, player_span
from vidseg.settings import RenderSettings

Stretch: TypeAlias = tuple[int, int | None]
"""Segments [begin, stop); `None`: to the clip's end."""


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A render in segments: its settings, its source, where it begins, its store of segments."""

    settings: RenderSettings
    info: VideoInfo
    opening: Opening
    store: Store

    @property
    def first(self) -> int:
        """The number of the first segment."""
        return segment_at(self.opening.first.time)

    @property
    def estimated_stop(self) -> int | None:
        """The number after the last segment's, as the source claims; `None` where that can't be."""
        span = player_span(self.info, self.settings.start, self.settings.end)
        if self.info.duration is None:
            return None
        end = self.info.start + self.info.duration
        stop = max(self.first, segment_at(end if span.end is None else min(end, span.end))) + 1
        return stop if stop - self.first <= MOST_SEGMENTS else None


def open_job(settings: RenderSettings) -> Job:
    """Look at the source. Raises a `VidsegError` for what can't be rendered in segments."""
    for target in settings.targets:
        if target.path.suffix.lower() not in FORMATS or is_numbered(target.path):
            endings = ", ".join(FORMATS)
            raise SettingsError(
                f"{target.path}: only videos are rendered in segments; use {endings}"
            )
    info = probe(settings.source, settings.frame_rate, settings.max_pixels)
    if is_photo(info):
        raise SettingsError(
            f"{settings.source}: is a photo; "
            "`vidseg render` makes one of it, without --resumable and --ray"
        )
    opening = find_opening(settings, info)
    return Job(settings, opening.info, opening, Store(settings.output))


def remaining(job: Job, stretch: Stretch) -> list[Stretch]:
    """Return what of a stretch isn't finished yet."""
    begin, stop = stretch
    whole = job.store.records(begin, len(job.settings.targets), stop)
    parts = [(low, stop if high is None else high) for low, high in missing(whole, begin)]
    return [(low, high) for low, high in parts if high is None or low < high]
