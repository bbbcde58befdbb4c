"""Run an iterator ahead of its consumer, in one thread behind a bounded queue; or a single call."""

import inspect
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from typing import Generic, Self, TypeVar

import cv2

from vidseg.errors import StalledError

T = TypeVar("T")

_POLL_SECONDS = 0.1
STALL_SECONDS = 300.0
"""How long a stage may give nothing before the run is ended: far above any batch on any machine."""


class _Raised:
    """Carries the worker's exception to the consumer."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


_END = object()


def prefetch(
    source: Iterable[T], depth: int, *, name: str = "prefetch", stall_s: float = STALL_SECONDS
) -> Generator[T, None, None]:
    """Yield the items of `source`, which is consumed by a thread at most `depth` items ahead.

    An exception of `source` is re-raised here, after the items before it. However the generator
    ends (exhausted, closed, or dropped after an exception in the consumer), the thread is joined
    and a generator `source` is closed in that thread, so that what it holds open is closed where it
    was opened. Raises `StalledError` where `source` gives nothing for `stall_s` seconds; its thread
    is then left behind.
    """
    items: queue.Queue[object] = queue.Queue(maxsize=depth)
    stop = threading.Event()
    worker = threading.Thread(
        target=_work, args=(iter(source), items, stop), name=name, daemon=True
    )
    worker.start()
    patience: float | None = None
    try:
        while (item := _get(items, name, stall_s)) is not _END:
            if isinstance(item, _Raised):
                raise item.error
            yield item  # type: ignore[misc]  # the queue holds T, _END and _Raised only
    except StalledError:
        patience = _POLL_SECONDS
        raise
    finally:
        stop.set()
        worker.join(patience)


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


def _get(items: "queue.Queue[object]", name: str, stall_s: float) -> object:
    try:
        return items.get(timeout=stall_s)
    except queue.Empty:
        raise StalledError(
            f"the {name} stage gave nothing for {stall_s:g} s; the run is ended"
        ) from None


def _work(source: Iterator[T], items: "queue.Queue[object]", stop: threading.Event) -> None:
    last: object = _END
    try:
        with closing(source) if isinstance(source, Generator) else nullcontext():
            for item in source:
                if not _put(items, item, stop):
                    return
    except BaseException as error:  # re-raised by the consumer, whatever it is
        last = _Raised(error)
    finally:
        _put(items, last, stop)


def _put(items: "queue.Queue[object]", item: object, stop: threading.Event) -> bool:
    """Put `item` unless the consumer has gone; return whether it was put."""
    while not stop.is_set():
        try:
            items.put(item, timeout=_POLL_SECONDS)
            return True
        except queue.Full:
            continue
    return False
