"""Mask metrics of each segment, in a file beside it, put together when the segments are joined."""

import json
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

from vidseg.frames.frame import Frame
from vidseg.matting.mask import Mask
from vidseg.matting.restarts import segment_at
from vidseg.rendering.chain import Chain
from vidseg.rendering.run import Run
from vidseg.reports.mask_metrics import Meter, Quality
from vidseg.reports.metrics import Collected
from vidseg.system.files import written_whole


class SegmentFigures:
    """Takes the figures of a stretch, segment by segment, where `settings` ask for a report.

    A segment's file is written before the segment is whole, and one of an earlier render is
    removed, so that a whole segment never has the figures of another.
    """

    def __init__(self, folder: Path, run: Run, chain: Chain) -> None:
        self._folder, self._settings, self._info = folder, run.settings, run.info
        self._surface, self._people = chain.surfaces[0], chain.people
        self._meter = Meter()
        self._number: int | None = None
        self._passed: tuple[Frame, Mask] | None = None
        self.quality: Quality | None = None
        """What takes the figures of the segment under way."""

    def pass_by(self, frame: Frame, mask: Mask) -> None:
        """See a frame before the stretch: the first one in it is compared to the last of these."""
        if self._settings.report is not None:
            self._passed = frame, mask

    def turn(self, time: Fraction) -> None:
        """Get ready for the frame of that time, which may begin a segment."""
        if self._passed is not None:
            frame, mask = self._passed
            self._meter.measure(frame, mask, self._people.refine(frame, mask))
            self._passed = None
        number = segment_at(time)
        if number != self._number:
            self.finish()
            self._number = number
            _path(self._folder, number).unlink(missing_ok=True)
            self.quality = Quality.wanted(
                self._settings, self._info, self._surface, meter=self._meter, part=True
            )

    def finish(self) -> None:
        """Write the figures of the segment under way."""
        if self.quality is None or self._number is None:
            return
        path = _path(self._folder, self._number)
        with written_whole(path, ending=".new") as temporary:
            temporary.write_text(json.dumps(self.quality.collected().as_json()), "utf-8")


def read_figures(folder: Path, first: int, frames: Sequence[int]) -> Collected | None:
    """Return the figures of the segments from `first` on, of `frames` frames each.

    Of the pictures, only those to show: which they are is known once all figures are, so files that
    hold such are read twice. `None` where the figures of a segment are missing, since it was
    rendered without a report.
    """
    whole = Collected()
    places: dict[float, int] = {}
    for number, count in enumerate(frames, first):
        if not count:
            continue
        part = _read(folder, number)
        if part is None or len(part.times) != count:
            return None
        whole.append(part.blank())
        places.update((moment.time, number) for moment in part.pictures)
    shown = {moment.time for moment in whole.moments()}
    parts = [_read(folder, number) for number in sorted({places[time] for time in shown})]
    whole.pictures = [m for part in parts if part for m in part.pictures if m.time in shown]
    return whole


def _read(folder: Path, segment: int) -> Collected | None:
    with suppress(OSError, ValueError, KeyError):
        return Collected.from_json(json.loads(_path(folder, segment).read_text("utf-8")))
    return None


def _path(folder: Path, segment: int) -> Path:
    return folder / f"{segment:+07d}.figures"
