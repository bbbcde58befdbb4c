"""Rendering of a stretch: some segments of a clip in one go, without the rest of it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing

from vidseg.frames.frame import Frame
from vidseg.jobs.job import Job, Stretch
from vidseg.jobs.people import people_of
from vidseg.jobs.segment_metrics import SegmentFigures
from vidseg.jobs.segment_sink import SegmentSink
from vidseg.matting.mask import Mask
from vidseg.matting.restarts import border, restart_before
from vidseg.networks.base import Segmenter
from vidseg.rendering.chain import open_chain
from vidseg.rendering.pipeline import painted, write_one
from vidseg.rendering.run import Run, Say
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
    """Render the segments of a stretch in one go; those before a failure are kept."""
    settings, info, (first, stop) = job.settings, job.info, stretch
    run = Run(settings, info, say, watch or Stopwatch(), survey=people_of(job))
    begin = None if first == job.first else restart_before(first, settings.matte.smooth)
    with ExitStack() as stack:
        sinks = [
            stack.enter_context(SegmentSink(target, index, settings, info, job.store))
            for index, target in enumerate(settings.targets)
        ]
        for sink in sinks:
            sink.begin(first, stop, run.damage, segmenter, opens=first == job.first)
        chain = open_chain(stack, run, sinks, segmenter, opening=job.opening, begin=begin)
        figures = SegmentFigures(job.store.folder, run, chain)
        wanted = _within(stretch, job.first, chain.pairs, figures, sinks)
        measured = settings.report is not None
        frames = painted(run, chain, wanted, sinks, measured=measured)
        for one in stack.enter_context(closing(frames)):
            figures.turn(one.frame.time)
            write_one(run, one, sinks, figures.quality)
            add(1)
        figures.finish()
        for sink in sinks:
            sink.finish()
    if run.bodies is not None and (note := run.bodies.note(segmenter.name)) is not None:
        say(note)


def _within(
    stretch: Stretch,
    very_first: int,
    pairs: Iterable[tuple[Frame, Mask]],
    figures: SegmentFigures,
    sinks: list[SegmentSink],
) -> Iterator[tuple[Frame, Mask]]:
    """Yield the pairs that lie in a stretch; tell the sinks where the clip goes on behind it."""
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
