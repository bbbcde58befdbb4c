"""Local workers: a pool of processes, each of which opens the network once and renders clips."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any, TypeAlias

from vidseg.errors import ModelError, VidsegError, name_options
from vidseg.jobs.batch import Outcome, Tell, render_clip
from vidseg.jobs.dispatch import Answer, Died, Dispatcher, Event, Progress, Ready
from vidseg.networks import open_segmenter
from vidseg.networks.base import Segmenter
from vidseg.settings import ModelSettings, RenderSettings
from vidseg.system.cores import core_count, limit_cores

Opener: TypeAlias = Callable[[ModelSettings], Segmenter]

CORES_PER_WORKER = 2
"""A render keeps two cores busy: one with the network, one with decoding, painting and encoding."""

_MOST_DEATHS = 2
"""How often a clip may take its worker down before it counts as failed."""

_EXIT_TIMEOUT_S = 20.0
_PROGRESS_EVERY_S = 0.2


def default_jobs(settings: ModelSettings) -> int:
    """Return how many workers this machine's cores are enough for; one where a GPU works."""
    return 1 if settings.device.startswith("gpu") else max(1, core_count() // CORES_PER_WORKER)


@dataclass(eq=False, slots=True)
class _Worker:
    process: SpawnProcess
    pipe: "Connection[Any, Any]"

    def end(self, timeout_s: float) -> None:
        """Wait for the process to exit, and kill it if it doesn't; free what it held."""
        self.process.join(timeout_s)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()


@dataclass(frozen=True, slots=True)
class _Processes:
    """`vidseg.jobs.dispatch.Transport` of at most `count` processes, each with a pipe."""

    model: ModelSettings
    count: int
    opener: Opener

    def most_workers(self) -> int:
        """Return how many processes there may be."""
        return self.count

    def spawn(self) -> _Worker:
        """Start a process that opens the network."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_work,
            args=(theirs, self.model, self.opener, core_count() // self.count),
            daemon=True,
        )
        with _ignore_sigint():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def send(self, worker: _Worker, piece: RenderSettings) -> None:
        """Send a process a clip."""
        with suppress(OSError):  # one that just died is noticed when it is heard
            worker.pipe.send(piece)

    def wait(self, workers: Sequence[_Worker]) -> Event[_Worker]:
        """Return what a process says next, or its death. Raises what opening the network raised."""
        heard = wait([worker.pipe for worker in workers])
        worker = next(worker for worker in workers if worker.pipe in heard)
        try:
            kind, *content = worker.pipe.recv()
        except (EOFError, OSError):
            return self._reap(worker)
        if kind == "error":
            raise content[0]
        if kind == "progress":
            return Progress(worker, content[0])
        return Answer(worker, content[0]) if kind == "answer" else Ready(worker)

    def dismiss(self, workers: Sequence[_Worker]) -> None:
        """End processes, gently at first."""
        for worker in workers:
            worker.process.terminate()
        until = time.monotonic() + _EXIT_TIMEOUT_S
        for worker in workers:
            worker.end(max(0.1, until - time.monotonic()))

    def _reap(self, worker: _Worker) -> Died[_Worker]:
        """Free what a dead process held; return what it died of."""
        worker.end(_EXIT_TIMEOUT_S)
        cause = _in_words(worker.process.exitcode)
        advice = "try --jobs 1" if self.count > 1 else "free some memory, or try another --model"
        return Died(
            worker,
            message=f"it ends its worker ({cause})",
            error=ModelError(
                f"workers die before they have opened the network ({cause}); {advice}"
            ),
        )


@dataclass(slots=True)
class LocalWorkers:
    """`vidseg.jobs.batch.Workers`: `jobs` processes. `opener` opens the network in each of them."""

    model: ModelSettings
    jobs: int
    opener: Opener = open_segmenter
    _dispatcher: Dispatcher[_Worker, RenderSettings] = field(init=False)

    def __post_init__(self) -> None:
        self._dispatcher = Dispatcher(
            _Processes(self.model, self.jobs, self.opener),
            deaths_per_piece=_MOST_DEATHS,
            early_deaths=_MOST_DEATHS * self.jobs,
        )

    def run(self, jobs: Sequence[RenderSettings], tell: Tell) -> Iterator[tuple[int, Outcome]]:
        """Yield each job's number with its outcome, as they end.

        Raises the error of opening the network, which would befall every job.
        """
        return self._dispatcher.run(jobs, tell)

    def close(self) -> None:
        """End the processes."""
        self._dispatcher.close()


def _in_words(exitcode: int | None) -> str:
    """Return what ended a process: ``exit code 1``, ``signal SIGKILL``."""
    if exitcode is not None and exitcode < 0:
        with suppress(ValueError):  # a number that has no name
            return f"signal {signal.Signals(-exitcode).name}"
    return f"exit code {exitcode}"


def _work(
    pipe: "Connection[Any, Any]", settings: ModelSettings, opener: Opener, cores: int
) -> None:
    """Be a worker's process, of so many cores, until the pipe is closed or the parent ends it."""
    with suppress(KeyboardInterrupt, EOFError, BrokenPipeError):
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # the parent gets Ctrl-C too, and says when to end
        signal.signal(signal.SIGTERM, _terminated)
        name_options()
        limit_cores(cores)
        _serve(pipe, settings, opener)
    os._exit(0)  # nothing is left to do, and libraries' threads may hang at exit


def _serve(pipe: "Connection[Any, Any]", settings: ModelSettings, opener: Opener) -> None:
    """Open the network, then render what comes through the pipe."""
    try:
        segmenter = opener(settings)
    except VidsegError as error:
        pipe.send(("error", error))
        return
    except Exception as error:  # of a driver, say: each worker would die of it, with a traceback
        cause = f"internal error, {type(error).__name__}: {error}"
        pipe.send(("error", ModelError(cause)))
        return
    with closing(segmenter):
        pipe.send(("ready",))
        while True:
            job: RenderSettings = pipe.recv()
            pipe.send(("answer", render_clip(job, segmenter, _progress(pipe))))


def _progress(pipe: "Connection[Any, Any]") -> Callable[[float], None]:
    """Return what sends shares that are done through the pipe, a few times a second."""
    last = 0.0

    def tell(share: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PROGRESS_EVERY_S:
            last = now
            pipe.send(("progress", share))

    return tell


@contextmanager
def _ignore_sigint() -> Iterator[None]:
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
