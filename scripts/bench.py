#!/usr/bin/env python3
"""Measure vidseg beside the floor that no render can beat, and beside what authors' scripts do.

    python scripts/bench.py [--seconds 10] [--repeats 3] [--heights 1080,720]
                            [--presets veryfast,medium] [--models bodypix-050-s16,selfie]
                            [--clip CLIP] [--cores 1,2] [--json OUT.json] [--no-tutorial]
    python scripts/bench.py --models bodypix-050-s16,rvm --presets veryfast --heights 1080

Clips are of the test-data folder, as far as they are there: somebody who talks before a still
camera, half a body with hands that move, and sport; or CLIP. A height is that of a clip's shorter
side.

Every measurement is a process of its own, so that start-up, memory and CPU time are whole;
repetitions are interleaved, and medians and ratios printed, since machines are noisy. The floor is
decoding the source while encoding the very composite that vidseg makes, from raw frames held in
memory, with the same settings; a second one, where the ffmpeg program is installed, is two of
these that do the same beside each other. `busy`: CPU time as a share of all cores' time. `own`: CPU
milliseconds a frame of everything but decoding, encoding and inference, stage by stage.

`over first`: time beside that of the first model. `over tutorial` and `over author`: how often
faster than the tutorial's loop (BodyPix) and the inference script of RobustVideoMatting's author
(`rvm_author.py`), whose start is left out.
"""

import argparse
import itertools
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("VIDSEG_TEST_DATA", ROOT.parent / "shared"))
CLIPS = {
    "talker": [DATA / "media" / "liveportrait_s18.mp4"],
    "half body": [DATA / "media" / "latentsync_demo2.mp4"],
    "sport": [DATA / "gt" / "davis" / name / "frames" for name in ("tennis", "hockey")],
}
"""What is rendered, by kind, so that no version is tuned to one; a folder holds a clip's frames."""
sys.path.insert(0, str(ROOT))

from scripts.bench_figures import renders_table, stages_table, summary  # noqa: E402
from scripts.ways import BACKGROUND, WORKERS, decoded, encoder  # noqa: E402 - found by the above


