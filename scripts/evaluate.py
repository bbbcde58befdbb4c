#!/usr/bin/env python3
"""Score the masks that vidseg makes against true ones, or draw sheets of clips that have none.

    python scripts/evaluate.py                                    # all sets of the test-data folder
    python scripts/evaluate.py --models bodypix-050-s16,selfie --sets hike,tennis --ablation
    python scripts/evaluate.py FOLDER CLIP.mp4=MASKS --json scores.json
    python scripts/evaluate.py --clips FOLDER_OF_CLIPS --out SHEETS

A set is a folder with `frames/` and `masks/` (pictures of equal names), or a clip and the folder of
its masks, one a frame. Frames become a lossless clip of 24 frames a second, which goes through
`vidseg matte` into FFV1 at full range, as any user's clip would; what is read back is scored, so
that time and alignment are tested too. Frames whose numbers leave gaps are single pictures, and go
through `vidseg matte` one by one.

Columns: IoU and F (boundary) want to be high; bMAD (x1000, near the true edge), MAD (x1000, whole
frame) and dtSSD (x100, flicker against the truth) low. CPU ms: of all threads together, per frame,
with decoding and FFV1. `--ablation` adds the tutorial's way (tf_bodypix, frame by frame, threshold
0.5), and vidseg without one stage each; `--costs` also what every stage costs at 720p and 1080p
beside what it brings. The metrics are `metrics/matte_metrics.py` of the test-data folder
(VIDSEG_TEST_DATA). `scripts/evaluate_drawn.py` scores by alpha that is known exactly.
"""

import argparse
import importlib.util
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import av
import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("VIDSEG_TEST_DATA", ROOT.parent / "shared"))
sys.path.insert(0, str(ROOT))

RATE = 24
HEIGHTS = (720, 1080)
COLUMNS = ("iou", "f", "bmad", "mad", "dtssd", "cpu_ms")
TITLES = ("IoU", "F", "bMAD", "MAD", "dtSSD", "CPU ms")
MEANS = {"hike + tennis": {"hike", "tennis"}}
"""Means that the targets are stated in; others are taken over all sequences of a run."""

Matte = NDArray[np.float32]
Scores = dict[str, float]


@dataclass(frozen=True, slots=True)
class Set:
    """Pictures, or a clip, and their true masks, in order."""

    name: str
    masks: list[Path]
    frames: list[Path] = field(default_factory=list)
    clip: Path | None = None

    @property
    def stills(self) -> bool:
        """Whether the pictures don't follow each other: their numbers leave gaps."""
        if self.clip is not None:
            return False
        numbers = [int(path.stem) for path in self.frames if path.stem.isdigit()]
        return len(self.frames) == 1 or any(b - a != 1 for a, b in itertools.pairwise(numbers))


@dataclass(frozen=True, slots=True)
class Way:
    """A way to make mattes: options of `vidseg matte`, and functions that stand in for a stage."""

    options: tuple[str, ...] = ()
    instead: dict[str, Callable[..., Any]] = field(default_factory=dict)

    @property
    def smooth(self) -> float | None:
        """The window that is asked for, in seconds, `None` for the default."""
        return float(self.options[1]) if "--smooth" in self.options else None


WAYS: dict[str, Way] = {
    "default": Way(),
    "whole frame only": Way(
        instead={"vidseg.matting.tracking.roi_planner.RoiPlanner.plan": lambda *_: []}
    ),
    "unverified detections": Way(
        instead={
            "vidseg.matting.tracking.detection.Detector.verified": lambda _, __, prediction, ___: (
                prediction
            )
        }
    ),
    "no smoothing": Way(("--smooth", "0")),
    "no edge colours": Way(
        instead={"vidseg.matting.refinement.refine.refine_by_colour": lambda person, *_: person}
    ),
    "holes and specks": Way(
        instead={"vidseg.matting.refinement.refine.clean_components": lambda person, *_: person}
    ),
}
"""The default and its ablations: what each stage brings is what is missing without it."""


# -- sets
# --------------------------------------------------------------------------------------------------


