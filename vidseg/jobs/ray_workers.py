"""Workers on a Ray cluster: actors that open the network once and render clips, or segments.

Sources, results and segments lie on storage that all machines share under the same paths; what
travels over the network are settings and outcomes. Ray is imported here only, and when it is asked
for.
"""

import itertools
import os
import secrets
import socket
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from vidseg.errors import DeviceError, OutputError, SettingsError, VidsegError, name_options
from vidseg.jobs import resume
from vidseg.jobs.batch import Outcome, Tell, absolute, render_clip
from vidseg.jobs.dispatch import Answer, Died, Dispatcher, Event, Ready
from vidseg.jobs.job import Job, Stretch, open_job, remaining
from vidseg.jobs.local_workers import CORES_PER_WORKER, Opener
from vidseg.jobs.stretch import render_stretch
from vidseg.matting.restarts import SEGMENT_S
from vidseg.media.ffmpeg import library_versions
from vidseg.models import runs_on_gpu
from vidseg.networks import open_segmenter
from vidseg.rendering.run import Progress
from vidseg.reports.run_report import Report
from vidseg.settings import ModelSettings, RenderSettings
from vidseg.system.cores import limit_cores

_MOST_DEATHS = 3
"""How often a piece of work may lose its worker before it counts as failed."""

_LONGEST_STRETCH_S = 120
_STRETCHES_PER_WORKER = 4
"""Several per worker even out unlike speeds; each costs some seconds of warming up."""

_MOST_EARLY_DEATHS = 3
"""How many workers may die, one after the other, before the next one is ready."""

_SILENCE_S = 30.0
_CONNECT_TIMEOUT_S = 10.0

Say: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A clip, or a stretch of its segments, rendered where the file `marker` can be seen."""

    settings: RenderSettings
    marker: Path
    stretch: Stretch | None = None


@dataclass(frozen=True, slots=True)
class _Host:
    """The machine that a worker runs on, and the versions of the libraries there."""

    name: str
    versions: dict[str, str]


class _Renderer:
    """What runs in an actor's process: one network, used for piece after piece."""

    def __init__(
        self, settings: ModelSettings, opener: Opener, environment: dict[str, str]
    ) -> None:
        os.environ.update(environment)
        name_options()
        limit_cores(CORES_PER_WORKER)
        self._segmenter = opener(settings)
        self._job: Job | None = None

    def ready(self) -> _Host:
        """Return what runs here, and where that is."""
        return _Host(socket.gethostname(), library_versions())

    def render(self, piece: _Piece) -> Outcome:
        """Render a piece; whatever is wrong with it becomes its outcome."""
        if (failed := _unseen(piece.marker)) is not None:
            return failed
        if piece.stretch is None:
            return render_clip(piece.settings, self._segmenter, lambda _: None)
        return self._render_stretch(piece.settings, piece.stretch)

    def _render_stretch(self, settings: RenderSettings, stretch: Stretch) -> Outcome:
        """Render some segments of a clip, less those that a worker before this one finished."""
        frames = 0

        def add(count: int) -> None:
            nonlocal frames
            frames += count

        try:
            if self._job is None or self._job.settings != settings:
                self._job = open_job(settings)
            for part in remaining(self._job, stretch):
                render_stretch(self._job, part, self._segmenter, add)
        except (VidsegError, OSError) as error:
            return Outcome("failed", message=str(error))
        return Outcome("done", frames)


def _unseen(marker: Path) -> Outcome | None:
    """Return a failure where a file that the program left in its output's folder isn't there."""
    if marker.exists():
        return None
    message = (
        f"{marker.parent}: not the folder that it is where the run was started; "
        "all machines must share it"
    )
    return Outcome("failed", message=message)


@contextmanager
def _marker(folder: Path) -> Iterator[Path]:
    """Leave a file in a folder, by which workers see that the folder is theirs too."""
    path = folder / f".vidseg.part.{secrets.token_hex(6)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise OutputError(f"{folder}: can't be written to: {error.strerror}") from error
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@dataclass(eq=False, slots=True)
class _Worker:
    """An actor, what it was asked and hasn't answered, and its host's name once it is ready."""

    actor: Any
    asked: Any
    host: str = ""
    source: Path | None = None
    """The clip that it was asked for last."""


