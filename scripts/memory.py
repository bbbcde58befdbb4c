#!/usr/bin/env python3
"""Measure whether memory grows with a clip's length: the same clip once, and ten times end to end.

    python scripts/memory.py CLIP [--times 10] [--model selfie] [--options "OPTIONS OF vidseg
    render"]

Prints the largest resident set of `vidseg render` for both, and fails where the longer takes 3 %
more. Needs the ffmpeg program to make the long clip, by copying packets.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

MOST_GROWTH = 1.03


def peak_mib(command: list[str]) -> float:
    """Run a command and return the largest resident set of it and its children, in MiB."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"{shlex.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss / 1024


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(description="Measure memory over the length of a clip.")
    parser.add_argument("clip", type=Path)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--model", default="selfie")
    parser.add_argument("--options", default="--preset ultrafast", help="options of vidseg render")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        peaks = []
        for times in (1, arguments.times):
            clip, out = Path(folder, f"{times}.mkv"), Path(folder, f"out{times}.mp4")
            copy = [
                "ffmpeg",
                "-v",
                "error",
                "-y",
                "-stream_loop",
                str(times - 1),
                "-i",
                str(arguments.clip),
            ]
            subprocess.run([*copy, "-c", "copy", str(clip)], check=True)
            render = [
                sys.executable,
                "-m",
                "vidseg",
                "render",
                str(clip),
                "-o",
                str(out),
                "-b",
                "#00b140",
            ]
            render += ["--model", arguments.model, "-q", *shlex.split(arguments.options)]
            peaks.append(peak_mib(render))
            print(f"{times:3} x {arguments.clip.name}: {peaks[-1]:.0f} MiB at most", flush=True)
    growth = peaks[1] / peaks[0]
    print(f"{100 * (growth - 1):+.1f} %")
    return 0 if growth <= MOST_GROWTH else 1


if __name__ == "__main__":
    sys.exit(main())
