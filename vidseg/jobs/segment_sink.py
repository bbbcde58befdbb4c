"""Sink of a stretch of segments: each is encoded on its own, into a file of packets."""

import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Self

from vidseg.errors import InputError
from vidseg.frames.colour import Colour
from vidseg.frames.frame import Frame, OutputBuffer, PixelFormat
from vidseg.jobs.segment_store import SegmentRecord, Store
from vidseg.matting.restarts import MOST_SEGMENTS, SEGMENT_S, segment_at
from vidseg.media.damage import TIMES_OF_DAMAGE, Damage
from vidseg.media.encode import Encoder
from vidseg.media.encode_plan import EncodePlan, plan
from vidseg.media.mux import (
    KeptRange,
    PacketFileWriter,
    StreamOutcomes,
    reordering,
    scratch_container,
)
from vidseg.media.picture_changes import PictureChanges
from vidseg.media.video_info import VideoInfo
from vidseg.networks.base import Segmenter
from vidseg.settings import RenderSettings, Target
from vidseg.system.signals import deferred_signals
from vidseg.system.timing import Stopwatch

_X264_ASM = {
    "ssse3": "SSSE3",
    "sse4_2": "SSE4.2",
    "avx": "AVX",
    "fma": "FMA3",
    "bmi1": "BMI1",
    "bmi2": "BMI2",
    "avx2": "AVX2",
    "abm": "LZCNT",
}
"""Linux's names of what a processor can do, and x264's."""


class SegmentSink:
    """Takes the frames of a stretch of segments; every segment has an encoder of its own."""

    def __init__(
        self, target: Target, index: int, settings: RenderSettings, info: VideoInfo, store: Store
    ) -> None:
        self._suffix = target.path.suffix.lower()
        self._plan = repeatable(plan(info, settings.encode, self._suffix, target.content))
        self.codec, self.pix_fmt = self._plan.name, self._plan.pix_fmt
        self.full_range = self._plan.full_range
        self.notes: list[str] = []
        self.outcomes = StreamOutcomes()
        self._index, self._info, self._store = index, info, store
        self._writer: PacketFileWriter | None = None
        self._opened = ExitStack()
        self._number = 0
        self._stop: int | None = None
        self._first = False
        self.last = True
        """Whether the clip ends with the stretch; to be set before `finish`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.abandon()
        self._opened.close()

    def begin(
        self, first: int, stop: int | None, damage: Damage, by: Segmenter, *, opens: bool
    ) -> None:
        """Say which segments will come, where their damage is counted, and who finds the people.

        `opens`: whether the clip begins with the first.
        """
        self._first = opens
        self._number, self._stop, self._damage, self._by = first, stop, damage, by

    def start(self, layout: PixelFormat, colour: Colour, cut: KeptRange, info: VideoInfo) -> None:
        """Open the first encoder."""
        self._layout, self._colour, self._cut, self._info = layout, colour, cut, info
        self._open()
        self.notes += self._encoder.notes

    def new_buffer(self, frame: Frame) -> OutputBuffer:
        """Return something fresh to paint `frame` on, of any segment."""
        return self._encoder.new_buffer(frame.captions)

    def write(self, frame: Frame, buffer: OutputBuffer, watch: Stopwatch) -> None:
        """Encode what was painted on a buffer, in the segment that holds the frame's time."""
        since = time.perf_counter()
        number = segment_at(frame.time)
        if number - segment_at(self._cut.origin) >= MOST_SEGMENTS:
            raise InputError(
                f"{self._info.path}: a picture stands "
                f"{float(frame.time - self._cut.origin):.0f} s after the first; "
                f"segments reach {MOST_SEGMENTS * SEGMENT_S} s: end before it with --end"
            )
        while self._number < number:
            self._close(last=False)
            self._number += 1
            self._open()
        shift = round(self._cut.origin / frame.time_base)
        packets = self._encoder.encode(buffer, frame.pts - shift, frame.duration, frame.time_base)
        self._put(packets)
        self._frames += 1
        self._captioned += frame.captions is not None
        self._course.pass_by(frame, self._info)
        watch.add("encode", since)

    def finish(self, end: Fraction | None = None) -> None:
        """Complete the last segment of the stretch, and those without a frame that follow."""
        self._close(last=self.last)
        while not self.last and self._stop is not None and self._number + 1 < self._stop:
            self._number += 1
            self._open()
            self._close(last=False)

    def _open(self) -> None:
        container = self._opened.enter_context(scratch_container(self._suffix))
        self._encoder = Encoder(container, self._plan, self._info, self._layout, self._colour)
        self._encoder.open()
        self._pts: list[int] = []
        self._frames = self._captioned = 0
        self._course = PictureChanges()
        with deferred_signals():
            self._writer = PacketFileWriter(self._store.path(self._number, self._index))

    def _put(self, packets: list[Any]) -> None:
        assert self._writer is not None
        self._pts += [packet.pts for packet in packets]
        self._writer.write(packets)

    def _close(self, *, last: bool) -> None:
        if self._frames:
            self._put(self._encoder.flush())
        end = self._damage.video_end
        behind, unread_behind = self._damage.lost_behind()
        record = SegmentRecord(
            frames=self._frames,
            reorder=reordering(self._pts),
            last=last,
            header=self._encoder.header,
            damage={
                name: self._held(getattr(self._damage, name), last=last) for name in TIMES_OF_DAMAGE
            },
            unread=self._damage.unread if last else 0,
            late_streams=self._damage.late_streams,
            video_end=str(end) if last and end is not None else None,
            model=self._by.name,
            device=self._by.device,
            captioned=self._captioned,
            lost=self._held(self._damage.losing(), last=last),
            course=asdict(self._course),
            behind=[str(time) for time in sorted(behind)],
            unread_behind=unread_behind,
        )
        self._first = False
        assert self._writer is not None
        self._writer.finish(asdict(record))
        self._writer = None
        self._opened.close()

    def _held(self, times: Iterable[Fraction], *, last: bool) -> list[str]:
        """Return the times of the segment under way; the decoder may be far ahead of it."""
        return [str(time) for time in times if self._holds(time, last=last)]

    def _holds(self, time: Fraction, *, last: bool) -> bool:
        """Whether a time lies in the segment under way, or outside all and next to this one."""
        number = segment_at(time)
        return (
            number == self._number
            or (self._first and number < self._number)
            or (last and number > self._number)
        )


