"""Whole renders with networks of BodyPix's form, from unconverted weights to what is written.

Small networks under BodyPix's names find the bright green person of `tests.helpers.clips`; where
there are published weights, those are tested on real people in test_real_people.py.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.clips import (
    BACKGROUND_RGB,
    PERSON_RGB,
    person_mask,
    person_picture,
    read_frames,
    write_clip,
)
from vidseg.models import ensure_converted, read_tfjs
from vidseg.models.catalogue import MODELS
from vidseg.rendering.pipeline import render
from vidseg.settings import EncodeSettings, MatteSettings, ModelSettings, RenderSettings

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("quick_conversions")]

WIDTH, HEIGHT, FRAMES = 480, 270, 16
BLUE = (32, 64, 192)


def by_json(path: Path) -> Path:
    """Return the model as TensorFlow.js has it, which runs on LiteRT once it is converted."""
    return path


def by_saved_model(path: Path) -> Path:
    """Return the model as TensorFlow has it."""
    return ensure_converted(read_tfjs(path), name=path.stem, parts=False).saved_model


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person who sways, green before grey."""
    path = tmp_path_factory.mktemp("clip") / "in.mp4"
    return write_clip(
        path,
        width=WIDTH,
        height=HEIGHT,
        frames=FRAMES,
        picture=lambda number: person_picture(number, WIDTH, HEIGHT, numbered=False),
    )


def settings(clip: Path, output: Path, model: Path, **changes: object) -> RenderSettings:
    """Return settings of a render that is quick to write."""
    chosen = ModelSettings(name=str(model), device="cpu")
    quick = EncodeSettings(preset="ultrafast")
    given = {"background": "#2040c0", "encode": quick, "model": chosen, **changes}
    return RenderSettings(source=clip, output=output, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["bodypix-050-s16", "bodypix-050-s8"])
@pytest.mark.parametrize("form", [by_json, by_saved_model])
def test_a_person_is_put_before_a_new_background(
    clip: Path, tmp_path: Path, small_models: Path, name: str, form: Callable[[Path], Path]
) -> None:
    """She keeps her colour, and the room is gone, in every frame, but for the very edge."""
    report = render(
        settings(clip, tmp_path / "out.mp4", form(small_models / MODELS[name].published.path))
    )
    assert report.frames_out == FRAMES
    shown = read_frames(tmp_path / "out.mp4")
    for number, frame in enumerate(shown):
        truth = person_mask(number, WIDTH, HEIGHT)
        near = {
            colour: np.abs(frame.rgb.astype(int) - colour).max(axis=-1) < 40
            for colour in (PERSON_RGB, BACKGROUND_RGB, BLUE)
        }
        assert near[PERSON_RGB][truth].mean() > 0.95
        assert near[BLUE][~truth].mean() > 0.97
        assert near[BACKGROUND_RGB].mean() < 0.01


def test_both_runtimes_write_the_same_matte(clip: Path, tmp_path: Path, small_models: Path) -> None:
    """Which one a machine uses is not to be seen: grey values differ by rounding only."""
    path = small_models / MODELS["bodypix-050-s16"].published.path
    lossless = EncodeSettings(codec="ffv1", audio="none")
    mattes = []
    for form in (by_json, by_saved_model):
        output = tmp_path / f"{form.__name__}.mkv"
        changes = {"kind": "matte", "encode": lossless, "matte": MatteSettings(smooth=0)}
        render(settings(clip, output, form(path), **changes))
        mattes.append(np.stack([frame.rgb[..., 0] for frame in read_frames(output)]).astype(int))
    assert np.abs(mattes[0] - mattes[1]).max() <= 3
    truth = np.stack([person_mask(number, WIDTH, HEIGHT) for number in range(FRAMES)])
    found = mattes[0] > 127
    assert (found & truth).sum() / (found | truth).sum() > 0.95
