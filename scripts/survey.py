#!/usr/bin/env python3
"""Run vidseg over every file of a folder and check each result against its source, with ffprobe as witness.

    python scripts/survey.py FOLDER [--keep OUT_DIR] [--model selfie] [--options "OPTIONS OF vidseg render"]

A row a file: exit code, frames in and out, largest error of a presentation time, what became of the audio,
and what vidseg said. A file that ends in a traceback, takes longer than the limit, or gives a wrong output
is marked BAD, and the script then exits with 1. Every file of a collection should end in a right output
or a clear error.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

LIMIT_S = 600
CONTAINER = {".webm": ".webm", ".mkv": ".mkv", ".mov": ".mov"}


@dataclass
class Row:
    """What became of one file."""

    name: str
    code: int
    seconds: float
    said: str
    frames_in: int = 0
    frames_out: int = 0
    largest_error_ms: float = 0.0
    audio: str = ""
    problems: list[str] = field(default_factory=list)


def ffprobe(path: Path, *options: str) -> dict[str, Any]:
    """Return ffprobe's JSON, empty where it can't read the file."""
    command = ["ffprobe", "-v", "error", "-of", "json", *options, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        result: dict[str, Any] = json.loads(done.stdout or "{}")
    except json.JSONDecodeError:
        return {}
    return result


def streams(path: Path) -> list[dict[str, Any]]:
    """Return ffprobe's account of every stream."""
    found: list[dict[str, Any]] = ffprobe(path, "-show_streams").get("streams", [])
    return found


def frame_times(path: Path) -> list[float]:
    """Return the presentation times, in seconds, of the main video's frames, as ffprobe decodes them.

    Where it can't time a frame (AVI stores no presentation times), packets tell: one a frame, in order.
    """
    entries = ("-select_streams", "V:0", "-show_entries", "frame=best_effort_timestamp_time")
    frames = ffprobe(path, *entries).get("frames", [])
    if all("best_effort_timestamp_time" in frame for frame in frames):
        return [float(frame["best_effort_timestamp_time"]) for frame in frames]
    packets = ffprobe(path, "-select_streams", "V:0", "-show_entries", "packet=pts_time,dts_time")["packets"]
    return sorted(float(packet.get("pts_time", packet.get("dts_time", "nan"))) for packet in packets)


def audio_hashes(path: Path) -> dict[int, list[str]]:
    """Return the hash of every audio packet's data, by the number of its track."""
    entries = ("-select_streams", "a", "-show_data_hash", "sha256", "-show_packets")
    tracks: dict[int, list[str]] = defaultdict(list)
    fields = "packet=stream_index,data_hash,flags"
    for packet in ffprobe(path, *entries, "-show_entries", fields).get("packets", []):
        tracks[packet["stream_index"]].append(packet["data_hash"])
    return dict(enumerate(tracks[index] for index in sorted(tracks)))


def survey(source: Path, out_dir: Path, model: str, options: list[str]) -> Row:
    """Render one file and compare."""
    suffix = CONTAINER.get(source.suffix.lower(), ".mp4")
    target = out_dir / f"{source.name}{suffix}"
    command = [sys.executable, "-m", "vidseg", "render", str(source), "-o", str(target), "-b", "#00b140"]
    preset = "8" if suffix == ".webm" else "ultrafast"
    command += ["--model", model, "--preset", preset, "--overwrite", *options]
    begun = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        code, said = done.returncode, done.stderr
    except subprocess.TimeoutExpired:
        code, said = -1, "vidseg: took longer than the limit"
    lines = [line for line in said.splitlines() if line and "frames/s" not in line and " on CPU" not in line]
    row = Row(source.name, code, time.monotonic() - begun, " / ".join(lines[-3:]))
    if "Traceback" in said or "internal error" in said or code not in (0, 1, 3):
        row.problems.append("crashed or hung")
    elif code == 1 and target.exists():
        row.problems.append("failed, but left an output")
    elif code != 1:
        compare(source, target, row)
    left = [p.name for p in out_dir.iterdir() if p.name.startswith(".")]
    if left:
        row.problems.append(f"left {left}")
    return row


