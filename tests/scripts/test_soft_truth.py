"""Sequences with exact alpha, and the scores against it: exact, alike each time, known by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from samples.hair import Style
from samples.layers import Layer, Sheet, averaged
from samples.soft_truth import SEQUENCES, Sequence
from samples.truth import TrueFrame
from scripts import alpha_metrics, evaluate_drawn
from vidseg.networks.fake import FakeSegmenter


def small(sequence: Sequence) -> Sequence:
    """Return the sequence at a size that is drawn at once."""
    hair = replace(sequence.hair, locks=4, frizz=20)
    return replace(sequence, width=160, height=90, hair=hair)


@pytest.fixture(scope="module")
def drawn() -> dict[str, list[TrueFrame]]:
    """The first two frames of every sequence, small."""
    return {sequence.name: list(small(sequence).frames(2)) for sequence in SEQUENCES}


def test_half_of_the_sequences_are_for_tuning_and_half_for_judging() -> None:
    halves = [sequence.name.split("-")[0] for sequence in SEQUENCES]
    assert halves.count("tuning") == halves.count("judging") == len(SEQUENCES) / 2


def test_pictures_are_the_foreground_over_the_backdrop(drawn: dict[str, list[TrueFrame]]) -> None:
    """Alpha is soft somewhere, and moves; where there is none, nothing of the person is seen."""
    for now, then in drawn.values():
        alpha = now.alpha[..., None]
        mixed = alpha * now.foreground + (1 - alpha) * now.backdrop
        assert np.abs(now.picture - mixed).max() < 1e-3
        assert np.array_equal(now.picture[now.alpha == 0], now.backdrop[now.alpha == 0])
        assert 0 == now.alpha.min() < now.alpha.max() <= 1.00001
        assert -0.01 < now.picture.min() < now.picture.max() < 255.5
        assert np.mean((now.alpha > 0.02) & (now.alpha < 0.98)) > 0.01
        assert np.abs(now.alpha - then.alpha).max() > 0.1


def test_sequences_are_the_same_each_time(drawn: dict[str, list[TrueFrame]]) -> None:
    for sequence in SEQUENCES[::4]:
        for now, before in zip(small(sequence).frames(2), drawn[sequence.name], strict=True):
            assert np.array_equal(now.picture, before.picture)
            assert np.array_equal(now.alpha, before.alpha)


def test_what_is_drawn_covers_as_much_as_it_does() -> None:
    """A rectangle of 8 x 4.5 pixels covers half of the pixels in its last row."""
    sheet = Sheet(16, 12)
    corners = np.array([[3.5, 2.5], [11.4, 2.5], [11.4, 6.9], [3.5, 6.9]], np.float32)
    sheet.shape(corners, (200, 100, 50))
    layer = sheet.layer()
    assert np.allclose(layer.alpha[4, 5:11], 1)
    assert layer.alpha.sum() == pytest.approx(8 * 4.5, rel=0.05)
    straight = layer.premultiplied[layer.alpha > 0.2] / layer.alpha[layer.alpha > 0.2][:, None]
    assert np.allclose(straight, (200, 100, 50), atol=2)


def test_layers_over_each_other_and_averaged() -> None:
    """Half-covering white over black; then, for half of the time, nothing."""
    half = np.full((1, 1), 0.5, np.float32)
    white = Layer(half[..., None] * np.full(3, 255, np.float32), half)
    black = Layer(np.zeros((1, 1, 3), np.float32), np.ones((1, 1), np.float32))
    nothing = Layer(np.zeros((1, 1, 3), np.float32), np.zeros((1, 1), np.float32))
    both = white.over(black)
    assert (both.alpha.item(), both.premultiplied[0, 0, 0]) == (1, 127.5)
    blurred = averaged([both, nothing])
    assert (blurred.alpha.item(), blurred.premultiplied[0, 0, 0]) == (0.5, 63.75)


def test_a_tone_changes_hair_and_leaves_the_face() -> None:
    plain = replace(small(SEQUENCES[0]), thing=None)
    light = next(replace(plain, hair=Style()).frames(1))
    dark = next(replace(plain, hair=Style(tone=(0.3, 0.3, 0.3))).frames(1))
    change = np.abs(light.foreground - dark.foreground).max(axis=-1) * (light.alpha > 0.99)
    rows = np.flatnonzero((change > 20).any(axis=1))
    assert 20 < len(rows) < 50
    assert change[60:].max() < 1


# -- scores
# --------------------------------------------------------------------------------------------------


def test_the_truth_has_no_error(drawn: dict[str, list[TrueFrame]]) -> None:
    for made in drawn.values():
        true = [frame.alpha for frame in made]
        assert set(alpha_metrics.evaluate(true, true).values()) == {0.0}


def test_known_errors() -> None:
    """In one of two frames, a quarter of the picture is wrong by 0.1; the truth is hard."""
    true = np.zeros((8, 8), np.float32)
    wrong = true.copy()
    wrong[:4, :4] = 0.1
    scores = alpha_metrics.evaluate([wrong, true], [true, true])
    assert scores["mad"] == pytest.approx(1000 * 0.1 / 4 / 2)
    assert scores["dtssd"] == pytest.approx(100 * 0.1 / 2)
    assert scores["soft"] == 0


def test_soft_error_counts_where_the_truth_is_soft() -> None:
    true = np.zeros((21, 21), np.float32)
    true[10, 10] = 0.5
    found = np.where(true > 0, 0.3, 0).astype(np.float32)
    region = alpha_metrics.soft_region(true)
    assert region[10, 7]
    assert not region[10, 6]
    assert alpha_metrics.soft_mad(found, true) == pytest.approx(1000 * 0.2 / region.sum())


def test_gradient_error_of_a_single_pixel() -> None:
    """A pixel shows the two filters themselves, each of which has the norm 1."""
    true = np.zeros((21, 21), np.float32)
    found = true.copy()
    found[10, 10] = 1
    assert alpha_metrics.gradient_error(found, true) == pytest.approx(2 / 1000)


def test_sequences_go_through_matte_and_are_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fake network finds no green here; its empty mattes have the truth itself as error."""
    monkeypatch.setattr("vidseg.rendering.chain.open_segmenter", lambda *_, **__: FakeSegmenter())
    sequence = small(SEQUENCES[0])
    table = evaluate_drawn.evaluate(evaluate_drawn.SOFT, [sequence], ["fake"], tmp_path, 2)
    share = np.mean([frame.alpha.mean() for frame in sequence.frames(2)])
    assert table["fake"]["tuning-window"]["mad"] == pytest.approx(1000 * share, rel=1e-4)
    shown = evaluate_drawn.markdown(evaluate_drawn.SOFT, table).splitlines()
    assert [line.split(" | ")[0] for line in shown[2:]] == ["| tuning-window", "| all of tuning"]
