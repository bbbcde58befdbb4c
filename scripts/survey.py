#!/usr/bin/env python3
"""Run vidseg over every file of a folder and check each result against its source with ffprobe.

    python scripts/survey.py FOLDER [--to .mkv | --to all] [--pictures] [--jobs N] [--keep DIR]

A row a file: exit code, frames in and out, largest error of a presentation time, what became of the
audio, what vidseg said, and what ffprobe finds different. A file that ends in a traceback, takes
longer than the limit, or gives a wrong output is marked BAD, and the script then exits with 1.
Every file of a collection should end in a right output or a clear error. With --pictures the clip
itself is the background, so that the output has to show what the source shows.
"""

import argparse
import shlex
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from witness import Account, Verdict, compare

LIMIT_S = 600
ENDINGS = (".mp4", ".mov", ".mkv", ".webm")
PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")


@dataclass
class Row:
    """What became of one file."""

    name: str
    code: int
    seconds: float
    said: str
    verdict: Verdict = field(default_factory=Verdict)


def survey(source: Path, suffix: str, out_dir: Path, arguments: argparse.Namespace) -> Row:
    """Render one file and compare."""
    out_dir.mkdir(parents=True, exist_ok=True)
    target = out_dir / f"out{suffix}"
    background = source.resolve() if arguments.pictures else "#00b140"
    command = [sys.executable, "-m", "vidseg", "render", f"-o{target}", f"-b{background}"]
    command += ["--model", arguments.model, "--overwrite", *shlex.split(arguments.options)]
    if suffix not in PHOTOS:
        command += ["--preset", "8" if suffix == ".webm" else "ultrafast"]
        command += ["--crf", "8"] if arguments.pictures else []
    begun = time.monotonic()
    try:
        done = subprocess.run(
            [*command, "--", str(source)], capture_output=True, timeout=LIMIT_S, check=False
        )
        code, said = done.returncode, done.stderr.decode(errors="replace")
    except subprocess.TimeoutExpired:
        code, said = -1, "vidseg: took longer than the limit"
    row = Row(source.name, code, time.monotonic() - begun, said)
    row.verdict = judge(source, target, row, arguments)
    if left := [p.name for p in out_dir.iterdir() if p != target]:
        row.verdict.problems.append(f"left {left}")
    if not arguments.keep:
        target.unlink(missing_ok=True)
    return row


def judge(source: Path, target: Path, row: Row, arguments: argparse.Namespace) -> Verdict:
    """Return what is wrong with a result, or with the way in which there is none."""
    verdict = Verdict()
    if "Traceback" in row.said or "internal error" in row.said or row.code not in (0, 1, 3):
        verdict.problems.append("crashed or hung")
    elif row.code == 1:
        if target.exists():
            verdict.problems.append("failed, but left an output")
        errors = [line for line in row.said.splitlines() if line.startswith("vidseg: ")]
        if len(errors) != 1 or row.said.splitlines()[-1] != errors[0]:
            verdict.problems.append("the error is not one line")
        if frames := len(Account(source).frames):
            verdict.notes.append(f"ffprobe decodes {frames} frames")
    elif target.suffix not in PHOTOS:
        damaged = row.code == 3
        verdict = compare(source, target, row.said, damaged=damaged, pictures=arguments.pictures)
    return verdict


def told(row: Row) -> str:
    """Return what vidseg said that a table should show."""
    lines = [
        s for s in row.said.splitlines() if s and " frames in " not in s and "frames/s" not in s
    ]
    return " / ".join(line for line in lines if " on CPU, " not in line)


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    titles = (
        "file",
        "exit",
        "frames in/out",
        "largest pts error, ms",
        "audio packets",
        "PSNR",
        "s",
        "notes",
    )
    lines = ["| " + " | ".join(titles) + " |", "| --- " * len(titles) + "|"]
    for row in rows:
        verdict = row.verdict
        frames = f"{verdict.frames_in}/{verdict.frames_out}" if row.code != 1 else "-"
        error = f"{verdict.largest_error_ms:.3f}" if row.code != 1 else "-"
        bad = [f"BAD: {problem}" for problem in verdict.problems]
        notes = "; ".join([*bad, *verdict.notes, told(row)]).replace("|", "/").replace("\n", "⏎")
        psnr = "-" if verdict.psnr_db is None else f"{verdict.psnr_db:.1f}"
        name = row.name.replace("\n", "⏎")
        cells = (name, row.code, frames, error, verdict.audio, psnr, f"{row.seconds:.1f}", notes)
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def endings(source: Path, wanted: str) -> tuple[str, ...]:
    """Return the endings to render a source to; a photo gives a photo."""
    if source.suffix.lower() in PHOTOS and wanted == "same":
        return (".png",)
    if wanted == "same":
        return (source.suffix.lower() if source.suffix.lower() in ENDINGS else ".mp4",)
    return ENDINGS if wanted == "all" else (wanted,)


def main() -> int:
    """Survey a folder."""
    parser = argparse.ArgumentParser(
        description="Run vidseg over every file of a folder, and check."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keep", type=Path, help="keep the outputs in this folder")
    parser.add_argument("--model", default="selfie")
    parser.add_argument("--only", default="*", help="glob of the file names")
    parser.add_argument(
        "--to", default="same", help="ending of the outputs; all: .mp4, .mov, .mkv and .webm"
    )
    parser.add_argument("--pictures", action="store_true", help="check the pictures, too")
    parser.add_argument("--jobs", type=int, default=1, help="files at a time")
    parser.add_argument(
        "--options", default="", help="further options of vidseg render, in one string"
    )
    arguments = parser.parse_args()
    files = sorted(p for p in arguments.folder.rglob(arguments.only) if p.is_file())
    work = [(path, suffix) for path in files for suffix in endings(path, arguments.to)]
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(arguments.jobs) as pool:
        out_dir = arguments.keep or Path(scratch)
        places = [out_dir / f"{number:04d}-{path.name}" for number, (path, _) in enumerate(work)]
        rows = []
        for row, (_, suffix) in zip(
            pool.map(lambda job, place: survey(*job, place, arguments), work, places),
            work,
            strict=True,
        ):
            row.name += f" → {suffix}" if arguments.to == "all" else ""
            rows.append(row)
            print(table([row]).splitlines()[-1], flush=True)
    bad = [row for row in rows if row.verdict.problems]
    print(f"\n{table(rows)}\n\n{len(rows)} renders, {len(bad)} bad", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
