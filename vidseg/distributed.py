"""Workers on a Ray cluster: actors that load the network once and render clips, or stretches of one clip.

Sources, results and segments lie on storage that all machines share under the same paths; what travels
over the network are settings and outcomes. Ray is imported here only, and when it is asked for.
"""

import itertools
import os
import secrets
import socket
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from vidseg import resume
from vidseg._av import library_versions
from vidseg.batch import Outcome, Tell, absolute, render_clip
from vidseg.borders import SEGMENT_S
from vidseg.crew import CORES_PER_WORKER, Opener
from vidseg.errors import DeviceError, OutputError, SettingsError, VidsegError
from vidseg.pipeline import Progress
from vidseg.report import Report
from vidseg.resume import Job, Stretch, open_job, remaining, render_stretch
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
Greeting: TypeAlias = tuple[dict[str, str], str]
"""A worker's versions, and the name of its machine."""
Say: TypeAlias = Callable[[str], None]


class _Renderer:
    """What runs in an actor's process: one network, used for piece after piece."""

    def __init__(self, settings: SegmentSettings, opener: Opener, environment: dict[str, str]) -> None:
        os.environ.update(environment)
        self._segmenter = opener(settings)
        self._job: Job | None = None

    def ready(self) -> Greeting:
        """Return what runs here, and where that is."""
        return library_versions(), socket.gethostname()

    def clip(self, settings: RenderSettings, sign: Path) -> Outcome:
        """Render a clip, where the file `sign` can be seen."""
        return _unseen(sign) or render_clip(settings, self._segmenter, lambda _: None)

    def stretch(self, settings: RenderSettings, sign: Path, stretch: Stretch) -> Outcome:
        """Render some segments of a clip, less those that a worker before this one finished."""
        if (failed := _unseen(sign)) is not None:
            return failed
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


def _unseen(sign: Path) -> Outcome | None:
    """Return a failure where a file that the program left in its output's folder isn't there."""
    if sign.exists():
        return None
    message = (
        f"{sign.parent}: not the folder that it is where the run was started; all machines must share it"
    )
    return Outcome("failed", message=message)


@contextmanager
def _sign(folder: Path) -> Iterator[Path]:
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


@dataclass(slots=True)
class _Hand:
    """An actor, with what it was asked last, and the name of its machine once it is ready."""

    actor: Any
    asked: Any
    work: int | None = None
    host: str = ""

    @property
    def ready(self) -> bool:
        """Whether it has opened its network."""
        return bool(self.host)


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
    _hands: list[_Hand] = field(default_factory=list, init=False)
    _ray: Any = field(default=None, init=False)
    _gpus: int = field(default=0, init=False)
    _early: int = field(default=0, init=False)

    def run(self, jobs: Sequence[RenderSettings], tell: Tell) -> Iterator[tuple[int, Outcome]]:
        """Yield each clip's number with its outcome, as they end."""
        self.connect()
        if not jobs:
            return
        with _sign(jobs[0].output.parent) as sign:
            for number, outcome in self._all([("clip", settings, None) for settings in jobs], sign):
                tell(number, 1.0)
                yield number, outcome

    def render(self, job: Job, stretches: list[Stretch], add: Callable[[int], None]) -> None:
        """Render the missing segments of one clip: a `vidseg.resume.Renderer`."""
        self.connect()
        pieces = divided(stretches, job.estimated_stop, self._workers())
        work: list[Work] = [("stretch", job.settings, piece) for piece in pieces]
        with _sign(job.store.folder) as sign:
            for _, outcome in self._all(work, sign):
                if outcome.state == "failed":
                    raise OutputError(outcome.message)
                add(outcome.frames)

    def close(self) -> None:
        """Dismiss the actors and leave the cluster."""
        for hand in list(self._hands):
            self._dismiss(hand)
        if self._ray is not None:
            self._ray.shutdown()
            self._ray = None

    def _all(self, work: Sequence[Work], sign: Path) -> Iterator[tuple[int, Outcome]]:
        """Do all pieces of work, one at a time per actor; a dead actor's piece goes to another one."""
        todo = deque(range(len(work)))
        deaths: Counter[int] = Counter()
        while todo or any(hand.work is not None for hand in self._hands):
            self._hire(len(todo))
            for idle in self._hands:
                if todo and idle.ready and idle.work is None:
                    self._ask(idle, todo.popleft(), work, sign)
            hand = self._next()
            if hand is None:
                self.say("waiting for the cluster: no worker has answered for a while")
                continue
            number, hand.work = hand.work, None
            try:
                answer = self._answer(hand)
            except self._ray.exceptions.RayError as error:
                self._dismiss(hand)
                if number is None:
                    self._early += 1
                    if self._early > _MOST_DEATHS or "creation task" in str(error):
                        raise _opening_failure(error) from error
                    continue
                deaths[number] += 1
                self.say(f"a worker died ({work[number][1].source}); its work is given to another")
                if deaths[number] < _MOST_DEATHS:
                    todo.appendleft(number)
                else:
                    yield number, Outcome("failed", message=f"{deaths[number]} workers died of it")
                continue
            if number is None:
                self._greet(hand, answer)
            else:
                yield number, answer

    def _answer(self, hand: _Hand) -> Any:
        """Return what an actor answered. Raises Ray's error where it died."""
        try:
            answer = self._ray.get(hand.asked)
        except self._ray.exceptions.RayTaskError as error:
            return Outcome("failed", message=f"internal error, {str(error.cause)[:200]}")
        if isinstance(answer, Outcome) and answer.state == "failed" and hand.host != socket.gethostname():
            return replace(answer, message=f"on {hand.host}: {answer.message}")
        return answer

    def _ask(self, hand: _Hand, number: int, work: Sequence[Work], sign: Path) -> None:
        kind, settings, stretch = work[number]
        settings = replace(settings, segment=self._on_worker(settings.segment))
        hand.work = number
        hand.asked = (
            hand.actor.clip.remote(settings, sign)
            if kind == "clip"
            else hand.actor.stretch.remote(settings, sign, stretch)
        )

    def _greet(self, hand: _Hand, greeting: Greeting) -> None:
        """Take an actor on. Raises `SettingsError` where something there has another version than here."""
        versions, host = greeting
        for name, mine in library_versions().items():
            if versions.get(name) != mine:
                raise SettingsError(
                    f"{host} has {name} {versions.get(name, 'of unknown version')}, this machine {mine}; "
                    "install the same everywhere"
                )
        hand.host = host
        self._early = 0

    def _hire(self, waiting: int) -> None:
        """Ask for actors until all that work, and those that could, are there."""
        busy = sum(hand.work is not None for hand in self._hands)
        while len(self._hands) < min(self._workers(), waiting + busy):
            self._hands.append(self._hired())

    def _dismiss(self, hand: _Hand) -> None:
        """Free what an actor holds, whether it is dead or only out of reach."""
        self._hands.remove(hand)
        with suppress(self._ray.exceptions.RayError, ValueError):
            self._ray.kill(hand.actor)

    def _next(self) -> _Hand | None:
        """Return an actor that has answered, or died; `None` after a while without."""
        waiting = [hand for hand in self._hands if not hand.ready or hand.work is not None]
        done, _ = self._ray.wait([hand.asked for hand in waiting], timeout=_WAIT_S)
        return next((hand for hand in waiting if done and hand.asked == done[0]), None)

    def _hired(self) -> _Hand:
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
            why = f" ({str(error)[:160]})" if str(error) else ""
            raise SettingsError(f"{nobody}{why}") from error
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
