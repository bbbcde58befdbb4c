"""Figures on the masks, taken while a clip is rendered: how much, how soft, how calm; and pictures of where.

Per frame some floats are kept; pictures only of a bounded number of moments, as small JPEGs. The figures are
taken from the small masks, after they were steadied and before they are refined:

- coverage: mean of the mask over the whole frame, in per cent: the share of the picture that is people.
- softness: width of the doubtful band, probability in (0.1, 0.9), along the mask's edge, in pixels of the
  source: area of the band by length of the line of one half, which is the number of its crossings with rows
  and columns times pi / 4 (Cauchy and Crofton). None where no edge is.
- flicker: per cent of the people that appear or vanish from one frame to the next where the picture stays
  the same: the sum of |change of the mask| x exp(-(change of luma / 8)²) over the sum of the larger mask,
  on a grid of 96; luma in codes of 256, its change the largest of 3 x 3 places. None in a shot's first
  frame.
"""

import math
from array import array
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames import Frame, Mask, Planes, VideoInfo
from vidseg.settings import RenderSettings
from vidseg.thumbs import Rgb, alpha_of, checkerboard, fitted_size, jpeg, mask_of, picture_of

PAGES = (".html", ".htm")
"""Endings of reports that are pages, with pictures."""

_GRID = 96
_DOUBT = 0.1
_SAME = 8.0
_LEAST_PEOPLE = 0.005
"""Share of the frame that flicker is measured against where there are fewer people."""

_THUMB = 360
_SQUARE = 8
_MOST_POINTS = 2000
_APART_S = 0.5
_MOST_EVEN = 12


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one frame, see the module's docstring; NaN where there is nothing to measure."""

    coverage: float
    softness: float
    flicker: float


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame with JPEGs of what it was, its mask and the result; `time` in seconds of the player's clock.

    `reason`: ``flicker`` or ``softness`` for a peak of that figure, ``sample`` for one of the evenly spaced.
    """

    time: float
    reason: str
    figures: Figures
    original: bytes
    mask: bytes
    result: bytes | None


class Quality:
    """Collects figures; with `pictures`, also of the worst moments and of some spaced evenly."""

    def __init__(self, info: VideoInfo, *, pictures: bool, premultiplied: bool = False) -> None:
        self._info = info
        self._premultiplied = premultiplied
        self._size = fitted_size(info, _THUMB, _THUMB)
        self._times = array("d")
        self._columns = {name: array("f") for name in ("coverage", "softness", "flicker")}
        self._cuts: list[float] = []
        self._before: tuple[NDArray[np.float32], NDArray[np.uint8]] | None = None
        # A peak must be worth looking at, and each one pushes out what is near: a rise takes few pictures.
        self._peaks = {"flicker": Peaks(6, 0.5), "softness": Peaks(3, 2.0)} if pictures else {}
        self._even: list[Moment] = []
        self._stride = 1 if pictures else 0

    @classmethod
    def wanted(cls, settings: RenderSettings, info: VideoInfo) -> "Quality | None":
        """Return a collector where `settings` ask for a report, with pictures where that is a page."""
        if settings.report is None:
            return None
        pictures = settings.report.suffix.lower() in PAGES
        return cls(info, pictures=pictures, premultiplied=settings.premultiplied)

    def note(self, frame: Frame, mask: Mask, planes: Planes | None) -> None:
        """Take the figures of a frame and its mask; `planes` of the frame's layout are the result.

        A fourth plane is alpha. Without `planes`, or in another layout, moments have no picture of a result.
        """
        number, time = len(self._times), float(frame.time - self._info.container_start)
        figures = self._measured(frame, mask)
        self._times.append(time)
        for name, column in self._columns.items():
            column.append(getattr(figures, name))
        if mask.cut and number:
            self._cuts.append(time)
        wanted = [name for name, peaks in self._peaks.items() if peaks.wants(getattr(figures, name), time)]
        for name in wanted:
            value = getattr(figures, name)
            self._peaks[name].add(value, self._moment(frame, mask, planes, time, name, figures))
        if self._stride and number % self._stride == 0:
            self._even.append(self._moment(frame, mask, planes, time, "sample", figures))
            if len(self._even) > _MOST_EVEN:
                self._even = self._even[::2]
                self._stride *= 2

    def moments(self) -> list[Moment]:
        """Return the moments with pictures, by time; where a peak is, other ones close by are left out."""
        chosen: list[Moment] = []
        for peaks in self._peaks.values():
            chosen += [m for m in peaks.moments() if all(abs(m.time - o.time) >= _APART_S for o in chosen)]
        chosen += [m for m in self._even if all(m.time != o.time for o in chosen)]
        return sorted(chosen, key=lambda moment: moment.time)

    def account(self) -> dict[str, object]:
        """Return the figures for a report, as JSON takes them; see docs/report.md."""
        arrays = {name: np.asarray(column, np.float64) for name, column in self._columns.items()}
        moments = [
            {"time_s": round(m.time, 6), "reason": m.reason, **_as_json(m.figures)} for m in self.moments()
        ]
        return {
            "frames": len(self._times),
            "coverage_percent": _summary(arrays["coverage"]),
            "softness_px": _summary(arrays["softness"]),
            "flicker_percent": _summary(arrays["flicker"]),
            "cuts_s": [round(time, 6) for time in self._cuts],
            "curve": self._curve(arrays),
            "moments": moments,
        }

    def _measured(self, frame: Frame, mask: Mask) -> Figures:
        now = _on_grid(frame, mask)
        flicker = math.nan if self._before is None or mask.cut else _flicker(self._before, now)
        self._before = now
        box_share = mask.box.width * mask.box.height / (frame.width * frame.height)
        coverage = 100 * box_share * float(cv2.mean(mask.person)[0])
        return Figures(coverage, _softness(mask), flicker)

    def _moment(
        self,
        frame: Frame,
        mask: Mask,
        planes: Planes | None,
        time: float,
        reason: str,
        figures: Figures,
    ) -> Moment:
        result = None if planes is None else self._result(frame, planes)
        return Moment(
            time=time,
            reason=reason,
            figures=figures,
            original=jpeg(picture_of(frame, self._info, self._size)),
            mask=jpeg(mask_of(mask, self._info, self._size)),
            result=None if result is None else jpeg(result),
        )

    def _result(self, frame: Frame, planes: Planes) -> Rgb | None:
        """Return the result, over a checkerboard where it has an alpha."""
        colours = planes[:3]
        if [plane.shape for plane in colours] != [plane.shape for plane in frame.planes]:
            return None
        shown = Frame(colours, frame.pts, frame.time_base, frame.duration, frame.format, frame.colour)
        picture = picture_of(shown, self._info, self._size)
        if len(planes) < 4:
            return picture
        alpha = alpha_of(planes[3], frame.format.peak, self._info, self._size).astype(np.float32) / 255
        people = picture.astype(np.float32) * (1 if self._premultiplied else alpha)
        over = people + checkerboard(*self._size, _SQUARE) * (1 - alpha)
        return np.asarray(np.clip(np.rint(over), 0, 255), np.uint8)

    def _curve(self, arrays: dict[str, NDArray[np.float64]]) -> dict[str, list[float | None]]:
        """Return the figures over time in at most 2000 points, each for a run of frames.

        Coverage and softness are means, flicker the most of the run; its time is that of its first frame.
        """
        run = max(1, -(-len(self._times) // _MOST_POINTS))
        starts = range(0, len(self._times), run)
        curve: dict[str, list[float | None]] = {"time_s": [round(self._times[i], 6) for i in starts]}
        for name, key, peak in (
            ("coverage", "coverage_percent", False),
            ("softness", "softness_px", False),
            ("flicker", "flicker_percent", True),
        ):
            curve[key] = [_of_run(arrays[name][i : i + run], peak=peak) for i in starts]
        return curve


class Peaks:
    """The highest moments so far, at most `most`, each half a second or more from the others."""

    _GAIN = 1.15
    """A moment is replaced by a later one close to it that is this much higher: a slow rise is one moment."""

    def __init__(self, most: int, least: float) -> None:
        self._most = most
        self._least = least
        self._held: list[tuple[float, Moment]] = []

    def wants(self, value: float, time: float) -> bool:
        """Whether `add` would keep a moment of this value and time; NaN never."""
        if not value >= self._least:
            return False
        near = [held for held, moment in self._held if abs(moment.time - time) < _APART_S]
        if near:
            return value > self._GAIN * max(near)
        return len(self._held) < self._most or value > min(held for held, _ in self._held)

    def add(self, value: float, moment: Moment) -> None:
        """Keep a moment, in place of those close to it, or of the lowest."""
        kept = [held for held in self._held if abs(held[1].time - moment.time) >= _APART_S]
        kept.sort(key=lambda held: -held[0])
        self._held = [*kept[: self._most - 1], (value, moment)]

    def moments(self) -> list[Moment]:
        """Return the moments, the highest first, without those that are low beside it."""
        ranked = sorted(self._held, key=lambda held: -held[0])
        return [moment for value, moment in ranked if value >= ranked[0][0] / 4]


def _on_grid(frame: Frame, mask: Mask) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return the mask, float32 in [0, 1], and the frame's luma, uint8, on one grid over the whole frame."""
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


