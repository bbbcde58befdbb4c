#!/usr/bin/env python3
"""Damage small clips in thousands of ways and render each: no crash, traceback, hang or leftovers.

Some are rendered in segments, some drawn as contact sheets, some are backgrounds of a sound clip.

    python scripts/awkward.py CLIPS
    python scripts/fuzz.py CLIPS [--cases 3000] [--seconds 900] [--seed 1] [--keep BAD_DIR]

Bytes are flipped, cut out, zeroed, doubled or moved, more often near the beginning, where headers
are. Renders run in worker processes under a memory limit, with the fake network, so that a crash of
a native library is noticed as well. Every case follows from the seed and its number; bad ones are
kept.
"""

import argparse
import json
import random
import resource
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

CASE_LIMIT_S = 60
MEMORY_BYTES = 6 << 30
LARGEST_SEED_BYTES = 300_000
ENDINGS = (".mp4", ".mkv", ".mov", ".webm")

WORKER = """
import json, sys, traceback, warnings
from pathlib import Path
from vidseg.errors import VidsegError
from vidseg.jobs import resume
from vidseg.networks.fake import FakeSegmenter
from vidseg.rendering import pipeline
from vidseg.rendering.preview import preview
from vidseg.settings import EncodeSettings, PreviewSettings, RenderSettings
warnings.simplefilter("ignore")
def run(settings):
    if settings.output.suffix == ".png":
        looked_at = PreviewSettings(source=settings.source, output=settings.output)
        preview(looked_at, segmenter=FakeSegmenter())
        return "whole", "sheet"
    render = resume.render if settings.output.stem == "segments" else pipeline.render
    report = render(settings, segmenter=FakeSegmenter())
    return "damaged" if report.damaged else "whole", f"{report.frames_out} frames"
for line in sys.stdin:
    source, target, background = json.loads(line)
    encode = EncodeSettings(preset="8" if target.endswith(".webm") else "ultrafast")
    settings = RenderSettings(
        source=Path(source),
        output=Path(target),
        background=background,
        encode=encode,
        overwrite=True,
    )
    try:
        outcome = run(settings)
    except VidsegError as error:
        outcome = "refused", str(error)
    except BaseException:
        outcome = "BAD", traceback.format_exc()
    print(json.dumps(outcome), flush=True)
"""


class Worker:
    """A process that renders what it is told, until it dies."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start anew."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES)
            ),
        )

    def render(self, source: Path, target: Path, background: str) -> tuple[str, str]:
        """Return (outcome, what was said) of a render; a worker that died or hangs is replaced."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = json.dumps([str(source), str(target), background]) + "\n"
        self._process.stdin.write(order.encode())
        self._process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            answered = bool(selector.select(CASE_LIMIT_S))
        line = self._process.stdout.readline() if answered else b""
        if line:
            outcome, said = json.loads(line)
            return outcome, said
        self.stop()
        code = self._process.returncode
        self.start()
        return "BAD", "hung" if not answered else f"the process died with {code}"

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def place(rng: random.Random, size: int) -> int:
    """Return an offset, in half of the cases among the first two thousand bytes."""
    return rng.randrange(min(size, 2000) if rng.random() < 0.5 else size)


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Return a damaged copy."""
    broken = bytearray(data)
    kind = rng.choice(("flip", "flip", "set", "cut", "end", "zero", "double", "move"))
    if kind in ("flip", "set"):
        for _ in range(rng.choice((1, 2, 8, 40))):
            at = place(rng, len(broken))
            broken[at] = (
                broken[at] ^ (1 << rng.randrange(8))
                if kind == "flip"
                else rng.choice((0, 127, 255))
            )
        return bytes(broken)
    begin = place(rng, len(broken))
    end = min(len(broken), begin + rng.choice((1, 4, 100, 3000)))
    piece = broken[begin:end]
    if kind == "cut":
        del broken[begin:end]
    elif kind == "end":
        del broken[max(begin, 1) :]
    elif kind == "zero":
        broken[begin:end] = bytes(len(piece))
    elif kind == "double":
        broken[begin:begin] = piece
    else:
        del broken[begin:end]
        at = rng.randrange(len(broken) or 1)
        broken[at:at] = piece
    return bytes(broken)


def attack(seeds: list[Path], arguments: argparse.Namespace, scratch: Path) -> list[str]:
    """Render case after case; return what was bad."""
    worker = Worker()
    counts: Counter[str] = Counter()
    bad: list[str] = []
    begun = time.monotonic()
    for number in range(arguments.first, arguments.first + arguments.cases):
        if time.monotonic() - begun > arguments.seconds:
            break
        rng = random.Random(f"{arguments.seed}/{number}")
        seed = rng.choice(seeds)
        source = scratch / f"case{seed.suffix}"
        source.write_bytes(damaged(seed.read_bytes(), rng))
        out = scratch / "out"
        out.mkdir()
        as_background = rng.random() < 0.1
        clip, background = (arguments.plain, str(source)) if as_background else (source, "#00b140")
        target = out / rng.choices(("out", "segments", "sheet"), (8, 1, 1))[0]
        ending = ".png" if target.name == "sheet" else rng.choice(ENDINGS)
        outcome, said = worker.render(clip, target.with_suffix(ending), background)
        left = sorted(path.name for path in out.iterdir())
        if target.name == "segments" and outcome == "refused":
            left = [
                name for name in left if not name.endswith(".segments")
            ]  # finished segments stay
        if any(name.startswith(".") for name in left) or (outcome == "refused" and left):
            outcome, said = "BAD", f"left {left}; {said}"
        if outcome == "refused" and "\n" in said:
            outcome, said = "BAD", f"several lines: {said}"
        counts[outcome] += 1
        if outcome == "BAD":
            bad.append(
                f"case {number}, {seed.name}{' as background' if as_background else ''}: {said}"
            )
            print(bad[-1], flush=True)
            if arguments.keep:
                arguments.keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, arguments.keep / f"{number}-{seed.name}")
        shutil.rmtree(out)
    worker.stop()
    print(f"{sum(counts.values())} cases in {time.monotonic() - begun:.0f} s: {dict(counts)}")
    return bad


def main() -> int:
    """Fuzz."""
    parser = argparse.ArgumentParser(description="Render damaged clips.")
    parser.add_argument("folder", type=Path, help="of small clips")
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seconds", type=float, default=900, help="begin no case after this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="*", help="glob of the clips' names")
    parser.add_argument("--keep", type=Path, help="copy the clips of bad cases here")
    arguments = parser.parse_args()
    found = sorted(p for p in arguments.folder.glob(arguments.only) if p.is_file())
    seeds = [p for p in found if 0 < p.stat().st_size <= LARGEST_SEED_BYTES]
    arguments.plain = next(p for p in seeds if p.suffix == ".mp4" or arguments.only != "*")
    with tempfile.TemporaryDirectory() as scratch:
        bad = attack(seeds, arguments, Path(scratch))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
