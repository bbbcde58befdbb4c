"""Two networks as one: who is there by the first, the edge by both."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vidseg import networks
from vidseg.errors import DownloadError
from vidseg.models import MODELS, fingerprint
from vidseg.models.wheel_file import WheelFile
from vidseg.networks import open_segmenter
from vidseg.networks.base import Scores, Segmenter
from vidseg.networks.ensemble import Ensemble
from vidseg.networks.fake import PERSON_RGB, FakeSegmenter
from vidseg.settings import ModelSettings

Paint = Callable[[NDArray[np.uint8]], None]
STRIDE = 16


class Coarse(FakeSegmenter):
    """Sees what the fake does at every 16th pixel only, people with the score `logit`."""

    def __init__(self, logit: float = 2.0) -> None:
        super().__init__()
        self.name = "coarse"
        self.traits = replace(self.traits, corner_aligned=True, logit_gain=2.0, logit_bias=0.2)
        self._logit = logit

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        """Score every 16th pixel."""
        seen = super().segment(batch)
        assert seen.parts is not None
        person, parts = seen.person[:, ::STRIDE, ::STRIDE], seen.parts[:, ::STRIDE, ::STRIDE]
        return Scores(np.where(person > 0, np.float32(self._logit), np.float32(-4)), parts)


class Fine(FakeSegmenter):
    """Sees what is green of 64x64 pixels, or of them what `shown` says instead."""

    def __init__(self, shown: NDArray[np.float32] | None = None) -> None:
        super().__init__()
        self.name = "fine"
        self.traits = replace(self.traits, fixed_size=(64, 64))
        self._shown = shown

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        """Score all pixels."""
        assert batch.shape == (1, 64, 64, 3)
        person = super().segment(batch).person
        return Scores(person if self._shown is None else self._shown[None])


def pictures(
    *painted: tuple[slice, slice], size: tuple[int, int] = (193, 257)
) -> NDArray[np.uint8]:
    """A batch of one grey picture with people in some rectangles of rows and columns."""
    picture = np.full((*size, 3), 90, np.uint8)
    for place in painted:
        picture[place] = PERSON_RGB
    return picture[None]


def seen(segmenter: Segmenter, batch: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """What is a person by the scores of the batch's first picture."""
    return np.asarray(segmenter.segment(batch).person[0] > -segmenter.traits.logit_bias)


