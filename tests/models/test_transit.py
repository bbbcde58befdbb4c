"""Models that arrive damaged: fetched once more, and not kept unless they can be used."""

import base64
import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.bucket import BucketServer, flipped
from tests.helpers.converter import fake_converter
from tests.helpers.tfjs import write_bodypix
from vidseg.errors import DownloadError
from vidseg.models import (
    MODELS,
    converter,
    ensure_converted,
    find,
    is_converted,
    locate,
    read_tfjs,
    ready,
)
from vidseg.models.bodypix import RECIPE
from vidseg.models.converted import ConversionError
from vidseg.models.model import Recipe
from vidseg.networks import bodypix
from vidseg.settings import ModelSettings
from vidseg.system import checksums

MODEL = MODELS["bodypix-050-s16"]
JSON = Path(MODEL.published.path).name
SHARD = "group1-shard2of2.bin"
OUTPUT = 'float_segments", "op"'


def position(bucket: BucketServer, text: str) -> int:
    """Return where a text first stands in the json that the bucket serves."""
    return (bucket.folder / MODEL.published.path).read_bytes().index(text.encode())


def served(bucket: BucketServer, name: str) -> bytes:
    """Return a file that the bucket serves for the model."""
    return (bucket.folder / MODEL.published.path).with_name(name).read_bytes()


def asked(bucket: BucketServer, name: str) -> int:
    """Return how often a file was asked for."""
    return [path.rpartition("/")[2] for path in bucket.requests].count(name)


