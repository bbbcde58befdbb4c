#!/usr/bin/env python3
"""Measure whether alpha pulses: whether it changes more where the network looks than elsewhere.

    python scripts/steadiness.py CLIP… [--models bodypix-050-s16,selfie] [--seconds 8]

The network sees some frames only; masks of the others are carried along. What people notice is a
period: each look moves the edge a little. Columns: looks among the frames; mean change of alpha,
in codes of 255, from the frame before to a look, and between other frames (medians); and the pulse:
the median, over looks, of that change as a multiple of the median of the frames close by (8 each
way), so that movement, which makes looks as well as change, doesn't count. 1 is no pulse.
"""

import argparse
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from vidseg.matting.mask_source import refined, source_of_masks
from vidseg.media.damage import Damage
from vidseg.media.decode import Span, decode
from vidseg.media.probe import probe_video
from vidseg.networks import Segmenter, open_segmenter
from vidseg.settings import MatteSettings, ModelSettings

_NEAR, _FEW = 8, 6
"""Frames each way that a look is compared with, and how many of them must be carried along."""


def changes(
    clip: Path, network: Segmenter, model: ModelSettings, seconds: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return alpha's mean change to each frame but the first, and whether it was looked at."""
    info = probe_video(clip)
    source = source_of_masks(network, model, MatteSettings(), info.orientation)
    frames = decode(info, Span(None, Fraction(seconds)), Damage())
    found, looks, before = [], [], None
    for layer in refined(source.follow(frames), source):
        alpha = layer.alpha.plane.astype(np.float32) * np.float32(255 / layer.frame.format.peak)
        if before is not None and before.shape == alpha.shape:
            found.append(float(np.abs(alpha - before).mean()))
            looks.append(not layer.mask.propagated)
        before = alpha
    return np.array(found), np.array(looks, bool)


def pulse(change: NDArray[np.float64], look: NDArray[np.bool_]) -> float:
    """Return how many times as much changes at looks as close by; NaN where nothing tells."""
    ratios = []
    for i in np.nonzero(look)[0]:
        near = slice(max(0, i - _NEAR), i + _NEAR + 1)
        others = change[near][~look[near]]
        if len(others) >= _FEW and np.median(others) > 0:
            ratios.append(change[i] / np.median(others))
    return float(np.median(ratios)) if ratios else float("nan")


def main() -> int:
    """Print a line for each clip and model."""
    parser = argparse.ArgumentParser(description="Measure whether alpha pulses.")
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIP")
    parser.add_argument("--models", default="bodypix-050-s16,selfie", help="comma-separated")
    parser.add_argument("--seconds", type=float, default=8.0)
    given = parser.parse_args()
    print("| clip | model | looks | change at looks | between | pulse |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in given.models.split(","):
        model = ModelSettings(name=name)
        network = open_segmenter(model)
        for clip in given.clips:
            change, look = changes(clip, network, model, given.seconds)
            at, between = (np.median(change[each]) for each in (look, ~look))
            print(
                f"| {clip.name} | {name} | {look.sum()} of {len(look)} | {at:.3f} | {between:.3f} "
                f"| {pulse(change, look):.2f} |",
                flush=True,
            )
        network.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
