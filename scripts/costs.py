"""What each stage between a frame and its alpha costs, for `evaluate.py --costs`: CPU ms a frame.

Pictures of a set are scaled to the height asked for. One thread of Python runs one stage after
another, and process time is taken, so that figures hold on a machine with other work to do.
"""

import itertools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2

FRAMES = 48
"""Frames that are timed: some spans of the tracker, and at 1080p 150 MB of memory."""

Costs = dict[str, float]
"""CPU milliseconds a frame of `network`, `track`, `smooth` and `refine`."""


def scaled(frames: Sequence[Path], height: int, folder: Path) -> list[Path]:
    """Write the first frames of a set at another height; return their paths."""
    folder.mkdir()
    written = []
    for path in itertools.islice(frames, FRAMES):
        picture = cv2.imread(str(path))
        if picture is None:
            raise SystemExit(f"{path}: is no picture")
        width = round(picture.shape[1] * height / picture.shape[0] / 2) * 2
        written.append(folder / path.with_suffix(".png").name)
        cv2.imwrite(
            str(written[-1]), cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC)
        )
    return written


def costs(clip: Path, model: str, smooth: float | None) -> Costs:
    """Return what the stages cost on a clip; `smooth` in seconds instead of the default."""
    from vidseg.matting.refinement.refine import refine
    from vidseg.matting.smoothing import smooth_masks
    from vidseg.matting.tracking.tracker import Tracker
    from vidseg.media.damage import Damage
    from vidseg.media.decode import Span, decode
    from vidseg.media.probe import probe_video
    from vidseg.networks import open_segmenter
    from vidseg.settings import MatteSettings, ModelSettings

    cv2.setNumThreads(1)
    info = probe_video(clip)
    frames = list(decode(info, Span(None, None), Damage()))
    matte = MatteSettings() if smooth is None else MatteSettings(smooth=smooth)
    spent: Costs = {}

    def timed(name: str, call: Callable[[], Any]) -> Any:
        since = time.process_time()
        result = call()
        spent[name] = spent.get(name, 0.0) + 1000 * (time.process_time() - since) / len(frames)
        return result

    segmenter = open_segmenter(ModelSettings(name=model))
    segment = segmenter.segment
    segmenter.segment = lambda batch: timed("network", lambda: segment(batch))  # type: ignore[method-assign]
    found = timed(
        "track",
        lambda: list(Tracker(segmenter, ModelSettings(), info.orientation).follow(frames)),
    )
    spent["track"] -= spent["network"]
    found = timed("smooth", lambda: list(smooth_masks(found, matte.smooth)))
    timed("refine", lambda: [refine(frame, mask, matte) for frame, mask in found])
    segmenter.close()
    return spent


def table(costs: dict[str, dict[int, Costs]], brings: dict[str, dict[str, float]]) -> str:
    """Return a Markdown table: the default's costs, then what each stage adds to costs and scores.

    `costs`: label, height → costs; `brings`: label → what a score loses without the stage. The
    first label is the default.
    """
    default, *others = costs
    heights, scores = list(costs[default]), list(next(iter(brings.values()), {}))
    titles = [
        "stage",
        *scores,
        *(f"{height}p: {name}" for height in heights for name in costs[default][height]),
    ]
    lines = ["| " + " | ".join(titles) + " |", "| --- " * len(titles) + "|"]
    for label in (default, *others):
        cells = [f"{brings[label][score]:+.3g}" if label in brings else "" for score in scores]
        for height in heights:
            for name, ms in costs[default][height].items():
                cells.append(
                    f"{ms:.1f}" if label == default else f"{ms - costs[label][height][name]:+.1f}"
                )
        lines.append("| " + " | ".join([label, *cells]) + " |")
    return "\n".join(lines)