@dataclass(frozen=True, slots=True)
class _Actors:
    """`vidseg.jobs.dispatch.Transport` of a cluster's actors.

    `gpus` and `cores` are what each of them asks for, `count` how many are asked for.
    """

    ray: Any
    model: ModelSettings
    count: int | None
    gpus: int
    cores: float
    opener: Opener
    say: Say

    def most_workers(self) -> int:
        """Return how many actors were asked for, or fit on the cluster as it is now."""
        resources = self.ray.cluster_resources()
        fits = resources.get("GPU", 0) if self.gpus else resources.get("CPU", 1) / self.cores
        return max(1, self.count or int(fits))

    def spawn(self) -> _Worker:
        """Ask for an actor, which starts where and when the cluster has room for it."""
        kind = self.ray.remote(_Renderer).options(
            num_cpus=min(self.cores, self.ray.cluster_resources().get("CPU", 1)), num_gpus=self.gpus
        )
        environment = {
            name: text for name, text in os.environ.items() if name.startswith("VIDSEG_")
        }
        actor = kind.remote(self._on_worker(self.model), self.opener, environment)
        return _Worker(actor, actor.ready.remote())

    def send(self, worker: _Worker, piece: _Piece) -> None:
        """Send an actor a clip or a stretch."""
        settings = replace(piece.settings, model=self._on_worker(piece.settings.model))
        worker.asked = worker.actor.render.remote(replace(piece, settings=settings))
        worker.source = settings.source

    def wait(self, workers: Sequence[_Worker]) -> Event[_Worker] | None:
        """Return what an actor answers next, or that it died; `None` after a while of silence.

        Raises `SettingsError` where an actor can't open its network, or has other versions than we
        do.
        """
        worker = self._answering(workers)
        if worker is None:
            self.say("waiting for the cluster: no worker has answered for a while")
            return None
        asked, worker.asked = worker.asked, None
        try:
            answer = self.ray.get(asked)
        except self.ray.exceptions.RayError as error:
            return self._failed(worker, error)
        if worker.host:
            return Answer(worker, _located(answer, worker.host))
        _check_versions(answer)
        worker.host = answer.name
        return Ready(worker)

    def dismiss(self, workers: Sequence[_Worker]) -> None:
        """Free what actors hold, whether they are dead or only out of reach."""
        for worker in workers:
            with suppress(self.ray.exceptions.RayError, ValueError):
                self.ray.kill(worker.actor)

    def _answering(self, workers: Sequence[_Worker]) -> _Worker | None:
        """Return an actor that has answered, or died; `None` after a while without."""
        asked = [worker for worker in workers if worker.asked is not None]
        done, _ = self.ray.wait([worker.asked for worker in asked], timeout=_SILENCE_S)
        return next((worker for worker in asked if done and worker.asked == done[0]), None)

    def _failed(self, worker: _Worker, error: Any) -> Event[_Worker]:
        """Return what an error of Ray means: a fault of ours in what an actor did, or its death."""
        if worker.host and isinstance(error, self.ray.exceptions.RayTaskError):
            message = f"internal error, {str(error.cause)[:200]}"
            return Answer(worker, Outcome("failed", message=message))
        return self._reap(worker, error)

    def _reap(self, worker: _Worker, error: Exception) -> Died[_Worker]:
        """Free what a dead actor held. Raises `SettingsError` if it couldn't open its network."""
        self.dismiss([worker])
        if not worker.host and "creation task" in str(error):
            raise _opening_failure(error) from error
        if worker.host:
            self.say(f"a worker died ({worker.source}); its work is given to another")
        return Died(worker, f"{_MOST_DEATHS} workers died of it", _opening_failure(error))

    def _on_worker(self, model: ModelSettings) -> ModelSettings:
        """Return the settings as an actor sees the machine: Ray shows it one GPU, or none."""
        return replace(model, device="gpu" if self.gpus else "cpu")


def _located(outcome: Outcome, host: str) -> Outcome:
    """Return an outcome that says where it failed, unless that was here."""
    if outcome.state != "failed" or host == socket.gethostname():
        return outcome
    return replace(outcome, message=f"on {host}: {outcome.message}")


def _check_versions(host: _Host) -> None:
    """Raise `SettingsError` where a machine has another version of something than this one."""
    for name, mine in library_versions().items():
        if host.versions.get(name) != mine:
            raise SettingsError(
                f"{host.name} has {name} {host.versions.get(name, 'of unknown version')}, "
                f"this machine {mine}; install the same everywhere"
            )


