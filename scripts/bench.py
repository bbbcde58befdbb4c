#!/usr/bin/env python3
"""Measure vidseg beside the floor that no render can beat, and beside the tutorial's loop.

    python scripts/bench.py [--seconds 10] [--repeats 3] [--heights 1080,720]
                            [--presets veryfast,medium] [--models bodypix-050-s16,selfie]
                            [--clip CLIP] [--json OUT.json] [--no-tutorial]

Every measurement is a process of its own, so that start-up, memory and CPU time are whole;
repetitions are interleaved, and medians and ratios printed, since machines are noisy. The floor is
decoding the source while encoding the very composite that vidseg makes, from raw frames held in
memory, with the same settings.
"""

import argparse
import itertools
import json
import os
import platform
import queue
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MEDIA = Path(os.environ.get("VIDSEG_TEST_DATA", ROOT.parent / "shared")) / "media"
CLIP = MEDIA / "liveportrait_s18.mp4"
GREEN = (0, 177, 64)
BACKGROUND = "#00b140"
CRF = "18"


# -- what is measured, each in a process of its own
# ----------------------------------------------------------


def decoded(path: str) -> Iterator[Any]:
    """Yield a file's video frames."""
    import av

    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        yield from container.decode(stream)


def ahead(source: Iterator[Any]) -> Iterator[Any]:
    """Yield from `source`, which runs a few items ahead in a thread."""
    items: queue.Queue[Any] = queue.Queue(4)

    def work() -> None:
        for item in source:
            items.put(item)
        items.put(None)

    threading.Thread(target=work, daemon=True).start()
    while (item := items.get()) is not None:
        yield item


def encoder(target: str, like: Any, preset: str) -> tuple[Any, Any]:
    """Return a container and its x264 stream for frames like `like`."""
    import av

    out = av.open(target, "w", format="mp4")
    stream = out.add_stream("libx264", rate=30, options={"crf": CRF, "preset": preset})
    stream.width, stream.height, stream.pix_fmt = like.width, like.height, "yuv420p"
    stream.codec_context.time_base = like.time_base
    return out, stream


def floor(source: str, composite: str, target: str, preset: str) -> float:
    """Decode `source` while encoding `composite`'s frames, decoded beforehand; return seconds."""
    held = list(decoded(composite))
    begun = time.perf_counter()
    out, stream = encoder(target, held[0], preset)
    for frame, _ in zip(held, ahead(decoded(source)), strict=False):
        frame.pict_type = 0
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
    out.close()
    return time.perf_counter() - begun


def tutorial(source: str, target: str, preset: str, model: str) -> float:
    """Run the tutorial's loop: one picture after another, whole, in RGB; return seconds a frame.

    Loading is left out, and a file would still have no sound and no times of its own.
    """
    import av
    import cv2
    import numpy as np
    from tf_bodypix.api import load_model

    bodypix = load_model(model, output_stride=16)
    capture = cv2.VideoCapture(source)
    out = stream = background = None
    frames, begun = 0, time.perf_counter()
    while True:
        good, bgr = capture.read()
        if not good:
            break
        rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        mask = np.asarray(bodypix.predict_single(rgb).get_mask(threshold=0.5)).astype(np.uint8)[
            ..., 0
        ]
        if background is None:
            background = np.full_like(rgb, GREEN)
        person = cv2.bitwise_and(rgb, rgb, mask=mask)
        picture = cv2.add(person, cv2.bitwise_and(background, background, mask=1 - mask))
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        if out is None:
            frame.time_base = Fraction(1, 30)
            out, stream = encoder(target, frame, preset)
            begun = time.perf_counter()  # the first picture also builds TensorFlow's graph
        frame.pts, frame.time_base = frames, Fraction(1, 30)
        out.mux(stream.encode(frame))
        frames += 1
    out.mux(stream.encode(None))
    out.close()
    return (time.perf_counter() - begun) / max(1, frames - 1)


