"""Fixtures that every test module shares: the test-data folder, and a cache of its own."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bucket import BucketServer, serving
from tests.tfjs import write_bodypix
from vidseg.errors import name_options
from vidseg.models import MODELS
from vidseg.settings import DEFAULT_MODEL

PROJECT = Path(__file__).resolve().parent.parent


def _test_data() -> Path:
    return Path(os.environ.get("VIDSEG_TEST_DATA", PROJECT.parent / "shared")).resolve()


name_options()  # messages are matched as the command line gives them; `test_wording` has both ways

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in a shell's background, where programs, and those that they start, are deaf to Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is marked `weights`, by name, where there are none."""
    folder = _test_data() / "models" / "bodypix"
    if not folder.is_dir():
        skip = pytest.mark.skip(reason=f"no BodyPix weights at {folder} (set VIDSEG_TEST_DATA)")
        for item in items:
            if item.get_closest_marker("weights"):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real clips and weights; skips where there is none."""
    folder = _test_data()
    if not (folder / "media").is_dir():
        pytest.skip(f"no test data at {folder} (set VIDSEG_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def media_file(test_data: Path) -> Callable[[str], Path]:
    """Return a function: name of a real clip or picture → its path; skips where it is absent."""

    def find(name: str) -> Path:
        path = test_data / "media" / name
        if not path.is_file():
            pytest.skip(f"{name} is not in {path.parent}")
        return path

    return find


@pytest.fixture(scope="session")
def model_dir() -> Path:
    """The folder of real weights; skips where there is none."""
    folder = _test_data() / "models"
    if not folder.is_dir():
        pytest.skip(f"no weights at {folder} (set VIDSEG_TEST_DATA)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _isolation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's cache out of the tests; converted models are shared by the whole session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIDSEG_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("VIDSEG_MODEL_URL", raising=False)
        folder = _test_data() / "models"
        if folder.is_dir():
            patch.setenv("VIDSEG_MODEL_DIR", str(folder))
        else:
            patch.delenv("VIDSEG_MODEL_DIR", raising=False)
        yield


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BucketServer]:
    """A bucket with a small model under the default model's path, and an empty cache."""
    write_bodypix(tmp_path / "bucket" / Path(MODELS[DEFAULT_MODEL].source).parent, shards=2)
    monkeypatch.setenv("VIDSEG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("VIDSEG_MODEL_DIR", raising=False)
    with serving(tmp_path / "bucket") as server:
        monkeypatch.setenv("VIDSEG_MODEL_URL", server.url)
        yield server
