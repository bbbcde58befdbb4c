"""The dispatcher over a transport that is none: who gets which piece, and what a death costs."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidseg.errors import ModelError
from vidseg.jobs.batch import Outcome
from vidseg.jobs.dispatch import Answer, Died, Dispatcher, Event, Progress, Ready

DONE = Outcome("done", 1)
Behaviour: TypeAlias = "Callable[[int, str], list[Event[int]]]"
"""(worker, piece) → what the worker says once it is sent the piece."""


def died(worker: int) -> Died[int]:
    """Return a death with words of its own."""
    return Died(worker, "it kills workers", ModelError("no worker gets ready"))


def answering(worker: int, _: str) -> list[Event[int]]:
    """Do every piece."""
    return [Answer(worker, DONE)]


def deadly(*pieces: str, times: int = 1000) -> Behaviour:
    """Do every piece but some, which kill their workers so many times altogether."""
    left = iter(range(times))

    def behave(worker: int, piece: str) -> list[Event[int]]:
        kills = piece in pieces and next(left, None) is not None
        return [died(worker) if kills else Answer(worker, DONE)]

    return behave


def first(_: int) -> int:
    """Let things happen in the order in which they were begun."""
    return 0


@dataclass
class FakeTransport:
    """Workers that are numbers; what they say waits in a list, of which `choose` takes the next.

    It refuses whatever the contract forbids.
    """

    limit: int = 2
    behave: Behaviour = answering
    opening: Callable[[int], Event[int] | Exception] = Ready
    choose: Callable[[int], int] = first
    alive: dict[int, str | None] = field(default_factory=dict)
    """What each worker that isn't dead or dismissed is at; `None`: nothing."""
    ready: set[int] = field(default_factory=set)
    sent: list[str] = field(default_factory=list)
    silent: int = 0
    """How often nobody says anything at first."""
    _said: list[tuple[int, Event[int] | Exception]] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)

    @property
    def spawned(self) -> int:
        """How many workers there have been."""
        return next(self._numbers)

    def most_workers(self) -> int:
        """Return the limit."""
        return self.limit

    def spawn(self) -> int:
        """Start a worker."""
        worker = next(self._numbers)
        self.alive[worker] = None
        self._said.append((worker, self.opening(worker)))
        return worker

    def send(self, worker: int, piece: str) -> None:
        """Send a piece, to a worker that waits for one."""
        assert worker in self.ready
        assert self.alive[worker] is None, "one piece at a time"
        self.alive[worker] = piece
        self.sent.append(piece)
        self._said += [(worker, event) for event in self.behave(worker, piece)]

    def wait(self, workers: Sequence[int]) -> Event[int] | None:
        """Return what happens next."""
        assert set(workers) == set(self.alive)
        assert len(workers) <= self.limit
        if self.silent:
            self.silent -= 1
            return None
        worker, event = self._next()
        if isinstance(event, Exception):
            raise event
        if isinstance(event, Ready):
            self.ready.add(worker)
        elif isinstance(event, Answer):
            self.alive[worker] = None
        elif isinstance(event, Died):
            self.dismiss([worker])
        return event

    def dismiss(self, workers: Sequence[int]) -> None:
        """End workers, which are silent from now on."""
        for worker in workers:
            del self.alive[worker]
        self._said = [said for said in self._said if said[0] in self.alive]

    def _next(self) -> tuple[int, Event[int] | Exception]:
        """Return one of the things that can happen next: the first that some worker has to say."""
        assert self._said, "the dispatcher waits for what never comes"
        firsts = {worker: place for place, (worker, _) in reversed(list(enumerate(self._said)))}
        places = sorted(firsts.values())
        return self._said.pop(places[self.choose(len(places))])


def dispatcher(transport: FakeTransport) -> Dispatcher[int, str]:
    """Return a dispatcher that gives a piece up at its second death."""
    return Dispatcher(transport, deaths_per_piece=2, early_deaths=3)


def outcomes(transport: FakeTransport, pieces: Sequence[str]) -> dict[int, Outcome]:
    """Return what became of each piece; everything is dismissed then."""
    with closing(dispatcher(transport)) as tested:
        ended = list(tested.run(pieces, lambda *_: None))
    assert not transport.alive
    assert len(ended) == len(dict(ended)), "a piece ends once"
    return dict(ended)


