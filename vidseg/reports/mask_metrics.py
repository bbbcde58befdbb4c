"""Mask metrics of what is written: coverage, edge softness, flicker; and pictures of the worst.

Per frame some floats are kept; pictures only of a bounded number of moments, as small JPEGs. The
figures are taken from the alpha that the result is made of, after its edges were refined. The small
masks before that change whenever the network looks, mostly by what refinement takes back: nobody
sees that.

- coverage: mean of alpha over the whole frame, in per cent: the share of the picture that is
  people.
- softness: width of the band of alpha in (0.1, 0.9) along the edge, in pixels of the source: area
  of the band by length of the line of one half, which is the number of its crossings with rows and
  columns times pi / 4 (Cauchy and Crofton), on a grid of 320. None where hardly anybody is wholly
  there.
- flicker: per cent of the people that appear or vanish from one frame to the next where the picture
  stays the same: the sum of |change of alpha| x exp(-(change of luma / 8)²) over the sum of the
  larger alpha, on a grid of 96; luma in codes of 256, its change the largest of 3 x 3 places. In a
  map of body parts, one that becomes another has changed as well. None in a shot's first frame.
"""

import math
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.colour import Colour
from vidseg.frames.frame import Frame, PixelFormat, Plane, Planes, as_plane
from vidseg.frames.planes import reduced
from vidseg.matting.alpha import Alpha
from vidseg.matting.mask import Mask
from vidseg.media.video_info import VideoInfo
from vidseg.reports.metrics import PEAKS, Collected, Figures, Moment, Peaks
from vidseg.reports.thumbnails import Rgb, alpha_of, checkerboard, fitted_size, jpeg, picture_of
from vidseg.settings import RenderSettings

PAGES = (".html", ".htm")
"""Endings of reports that are pages, with pictures."""

_GRID, _EDGE_GRID = 96, 320
"""Points along the longer side on which changes are looked for, and edges measured."""

_SAMPLES = 400
"""Least number of pixels sampled along the longer side: edges of alpha are wider than the gaps."""

_DOUBT = 0.1
_SAME = 8.0
_LEAST_PEOPLE = 0.005
"""Share of the frame that flicker is measured against at least; fewer people have no edge."""

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


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What is compared from frame to frame, each [h, w] on one grid over the whole frame.

    `people`: alpha in [0, 1]; `luma`: 8-bit codes; `parts`: numbers of body parts, where a map is
    made.
    """

    people: NDArray[np.float32]
    luma: NDArray[np.uint8]
    parts: NDArray[np.uint8] | None


class Meter:
    """Measures frame after frame; the one before tells what flickers."""

    def __init__(self) -> None:
        self._before: _Seen | None = None

    def measure(self, frame: Frame, mask: Mask, alpha: Alpha) -> Figures:
        """Return the next frame's figures, written with `alpha`, `mask` tells cuts and parts."""
        peak, small = alpha.layout.peak, _reduced(_sampled(alpha.plane), _EDGE_GRID)
        coverage = 100 * float(cv2.mean(small)[0]) / peak
        now = _on_grid(frame, mask, _reduced(small, _GRID) * np.float32(1 / peak))
        flicker = (
            math.nan if self._before is None or mask.begins_shot else _flicker(self._before, now)
        )
        self._before = now
        return Figures(coverage, _softness(alpha, small), flicker)