def stages(source: str, model: str, threads: str) -> dict[str, float]:
    """Return CPU milliseconds a frame of every stage, one after another in one thread of Python.

    The encoder's threads work on meanwhile: what follows the network is timed in its own thread,
    and the encoder gets what is left of the whole.
    """
    import cv2

    from vidseg.compositing.background import Canvas, open_background
    from vidseg.compositing.composite import composite
    from vidseg.compositing.decontaminate import estimate_foreground
    from vidseg.matting.refinement.refine import refine
    from vidseg.matting.smoothing import smooth_masks
    from vidseg.matting.tracking.tracker import Tracker
    from vidseg.media.damage import Damage
    from vidseg.media.decode import Span, decode
    from vidseg.media.encode import Encoder
    from vidseg.media.encode_plan import plan
    from vidseg.media.mux import KeptRange, Output
    from vidseg.media.probe import probe_video
    from vidseg.networks import open_segmenter
    from vidseg.settings import BackgroundSpec, EncodeSettings, MatteSettings, ModelSettings

    cv2.setNumThreads(int(threads))
    info = probe_video(Path(source))
    spent: dict[str, float] = {}

    def timed(
        name: str, call: Callable[[], Any], clock: Callable[[], float] = time.thread_time
    ) -> Any:
        since = clock()
        result = call()
        spent[name] = spent.get(name, 0.0) + clock() - since
        return result

    frames = timed(
        "decode", lambda: list(decode(info, Span(None, Fraction(4)), Damage())), time.process_time
    )
    segmenter = open_segmenter(ModelSettings(name=model))
    inner, network = segmenter.segment, [0.0]

    def counted(batch: Any) -> Any:
        since = time.thread_time()
        result = inner(batch)
        network[0] += time.thread_time() - since
        return result

    segmenter.segment = counted  # type: ignore[method-assign]

    def through(name: str, source: Iterator[Any]) -> Iterator[Any]:
        while (item := timed(name, lambda: next(source, None))) is not None:
            yield item

    found = through("track", Tracker(segmenter, ModelSettings(), info.orientation).follow(frames))
    found = through("smooth", smooth_masks(found, MatteSettings().smooth))
    background = open_background(
        BackgroundSpec.parse(BACKGROUND), Canvas(info, frames[0].format, frames[0].colour)
    )
    with tempfile.TemporaryDirectory() as folder:
        chosen = plan(info, EncodeSettings(preset="veryfast"), ".mp4")
        with Output(Path(folder) / "out.mp4", info, "none", overwrite=True) as output:
            writer = Encoder(output.container, chosen, info, frames[0].format, frames[0].colour)
            writer.open()
            output.start(writer.stream, KeptRange(None, None, Fraction(0)))
            before, begun = spent["decode"], time.process_time()
            for frame, mask in found:
                alpha = timed("refine", lambda f=frame, m=mask: refine(f, m, MatteSettings()))
                edge = timed("foreground", lambda f=frame, a=alpha: estimate_foreground(f, a))
                behind = timed("background", lambda f=frame, a=alpha: background.planes(f, a.plane))
                buffer = timed("output buffer", writer.new_buffer)
                timed(
                    "composite",
                    lambda f=frame, e=edge, a=alpha, b=behind, p=buffer.planes: composite(
                        f.planes, a, b, p, e
                    ),
                )
                output.write(writer.encode(buffer, frame.pts, frame.duration, frame.time_base))
            output.write(writer.flush())
            whole = time.process_time() - begun
            spent["smooth"] -= spent["track"]
            spent["encode veryfast, mux"] = whole - (sum(spent.values()) - before)
    spent["track"] -= network[0]
    spent["inference"] = network[0]
    return {name: round(1000 * seconds / len(frames), 2) for name, seconds in spent.items()}


WORKERS: dict[str, Callable[..., Any]] = {"floor": floor, "tutorial": tutorial, "stages": stages}


# -- the driver
# ----------------------------------------------------------------------------------------------


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


def make_source(clip: Path, height: int, seconds: float, folder: Path) -> Path:
    """Scale the first seconds of `clip` to `height` lines, H.264 at 30 fps without sound.

    The clip is repeated as needed.
    """
    path = folder / f"source_{height}.mp4"
    endless = itertools.chain.from_iterable(decoded(str(clip)) for _ in itertools.count())
    out = stream = None
    for number, frame in enumerate(itertools.islice(endless, int(seconds * 30))):
        width = round(frame.width * height / frame.height / 2) * 2
        scaled = frame.reformat(width, height, "yuv420p", interpolation="BICUBIC")
        scaled.pts, scaled.time_base, scaled.pict_type = number, Fraction(1, 30), 0
        if out is None:
            out, stream = encoder(str(path), scaled, "veryfast")
        out.mux(stream.encode(scaled))
    out.mux(stream.encode(None))
    out.close()
    return path


