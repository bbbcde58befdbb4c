"""Batches, run in a process of their own with the network that ships for tests."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.helpers.clips import person_picture

PROJECT = Path(__file__).resolve().parents[2]


FAKE = (
    "import functools\n"
    "from tests.helpers.workers import OPENER\n"
    "from vidseg.cli import main as cli\nfrom vidseg.jobs import local_workers\n"
    "local_workers.LocalWorkers = functools.partial(local_workers.LocalWorkers, opener=OPENER)\n"
    "cli.main()\n"
)


def vidseg(*arguments: str | Path, opener: str = "open_fake") -> list[str]:
    """Return the command line with a fake network in the workers."""
    return [sys.executable, "-c", FAKE.replace("OPENER", opener), *map(str, arguments)]


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run the command line with a fake network in the workers."""
    return _run(vidseg(*arguments))


def run_unchanged(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run the command line as users do, with the networks that it names."""
    return _run([sys.executable, "-m", "vidseg", *map(str, arguments)])


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=240, cwd=PROJECT
    )


def black_corner(number: int) -> NDArray[np.uint8]:
    """Return a picture that kills the deadly network."""
    picture = person_picture(number, 96, 64)
    picture[-16:, -16:] = 0
    return picture
