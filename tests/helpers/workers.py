"""What workers in other processes open in place of a network: they import it from here by name."""

import os
import signal
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidseg.networks.base import Scores
from vidseg.networks.fake import FakeSegmenter
from vidseg.settings import ModelSettings


def open_fake(_: ModelSettings) -> FakeSegmenter:
    """Open the fake network."""
    return FakeSegmenter()


_PATIENCE_S = 120.0
"""How long a process waits for the other workers."""


class Slow(FakeSegmenter):
    """Takes its time."""

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        """Score a batch, after a while."""
        time.sleep(float(os.environ.get("VIDSEG_TEST_PAUSE", "0.05")))
        return super().segment(batch)


def open_slow(_: ModelSettings) -> FakeSegmenter:
    """Open the slow network."""
    return Slow()


class Tiring(FakeSegmenter):
    """Takes long for every picture once a segment is written to the folder VIDSEG_TEST_OUT."""

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        """Score a batch, after a while."""
        written = list(Path(os.environ["VIDSEG_TEST_OUT"]).glob(".*.segments/*.part"))
        time.sleep(2.0 if written else 0.02)
        return super().segment(batch)


def open_tiring(_: ModelSettings) -> FakeSegmenter:
    """Open the network that tires."""
    return Tiring()


def open_never(_: ModelSettings) -> FakeSegmenter:
    """Die on the way."""
    os._exit(7)


def open_broken(_: ModelSettings) -> FakeSegmenter:
    """Fail as no code of ours does."""
    raise RuntimeError("the driver is broken")


def open_deaf(_: ModelSettings) -> FakeSegmenter:
    """Close the pipe to whoever started the process, and stay."""
    os.closerange(3, 256)
    while True:
        signal.pause()


class Deadly(FakeSegmenter):
    """Kills its process in mid-clip: once where VIDSEG_TEST_ONCE names a file, else each time."""

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        """Score a batch, or die: for pictures whose lower right corner is black."""
        mark = os.environ.get("VIDSEG_TEST_ONCE")
        if batch[0, -4:, -4:].max() < 40 and not (mark and Path(mark).exists()):
            if mark:
                Path(mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().segment(batch)


def open_deadly(_: ModelSettings) -> FakeSegmenter:
    """Open the deadly network."""
    return Deadly()


def _arrive(said: str = "") -> None:
    """Leave this process's number in a folder, and wait for as many as there are to be."""
    folder = os.environ.get("VIDSEG_TEST_PIDS")
    if folder:
        (Path(folder) / str(os.getpid())).write_text(said)
        _wait_for(int(os.environ.get("VIDSEG_TEST_WORKERS", "1")))


def _wait_for(others: int) -> None:
    """Wait until so many processes have arrived, however long the machine takes to start them."""
    folder = Path(os.environ["VIDSEG_TEST_PIDS"])
    until = time.monotonic() + _PATIENCE_S
    while len(list(folder.iterdir())) < others and time.monotonic() < until:
        time.sleep(0.02)


def open_telling(settings: ModelSettings) -> FakeSegmenter:
    """Open the fake network, and leave what this process sees of the machine in a folder."""
    _arrive(f"{settings.device} {os.environ.get('CUDA_VISIBLE_DEVICES', 'all')}")
    return open_fake(settings)


def open_known(settings: ModelSettings) -> FakeSegmenter:
    """Open the slow network once all workers have arrived."""
    _arrive()
    return open_slow(settings)


class Mortal(FakeSegmenter):
    """Kills the first process in the middle of its work; the others wait for a new one."""

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        """Score a batch, or die."""
        mark = Path(os.environ["VIDSEG_TEST_ONCE"])
        if self.calls == 2:
            if _is_first(mark):
                os.kill(os.getpid(), signal.SIGKILL)
            _wait_for(int(os.environ["VIDSEG_TEST_WORKERS"]) + 1)
        return super().segment(batch)


def _is_first(mark: Path) -> bool:
    """Whether it is this process that makes the file."""
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def open_mortal(_: ModelSettings) -> FakeSegmenter:
    """Open the mortal network once all workers have arrived."""
    _arrive()
    return Mortal()
