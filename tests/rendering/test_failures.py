"""Whatever breaks while running, nothing half-written stays, threads end, the message is right."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.clips import Audio, write_clip
from tests.helpers.renders import rendered
from vidseg.compositing import background, painters
from vidseg.errors import OutputError
from vidseg.matting import mask_source
from vidseg.matting.tracking.tracker import Tracker
from vidseg.media import encode
from vidseg.media.mux import Output
from vidseg.networks.fake import FakeSegmenter
from vidseg.rendering import chain
from vidseg.settings import EncodeSettings
from vidseg.system import cores


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A clip with sound, in a folder of its own."""
    return write_clip(tmp_path / "in.mp4", frames=40, audio=[Audio()])


def _fail(*_: Any, **__: Any) -> Any:
    raise RuntimeError("injected")


def _fail_later(function: Any, after: int = 3) -> Any:
    calls = iter(range(10**6))

    def failing(*args: Any, **kwargs: Any) -> Any:
        if next(calls) >= after:
            raise RuntimeError("injected")
        return function(*args, **kwargs)

    return failing


def _failing_stream(function: Any, after: int = 3) -> Any:
    def failing(*args: Any, **kwargs: Any) -> Iterator[Any]:
        for number, item in enumerate(function(*args, **kwargs)):
            if number >= after:
                raise RuntimeError("injected")
            yield item

    return failing


STAGES: list[tuple[Any, str, Any]] = [
    (chain, "frames_of", _failing_stream),
    (Tracker, "follow", _failing_stream),
    (mask_source, "smooth_masks", _failing_stream),
    (mask_source, "refine", _fail_later),
    (painters, "composite", _fail_later),
    (background.Still, "behind", _fail_later),
    (encode.Encoder, "encode", _fail_later),
    (encode.Encoder, "flush", lambda _: _fail),
    (Output, "start", lambda _: _fail),
    (Output, "write", _fail_later),
    (Output, "_advance", _fail_later),
    (FakeSegmenter, "segment", _fail_later),
]


_THREADS = ("decode", "tracking", "smoothing", "segmentation", "painting", "background")


@pytest.mark.parametrize("count", [2, 16])
@pytest.mark.parametrize(
    ("owner", "name", "breaker"), STAGES, ids=[f"{o.__name__}.{n}" for o, n, _ in STAGES]
)
def test_a_failure_in_any_stage_leaves_nothing(
    source: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, breaker: Any, count: int
) -> None:
    """Nor on many cores, where several threads are in the same stage."""
    monkeypatch.setattr(cores, "core_count", lambda: count)
    monkeypatch.setattr(owner, name, breaker(getattr(owner, name)))
    with pytest.raises(RuntimeError, match="injected"):
        rendered(source, source.parent / "out.mp4")
    assert [p.name for p in source.parent.iterdir()] == ["in.mp4"]
    assert [t.name for t in threading.enumerate() if t.name.startswith(_THREADS)] == []


def test_an_output_that_was_there_survives_a_failure(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = source.parent / "out.mp4"
    target.write_text("precious")
    monkeypatch.setattr(painters, "composite", _fail_later(painters.composite))
    with pytest.raises(RuntimeError, match="injected"):
        rendered(source, target, overwrite=True)
    assert target.read_text() == "precious"


def _waiting_command(source: Path) -> list[str]:
    """A render whose network says that it works, and goes on when its standard input is closed."""
    target = str(source.parent / "out.mp4")
    script = (
        "import sys\n"
        "from vidseg.cli import main as cli\nfrom vidseg.rendering import chain\n"
        "from vidseg.networks.fake import FakeSegmenter\n"
        "class Waiting(FakeSegmenter):\n"
        "    def segment(self, batch):\n"
        "        print('working', flush=True)\n"
        "        sys.stdin.readline()\n"
        "        return super().segment(batch)\n"
        "chain.open_segmenter = lambda *a, **k: Waiting(batch_size=1)\n"
        f"sys.argv = ['vidseg', 'render', {str(source)!r}, '-b', 'red', '-o', {target!r}]\n"
        "cli.main()\n"
    )
    return [sys.executable, "-c", script]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interruption_leaves_nothing_and_says_so(source: Path, name: str) -> None:
    """SIGHUP, of a closed terminal, ended the process where it stood and left a hidden file."""
    running = subprocess.Popen(
        _waiting_command(source),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    running.stdout.readline()
    running.send_signal(getattr(signal, name))
    _, said = running.communicate(timeout=120)
    assert running.returncode == 130
    assert said.splitlines()[-1] == "vidseg: interrupted; nothing was written"
    assert "Traceback" not in said
    assert [p.name for p in source.parent.iterdir()] == ["in.mp4"]


def test_a_full_disk_is_told_in_a_line_and_leaves_nothing(tmp_path: Path) -> None:
    """A small file system of its own; skipped where mounting one isn't allowed."""
    source = write_clip(tmp_path / "in.mp4", width=640, height=360, frames=60, audio=[Audio()])
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mount.returncode != 0:
        pytest.skip("mounting a small file system needs root")
    try:
        with pytest.raises(OutputError, match="No space left on device"):
            rendered(source, disk / "out.mp4")
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_folder_that_cannot_be_written_is_told(source: Path) -> None:
    with pytest.raises(OutputError, match="doesn't exist; create it first"):
        rendered(source, source.parent / "nowhere" / "out.mp4")
    for name in ("out.mp4", "%d.png"):  # that its own folder didn't exist was said of sequences
        with pytest.raises(OutputError, match=f"{source} is no folder; name another"):
            rendered(source, source / name, encode=EncodeSettings())
    if os.geteuid() != 0:
        source.parent.chmod(0o500)
        with pytest.raises(OutputError, match="can't be written to"):
            rendered(source, source.parent / "out.mp4")
        source.parent.chmod(0o700)
