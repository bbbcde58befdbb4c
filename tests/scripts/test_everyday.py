"""Sequences of what networks get wrong in everyday clips: exact, alike each time, of every kind."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from samples.everyday import SEQUENCES
from samples.figure import Figure, Stance
from samples.layers import Layer
from samples.relief import Relief
from samples.scene import Kind, Scene
from samples.truth import TrueFrame
from scripts import evaluate_drawn
from scripts.evaluate_drawn import HALVES


def small(scene: Scene) -> Scene:
    """Return the scene at a size that is drawn at once."""
    return replace(scene, width=160, height=90)


@pytest.fixture(scope="module")
def drawn() -> dict[str, list[TrueFrame]]:
    """The first two frames of every sequence, small."""
    return {scene.name: list(small(scene).frames(2)) for scene in SEQUENCES}


def test_each_half_has_every_kind() -> None:
    for half in HALVES:
        members = [scene for scene in SEQUENCES if scene.name.startswith(half)]
        assert len(members) == len(SEQUENCES) / 2
        assert {kind for scene in members for kind in scene.kinds} == set(get_args(Kind))


def test_pictures_are_people_over_all_else(drawn: dict[str, list[TrueFrame]]) -> None:
    """People are seen, but don't fill the frame; where there is none, nothing of them is seen."""
    for now, then in drawn.values():
        alpha = now.alpha[..., None]
        mixed = alpha * now.foreground + (1 - alpha) * now.backdrop
        assert np.abs(now.picture - mixed).max() < 1e-3
        assert np.array_equal(now.picture[now.alpha == 0], now.backdrop[now.alpha == 0])
        assert 0 == now.alpha.min() < now.alpha.max() == 1
        assert -0.01 < now.picture.min() < now.picture.max() < 255.01
        assert 0.04 < np.mean(now.alpha > 0.5) < 0.5
        assert np.abs(now.alpha - then.alpha).max() > 0.01


def test_sequences_are_the_same_each_time(drawn: dict[str, list[TrueFrame]]) -> None:
    for scene in SEQUENCES[::5]:
        for now, before in zip(small(scene).frames(2), drawn[scene.name], strict=True):
            assert np.array_equal(now.picture, before.picture)
            assert np.array_equal(now.alpha, before.alpha)


def one_colour(value: float) -> Layer:
    """Return a pixel's layer of one grey, which covers half of what is behind."""
    return Layer(np.full((1, 1, 3), value / 2, np.float32), np.full((1, 1), 0.5, np.float32))


class _Half:
    def layer(self, *_: float) -> Layer:
        return one_colour(200)


def test_what_is_before_people_takes_its_share_of_alpha() -> None:
    """Black, half white before it, half grey of 200 a person's, half grey of 40 in front."""
    black = np.zeros((1, 1, 3), np.float32)
    scene = Scene(
        "tuning-half",
        (),
        lambda *_: black,
        (_Half(),),
        behind=(lambda *_: one_colour(255),),
        before=(lambda *_: one_colour(40),),
        noise=0,
        width=1,
        height=1,
    )
    frame = next(scene.frames(1))
    assert frame.alpha.item() == 0.25
    assert frame.foreground[0, 0, 0] == pytest.approx(200)
    expected = 0.5 * 40 + 0.5 * (0.5 * 200 + 0.5 * 0.5 * 255)
    assert frame.picture[0, 0, 0] == pytest.approx(expected)


def test_light_and_noise_are_the_same_on_people_and_backdrop() -> None:
    plain = small(SEQUENCES[0])
    dim = next(replace(plain, noise=0, light=(0.5, 0.5, 0.5)).frames(1))
    bright = next(replace(plain, noise=0).frames(1))
    noisy = next(replace(plain, noise=4).frames(1))
    assert np.allclose(dim.picture, bright.picture / 2, atol=1e-3)
    assert 3.8 < np.std(noisy.picture - bright.picture) < 4.2


def test_what_is_turned_covers_as_much_as_it_does() -> None:
    """A bar of 20 x 8 pixels with two round ends, slanting; then one that ends bluntly."""
    start, end = np.array([20.0, 30.0]), np.array([32.0, 14.0])
    for blunt, ends in ((False, 2), (True, 1)):
        relief = Relief(64, 48)
        relief.turned(start, end, [4], (200, 100, 50), blunt=blunt)
        area = float(relief.layer().alpha.sum())
        assert area == pytest.approx(20 * 8 + ends * np.pi * 8, rel=0.02)


def test_who_is_turned_upside_down_has_her_head_below() -> None:
    """Red is worn above the hips, so it is above the middle of a figure that stands."""
    upright, turned = (
        Figure(Stance(y=0.5, turn=angle), Stance(y=0.5, turn=angle)).layer(0, 90, 120).alpha
        for angle in (0, 180)
    )
    rows = np.arange(120)
    legs, head = (float(rows @ each.sum(axis=1) / each.sum()) for each in (upright, turned))
    assert legs + head == pytest.approx(120, abs=2)
    assert np.abs(upright - turned[::-1, ::-1])[4:-4].mean() < 0.06


def test_figures_of_everyday_sequences_are_those_of_evaluate() -> None:
    scores = {"iou": 0.91234, "f": 0.8, "bmad": 99.6, "mad": 12.34, "dtssd": 5.678}
    table = {"a": {"judging-x": scores, "judging-y": scores}}
    lines = evaluate_drawn.markdown(evaluate_drawn.EVERYDAY, table).splitlines()
    assert lines[0] == "| sequence | model | IoU | F | bMAD | MAD | dtSSD |"
    assert lines[-1] == "| all of judging | a | 0.912 | 0.800 | 100 | 12.3 | 5.68 |"
