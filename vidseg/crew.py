"""Workers on this machine: processes that load the network once and render clip after clip."""

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any, TypeAlias

from vidseg.batch import Outcome, Tell, cores, render_clip
from vidseg.errors import ModelError, VidsegError
from vidseg.segmenters import open_segmenter
from vidseg.segmenters.base import Segmenter
from vidseg.settings import RenderSettings, SegmentSettings

Opener: TypeAlias = Callable[[SegmentSettings], Segmenter]

CORES_PER_WORKER = 2
"""A render keeps two cores busy: one with the network, one with decoding, painting and encoding."""

_MOST_DEATHS = 2
"""How often a clip may take its worker down before it counts as failed."""

_PATIENCE_S = 20.0
_TELL_EVERY_S = 0.2


def default_jobs(settings: SegmentSettings) -> int:
    """Return how many workers use this machine's cores without fighting over them; one where a GPU works."""
    return 1 if settings.device.startswith("gpu") else max(1, cores() // CORES_PER_WORKER)


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    pipe: "Connection[Any, Any]"
    ready: bool = False
    job: int | None = None


@dataclass(slots=True)
class LocalCrew:
    """`vidseg.batch.Crew` of `jobs` processes. `opener` opens the network in each of them."""

    segment: SegmentSettings
    jobs: int
    opener: Opener = open_segmenter
    _workers: list[_Worker] = field(default_factory=list)

    def run(self, jobs: Sequence[RenderSettings], tell: Tell) -> Iterator[tuple[int, Outcome]]:
        """Yield each job's number with its outcome, as they end.

        Raises the error of opening the network, which would befall every job.
        """
        todo = deque(range(len(jobs)))
        deaths = [0] * len(jobs)
        early = 0
        while todo or any(worker.job is not None for worker in self._workers):
            while len(self._workers) < min(self.jobs, len(todo) + self._busy()):
                self._workers.append(self._hire())
            self._hand_out(jobs, todo)
            for worker in self._heard():
                died, number = False, worker.job
                try:
                    message, *content = worker.pipe.recv()
                except (EOFError, OSError):
                    died, message, content = True, "", []
                if message == "unfit":
                    raise content[0]
                if message == "share" and number is not None:
                    tell(number, content[0])
                elif message == "ended" and number is not None:
                    worker.job = None
                    yield number, content[0]
                elif died:
                    early += not worker.ready
                    if early > _MOST_DEATHS * self.jobs:
                        raise ModelError("workers die before they have opened the network; try --jobs 1")
                    code = self._bury(worker)
                    if number is not None:
                        deaths[number] += 1
                        if deaths[number] < _MOST_DEATHS:
                            todo.appendleft(number)
                        else:
                            yield number, Outcome("failed", message=f"it ends its worker ({code})")
                    continue
                worker.ready = True

    def close(self) -> None:
        """End the workers, gently at first."""
        for worker in self._workers:
            worker.process.terminate()
        until = time.monotonic() + _PATIENCE_S
        for worker in self._workers:
            worker.process.join(max(0.1, until - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.pipe.close()
        self._workers.clear()

    def _hand_out(self, jobs: Sequence[RenderSettings], todo: deque[int]) -> None:
        """Give every idle worker something to do, while there is."""
        for worker in self._workers:
            if todo and worker.ready and worker.job is None:
                worker.job = todo.popleft()
                with suppress(OSError):  # one that just died is noticed when it is heard
                    worker.pipe.send(jobs[worker.job])

    def _busy(self) -> int:
        return sum(worker.job is not None for worker in self._workers)

    def _heard(self) -> list[_Worker]:
        """Wait for workers that have something to say, or died."""
        heard = wait([worker.pipe for worker in self._workers])
        return [worker for worker in self._workers if worker.pipe in heard]

    def _hire(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self.segment, self.opener), daemon=True)
        with _deaf():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def _bury(self, worker: _Worker) -> str:
        """Remove a dead worker; return what it died of."""
        worker.process.join(_PATIENCE_S)
        code = worker.process.exitcode
        worker.pipe.close()
        self._workers.remove(worker)
        with suppress(ValueError):
            return (
                f"signal {signal.Signals(-code).name}"
                if code is not None and code < 0
                else f"exit code {code}"
            )
        return f"exit code {code}"


def _work(pipe: "Connection[Any, Any]", settings: SegmentSettings, opener: Opener) -> None:
    """Be a worker's process, until the pipe is closed or the parent ends it."""
    with suppress(KeyboardInterrupt, EOFError, BrokenPipeError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets Ctrl-C too, and says when to end
        signal.signal(signal.SIGTERM, _terminated)
        _serve(pipe, settings, opener)
    os._exit(0)  # nothing is left to do, and libraries' threads may hang at exit


def _serve(pipe: "Connection[Any, Any]", settings: SegmentSettings, opener: Opener) -> None:
    """Open the network, then render what comes through the pipe."""
    try:
        segmenter = opener(settings)
    except VidsegError as error:
        pipe.send(("unfit", error))
        return
    with closing(segmenter):
        pipe.send(("ready",))
        while True:
            job: RenderSettings = pipe.recv()
            pipe.send(("ended", render_clip(job, segmenter, _shares(pipe))))


def _shares(pipe: "Connection[Any, Any]") -> Callable[[float], None]:
    last = 0.0

    def tell(share: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _TELL_EVERY_S:
            last = now
            pipe.send(("share", share))

    return tell


@contextmanager
def _deaf() -> Iterator[None]:
    """Let what is started inside ignore Ctrl-C, which the terminal sends to it as well."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _terminated(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt
