"""Workers on a Ray cluster: actors that load the network once and render clips, or stretches of one clip.

Sources, results and segments lie on storage that all machines share under the same paths; what travels
over the network are settings and outcomes. Ray is imported here only, and when it is asked for.
"""

import itertools
import os
import socket
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from vidseg import __version__, resume
from vidseg.batch import Outcome, Tell, absolute, render_clip
from vidseg.borders import SEGMENT_S
from vidseg.crew import CORES_PER_WORKER, Opener
from vidseg.errors import DeviceError, OutputError, SettingsError, VidsegError
from vidseg.pipeline import Progress
from vidseg.report import Report
from vidseg.resume import Job, Named, Stretch, open_job, remaining, render_stretch
from vidseg.segmenters import open_segmenter
from vidseg.settings import RenderSettings, SegmentSettings

_MOST_DEATHS = 3
"""How often a piece of work may lose its worker before it counts as failed."""

_LONGEST_STRETCH_S = 120
_STRETCHES_PER_WORKER = 4
"""Several per worker even out unlike speeds; each costs some seconds of warming up."""

_WAIT_S = 30.0
_KNOCK_S = 10.0

Work: TypeAlias = "tuple[str, RenderSettings, Stretch | None]"
Say: TypeAlias = Callable[[str], None]


class _Renderer:
    """What runs in an actor's process: one network, used for piece after piece."""

    def __init__(self, settings: SegmentSettings, opener: Opener, environment: dict[str, str]) -> None:
        os.environ.update(environment)
        self._segmenter = opener(settings)
        self._job: Job | None = None

    def ready(self) -> tuple[str, str, str]:
        """Return this machine's version of vidseg, the network's name and what it runs on."""
        return __version__, self._segmenter.name, self._segmenter.device

    def clip(self, settings: RenderSettings) -> Outcome:
        """Render a clip."""
        return render_clip(settings, self._segmenter, lambda _: None)

    def stretch(self, settings: RenderSettings, stretch: Stretch) -> Outcome:
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


@dataclass(slots=True)
class _Hand:
    """An actor, with what it was asked last."""

    actor: Any
    asked: Any
    work: int | None = None
    ready: bool = False


