"""People kept and dropped in made sequences, whose truth is known, against clips of them alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.clips import BACKGROUND_RGB, Rgb
from tests.helpers.crowds import (
    GRASS,
    OLIVE,
    SEA,
    SIZE,
    Actor,
    frames_of,
    picture,
    standing,
    visible,
    walking,
)
from tests.helpers.scenes import RATE
from vidseg.errors import SettingsError
from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Orientation
from vidseg.matting.mask_source import TrackedSource, refined
from vidseg.matting.people.choice import Choice, Place
from vidseg.matting.people.survey import Survey
from vidseg.matting.people.surveyor import surveyed
from vidseg.matting.restarts import LEAD_S, SEGMENT_S
from vidseg.networks.fake import FakeSegmenter
from vidseg.settings import MatteSettings, ModelSettings

MAIN = Choice(largest=1)


class Soft(FakeSegmenter):
    """Says that its scores tell opacity."""

    def __init__(self, side: int) -> None:
        super().__init__(side=side)
        self.traits = replace(self.traits, soft=True)


def network(*, soft: bool = False) -> FakeSegmenter:
    """Return the network that takes greens for people."""
    return Soft(180) if soft else FakeSegmenter(side=180)


def at(x: float, y: float, *, time: float | None = None, kept: bool = True) -> Place:
    """Return a place on somebody, given in pixels."""
    when = None if time is None else Fraction(str(time))
    return Place(x / SIZE[0], y / SIZE[1], when, kept, f"{x:g},{y:g}")


def survey(frames: list[Frame], choice: Choice) -> Survey:
    """Return who is kept in a clip."""
    return surveyed(frames, network(), ModelSettings(), Orientation(), choice)


def alphas(
    frames: list[Frame], found: Survey | None, *, soft: bool = False
) -> list[NDArray[np.bool_]]:
    """Return where the people of each frame are, who are kept."""
    source = TrackedSource(network(soft=soft), ModelSettings(), MatteSettings(), None, found)
    return [layer.alpha.plane > 127 for layer in refined(source.follow(frames), source)]


@dataclass(frozen=True, slots=True)
class Score:
    """How well those who are kept are seen: `lost` of IoU against their clip alone; `dropped`.

    The latter is the most that others take up in a frame, as a share of it.
    """

    lost: float
    dropped: float


def score(
    actors: Sequence[Actor],
    kept: set[int],
    seconds: float,
    choice: Choice,
    *,
    soft: bool = False,
) -> tuple[Score, Survey]:
    """Return how a made sequence is rendered with a choice that means to keep some actors."""
    alone = [actor for i, actor in enumerate(actors) if i in kept]
    frames = frames_of(lambda time: picture(actors, time), seconds)
    found = survey(frames, choice)
    together = alphas(frames, found, soft=soft)
    apart = alphas(frames_of(lambda time: picture(alone, time), seconds), None, soft=soft)
    inner, outer, dropped = np.zeros(2), np.zeros(2), 0.0
    for i, masks in enumerate(zip(together, apart, strict=True)):
        seen = {k: visible(actors, k, i / RATE) for k in range(len(actors))}
        true = np.any([mask for k, mask in seen.items() if k in kept], axis=0)
        others = np.any([mask for k, mask in seen.items() if k not in kept] or [~true & False], 0)
        whole = np.any([actor.mask(i / RATE) for actor in alone], axis=0)
        for j, (mask, truth) in enumerate(zip(masks, (true, whole), strict=True)):
            inner[j] += np.count_nonzero(mask & truth)
            outer[j] += np.count_nonzero(mask | truth)
        dropped = max(dropped, float((masks[0] & others).mean()))
    overlaps = inner / outer
    return Score(float(overlaps[1] - overlaps[0]), dropped), found


PASSER = Actor(OLIVE, walking(-30, 80), 90)
SPEAKER = Actor(GRASS, standing(160))
CROSSING = [Actor(GRASS, walking(40, 60)), Actor(OLIVE, walking(280, -60))]


@pytest.mark.parametrize(
    ("actors", "kept", "seconds", "choice", "soft"),
    [
        ([PASSER, SPEAKER], {1}, 5, MAIN, False),
        ([SPEAKER, PASSER], {0}, 5, MAIN, False),
        ([SPEAKER, PASSER], {0}, 5, MAIN, True),
        (CROSSING, {0}, 4, Choice(0, (at(40, 100),)), False),
        (CROSSING, {1}, 4, Choice(0, (at(40, 100, kept=False),)), False),
        (CROSSING, {1}, 4, Choice(0, (at(100, 100, time=3.0),)), True),
        ([*CROSSING, Actor(SEA, standing(160, 80), 50)], {0, 1}, 4, Choice(largest=2), False),
    ],
    ids=["behind", "before", "before, soft", "crossing", "dropped", "named later, soft", "two"],
)
def test_who_is_kept_is_as_if_alone(
    actors: list[Actor], kept: set[int], seconds: float, choice: Choice, soft: bool
) -> None:
    """Also while somebody passes before or behind, and hides all of the other for a moment."""
    found, _ = score(actors, kept, seconds, choice, soft=soft)
    assert found.lost < 0.02
    assert found.dropped < 0.01


def test_who_leaves_and_returns_is_known_again() -> None:
    speaker = Actor(GRASS, lambda time: (100, 150) if not 2 <= time < 4 else None)
    found, seen = score([Actor(SEA, standing(250), 80), speaker], {1}, 6, MAIN)
    assert found.lost < 0.02
    assert found.dropped < 0.01
    assert [person.kept for person in seen.people] == [True, False]


def test_people_of_one_body_are_parted_by_points_on_both() -> None:
    """They touch from the beginning to the end, so that nothing but a user can tell them apart."""
    actors = [Actor(OLIVE, standing(150)), Actor(GRASS, standing(186))]
    choice = Choice(0, (at(192, 110, time=1), at(144, 110, time=1, kept=False)))
    found, _ = score(actors, {1}, 3, choice)
    assert found.lost < 0.03
    assert found.dropped < 0.01


def test_what_cannot_be_told_apart_is_kept_and_said() -> None:
    """Two of one colour, one of whom hides the other: from then on either may be the speaker."""
    twin = replace(PASSER, colour=GRASS)
    frames = frames_of(lambda time: picture([twin, SPEAKER], time), 5)
    found = survey(frames, MAIN)
    masks = alphas(frames, found)
    shown = [mask & visible([twin, SPEAKER], 1, i / RATE) for i, mask in enumerate(masks)]
    others = [mask & visible([twin, SPEAKER], 0, i / RATE) for i, mask in enumerate(masks)]
    assert min(mask.mean() for mask in shown) > 0.05
    assert max(mask.mean() for mask in others[: 3 * RATE // 2]) < 0.01
    assert others[4 * RATE].mean() > 0.02
    assert any("touch and look alike" in doubt.what for doubt in found.doubts)
    assert any("may be person" in doubt.what for doubt in found.doubts)


def test_a_hand_that_comes_first_is_a_piece_of_whom_it_belongs_to() -> None:
    """It is a body of its own until the arm is seen."""

    def shown(time: float) -> NDArray[np.uint8]:
        rgb = picture([SPEAKER], time)
        rgb[90:100, 200:212] = GRASS
        if time > 0.6:
            rgb[92:98, 170:204] = GRASS
        return rgb

    found = survey(frames_of(shown, 3), MAIN)
    assert len([person for person in found.people if person.last > 1]) == 1


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (Choice(0, (at(10, 10),)), "--keep 10,10: nobody is there; `vidseg preview` shows whom"),
        (Choice(0, (at(10, 10, kept=False),)), "--drop 10,10: nobody is there"),
        (Choice(0, (at(160, 100, time=9),)), "--keep 160,100: that is after the end"),
        (Choice(0, (at(10, 10, time=9),)), "--keep 10,10: that is after the end"),
        (
            Choice(0, (at(160, 100), at(164, 120, time=1, kept=False))),
            "--drop 164,120: can't be told from whom --keep 160,100 keeps",
        ),
    ],
)
def test_places_that_name_nobody_are_refused(choice: Choice, message: str) -> None:
    frames = frames_of(lambda time: picture([SPEAKER], time), 2)
    with pytest.raises(SettingsError) as caught:
        survey(frames, choice)
    assert message in caught.value.args[0]


def test_where_nobody_is_the_rest_is_not_looked_through() -> None:
    """Of a clip of two hours it was told after an hour of looking."""
    frames = frames_of(lambda time: picture([SPEAKER], time), 4)
    taken = []
    passed = (taken.append(frame) or frame for frame in frames)  # type: ignore[func-returns-value]
    with pytest.raises(SettingsError, match="nobody is there"):
        surveyed(passed, network(), ModelSettings(), Orientation(), Choice(0, (at(10, 10),)))
    assert len(taken) < len(frames) / 2


def test_a_place_names_who_is_shown_there_then() -> None:
    """Between two looks: whoever walks is elsewhere by the next one."""
    runner = Actor(OLIVE, walking(20, 120), 90)
    for time in (0.9, 1.1):
        x = runner.path(time)[0]  # type: ignore[index]
        frames = frames_of(lambda t: picture([Actor(GRASS, standing(290)), runner], t), 2)
        found = survey(frames, Choice(0, (at(x - 12, 118, time=time),)))
        assert [person.kept for person in found.people] == [False, True]


def test_an_empty_room_has_nobody() -> None:
    found = survey(frames_of(lambda time: picture([], time), 1), MAIN)
    assert found.people == ()
    assert not np.any(alphas(frames_of(lambda time: picture([], time), 1), found))


def test_who_was_never_looked_at_is_left_out() -> None:
    """Somebody flashes by between two looks."""
    flash = Actor(SEA, lambda time: (260, 150) if 1.08 <= time < 1.2 else None)
    frames = frames_of(lambda time: picture([SPEAKER, flash], time), 2)
    found = survey(frames, MAIN)
    assert len(found.people) == 1


def test_masks_from_a_restart_on_are_those_of_the_whole_clip() -> None:
    """Whom one keeps does not depend on where one begins."""
    first = int((SEGMENT_S - LEAD_S - 1) * RATE)
    actors = [
        Actor(GRASS, standing(160)),
        Actor(OLIVE, walking(60, 70, since=SEGMENT_S - LEAD_S - 1), 90),
    ]
    frames = frames_of(lambda time: picture(actors, time), 4, first=first)
    found = survey(frames, MAIN)

    def followed(begin: Fraction | None) -> dict[int, NDArray[np.float32]]:
        source = TrackedSource(network(), ModelSettings(), MatteSettings(), None, found)
        return {frame.pts: mask.person for frame, mask in source.follow(frames, begin)}

    whole, late = followed(None), followed(Fraction(SEGMENT_S - LEAD_S))
    assert 0 < len(late) < len(whole)
    for pts in [pts for pts in late if pts >= SEGMENT_S * RATE - RATE // 2]:
        np.testing.assert_array_equal(late[pts], whole[pts])


def test_a_survey_outlives_json() -> None:
    frames = frames_of(lambda time: picture([PASSER, SPEAKER], time), 2)
    found = survey(frames, MAIN)
    read = Survey.from_json(found.as_json())
    assert read.people == found.people
    assert read.kept == found.kept == {1}
    for place in range(len(found.looks)):
        np.testing.assert_array_equal(read.labels(place), found.labels(place))
    one, other = alphas(frames, found), alphas(frames, read)
    np.testing.assert_array_equal(np.stack(one), np.stack(other))


def cut(actors: Sequence[Actor], later: Sequence[Actor], at: float) -> Callable[[float], Rgb]:
    """Return the pictures of two shots, the second in another light."""

    def shown(time: float) -> Rgb:
        rgb = picture(actors if time < at else later, time)
        grey = (rgb == np.asarray(BACKGROUND_RGB)).all(axis=-1)
        rgb[grey] = BACKGROUND_RGB if time < at else (210, 205, 200)
        return rgb

    return shown


def test_after_a_cut_people_are_known_by_appearance() -> None:
    """The speaker is elsewhere in the next shot, and smaller than the other one there."""
    speaker, other = Actor(GRASS, standing(230), 80), Actor(OLIVE, standing(90), 110)
    frames = frames_of(cut([SPEAKER], [speaker, other], 3), 5)
    found = survey(frames, MAIN)
    masks = alphas(frames, found)
    late = range(3 * RATE, 5 * RATE)
    assert min(masks[i][speaker.mask(i / RATE)].mean() for i in late) > 0.97
    assert max((masks[i] & other.mask(i / RATE)).mean() for i in late) < 0.01
    assert found.doubts == ()


def test_after_a_cut_to_others_nobody_is_kept() -> None:
    frames = frames_of(cut([SPEAKER], [Actor(SEA, standing(90))], 3), 5)
    masks = alphas(frames, survey(frames, MAIN))
    assert max(mask.mean() for mask in masks[3 * RATE :]) == 0


def test_after_a_cut_twins_are_both_kept_and_it_is_said() -> None:
    twins = [Actor(GRASS, standing(90)), Actor(GRASS, standing(230))]
    frames = frames_of(cut([SPEAKER], twins, 3), 5)
    found = survey(frames, MAIN)
    masks = alphas(frames, found)
    for twin in twins:
        assert masks[4 * RATE][twin.mask(4)].mean() > 0.97
    assert {doubt.first for doubt in found.doubts} == {3}
    assert all("may be person" in doubt.what for doubt in found.doubts)


def test_an_arm_that_seems_to_be_off_for_a_while_is_kept() -> None:
    """Its sleeve has the colour of the wall; it moves, but never goes away from its body."""

    def shown(time: float) -> NDArray[np.uint8]:
        rgb = picture([SPEAKER], time)
        rgb[80:105, 182:215] = SEA
        if 1 < time < 4:
            rgb[80:105, 182:192] = BACKGROUND_RGB
        return rgb

    frames = frames_of(shown, 6)
    found = survey(frames, MAIN)
    masks = alphas(frames, found)
    assert min(mask[84:100, 196:210].mean() for mask in masks) > 0.97