def found_sets(words: Sequence[str], names: Sequence[str]) -> list[Set]:
    """Return the sets that the command line names, or those of the test-data folder."""
    sets = [given_set(word) for word in words]
    if not words:
        folders = sorted(path.parent for path in (DATA / "gt").rglob("masks"))
        sets = [given_set(str(folder)) for folder in folders]
    chosen = [each for each in sets if not names or each.name in names]
    if not chosen:
        sys.exit(f"no sets found under {DATA / 'gt'}; name folders with frames/ and masks/")
    return chosen


def given_set(word: str) -> Set:
    """Return the set that is meant by `FOLDER` or `CLIP=MASKS`."""
    clip, _, folder = word.rpartition("=")
    masks = sorted(Path(folder).glob("*") if clip else (Path(folder) / "masks").glob("*"))
    if clip:
        return Set(Path(clip).stem, masks, clip=Path(clip))
    frames = sorted((Path(folder) / "frames").glob("*"))
    if not frames or [path.stem for path in frames] != [path.stem for path in masks]:
        sys.exit(f"{folder}: needs frames/ and masks/ with pictures of equal names")
    return Set(Path(folder).name, masks, frames=frames)


def truth(each: Set) -> Iterator[Matte]:
    """Yield the true masks, float32 [h, w] in [0, 1]."""
    for path in each.masks:
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if mask is None:
            sys.exit(f"{path}: is no picture")
        yield mask.astype(np.float32) / 255


def write_clip(frames: Iterable[Path], target: Path) -> None:
    """Write pictures as a lossless clip (FFV1, 4:2:0, BT.601), 24 a second."""
    with av.open(str(target), "w") as out:
        stream = out.add_stream("ffv1", rate=RATE)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = 5, 1
        for number, path in enumerate(frames):
            picture = cv2.imread(str(path))
            if picture is None:
                sys.exit(f"{path}: is no picture")
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame = frame.reformat(
                format="yuv420p", dst_colorspace="itu601", dst_color_range="MPEG"
            )
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


# -- mattes
# --------------------------------------------------------------------------------------------------


def vidseg(*arguments: object) -> None:
    """Run the command line in this process, so that TensorFlow is not loaded for every picture."""
    from vidseg.cli.main import cli

    cli.main([str(argument) for argument in arguments], prog_name="vidseg", standalone_mode=False)


def mattes(each: Set, model: str, way: Way, scratch: Path) -> tuple[Iterator[Matte], float]:
    """Run `vidseg matte`; return its mattes as read back, and its CPU milliseconds a frame."""
    source, count = each.clip or scratch / f"{each.name}.mkv", len(each.masks)
    options = ("--model", model, "--quiet", "--overwrite", *way.options)
    with ExitStack() as stack:
        for name, function in way.instead.items():
            stack.enter_context(mock.patch(name, function))
        if each.stills:
            targets = [scratch / f"{path.stem}.png" for path in each.frames]
            since = time.process_time()
            for path, target in zip(each.frames, targets, strict=True):
                vidseg("matte", path, "-o", target, *options)
            return (still(path) for path in targets), 1000 * (time.process_time() - since) / count
        if each.clip is None and not source.exists():
            write_clip(each.frames, source)
        since = time.process_time()
        found = matte_of(source, scratch / "matte.mkv", model, way.options)
        return found, 1000 * (time.process_time() - since) / count


def matte_of(
    source: Path, target: Path, model: str, options: Sequence[str] = ()
) -> Iterator[Matte]:
    """Run `vidseg matte` on a clip, into FFV1 at `target`; return the mattes as read back."""
    ours = ("--model", model, "--quiet", "--overwrite", "--codec", "ffv1", "--audio", "none")
    vidseg("matte", source, "-o", target, *ours, *options)
    return moving(target)


def still(path: Path) -> Matte:
    """Return a matte that was written as a picture."""
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.float32) / 255


