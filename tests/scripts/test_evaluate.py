"""The script that scores masks reads back in step with the truth; every ablation still cuts."""

import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from vidseg.networks.fake import PERSON_RGB, FakeSegmenter

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "evaluate.py"


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("evaluate", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["evaluate"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["evaluate"]


def walk(folder: Path, numbers: range) -> Path:
    """Write a set: a green person who walks to the right, and true masks."""
    for kind in ("frames", "masks"):
        (folder / kind).mkdir(parents=True)
    for step, number in enumerate(numbers):
        mask = np.zeros((120, 160), np.uint8)
        mask[30:110, 20 + 8 * step : 60 + 8 * step] = 255
        picture = np.full((120, 160, 3), 120, np.uint8)
        picture[mask > 0] = PERSON_RGB[::-1]
        cv2.imwrite(str(folder / "frames" / f"{number:05d}.png"), picture)
        cv2.imwrite(str(folder / "masks" / f"{number:05d}.png"), mask)
    return folder


@pytest.mark.parametrize("numbers", [range(8), range(0, 90, 30)], ids=["sequence", "stills"])
def test_mattes_are_scored_in_step_with_the_truth(
    script: ModuleType,
    tmp_path: Path,
    test_data: Path,
    monkeypatch: pytest.MonkeyPatch,
    numbers: range,
) -> None:
    """A frame too early or too late, or a pixel off, would cost more than these bounds allow."""
    monkeypatch.setattr("vidseg.rendering.chain.open_segmenter", lambda *_, **__: FakeSegmenter())
    monkeypatch.setattr(script, "DATA", test_data)
    each = script.given_set(str(walk(tmp_path / "walk", numbers)))
    table = script.evaluate([each], ["fake"], False, lambda _: None)
    scores = table["fake"]["walk"]
    assert each.stills == (len(numbers) == 3)
    assert scores["iou"] > 0.97
    assert scores["f"] > 0.97
    assert np.isnan(scores["dtssd"]) == each.stills
    assert "| fake | walk |" in script.markdown(table)


def test_a_clip_with_its_masks_is_a_set(script: ModuleType, tmp_path: Path) -> None:
    folder = walk(tmp_path / "walk", range(4))
    script.write_clip(sorted((folder / "frames").glob("*")), tmp_path / "walk.mkv")
    each = script.given_set(f"{tmp_path / 'walk.mkv'}={folder / 'masks'}")
    assert (each.name, len(each.masks), each.stills) == ("walk", 4, False)


def test_every_ablation_names_what_is_there(script: ModuleType) -> None:
    """An ablation stands in for a function by name, and takes all that the function may be given.

    One that was renamed, or had got another parameter, would leave its row untested.
    """
    for way in script.WAYS.values():
        for name, function in way.instead.items():
            inspect.signature(function).bind(
                *inspect.signature(pkgutil.resolve_name(name)).parameters
            )


def test_costs_of_stages_stand_beside_what_they_bring(
    script: ModuleType, tmp_path: Path, test_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidseg.rendering.chain.open_segmenter", lambda *_, **__: FakeSegmenter())
    monkeypatch.setattr("vidseg.networks.open_segmenter", lambda *_, **__: FakeSegmenter())
    monkeypatch.setattr(script, "DATA", test_data)
    monkeypatch.setattr(script, "HEIGHTS", (180,))
    monkeypatch.setattr(
        script, "WAYS", {name: script.WAYS[name] for name in ("default", "no smoothing")}
    )
    sets = [script.given_set(str(walk(tmp_path / "walk", range(6))))]
    monkeypatch.setattr(script, "tutorial", lambda each: (script.truth(each), 0.0))
    scores = script.evaluate(sets, ["fake"], True, lambda _: None)
    head, _, default, smoothing = script.costs_of_stages(sets, "fake", scores).splitlines()
    titles = [cell.strip() for cell in head.strip("|").split("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (default, smoothing)]
    assert titles[:5] == ["stage", "IoU", "F", "bMAD", "dtSSD"]
    spent = dict(zip(titles, cells[0], strict=True))
    without = dict(zip(titles, cells[1], strict=True))
    assert np.isfinite([float(cell["180p: smooth"]) for cell in (spent, without)]).all()
