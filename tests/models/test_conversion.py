"""TensorFlow.js models: what their json may say, and their conversion, kept and shared."""

import fcntl
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.helpers.bucket import BucketServer
from tests.helpers.converter import fake_converter
from tests.helpers.tfjs import write_bodypix
from vidseg.cli.models import models as models_command
from vidseg.errors import DownloadError, ModelError
from vidseg.models import (
    MODELS,
    ensure_converted,
    find_json,
    is_converted,
    locate,
    read_tfjs,
)
from vidseg.models import converter as converter_module

NAME = "bodypix-050-s16"
MODEL = MODELS[NAME]


# What a json may say


def edited(path: Path, edit: Callable[[Any], object]) -> Path:
    """Change a model's json in place."""
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../secret.bin", "/etc/passwd", "a/../../b", "..\\b", "C:\\b",
        "https://elsewhere.example/w.bin", "%2e%2e/secret.bin", "w.bin?x=1", "",
    ],
)  # fmt: skip
def test_manifest_path_outside_is_refused(bucket: BucketServer, name: str) -> None:
    """A model's json can't make vidseg read or write outside of the model's folder."""
    path = bucket.folder / MODEL.published.path
    edited(path, lambda document: document["weightsManifest"][0].update(paths=[name]))
    with pytest.raises(ModelError, match="names a weight file outside of its folder"):
        read_tfjs(path)
    with pytest.raises(DownloadError, match="names a weight file outside of its folder"):
        locate(MODEL)
    assert len(bucket.requests) == 1


def _drop(key: str) -> Callable[[Any], object]:
    return lambda document: document.pop(key)


def _weight(**changes: object) -> Callable[[Any], object]:
    return lambda document: document["weightsManifest"][0]["weights"][0].update(changes)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_drop("modelTopology"), "not a TensorFlow.js graph model"),
        (
            lambda document: document.update(format="layers-model"),
            r"graph model \(format 'layers-model'\)",
        ),
        (_drop("weightsManifest"), "has no weightsManifest"),
        (
            lambda document: document["weightsManifest"][0].pop("paths"),
            "its weightsManifest is malformed",
        ),
        (lambda document: document.update(weightsManifest=[3]), "its weightsManifest is malformed"),
        (_weight(dtype="float8"), "has the unknown type 'float8'"),
        (_weight(quantization={"dtype": "int4"}), "has the unknown type 'int4'"),
        (_weight(shape=[-1, 3]), r"has the impossible shape \[-1, 3\]"),
        (_weight(shape=["a"]), r"has the impossible shape \['a'\]"),
    ],
)
def test_malformed_json(tmp_path: Path, edit: Callable[[Any], object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read_tfjs(edited(write_bodypix(tmp_path), edit))


@pytest.mark.parametrize("text", ["", "[1]", "{", "\x00\xff"])
def test_not_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError, match=r"model\.json: (not|holds a) json"):
        read_tfjs(tmp_path / "model.json")


def test_weights_of_the_wrong_size(tmp_path: Path) -> None:
    source = read_tfjs(write_bodypix(tmp_path, shards=2))
    source.check_weights()
    with source.shards[1].open("ab") as file:
        file.write(b"x")
    with pytest.raises(
        ModelError, match=r"the weights need \d+ bytes, but group1-shard1of2.bin, .* hold \d+"
    ):
        source.check_weights()
    source.shards[1].unlink()
    with pytest.raises(ModelError, match=r"weight file group1-shard2of2\.bin is missing"):
        source.check_weights()


def test_json_in_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"neither a TensorFlow\.js model"):
        find_json(tmp_path)
    path = write_bodypix(tmp_path, stride=16)
    assert find_json(tmp_path) == find_json(path) == path
    write_bodypix(tmp_path, stride=8)
    with pytest.raises(
        ModelError, match=r"several models \(model-stride16.json, model-stride8.json\)"
    ):
        find_json(tmp_path)