def measure(
    source: Path, model: str, preset: str, arguments: argparse.Namespace, folder: Path
) -> dict[str, Any]:
    """Return the medians of one combination, and its ratios to the floor and the tutorial."""
    options = ["-b", BACKGROUND, "--model", model, "--overwrite", "-q"]
    composite = folder / "composite.mkv"
    vidseg("render", source, "-o", composite, "--codec", "ffv1", *options)
    rows: dict[str, list[dict[str, Any]]] = {"floor": [], "vidseg": []}
    for _ in range(arguments.repeats):
        rows["floor"].append(worker("floor", source, composite, folder / "f.mp4", preset))
        target = folder / "v.mp4"
        rows["vidseg"].append(vidseg("render", source, "-o", target, "--preset", preset, *options))
    if not arguments.no_tutorial and model.startswith("bodypix") and preset == "veryfast":
        weights = os.environ.get("VIDSEG_TUTORIAL_MODEL", str(_tutorial_model()))
        rows["tutorial"] = [worker("tutorial", source, folder / "t.mp4", preset, weights)]
    return summary(rows, frame_count(source))


def _tutorial_model() -> Path:
    return (
        MEDIA.parent / "models" / "bodypix" / "mobilenet" / "float" / "050" / "model-stride16.json"
    )


def frame_count(path: Path) -> int:
    """Return the number of frames in a file."""
    return sum(1 for _ in decoded(str(path)))


def summary(rows: dict[str, list[dict[str, Any]]], frames: int) -> dict[str, Any]:
    """Return medians and ratios."""
    floor_s = statistics.median(row["said"] for row in rows["floor"])
    wall_s = statistics.median(row["wall_s"] for row in rows["vidseg"])
    result = {
        "frames": frames,
        "floor_s": round(floor_s, 2),
        "vidseg_s": round(wall_s, 2),
        "over_floor": round(wall_s / floor_s, 3),
        "vidseg_fps": round(frames / wall_s, 1),
        "vidseg_cpu_ms": round(
            1000 * statistics.median(row["cpu_s"] for row in rows["vidseg"]) / frames, 1
        ),
        "peak_mb": round(max(row["peak_mb"] for row in rows["vidseg"])),
    }
    if "tutorial" in rows:
        result["tutorial_fps"] = round(1 / rows["tutorial"][0]["said"], 2)
        result["over_tutorial"] = round(frames / wall_s * rows["tutorial"][0]["said"], 2)
    return result


def table(results: dict[str, dict[str, Any]]) -> str:
    """Return the results as a Markdown table."""
    titles = (
        "vidseg_fps",
        "vidseg_s",
        "floor_s",
        "over_floor",
        "vidseg_cpu_ms",
        "peak_mb",
        "over_tutorial",
    )
    lines = ["| render | " + " | ".join(titles) + " |", "| --- " * (len(titles) + 1) + "|"]
    lines += [
        f"| {name} | " + " | ".join(str(row.get(t, "")) for t in titles) + " |"
        for name, row in results.items()
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(
        description="Measure vidseg's speed against the floor and the tutorial."
    )
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--heights", default="1080,720")
    parser.add_argument("--presets", default="veryfast,medium")
    parser.add_argument("--models", default="bodypix-050-s16,selfie")
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--no-tutorial", action="store_true")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(WORKERS[arguments.worker[0]](*arguments.worker[1:])))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        clip = arguments.clip or (CLIP if CLIP.exists() else sample(folder))
        results: dict[str, dict[str, Any]] = {}
        costs: dict[str, dict[str, float]] = {}
        for height in map(int, arguments.heights.split(",")):
            source = make_source(clip, height, arguments.seconds, folder)
            for model in arguments.models.split(","):
                for preset in arguments.presets.split(","):
                    name = f"{height}p {model} {preset}"
                    results[name] = measure(source, model, preset, arguments, folder)
                    print(name, results[name], flush=True)
                costs[f"{height}p {model}"] = worker("stages", source, model, 1)["said"]
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"\n{machine}\n\n{table(results)}\n\nCPU ms a frame by stage:")
    for name, cost in costs.items():
        print(name, json.dumps(cost))
    if arguments.json:
        account = {
            "machine": machine,
            "date": time.strftime("%Y-%m-%d"),
            "renders": results,
            "stages": costs,
        }
        arguments.json.write_text(json.dumps(account, indent=2) + "\n")


def sample(folder: Path) -> Path:
    """Return the sample clip, made now, for want of real footage."""
    subprocess.run([sys.executable, "-m", "samples", str(folder / "samples")], check=True, cwd=ROOT)
    return next((folder / "samples").glob("*.mp4"))


if __name__ == "__main__":
    main()
