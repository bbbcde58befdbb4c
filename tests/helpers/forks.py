"""Python programs in processes forked off one that has imported what they need."""

import atexit
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
_NEEDED = ("vidseg.cli.main", "vidseg.rendering.chain", "vidseg.rendering.preview")


class Forks:
    """Runs programs as ``python -c`` does, without the half second that each spends on imports.

    They get this process's folder and environment, end as any interpreter does, and share nothing
    with each other. What is read when Python starts, such as PYTHONIOENCODING, has no effect on
    them.
    """

    def __init__(self) -> None:
        self._server: subprocess.Popen[str] | None = None

    def run(self, code: str, words: list[str]) -> "subprocess.CompletedProcess[bytes]":
        """Run `code` with `words` on its command line."""
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in ("out", "err")]
            for file in files:
                file.touch()
            order = {
                "code": code,
                "words": words,
                "folder": str(Path.cwd()),
                "env": dict(os.environ),
            }
            status = self._ask({**order, "files": [*map(str, files)]})
            said = [file.read_bytes() for file in files]
            return subprocess.CompletedProcess([code, *words], status, *said)

    def _ask(self, order: dict[str, Any]) -> int:
        if self._server is None:
            self._server = subprocess.Popen(
                [sys.executable, "-c", "from tests.helpers.forks import serve; exec(serve())"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=PROJECT,
            )
            atexit.register(self._server.communicate)
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


def serve() -> str:
    """Fork a process for each line of the input, and answer how it ended.

    In the fork, return the code that it is to run.
    """
    for name in _NEEDED:
        __import__(name)
    answers = os.fdopen(os.dup(1), "w")
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            answers.close()
            return _become(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=answers, flush=True)
    return ""


def _become(order: dict[str, Any]) -> str:
    """Take on the folder, environment, files and words of a program; return its code."""
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["env"])
    for number, name in enumerate([os.devnull, *order["files"]]):
        opened = os.open(name, os.O_RDWR)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv[1:] = order["words"]
    code: str = order["code"]
    return code
