"""Make the README's pictures out of the sample media: ``python -m samples.picture docs/demo.png``.

Before, mask and after, side by side, as `vidseg` makes them; with ``--heads``, heads with flying
hair by every model.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from samples.make import make_clip, make_picture
from samples.soft_truth import SEQUENCES
from samples.soft_truth import Sequence as SoftSequence
from samples.truth import write

_SIZE = (440, 248)
_GAP = 8

_HEADS = ("judging-sea", "judging-street")
_HEAD_SIZE = (252, 196)
_HEAD_FRAMES = 24
_HEAD_COLOUR = "#7a9e87"
_MODELS = ("bodypix-050-s16", "selfie", "rvm")


def _vidseg(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "vidseg", *map(str, arguments), "--quiet"], check=True)


def _middle(path: Path) -> Image.Image:
    """Return the frame in the middle of a clip."""
    with av.open(str(path)) as source:
        frames = list(source.decode(video=0))
    middle: NDArray[np.uint8] = frames[len(frames) // 2].to_ndarray(format="rgb24")  # type: ignore[assignment]
    return Image.fromarray(middle)


def strip(model: str) -> Image.Image:
    """Return before, mask and after of the sample clip, with white gaps between them."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        clip = make_clip(folder / "clip.mp4", seconds=1)
        hills = make_picture(folder / "hills.jpg")
        _vidseg(
            "render", clip, "-o", folder / "after.mp4", "-b", hills, "--model", model, "--crf", "12"
        )
        _vidseg("matte", clip, "-o", folder / "mask.mp4", "--model", model, "--crf", "12")
        panels = [_middle(folder / f"{part}.mp4") for part in ("clip", "mask", "after")]
    width, height = _SIZE
    sheet = Image.new("RGB", (3 * width + 2 * _GAP, height), "white")
    for i, panel in enumerate(panels):
        sheet.paste(panel.resize(_SIZE, Image.Resampling.LANCZOS), (i * (width + _GAP), 0))
    return sheet


def heads(models: Sequence[str]) -> Image.Image:
    """Return heads with flying hair: the clip, and what each model makes of it before one colour.

    A row a sequence of `samples.soft_truth`, none of them one that models are adjusted by.
    """
    chosen = [each for each in SEQUENCES if each.name in _HEADS]
    width, height = _HEAD_SIZE
    columns = 1 + len(models)
    sheet = Image.new(
        "RGB",
        (columns * (width + _GAP) - _GAP, len(chosen) * (height + _GAP) - _GAP),
        "white",
    )
    for row, sequence in enumerate(chosen):
        for column, panel in enumerate(_heads(sequence, models)):
            scaled = panel.resize(_HEAD_SIZE, Image.Resampling.LANCZOS)
            sheet.paste(scaled, (column * (width + _GAP), row * (height + _GAP)))
    return sheet


def _heads(sequence: SoftSequence, models: Sequence[str]) -> list[Image.Image]:
    with TemporaryDirectory() as name:
        clip = Path(name) / "clip.mkv"
        alphas = write(sequence, clip, _HEAD_FRAMES)
        panels = [_middle(clip)]
        for model in models:
            after = Path(name) / f"{model}.mkv"
            _vidseg(
                *("render", clip, "-o", after, "-b", _HEAD_COLOUR),
                *("--model", model, "--codec", "ffv1"),
            )
            panels.append(_middle(after))
    rows, columns = np.nonzero(alphas[_HEAD_FRAMES // 2] > 0.02)
    middle, top = int(np.median(columns[rows < rows.min() + 60])), int(rows.min())
    height = round(0.42 * sequence.height)
    width = height * _HEAD_SIZE[0] // _HEAD_SIZE[1]
    left, top = middle - width // 2, max(0, top - height // 12)
    return [panel.crop((left, top, left + width, top + height)) for panel in panels]


def main() -> None:
    """Write the picture where the command line says."""
    parser = argparse.ArgumentParser(prog="python -m samples.picture", description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--model", default="bodypix-050-s16", help="%(default)s")
    parser.add_argument(
        "--heads", action="store_true", help="heads with flying hair instead, by every model"
    )
    chosen = parser.parse_args()
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    sheet = heads(_MODELS) if chosen.heads else strip(chosen.model)
    sheet.save(chosen.output, optimize=True)


if __name__ == "__main__":
    main()
