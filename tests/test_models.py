"""Models: names, folders, downloads that go wrong, the cache, conversion, and the command line's view."""

import errno
import hashlib
import http.server
import io
import json
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.tfjs import write_bodypix
from vidseg.cli_models import models as models_command
from vidseg.errors import DownloadError, ModelError
from vidseg.models import (
    MODELS,
    Model,
    download,
    ensure_converted,
    find,
    find_json,
    is_converted,
    locate,
    model_named,
    read_tfjs,
    wheel,
)
from vidseg.models import converted as converted_module
from vidseg.models.catalogue import BUCKET_URL

NAME = "bodypix-050-s16"
MODEL = MODELS[NAME]


class Bucket(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; paths listed in the server's `faults` are answered wrongly instead."""

    server: "BucketServer"

    def do_GET(self) -> None:
        """Answer one request as the server's `faults` say."""
        self.server.requests.append(self.path)
        fault = self.server.faults.get(self.path.rpartition("/")[2])
        if fault is None:
            super().do_GET()
        else:
            fault(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name for it
        """Keep the test's output clean."""


class BucketServer(http.server.ThreadingHTTPServer):
    """The test's own model bucket, on this machine only."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(Bucket, directory=str(folder)))
        self.folder = folder
        self.requests: list[str] = []
        self.faults: dict[str, Callable[[Bucket], None]] = {}
        self.url = f"http://127.0.0.1:{self.server_port}"


def truncated(handler: Bucket) -> None:
    """Promise more bytes than are sent."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b"{" * 100)


def short(handler: Bucket) -> None:
    """Send too few bytes without saying how many there should be."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"x" * 100)


def web_page(handler: Bucket) -> None:
    """Answer as a hotel's login page does."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"<html>please log in</html>")


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BucketServer]:
    """A bucket with a small model under the default model's path, and an empty cache."""
    write_bodypix(tmp_path / "bucket" / Path(MODEL.source).parent, shards=2)
    monkeypatch.setenv("VIDSEG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("VIDSEG_MODEL_DIR", raising=False)
    with BucketServer(tmp_path / "bucket") as server:
        monkeypatch.setenv("VIDSEG_MODEL_URL", server.url)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def cached_shard(number: int = 1) -> Path:
    """Path of a weight file in the cache."""
    return read_tfjs(locate(MODEL)).shards[number - 1]


# Names


def test_every_variant_of_tf_bodypix_has_a_name() -> None:
    """All addresses of tf-bodypix's enumeration are offered, and their quantised siblings."""
    expected = {f"bodypix-{size}-s{stride}" for size in ("050", "075", "100") for stride in (8, 16)}
    expected |= {"bodypix-resnet50-s16", "bodypix-resnet50-s32"}
    expected |= {f"{name}-q{count}" for name in expected for count in (1, 2)}
    assert set(MODELS) == expected | {"selfie", "selfie-landscape"}
    assert MODELS["bodypix-075-s8"].source == "bodypix/mobilenet/float/075/model-stride8.json"
    assert MODELS["bodypix-resnet50-s32-q2"].source == "bodypix/resnet50/quant2/model-stride32.json"


def test_addresses_are_those_of_tf_bodypix() -> None:
    """Name by name, the addresses are the ones that tf-bodypix downloads from."""
    code = (
        "import json; from tf_bodypix.download import BodyPixModelPaths as P;"
        "print(json.dumps([v for k, v in vars(P).items() if k.isupper()]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    theirs = set(json.loads(done.stdout.splitlines()[-1]))
    ours = {f"{BUCKET_URL}/{model.source}" for model in MODELS.values() if model.is_bodypix}
    assert theirs <= ours


def test_unknown_name_suggests_near_ones() -> None:
    with pytest.raises(ModelError, match=r"unknown model 'bodypix-050-s15': did you mean bodypix-050-s16"):
        model_named("bodypix-050-s15")


# The user's folder


def test_folder_comes_first_and_needs_no_network(
    bucket: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDSEG_MODEL_DIR", str(bucket.folder))
    assert locate(MODEL) == bucket.folder / MODEL.source
    assert find(MODEL) == ("folder", bucket.folder / MODEL.source)
    assert bucket.requests == []


def test_model_absent_from_the_folder_is_fetched(
    bucket: BucketServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VIDSEG_MODEL_DIR", str(tmp_path))
    assert locate(MODEL).is_relative_to(tmp_path / "cache")


def test_folder_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIDSEG_MODEL_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(ModelError, match=r"VIDSEG_MODEL_DIR is '.*nowhere', which is not a folder"):
        find(MODEL)


@pytest.mark.parametrize("place", ["selfie_segmentation.tflite", MODELS["selfie"].source])
def test_selfie_in_the_folder(place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The file may lie at the folder's root or where mediapipe has it; another content is refused."""
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"weights")
    monkeypatch.setenv("VIDSEG_MODEL_DIR", str(tmp_path))
    with pytest.raises(ModelError, match="not the file that selfie stands for"):
        find(MODELS["selfie"])
    known = replace(MODELS["selfie"], sha256=hashlib.sha256(b"weights").hexdigest())
    assert find(known) == ("folder", path)


# Downloads


def test_download_is_kept_and_not_repeated(bucket: BucketServer) -> None:
    lines: list[str] = []
    path = locate(MODEL, say=lines.append)
    assert len(lines) == 1
    assert bucket.url in lines[0]
    assert read_tfjs(path).sha256() == read_tfjs(bucket.folder / MODEL.source).sha256()
    assert len(bucket.requests) == 3
    assert locate(MODEL) == path
    assert find(MODEL) == ("cache", path)
    assert len(bucket.requests) == 3
    assert not list(path.parent.glob(".fetching-*"))


@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing", "unrecorded"])
def test_damaged_cache_file_is_fetched_anew(bucket: BucketServer, damage: str) -> None:
    """Only what is damaged is fetched again, whatever happened to it."""
    shard = cached_shard(2)
    data = shard.read_bytes()
    match damage:
        case "flipped":
            shard.write_bytes(bytes([data[0] ^ 1]) + data[1:])
        case "truncated":
            shard.write_bytes(data[:-1])
        case "missing":
            shard.unlink()
        case "unrecorded":
            shard.with_name(shard.name + ".sha256").write_text("")
    assert find(MODEL) is None
    bucket.requests.clear()
    locate(MODEL)
    assert shard.read_bytes() == data
    assert [path.rpartition("/")[2] for path in bucket.requests] == [shard.name]


def test_progress_is_shown_on_a_terminal(
    bucket: BucketServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a bar the file arrives as well (pooch takes a tqdm bar without a total for no bar, or fails)."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    locate(MODEL, say=lambda line: None)
    assert find(MODEL) is not None
    shown = capsys.readouterr().err
    assert "group1-shard1of2.bin: 100%" in shown


def test_changed_upstream_is_not_taken_for_the_same(bucket: BucketServer) -> None:
    """A damaged file is not replaced by something else than was first fetched."""
    shard = cached_shard()
    shard.write_bytes(b"damaged")
    served = bucket.folder / Path(MODEL.source).parent / shard.name
    served.write_bytes(served.read_bytes()[::-1])
    with pytest.raises(DownloadError, match="it has changed since it was first fetched: delete"):
        locate(MODEL)


def three_ways_out(error: DownloadError, url: str) -> bool:
    """Whether the message is one line that names the address and what the user can do."""
    text = str(error)
    words = ("VIDSEG_MODEL_URL", "VIDSEG_MODEL_DIR", "--model selfie", url)
    return "\n" not in text and all(word in text for word in words)


@pytest.mark.parametrize(
    ("fault", "file", "message"),
    [
        (lambda handler: handler.send_error(404), "model-stride16.json", "the server answered 404 Not Found"),
        (lambda handler: handler.send_error(503), "group1-shard1of2.bin", "the server answered 503"),
        (truncated, "model-stride16.json", "the connection broke before the file was whole"),
        (truncated, "group1-shard2of2.bin", "the connection broke before the file was whole"),
        (web_page, "model-stride16.json", "what came is not usable: not json"),
        (short, "group1-shard2of2.bin", "are damaged or belong to another model"),
    ],
)
def test_failed_download(
    bucket: BucketServer, fault: Callable[[Bucket], None], file: str, message: str
) -> None:
    """Each failure is one line with address, reason and ways out, and the next run starts cleanly."""
    bucket.faults[file] = fault
    with pytest.raises(DownloadError, match=message) as caught:
        locate(MODEL)
    assert three_ways_out(caught.value, bucket.url)
    assert find(MODEL) is None
    assert not list(Path(bucket.folder.parent).rglob(".fetching-*"))
    bucket.faults.clear()
    locate(MODEL)
    assert find(MODEL) is not None


def test_silent_server(bucket: BucketServer, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(download, "TIMEOUT_S", 0.2)
    bucket.faults["model-stride16.json"] = lambda handler: release.wait(10) and None
    try:
        with pytest.raises(DownloadError, match=r"the server was silent for 0\.2 s") as caught:
            locate(MODEL)
    finally:
        release.set()
    assert three_ways_out(caught.value, bucket.url)


def test_refused_connection(bucket: BucketServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDSEG_MODEL_URL", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"no connection \(Connection refused\)") as caught:
        locate(MODEL)
    assert three_ways_out(caught.value, "http://127.0.0.1:9/bodypix/mobilenet/float/050/model-stride16.json")


def test_full_disk(bucket: BucketServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pooch.HTTPDownloader.__call__", no_space)
    with pytest.raises(DownloadError, match=r"the disk is full \(writing to .*VIDSEG_CACHE_DIR") as caught:
        locate(MODEL)
    assert three_ways_out(caught.value, bucket.url)


def test_cache_that_cannot_be_written(
    bucket: BucketServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("VIDSEG_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(DownloadError, match=r"Not a directory \(writing to .*VIDSEG_CACHE_DIR names another"):
        locate(MODEL)


def test_mirror_must_be_an_address(bucket: BucketServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDSEG_MODEL_URL", "models.example")
    with pytest.raises(ModelError, match="VIDSEG_MODEL_URL must start with https://"):
        locate(MODEL)


def test_many_fetch_the_same_model(bucket: BucketServer) -> None:
    """All of those who fetch at the same time succeed, and the cache is whole."""
    with ThreadPoolExecutor(6) as pool:
        paths = {job.result() for job in [pool.submit(locate, MODEL) for _ in range(6)]}
    assert find(MODEL) == ("cache", paths.pop())


@pytest.mark.weights
def test_real_weights_over_http(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: BucketServer
) -> None:
    """The folder of weights, served, is fetched byte by byte."""
    shutil.rmtree(bucket.folder)
    bucket.folder.symlink_to(model_dir, target_is_directory=True)
    assert read_tfjs(locate(MODEL)).sha256() == read_tfjs(model_dir / MODEL.source).sha256()


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
        "../secret.bin", "/etc/passwd", "a/../../b", "..\\b", "C:\\b", "https://elsewhere.example/w.bin",
        "%2e%2e/secret.bin", "w.bin?x=1", "",
    ],
)  # fmt: skip
def test_manifest_path_outside_is_refused(bucket: BucketServer, name: str) -> None:
    """A model's json can't make vidseg read or write outside of the model's folder."""
    path = bucket.folder / MODEL.source
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
        (lambda document: document.update(format="layers-model"), r"graph model \(format 'layers-model'\)"),
        (_drop("weightsManifest"), "has no weightsManifest"),
        (lambda document: document["weightsManifest"][0].pop("paths"), "its weightsManifest is malformed"),
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
    with pytest.raises(ModelError, match=r"several models \(model-stride16.json, model-stride8.json\)"):
        find_json(tmp_path)


# Conversion


def fake_converter(calls: list[list[str]]) -> Callable[[Path, Path, list[str]], dict[str, Any]]:
    """What stands for the child process where its result doesn't matter."""

    def convert(source: Path, folder: Path, outputs: list[str]) -> dict[str, Any]:
        calls.append(outputs)
        (folder / "saved_model").mkdir()
        (folder / "saved_model" / "saved_model.pb").write_bytes(b"graph")
        (folder / "model.tflite").write_bytes(b"flat")
        return {"stride": 16, "architecture": "mobilenet"}

    return convert


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """An empty cache and a converter that only notes what it was asked for."""
    calls: list[list[str]] = []
    monkeypatch.setenv("VIDSEG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(converted_module, "_run_converter", fake_converter(calls))
    return calls


def test_conversion_is_kept(conversions: list[list[str]], tmp_path: Path) -> None:
    """Each network is converted once, says so, and a change of the weights means another conversion."""
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
    assert conversions == [["float_segments"], ["float_segments", "float_part_heatmaps"], ["float_segments"]]


@pytest.mark.parametrize("victim", ["model.tflite", "saved_model/saved_model.pb", "result.json"])
def test_damaged_conversion_is_made_anew(conversions: list[list[str]], tmp_path: Path, victim: str) -> None:
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

    monkeypatch.setattr(converted_module, "_converter_version", lambda: None)
    assert ensure_converted(source, name="mine", parts=False) == made
    assert len(conversions) == 1
    with pytest.raises(ModelError, match="mine has to be converted first, but tfjs-graph-converter is not"):
        ensure_converted(source, name="mine", parts=True)


def test_two_want_the_same_conversion(
    conversions: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them converts, the other waits and uses the result."""
    source = read_tfjs(write_bodypix(tmp_path / "model"))
    convert = fake_converter(conversions)

    def slowly(*arguments: Any) -> dict[str, Any]:
        time.sleep(0.2)
        return convert(*arguments)

    monkeypatch.setattr(converted_module, "_run_converter", slowly)
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
    with pytest.raises(ModelError, match=r"can't be kept in .*No space left on device.*VIDSEG_CACHE_DIR"):
        ensure_converted(read_tfjs(write_bodypix(tmp_path / "model")), name="mine", parts=False)


@pytest.mark.tensorflow
def test_graph_that_is_no_bodypix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child process's failure arrives as one line, and leaves nothing in the cache."""
    monkeypatch.setenv("VIDSEG_CACHE_DIR", str(tmp_path / "cache"))
    source = read_tfjs(write_bodypix(tmp_path / "model", heads={"something": 1}))
    with pytest.raises(ModelError, match=r"can't be converted .*no output called float_segments") as caught:
        ensure_converted(source, name="mine", parts=False)
    assert "\n" not in str(caught.value)
    assert not is_converted(source)


def test_conversion_without_tensorflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child can't import it; the parent said "can't be converted", as of a model that is at fault."""
    absent = tmp_path / "absent" / "tensorflow"
    absent.mkdir(parents=True)
    (absent / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'tensorflow'\")")
    monkeypatch.setenv("PYTHONPATH", str(absent.parent))
    monkeypatch.setenv("VIDSEG_CACHE_DIR", str(tmp_path / "cache"))
    wanted = r"TensorFlow .* must be installed \(No module named 'tensorflow'\): .*--model selfie"
    with pytest.raises(ModelError, match=wanted):
        ensure_converted(read_tfjs(write_bodypix(tmp_path / "model")), name="mine", parts=False)


def test_converter_that_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child killed before it can write its result is reported with its last words."""
    monkeypatch.setenv("VIDSEG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(ModelError, match="the converter ended with status 1: no message"):
        ensure_converted(read_tfjs(write_bodypix(tmp_path / "model")), name="mine", parts=False)


# The wheel that holds the selfie weights

_WHEEL_NAME = "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"


def small_wheel(members: dict[str, bytes]) -> bytes:
    """A wheel that holds only `members`."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


@pytest.fixture
def selfies(monkeypatch: pytest.MonkeyPatch) -> dict[str, Model]:
    """Both selfie models with checksums of the small stand-ins for their weights."""
    known = {
        name: replace(MODELS[name], sha256=hashlib.sha256(name.encode()).hexdigest())
        for name in ("selfie", "selfie-landscape")
    }
    monkeypatch.setattr(wheel, "MODELS", known)
    return known


def serve_index(
    bucket: BucketServer, content: bytes, *, sha256: str | None = None, name: str = _WHEEL_NAME
) -> None:
    """Make the bucket an index that lists `content` as the wheel."""
    folder = bucket.folder / "simple" / "mediapipe"
    folder.mkdir(parents=True)
    (bucket.folder / "files").mkdir()
    (bucket.folder / "files" / _WHEEL_NAME).write_bytes(content)
    links = [
        "http://127.0.0.1:9/mediapipe-0.10.21-cp312-cp312-win_amd64.whl",
        f"../../files/{name}#sha256={sha256 or hashlib.sha256(content).hexdigest()}",
    ]
    shown = "".join(f'<a href="{link}" data-requires-python="&gt;=3.9">a wheel</a>' for link in links)
    (folder / "index.html").write_text(f"<!DOCTYPE html><html><body>{shown}</body></html>")


@pytest.fixture(params=["UV_DEFAULT_INDEX", "PIP_INDEX_URL"])
def no_pip(bucket: BucketServer, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """As in an environment that uv made, with the bucket as the index that uv or pip is told of."""
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(request.param, f"{bucket.url}/simple/")
    monkeypatch.setattr(wheel, "_has_pip", lambda: False)


def wheel_with(selfies: dict[str, Model]) -> bytes:
    """A wheel with the stand-ins for both weights."""
    return small_wheel({model.source: name.encode() for name, model in selfies.items()})


@pytest.mark.usefixtures("no_pip")
def test_selfie_from_the_index(bucket: BucketServer, selfies: dict[str, Model], tmp_path: Path) -> None:
    """One wheel gives both models, and is not kept."""
    serve_index(bucket, wheel_with(selfies))
    target = tmp_path / "cache" / "selfie_segmentation.tflite"
    wheel.fetch_from_wheel(selfies["selfie"], target)
    assert target.read_bytes() == b"selfie"
    assert sorted(path.name for path in target.parent.iterdir()) == [
        "selfie_segmentation.tflite",
        "selfie_segmentation_landscape.tflite",
    ]


@pytest.mark.usefixtures("no_pip")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"content": b"no zip"}, "does not hold mediapipe/modules"),
        ({"content": small_wheel({"other": b""})}, "does not hold mediapipe/modules"),
        ({"content": small_wheel({MODELS["selfie"].source: b"x"})}, "has an unexpected checksum"),
        ({"sha256": "0" * 64}, "its checksum is not the expected one"),
        ({"name": f"{_WHEEL_NAME}/.."}, "does not list mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64"),
    ],
)
def test_wheel_that_is_not_right(
    bucket: BucketServer, selfies: dict[str, Model], tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    serve_index(bucket, **{"content": wheel_with(selfies), **change})
    target = tmp_path / "cache" / "selfie_segmentation.tflite"
    with pytest.raises(DownloadError, match=message) as caught:
        wheel.fetch_from_wheel(selfies["selfie"], target)
    assert all(word in str(caught.value) for word in ("VIDSEG_MODEL_DIR", "PIP_INDEX_URL", "--model bodypix"))
    assert not list(target.parent.iterdir())


@pytest.mark.usefixtures("no_pip")
def test_index_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9/mediapipe/: no connection"):
        wheel.fetch_from_wheel(MODELS["selfie"], tmp_path / "x.tflite")


def test_pip_is_asked_for_the_wheel(
    selfies: dict[str, Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        folder = Path(command[command.index("--dest") + 1])
        (folder / _WHEEL_NAME).write_bytes(wheel_with(selfies))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    lines: list[str] = []
    target = tmp_path / "selfie_segmentation.tflite"
    wheel.fetch_from_wheel(selfies["selfie"], target, say=lines.append)
    assert target.read_bytes() == b"selfie"
    assert commands[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "mediapipe==0.10.21"} <= set(commands[0])
    assert len(lines) == 1


def test_pip_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of pip's many lines, the one that says why is passed on."""
    errors = "WARNING: Retrying\nERROR: No matching distribution found for mediapipe==0.10.21\n"
    failed = subprocess.CompletedProcess([], 1, "", errors)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(
        DownloadError, match=r"pip can't fetch mediapipe==0\.10\.21: No matching distribution"
    ):
        wheel.fetch_from_wheel(MODELS["selfie"], tmp_path / "x.tflite")


# The command line


def run_models(*arguments: str) -> str:
    """What ``vidseg models …`` prints, standard output and error together."""
    result = CliRunner().invoke(models_command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_list_tells_what_is_here(bucket: BucketServer) -> None:
    before = run_models("list")
    assert all(name in before for name in MODELS)
    assert "fetched" in next(line for line in before.splitlines() if line.startswith(f"{NAME} "))
    locate(MODEL)
    line = next(line for line in run_models("list").splitlines() if line.startswith(f"{NAME} "))
    assert "in the cache, not converted" in line
    assert "Apache-2.0" in line


def test_list_survives_a_bad_file(bucket: BucketServer, monkeypatch: pytest.MonkeyPatch) -> None:
    (bucket.folder / MODEL.source).write_text("damaged")
    monkeypatch.setenv("VIDSEG_MODEL_DIR", str(bucket.folder))
    line = next(line for line in run_models("list").splitlines() if line.startswith(f"{NAME} "))
    assert "unusable" in line


def test_show_tells_where_from(bucket: BucketServer) -> None:
    shown = run_models("show", NAME)
    for fact in (f"{NAME} (default)", bucket.url, "Apache-2.0", "~2.4 MB", "not fetched"):
        assert fact in shown
    assert "mediapipe==0.10.21" in run_models("show", "selfie")


def test_fetch_downloads_and_converts(bucket: BucketServer, conversions: list[list[str]]) -> None:
    shown = run_models("fetch", NAME, "--parts")
    assert "in the cache, converted" in shown
    assert conversions == [["float_segments"], ["float_segments", "float_part_heatmaps"]]


def test_listing_imports_no_network_library() -> None:
    """Neither TensorFlow nor LiteRT nor the HTTP client is paid for by a list."""
    code = (
        "import sys; from vidseg.cli_models import models; models(['list'], standalone_mode=False);"
        "loaded = {name.partition('.')[0] for name in sys.modules};"
        "print(loaded & {'tensorflow', 'ai_edge_litert', 'requests', 'pooch'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