@pytest.fixture
def converter_of_whole_files(bucket: BucketServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quick converter, which refuses a json that is not the one that is meant."""
    convert, meant = fake_converter([]), (bucket.folder / MODEL.published.path).read_bytes()

    def converted(recipe: Recipe, source: Path, folder: Path, outputs: list[str]) -> dict[str, Any]:
        if source.read_bytes() != meant:
            raise ConversionError(f"{source}: can't be converted (for a test)")
        return convert(recipe, source, folder, outputs)

    monkeypatch.setattr(converter, "_run_converter", converted)


@pytest.mark.tensorflow
def test_a_json_that_cannot_be_converted_is_fetched_once_more(bucket: BucketServer) -> None:
    """One bit, flipped on the way, was cached for good, and every run failed without a hint."""
    bucket.faults[JSON] = flipped(position(bucket, OUTPUT))
    said: list[str] = []
    opened = bodypix.open_model(MODEL, ModelSettings(device="cpu"), said.append)
    assert opened.segment(np.zeros((1, 65, 97, 3), np.uint8)).person.shape == (1, 5, 7)
    assert asked(bucket, JSON) == 2
    assert any("can't be converted" in line and "damaged on the way" in line for line in said)
    assert (
        read_tfjs(locate(MODEL)).sha256()
        == read_tfjs(bucket.folder / MODEL.published.path).sha256()
    )


@pytest.mark.usefixtures("converter_of_whole_files")
def test_a_json_that_stays_so_is_told_with_ways_out(bucket: BucketServer) -> None:
    """And the next run asks for it again: it may have been mended meanwhile."""
    bucket.faults[JSON] = flipped(position(bucket, OUTPUT), times=9)
    with pytest.raises(
        ConversionError, match=r"converted .*it came just so twice from http"
    ) as error:
        ready(MODEL, RECIPE, parts=False)
    assert all(word in str(error.value) for word in ("VIDSEG_MODEL_URL", "such as selfie"))
    assert "\n" not in str(error.value)
    bucket.faults.clear()
    assert ready(MODEL, RECIPE, parts=False).stride == 16


@pytest.mark.usefixtures("converter_of_whole_files")
def test_a_folder_of_the_users_is_left_alone(
    bucket: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be converted there is not replaced by a download that nobody asked for."""
    path = bucket.folder / MODEL.published.path
    path.write_bytes(path.read_bytes().replace(b"Conv2D", b"Conw2D"))
    monkeypatch.setenv("VIDSEG_MODEL_DIR", str(bucket.folder))
    with pytest.raises(ConversionError, match=r"converted .*: replace the file, or take another"):
        ready(MODEL, RECIPE, parts=False)
    assert bucket.requests == []


def test_a_json_that_names_other_weights_is_not_kept(bucket: BucketServer) -> None:
    """It stayed in the cache, and its weights were missed under a wrong name, run after run."""
    at = position(bucket, SHARD) + 3
    bucket.faults[JSON] = flipped(at)
    assert (
        read_tfjs(locate(MODEL)).sha256()
        == read_tfjs(bucket.folder / MODEL.published.path).sha256()
    )
    shutil.rmtree(locate(MODEL).parent)
    bucket.faults[JSON] = flipped(at, times=9)
    with pytest.raises(DownloadError, match="the server answered 404"):
        locate(MODEL)
    assert find(MODEL) is None
    bucket.faults.clear()
    assert locate(MODEL).is_file()


def test_a_json_that_gives_other_sizes_is_not_kept(bucket: BucketServer) -> None:
    """The sizes didn't add up: the weights were fetched anew each time, and the json never."""
    at = position(bucket, '"shape": [3, 3') + len('"shape": [')
    bucket.faults[JSON] = flipped(at)
    assert (
        read_tfjs(locate(MODEL)).sha256()
        == read_tfjs(bucket.folder / MODEL.published.path).sha256()
    )


@pytest.mark.parametrize("name", ["x-goog-hash", "Content-MD5"])
@pytest.mark.parametrize("times", [1, 9])
def test_weights_are_what_the_server_declares(bucket: BucketServer, name: str, times: int) -> None:
    """Other bytes of the right size gave a network that finds something else, for good."""
    data = served(bucket, SHARD)
    digest = base64.b64encode(hashlib.md5(data).digest()).decode()
    bucket.headers[name] = f"crc32c=AAAAAA==, md5={digest}" if name.startswith("x") else digest
    bucket.faults[SHARD] = flipped(100, times=times)
    if times == 1:
        assert read_tfjs(locate(MODEL)).shards[1].read_bytes() == data
    else:
        with pytest.raises(DownloadError, match=r"arrived damaged twice: .*VIDSEG_MODEL_URL"):
            locate(MODEL)
        assert find(MODEL) is None
    assert asked(bucket, SHARD) == 2


@pytest.mark.parametrize(
    ("headers", "declared"),
    [
        ({}, False),
        ({"content-md5": "no base64!"}, False),
        ({"content-md5": "AAAA"}, False),
        ({"content-md5": "CY9rzUYh03PK3k6DJie09g==", "content-encoding": "gzip"}, False),
        ({"x-goog-hash": "crc32c=AAAAAA=="}, False),
        (
            {
                "x-goog-hash": "md5=CY9rzUYh03PK3k6DJie09g==",
                "x-goog-stored-content-encoding": "gzip",
            },
            False,
        ),
        (
            {
                "x-goog-hash": "md5=CY9rzUYh03PK3k6DJie09g==",
                "x-goog-stored-content-encoding": "identity",
            },
            True,
        ),
    ],
)
def test_what_a_server_declares(headers: dict[str, str], declared: bool) -> None:
    """Sums of packed bytes say nothing of what was unpacked on arrival."""
    found = checksums.declared_md5(headers)
    assert (found == hashlib.md5(b"test").digest()) == declared
    assert declared or found is None


@pytest.mark.tensorflow
@pytest.mark.usefixtures("quick_conversion")
def test_weights_that_are_none_are_not_converted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other bytes of the right size, no server's checksum: numbers that no training gives."""
    monkeypatch.setenv("VIDSEG_CACHE_DIR", str(tmp_path / "cache"))
    source = read_tfjs(write_bodypix(tmp_path / "model"))
    size = source.shards[0].stat().st_size
    source.shards[0].write_bytes(np.random.default_rng(1).bytes(size))
    with pytest.raises(ConversionError, match=r"weights of \S+ are no numbers, or beyond 1e\+08"):
        ensure_converted(source, name="mine", parts=False)
    assert not is_converted(source)


def test_what_a_killed_conversion_left_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each left some megabytes that nobody looked for again."""
    monkeypatch.setenv("VIDSEG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(converter, "_run_converter", fake_converter([]))
    source = read_tfjs(write_bodypix(tmp_path / "model"))
    folder = ensure_converted(source, name="mine", parts=False).tflite.parent
    (folder / "result.json").unlink()
    left = folder.with_name(f".converting-{folder.name}-abc")
    other = folder.with_name(".converting-another-abc")
    for path in (left, other):
        (path / "model").mkdir(parents=True)
    ensure_converted(source, name="mine", parts=False)
    assert not left.exists()
    assert other.exists(), "of another model, which may be being converted"