def compare(source: Path, target: Path, row: Row) -> None:
    """Check the output's frames, times, geometry and audio against the source's."""
    before, after = frame_times(source), frame_times(target)
    row.frames_in, row.frames_out = len(before), len(after)
    if row.code == 0 and len(before) != len(after):
        row.problems.append("frame count differs")
    base = output_time_base(target)
    errors = [abs(a - b) for a, b in zip(before, after, strict=False)]
    row.largest_error_ms = 1000 * max(errors, default=0.0)
    if row.code == 0 and max(errors, default=0.0) > float(base) + 1e-6:
        row.problems.append("times differ")
    compare_geometry(source, target, row)
    compare_audio(source, target, row)


def output_time_base(path: Path) -> Fraction:
    """Return the time base of the first video stream."""
    video = [s for s in streams(path) if s["codec_type"] == "video"]
    return Fraction(video[0]["time_base"]) if video else Fraction(1, 1000)


def compare_geometry(source: Path, target: Path, row: Row) -> None:
    """Check aspect ratio, rotation and colour tags."""
    before, after = main_video(source), main_video(target)
    for key in ("sample_aspect_ratio", "color_range", "color_space", "color_primaries", "color_transfer"):
        old, new = before.get(key, "unknown"), after.get(key, "unknown")
        equal = {"unknown", "N/A", "1:1", "0:1", "tv", "reserved"}
        if old != new and not {old, new} <= equal:
            row.problems.append(f"{key} {old} → {new}")
    if rotation(before) != rotation(after):
        row.problems.append(f"rotation {rotation(before)} → {rotation(after)}")


def main_video(path: Path) -> dict[str, Any]:
    """Return ffprobe's account of the first video that is no cover art, with its first frame's tags."""
    moving = (s for s in streams(path) if s["codec_type"] == "video" and not s["disposition"]["attached_pic"])
    keys = "color_range,color_space,color_primaries,color_transfer"
    first = ffprobe(
        path, "-select_streams", "V:0", "-read_intervals", "%+#1", "-show_entries", f"frame={keys}"
    )
    return {**next(moving, {}), **next(iter(first.get("frames", [])), {})}


def rotation(stream: dict[str, Any]) -> str:
    """Return the display matrix as ffprobe prints it, empty where there is none."""
    sides = stream.get("side_data_list", [])
    return next((str(side["displaymatrix"]) for side in sides if "displaymatrix" in side), "")


def compare_audio(source: Path, target: Path, row: Row) -> None:
    """Say of every track whether its packets are the same."""
    before, after = audio_hashes(source), audio_hashes(target)
    words = []
    for number, packets in before.items():
        got = after.get(number)
        if got is None:
            words.append("dropped")
        elif got == packets:
            words.append(f"{len(packets)} equal")
        elif set(got) & set(packets):
            words.append(f"{len(got)} of {len(packets)}")
        else:
            words.append("transcoded")
    row.audio = ", ".join(words) or "none"
    if len(after) < len(before) and "dropped" not in row.said:
        row.problems.append("audio vanished silently")
    if "transcoded" in words and "transcoded" not in row.said:
        row.problems.append("audio differs")


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    titles = ("file", "exit", "frames in/out", "largest pts error, ms", "audio packets", "s", "notes")
    lines = ["| " + " | ".join(titles) + " |", "| --- " * len(titles) + "|"]
    for row in rows:
        frames = f"{row.frames_in}/{row.frames_out}" if row.code != 1 else "-"
        error = f"{row.largest_error_ms:.3f}" if row.code != 1 else "-"
        notes = "; ".join([*(f"BAD: {problem}" for problem in row.problems), row.said]).replace("|", "/")
        cells = (row.name, row.code, frames, error, row.audio, f"{row.seconds:.1f}", notes)
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def main() -> int:
    """Survey a folder."""
    parser = argparse.ArgumentParser(description="Run vidseg over every file of a folder, and check.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keep", type=Path, help="keep the outputs in this folder")
    parser.add_argument("--model", default="selfie")
    parser.add_argument("--only", default="*", help="glob of the file names")
    parser.add_argument("--options", default="", help="further options of vidseg render, in one string")
    arguments = parser.parse_args()
    files = sorted(p for p in arguments.folder.rglob(arguments.only) if p.is_file())
    with tempfile.TemporaryDirectory() as scratch:
        out_dir = arguments.keep or Path(scratch)
        out_dir.mkdir(parents=True, exist_ok=True)
        rows = []
        for path in files:
            rows.append(survey(path, out_dir, arguments.model, shlex.split(arguments.options)))
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    bad = [row for row in rows if row.problems]
    print(f"\n{table(rows)}\n\n{len(rows)} files, {len(bad)} bad", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
