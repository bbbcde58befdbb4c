"""The command line, run in a process of its own with the network that ships for tests."""

import subprocess
from pathlib import Path

from tests.helpers.forks import Forks

FAKE = (
    "from vidseg.cli import main as cli\nfrom vidseg.rendering import chain, comparison, preview\n"
    "from vidseg.networks.fake import FakeSegmenter\n"
    "for each in (chain, comparison, preview):\n"
    "    each.open_segmenter = lambda *a, **k: FakeSegmenter()\n"
    "cli.main()\n"
)


FORKS = Forks()


def vidseg(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run the command line in its own process, with the fake network in place of a real one."""
    done = FORKS.run(FAKE, [*map(str, arguments)])
    said = (done.stdout.decode(), done.stderr.decode())
    return subprocess.CompletedProcess(done.args, done.returncode, *said)


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the only line of an error, and check that it is one."""
    assert done.returncode == 1, done.stderr
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("vidseg: ")
    return lines[0]