def truth(batch: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The same by the picture itself, at every 4th pixel."""
    return np.asarray(batch[0, ::4, ::4, 1] == PERSON_RGB[1])


FOLDER = ("folder", Path())
SOMEONE = (slice(40, 150), slice(72, 101)), (slice(119, 150), slice(72, 139))
NOBODY_THERE = np.full((64, 64), -9, np.float32)
EVERYTHING = np.full((64, 64), 9, np.float32)


def test_the_edge_is_found_between_the_points_of_the_coarse_network() -> None:
    batch = pictures(*SOMEONE)
    alone = Ensemble(Coarse(), Fine(NOBODY_THERE))
    missed = np.count_nonzero(seen(alone, batch) != truth(batch))
    left = np.count_nonzero(seen(Ensemble(Coarse(), Fine()), batch) != truth(batch))
    assert missed > 40
    assert left < 0.2 * missed


def test_scores_lie_at_every_fourth_pixel_and_are_the_finders_away_from_people() -> None:
    batch = np.concatenate([pictures(), pictures(*SOMEONE)])
    scores = Ensemble(Coarse(), Fine()).segment(batch)
    assert scores.person.shape == (2, 49, 65)
    assert np.all(scores.person[0] == -4)
    assert np.all(scores.person[1, :, -8:] == -4)


def test_parts_come_on_the_same_grid() -> None:
    scores = Ensemble(Coarse(), Fine()).segment(pictures(*SOMEONE))
    assert scores.parts is not None
    assert scores.parts.shape == (1, 49, 65, 24)
    assert scores.parts[0, 0, 0, 0] == scores.parts[0, 20, 64, 0] == 8
    assert scores.parts[0, -1, 0, 0] == -8


def test_an_empty_picture_is_seen_by_the_finder_alone() -> None:
    outliner = Fine()
    Ensemble(Coarse(), outliner).segment(pictures())
    assert outliner.calls == 0


@pytest.mark.parametrize("shown", [NOBODY_THERE, EVERYTHING], ids=["nobody", "everything"])
def test_who_sees_something_else_does_not_count(shown: NDArray[np.float32]) -> None:
    batch = pictures(*SOMEONE)
    found = Ensemble(Coarse(), Fine(shown)).segment(batch).person
    expected = Ensemble(Coarse(), Fine(NOBODY_THERE)).segment(batch).person
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found[0, 24, 21] == pytest.approx(2)


def test_a_thing_that_only_the_finder_takes_for_someone_is_left_out() -> None:
    class Knowing(Fine):
        """Sees nobody where some colour shows."""

        def segment(self, batch: NDArray[np.uint8]) -> Scores:
            scores = super().segment(batch)
            thing = bool((batch[0, :, :, 0] == 150).any())
            return Scores(np.full_like(scores.person, -9)) if thing else scores

    batch = pictures(*SOMEONE)
    batch[0, 64:144, 220:250] = (150, 254, 40)  # the finder's, and known by its red
    shown = Ensemble(Coarse(), Knowing()).segment(batch).person[0] > 0
    assert shown[24, 21]
    assert not shown[:, 48:].any()
    alone = pictures()
    alone[0, 64:144, 220:250] = (150, 254, 40)
    assert (Ensemble(Coarse(), Knowing()).segment(alone).person[0] > 0)[26, 55], "nobody to compare"


def test_whom_the_finder_is_sure_of_stays() -> None:
    class Hollow(Fine):
        """Misses a little in the middle."""

        def segment(self, batch: NDArray[np.uint8]) -> Scores:
            scores = super().segment(batch)
            scores.person[0, 28:36, 28:36] = -9
            return scores

    batch = pictures((slice(32, 161), slice(80, 177)))
    assert Ensemble(Coarse(8), Hollow()).segment(batch).person[0, 24, 32] > 0
    assert Ensemble(Coarse(1), Hollow()).segment(batch).person[0, 24, 32] < 0


def test_people_far_apart_get_a_close_up_each_and_parts_of_one_person_none() -> None:
    outliner = Fine()
    apart = pictures((slice(32, 160), slice(16, 64)), (slice(32, 160), slice(180, 240)))
    Ensemble(Coarse(), outliner).segment(apart)
    assert outliner.calls == 2
    limb = pictures((slice(32, 96), slice(64, 128)), (slice(112, 160), slice(64, 128)))
    Ensemble(Coarse(), outliner).segment(limb)
    assert outliner.calls == 3


def test_people_at_the_border_and_in_a_picture_of_one_cell_are_no_trouble() -> None:
    everywhere = slice(None), slice(None)
    for size in ((193, 257), (17, 17), (17, 161), (33, 17)):
        batch = pictures(everywhere, size=size)
        assert seen(Ensemble(Coarse(), Fine()), batch).all()


def test_names_both_and_closes_both() -> None:
    finder, outliner = Coarse(), Fine()
    both = Ensemble(finder, outliner)
    assert isinstance(both, Segmenter)
    assert both.name == "coarse with fine"
    assert (both.device, both.traits) == (finder.device, finder.traits)
    assert both.input_size(640, 360, 128) == finder.input_size(640, 360, 128)
    both.close()
    assert finder.closed
    assert outliner.closed


# Which models have a companion, and where it comes from


@pytest.mark.usefixtures("selfie_weights")
@pytest.mark.tensorflow
def test_bodypix_runs_with_selfie_and_its_weights_count_among_its_own() -> None:
    lines: list[str] = []
    opened = open_segmenter(ModelSettings(device="cpu"), say=lines.append)
    assert opened.name == "bodypix-050-s16 with selfie"
    assert isinstance(opened, Ensemble)
    assert not [line for line in lines if "without" in line]
    both = fingerprint("bodypix-050-s16")
    assert both is not None
    assert both.endswith(f" {fingerprint('selfie')}")


@pytest.mark.tensorflow
def test_a_folder_of_models_without_selfie_is_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is fetched then, which would fail late where there is no network."""
    monkeypatch.setattr(networks, "find", lambda model: None if model.name == "selfie" else FOLDER)
    monkeypatch.setattr(WheelFile, "fetch", lambda *_, **__: pytest.fail("fetched"))
    lines: list[str] = []
    opened = open_segmenter(ModelSettings(device="cpu"), say=lines.append)
    assert opened.name == "bodypix-050-s16"
    assert lines[-1] == (
        "bodypix-050-s16 runs without selfie, with coarser edges: it is neither in "
        "VIDSEG_MODEL_DIR nor fetched: `vidseg models fetch selfie`"
    )


@pytest.mark.tensorflow
def test_where_selfie_cannot_be_fetched_bodypix_runs_alone_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unreachable(*_: object) -> Segmenter:
        raise DownloadError("no route to the index")

    monkeypatch.setitem(networks._OPENERS, "selfie", unreachable)
    monkeypatch.setattr(networks, "find", lambda _: None)
    lines: list[str] = []
    opened = open_segmenter(ModelSettings(device="cpu"), say=lines.append)
    assert opened.name == "bodypix-050-s16"
    assert lines[-1].endswith("with coarser edges: no route to the index")


def test_only_what_was_measured_has_a_companion() -> None:
    companions = {model.name: model.companion for model in MODELS.values()}
    assert companions["bodypix-050-s16"] == companions["bodypix-100-s8-q1"] == "selfie"
    assert {companions[name] for name in companions if not name.startswith("bodypix-")} == {None}
    assert companions["bodypix-resnet50-s16"] is None
