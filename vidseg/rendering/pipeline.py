"""A render: probe → decode → segment → smooth → refine → composite → encode → mux."""

import itertools
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from vidseg.compositing.painters import Brush
from vidseg.frames.frame import Frame, OutputBuffer
from vidseg.matting.alpha import Alpha
from vidseg.matting.mask import Mask
from vidseg.matting.mask_source import Layer
from vidseg.media.source import probe
from vidseg.networks.base import Segmenter
from vidseg.rendering import file_checks
from vidseg.rendering.account import check_beside, conclude, new_report
from vidseg.rendering.chain import Chain, open_chain
from vidseg.rendering.clip_start import expected_frames
from vidseg.rendering.run import Progress, Run, Say, silent
from vidseg.rendering.sinks import Sink, open_sink
from vidseg.reports.run_report import Report
from vidseg.settings import RenderSettings
from vidseg.system.cores import workers
from vidseg.system.signals import deferred_signals
from vidseg.system.threads import in_order

if TYPE_CHECKING:
    from vidseg.reports.mask_metrics import Quality

_PAINTED_AHEAD, _LARGE_AHEAD, _LARGE = 4, 2, 4_000_000
"""Depth of the queue of frames that wait for the encoder, which takes several at once, or none.

Frames of as many pixels as the last take long enough, and much memory: 12 MB each at 4K.
"""

_CORES_PER_PAINTER, _MOST_PAINTERS = 3, 6
"""Painting takes a sixth to a quarter of a render's CPU time, and up to a third with a blur.

On two cores a second painter would only compete with the encoder.
"""


def render(
    settings: RenderSettings,
    *,
    segmenter: Segmenter | None = None,
    progress: Progress | None = None,
    say: Say = silent,
) -> Report:
    """Render a clip as `settings` say and return the account of it.

    `segmenter` stands in for the one that `settings.model` names, and is left open. `progress` is
    called with (frames done, frames expected or `None`) after every frame; `say` gets lines for the
    user. Raises a `VidsegError` for whatever can't be done; no file is left under the output's name
    then.
    """
    return render_alike(settings, segmenter, progress, say, whole=True)[0]


def render_alike(
    settings: RenderSettings,
    segmenter: Segmenter | None,
    progress: Progress | None,
    say: Say,
    *,
    whole: bool = False,
) -> tuple[Report, Fraction | None]:
    """Render up to where the size or the shape of pixels changes, or the `whole` clip.

    Return the account of it, and where it stopped, in seconds of the player's clock; `None`: at its
    end. See `render` for the rest.
    """
    begun = time.perf_counter()
    file_checks.check(settings)
    info = probe(settings.source, settings.frame_rate, settings.max_pixels)
    check_beside(settings, info)
    run = Run(settings, info, say, begun=begun)
    with ExitStack() as stack:
        with deferred_signals():
            opened = (open_sink(target, settings, info) for target in settings.targets)
            sinks = [stack.enter_context(sink) for sink in opened]
        chain = open_chain(stack, run, sinks, segmenter)
        run.info = chain.opening.info
        report = new_report(run, chain.segmenter, sinks)
        quality = _quality(run, chain)
        expected = expected_frames(run.info, run.span)
        stop: Fraction | None = None
        frames = painted(run, chain, chain.pairs, sinks, measured=quality is not None)
        for one in stack.enter_context(closing(frames)):
            if one.frame.changed_from is not None and not whole:
                stop = one.frame.time
                break
            write_one(run, one, sinks, quality)
            run.changes.pass_by(one.frame, run.info)
            report.frames_out += 1
            if progress is not None:
                progress(report.frames_out, expected)
        since = time.perf_counter()
        for sink in sinks:
            sink.finish(stop)
        run.watch.add("mux", since)
    if stop is not None:
        run.settings = replace(settings, end=stop - run.info.container_start)
        run.damage.end_at(stop)
    conclude(run, report, sinks, chain.opening, None if quality is None else quality.collected())
    return report, None if stop is None else run.settings.end


def _quality(run: Run, chain: Chain) -> "Quality | None":
    """Return what takes the figures of a report, `None` where none is asked for."""
    if run.settings.report is None:
        return None
    from vidseg.reports.mask_metrics import Quality

    return Quality.wanted(run.settings, run.info, chain.surfaces[0])


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """What waits to be written: `buffers`, one a sink, and the `frame` they were painted for.

    Where it is measured, `layer` is what was painted, its alpha as it shows; else only the frame's
    times are kept, not its picture.
    """

    frame: Frame
    buffers: list[OutputBuffer]
    layer: Layer | None = None


def painted(
    run: Run,
    chain: Chain,
    pairs: Iterable[tuple[Frame, Mask]],
    sinks: Sequence[Sink],
    *,
    measured: bool,
) -> Generator[Painted, None, None]:
    """Yield what was painted of every frame for each sink, refined and painted in threads.

    `pairs`: those of the chain, or some of them. `measured`: whether what is yielded will be, so
    that it comes with its layer.
    """

    def begun() -> Iterator[_Begun]:
        for frame, mask in pairs:
            since = time.perf_counter()
            buffers = [sink.new_buffer(frame) for sink in sinks]
            begun = _Begun(frame, mask, buffers, chain.painter.brush(frame))
            if run.bodies is not None:
                run.bodies.add(frame, mask)
            run.watch.add("paint", since)
            yield begun

    def paint(begun: _Begun) -> Painted:
        since = time.perf_counter()
        layer = Layer(begun.frame, begun.mask, chain.people.refine(begun.frame, begun.mask))
        planes = tuple(itertools.chain.from_iterable(each.planes for each in begun.buffers))
        shown = begun.brush(layer, planes)
        run.watch.add("paint", since)
        return _held(layer, shown, begun.buffers, measured=measured)

    first = chain.opening.first
    ahead = _PAINTED_AHEAD if first.width * first.height < _LARGE else _LARGE_AHEAD
    painters = workers(_CORES_PER_PAINTER, _MOST_PAINTERS)
    return in_order(begun(), paint, painters, ahead, name="painting")


@dataclass(frozen=True, slots=True, eq=False)
class _Begun:
    """What painting a frame takes: all that has to be got ready in the frames' order."""

    frame: Frame
    mask: Mask
    buffers: list[OutputBuffer]
    brush: Brush


def _held(layer: Layer, shown: Alpha, buffers: list[OutputBuffer], *, measured: bool) -> Painted:
    """Return what is kept of a painted frame until it is written."""
    if measured:
        return Painted(layer.frame, buffers, replace(layer, alpha=shown))
    return Painted(layer.frame.without_picture, buffers)


def write_one(
    run: Run, one: Painted, sinks: Sequence[Sink], quality: "Quality | None" = None
) -> None:
    """Measure what was painted of a frame, and write it to every sink."""
    if quality is not None and one.layer is not None:
        since = time.perf_counter()
        quality.note(one.layer.frame, one.layer.mask, one.layer.alpha, one.buffers[0].planes)
        run.watch.add("measure", since)
    for sink, buffer in zip(sinks, one.buffers, strict=True):
        sink.write(one.frame, buffer, run.watch)
