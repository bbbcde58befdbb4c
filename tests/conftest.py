"""Fixtures that every test module shares: the test data, small models, the tests' own cache."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.helpers.bucket import BucketServer, serving
from tests.helpers.converter import ResidentConverter
from tests.helpers.folder import HINT, published_models, published_rvm, test_data_folder
from tests.helpers.sharing import alone, common_folder
from tests.helpers.tfjs import write_bodypix
from vidseg.errors import DownloadError, name_options
from vidseg.models import MODELS, locate
from vidseg.settings import DEFAULT_MODEL
from vidseg.system.cores import core_count

SMALL_MODELS = ("bodypix-050-s16", "bodypix-050-s8")
_MOST_WORKERS = 8
"""Each holds up to 2 GB once it has imported TensorFlow."""


name_options()  # messages are matched as the command line gives them; `test_wording` has both ways

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in a shell's background, where programs, and those that they start, are deaf to
    # Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    # Started by nohup.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """With ``-n auto``, run as many tests at once as this process has cores and memory for."""
    return min(core_count(), _MOST_WORKERS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is marked `weights`, by name, where there are none."""
    if published_models() is None:
        reason = f"no BodyPix weights in {test_data_folder()}: {HINT}"
        for item in items:
            if item.get_closest_marker("weights"):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of the session share."""
    return common_folder(tmp_path_factory)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real clips and weights; skips where there is none."""
    folder = test_data_folder()
    if not (folder / "media").is_dir():
        pytest.skip(f"no test data at {folder}: {HINT}")
    return folder


@pytest.fixture(scope="session")
def media_file(test_data: Path) -> Callable[[str], Path]:
    """Return a function: name of a real clip or picture → its path; skips where it is absent."""

    def find(name: str) -> Path:
        path = test_data / "media" / name
        if not path.is_file():
            pytest.skip(f"{name} is not in {path.parent}: {HINT}")
        return path

    return find


@pytest.fixture(scope="session")
def small_models(common: Path) -> Path:
    """A folder like the bucket: small networks, under BodyPix's names, that find bright green."""
    folder = common / "models"
    with alone(common, "models"):
        for name in SMALL_MODELS:
            path = folder / MODELS[name].published.path
            if not path.is_file():
                write_bodypix(
                    path.parent, stride=int(name.rpartition("-s")[2]), group=name, shards=2
                )
    return folder


@pytest.fixture(scope="session")
def model_dir(small_models: Path) -> Path:
    """The folder of published weights, or of the small networks that stand in for them."""
    return published_models() or small_models


@pytest.fixture(scope="session", autouse=True)
def _isolation(common: Path, model_dir: Path) -> Iterator[None]:
    """Keep the user's cache out of the tests; converted models are shared by the whole session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIDSEG_CACHE_DIR", str(common / "cache"))
        patch.setenv("VIDSEG_MODEL_DIR", str(model_dir))
        patch.delenv("VIDSEG_MODEL_URL", raising=False)
        patch.delenv(
            "PYTHONUNBUFFERED", raising=False
        )  # programs of the tests run as those of users do
        _fetch_selfie(common)
        yield


def _fetch_selfie(common: Path) -> None:
    """Have the selfie weights in the cache, or why not in a file: BodyPix runs with or without."""
    trouble = common / "no-selfie"
    with alone(common, "selfie"):
        if not trouble.exists():
            try:
                locate(MODELS["selfie"])
            except DownloadError as error:
                trouble.write_text(str(error))


@pytest.fixture(scope="session")
def _resident_converter() -> Iterator[ResidentConverter]:
    """The converter's process, started where it is first needed."""
    with closing(ResidentConverter()) as converter:
        yield converter


@pytest.fixture(scope="module")
def quick_conversions(_resident_converter: ResidentConverter) -> Iterator[None]:
    """Have one process convert the models of a module's tests; `test_transit` has one for each."""
    with _resident_converter.in_use():
        yield


@pytest.fixture
def quick_conversion(_resident_converter: ResidentConverter) -> Iterator[None]:
    """Have that process convert the models of one test."""
    with _resident_converter.in_use():
        yield


@pytest.fixture(scope="session")
def rvm_weights() -> Path:
    """The json of the published RobustVideoMatting; skips where it isn't in the test data."""
    path = published_rvm()
    if not path.is_file():
        pytest.skip(f"no RobustVideoMatting weights in {path.parent}: {HINT}")
    return path


@pytest.fixture(scope="session")
def selfie_weights(common: Path) -> None:
    """The selfie weights in the cache; skips where they can't be fetched."""
    trouble = common / "no-selfie"
    if trouble.exists():
        why = trouble.read_text()
        pytest.skip(f"no selfie weights, which need PyPI or a mirror (PIP_INDEX_URL): {why}")


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BucketServer]:
    """A bucket with a small model under the default model's path, and an empty cache."""
    write_bodypix(tmp_path / "bucket" / Path(MODELS[DEFAULT_MODEL].published.path).parent, shards=2)
    monkeypatch.setenv("VIDSEG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("VIDSEG_MODEL_DIR", raising=False)
    with serving(tmp_path / "bucket") as server:
        monkeypatch.setenv("VIDSEG_MODEL_URL", server.url)
        yield server
