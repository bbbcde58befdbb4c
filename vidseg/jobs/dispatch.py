"""Dispatcher of independent pieces of work to a pool of workers.

How workers are started and talked to is a `Transport`: processes of this machine and their pipes,
or actors of a cluster. Who works, on what, and what becomes of a piece whose worker dies is decided
here.
"""

from collections import Counter, deque
from collections.abc import Generator, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeAlias, TypeVar

from vidseg.errors import VidsegError
from vidseg.jobs.batch import Outcome, Tell

Worker = TypeVar("Worker", bound=Hashable)
"""A transport's handle of a worker."""
Piece = TypeVar("Piece", contravariant=True)
"""What a worker is sent."""


@dataclass(frozen=True, slots=True)
class Ready(Generic[Worker]):
    """A worker has opened its network, and can be sent a piece."""

    worker: Worker


@dataclass(frozen=True, slots=True)
class Progress(Generic[Worker]):
    """A worker has done a share of its piece, in [0, 1]."""

    worker: Worker
    share: float


@dataclass(frozen=True, slots=True)
class Answer(Generic[Worker]):
    """A worker has ended its piece."""

    worker: Worker
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Died(Generic[Worker]):
    """A worker is gone, and the transport has freed what it held.

    `message`: what is said of its piece, should that be given up. `error`: what the run ends with,
    should worker after worker die before it is ready.
    """

    worker: Worker
    message: str
    error: VidsegError


Event: TypeAlias = Ready[Worker] | Progress[Worker] | Answer[Worker] | Died[Worker]


class Transport(Protocol[Worker, Piece]):
    """Starts workers, carries pieces of work to them, and what they say back."""

    def most_workers(self) -> int:
        """Return how many workers there may be now, 1 at least; a cluster may grow and shrink."""

    def spawn(self) -> Worker:
        """Begin to start a worker; `Ready` tells when it can work."""

    def send(self, worker: Worker, piece: Piece) -> None:
        """Send a piece to a worker that is ready and has none; `wait` tells later if it died."""

    def wait(self, workers: Sequence[Worker]) -> Event[Worker] | None:
        """Wait for one of the workers to say something or die; `None` after a while of silence.

        Raises a `VidsegError` where a worker couldn't open its network for a reason that all share.
        """

    def dismiss(self, workers: Sequence[Worker]) -> None:
        """End workers, all at the same time, whatever they are at."""


@dataclass(slots=True)
class _State:
    ready: bool = False
    number: int | None = None
    """Its piece's, while it has one."""


@dataclass(slots=True)
class _Queue:
    """The numbers of the pieces that wait, and how often each has lost its worker."""

    waiting: deque[int]
    deaths: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class Dispatcher(Generic[Worker, Piece]):
    """Keeps each worker busy with one piece at a time, in the order of the pieces.

    The piece of a worker that dies is the next one to be sent, to another worker. A piece that has
    lost `deaths_per_piece` workers has failed. A run in which more than `early_deaths` workers die,
    one after the other, before any new one is ready, ends. Workers stay for the next run, until
    `close`.
    """

    transport: Transport[Worker, Piece]
    deaths_per_piece: int
    early_deaths: int
    _workers: dict[Worker, _State] = field(default_factory=dict, init=False)
    _early: int = field(default=0, init=False)

    def run(
        self, pieces: Sequence[Piece], tell: Tell
    ) -> Generator[tuple[int, Outcome], None, None]:
        """Yield each piece's number with its outcome, as they end; one run at a time.

        Raises what `Transport.wait` raises, and the `error` of too many early deaths.
        """
        queue = _Queue(deque(range(len(pieces))))
        self._early = 0
        try:
            while queue.waiting or self._busy():
                self._spawn(len(queue.waiting))
                self._hand_out(pieces, queue.waiting)
                event = self.transport.wait(tuple(self._workers))
                if (ended := self._take(event, queue, tell)) is not None:
                    yield ended
        finally:  # the next run would take what is answered to one that is left early for its own
            self._dismiss(self._busy())

    def close(self) -> None:
        """Dismiss all workers."""
        self._dismiss(list(self._workers))

    def _spawn(self, waiting: int) -> None:
        """Start workers until there are as many as have, or could have, something to do."""
        useful = waiting + len(self._busy())
        while len(self._workers) < min(self.transport.most_workers(), useful):
            self._workers[self.transport.spawn()] = _State()

    def _hand_out(self, pieces: Sequence[Piece], waiting: deque[int]) -> None:
        """Send every idle worker a piece, while there are any."""
        for worker, state in self._workers.items():
            if waiting and state.ready and state.number is None:
                state.number = waiting.popleft()
                self.transport.send(worker, pieces[state.number])

    def _take(
        self, event: Event[Worker] | None, queue: _Queue, tell: Tell
    ) -> tuple[int, Outcome] | None:
        """Note what happened; return the number and the outcome of the piece that ended by it."""
        if event is None:
            return None
        if isinstance(event, Died):
            return self._lose(event, queue)
        state = self._workers[event.worker]
        if isinstance(event, Ready):
            state.ready = True
            self._early = 0
        elif state.number is not None and isinstance(event, Progress):
            tell(state.number, event.share)
        elif state.number is not None and isinstance(event, Answer):
            number, state.number = state.number, None
            return number, event.outcome
        return None

    def _lose(self, died: Died[Worker], queue: _Queue) -> tuple[int, Outcome] | None:
        """Let another worker try a dead one's piece; return the failure of one tried too often."""
        state = self._workers.pop(died.worker)
        if not state.ready:
            self._early += 1
            if self._early > self.early_deaths:
                raise died.error
        if state.number is None:
            return None
        queue.deaths[state.number] += 1
        if queue.deaths[state.number] >= self.deaths_per_piece:
            return state.number, Outcome("failed", message=died.message)
        queue.waiting.appendleft(state.number)
        return None

    def _busy(self) -> list[Worker]:
        return [worker for worker, state in self._workers.items() if state.number is not None]

    def _dismiss(self, workers: Sequence[Worker]) -> None:
        if workers:
            self.transport.dismiss(workers)
        for worker in workers:
            del self._workers[worker]