class Quality:
    """Collects figures; with `pictures`, also of the worst moments and of some spaced evenly.

    `meter` has seen the frames before; `part`: what is collected will be joined with that of other
    parts.
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
            {name: Peaks(limits.most + more, limits.least) for name, limits in PEAKS.items()}
            if pictures
            else {}
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
        made = cls(
            info, pictures=pictures, premultiplied=settings.premultiplied, meter=meter, part=part
        )
        made._surface = surface
        return made

    def note(self, frame: Frame, mask: Mask, alpha: Alpha, planes: Planes | None) -> None:
        """Take the figures of a frame and its alpha; `planes` are the result, a fourth its alpha.

        Without `planes`, moments have no picture of a result.
        """
        number, time = len(self._collected.times), float(frame.time - self._info.container_start)
        figures = self._collected.add(
            time, self._meter.measure(frame, mask, alpha), begins_shot=mask.begins_shot
        )
        moment: Moment | None = None
        for name, peaks in self._peaks.items():
            value: float = getattr(figures, name)
            if peaks.meets(value, time):
                moment = moment or self._moment(frame, alpha, planes, time, figures)
                peaks.keep(value, moment)
        if self._stride and number % self._stride == 0:
            self._even.append(moment or self._moment(frame, alpha, planes, time, figures))
            if len(self._even) > self._most_even:
                self._even = self._even[::2]
                self._stride *= 2

    def collected(self) -> Collected:
        """Return the figures so far, with the pictures that were taken."""
        worst = [
            replace(m, reasons=(name,))
            for name, peaks in self._peaks.items()
            for m in peaks.found()
        ]
        self._collected.pictures = [*worst, *self._even]
        return self._collected

    def _moment(
        self, frame: Frame, alpha: Alpha, planes: Planes | None, time: float, figures: Figures
    ) -> Moment:
        result = None if planes is None else self._result(frame, planes)
        return Moment(
            time=time,
            reasons=(),
            figures=figures,
            original=jpeg(picture_of(frame, self._info, self._size)),
            mask=jpeg(alpha_of(alpha.plane, alpha.layout.peak, self._info, self._size)),
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


def _sampled(plane: Plane) -> Plane:
    """Return a plane of the size of `_SAMPLES`, made of single pixels: averages take longer."""
    step = max(1, max(plane.shape) // _SAMPLES)
    return plane if step == 1 else as_plane(plane[step // 2 :: step, step // 2 :: step].copy())


def _reduced(plane: Plane, longest: int) -> Plane:
    """Return a plane whose longer side is at most `longest`."""
    height, width = plane.shape
    scale = min(1.0, longest / max(width, height))
    return reduced(plane, max(2, round(width * scale)), max(2, round(height * scale)))


def _on_grid(frame: Frame, mask: Mask, people: NDArray[np.float32]) -> _Seen:
    height, width = people.shape
    step = max(1, min(frame.width // (3 * width), frame.height // (3 * height)))
    sparse = np.ascontiguousarray(frame.planes[0][::step, ::step])
    luma = reduced(as_plane(sparse), width, height)
    if frame.format.bits > 8:
        luma = as_plane(cv2.convertScaleAbs(luma, alpha=1 / (1 << (frame.format.bits - 8))))
    return _Seen(people, np.asarray(luma, np.uint8), _parts_on_grid(frame, mask, people))


def _parts_on_grid(
    frame: Frame, mask: Mask, people: NDArray[np.float32]
) -> NDArray[np.uint8] | None:
    if mask.parts is None:
        return None
    height, width = people.shape
    columns = _places(mask.box.left, mask.box.right, frame.width, width)
    rows = _places(mask.box.top, mask.box.bottom, frame.height, height)
    parts = np.zeros((height, width), np.uint8)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    parts[rows, columns] = cv2.resize(mask.parts, size, interpolation=cv2.INTER_NEAREST)
    return parts


def _places(low: int, high: int, side: int, cells: int) -> slice:
    start = min(low * cells // side, cells - 1)
    return slice(start, max(start + 1, -(-high * cells // side)))


def _flicker(before: _Seen, now: _Seen) -> float:
    """Return how much of the people came or went without a change of the picture, in per cent."""
    if before.people.shape != now.people.shape:
        return math.nan
    changed = cv2.absdiff(before.people, now.people)
    if before.parts is not None and now.parts is not None:
        both = np.where(
            before.parts != now.parts, np.minimum(before.people, now.people), np.float32(0)
        )
        changed = np.maximum(changed, both)
    moved = cv2.dilate(cv2.absdiff(before.luma, now.luma), np.ones((3, 3), np.uint8)).astype(
        np.float32
    )
    unexplained = float((changed * np.exp(-np.square(moved / _SAME))).sum())
    people = max(
        float(before.people.sum()), float(now.people.sum()), _LEAST_PEOPLE * now.people.size
    )
    return 100 * unexplained / people


def _softness(alpha: Alpha, small: Plane) -> float:
    """Return the width of the edge's band, in pixels of the source; `small` is alpha, reduced."""
    peak = alpha.layout.peak
    low, high = math.ceil(_DOUBT * peak), math.floor((1 - _DOUBT) * peak)
    if cv2.countNonZero(cv2.inRange(small, high + 1, peak)) < _LEAST_PEOPLE * small.size:
        return math.nan  # a faint guess at somebody has no edge that could be hard
    inside = small > peak // 2
    crossings = np.count_nonzero(inside[1:] != inside[:-1]) + np.count_nonzero(
        inside[:, 1:] != inside[:, :-1]
    )
    if not crossings:
        return math.nan
    edge = alpha.cells.read(alpha.plane).reshape(1, -1)  # nothing else is between 0 and the peak
    band = cv2.countNonZero(cv2.inRange(edge, low, high)) if edge.size else 0
    pixels = math.sqrt(alpha.plane.size / small.size)
    return band / (crossings * math.pi / 4 * pixels)