@dataclass(slots=True)
class RayCrew:
    """`vidseg.batch.Crew` on a cluster.

    `address`: ``auto`` joins the cluster that this machine belongs to, ``local`` starts one on this machine
    alone, anything else is a head's address. `count` actors are asked for; by default as many as the
    cluster has GPUs for, or pairs of cores.
    """

    address: str
    segment: SegmentSettings
    count: int | None = None
    say: Say = lambda _: None
    opener: Opener = open_segmenter
    cores: float = CORES_PER_WORKER
    named: Named = field(default=Named("", ""), init=False)
    _hands: list[_Hand] = field(default_factory=list, init=False)
    _ray: Any = field(default=None, init=False)
    _gpus: int = field(default=0, init=False)

    def run(self, jobs: Sequence[RenderSettings], tell: Tell) -> Iterator[tuple[int, Outcome]]:
        """Yield each clip's number with its outcome, as they end."""
        for number, outcome in self._all([("clip", settings, None) for settings in jobs]):
            tell(number, 1.0)
            yield number, outcome

    def render(self, job: Job, stretches: list[Stretch], add: Callable[[int], None]) -> Named:
        """Render the missing segments of one clip: a `vidseg.resume.Renderer`."""
        self.connect()
        pieces = divided(stretches, job.estimated_stop, self._workers())
        work: list[Work] = [("stretch", job.settings, piece) for piece in pieces]
        for _, outcome in self._all(work):
            if outcome.state == "failed":
                raise OutputError(outcome.message)
            add(outcome.frames)
        return self.named

    def close(self) -> None:
        """Dismiss the actors and leave the cluster."""
        for hand in self._hands:
            self._ray.kill(hand.actor)
        self._hands.clear()
        if self._ray is not None:
            self._ray.shutdown()
            self._ray = None

    def _all(self, work: Sequence[Work]) -> Iterator[tuple[int, Outcome]]:
        """Do all pieces of work, one at a time per actor; a dead actor's piece goes to another one."""
        self.connect()
        todo = deque(range(len(work)))
        deaths, early = [0] * len(work), 0
        while todo or any(hand.work is not None for hand in self._hands):
            busy = sum(hand.work is not None for hand in self._hands)
            while len(self._hands) < min(self._workers(), len(todo) + busy):
                self._hands.append(self._hire())
            for idle in self._hands:
                if todo and idle.ready and idle.work is None:
                    self._ask(idle, todo.popleft(), work)
            hand = self._next()
            if hand is None:
                self.say("waiting for the cluster: no worker has answered for a while")
                continue
            number = hand.work
            try:
                answer = self._ray.get(hand.asked)
            except self._ray.exceptions.RayActorError as error:
                self._hands.remove(hand)
                if number is None:
                    early += 1
                    if "creation task" in str(error) or early > _MOST_DEATHS:
                        raise _opening_failure(error) from error
                    continue
                deaths[number] += 1
                self.say(f"a worker died ({work[number][1].source}); its work is given to another")
                if deaths[number] < _MOST_DEATHS:
                    todo.appendleft(number)
                else:
                    yield number, Outcome("failed", message=f"{deaths[number]} workers died of it")
                continue
            except self._ray.exceptions.RayTaskError as error:
                answer = Outcome("failed", message=f"internal error, {str(error.cause)[:200]}")
            if number is not None:
                hand.work = None
                yield number, answer
            else:
                self._greet(hand, answer)

    def _ask(self, hand: _Hand, number: int, work: Sequence[Work]) -> None:
        kind, settings, stretch = work[number]
        settings = replace(settings, segment=self._on_worker(settings.segment))
        hand.work = number
        hand.asked = (
            hand.actor.clip.remote(settings)
            if kind == "clip"
            else hand.actor.stretch.remote(settings, stretch)
        )

    def _greet(self, hand: _Hand, answer: tuple[str, str, str]) -> None:
        version, name, device = answer
        if version != __version__:
            raise SettingsError(
                f"a worker has vidseg {version}, this machine {__version__}; install the same"
            )
        hand.ready = True
        self.named = Named(name, device)

    def _next(self) -> _Hand | None:
        """Return an actor that has answered, or died; `None` after a while without."""
        waiting = [hand for hand in self._hands if not hand.ready or hand.work is not None]
        done, _ = self._ray.wait([hand.asked for hand in waiting], timeout=_WAIT_S)
        return next((hand for hand in waiting if done and hand.asked == done[0]), None)

    def _hire(self) -> _Hand:
        kind = self._ray.remote(_Renderer).options(
            num_cpus=min(self.cores, self._ray.cluster_resources().get("CPU", 1)), num_gpus=self._gpus
        )
        environment = {name: text for name, text in os.environ.items() if name.startswith("VIDSEG_")}
        actor = kind.remote(self._on_worker(self.segment), self.opener, environment)
        return _Hand(actor, actor.ready.remote())

    def _on_worker(self, segment: SegmentSettings) -> SegmentSettings:
        """Return the settings as an actor sees the machine: Ray shows it one GPU, or none."""
        return replace(segment, device="gpu" if self._gpus else "cpu")

    def _workers(self) -> int:
        resources = self._ray.cluster_resources()
        fits = resources.get("GPU", 0) if self._gpus else resources.get("CPU", 1) / self.cores
        return max(1, self.count or int(fits))

    def connect(self) -> None:
        """Join or start the cluster. Raises `SettingsError` where there is none, or Ray isn't installed."""
        if self._ray is not None:
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            import ray
        except ModuleNotFoundError as error:
            raise SettingsError("--ray needs Ray: pip install 'vidseg[ray]'") from error
        nobody = f"--ray {self.address}: no cluster answers there"
        try:
            _knock(self.address)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Ray announces changes to come, which users can't act on
                ray.init(self.address, logging_level="error", log_to_driver=False)
        except (OSError, ValueError, RuntimeError) as error:
            raise SettingsError(f"{nobody} ({str(error)[:160]})") from error
        except SystemExit as error:  # Ray's way to say that a head fell silent
            raise SettingsError(nobody) from error
        self._ray = ray
        self._gpus = self._wanted_gpus()

    def _wanted_gpus(self) -> int:
        there = self._ray.cluster_resources().get("GPU", 0)
        if self.segment.device.startswith("gpu"):
            if not there:
                raise DeviceError(f"--device {self.segment.device}: the cluster has no GPU; use --device cpu")
            return 1
        return (
            1
            if self.segment.device == "auto" and there and not self.segment.model.startswith("selfie")
            else 0
        )


def render_on(address: str, settings: RenderSettings, *, progress: Progress, say: Say) -> Report:
    """Render one clip in pieces on a cluster; see `vidseg.resume.render`."""
    given = absolute(settings)
    with closing(RayCrew(address, given.segment, say=say)) as crew:
        return resume.render(given, renderer=crew.render, progress=progress, say=say)


def _knock(address: str) -> None:
    """Raise `OSError` where nothing listens at ``HOST:PORT``, which Ray would notice after a minute only."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "//" not in address:
        socket.create_connection((host, int(port)), timeout=_KNOCK_S).close()


def _opening_failure(error: Exception) -> VidsegError:
    """Return what kept an actor from opening the network."""
    cause = getattr(error, "cause", None)
    lines = [line for line in str(cause or error).splitlines() if line.strip()]
    return SettingsError(f"a worker could not start: {lines[-1].strip() if lines else type(error).__name__}")


def divided(stretches: Sequence[Stretch], estimated_stop: int | None, workers: int) -> list[Stretch]:
    """Return the stretches cut into pieces for several workers; the last one keeps its open end.

    `estimated_stop` is the segment after the last one, as far as the source tells.
    """
    ends = [(begin, stop if stop is not None else estimated_stop) for begin, stop in stretches]
    total = sum(max(1, (stop or begin + 1) - begin) for begin, stop in ends)
    length = min(max(1, total // (workers * _STRETCHES_PER_WORKER)), _LONGEST_STRETCH_S // SEGMENT_S)
    pieces: list[Stretch] = []
    for (begin, stop), (_, real) in zip(ends, stretches, strict=True):
        last = max(begin + 1, stop or begin + 1)
        cuts = [*range(begin, last, length), last]
        pieces += [(low, high) for low, high in itertools.pairwise(cuts)]
        if real is None:
            pieces[-1] = (pieces[-1][0], None)
    return pieces
