"""Who is kept, given who was seen: the largest, those named, and those who may be either."""

from fractions import Fraction

import numpy as np
import pytest

from vidseg.errors import SettingsError
from vidseg.matting.people.choice import Choice, Place
from vidseg.matting.people.colours import BINS, Counts
from vidseg.matting.people.identity import Identity, identified
from vidseg.matting.people.track import Track


def colours(*bins: int) -> Counts:
    """Return counts of some colours, as many points of each; they are far apart."""
    counts = np.zeros(BINS, np.float32)
    counts[[97 * bin_ + 300 for bin_ in bins]] = 100
    return counts


def track(number: int, first: float, last: float, looks: Counts, seconds: float = 1) -> Track:
    """Return somebody who takes up a tenth of the picture, in a shot for each 10 s."""
    one = Track(number, int(first // 10), Fraction(str(first)), Fraction(str(last)))
    one.colours, one.largest, one.snapshots = looks, 0.1, 9
    one.see(0.1, 10 * seconds)
    return one


def people(*seconds: float) -> list[Identity]:
    """Return people of whom so much is seen."""
    return [Identity([track(i, 0, 5, colours(i), each)]) for i, each in enumerate(seconds, start=1)]


def place(text: str = "1,2", *, kept: bool = True) -> Place:
    """Return a place."""
    return Place(0.1, 0.2, None, kept, text)


def test_who_is_known_again_is_one() -> None:
    found = identified([track(1, 0, 5, colours(1)), track(2, 12, 15, colours(1))])
    assert [len(one.tracks) for one in found] == [2]
    assert found[0].perhaps == []


def test_who_is_there_at_once_is_two() -> None:
    assert len(identified([track(1, 0, 5, colours(1)), track(2, 3, 8, colours(1))])) == 2


def test_after_a_cut_everybody_is_whom_they_look_like() -> None:
    first = [track(1, 0, 5, colours(1)), track(2, 0, 5, colours(2))]
    second = [
        track(3, 12, 15, colours(2)),
        track(4, 12, 15, colours(1)),
        track(5, 12, 15, colours(3)),
    ]
    found = identified([*first, *second])
    assert [[each.number for each in one.tracks] for one in found] == [[1, 4], [2, 3], [5]]


def test_who_looks_like_two_may_be_either() -> None:
    found = identified(
        [track(1, 0, 5, colours(1)), track(2, 0, 5, colours(1)), track(3, 12, 15, colours(1))]
    )
    assert [len(one.tracks) for one in found] == [1, 1, 1]
    assert found[2].perhaps == [found[0], found[1]]


def test_the_largest_are_kept() -> None:
    seen = people(3, 2, 1)
    assert Choice(1).chosen(seen, {}) == ([True, False, False], ["", "", ""])
    assert Choice(2).chosen(seen, {})[0] == [True, True, False]
    assert Choice().chosen(seen, {})[0] == [True, True, True]


def test_who_is_named_is_kept_or_dropped() -> None:
    seen = people(3, 2, 1)
    keep, drop = place("1,2"), place("3,4", kept=False)
    assert Choice(0, (keep,)).chosen(seen, {keep: seen[2]})[0] == [False, False, True]
    assert Choice(1, (keep,)).chosen(seen, {keep: seen[2]})[0] == [True, False, True]
    assert Choice(0, (drop,)).chosen(seen, {drop: seen[0]})[0] == [False, True, True]


def test_who_is_dropped_is_none_of_the_largest() -> None:
    seen, drop = people(3, 2, 1), place(kept=False)
    assert Choice(1, (drop,)).chosen(seen, {drop: seen[0]})[0] == [False, True, False]


def test_nobody_is_kept_and_dropped() -> None:
    seen, keep, drop = people(3), place("1,2"), place("3,4", kept=False)
    with pytest.raises(SettingsError, match="--drop 3,4: can't be told from whom --keep 1,2 keeps"):
        Choice(0, (keep, drop)).chosen(seen, {keep: seen[0], drop: seen[0]})


def test_who_may_be_kept_is_kept_and_it_is_said() -> None:
    seen = people(3, 2, 1)
    seen[2].perhaps = [seen[0], seen[1]]
    kept, unsure = Choice(1).chosen(seen, {})
    assert kept == [True, False, True]
    assert [bool(why) for why in unsure] == [False, False, True]


def test_who_may_be_dropped_is_kept_and_it_is_said() -> None:
    seen, drop = people(3, 2, 1), place(kept=False)
    seen[2].perhaps = [seen[0]]
    kept, unsure = Choice(0, (drop,)).chosen(seen, {drop: seen[0]})
    assert kept == [False, True, True]
    assert [bool(why) for why in unsure] == [False, False, True]


def test_a_near_tie_is_said() -> None:
    kept, unsure = Choice(1).chosen(people(3, 2.9), {})
    assert kept == [True, False]
    assert unsure == ["is seen hardly more than the next one", ""]
