"""Metrics of a run, frame by frame, and the moments at their peaks. Pure values."""

import base64
import math
from array import array
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

APART_S = 0.5
"""A peak is higher than all that is closer to it than this."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Which peaks of a figure are shown: at most `most`, from `least`, `above` times the median.

    Found by eye, on half of some clips, and checked on the others: what flickers less than this
    nobody sees in a picture, and an edge as soft as it always is tells nothing.
    """

    most: int
    least: float
    above: float


PEAKS = {"flicker": Limits(6, 1.0, 0.0), "softness": Limits(3, 2.0, 1.4)}
"""Figures whose peaks are looked at."""

_LOW = 4
"""A peak this many times lower than the highest is left out."""

_MOST_EVEN = 12
_MOST_POINTS = 2000

_NAMES = {"coverage": "coverage_percent", "softness": "softness_px", "flicker": "flicker_percent"}
_PEAK_SHOWN = ("flicker",)
"""Figures of which a point of the curve tells the most of its frames, rather than the mean."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one frame, see `vidseg.reports.mask_metrics`; NaN: nothing to measure."""

    coverage: float
    softness: float
    flicker: float


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame's JPEGs: original, mask and result; `time` in seconds of the player's clock.

    `reasons`: the figures that have a peak here, ``flicker`` or ``softness``; none for one of those
    that are spaced evenly.
    """

    time: float
    reasons: tuple[str, ...]
    figures: Figures
    original: bytes
    mask: bytes
    result: bytes | None


class _Timed(Protocol):
    @property
    def time(self) -> float: ...


_Kept = TypeVar("_Kept", bound=_Timed)


class Peaks(Generic[_Kept]):
    """The highest peaks of one figure, and what is kept of each: exact, one pass, bounded memory.

    A peak is a frame whose value, of `least` or more, no frame less than half a second away
    exceeds; of equals the first. At most `most` are kept, the highest, of equals the first.
    """

    def __init__(self, most: int, least: float) -> None:
        self._most, self._least = most, least
        self._recent: deque[tuple[float, float]] = deque()  # (time, value), values falling
        self._pending: tuple[float, _Kept] | None = None  # nothing since has been higher
        self._held: list[tuple[float, _Kept]] = []

    def meets(self, value: float, time: float) -> bool:
        """Note the next frame; return whether `keep` is to be called with what is kept of it."""
        while self._recent and time - self._recent[0][0] >= APART_S:
            self._recent.popleft()
        if self._pending is not None and time - self._pending[1].time >= APART_S:
            self._held, self._pending = self._ranked(), None
        if math.isnan(value):
            return False
        higher = not self._recent or self._recent[0][1] < value
        while self._recent and self._recent[-1][1] < value:
            self._recent.pop()
        self._recent.append((time, value))
        if not higher:
            return False
        self._pending = None
        full = len(self._held) == self._most
        return value >= self._least and not (full and value <= self._held[-1][0])

    def keep(self, value: float, kept: _Kept) -> None:
        """Keep this of the frame that `meets` was told of last."""
        self._pending = value, kept

    def found(self) -> list[_Kept]:
        """Return what was kept of the peaks so far, the highest first."""
        return [kept for _, kept in self._ranked()]

    def _ranked(self) -> list[tuple[float, _Kept]]:
        everything = [*self._held, *([self._pending] if self._pending is not None else [])]
        return sorted(everything, key=lambda held: (-held[0], held[1].time))[: self._most]


@dataclass(frozen=True, slots=True)
class _At:
    """A peak's time, where nothing else is kept of it."""

    time: float
    value: float


