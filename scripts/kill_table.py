#!/usr/bin/env python3
"""Kill renders in segments at many moments, rerun the command, and compare with what nobody killed.

    python scripts/kill_table.py [--clip CLIP] [--model bodypix-050-s16] [--seconds 25] [--out
    TABLE.md]

Real weights, the real command line, SIGKILL. A row a moment: how many segments were whole by then,
what the second run said, and whether its decoded frames, their times and the audio packets are
those of a render in segments that nobody killed. For mattes, which are written without loss, also
the largest difference of any mask from the same render without segments, in codes of 255, in all
frames and within a second of a border.

Moments inside the process are met exactly: the render runs with one function wrapped, which kills
it. Others come from outside, at a share of the time that the whole takes.
"""

import argparse
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MEDIA = Path(os.environ.get("VIDSEG_TEST_DATA", ROOT.parent / "shared")) / "media"
SEGMENT_S = 10

KINDS = {
    "matte, FFV1 in .mkv": ("matte", "matte.mkv", ["--codec", "ffv1"]),
    "picture, H.264 in .mp4": ("render", "picture.mp4", ["-b", "#00b140"]),
    "pair, ProRes in .mov": ("render", "pair.mov", ["--pair", "--codec", "prores"]),
}


# -- a render that kills itself
# ------------------------------------------------------------------------------


