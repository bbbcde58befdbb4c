"""The whole journey: probe → decode → segment → smooth → refine → composite → encode → mux."""

import itertools
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from vidseg.compositing.painters import Painter, Surface, open_painter
from vidseg.errors import VidsegError, worded
from vidseg.frames.frame import Blank, Frame
from vidseg.matting.alpha import Alpha
from vidseg.matting.mask import Mask
from vidseg.matting.mask_source import TrackedSource
from vidseg.matting.restarts import SHOT_LEAD_S
from vidseg.media.decode import Damage, Span, hardware_trouble
from vidseg.media.ffmpeg import library_versions
from vidseg.media.file_length import missing_bytes
from vidseg.media.lost_pictures import told
from vidseg.media.mux import Cut
from vidseg.media.picture_changes import Course
from vidseg.media.source import frames_of, look
from vidseg.media.video_info import StreamInfo, VideoInfo
from vidseg.networks import open_segmenter
from vidseg.networks.base import Segmenter
from vidseg.rendering import file_checks
from vidseg.rendering.clip_start import Opening, expected_frames, missing_s, opened, player_span
from vidseg.rendering.sinks import Sink, open_sink
from vidseg.reports.run_report import Report
from vidseg.settings import RenderSettings
from vidseg.system.signals import held_back
from vidseg.system.threads import Begun, leaving, one_thread_each, prefetch
from vidseg.system.timing import Stopwatch

if TYPE_CHECKING:
    from vidseg.reports.mask_metrics import Quality
    from vidseg.reports.metrics import Collected

FRAMES_AHEAD = 1
"""Depth of the queues between threads: spans of frames are taken at once, so that more gain nothing."""

_PAINTED_AHEAD, _LARGE_AHEAD, _LARGE = 4, 2, 4_000_000
"""The same for frames that wait for the encoder, which takes none for a while and then several at once.

Frames of as many pixels as the last take long enough, and much memory: 12 MB each at 4K.
"""

Progress: TypeAlias = Callable[[int, int | None], None]
Say: TypeAlias = Callable[[str], None]


def _silent(_: str) -> None:
    """Say nothing."""