def _flicker(
    before: tuple[NDArray[np.float32], NDArray[np.uint8]], now: tuple[NDArray[np.float32], NDArray[np.uint8]]
) -> float:
    """Return how much of the people came or went without a change of the picture, in per cent."""
    if before[0].shape != now[0].shape:
        return math.nan
    moved = cv2.dilate(cv2.absdiff(before[1], now[1]), np.ones((3, 3), np.uint8)).astype(np.float32)
    unexplained = float((cv2.absdiff(before[0], now[0]) * np.exp(-np.square(moved / _SAME))).sum())
    people = max(float(before[0].sum()), float(now[0].sum()), _LEAST_PEOPLE * now[0].size)
    return 100 * unexplained / people


def _softness(mask: Mask) -> float:
    """Return the width of the doubtful band along the mask's edge, in pixels of the source."""
    inside = mask.person > 0.5
    crossings = np.count_nonzero(inside[1:] != inside[:-1]) + np.count_nonzero(
        inside[:, 1:] != inside[:, :-1]
    )
    if not crossings:
        return math.nan
    band = cv2.countNonZero(cv2.inRange(mask.person, _DOUBT, 1 - _DOUBT))
    pixels = math.sqrt(mask.box.width * mask.box.height / mask.person.size)
    return band / (crossings * math.pi / 4) * pixels


def _summary(values: NDArray[np.float64]) -> dict[str, float | None]:
    known = values[~np.isnan(values)]
    if not known.size:
        return dict.fromkeys(("mean", "least", "most", "p95"))
    found = {"mean": known.mean(), "least": known.min(), "most": known.max(), "p95": np.quantile(known, 0.95)}
    return {name: round(float(value), 4) for name, value in found.items()}


def _of_run(values: NDArray[np.float64], *, peak: bool) -> float | None:
    known = values[~np.isnan(values)]
    if not known.size:
        return None
    return round(float(known.max() if peak else known.mean()), 4)


def _as_json(figures: Figures) -> dict[str, float | None]:
    named = {
        "coverage_percent": figures.coverage,
        "softness_px": figures.softness,
        "flicker_percent": figures.flicker,
    }
    return {name: None if math.isnan(value) else round(value, 4) for name, value in named.items()}
