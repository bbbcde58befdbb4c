"""The wheel that holds the selfie weights: by pip, or from an index without it."""

import hashlib
import io
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.bucket import Bucket, BucketServer
from vidseg.errors import DownloadError
from vidseg.models import wheel_fetch
from vidseg.models.selfie import WHEEL
from vidseg.models.wheel import Wheel

_WHEEL_NAME = "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"


def small_wheel(members: dict[str, bytes]) -> bytes:
    """A wheel that holds only `members`."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


_SQUARE, _LANDSCAPE = WHEEL.sha256
_CONTENTS = {_SQUARE: b"selfie", _LANDSCAPE: b"selfie-landscape"}

SMALL = replace(
    WHEEL, sha256={path: hashlib.sha256(data).hexdigest() for path, data in _CONTENTS.items()}
)
"""The wheel with the checksums of small stand-ins for its weights."""


def fetch(target: Path, wheel: Wheel = SMALL, **more: Any) -> None:
    """Fetch the wheel for a model called selfie."""
    wheel_fetch.fetch(wheel, target, name="selfie", **more)


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
    shown = "".join(
        f'<a href="{link}" data-requires-python="&gt;=3.9">a wheel</a>' for link in links
    )
    (folder / "index.html").write_text(f"<!DOCTYPE html><html><body>{shown}</body></html>")


@pytest.fixture(params=["UV_DEFAULT_INDEX", "PIP_INDEX_URL"])
def no_pip(
    bucket: BucketServer, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """As in an environment that uv made, with the bucket as the index that uv or pip is told of."""
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(request.param, f"{bucket.url}/simple/")
    monkeypatch.setattr(wheel_fetch, "_has_pip", lambda: False)


@pytest.mark.usefixtures("no_pip")
def test_selfie_from_the_index(bucket: BucketServer, tmp_path: Path) -> None:
    """One wheel gives both models, and is not kept."""
    serve_index(bucket, small_wheel(_CONTENTS))
    target = tmp_path / "cache" / "selfie_segmentation.tflite"
    fetch(target)
    assert target.read_bytes() == b"selfie"
    assert sorted(path.name for path in target.parent.iterdir()) == [
        "selfie_segmentation.tflite",
        "selfie_segmentation_landscape.tflite",
    ]


@pytest.mark.usefixtures("no_pip")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"content": b"no zip"}, r"is damaged, or no wheel \(.*\), though it was fetched twice"),
        ({"content": small_wheel({"other": b""})}, "does not hold mediapipe/modules"),
        ({"content": small_wheel({_SQUARE: b"x"})}, "has an unexpected checksum"),
        ({"sha256": "0" * 64}, "its checksum is not the expected one"),
        (
            {"name": f"{_WHEEL_NAME}/.."},
            "does not list mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64",
        ),
    ],
)
def test_wheel_that_is_not_right(
    bucket: BucketServer,
    tmp_path: Path,
    change: dict[str, Any],
    message: str,
) -> None:
    serve_index(bucket, **{"content": small_wheel(_CONTENTS), **change})
    target = tmp_path / "cache" / "selfie_segmentation.tflite"
    with pytest.raises(DownloadError, match=message) as caught:
        fetch(target)
    assert all(
        word in str(caught.value)
        for word in ("VIDSEG_MODEL_DIR", "PIP_INDEX_URL", "such as bodypix")
    )
    assert not list(target.parent.iterdir())


@pytest.mark.usefixtures("no_pip")
@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_wheel_that_comes_damaged_is_fetched_once_more(
    bucket: BucketServer, tmp_path: Path, damage: str
) -> None:
    """An index may lack checksums; a damaged archive was "not the right wheel", or a traceback."""
    whole = small_wheel(_CONTENTS)
    serve_index(bucket, whole)
    listing = bucket.folder / "simple" / "mediapipe" / "index.html"
    listing.write_text(re.sub("#sha256=[0-9a-f]*", "", listing.read_text()))
    answers = iter(
        [whole[:-40] if damage == "cut" else whole.replace(b"selfie", b"selfje", 1), whole]
    )

    def answer(handler: Bucket) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(next(answers))

    bucket.faults[_WHEEL_NAME] = answer
    target = tmp_path / "cache" / "selfie_segmentation.tflite"
    fetch(target)
    assert target.read_bytes() == b"selfie"
    assert not list(target.parent.glob(".fetching-*"))


@pytest.mark.usefixtures("no_pip")
def test_index_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9/mediapipe/: no connection"):
        fetch(tmp_path / "x.tflite", WHEEL)


def test_pip_is_asked_for_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        folder = Path(command[command.index("--dest") + 1])
        (folder / _WHEEL_NAME).write_bytes(small_wheel(_CONTENTS))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(wheel_fetch, "_has_pip", lambda: True)
    monkeypatch.setattr(subprocess, "run", run)
    lines: list[str] = []
    target = tmp_path / "selfie_segmentation.tflite"
    fetch(target, say=lines.append)
    assert target.read_bytes() == b"selfie"
    assert commands[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "mediapipe==0.10.21"} <= set(commands[0])
    assert len(lines) == 1


def test_pip_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of pip's many lines, the one that says why is passed on."""
    errors = "WARNING: Retrying\nERROR: No matching distribution found for mediapipe==0.10.21\n"
    failed = subprocess.CompletedProcess([], 1, "", errors)
    monkeypatch.setattr(wheel_fetch, "_has_pip", lambda: True)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(
        DownloadError, match=r"pip can't fetch mediapipe==0\.10\.21: No matching distribution"
    ):
        fetch(tmp_path / "x.tflite", WHEEL)