def repeatable(chosen: EncodePlan) -> EncodePlan:
    """Return the plan with options that make the encoder give the same bits each time.

    x264's AVX-512 code for macroblock trees reads past the ends of its rows, unless they are a
    multiple of 16 macroblocks; so its choices hang on what the memory held before. (Run it with
    MALLOC_PERTURB_ set.) Without that code they are those of every other processor, at up to 5 %
    more CPU time.
    """
    features = _processor()
    if chosen.name != "x264" or "avx512f" not in features:
        return chosen
    others = ",".join(
        ["SSE2Fast", *(name for known, name in _X264_ASM.items() if known in features)]
    )
    given = chosen.options.get("x264-params")
    params = ":".join([*([given] if given else []), f"asm={others}"])
    return replace(chosen, options={**chosen.options, "x264-params": params})


@cache
def _processor() -> frozenset[str]:
    """Return what this processor can do, in Linux's names; nothing elsewhere."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("ascii", "replace").splitlines():
            if line.startswith("flags"):
                return frozenset(line.split())
    return frozenset()


def add_up(damage: Damage, records: Sequence[SegmentRecord]) -> None:
    """Add what was damaged in all segments of a clip."""
    for record in records:
        for name in TIMES_OF_DAMAGE:
            getattr(damage, name).extend(map(Fraction, record.damage[name]))
        damage.unread += record.unread
        damage.late_streams = max(damage.late_streams, record.late_streams)
    damage.losing = lambda: [Fraction(time) for record in records for time in record.lost]
    damage.behind = list(map(_damage_behind, records))
    if records[-1].video_end is not None:
        damage.video_end = Fraction(records[-1].video_end)


def _damage_behind(record: SegmentRecord) -> Damage:
    """Return what of the background could not be read, as far as a segment knows."""
    return Damage(
        unread=record.unread_behind, losing=lambda: [Fraction(time) for time in record.behind]
    )
