"""Run an iterator ahead of its consumer, in threads behind a bounded queue; or a single call."""

import inspect
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, Self, TypeVar

import cv2

from vidseg.errors import StalledError

S = TypeVar("S")
T = TypeVar("T")

_POLL_SECONDS = 0.1
STALL_SECONDS = 300.0
"""How long a stage may give nothing before the run is ended: far above any batch on any machine."""


class _Raised:
    """Carries a worker's exception to the consumer."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


_END = object()


def prefetch(
    source: Iterable[T], depth: int, *, name: str = "prefetch", stall_s: float = STALL_SECONDS
) -> Generator[T, None, None]:
    """Yield the items of `source`, which is consumed by a thread at most `depth` items ahead.

    One more is under way. For all else see `in_order`, whose only worker the thread is.
    """
    return in_order(source, _unchanged, 1, depth, name=name, stall_s=stall_s)


def in_order(
    source: Iterable[S],
    work: Callable[[S], T],
    workers: int,
    depth: int,
    *,
    name: str = "work",
    stall_s: float = STALL_SECONDS,
) -> Generator[T, None, None]:
    """Yield what `work` makes of the items of `source`, in their order; `workers` threads do it.

    Whichever is free takes the next item, in which it is alone, so that `source` may keep state
    from one item to the next; `work` is called by all at once. At most `depth` results wait for
    the consumer, and one more is under way in each thread.

    An exception of `source` or `work` is re-raised here, after the items before it. However the
    generator ends (exhausted, closed, or dropped after an exception in the consumer), the threads
    are joined and a generator `source` is closed in one of them, so that what a single one holds
    open is closed where it was opened. Raises `StalledError` where the next result doesn't come
    for `stall_s` seconds; the threads are then left behind.
    """
    crew = _Crew(iter(source), work, depth + workers)
    threads = [
        threading.Thread(target=crew.run, name=f"{name} {i}" if i else name, daemon=True)
        for i in range(workers)
    ]
    for thread in threads:
        thread.start()
    patience: float | None = None
    try:
        while (item := _get(_get(crew.places, name, stall_s), name, stall_s)) is not _END:
            crew.room.release()
            if isinstance(item, _Raised):
                raise item.error
            yield item  # type: ignore[misc]  # a place holds T, _END or _Raised only
    except StalledError:
        patience = _POLL_SECONDS
        raise
    finally:
        crew.over.set()
        for thread in threads:
            thread.join(patience)


def mapped(work: Callable[[S], T], source: Iterable[S], workers: int, *, name: str) -> Iterator[T]:
    """Yield what `work` makes of the items of `source`; several `workers` see `in_order`.

    A single one is no thread, but whoever asks for the next.
    """
    return map(work, source) if workers == 1 else in_order(source, work, workers, 1, name=name)


class _Crew(Generic[S, T]):
    """Threads that work on the items of a source.

    `places`: one for each item that was taken, in order, which gets what comes of it. `room`: for
    how many more there is room. `over`: nobody waits for more, or no more will come.
    """

    def __init__(self, source: Iterator[S], work: Callable[[S], T], room: int) -> None:
        self.places: queue.SimpleQueue[queue.SimpleQueue[object]] = queue.SimpleQueue()
        self.room = threading.Semaphore(room)
        self.over = threading.Event()
        self._source, self._work = source, work
        self._taking = threading.Lock()

    def run(self) -> None:
        """Take one item after the other until it is over; each thread does."""
        while self._worked():
            pass

    def _worked(self) -> bool:
        """Work on the next item, if there is one; keep nothing of it."""
        with self._taking:
            if not self._has_room():
                self._leave_source()
                return False
            place: queue.SimpleQueue[object] = queue.SimpleQueue()
            self.places.put(place)
            try:
                item = next(self._source)
            except StopIteration:
                self._end(place, _END)
                return False
            except BaseException as error:  # re-raised by the consumer, whatever it is
                self._end(place, _Raised(error))
                return False
        try:
            place.put(self._work(item))
        except BaseException as error:
            self._end(place, _Raised(error))
        return True

    def _has_room(self) -> bool:
        """Wait until another result may be made; return whether one may."""
        while not self.over.is_set():
            if self.room.acquire(timeout=_POLL_SECONDS):
                return True
        return False

    def _end(self, place: "queue.SimpleQueue[object]", last: object) -> None:
        place.put(last)
        self.over.set()

    def _leave_source(self) -> None:
        if isinstance(self._source, Generator):
            with suppress(BaseException):  # nobody waits for it
                self._source.close()


def _unchanged(item: T) -> T:
    return item


class Once(Generic[T]):
    """A value that is made once, by whichever thread asks for it first."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make: Callable[[], T] | None = make
        self._made: list[T] = []
        self._making = threading.Lock()

    def value(self) -> T:
        """Return it, made now where it wasn't before; raise what making it raises."""
        with self._making:
            if self._make is not None:
                self._made.append(self._make())
                self._make = None  # and what it held
            return self._made[0]


class BackgroundCall(Generic[T]):
    """A call that runs in a thread while its caller does something else.

    As a context manager: with the end of the block the thread has ended too, whether or not anybody
    asked for the result.
    """

    def __init__(self, call: Callable[[], T], *, name: str) -> None:
        self._call = call
        self._given: list[T] = []
        self._error: BaseException | None = None
        self._ended = (
            threading.Event()
        )  # Python takes a thread for ended whose `join` was interrupted
        self._worker = threading.Thread(target=self._work, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.wait()
        self._worker.join()

    def result(self) -> T:
        """Wait for the call, and return what it gave or raise what it raised."""
        self._ended.wait()
        if self._error is not None:
            raise self._error
        return self._given[0]

    def _work(self) -> None:
        try:
            self._given.append(self._call())
        except BaseException as error:  # raised again by `result`, whatever it is
            self._error = error
        finally:
            self._ended.set()


def leave(stage: Generator[T, None, None]) -> None:
    """Close a stage, or leave it behind with all it holds if a stalled thread is still in it."""
    if inspect.getgeneratorstate(stage) != inspect.GEN_RUNNING:
        stage.close()


@contextmanager
def leaving(stage: Generator[T, None, None]) -> Iterator[Generator[T, None, None]]:
    """Give a stage that the thread of another one consumes, and `leave` it in the end."""
    try:
        yield stage
    finally:
        leave(stage)


class _OneThreadEach:
    """Keeps OpenCV from dividing a stage's work: stages run beside each other and share the cores.

    The setting is the process's: of several renders at once the first saves it, and the last
    restores it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._renders = 0
        self._threads = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._renders == 0:
                self._threads = cv2.getNumThreads()
                cv2.setNumThreads(1)
            self._renders += 1
        try:
            yield
        finally:
            with self._lock:
                self._renders -= 1
                if self._renders == 0:
                    cv2.setNumThreads(self._threads)


one_thread_each = _OneThreadEach()


def _get(items: "queue.SimpleQueue[S]", name: str, stall_s: float) -> S:
    try:
        return items.get(timeout=stall_s)
    except queue.Empty:
        raise StalledError(
            f"the {name} stage gave nothing for {stall_s:g} s; the run is ended"
        ) from None
