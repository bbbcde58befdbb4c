"""Figures on the masks, taken while a clip is rendered: how much, how soft, how calm; and pictures of where.

Per frame some floats are kept; pictures only of a bounded number of moments, as small JPEGs. The figures are
taken from the small masks, after they were steadied and before they are refined:

- coverage: mean of the mask over the whole frame, in per cent: the share of the picture that is people.
- softness: width of the doubtful band, probability in (0.1, 0.9), along the mask's edge, in pixels of the
  source: area of the band by length of the line of one half, which is the number of its crossings with rows
  and columns times pi / 4 (Cauchy and Crofton). None where hardly anybody is certain to be.
- flicker: per cent of the people that appear or vanish from one frame to the next where the picture stays
  the same: the sum of |change of the mask| x exp(-(change of luma / 8)²) over the sum of the larger mask,
  on a grid of 96; luma in codes of 256, its change the largest of 3 x 3 places. None in a shot's first
  frame.
"""

import math
from dataclasses import replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.figures import PEAKS, Collected, Figures, Moment, Peaks
from vidseg.frames import Colour, Frame, Mask, PixelFormat, Planes, VideoInfo
from vidseg.settings import RenderSettings
from vidseg.thumbs import Rgb, alpha_of, checkerboard, fitted_size, jpeg, mask_of, picture_of

PAGES = (".html", ".htm")
"""Endings of reports that are pages, with pictures."""

_GRID = 96
_DOUBT = 0.1
_SAME = 8.0
_LEAST_PEOPLE = 0.005
"""Share of the frame that flicker is measured against where there are fewer people, and for an edge."""

_THUMB = 360
_SQUARE = 8
_MOST_EVEN, _MOST_EVEN_OF_PART = 12, 4

_FALSE_PEAKS = 2
"""How many peaks of a part can turn out to be none when the parts before and after it are known."""


class _Surface(Protocol):
    @property
    def layout(self) -> PixelFormat: ...

    @property
    def colour(self) -> Colour: ...


_Seen = tuple[NDArray[np.float32], NDArray[np.uint8]]
"""A mask, in [0, 1], and its frame's luma, both [h, w] on one grid over the whole frame."""


class Meter:
    """Measures frame after frame; the one before tells what flickers."""

    def __init__(self) -> None:
        self._before: _Seen | None = None

    def measure(self, frame: Frame, mask: Mask) -> Figures:
        """Return the figures of the next frame."""
        now = _on_grid(frame, mask)
        flicker = math.nan if self._before is None or mask.cut else _flicker(self._before, now)
        self._before = now
        box_share = mask.box.width * mask.box.height / (frame.width * frame.height)
        coverage = 100 * box_share * float(cv2.mean(mask.person)[0])
        return Figures(coverage, _softness(frame, mask), flicker)


