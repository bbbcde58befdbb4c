#!/usr/bin/env python3
"""Measure what segments cost, and what several workers bring, on this machine.

    python scripts/long_bench.py [--clip CLIP] [--seconds 30] [--repeats 2]
                                 [--what segments,jobs,ray] [--json OUT.json]

`segments`: a plain render against the same with --resumable, wall and CPU time, interleaved.
`jobs`: a batch of four clips with --jobs 1 and 2. `ray`: one clip in segments on a local Ray
cluster with one worker and with two, each free to use all cores, and each bound to a core of its
own. Nothing else should run meanwhile.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MEDIA = Path(os.environ.get("VIDSEG_TEST_DATA", ROOT.parent / "shared")) / "media"
OPTIONS = ["-b", "#00b140", "--preset", "veryfast", "--overwrite", "-q"]


def repeated(clip: Path, seconds: float, target: Path) -> Path:
    """Write a clip's packets again and again until it lasts so long."""
    import av

    with av.open(str(target), "w") as out, av.open(str(clip)) as first:
        stream = out.add_stream_from_template(first.streams.video[0])
        shift = end = 0
        while end * first.streams.video[0].time_base < seconds:
            with av.open(str(clip)) as source:
                for packet in source.demux(video=0):
                    if packet.size:
                        packet.pts += shift
                        packet.dts += shift
                        end = max(end, packet.pts + (packet.duration or 1))
                        packet.stream = stream
                        out.mux_one(packet)
            shift = end
    return target


def timed(command: list[str]) -> tuple[float, float]:
    """Run a command; return its wall and CPU seconds."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def vidseg(*words: object) -> list[str]:
    """Return the command line."""
    return [sys.executable, "-m", "vidseg", *map(str, words)]


def compared(repeats: int, **runs: Callable[[], tuple[float, float]]) -> dict[str, Any]:
    """Run each in turn, several times; return medians and the ratio of the last to the first."""
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            seen[name].append(run())
    result: dict[str, Any] = {}
    for name, pairs in seen.items():
        result[name] = {
            "wall_s": round(statistics.median(wall for wall, _ in pairs), 2),
            "cpu_s": round(statistics.median(cpu for _, cpu in pairs), 2),
        }
    first, last = result[next(iter(runs))], result[list(runs)[-1]]
    for unit in ("wall_s", "cpu_s"):
        result[f"last / first, {unit}"] = (
            round(last[unit] / first[unit], 3) if first[unit] else None
        )
    return result


def segments(clip: Path, folder: Path, repeats: int) -> dict[str, Any]:
    """Compare a plain render with one in segments."""
    words = ("render", clip, "-o", folder / "out.mp4", *OPTIONS)
    return compared(
        repeats,
        plain=lambda: timed(vidseg(*words)),
        segments=lambda: timed(vidseg(*words, "--resumable")),
    )


def jobs(clip: Path, folder: Path, repeats: int) -> dict[str, Any]:
    """Compare one worker with two on four clips."""
    clips = [folder / f"clip{number}.mp4" for number in range(4)]
    for path in clips:
        path.write_bytes(clip.read_bytes())
    words = ("batch", *clips, "-o", folder / "results", *OPTIONS)
    one, two = (vidseg(*words, "--jobs", count) for count in (1, 2))
    return compared(repeats, one=lambda: timed(one), two=lambda: timed(two))


def bound(settings: Any) -> Any:
    """Open the network in a worker bound to one core: the first worker to the first, and so on."""
    from vidseg.networks import open_segmenter

    folder = Path(os.environ["VIDSEG_BENCH_CORES"])
    for core in sorted(os.sched_getaffinity(0)):
        try:
            (folder / str(core)).touch(exist_ok=False)
        except FileExistsError:
            continue
        for thread in Path("/proc/self/task").iterdir():
            os.sched_setaffinity(int(thread.name), {core})
        break
    return open_segmenter(settings)


def on_ray(clip: Path, folder: Path, count: int, *, bind: bool) -> tuple[float, float]:
    """Render a clip on so many warm workers of a local cluster; return wall seconds."""
    from vidseg.jobs import resume
    from vidseg.jobs.batch import Clip, absolute, settings_for
    from vidseg.jobs.ray_workers import RayWorkers
    from vidseg.networks import open_segmenter
    from vidseg.settings import EncodeSettings, ModelSettings, RenderSettings

    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        os.environ["VIDSEG_BENCH_CORES"] = scratch
        encode = EncodeSettings(preset="veryfast")
        given = RenderSettings(
            source=clip, output=Path(scratch, "out.mp4"), background="#00b140", encode=encode
        )
        warming = [Clip(clip, Path(scratch, f"warm{number}.mp4")) for number in range(count)]
        opener = bound if bind else open_segmenter
        with closing(
            RayWorkers("local", ModelSettings(), count, opener=opener, cores=1)
        ) as workers:
            few = replace(given, end=Fraction(1, 2))
            list(workers.run([settings_for(each, few) for each in warming], lambda *_: None))
            begun = time.perf_counter()
            resume.render(absolute(given), renderer=workers.render)
            return time.perf_counter() - begun, 0.0


def ray(clip: Path, folder: Path, repeats: int) -> dict[str, Any]:
    """Compare one worker with two, free and bound to a core each."""
    result = {}
    for name, bind in (("free", False), ("one core each", True)):
        result[name] = compared(
            repeats,
            one=lambda bind=bind: on_ray(clip, folder, 1, bind=bind),  # type: ignore[misc]
            two=lambda bind=bind: on_ray(clip, folder, 2, bind=bind),  # type: ignore[misc]
        )
    return result


WHAT: dict[str, Callable[[Path, Path, int], dict[str, Any]]] = {
    "segments": segments,
    "jobs": jobs,
    "ray": ray,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description="Measure what segments cost and several workers bring."
    )
    parser.add_argument("--clip", type=Path, default=MEDIA / "liveportrait_s18.mp4")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--what", default=",".join(WHAT))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results: dict[str, Any] = {"clip": arguments.clip.name, "seconds": arguments.seconds}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        clip = repeated(arguments.clip, arguments.seconds, folder / "in.mp4")
        for name in arguments.what.split(","):
            results[name] = WHAT[name](clip, folder, arguments.repeats)
            print(name, json.dumps(results[name]), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
