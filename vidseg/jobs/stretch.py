"""Rendering of a stretch: some segments of a clip in one go, without the rest of it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing

from vidseg.frames.frame import Frame
from vidseg.jobs.job import Job, Stretch
from vidseg.jobs.segment_metrics import SegmentFigures
from vidseg.jobs.segment_sink import SegmentSink
from vidseg.matting.mask import Mask
from vidseg.matting.restarts import border, restart_before
from vidseg.media.decode import Damage
from vidseg.networks.base import Segmenter
from vidseg.rendering.pipeline import Say, choose_hwaccel, open_chain, painted, write_one
from vidseg.system.timing import Stopwatch


def render_stretch(
    job: Job,
    stretch: Stretch,
    segmenter: Segmenter,
    add: Callable[[int], None] = lambda _: None,
    *,
    watch: Stopwatch | None = None,
    say: Say = lambda _: None,
) -> None:
    """Render the segments of a stretch in one go; all of them, or those before a failure, are kept."""
    settings, info, (first, stop) = job.settings, job.info, stretch
    watch, damage = watch or Stopwatch(), Damage()
    begin = None if first == job.first else restart_before(first, settings.matte.smooth)
    with ExitStack() as stack:
        sinks = [
            stack.enter_context(SegmentSink(target, index, settings, info, job.store))
            for index, target in enumerate(settings.targets)
        ]
        for sink in sinks:
            sink.begin(first, stop, damage, segmenter, opens=first == job.first)
        hwaccel = choose_hwaccel(settings, [])
        opened = open_chain(
            stack, settings, info, sinks, damage, watch, hwaccel, segmenter, say,
            opening=job.opening, begin=begin,
        )  # fmt: skip
        figures = SegmentFigures(job.store.folder, settings, info, opened.surfaces[0])
        wanted = _within(stretch, job.first, opened.pairs, figures, sinks)
        measured = settings.report is not None
        frames = painted(opened, wanted, sinks, watch, measured=measured)
        for one in stack.enter_context(closing(frames)):
            figures.turn(one.frame.time)
            write_one(one, sinks, watch, figures.quality)
            add(1)
        figures.finish()
        for sink in sinks:
            sink.finish()


def _within(
    stretch: Stretch,
    very_first: int,
    pairs: Iterable[tuple[Frame, Mask]],
    figures: SegmentFigures,
    sinks: list[SegmentSink],
) -> Iterator[tuple[Frame, Mask]]:
    """Yield the pairs that lie in a stretch; where the clip goes on behind it, the sinks are told."""
    first, stop = stretch
    for frame, mask in pairs:
        if stop is not None and frame.time >= border(stop):
            for sink in sinks:
                sink.last = False
            return
        if frame.time < border(first) and first != very_first:
            figures.pass_by(frame, mask)
        else:
            yield frame, mask
