"""Threads ahead: order, errors, closing, stalls."""

import signal
import threading
import time
from collections.abc import Iterator

import cv2
import pytest

from vidseg.errors import StalledError
from vidseg.system.threads import (
    BackgroundCall,
    Once,
    in_order,
    leaving,
    one_thread_each,
    prefetch,
)


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


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_order_however_long_each_takes(workers: int) -> None:
    def work(number: int) -> int:
        time.sleep(0.002 * (7 - number % 8))
        return number * number

    squares = [number * number for number in range(60)]
    assert list(in_order(iter(range(60)), work, workers, 2)) == squares


@pytest.mark.parametrize("workers", [2, 4])
def test_so_many_items_are_worked_on_at_once(workers: int) -> None:
    """Each waits until as many are under way: so many times the rate, where all the work waits."""
    meeting = threading.Barrier(workers)

    def work(number: int) -> int:
        meeting.wait(60)
        return number

    assert list(in_order(iter(range(24)), work, workers, 1)) == list(range(24))


def test_workers_enter_the_source_one_at_a_time_and_run_so_far_ahead() -> None:
    inside = 0
    taken: list[int] = []

    def source() -> Iterator[int]:
        nonlocal inside
        for number in range(40):
            assert inside == 0
            inside += 1
            time.sleep(0.001)
            taken.append(number)
            inside -= 1
            yield number

    given = 0
    for number in in_order(source(), str, 3, 2):
        given += 1
        time.sleep(0.002)
        assert number == str(given - 1)
        assert len(taken) <= given + 5
    assert given == 40


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_of_a_worker_comes_in_its_turn(workers: int) -> None:
    """Even where it was the first to be done; nothing is taken after it for long."""
    taken: list[int] = []

    def source() -> Iterator[int]:
        for number in range(10_000):
            taken.append(number)
            yield number

    def work(number: int) -> int:
        if number == 3:
            raise KeyError("broken")
        time.sleep(0.01)
        return number

    given: list[int] = []
    with pytest.raises(KeyError, match="broken"):
        given.extend(in_order(source(), work, workers, 2, name="faulty"))
    assert given == [0, 1, 2]
    assert len(taken) < 20
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("faulty")]


def test_closing_ends_all_workers_and_the_source() -> None:
    closed: list[bool] = []

    def source() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.append(True)

    items = in_order(source(), str, 4, 2, name="crew")
    assert next(items) == "0"
    assert len([each for each in threading.enumerate() if each.name.startswith("crew")]) == 4
    items.close()
    assert closed == [True]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("crew")]


def test_a_worker_that_stalls_ends_the_run() -> None:
    release = threading.Event()

    def work(number: int) -> int:
        if number == 1:
            release.wait(10)
        return number

    items = in_order(iter(range(9)), work, 2, 2, name="slow", stall_s=0.2)
    assert next(items) == 0
    with pytest.raises(StalledError, match=r"the slow stage gave nothing for 0\.2 s"):
        next(items)
    release.set()


def test_what_is_wanted_once_is_made_once() -> None:
    made: list[int] = []
    together = threading.Barrier(4)

    def make() -> int:
        made.append(len(made))
        time.sleep(0.05)
        return 7

    once = Once(make)

    def ask(_: int) -> int:
        together.wait(60)
        return once.value()

    assert list(in_order(iter(range(4)), ask, 4, 1)) == [7] * 4
    assert made == [0]


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