def render(
    settings: RenderSettings,
    *,
    segmenter: Segmenter | None = None,
    progress: Progress | None = None,
    say: Say = _silent,
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
    watch, damage, course = Stopwatch(), Damage(), Course()
    file_checks.check(settings)
    info = look(settings.source, settings.frame_rate, settings.max_pixels)
    check_beside(settings, info)
    with ExitStack() as stack:
        with held_back():
            sinks = [
                stack.enter_context(open_sink(target, settings, info))
                for target in settings.targets
            ]
        hwaccel = choose_hwaccel(settings, sinks[0].notes)
        chain = open_chain(stack, settings, info, sinks, damage, watch, hwaccel, segmenter, say)
        info = chain.opening.info
        report = new_report(settings, info, chain.segmenter, sinks)
        quality = _quality(settings, info, chain.surfaces[0])
        expected = expected_frames(info, player_span(info, settings.start, settings.end))
        frames = painted(chain, chain.pairs, sinks, watch, measured=quality is not None)
        stop: Fraction | None = None
        for one in stack.enter_context(closing(frames)):
            if one.frame.changed_from is not None and not whole:
                stop = one.frame.time
                break
            write_one(one, sinks, watch, quality)
            course.pass_by(one.frame, info)
            report.frames_out += 1
            if progress is not None:
                progress(report.frames_out, expected)
        since = time.perf_counter()
        for sink in sinks:
            sink.finish(stop)
        watch.add("mux", since)
    if stop is not None:
        settings, damage.video_end = replace(settings, end=stop - info.container_start), stop
    figures = None if quality is None else quality.collected()
    conclude(
        report, settings, info, sinks, damage, course, chain.opening, watch, begun, say, figures
    )
    return report, None if stop is None else settings.end


def check_beside(settings: RenderSettings, info: VideoInfo) -> None:
    """Raise a `VidsegError` where a timeline or a report that is asked for can't be written.

    What writes these is imported where they are asked for, since it takes as long as a frame or
    two.
    """
    if settings.timeline is not None:
        from vidseg.reports import timeline

        timeline.check(settings, info)
    if settings.report is not None:
        from vidseg.reports import html

        html.check(settings)


def _quality(settings: RenderSettings, info: VideoInfo, surface: Surface) -> "Quality | None":
    """Return what takes the figures of a report, `None` where none is asked for."""
    if settings.report is None:
        return None
    from vidseg.reports.mask_metrics import Quality

    return Quality.wanted(settings, info, surface)


class Named(Protocol):
    """Who found the people: a network's name, and what it ran on."""

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def device(self) -> str:
        """What it runs on, for people."""


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """What waits to be written: `blanks`, one for each sink, and the `frame` that they were painted for.

    Where it is measured, `mask` and `alpha` are the frame's; else only its times are kept, not its
    picture.
    """

    frame: Frame
    blanks: list[Blank]
    mask: Mask | None = None
    alpha: Alpha | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """An opened chain: `pairs` gives every frame with its mask, `painter` makes planes of them."""

    pairs: Iterator[tuple[Frame, Mask]]
    painter: Painter
    surfaces: tuple[Surface, ...]
    segmenter: Segmenter
    opening: Opening


def open_chain(
    stack: ExitStack,
    settings: RenderSettings,
    info: VideoInfo,
    sinks: Sequence[Sink],
    damage: Damage,
    watch: Stopwatch,
    hwaccel: str | None,
    segmenter: Segmenter | None,
    say: Say,
    *,
    opening: Opening | None = None,
    begin: Fraction | None = None,
) -> Chain:
    """Open everything between the source and the sinks, start those, and leave its closing to `stack`.

    With an `opening`, found before, the clip may be entered at `begin`, a restart of
    `vidseg.matting.restarts`: its frames and masks from there on are those of a chain that began
    with the clip.
    """
    stack.enter_context(one_thread_each())
    network = None if segmenter is not None else stack.enter_context(_network(settings))
    span = player_span(info, settings.start, settings.end)
    if begin is not None and begin <= (info.start if span.start is None else span.start):
        begin = None
    entered = span if begin is None else Span(begin - SHOT_LEAD_S, span.end, sharp=True)
    source = frames_of(info, entered, damage, hwaccel, settle=opening is None)
    decoded = watch.through("decode", source)
    frames: Iterator[Frame] = stack.enter_context(
        leaving(prefetch(decoded, FRAMES_AHEAD, name="decode"))
    )
    if opening is None:
        opening, frames = opened(settings, info, span, frames)
    info = opening.info
    painter, surfaces = open_painter(
        settings, info, opening.first, [sink.full_range for sink in sinks]
    )
    stack.enter_context(closing(painter))
    sinks[0].notes += painter.notes
    for sink, surface in zip(sinks, surfaces, strict=True):
        sink.start(surface.layout, surface.colour, opening.cut, info)
    if network is not None:
        segmenter = stack.enter_context(closing(_opened_network(network, settings, say)))
    assert segmenter is not None, "given, or opened"
    written = " and ".join(f"{sink.codec} {sink.pix_fmt}" for sink in sinks)
    say(f"{info.path}: {segmenter.name} on {segmenter.device}, {written}")
    masked = _masked(frames, segmenter, settings, info, watch, begin)
    pairs = stack.enter_context(leaving(prefetch(masked, FRAMES_AHEAD, name="segmentation")))
    return Chain(pairs, painter, surfaces, segmenter, opening)


class _TooEarlyError(Exception):
    """A model would be fetched or converted before the source and the targets are known to be good."""


def _too_early(_: str) -> None:
    raise _TooEarlyError


def _network(settings: RenderSettings) -> Begun[Segmenter]:
    """Return the opening of the network, which takes place beside that of all else."""
    return Begun(lambda: open_segmenter(settings.model, say=_too_early), name="network")


def _opened_network(begun: Begun[Segmenter], settings: RenderSettings, say: Say) -> Segmenter:
    try:
        return begun.result()
    except (_TooEarlyError, VidsegError):  # done, or told, in its turn
        return open_segmenter(settings.model, say=say)


def conclude(
    report: Report,
    settings: RenderSettings,
    info: VideoInfo,
    sinks: Sequence[Sink],
    damage: Damage,
    course: Course,
    opening: Opening,
    watch: Stopwatch,
    begun: float,
    say: Say,
    figures: "Collected | None" = None,
) -> None:
    """Complete the report, tell its notes, and write it where `settings` ask for that."""
    span = player_span(info, settings.start, settings.end)
    _account(report, sinks, damage, course, info, span, opening.cut)
    if settings.timeline is not None:
        from vidseg.reports import timeline

        kept = timeline.PictureRange(
            opening.first.time, damage.video_end or Fraction(0), opening.cut.start
        )
        timeline.write(settings, info, kept, report.frames_out)
    report.stage_s = {name: round(seconds, 3) for name, seconds in watch.seconds.items()}
    report.wall_s = round(time.perf_counter() - begun, 3)
    for note in report.notes:
        say(note)
    if figures is not None:
        report.quality = figures.account()
    if settings.report is not None:
        from vidseg.reports import html

        html.write(report, settings.report, figures.moments() if figures is not None else ())


def choose_hwaccel(settings: RenderSettings, notes: list[str]) -> str | None:
    """Return the hardware decoder to use, `None` with a note where the one asked for doesn't work."""
    if settings.hwaccel is None:
        return None
    trouble = hardware_trouble(settings.source, settings.hwaccel)
    if trouble is not None:
        notes.append(
            f"--hwaccel {settings.hwaccel} doesn't work here ({trouble}); decoded in software"
        )
        return None
    return settings.hwaccel


def _masked(
    frames: Iterable[Frame],
    segmenter: Segmenter,
    settings: RenderSettings,
    info: VideoInfo,
    watch: Stopwatch,
    begin: Fraction | None,
) -> Iterator[tuple[Frame, Mask]]:
    """Yield frames with their steadied masks; times segmentation less its waiting for frames."""
    arriving = watch.through("waiting for frames", frames)
    people = TrackedSource(segmenter, settings.model, settings.matte, info.orientation)
    yield from watch.through("segment", people.follow(arriving, begin))


def painted(
    chain: Chain,
    pairs: Iterable[tuple[Frame, Mask]],
    sinks: Sequence[Sink],
    watch: Stopwatch,
    *,
    measured: bool,
) -> Generator[Painted, None, None]:
    """Yield what was painted of every frame for each sink, made in a thread of its own.

    `measured`: whether what is yielded will be, so that it comes with all of the frame, its mask
    and alpha.
    """

    def paint() -> Iterator[Painted]:
        for frame, mask in pairs:
            since = time.perf_counter()
            blanks = [sink.blank(frame) for sink in sinks]
            planes = tuple(itertools.chain.from_iterable(blank.planes for blank in blanks))
            alpha = chain.painter.paint(frame, mask, planes)
            watch.add("paint", since)
            yield (
                Painted(frame, blanks, mask, alpha)
                if measured
                else Painted(frame.without_picture, blanks)
            )

    first = chain.opening.first
    ahead = _PAINTED_AHEAD if first.width * first.height < _LARGE else _LARGE_AHEAD
    return prefetch(paint(), ahead, name="painting")


def write_one(
    one: Painted, sinks: Sequence[Sink], watch: Stopwatch, quality: "Quality | None" = None
) -> None:
    """Measure what was painted of a frame, and write it to every sink."""
    if quality is not None and one.mask is not None and one.alpha is not None:
        since = time.perf_counter()
        quality.note(one.frame, one.mask, one.alpha, one.blanks[0].planes)
        watch.add("measure", since)
    for sink, blank in zip(sinks, one.blanks, strict=True):
        sink.write(one.frame, blank, watch)


def new_report(
    settings: RenderSettings, info: VideoInfo, segmenter: Named, sinks: Sequence[Sink]
) -> Report:
    """Return a report with what is known before the first frame."""
    return Report(
        source=str(settings.source),
        output=", ".join(str(target.path) for target in settings.targets),
        kind=settings.kind,
        container=info.container,
        source_codec=info.codec,
        output_codec=", ".join(sink.codec for sink in sinks),
        pix_fmt=info.pix_fmt,
        width=info.width,
        height=info.height,
        model=segmenter.name,
        device=segmenter.device,
        versions=library_versions(),
    )


def _account(
    report: Report,
    sinks: Sequence[Sink],
    damage: Damage,
    course: Course,
    info: VideoInfo,
    span: Span,
    cut: Cut,
) -> None:
    fates = dict(sinks[0].fates)
    report.frames_in = report.frames_out
    report.start_s = float(cut.origin)
    report.end_s = float(damage.video_end or 0)
    report.streams = [{**_plain(s), "fate": fates.get(s.index, "rendered")} for s in info.streams]
    report.notes += course.notes(info)
    report.notes += [worded(note) for sink in sinks for note in sink.notes]
    lost = sorted(damage.losing())
    short = missing_bytes(Path(info.path), info.container) if span.end is None else 0
    if damage.late_streams:
        report.notes.append(worded(_late(info)))
    report.damage = {
        "packets": damage.packets + sinks[0].broken_reads,
        "corrupt_frames": damage.corrupt_frames,
        "made_up_times": damage.made_up_times,
        "lost_frames": len(lost) + damage.unread,
        "missing_s": float(missing_s(info, span, damage, sinks[0].fates, sinks[0].copied_end)),
        "missing_bytes": short,
        "late_streams": damage.late_streams,
        "missing_sound_s": float(sinks[0].missing_sound_s),
    }
    if note := told(info, lost, damage.unread, short):
        report.notes.append(note)


def _late(info: VideoInfo) -> str:
    """Say that streams are left out which no list had, and how to have them listed."""
    return (
        "sound, subtitles or a second video begin so late in the file that they are left out; to have them, "
        f"run ffmpeg -probesize 2G -analyzeduration 2G -i {info.path} -map 0 -c copy new.mkv before"
    )


def _plain(stream: StreamInfo) -> dict[str, object]:
    """Return what is known of a stream as JSON takes it."""
    return {k: float(v) if isinstance(v, Fraction) else v for k, v in asdict(stream).items()}