def test_pieces_are_sent_in_their_order_and_answered_by_their_numbers() -> None:
    transport = FakeTransport(
        behave=lambda worker, piece: [Answer(worker, Outcome("done", int(piece)))]
    )
    ended = outcomes(transport, ["10", "11", "12", "13", "14"])
    assert transport.sent == ["10", "11", "12", "13", "14"]
    assert {number: outcome.frames for number, outcome in ended.items()} == {
        n: 10 + n for n in range(5)
    }


def test_without_pieces_there_are_no_workers() -> None:
    transport = FakeTransport()
    assert outcomes(transport, []) == {}
    assert transport.spawned == 0


@pytest.mark.parametrize(("pieces", "limit", "expected"), [(5, 3, 3), (2, 3, 2), (1, 3, 1)])
def test_workers_are_no_more_than_useful(pieces: int, limit: int, expected: int) -> None:
    transport = FakeTransport(limit=limit)
    outcomes(transport, ["piece"] * pieces)
    assert transport.spawned == expected


def test_a_failed_piece_is_not_tried_again() -> None:
    failed = Outcome("failed", message="not a media file")
    transport = FakeTransport(behave=lambda worker, _: [Answer(worker, failed)])
    assert outcomes(transport, ["a", "b"]) == {0: failed, 1: failed}
    assert transport.sent == ["a", "b"]


def test_a_dead_workers_piece_is_the_next_to_be_sent() -> None:
    transport = FakeTransport(limit=1, behave=deadly("a", times=1))
    assert outcomes(transport, ["a", "b", "c"]) == {0: DONE, 1: DONE, 2: DONE}
    assert transport.sent == ["a", "a", "b", "c"]
    assert transport.spawned == 2


def test_a_dead_worker_is_replaced_while_others_are_busy() -> None:
    """Its piece doesn't wait until one of them has time."""
    transport = FakeTransport(behave=deadly("a", times=1))
    assert outcomes(transport, ["a", "b"]) == {0: DONE, 1: DONE}
    assert transport.spawned == 3


def test_a_piece_that_kills_its_workers_is_given_up_alone() -> None:
    transport = FakeTransport(behave=deadly("b"))
    ended = outcomes(transport, ["a", "b", "c", "d"])
    assert ended.pop(1) == Outcome("failed", message="it kills workers")
    assert ended == {0: DONE, 2: DONE, 3: DONE}
    assert transport.sent.count("b") == 2


def test_deaths_of_different_pieces_do_not_add_up() -> None:
    """Each of many pieces takes one worker along, and is done by the next."""
    seen: set[str] = set()

    def once_each(worker: int, piece: str) -> list[Event[int]]:
        if piece in seen:
            return [Answer(worker, DONE)]
        seen.add(piece)
        return [died(worker)]

    pieces = [f"{number}" for number in range(8)]
    assert outcomes(FakeTransport(behave=once_each), pieces) == dict.fromkeys(range(8), DONE)


def dying_idle(worker: int, piece: str) -> list[Event[int]]:
    """Do every piece, and die after one of them."""
    return [Answer(worker, DONE), *([died(worker)] if piece == "a" else [])]


def test_an_idle_workers_death_costs_no_piece() -> None:
    transport = FakeTransport(behave=dying_idle)
    assert outcomes(transport, ["a", "b"]) == {0: DONE, 1: DONE}
    assert transport.sent == ["a", "b"]
    assert transport.spawned == 2


def test_a_death_that_is_noticed_in_the_next_run_costs_no_piece() -> None:
    """The dead worker is sent one, which goes to another then."""
    transport = FakeTransport(behave=dying_idle)
    with closing(dispatcher(transport)) as tested:
        for _ in range(2):
            assert dict(tested.run(["a"], lambda *_: None)) == {0: DONE}
    assert transport.sent == ["a", "a", "a"]


def test_a_failure_to_open_the_network_ends_the_run() -> None:
    """It would befall every worker: no other is tried, and no piece is to blame."""
    transport = FakeTransport(opening=lambda _: ModelError("no such model"))
    with pytest.raises(ModelError, match="no such model"):
        outcomes(transport, ["a", "b", "c"])
    assert not transport.alive
    assert (transport.sent, transport.spawned) == ([], 2)