def kill() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def at_call(owner: Any, name: str, number: int, *, after: bool = False, when: str = "") -> None:
    """Kill this process at the `number`-th call of a method with `when` in its arguments.

    It dies before the call or, with `after`, once the call has returned.
    """
    real: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def wrapped(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += not when or when in " ".join(map(str, arguments))
        due = calls == number
        if due and not after:
            kill()
        result = real(*arguments, **options)
        if due:
            kill()
        return result

    setattr(owner, name, wrapped)


def moments(frames: int = 0) -> dict[str, Callable[[], None]]:
    """Return moment → what makes this process, which renders so many frames, die at it."""
    from vidseg.jobs import resume
    from vidseg.jobs.segment_sink import SegmentSink
    from vidseg.jobs.segment_store import Store
    from vidseg.media.mux import Output, PacketFileWriter

    return {
        "folder made, no manifest yet": lambda: at_call(Store, "settle", 1),
        "manifest written, nothing rendered": lambda: at_call(Store, "settle", 1, after=True),
        "first frame of the first segment": lambda: at_call(SegmentSink, "write", 1),
        "middle of the first segment": lambda: at_call(SegmentSink, "write", frames // 6),
        "first segment written, not yet named": lambda: at_call(Path, "replace", 1, when="-0.part"),
        "first segment just named": lambda: at_call(Path, "replace", 1, after=True, when="-0.part"),
        "middle of the second segment": lambda: at_call(SegmentSink, "write", frames * 6 // 10),
        "second segment just named": lambda: at_call(
            Path, "replace", 2, after=True, when="-0.part"
        ),
        "last segment, before its end": lambda: at_call(PacketFileWriter, "finish", 3),
        "all segments whole, joining not begun": lambda: at_call(resume, "_join", 1),
        "first packet joined": lambda: at_call(Output, "write", 1, after=True),
        "middle of joining": lambda: at_call(Output, "write", frames // 2),
        "joined, closing the file": lambda: at_call(Output, "finish", 1),
        "closed, before the rename": lambda: at_call(Path, "replace", 1, when=".part.m"),
        "renamed, folder still there": lambda: at_call(
            Path, "replace", 1, after=True, when=".part.m"
        ),
        "while the folder is deleted": lambda: at_call(Path, "unlink", 2, when="-0.part"),
        "all deleted but the folder": lambda: at_call(os, "rmdir", 1),
    }


def doomed(moment: str, frames: str, *words: str) -> None:
    """Run the command line `words`, which renders so many frames, until `moment`."""
    moments(int(frames))[moment]()
    sys.argv = ["vidseg", *words]
    from vidseg.cli.main import main as vidseg_main

    vidseg_main()


# -- what came out
# -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Clip:
    """What a result holds: checksum and exact time of each frame, luma if asked, audio packets."""

    sums: list[str]
    times: list[Any]
    audio: list[tuple[int | None, str]]
    luma: list[Any]


def read(path: Path, *, luma: bool = False) -> Clip:
    """Decode a result."""
    import av
    import numpy as np

    sums, times, planes, audio = [], [], [], []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            sums.append(hashlib.sha256(b"".join(rows(plane) for plane in frame.planes)).hexdigest())
            times.append(frame.pts * frame.time_base)
            if luma:
                first = frame.planes[0]
                planes.append(np.frombuffer(rows(first), np.uint8).reshape(first.height, -1))
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.audio) if container.streams.audio else ():
            if packet.size:
                audio += [(packet.pts, hashlib.sha256(bytes(packet)).hexdigest())]
    return Clip(sums, times, audio, planes)


def rows(plane: Any) -> bytes:
    """Return a plane's bytes without padding."""
    import numpy as np

    samples = max(1, plane.line_size // max(1, plane.width))
    width = plane.width * (2 if samples >= 2 else 1)
    return np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, :width].tobytes()


def results(path: Path) -> Iterator[Path]:
    """Yield the files that a render was asked for."""
    pair = [path.with_name(f"{path.stem}.{word}{path.suffix}") for word in ("fgr", "matte")]
    yield from (pair if path.stem == "pair" else [path])


def differences(one: Clip, other: Clip) -> tuple[int, int]:
    """Return the largest difference of luma in all frames, and within a second of a border."""
    import numpy as np

    worst = near = 0
    for time_s, a, b in zip(one.times, one.luma, other.luma, strict=True):
        change = int(np.abs(a.astype(np.int16) - b).max())
        worst = max(worst, change)
        distance = abs(float(time_s) - SEGMENT_S * round(float(time_s) / SEGMENT_S))
        if distance <= 1 and float(time_s) > 1:
            near = max(near, change)
    return worst, near


# -- the table
# -----------------------------------------------------------------------------------------------


def vidseg(words: list[str], *doomed: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line to its end or, with a moment and the frame count, to that moment."""
    command = (
        [sys.executable, __file__, "--doomed", *doomed]
        if doomed
        else [sys.executable, "-m", "vidseg"]
    )
    return subprocess.run([*command, *words], capture_output=True, text=True, check=False)


def killed_from_outside(words: list[str], seconds: float) -> None:
    """Run the command line, and kill it after some seconds."""
    running = subprocess.Popen(
        [sys.executable, "-m", "vidseg", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        running.wait(seconds)
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGKILL)
        running.wait()


def row(
    kind: str, moment: str, folder: Path, killed: Callable[[list[str]], object], truth: "Truth"
) -> str:
    """Kill a render, let it go on, and return the table's row."""
    words = truth.words(folder, "--resumable")
    killed(words)
    output = folder / KINDS[kind][1]
    hidden = folder / f".{output.name}.segments"
    whole = len(list(hidden.glob("*-0.part")))
    there = sum(path.exists() for path in results(output))
    done = vidseg(words)
    going = re.search(r"going on, (\d+) frames", done.stderr)
    left = sorted(p.name for p in folder.iterdir() if p not in set(results(output)))
    over = there == len(truth.clips) and "exists already" in done.stderr
    verdicts = [f"exit {done.returncode}"] if done.returncode and not over else []
    verdicts += [f"left behind: {', '.join(left)}"] if left else []
    shown = ""
    if not done.returncode or over:
        for path, (segmented, plain) in zip(results(output), truth.clips, strict=True):
            mine = read(path, luma=bool(plain.luma))
            verdicts += [] if mine.sums == segmented.sums else ["frames differ"]
            verdicts += [] if mine.times == plain.times else ["times differ"]
            verdicts += [] if mine.audio == plain.audio else ["audio differs"]
            if plain.luma:
                shown = "{} / {}".format(*differences(mine, plain))
    result = "; ".join(verdicts) or "same frames, times and audio" + ", was done already" * over
    return (
        f"| {kind} | {moment} | {whole} | {there} | {going[1] if going else 0} | {result} "
        f"| {shown} |"
    )


class Truth:
    """Results that nobody disturbed: in segments, and without."""

    def __init__(self, kind: str, clip: Path, model: str, seconds: float, folder: Path) -> None:
        self._command, self._name, self._options = KINDS[kind]
        self._common = [str(clip), "--model", model, "--end", str(seconds), "-q"]
        self.clips: list[tuple[Clip, Clip]] = []
        places = folder / "segmented", folder / "plain"
        self.seconds = 0.0
        for place, extra in zip(places, (["--resumable"], []), strict=True):
            place.mkdir(parents=True)
            begun = time.monotonic()
            done = vidseg(self.words(place, *extra))
            self.seconds = self.seconds or time.monotonic() - begun
            if done.returncode:
                raise SystemExit(done.stderr)
        luma = self._command == "matte"
        for one, other in zip(*(results(place / self._name) for place in places), strict=True):
            self.clips.append((read(one, luma=luma), read(other, luma=luma)))

    def words(self, folder: Path, *extra: str) -> list[str]:
        """Return the command line for a result in `folder`."""
        words = [
            self._command,
            *self._common,
            "-o",
            str(folder / self._name),
            *self._options,
            *extra,
        ]
        return [word for word in words if word != "-q" or "--resumable" not in extra]


HEAD = (
    "| render | killed | segments whole | outputs there | frames used again | the second run | "
    "mask from plain render, of 255: all frames / near borders |\n" + "| --- " * 7 + "|"
)


def main() -> None:
    """Print the table, a row at a time."""
    parser = argparse.ArgumentParser(description="Kill renders in segments at many moments.")
    parser.add_argument("--clip", type=Path, default=MEDIA / "mdn_chromakey_video.mp4")
    parser.add_argument("--model", default="bodypix-050-s16")
    parser.add_argument("--seconds", type=float, default=25, help="How much of the clip.")
    parser.add_argument("--kinds", default="matte,picture,pair", help="Which outputs.")
    parser.add_argument(
        "--outside", type=int, default=4, help="Kills from outside, evenly spaced in time."
    )
    parser.add_argument("--only", default="", help="Moments whose names hold this.")
    parser.add_argument("--out", type=Path, help="Write the table here too.")
    parser.add_argument("--doomed", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.doomed:
        doomed(*arguments.doomed)
        return
    lines = [HEAD]
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for kind in (k for k in KINDS if k.partition(",")[0] in arguments.kinds.split(",")):
            truth = Truth(
                kind, arguments.clip, arguments.model, arguments.seconds, Path(scratch) / kind[:5]
            )
            for number, (moment, killed) in enumerate(planned(arguments, truth)):
                folder = Path(scratch) / f"{kind[:5]}-{number}"
                folder.mkdir()
                lines.append(row(kind, moment, folder, killed, truth))
                print(lines[-1], flush=True)
                if arguments.out:
                    arguments.out.write_text("\n".join(lines) + "\n")
    if bad := [line for line in lines[1:] if "same frames, times and audio" not in line]:
        raise SystemExit(f"{len(bad)} of {len(lines) - 1} went wrong")
    print(
        json.dumps({"kills": len(lines) - 1, "clip": arguments.clip.name, "model": arguments.model})
    )


def planned(
    arguments: argparse.Namespace, truth: Truth
) -> Iterator[tuple[str, Callable[[list[str]], object]]]:
    """Yield moments, each with what runs a command line to it."""
    for moment in moments():
        if arguments.only in moment:
            frames = str(len(truth.clips[0][0].times))
            yield moment, lambda words, m=moment, n=frames: vidseg(words, m, n)  # type: ignore[misc]
    for number in range(arguments.outside):
        seconds = truth.seconds * (number + 0.5) / arguments.outside
        name = f"from outside, after {seconds:.1f} s of {truth.seconds:.1f}"
        yield name, lambda words, s=seconds: killed_from_outside(words, s)  # type: ignore[misc]


if __name__ == "__main__":
    main()