def run(command: list[str]) -> dict[str, Any]:
    """Run a process; return wall and CPU seconds, peak memory in MB, and what it printed last."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    timing = (
        "import resource,subprocess,sys;"
        "r=subprocess.run(sys.argv[1:],stdout=subprocess.PIPE,text=True);"
    )
    timing += "print(r.stdout.strip().splitlines()[-1] if r.stdout.strip() else 'null');"
    timing += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss);sys.exit(r.returncode)"
    done = subprocess.run(
        [sys.executable, "-c", timing, *command],
        capture_output=True,
        text=True,
        check=False,
    )
    wall = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    said, peak = done.stdout.strip().splitlines()[-2:]
    return {"wall_s": wall, "cpu_s": cpu, "peak_mb": int(peak) / 1024, "said": json.loads(said)}


def worker(name: str, *arguments: object) -> dict[str, Any]:
    """Run one of `WORKERS` in a process of its own."""
    return run([sys.executable, __file__, "--worker", name, *map(str, arguments)])


def vidseg(*arguments: object) -> dict[str, Any]:
    """Run the command line in a process of its own."""
    return run([sys.executable, "-m", "vidseg", *map(str, arguments)])


def make_source(clips: list[Path], height: int, seconds: float, folder: Path) -> Path:
    """Scale the first seconds of clips, end to end, to a shorter side of `height`: H.264, silent.

    They are repeated as needed, at 30 frames a second. A folder holds frames, numbered from 0.
    """
    names = [str(clip / "%05d.jpg" if clip.is_dir() else clip) for clip in clips]
    path = folder / f"source_{height}.mp4"
    endless = itertools.chain.from_iterable(map(decoded, itertools.cycle(names)))
    out = stream = None
    for number, frame in enumerate(itertools.islice(endless, int(seconds * 30))):
        scale = height / min(frame.width, frame.height)
        size = [round(side * scale / 2) * 2 for side in (frame.width, frame.height)]
        scaled = frame.reformat(*size, "yuv420p", interpolation="BICUBIC")
        scaled.pts, scaled.time_base, scaled.pict_type = number, Fraction(1, 30), 0
        if out is None:
            out, stream = encoder(str(path), scaled, "veryfast")
        out.mux(stream.encode(scaled))
    out.mux(stream.encode(None))
    out.close()
    return path


def measure(
    source: Path,
    preset: str,
    arguments: argparse.Namespace,
    stages: Mapping[str, Mapping[str, float]],
    *,
    full_body: bool,
) -> dict[str, dict[str, Any]]:
    """Return medians of each model, and their ratios to the floors, the first, and others' ways.

    `stages`: the costs of the stages by model. Files are written beside the source.
    """
    folder = source.parent
    models = arguments.models.split(",")
    shared = ["-b", BACKGROUND, "--overwrite", "-q"]
    options = {model: [*shared, "--model", model] for model in models}
    composites = {model: folder / f"composite_{model}.mkv" for model in models}
    for model, path in composites.items():
        vidseg("render", source, "-o", path, "--codec", "ffv1", *options[model])
    rows: dict[str, dict[str, list[Any]]] = {model: defaultdict(list) for model in models}
    for number, model in itertools.product(range(arguments.repeats), models):
        found, composite = rows[model], composites[model]
        for way in ("floor", "programs"):
            found[way].append(worker(way, source, composite, folder / "f.mp4", preset))
        render = ["-o", folder / "v.mp4", "--preset", preset, *options[model]]
        found["vidseg"].append(vidseg("render", source, *render))
        if arguments.no_tutorial or preset != "veryfast":
            continue
        if model.startswith("bodypix") and not number:
            weights = os.environ.get("VIDSEG_TUTORIAL_MODEL", str(_tutorial_model()))
            found["tutorial"].append(worker("tutorial", source, folder / "t.mp4", preset, weights))
        if model == "rvm":
            found["author"].append(worker("author", source, folder / "a.mp4", preset, full_body))
    for path in composites.values():
        path.unlink()
    first, frames = rows[models[0]], frame_count(source)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        model: summary(rows[model], frames, first, cores or 1, stages[model]) for model in models
    }


def _tutorial_model() -> Path:
    return DATA / "models" / "bodypix" / "mobilenet" / "float" / "050" / "model-stride16.json"


def frame_count(path: Path) -> int:
    """Return the number of frames in a file."""
    return sum(1 for _ in decoded(str(path)))


def renders(
    source: Path,
    label: str,
    height: int,
    stages: Mapping[str, Mapping[str, float]],
    arguments: argparse.Namespace,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the figures of every render of a source, as they are measured."""
    for cores in core_counts(arguments.cores):
        for preset in arguments.presets.split(","):
            full_body = label == "sport"
            found = measure(source, preset, arguments, stages, full_body=full_body)
            for model, row in found.items():
                yield f"{label} {height}p {model} {preset}{cores}", row


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(
        description="Measure vidseg's speed against the floor and others' ways."
    )
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--heights", default="1080,720")
    parser.add_argument("--presets", default="veryfast,medium")
    parser.add_argument("--models", default="bodypix-050-s16,selfie")
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--cores", help="numbers of cores to use, on Linux; default: all")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--no-tutorial", action="store_true", help="leave others' ways out")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(WORKERS[arguments.worker[0]](*arguments.worker[1:])))
        return
    results: dict[str, dict[str, Any]] = {}
    costs: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for label, clips in chosen_clips(arguments.clip, Path(scratch)).items():
            for height in map(int, arguments.heights.split(",")):
                folder = Path(scratch) / f"{label} {height}"
                folder.mkdir()
                source = make_source(clips, height, arguments.seconds, folder)
                models = arguments.models.split(",")
                stages = {model: worker("stages", source, model, 1)["said"] for model in models}
                costs |= {f"{label} {height}p {model}": each for model, each in stages.items()}
                for name, row in renders(source, label, height, stages, arguments):
                    results[name] = row
                    print(name, row, flush=True)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"\n{machine}\n\n{renders_table(results)}\n\n{stages_table(costs)}")
    if arguments.json:
        account = {
            "machine": machine,
            "date": time.strftime("%Y-%m-%d"),
            "renders": results,
            "stages": costs,
        }
        arguments.json.write_text(json.dumps(account, indent=2) + "\n")


def core_counts(asked: str | None) -> Iterator[str]:
    """Let this process and its children use so many cores, one number after another.

    Yields what to add to the names of results.
    """
    if asked is None:
        yield ""
        return
    mine = sorted(os.sched_getaffinity(0))
    for count in map(int, asked.split(",")):
        os.sched_setaffinity(0, mine[:count])
        yield f", {count} core{'s' if count > 1 else ''}"
    os.sched_setaffinity(0, mine)


def chosen_clips(clip: Path | None, folder: Path) -> dict[str, list[Path]]:
    """Return what is rendered, by name: `clip`, or what there is of `CLIPS`, or a sample."""
    if clip is not None:
        return {clip.stem: [clip]}
    there = {label: clips for label, clips in CLIPS.items() if all(map(Path.exists, clips))}
    return there or {"talker": [sample(folder)]}


def sample(folder: Path) -> Path:
    """Return the sample clip, made now, for want of real footage."""
    subprocess.run([sys.executable, "-m", "samples", str(folder / "samples")], check=True, cwd=ROOT)
    return next((folder / "samples").glob("*.mp4"))


if __name__ == "__main__":
    main()
