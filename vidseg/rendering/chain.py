"""The chain from a source to refined frames, in threads: decode → segment → smooth → refine.

Renders, segments of renders and the library share it.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction

from vidseg.compositing.painters import Painter, Surface, open_painter
from vidseg.errors import VidsegError
from vidseg.frames.frame import Frame
from vidseg.matting.mask import Mask
from vidseg.matting.mask_source import MaskSource, source_of_masks
from vidseg.matting.restarts import SHOT_LEAD_S
from vidseg.media.damage import Damage
from vidseg.media.decode import Span, hardware_trouble
from vidseg.media.source import frames_of
from vidseg.media.video_info import VideoInfo
from vidseg.networks import open_segmenter
from vidseg.networks.base import Segmenter
from vidseg.rendering.clip_start import Opening, opened
from vidseg.rendering.people import survey_of
from vidseg.rendering.run import Run, Say
from vidseg.rendering.sinks import Sink
from vidseg.rendering.whole_bodies import WholeBodies
from vidseg.settings import RenderSettings
from vidseg.system.threads import BackgroundCall, leaving, one_thread_each, prefetch
from vidseg.system.timing import Stopwatch

_FRAMES_AHEAD = 1
"""Depth of the queues between threads: spans of frames are taken at once, so more gain nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """An opened chain.

    `pairs` gives every frame with its mask, `people` refines these, `painter` makes planes of what
    is refined, on `surfaces`, one for each sink.
    """

    pairs: Iterator[tuple[Frame, Mask]]
    people: MaskSource
    painter: Painter
    surfaces: tuple[Surface, ...]
    segmenter: Segmenter
    opening: Opening


def open_chain(
    stack: ExitStack,
    run: Run,
    sinks: Sequence[Sink],
    segmenter: Segmenter | None,
    *,
    opening: Opening | None = None,
    begin: Fraction | None = None,
) -> Chain:
    """Open everything between the source and the sinks, start those, leave its closing to `stack`.

    `segmenter` stands in for the network that the settings name. With an `opening`, found before,
    the clip may be entered at `begin`, a restart of `vidseg.matting.restarts`: its frames and masks
    from there on are those of a chain that began with the clip.
    """
    settings, info, span = run.settings, run.info, run.span
    stack.enter_context(one_thread_each())
    network = None if segmenter is not None else stack.enter_context(_network(settings))
    if begin is not None and begin <= (info.start if span.start is None else span.start):
        begin = None
    entered = span if begin is None else Span(begin - SHOT_LEAD_S, span.end, sharp=True)
    hwaccel = choose_hwaccel(settings, sinks[0].notes)
    frames = decoded(
        stack, info, entered, run.damage, run.watch, hwaccel=hwaccel, settle=opening is None
    )
    if opening is None:
        opening, frames = opened(settings, info, span, frames)
    full_range = [sink.full_range for sink in sinks]
    painter, surfaces = open_painter(settings, opening.info, opening.first, full_range, run.damage)
    stack.enter_context(closing(painter))
    sinks[0].notes += painter.notes
    for sink, surface in zip(sinks, surfaces, strict=True):
        sink.start(surface.layout, surface.colour, opening.cut, opening.info)
    if network is not None:
        segmenter = stack.enter_context(closing(_opened_network(network, settings, run.say)))
    assert segmenter is not None, "given, or opened"
    written = " and ".join(f"{sink.codec} {sink.pix_fmt}" for sink in sinks)
    run.say(f"{info.path}: {segmenter.name} on {segmenter.device}, {written}")
    if run.survey is None and not settings.people.everybody:
        since = time.perf_counter()
        given = (settings.model, settings.people, segmenter)
        run.survey = survey_of(opening.info, span, *given, say=run.say)
        run.watch.add("people", since)
    orientation = opening.info.orientation
    if not segmenter.traits.whole_bodies:
        run.bodies = WholeBodies(orientation)
    people = source_of_masks(segmenter, settings.model, settings.matte, orientation, run.survey)
    pairs = followed(stack, frames, people, run.watch, begin)
    return Chain(pairs, people, painter, surfaces, segmenter, opening)


def decoded(
    stack: ExitStack,
    info: VideoInfo,
    span: Span,
    damage: Damage,
    watch: Stopwatch,
    *,
    hwaccel: str | None = None,
    settle: bool = True,
) -> Iterator[Frame]:
    """Return the frames of a source in `span`, decoded in a thread, whose end is left to `stack`.

    See `vidseg.media.decode.decode` for `damage`, `hwaccel` and `settle`.
    """
    frames = watch.through("decode", frames_of(info, span, damage, hwaccel, settle=settle))
    return stack.enter_context(leaving(prefetch(frames, _FRAMES_AHEAD, name="decode")))


def followed(
    stack: ExitStack,
    frames: Iterable[Frame],
    people: MaskSource,
    watch: Stopwatch,
    begin: Fraction | None = None,
) -> Iterator[tuple[Frame, Mask]]:
    """Return frames with their masks, found in a thread, whose end is left to `stack`.

    A stall of that thread or of the decoder's ends in `StalledError`. `begin`: see
    `MaskSource.follow`.
    """
    arriving = watch.through("waiting for frames", frames)
    pairs = watch.through("segment", people.follow(arriving, begin))
    return stack.enter_context(leaving(prefetch(pairs, _FRAMES_AHEAD, name="segmentation")))


def choose_hwaccel(settings: RenderSettings, notes: list[str]) -> str | None:
    """Return the hardware decoder to use, `None` with a note where it doesn't work."""
    if settings.hwaccel is None:
        return None
    trouble = hardware_trouble(settings.source, settings.hwaccel)
    if trouble is None:
        return settings.hwaccel
    notes.append(f"--hwaccel {settings.hwaccel} doesn't work here ({trouble}); decoded in software")
    return None


class _TooEarlyError(Exception):
    """A model would be fetched or converted before source and targets are known to be good."""


def _too_early(_: str) -> None:
    raise _TooEarlyError


def _network(settings: RenderSettings) -> BackgroundCall[Segmenter]:
    """Return the opening of the network, which takes place beside that of all else."""
    return BackgroundCall(lambda: open_segmenter(settings.model, say=_too_early), name="network")


def _opened_network(
    begun: BackgroundCall[Segmenter], settings: RenderSettings, say: Say
) -> Segmenter:
    try:
        return begun.result()
    except (_TooEarlyError, VidsegError):  # done, or told, in its turn
        return open_segmenter(settings.model, say=say)