@dataclass(slots=True)
class Collected:
    """Figures of frames in order: `columns` by names of `Figures`; times of the player's clock.

    `moments` are pictures that were taken on the way, more than will be shown; `moments()` chooses.
    """

    times: "array[float]" = field(default_factory=lambda: array("d"))
    columns: "dict[str, array[float]]" = field(
        default_factory=lambda: {name: array("f") for name in _NAMES}
    )
    cuts: list[float] = field(default_factory=list)
    pictures: list[Moment] = field(default_factory=list)

    def add(self, time: float, figures: Figures, *, begins_shot: bool) -> Figures:
        """Add a frame's figures; return them as they are kept, in single precision."""
        self.times.append(time)
        for name, column in self.columns.items():
            column.append(getattr(figures, name))
        if begins_shot:
            self.cuts.append(time)
        return Figures(**{name: column[-1] for name, column in self.columns.items()})

    def append(self, later: "Collected") -> None:
        """Add what was taken of the frames that follow."""
        self.times.extend(later.times)
        for name, column in self.columns.items():
            column.extend(later.columns[name])
        self.cuts += later.cuts
        self.pictures += later.pictures

    def blank(self) -> "Collected":
        """Return the same with empty pictures, which `moments` chooses from as well."""
        blank = [replace(m, original=b"", mask=b"", result=None) for m in self.pictures]
        return replace(self, pictures=blank)

    def moments(self) -> list[Moment]:
        """Return the moments to show, by time: those of the peaks, and some spaced evenly.

        Peaks of which no picture was taken are left out.
        """
        reasons: dict[float, list[str]] = {}
        for name, limits in PEAKS.items():
            for time in self.peaks(name, limits):
                reasons.setdefault(time, []).append(name)
        taken = {moment.time: moment for moment in self.pictures}
        worst = [
            replace(taken[t], reasons=tuple(names)) for t, names in reasons.items() if t in taken
        ]
        even = [m for m in self.pictures if not m.reasons and m.time not in reasons]
        return sorted([*worst, *thinned(even, _MOST_EVEN)], key=lambda moment: moment.time)

    def peaks(self, name: str, limits: Limits) -> list[float]:
        """Return the times of a figure's highest peaks, highest first, without those far lower."""
        values = np.asarray(self.columns[name], np.float64)
        known = values[~np.isnan(values)]
        usual = float(np.median(known)) if known.size else 0.0
        peaks: Peaks[_At] = Peaks(limits.most, max(limits.least, limits.above * usual))
        for time, value in zip(self.times, self.columns[name], strict=True):
            if peaks.meets(value, time):
                peaks.keep(value, _At(time, value))
        found = peaks.found()
        return [peak.time for peak in found if peak.value >= found[0].value / _LOW]

    def account(self) -> dict[str, object]:
        """Return the figures for a report, as JSON takes them; see docs/report.md."""
        values = {name: np.asarray(column, np.float64) for name, column in self.columns.items()}
        return {
            "frames": len(self.times),
            **{key: _summary(values[name]) for name, key in _NAMES.items()},
            "cuts_s": [round(time, 6) for time in self.cuts if time != self.times[0]],
            "curve": self._curve(values),
            "moments": [
                {"time_s": round(m.time, 6), "reasons": list(m.reasons), **_as_json(m.figures)}
                for m in self.moments()
            ],
        }

    def _curve(self, values: Mapping[str, NDArray[np.float64]]) -> dict[str, list[float | None]]:
        """Return the figures over time in at most 2000 points, each for a run of frames.

        Coverage and softness are means, flicker the most of the run; its time is that of its first
        frame.
        """
        run = max(1, -(-len(self.times) // _MOST_POINTS))
        starts = range(0, len(self.times), run)
        curve: dict[str, list[float | None]] = {"time_s": [round(self.times[i], 6) for i in starts]}
        for name, key in _NAMES.items():
            curve[key] = [
                _of_run(values[name][i : i + run], peak=name in _PEAK_SHOWN) for i in starts
            ]
        return curve

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON takes it; `from_json` reads it."""
        pictures = [
            {**asdict(m), **{k: _text(getattr(m, k)) for k in ("original", "mask", "result")}}
            for m in self.pictures
        ]
        columns = {name: list(column) for name, column in self.columns.items()}
        return {
            "times": list(self.times),
            "columns": columns,
            "cuts": self.cuts,
            "pictures": pictures,
        }

    @classmethod
    def from_json(cls, read: Mapping[str, Any]) -> "Collected":
        """Return what `as_json` gave."""
        pictures = [
            Moment(
                time=m["time"],
                reasons=tuple(m["reasons"]),
                figures=Figures(**m["figures"]),
                original=_data(m["original"]) or b"",
                mask=_data(m["mask"]) or b"",
                result=_data(m["result"]),
            )
            for m in read["pictures"]
        ]
        columns = {name: array("f", column) for name, column in read["columns"].items()}
        return cls(array("d", read["times"]), columns, list(read["cuts"]), pictures)


def thinned(moments: Sequence[Moment], most: int) -> list[Moment]:
    """Return at most `most` moments, spaced evenly among those given."""
    count = min(most, len(moments))
    return [moments[(2 * i + 1) * len(moments) // (2 * count)] for i in range(count)]


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _data(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def _summary(values: NDArray[np.float64]) -> dict[str, float | None]:
    known = values[~np.isnan(values)]
    if not known.size:
        return dict.fromkeys(("mean", "least", "most", "p95"))
    found = {
        "mean": known.mean(),
        "least": known.min(),
        "most": known.max(),
        "p95": np.quantile(known, 0.95),
    }
    return {name: round(float(value), 4) for name, value in found.items()}


def _of_run(values: NDArray[np.float64], *, peak: bool) -> float | None:
    known = values[~np.isnan(values)]
    if not known.size:
        return None
    return round(float(known.max() if peak else known.mean()), 4)


def _as_json(figures: Figures) -> dict[str, float | None]:
    named = {key: getattr(figures, name) for name, key in _NAMES.items()}
    return {key: None if math.isnan(value) else round(value, 4) for key, value in named.items()}
