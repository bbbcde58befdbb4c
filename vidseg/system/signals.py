"""Deferred signals: interrupts that wait while a file is made and registered."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Let interrupts wait until the block is done; the first that came is raised then.

    For short blocks: what opens a file and hands it to the one who closes it, or renames several
    files that belong together. Python delivers signals to the main thread only, so elsewhere this
    does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        came.append(number)

    usual = {number: signal.getsignal(number) for number in _SIGNALS}
    untouched = (None, signal.SIG_IGN)  # set by another language, or ignored, which is no interrupt
    usual = {number: handler for number, handler in usual.items() if handler not in untouched}
    try:
        for number in usual:
            signal.signal(number, note)
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])
