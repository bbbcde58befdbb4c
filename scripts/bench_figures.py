"""The figures that `bench.py` prints: medians and ratios of what was measured, and their tables."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

Rows: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]
"""What was measured of each way of working, one mapping a repetition; see `bench.run`."""

TITLES = {
    "vidseg_fps": "frames/s",
    "vidseg_s": "s",
    "floor_s": "floor s",
    "over_floor": "over floor",
    "programs_s": "ffmpeg s",
    "over_programs": "over ffmpeg",
    "busy_percent": "busy %",
    "vidseg_cpu_ms": "CPU ms",
    "own_ms": "own ms",
    "peak_mb": "peak MB",
    "over_first": "over first",
    "cpu_over_first": "CPU over first",
    "over_tutorial": "over tutorial",
    "over_author": "over author",
}
"""Figures of a render, in the order of the table, and what they are called there."""

_OTHERS = ("decode", "encode", "inference")
"""How the names begin of stages whose work is not ours."""


def summary(rows: Rows, frames: int, first: Rows, cores: int, stages: Mapping[str, float]) -> Any:
    """Return medians and ratios, by the keys of `TITLES` and a few more.

    `first`: the rows of the first model; `cores`: how many were there to be used; `stages`: CPU
    milliseconds a frame of each.
    """
    floor_s = median(rows["floor"], "said")
    wall_s, cpu_s = (median(rows["vidseg"], key) for key in ("wall_s", "cpu_s"))
    busy = statistics.median(each["cpu_s"] / each["wall_s"] for each in rows["vidseg"])
    result = {
        "frames": frames,
        "floor_s": round(floor_s, 2),
        "vidseg_s": round(wall_s, 2),
        "over_floor": round(wall_s / floor_s, 3),
        "over_first": round(wall_s / median(first["vidseg"], "wall_s"), 2),
        "cpu_over_first": round(cpu_s / median(first["vidseg"], "cpu_s"), 2),
        "vidseg_fps": round(frames / wall_s, 1),
        "vidseg_cpu_ms": round(1000 * cpu_s / frames, 1),
        "own_ms": own_work(stages),
        "busy_percent": round(100 * busy / cores),
        "peak_mb": round(max(row["peak_mb"] for row in rows["vidseg"])),
    }
    if all(row["said"] is not None for row in rows["programs"]):
        seconds = median(rows["programs"], "said")
        result["programs_s"] = round(seconds, 2)
        result["over_programs"] = round(wall_s / seconds, 3)
    for way in ("tutorial", "author"):
        if way in rows:
            seconds = median(rows[way], "said")
            result[f"{way}_fps"] = round(1 / seconds, 2)
            result[f"over_{way}"] = round(frames / wall_s * seconds, 2)
    return result


def own_work(stages: Mapping[str, float]) -> float:
    """Return the milliseconds a frame of all stages but decoding, encoding and inference."""
    return round(sum(ms for name, ms in stages.items() if not name.startswith(_OTHERS)), 1)


def median(rows: Iterable[Mapping[str, Any]], key: str) -> float:
    """Return the median of one figure."""
    return float(statistics.median(row[key] for row in rows))


def renders_table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the figures of renders as a table, a row each, without columns that hold nothing."""
    shown = [key for key in TITLES if any(key in row for row in results.values())]
    if all(
        row.get("over_first", 1) == row.get("cpu_over_first", 1) == 1 for row in results.values()
    ):
        shown = [key for key in shown if not key.endswith("over_first")]
    rows = [[name, *(str(row.get(key, "-")) for key in shown)] for name, row in results.items()]
    return _table(["render", *(TITLES[key] for key in shown)], rows)


def stages_table(costs: Mapping[str, Mapping[str, float]]) -> str:
    """Return CPU milliseconds a frame of the stages as a table, a row for each clip and model."""
    stages = list(dict.fromkeys(stage for cost in costs.values() for stage in cost))
    rows = [
        [name, *(str(cost.get(stage, "-")) for stage in stages), str(own_work(cost))]
        for name, cost in costs.items()
    ]
    return _table(["CPU ms a frame", *stages, "own"], rows)


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns are as wide as what they hold, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    rule = ["-" * width if not i else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    lines = [
        [
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        for cells in (titles, *rows)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:]))
