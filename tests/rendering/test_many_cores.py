"""Renders on many cores: several frames are painted at once, and nothing else is different."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.clips import frame_times, read_planes, write_clip
from tests.helpers.renders import rendered
from vidseg.frames.frame import Frame
from vidseg.matting.alpha import Alpha
from vidseg.matting.mask import Mask
from vidseg.matting.mask_source import TrackedSource
from vidseg.settings import EncodeSettings, MatteSettings
from vidseg.system import cores

LOSSLESS = EncodeSettings(codec="ffv1")
SHORT, LONG = 5, 40


def on_cores(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let renders find so many cores."""
    monkeypatch.setattr(cores, "core_count", lambda: count)


def backdrop(folder: Path) -> str:
    """Return a video background whose pictures last longer, and shorter, than the clip's frames."""
    pts = [0, 10, 70, 75, 76, 190, 400]
    return str(write_clip(folder / "behind.mkv", codec="ffv1", pts=pts, rate=90))


CASES: dict[str, dict[str, Any]] = {
    "colour": {},
    "video": {"background": "video"},
    "blur": {"background": "blur"},
    "cut-out": {"background": "transparent"},
    "premultiplied": {"background": "transparent", "premultiplied": True},
    "pair": {"background": "transparent", "pair": True},
    "matte": {"kind": "matte"},
    "report": {"report": True},
}


@pytest.mark.parametrize("case", CASES)
def test_the_same_pictures_come_of_any_number_of_cores(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", frames=LONG, width=320, height=180)
    changes = {"matte": MatteSettings(), "encode": LOSSLESS, **CASES[case]}
    if changes.get("background") == "video":
        changes["background"] = backdrop(tmp_path)
    written = {}
    for count in (2, 6, 16):
        on_cores(count, monkeypatch)
        folder = tmp_path / str(count)
        folder.mkdir()
        if "report" in changes:
            changes["report"] = folder / "report.json"
        report = rendered(source, folder / "out.mkv", **changes)
        assert report.frames_out == LONG
        written[count] = sorted(folder.glob("*.mkv"))
    for count in (6, 16):
        for before, after in zip(written[2], written[count], strict=True):
            assert frame_times(after) == frame_times(before)
            pictures = zip(read_planes(before), read_planes(after), strict=True)
            for one, other in pictures:
                for plane, same in zip(one.planes, other.planes, strict=True):
                    assert np.array_equal(plane, same)


def test_two_frames_are_painted_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for another: the chain stopped at what one thread could paint."""
    meeting = threading.Barrier(2)
    refine = TrackedSource.refine

    def slow(self: TrackedSource, frame: Frame, mask: Mask) -> Alpha:
        meeting.wait(60)
        return refine(self, frame, mask)

    monkeypatch.setattr(TrackedSource, "refine", slow)
    on_cores(6, monkeypatch)
    source = write_clip(tmp_path / "in.mp4", frames=2 * SHORT)
    assert rendered(source, tmp_path / "out.mp4").frames_out == 2 * SHORT


def test_two_cores_have_one_painter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one would compete with the encoder alone."""
    counts = {}
    for count in (1, 2, 4, 8, 16, 128):
        on_cores(count, monkeypatch)
        counts[count] = cores.workers(3, 6)
    assert counts == {1: 1, 2: 1, 4: 1, 8: 2, 16: 5, 128: 6}