def test_workers_that_die_before_they_are_ready_end_the_run() -> None:
    transport = FakeTransport(limit=1, opening=died)
    with pytest.raises(ModelError, match="no worker gets ready"):
        outcomes(transport, ["a"])
    assert not transport.alive
    assert (transport.sent, transport.spawned) == ([], 4)


def test_some_may_die_before_they_are_ready() -> None:
    """On a large cluster that happens now and then: what counts is how many do so in a row."""
    transport = FakeTransport(
        limit=1,
        opening=lambda worker: Ready(worker) if worker % 3 == 2 else died(worker),
        behave=deadly("0", "1", "2", "3", "4", "5"),
    )
    ended = outcomes(transport, ["0", "1", "2", "3", "4", "5", "6"])
    assert [outcome.state for outcome in ended.values()] == ["failed"] * 6 + ["done"]


def test_progress_is_passed_on_with_the_pieces_number() -> None:
    told: list[tuple[int, float]] = []
    transport = FakeTransport(
        limit=1,
        behave=lambda worker, _: [
            Progress(worker, 0.5),
            Answer(worker, DONE),
            Progress(worker, 0.9),
        ],
    )
    with closing(dispatcher(transport)) as tested:
        list(tested.run(["a", "b"], lambda number, share: told.append((number, share))))
    assert told == [(0, 0.5), (1, 0.9), (1, 0.5)]


def test_silence_is_waited_out() -> None:
    assert outcomes(FakeTransport(silent=5), ["a", "b"]) == {0: DONE, 1: DONE}


def test_workers_that_become_possible_later_are_used() -> None:
    """A machine joins the cluster in the middle of a run."""
    transport = FakeTransport(limit=1)
    with closing(dispatcher(transport)) as tested:
        run = tested.run(["piece"] * 6, lambda *_: None)
        next(run)
        transport.limit = 3
        assert len(list(run)) == 5
    assert transport.spawned == 3


def test_workers_stay_for_the_next_run() -> None:
    transport = FakeTransport()
    with closing(dispatcher(transport)) as tested:
        for pieces in (["a", "b"], ["c"], ["d", "e", "f"]):
            assert len(list(tested.run(pieces, lambda *_: None))) == len(pieces)
    assert transport.spawned == 2
    assert not transport.alive


def test_everything_is_dismissed_after_an_exception() -> None:
    transport = FakeTransport()
    with pytest.raises(KeyboardInterrupt), closing(dispatcher(transport)) as tested:  # noqa: PT012
        for _ in tested.run(["a", "b", "c"], lambda *_: None):
            assert transport.alive
            raise KeyboardInterrupt
    assert not transport.alive


def test_a_run_that_is_left_early_gives_the_next_one_no_answers() -> None:
    """A worker still at a piece answered the next run, by the piece's number in the first."""
    transport = FakeTransport(
        behave=lambda worker, piece: [Answer(worker, Outcome("done", message=piece))]
    )
    with closing(dispatcher(transport)) as tested:
        with closing(tested.run(["a", "b", "c"], lambda *_: None)) as left:
            next(left)
        ended = list(tested.run(["d", "e", "f"], lambda *_: None))
    assert sorted((number, outcome.message) for number, outcome in ended) == [
        (0, "d"),
        (1, "e"),
        (2, "f"),
    ]


@settings(deadline=None)  # busy machines take their time
@given(st.data(), st.integers(0, 12), st.integers(1, 5), st.sets(st.integers(0, 11)))
def test_in_any_order_each_piece_ends_once(
    data: st.DataObject, pieces: int, limit: int, kill: set[int]
) -> None:
    """Whoever is faster, `FakeTransport` finds no worker with two pieces, and none too many."""
    transport = FakeTransport(
        limit=limit,
        behave=deadly(*map(str, kill)),
        choose=lambda choices: data.draw(st.integers(0, choices - 1)),
    )
    ended = outcomes(transport, [str(number) for number in range(pieces)])
    states = {number: "failed" if number in kill else "done" for number in range(pieces)}
    assert {number: outcome.state for number, outcome in ended.items()} == states
    assert sorted(transport.sent) == sorted(
        str(number) for number in range(pieces) for _ in range(2 if number in kill else 1)
    )
