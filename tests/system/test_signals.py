"""Interrupts wait for what must not be divided, and for nothing else."""

import signal
from collections.abc import Callable, Iterator

import pytest

from vidseg.system.signals import deferred_signals


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    """Leave no handler behind."""
    before = {
        number: signal.getsignal(number)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def noting(came: list[int]) -> Callable[..., None]:
    """Return a handler that notes which signal came."""
    return lambda number, _: came.append(number)


def test_an_interrupt_is_raised_once_the_block_is_done() -> None:
    done: list[bool] = []

    def interrupted() -> None:
        with deferred_signals():
            signal.raise_signal(signal.SIGINT)
            done.append(True)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_ignored_stays_so_and_hides_no_other() -> None:
    """Under `nohup` a SIGHUP that came first was what counted, and Ctrl-C after it was lost."""
    came: list[int] = []
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, noting(came))
    with deferred_signals():
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGTERM)
        assert came == []
    assert came == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
