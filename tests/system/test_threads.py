"""One thread ahead: order, errors, closing, stalls."""

import signal
import threading
import time
from collections.abc import Iterator

import cv2
import pytest

from vidseg.errors import StalledError
from vidseg.system.threads import BackgroundCall, leaving, one_thread_each, prefetch


def test_items_come_in_order_from_another_thread() -> None:
    names: list[str] = []

    def source() -> Iterator[int]:
        for number in range(50):
            names.append(threading.current_thread().name)
            yield number

    assert list(prefetch(source(), 3, name="numbers")) == list(range(50))
    assert set(names) == {"numbers"}


def test_it_never_runs_further_ahead_than_its_depth() -> None:
    made: list[int] = []

    def source() -> Iterator[int]:
        for number in range(20):
            made.append(number)
            yield number

    items = prefetch(source(), 2)
    next(items)
    time.sleep(0.2)
    assert len(made) <= 4  # one taken, two queued, one in the hand
    items.close()


def test_an_error_comes_after_the_items_before_it() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise KeyError("broken")

    items = prefetch(source(), 4)
    assert next(items) == 1
    with pytest.raises(KeyError, match="broken"):
        next(items)


def test_closing_joins_the_thread_and_closes_the_source_there() -> None:
    closed_in: list[str] = []

    def source() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed_in.append(threading.current_thread().name)

    items = prefetch(source(), 2, name="endless")
    next(items)
    items.close()
    assert closed_in == ["endless"]
    assert "endless" not in [thread.name for thread in threading.enumerate()]


def test_a_stall_ends_the_run_instead_of_hanging() -> None:
    release = threading.Event()

    def source() -> Iterator[int]:
        release.wait(10)
        yield 0

    with pytest.raises(StalledError, match=r"the slow stage gave nothing for 0\.1 s"):
        next(prefetch(source(), 1, name="slow", stall_s=0.1))
    release.set()


def test_a_stage_that_stalls_far_behind_leaves_the_others_closable() -> None:
    """What consumes a stalled stage still waits within it: closing that hid the stall's line."""
    release = threading.Event()

    def source() -> Iterator[int]:
        release.wait(10)
        yield 0

    inner = prefetch(source(), 1, name="inner")
    with pytest.raises(StalledError, match="the outer stage"), leaving(inner):
        next(prefetch((item for item in inner), 1, name="outer", stall_s=0.1))
    release.set()


def test_leaving_closes_a_stage_that_nobody_waits_in() -> None:
    stage = prefetch(iter(range(9)), 1, name="left")
    with leaving(stage):
        assert next(stage) == 0
    assert "left" not in [thread.name for thread in threading.enumerate()]


def test_renders_at_once_leave_opencvs_threads_as_they_were() -> None:
    """The second to end restored what the first had set for itself."""
    before = cv2.getNumThreads()
    first, second = one_thread_each(), one_thread_each()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert cv2.getNumThreads() == 1
    second.__exit__(None, None, None)
    assert cv2.getNumThreads() == before


def test_a_call_runs_beside_its_caller() -> None:
    """Its result is waited for, and comes from another thread."""
    with BackgroundCall(lambda: threading.current_thread().name, name="beside") as begun:
        assert begun.result() == "beside"
        assert begun.result() == "beside"


def test_an_error_of_a_call_is_told_to_who_asks() -> None:
    def fail() -> None:
        raise KeyError("broken")

    with BackgroundCall(fail, name="beside"):
        pass
    with BackgroundCall(fail, name="beside") as begun, pytest.raises(KeyError, match="broken"):
        begun.result()


def test_a_call_does_not_outlive_a_failure_beside_it() -> None:
    """A thread that still held a network or the terminal would run into the end of the process."""
    done: list[bool] = []

    def slow() -> None:
        time.sleep(0.2)
        done.append(True)

    with pytest.raises(ZeroDivisionError), BackgroundCall(slow, name="beside"):
        _ = 1 / 0
    assert done
    assert "beside" not in [thread.name for thread in threading.enumerate()]


def test_a_call_does_not_outlive_an_interrupt_of_who_waits_for_it() -> None:
    """After Ctrl-C in `join` the thread passed for ended: nobody heard that it was "interrupted".

    While a network is opened, standard error is held back.
    """
    done: list[bool] = []
    waits = threading.Event()

    def slow() -> None:
        waits.wait(10)
        time.sleep(0.1)
        signal.pthread_kill(main, signal.SIGINT)
        time.sleep(0.3)
        done.append(True)

    def waited_for() -> None:
        with BackgroundCall(slow, name="beside") as begun:
            waits.set()
            begun.result()

    main = threading.get_ident()
    with pytest.raises(KeyboardInterrupt):
        waited_for()
    assert done
    assert "beside" not in [thread.name for thread in threading.enumerate()]