def moving(path: Path) -> Iterator[Matte]:
    """Yield the mattes of a full-range video."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            plane = frame.planes[0]
            codes = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[
                :, : plane.width
            ]
            yield codes.astype(np.float32) / 255


def tutorial(each: Set) -> tuple[Iterator[Matte], float]:
    """Return what the tutorial's loop makes of each picture alone, and CPU milliseconds a frame."""
    bodypix = tutorial_model()
    results = []
    since = time.process_time()
    for path in each.frames:
        rgb = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        results.append(
            np.asarray(bodypix.predict_single(rgb).get_mask(threshold=0.5), np.float32)[..., 0]
        )
    return iter(results), 1000 * (time.process_time() - since) / len(each.frames)


@cache
def tutorial_model() -> Any:
    """Return the model that the tutorial loads."""
    from tf_bodypix.api import load_model

    folder = Path(os.environ.get("VIDSEG_MODEL_DIR", DATA / "models"))
    return load_model(str(folder / "bodypix/mobilenet/float/050/model-stride16.json"))


# -- scores
# --------------------------------------------------------------------------------------------------


@cache
def metrics() -> Any:
    """Return the metrics module of the test-data folder."""
    path = DATA / "metrics" / "matte_metrics.py"
    spec = importlib.util.spec_from_file_location("matte_metrics", path)
    if spec is None or spec.loader is None or not path.is_file():
        sys.exit(f"no metrics at {path}; set VIDSEG_TEST_DATA")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scored(each: Set, found: tuple[Iterator[Matte], float]) -> Scores:
    """Return the figures of a set's mattes; a picture by itself has no flicker."""
    made, cpu_ms = found
    scores: Scores = dict(metrics().evaluate(made, truth(each)), cpu_ms=cpu_ms)
    if each.stills:
        scores["dtssd"] = float("nan")
    return scores


