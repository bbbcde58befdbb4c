"""What workers in other processes open in place of a network: they import it from here by name."""

import os
import signal
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidseg.segmenters.base import Scores
from vidseg.segmenters.fake import FakeSegmenter
from vidseg.settings import SegmentSettings


def open_fake(_: SegmentSettings) -> FakeSegmenter:
    """Open the fake network."""
    return FakeSegmenter()


class Slow(FakeSegmenter):
    """Takes its time."""

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        """Score a batch, after a while."""
        time.sleep(float(os.environ.get("VIDSEG_TEST_PAUSE", "0.05")))
        return super().segment(batch)


def open_slow(_: SegmentSettings) -> FakeSegmenter:
    """Open the slow network."""
    return Slow()


def open_never(_: SegmentSettings) -> FakeSegmenter:
    """Die on the way."""
    os._exit(7)


class Deadly(FakeSegmenter):
    """Kills its process in the middle of a clip: once where the file `once` isn't there yet, else always."""

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        """Score a batch, or die: for pictures whose lower right corner is black."""
        mark = os.environ.get("VIDSEG_TEST_ONCE")
        if batch[0, -4:, -4:].max() < 40 and not (mark and Path(mark).exists()):
            if mark:
                Path(mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().segment(batch)


def open_deadly(_: SegmentSettings) -> FakeSegmenter:
    """Open the deadly network."""
    return Deadly()


def open_telling(settings: SegmentSettings) -> FakeSegmenter:
    """Open the fake network, and leave what this process sees of the machine in a folder."""
    seen = f"{settings.device} {os.environ.get('CUDA_VISIBLE_DEVICES', 'all')}"
    (Path(os.environ["VIDSEG_TEST_PIDS"]) / str(os.getpid())).write_text(seen)
    return open_slow(settings)


def open_known(settings: SegmentSettings) -> FakeSegmenter:
    """Open the slow network, and leave the process's number in a folder."""
    folder = os.environ.get("VIDSEG_TEST_PIDS")
    if folder:
        (Path(folder) / str(os.getpid())).touch()
    return open_slow(settings)