@dataclass(slots=True)
class RayWorkers:
    """`vidseg.jobs.batch.Workers` on a cluster.

    `address`: ``auto`` joins the cluster that this machine belongs to, ``local`` starts one on this
    machine alone, anything else is a head's address. `count` actors are asked for; by default as
    many as the cluster has GPUs for, or pairs of cores.
    """

    address: str
    model: ModelSettings
    count: int | None = None
    say: Say = lambda _: None
    opener: Opener = open_segmenter
    cores: float = CORES_PER_WORKER
    _ray: Any = field(default=None, init=False)
    _dispatcher: "Dispatcher[_Worker, _Piece] | None" = field(default=None, init=False)

    def run(self, jobs: Sequence[RenderSettings], tell: Tell) -> Iterator[tuple[int, Outcome]]:
        """Yield each clip's number with its outcome, as they end."""
        dispatcher = self.connect()
        if not jobs:
            return
        with _marker(jobs[0].output.parent) as marker:
            pieces = [_Piece(settings, marker) for settings in jobs]
            with closing(dispatcher.run(pieces, tell)) as ended:
                for number, outcome in ended:
                    tell(number, 1.0)
                    yield number, outcome

    def render(self, job: Job, stretches: list[Stretch], add: Callable[[int], None]) -> None:
        """Render the missing segments of one clip: a `vidseg.jobs.resume.Renderer`."""
        dispatcher = self.connect()
        parts = divided(stretches, job.estimated_stop, dispatcher.transport.most_workers())
        with _marker(job.store.folder) as marker:
            pieces = [_Piece(job.settings, marker, part) for part in parts]
            with closing(dispatcher.run(pieces, lambda *_: None)) as ended:
                for _, outcome in ended:
                    if outcome.state == "failed":
                        raise OutputError(outcome.message)
                    add(outcome.frames)

    def close(self) -> None:
        """Dismiss the actors and leave the cluster."""
        if self._dispatcher is not None:
            self._dispatcher.close()
            self._dispatcher = None
        if self._ray is not None:
            self._ray.shutdown()
            self._ray = None

    def connect(self) -> Dispatcher[_Worker, _Piece]:
        """Join or start the cluster, unless that is done, and return what divides work there.

        Raises `SettingsError` where there is none, or Ray isn't installed, `DeviceError` without a
        GPU.
        """
        if self._dispatcher is None:
            self._ray = _joined(self.address)
            gpus = self._wanted_gpus()
            transport = _Actors(
                self._ray, self.model, self.count, gpus, self.cores, self.opener, self.say
            )
            self._dispatcher = Dispatcher(transport, _MOST_DEATHS, _MOST_EARLY_DEATHS)
        return self._dispatcher

    def _wanted_gpus(self) -> int:
        there = self._ray.cluster_resources().get("GPU", 0)
        if self.model.device.startswith("gpu"):
            if not there:
                raise DeviceError(
                    f"--device {self.model.device}: the cluster has no GPU; use --device cpu"
                )
            return 1
        return int(self.model.device == "auto" and there > 0 and runs_on_gpu(self.model.name))


def render_on(address: str, settings: RenderSettings, *, progress: Progress, say: Say) -> Report:
    """Render one clip in pieces on a cluster; see `vidseg.jobs.resume.render`."""
    given = absolute(settings)
    with closing(RayWorkers(address, given.model, say=say)) as workers:
        return resume.render(given, renderer=workers.render, progress=progress, say=say)


def _joined(address: str) -> Any:
    """Return Ray, which has joined or started a cluster. Raises `SettingsError` where it can't."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ModuleNotFoundError as error:
        raise SettingsError("--ray needs Ray: pip install 'vidseg[ray]'") from error
    nobody = f"--ray {address}: no cluster answers there"
    try:
        _check_reachable(address)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # Ray announces changes to come, which users can't act on
            ray.init(address, logging_level="error", log_to_driver=False)
    except (OSError, ValueError, RuntimeError) as error:
        why = f" ({str(error)[:160]})" if str(error) else ""
        raise SettingsError(f"{nobody}{why}") from error
    except SystemExit as error:  # Ray's way to say that a head fell silent
        raise SettingsError(nobody) from error
    return ray


def _check_reachable(address: str) -> None:
    """Raise `OSError` if nothing listens at ``HOST:PORT``, which Ray takes a minute to notice."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "//" not in address:
        socket.create_connection((host, int(port)), timeout=_CONNECT_TIMEOUT_S).close()


def _opening_failure(error: Exception) -> VidsegError:
    """Return what kept an actor from opening the network."""
    cause = getattr(error, "cause", None)
    lines = [line for line in str(cause or error).splitlines() if line.strip()]
    return SettingsError(
        f"a worker could not start: {lines[-1].strip() if lines else type(error).__name__}"
    )


def divided(
    stretches: Sequence[Stretch], estimated_stop: int | None, workers: int
) -> list[Stretch]:
    """Return the stretches cut into pieces for several workers; the last one keeps its open end.

    `estimated_stop` is the segment after the last one, as far as the source tells.
    """
    ends = [(begin, stop if stop is not None else estimated_stop) for begin, stop in stretches]
    total = sum(max(1, (stop or begin + 1) - begin) for begin, stop in ends)
    length = min(
        max(1, total // (workers * _STRETCHES_PER_WORKER)), _LONGEST_STRETCH_S // SEGMENT_S
    )
    pieces: list[Stretch] = []
    for (begin, stop), (_, real) in zip(ends, stretches, strict=True):
        last = max(begin + 1, stop or begin + 1)
        cuts = [*range(begin, last, length), last]
        pieces += [(low, high) for low, high in itertools.pairwise(cuts)]
        if real is None:
            pieces[-1] = (pieces[-1][0], None)
    return pieces
