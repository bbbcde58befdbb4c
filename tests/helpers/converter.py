"""A stand-in for the converter of models."""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def fake_converter(calls: list[list[str]]) -> Callable[[Path, Path, list[str]], dict[str, Any]]:
    """What stands for the child process where its result doesn't matter."""

    def convert(source: Path, folder: Path, outputs: list[str]) -> dict[str, Any]:
        calls.append(outputs)
        (folder / "saved_model").mkdir()
        (folder / "saved_model" / "saved_model.pb").write_bytes(b"graph")
        (folder / "model.tflite").write_bytes(b"flat")
        return {"stride": 16, "architecture": "mobilenet"}

    return convert
