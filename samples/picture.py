"""Make the README's picture out of the sample media: ``python -m samples.picture docs/demo.png``.

Before, mask and after, side by side, as `vidseg` makes them.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from samples.make import make_clip, make_picture

_SIZE = (440, 248)
_GAP = 8


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


def main() -> None:
    """Write the picture where the command line says."""
    parser = argparse.ArgumentParser(prog="python -m samples.picture", description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--model", default="bodypix-050-s16", help="%(default)s")
    chosen = parser.parse_args()
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    strip(chosen.model).save(chosen.output, optimize=True)


if __name__ == "__main__":
    main()
