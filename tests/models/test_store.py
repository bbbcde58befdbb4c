"""Models: names, folders, downloads that go wrong, the cache, and the command line's view."""

import errno
import hashlib
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner
from tf_bodypix.download import BodyPixModelPaths

from tests.helpers.bucket import Bucket, BucketServer, short, truncated, web_page
from tests.helpers.clips import write_clip
from vidseg.cli.models import models as models_command
from vidseg.errors import DownloadError, InputError, ModelError
from vidseg.models import MODELS, bodypix, find, locate, model_named, read_tfjs
from vidseg.models.catalogue import runs_on_gpu
from vidseg.rendering.pipeline import render
from vidseg.settings import ModelSettings, RenderSettings
from vidseg.system import download

NAME = "bodypix-050-s16"
MODEL = MODELS[NAME]


def cached_shard(number: int = 1) -> Path:
    """Path of a weight file in the cache."""
    return read_tfjs(locate(MODEL)).shards[number - 1]


# Names


def test_every_variant_of_tf_bodypix_has_a_name() -> None:
    """All addresses of tf-bodypix's enumeration are offered, and their quantised siblings."""
    expected = {f"bodypix-{size}-s{stride}" for size in ("050", "075", "100") for stride in (8, 16)}
    expected |= {"bodypix-resnet50-s16", "bodypix-resnet50-s32"}
    expected |= {f"{name}-q{count}" for name in expected for count in (1, 2)}
    assert set(MODELS) == expected | {"selfie", "selfie-landscape", "rvm"}
    assert (
        MODELS["bodypix-075-s8"].published.path == "bodypix/mobilenet/float/075/model-stride8.json"
    )
    assert (
        MODELS["bodypix-resnet50-s32-q2"].published.path
        == "bodypix/resnet50/quant2/model-stride32.json"
    )


def test_addresses_are_those_of_tf_bodypix(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models are fetched from where tf-bodypix has them, all of its addresses among them."""
    monkeypatch.delenv("VIDSEG_MODEL_URL", raising=False)
    theirs = {value for name, value in vars(BodyPixModelPaths).items() if name.isupper()}
    ours = {each.published.address() for each in MODELS.values() if each.family is bodypix.FAMILY}
    assert theirs <= ours
    assert all(address.startswith(f"{bodypix.bucket_url()}/bodypix/") for address in ours)


def test_address_costs_no_tensorflow() -> None:
    """tf-bodypix is imported for it, and not what it runs its networks on."""
    code = (
        "import sys; from vidseg.models.bodypix import bucket_url; print(bucket_url());"
        "print({'tensorflow', 'tfjs_graph_converter', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "https://storage.googleapis.com/tfjs-models/savedmodel",
        "set()",
    ]


def test_unknown_name_suggests_near_ones() -> None:
    with pytest.raises(
        ModelError, match=r"unknown model 'bodypix-050-s15': did you mean bodypix-050-s16"
    ):
        model_named("bodypix-050-s15")


@pytest.mark.parametrize(
    ("model", "runs"),
    [
        (NAME, True),
        ("selfie-landscape", False),
        ("selfie_saved_model", True),
        ("models/model.json", True),
        ("models/mine.tflite", False),
    ],
)
def test_what_runs_on_a_gpu(model: str, runs: bool) -> None:
    """A folder whose name begins like a selfie model's was kept off the cluster's GPUs."""
    assert runs_on_gpu(model) == runs


# The user's folder


def test_folder_comes_first_and_needs_no_network(
    bucket: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDSEG_MODEL_DIR", str(bucket.folder))
    assert locate(MODEL) == bucket.folder / MODEL.published.path
    assert find(MODEL) == ("folder", bucket.folder / MODEL.published.path)
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


@pytest.mark.parametrize("place", ["selfie_segmentation.tflite", MODELS["selfie"].published.path])
def test_selfie_in_the_folder(place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The file may lie at the root or where mediapipe has it; another content is refused."""
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"weights")
    monkeypatch.setenv("VIDSEG_MODEL_DIR", str(tmp_path))
    with pytest.raises(ModelError, match="not the file that selfie stands for"):
        find(MODELS["selfie"])
    published = MODELS["selfie"].published
    sums = {published.path: hashlib.sha256(b"weights").hexdigest()}
    known = replace(published, wheel=replace(published.wheel, sha256=sums))
    assert find(replace(MODELS["selfie"], published=known)) == ("folder", path)


# Downloads