class Quality:
    """Collects figures; with `pictures`, also of the worst moments and of some spaced evenly.

    `meter` has seen the frames before; `part`: what is collected will be joined with that of other parts.
    """

    def __init__(
        self,
        info: VideoInfo,
        *,
        pictures: bool,
        premultiplied: bool = False,
        meter: Meter | None = None,
        part: bool = False,
    ) -> None:
        self._info = info
        self._premultiplied = premultiplied
        self._size = fitted_size(info, _THUMB, _THUMB)
        self._meter = meter or Meter()
        self._collected = Collected()
        more = _FALSE_PEAKS if part else 0
        self._peaks: dict[str, Peaks[Moment]] = (
            {name: Peaks(most + more, least) for name, (most, least) in PEAKS.items()} if pictures else {}
        )
        self._most_even = _MOST_EVEN_OF_PART if part else _MOST_EVEN
        self._even: list[Moment] = []
        self._stride = 1 if pictures else 0
        self._surface: _Surface | None = None

    @classmethod
    def wanted(
        cls,
        settings: RenderSettings,
        info: VideoInfo,
        surface: _Surface,
        *,
        meter: Meter | None = None,
        part: bool = False,
    ) -> "Quality | None":
        """Return a collector where `settings` ask for a report, with pictures where that is a page.

        `surface` tells what the planes of results are like.
        """
        if settings.report is None:
            return None
        pictures = settings.report.suffix.lower() in PAGES
        made = cls(info, pictures=pictures, premultiplied=settings.premultiplied, meter=meter, part=part)
        made._surface = surface
        return made

    def note(self, frame: Frame, mask: Mask, planes: Planes | None) -> None:
        """Take the figures of a frame and its mask; `planes` are the result, a fourth one is alpha.

        Without `planes`, moments have no picture of a result.
        """
        number, time = len(self._collected.times), float(frame.time - self._info.container_start)
        figures = self._collected.add(time, self._meter.measure(frame, mask), cut=mask.cut)
        moment: Moment | None = None
        for name, peaks in self._peaks.items():
            value: float = getattr(figures, name)
            if peaks.meets(value, time):
                moment = moment or self._moment(frame, mask, planes, time, figures)
                peaks.keep(value, moment)
        if self._stride and number % self._stride == 0:
            self._even.append(moment or self._moment(frame, mask, planes, time, figures))
            if len(self._even) > self._most_even:
                self._even = self._even[::2]
                self._stride *= 2

    def collected(self) -> Collected:
        """Return the figures so far, with the pictures that were taken."""
        worst = [replace(m, reasons=(name,)) for name, peaks in self._peaks.items() for m in peaks.found()]
        self._collected.pictures = [*worst, *self._even]
        return self._collected

    def _moment(
        self, frame: Frame, mask: Mask, planes: Planes | None, time: float, figures: Figures
    ) -> Moment:
        result = None if planes is None else self._result(frame, planes)
        return Moment(
            time=time,
            reasons=(),
            figures=figures,
            original=jpeg(picture_of(frame, self._info, self._size)),
            mask=jpeg(mask_of(mask, self._info, self._size)),
            result=None if result is None else jpeg(result),
        )

    def _result(self, frame: Frame, planes: Planes) -> Rgb:
        """Return the result, over a checkerboard where it has an alpha."""
        layout = frame.format if self._surface is None else self._surface.layout
        colour = frame.colour if self._surface is None else self._surface.colour
        shown = Frame(planes[:3], frame.pts, frame.time_base, frame.duration, layout, colour)
        picture = picture_of(shown, self._info, self._size)
        if len(planes) < 4:
            return picture
        alpha = alpha_of(planes[3], layout.peak, self._info, self._size).astype(np.float32) / 255
        people = picture.astype(np.float32) * (1 if self._premultiplied else alpha)
        over = people + checkerboard(*self._size, _SQUARE) * (1 - alpha)
        return np.asarray(np.clip(np.rint(over), 0, 255), np.uint8)


def _on_grid(frame: Frame, mask: Mask) -> _Seen:
    scale = _GRID / max(frame.width, frame.height)
    width, height = max(2, round(frame.width * scale)), max(2, round(frame.height * scale))
    columns = _places(mask.box.left, mask.box.right, frame.width, width)
    rows = _places(mask.box.top, mask.box.bottom, frame.height, height)
    person = np.zeros((height, width), np.float32)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    person[rows, columns] = cv2.resize(mask.person, size, interpolation=cv2.INTER_AREA)
    step = max(1, min(frame.width // (3 * width), frame.height // (3 * height)))
    sparse = np.ascontiguousarray(frame.planes[0][::step, ::step])
    luma = cv2.resize(sparse, (width, height), interpolation=cv2.INTER_AREA)
    if frame.format.bits > 8:
        luma = cv2.convertScaleAbs(luma, alpha=1 / (1 << (frame.format.bits - 8)))
    return person, np.asarray(luma, np.uint8)


def _places(low: int, high: int, side: int, cells: int) -> slice:
    start = min(low * cells // side, cells - 1)
    return slice(start, max(start + 1, -(-high * cells // side)))


def _flicker(before: _Seen, now: _Seen) -> float:
    """Return how much of the people came or went without a change of the picture, in per cent."""
    if before[0].shape != now[0].shape:
        return math.nan
    moved = cv2.dilate(cv2.absdiff(before[1], now[1]), np.ones((3, 3), np.uint8)).astype(np.float32)
    unexplained = float((cv2.absdiff(before[0], now[0]) * np.exp(-np.square(moved / _SAME))).sum())
    people = max(float(before[0].sum()), float(now[0].sum()), _LEAST_PEOPLE * now[0].size)
    return 100 * unexplained / people


def _softness(frame: Frame, mask: Mask) -> float:
    """Return the width of the doubtful band along the mask's edge, in pixels of the source."""
    share = mask.box.width * mask.box.height / (frame.width * frame.height)
    if cv2.countNonZero(cv2.inRange(mask.person, 1 - _DOUBT, 2)) * share < _LEAST_PEOPLE * mask.person.size:
        return math.nan  # a faint guess at somebody has no edge that could be hard
    inside = mask.person > 0.5
    crossings = np.count_nonzero(inside[1:] != inside[:-1]) + np.count_nonzero(
        inside[:, 1:] != inside[:, :-1]
    )
    if not crossings:
        return math.nan
    band = cv2.countNonZero(cv2.inRange(mask.person, _DOUBT, 1 - _DOUBT))
    pixels = math.sqrt(mask.box.width * mask.box.height / mask.person.size)
    return band / (crossings * math.pi / 4) * pixels
