"""What --keep and --drop say: whom they mean, and what is refused with the way out."""

from fractions import Fraction

import pytest

from vidseg.errors import SettingsError
from vidseg.people_words import Point, dropped_by, kept_by, seconds_of
from vidseg.settings import PeopleSettings, RenderSettings


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2", 2),
        ("2.5", Fraction(5, 2)),
        ("1:02", 62),
        ("1:00:00.5", Fraction(7201, 2)),
        (".5", 0.5),
    ],
)
def test_times_are_exact(text: str, seconds: Fraction) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "1:2:3:4", "-1", "1e3"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert seconds_of(text) is None


def test_words_mean_people() -> None:
    assert kept_by(("all",)).largest == 0
    assert kept_by(("main",)).largest == 1
    assert kept_by(("main", "3")).largest == 3
    points = (Point(100, 50.5, None, "100,50.5"), Point(7, 8, Fraction(62), "7, 8@1:02"))
    assert kept_by(("100,50.5", "7, 8@1:02")).points == points
    assert dropped_by(("100,50.5", "7, 8@1:02")) == points


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"keep": ("all", "main")}, "--keep all keeps everybody; leave the other --keep out"),
        ({"keep": ("0",)}, "--keep must be of 1 to 99 people, got 0"),
        (
            {"keep": ("me",)},
            "--keep 'me': write all, main, a number of people, or a point in pixels",
        ),
        ({"keep": ("1,2@later",)}, "'later' is no time; write seconds"),
        ({"keep": ("1,2,3",)}, "--keep '1,2,3': write"),
        ({"drop": ("main",)}, "--drop 'main': write a point in pixels and a time, such as 640,360"),
    ],
)
def test_other_words_are_refused(settings: dict[str, tuple[str, ...]], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        PeopleSettings(**settings)
    assert message in str(caught.value.args[0])


def test_a_word_alone_will_do() -> None:
    """A program may leave out the tuple."""
    assert PeopleSettings(keep="main").keep == ("main",)  # type: ignore[arg-type]
    assert PeopleSettings(keep=2).keep == ("2",)  # type: ignore[arg-type]
    assert PeopleSettings(drop="1,2").drop == ("1,2",)  # type: ignore[arg-type]
    assert PeopleSettings().everybody
    assert not PeopleSettings(drop=("1,2",)).everybody


def test_people_are_not_followed_through_several_files() -> None:
    with pytest.raises(SettingsError, match="leave out --size-change split"):
        RenderSettings(
            source="a.mp4",  # type: ignore[arg-type]
            output="b.mp4",  # type: ignore[arg-type]
            size_change="split",
            people=PeopleSettings(keep=("main",)),
        )