# Conversion


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """An empty cache and a converter that only notes what it was asked for."""
    calls: list[list[str]] = []
    monkeypatch.setenv("VIDSEG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(converter_module, "_run_converter", fake_converter(calls))
    return calls


def test_conversion_is_kept(conversions: list[list[str]], tmp_path: Path) -> None:
    """Each network is converted once, and says so; other weights mean another conversion."""
    source = read_tfjs(write_bodypix(tmp_path / "model"))
    lines: list[str] = []
    assert not is_converted(source)
    first = ensure_converted(source, name="mine", parts=False, say=lines.append)
    assert ensure_converted(source, name="mine", parts=False, say=lines.append) == first
    assert is_converted(source)
    assert lines == ["converting mine for this machine (once, some seconds)"]
    with_parts = ensure_converted(source, name="mine", parts=True)
    assert with_parts.tflite != first.tflite
    other = read_tfjs(write_bodypix(tmp_path / "other", seed=1))
    assert ensure_converted(other, name="other", parts=False).tflite != first.tflite
    assert conversions == [
        ["float_segments"],
        ["float_segments", "float_part_heatmaps"],
        ["float_segments"],
    ]


@pytest.mark.parametrize("victim", ["model.tflite", "saved_model/saved_model.pb", "result.json"])
def test_damaged_conversion_is_made_anew(
    conversions: list[list[str]], tmp_path: Path, victim: str
) -> None:
    source = read_tfjs(write_bodypix(tmp_path / "model"))
    made = ensure_converted(source, name="mine", parts=False)
    (made.tflite.parent / victim).write_bytes(b"{}")
    assert not is_converted(source)
    assert ensure_converted(source, name="mine", parts=False) == made
    assert made.tflite.read_bytes() == b"flat"
    assert len(conversions) == 2


def test_conversion_of_another_machine_is_used_without_the_converter(
    conversions: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = read_tfjs(write_bodypix(tmp_path / "model"))
    made = ensure_converted(source, name="mine", parts=False)

    monkeypatch.setattr(converter_module, "_converter_version", lambda: None)
    assert ensure_converted(source, name="mine", parts=False) == made
    assert len(conversions) == 1
    with pytest.raises(
        ModelError, match="mine has to be converted first, but tfjs-graph-converter is not"
    ):
        ensure_converted(source, name="mine", parts=True)


def test_who_waits_for_a_conversion_is_told_first(
    conversions: list[list[str]], tmp_path: Path
) -> None:
    """What `say` was to prevent took place: a conversion elsewhere was waited for."""
    source = read_tfjs(write_bodypix(tmp_path / "model"))
    first = ensure_converted(source, name="mine", parts=False).tflite.parent
    shutil.rmtree(first)

    def refuse(line: str) -> None:
        raise RuntimeError(line)

    with first.with_name(f".{first.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(RuntimeError, match="mine is being converted by another process"):
            ensure_converted(source, name="mine", parts=False, say=refuse)
    assert len(conversions) == 1


def test_two_want_the_same_conversion(
    conversions: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them converts, the other waits and uses the result."""
    source = read_tfjs(write_bodypix(tmp_path / "model"))
    convert = fake_converter(conversions)

    def slowly(*arguments: Any) -> dict[str, Any]:
        time.sleep(0.2)
        return convert(*arguments)

    monkeypatch.setattr(converter_module, "_run_converter", slowly)
    with ThreadPoolExecutor(2) as pool:
        wanted = [pool.submit(ensure_converted, source, name="mine", parts=False) for _ in range(2)]
    assert wanted[0].result() == wanted[1].result()
    assert len(conversions) == 1
    assert not list((tmp_path / "cache").rglob(".converting-*"))


def test_conversion_that_fills_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow reports a full disk in words of its own; the user is told what to do about it."""
    said = json.dumps({"error": "InternalError: file.pb; No space left on device"})
    done = subprocess.CompletedProcess([], 0, f"chatter\n{said}\n", "")
    monkeypatch.setenv("VIDSEG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    with pytest.raises(
        ModelError, match=r"can't be kept in .*No space left on device.*VIDSEG_CACHE_DIR"
    ):
        ensure_converted(read_tfjs(write_bodypix(tmp_path / "model")), name="mine", parts=False)


@pytest.mark.tensorflow
@pytest.mark.usefixtures("quick_conversion")
def test_graph_that_is_no_bodypix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child process's failure arrives as one line, and leaves nothing in the cache."""
    monkeypatch.setenv("VIDSEG_CACHE_DIR", str(tmp_path / "cache"))
    source = read_tfjs(write_bodypix(tmp_path / "model", heads={"something": 1}))
    with pytest.raises(
        ModelError, match=r"can't be converted .*no output called float_segments"
    ) as caught:
        ensure_converted(source, name="mine", parts=False)
    assert "\n" not in str(caught.value)
    assert not is_converted(source)


def test_conversion_without_tensorflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child can't import it; the parent said "can't be converted", as of a bad model."""
    (tmp_path / "absent").mkdir()
    (tmp_path / "absent" / "sitecustomize.py").write_text(
        "import sys; sys.modules['tensorflow'] = None"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "absent"))
    monkeypatch.setenv("VIDSEG_CACHE_DIR", str(tmp_path / "cache"))
    wanted = r"TensorFlow .* must be installed \(import of tensorflow halted.*\): .*such as selfie"
    with pytest.raises(ModelError, match=wanted):
        ensure_converted(read_tfjs(write_bodypix(tmp_path / "model")), name="mine", parts=False)


def test_converter_that_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child killed before it can write its result is reported with its last words."""
    monkeypatch.setenv("VIDSEG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(ModelError, match="the converter ended with status 1: no message"):
        ensure_converted(read_tfjs(write_bodypix(tmp_path / "model")), name="mine", parts=False)


def test_fetch_downloads_and_converts(bucket: BucketServer, conversions: list[list[str]]) -> None:
    shown = CliRunner().invoke(models_command, ["fetch", NAME, "--parts"]).output
    assert "in the cache, converted" in shown
    assert conversions == [["float_segments"], ["float_segments", "float_part_heatmaps"]]