def test_download_is_kept_and_not_repeated(bucket: BucketServer) -> None:
    lines: list[str] = []
    path = locate(MODEL, say=lines.append)
    assert len(lines) == 1
    assert bucket.url in lines[0]
    assert read_tfjs(path).sha256() == read_tfjs(bucket.folder / MODEL.published.path).sha256()
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
    """With a bar the file arrives as well: without a total, pooch fails or shows none."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    locate(MODEL, say=lambda line: None)
    assert find(MODEL) is not None
    shown = capsys.readouterr().err
    assert "group1-shard1of2.bin: 100%" in shown


def test_changed_upstream_is_not_taken_for_the_same(bucket: BucketServer) -> None:
    """A damaged file is not replaced by something else than was first fetched."""
    shard = cached_shard()
    shard.write_bytes(b"damaged")
    served = bucket.folder / Path(MODEL.published.path).parent / shard.name
    served.write_bytes(served.read_bytes()[::-1])
    with pytest.raises(DownloadError, match="it has changed since it was first fetched: delete"):
        locate(MODEL)


def three_ways_out(error: DownloadError, url: str) -> bool:
    """Whether the message is one line that names the address and what the user can do."""
    text = str(error)
    words = ("VIDSEG_MODEL_URL", "VIDSEG_MODEL_DIR", "such as selfie", url)
    return "\n" not in text and all(word in text for word in words)


@pytest.mark.parametrize(
    ("fault", "file", "message"),
    [
        (
            lambda handler: handler.send_error(404),
            "model-stride16.json",
            "the server answered 404 Not Found",
        ),
        (
            lambda handler: handler.send_error(503),
            "group1-shard1of2.bin",
            "the server answered 503",
        ),
        (truncated, "model-stride16.json", "the connection broke before the file was whole"),
        (truncated, "group1-shard2of2.bin", "the connection broke before the file was whole"),
        (web_page, "model-stride16.json", "what came is not usable: not json"),
        (short, "group1-shard2of2.bin", "are damaged or belong to another model"),
    ],
)
def test_failed_download(
    bucket: BucketServer, fault: Callable[[Bucket], None], file: str, message: str
) -> None:
    """Each failure is one line with address, reason and ways out; the next run starts cleanly."""
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


def test_checksums_that_are_known_beforehand(bucket: BucketServer, tmp_path: Path) -> None:
    """A graph at a fixed address is taken with these files only, from the network and a folder."""
    shard = cached_shard(2)
    sums = {shard.name: hashlib.sha256(shard.read_bytes()).hexdigest()}
    fixed = replace(MODEL.published, sha256=sums, way_out="do without")
    path = tmp_path / "fixed" / "model.json"
    fixed.fetch(path, name="fixed", say=None)
    assert fixed.is_whole(path)

    other = replace(fixed, sha256={path.name: "0" * 64, shard.name: "0" * 64})
    assert fixed.is_meant(path)
    assert not other.is_meant(path)
    with pytest.raises(DownloadError, match=r"is not the expected one; .* on the way: do without"):
        other.fetch(tmp_path / "other" / "model.json", name="other", say=None)


def test_refused_connection(bucket: BucketServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDSEG_MODEL_URL", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"no connection \(Connection refused\)") as caught:
        locate(MODEL)
    assert three_ways_out(
        caught.value, "http://127.0.0.1:9/bodypix/mobilenet/float/050/model-stride16.json"
    )


def test_full_disk(bucket: BucketServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pooch.HTTPDownloader.__call__", no_space)
    with pytest.raises(
        DownloadError, match=r"the disk is full \(writing to .*VIDSEG_CACHE_DIR"
    ) as caught:
        locate(MODEL)
    assert three_ways_out(caught.value, bucket.url)


def test_cache_that_cannot_be_written(
    bucket: BucketServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("VIDSEG_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(
        DownloadError, match=r"Not a directory \(writing to .*VIDSEG_CACHE_DIR names another"
    ):
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


def test_weights_over_http(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: BucketServer
) -> None:
    """The folder of weights, served, is fetched byte by byte."""
    shutil.rmtree(bucket.folder)
    bucket.folder.symlink_to(model_dir, target_is_directory=True)
    assert read_tfjs(locate(MODEL)).sha256() == read_tfjs(model_dir / MODEL.published.path).sha256()


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
    (bucket.folder / MODEL.published.path).write_text("damaged")
    monkeypatch.setenv("VIDSEG_MODEL_DIR", str(bucket.folder))
    line = next(line for line in run_models("list").splitlines() if line.startswith(f"{NAME} "))
    assert "unusable" in line


def test_show_tells_where_from(bucket: BucketServer) -> None:
    shown = run_models("show", NAME)
    for fact in (f"{NAME} (default)", bucket.url, "Apache-2.0", "~2.4 MB", "not fetched"):
        assert fact in shown
    assert "mediapipe==0.10.21" in run_models("show", "selfie")


def test_listing_imports_no_network_library() -> None:
    """Neither TensorFlow nor LiteRT nor the HTTP client is paid for by a list."""
    code = (
        "import sys; from vidseg.cli.models import models; models(['list'], standalone_mode=False);"
        "loaded = {name.partition('.')[0] for name in sys.modules};"
        "print(loaded & {'tensorflow', 'ai_edge_litert', 'requests', 'pooch'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_nothing_is_fetched_for_a_render_that_can_not_be(
    bucket: BucketServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The network is opened beside source and output: what is wrong there costs no download."""
    clip = write_clip(tmp_path / "a.mp4")
    settings = RenderSettings(
        source=clip,
        output=tmp_path / "b.mp4",
        background="red",
        start=Fraction(1000),
        model=ModelSettings(name=MODEL.name, device="cpu"),
    )
    with pytest.raises(InputError, match="no frames after 1000 s"):
        render(settings)
    assert bucket.requests == []
    assert [thread for thread in threading.enumerate() if thread.name == "network"] == []

    bucket.faults[Path(MODEL.published.path).name] = web_page
    lines: list[str] = []
    with pytest.raises(DownloadError, match="not usable"):
        render(replace(settings, start=None), say=lines.append)
    assert [bucket.url in line for line in lines] == [True]
    assert len(bucket.requests) == 1