def evaluate(
    sets: Sequence[Set], models: Sequence[str], ablation: bool, tell: Callable[[str], None]
) -> dict[str, dict[str, Scores]]:
    """Return label → name of the set → scores."""
    table: dict[str, dict[str, Scores]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for model, (name, way) in itertools.product(models, WAYS.items()):
            if name != "default" and not ablation:
                continue
            label = model if name == "default" else f"{model}, {name}"
            for each in sets:
                table.setdefault(label, {})[each.name] = scored(
                    each, mattes(each, model, way, Path(scratch))
                )
                tell(row(label, each.name, table[label][each.name]))
    if ablation:  # last: it loads TensorFlow, whose threads would count in the others' CPU time
        pictures = [each for each in sets if each.frames]
        table["tutorial"] = {each.name: scored(each, tutorial(each)) for each in pictures}
    return table


def means(scores: dict[str, Scores]) -> dict[str, Scores]:
    """Return the means over the sets that targets are stated in, where all of them are there."""
    wanted = {name: members for name, members in MEANS.items() if members <= scores.keys()}
    moving_sets = {name for name, each in scores.items() if not np.isnan(each["dtssd"])}
    if len(moving_sets) > 2:
        wanted[f"all {len(moving_sets)} sequences"] = moving_sets
    return {
        name: {
            column: statistics.fmean(scores[member][column] for member in members)
            for column in COLUMNS
        }
        for name, members in wanted.items()
    }


def row(label: str, name: str, scores: Scores) -> str:
    """Return a line of the table."""
    digits = (3, 3, 0, 1, 2, 0)
    cells = [f"{scores[column]:.{places}f}" for column, places in zip(COLUMNS, digits, strict=True)]
    cells = ["-" if cell == "nan" else cell for cell in cells]
    return "| " + " | ".join([label, name, *cells]) + " |"


def markdown(table: dict[str, dict[str, Scores]]) -> str:
    """Return the whole as a Markdown table."""
    titles = ("way", "set", *TITLES)
    lines = ["| " + " | ".join(titles) + " |", "| --- " * len(titles) + "|"]
    for label, scores in table.items():
        lines += [row(label, name, each) for name, each in {**scores, **means(scores)}.items()]
    return "\n".join(lines)


# -- costs
# --------------------------------------------------------------------------------------------------


def costs_of_stages(sets: Sequence[Set], model: str, table: dict[str, dict[str, Scores]]) -> str:
    """Return a table of what stages cost and bring, means over the sets of consecutive pictures."""
    from scripts import costs

    chosen = [each for each in sets if each.frames and not each.stills]
    spent: dict[str, dict[int, costs.Costs]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for each, height in itertools.product(chosen, HEIGHTS):
            folder = Path(scratch) / f"{each.name}{height}"
            write_clip(
                costs.scaled(each.frames, height, folder), clip := folder.with_suffix(".mkv")
            )
            for name, way in WAYS.items():
                with ExitStack() as stack:
                    for target, function in way.instead.items():
                        stack.enter_context(mock.patch(target, function))
                    found = costs.costs(clip, model, way.smooth)
                row = spent.setdefault(name, {}).setdefault(height, dict.fromkeys(found, 0.0))
                for stage, ms in found.items():
                    row[stage] += ms / len(chosen)
    return costs.table(spent, brought(chosen, model, table))


def brought(
    sets: Sequence[Set], model: str, table: dict[str, dict[str, Scores]]
) -> dict[str, dict[str, float]]:
    """Return way → score → its mean change by the stage that the way leaves out."""
    result = {}
    for name in WAYS:
        without, default = table.get(f"{model}, {name}"), table[model]
        if without is not None:
            result[name] = {
                title: statistics.fmean(
                    default[each.name][key] - without[each.name][key] for each in sets
                )
                for key, title in (("iou", "IoU"), ("f", "F"), ("bmad", "bMAD"), ("dtssd", "dtSSD"))
            }
    return result


# -- sheets
# --------------------------------------------------------------------------------------------------


def draw_sheets(folder: Path, out: Path, models: Sequence[str], rows: int) -> None:
    """Draw a contact sheet of every clip in a folder (or of one clip), by every model."""
    from vidseg.errors import VidsegError

    out.mkdir(parents=True, exist_ok=True)
    clips = (
        [folder]
        if folder.is_file()
        else sorted(path for path in folder.iterdir() if path.is_file())
    )
    for clip, model in itertools.product(clips, models):
        target = out / f"{clip.stem}.{model}.png"
        options = ("--rows", rows, "--model", model, "-b", "#00b140", "--overwrite")
        try:
            vidseg("preview", clip, "-o", target, *options)
            print(target, flush=True)
        except VidsegError as error:
            print(f"{clip.name}: {error}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate, or draw sheets."""
    parser = argparse.ArgumentParser(description="Score vidseg's masks against true ones.")
    parser.add_argument("sets", nargs="*", help="FOLDER with frames/ and masks/, or CLIP=MASKS")
    parser.add_argument("--models", default="bodypix-050-s16,selfie", help="comma-separated")
    parser.add_argument(
        "--sets", dest="names", default="", help="only the sets of these names, comma-separated"
    )
    parser.add_argument(
        "--ablation", action="store_true", help="add the tutorial's way, and rows without a stage"
    )
    parser.add_argument("--costs", action="store_true", help="add what each stage costs and brings")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument(
        "--clips", type=Path, help="draw contact sheets of the clips in this folder instead"
    )
    parser.add_argument("--out", type=Path, default=Path("sheets"), help="where sheets go")
    parser.add_argument("--rows", type=int, default=8, help="moments on a sheet")
    given = parser.parse_args(arguments)
    models = given.models.split(",")
    if given.clips is not None:
        draw_sheets(given.clips, given.out, models, given.rows)
        return 0
    sets = found_sets(given.sets, [name for name in given.names.split(",") if name])
    ablation = given.ablation or given.costs
    table = evaluate(sets, models, ablation, lambda line: print(line, file=sys.stderr, flush=True))
    if given.json is not None:
        given.json.write_text(json.dumps(table, indent=1), "utf-8")
    print(markdown(table))
    for model in models if given.costs else ():
        print(f"\nWhat each stage adds, {model}:\n\n{costs_of_stages(sets, model, table)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
