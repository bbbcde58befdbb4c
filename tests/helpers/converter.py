"""Stand-ins for the converter's child process: one converts nothing, one stays for the next."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def fake_converter(
    calls: list[list[str]],
) -> Callable[[Any, Path, Path, list[str]], dict[str, Any]]:
    """What stands for the child process where its result doesn't matter."""

    def convert(recipe: Any, source: Path, folder: Path, outputs: list[str]) -> dict[str, Any]:
        calls.append(outputs)
        (folder / "saved_model").mkdir()
        (folder / "saved_model" / "saved_model.pb").write_bytes(b"graph")
        (folder / "model.tflite").write_bytes(b"flat")
        return {"stride": 16, "architecture": "mobilenet"}

    return convert


class ResidentConverter:
    """A process that converts one model after another: it imports TensorFlow once, in 5 s of work.

    It stands for `subprocess`, seen from `vidseg.models.converter`: what the child process of one
    conversion is told and says is the same.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(
        self, command: list[str], *, cwd: Path, **_: object
    ) -> "subprocess.CompletedProcess[str]":
        """Convert as the child process would; `command` is Python, ``-m``, a module, its words."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from tests.helpers.converter import serve; serve()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                cwd=PROJECT,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(cwd), *command[3:]]) + "\n")
        self._process.stdin.flush()
        return subprocess.CompletedProcess(command, 0, self._process.stdout.readline(), "")

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Have this process convert within a block, in place of one process each."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("vidseg.models.converter.subprocess", self)
            yield

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()


def serve() -> None:
    """Convert what each line of the input says: a folder to work in, and the converter's words.

    Answers with the last line that the converter says.
    """
    from vidseg.models.convert.__main__ import main

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # for what libraries say
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")
    for line in sys.stdin:
        folder, *words = json.loads(line)
        os.chdir(folder)
        sys.argv[1:] = words
        with redirect_stdout(io.StringIO()) as said:
            main()
        print(said.getvalue().splitlines()[-1], file=answers, flush=True)
