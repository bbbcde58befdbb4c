"""No command writes over what it reads: source, background, model, in whatever disguise."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.batches import run as batch
from tests.helpers.clips import write_clip, write_picture
from tests.helpers.command_line import one_line, vidseg
from tests.helpers.renders import rendered
from vidseg.errors import OutputError
from vidseg.jobs import resume
from vidseg.media.image_sequence import holds
from vidseg.models import MODELS
from vidseg.networks.fake import FakeSegmenter
from vidseg.rendering import file_checks, pipeline
from vidseg.rendering.preview import preview
from vidseg.settings import ModelSettings, PreviewSettings, RenderSettings

FRAMES = 4


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A short clip."""
    return write_clip(tmp_path / "in.mp4", frames=FRAMES)


def by_link(path: Path) -> Path:
    (link := path.with_name(f"link{path.suffix}")).symlink_to(path)
    return link


def by_hard_link(path: Path) -> Path:
    os.link(path, link := path.with_name(f"hard{path.suffix}"))
    return link


def by_another_spelling(path: Path) -> Path:
    (path.parent / "folder").mkdir(exist_ok=True)
    return path.parent / "folder" / ".." / path.name


DISGUISES = [lambda path: path, by_link, by_hard_link, by_another_spelling]
disguised = pytest.mark.parametrize(
    "disguise", DISGUISES, ids=["itself", "link", "hard link", "spelling"]
)


def settings(source: Path, output: Path, **changes: Any) -> RenderSettings:
    """Return settings that would replace whatever they may."""
    return RenderSettings(source=source, output=output, overwrite=True, **changes)


@disguised
@pytest.mark.parametrize("segments", [False, True], ids=["at once", "in segments"])
def test_a_background_is_not_replaced(
    clip: Path, disguise: Callable[[Path], Path], segments: bool
) -> None:
    """`-b bg.mp4 -o bg.mp4 --overwrite` destroyed it and ended well: only sources were checked."""
    wall = write_clip(clip.parent / "bg.mp4", frames=FRAMES)
    before = wall.read_bytes()
    render = resume.render if segments else pipeline.render
    given = settings(clip, disguise(wall), background=str(wall))
    with pytest.raises(
        OutputError, match="is also an input, the background; vidseg never writes over"
    ):
        render(given, segmenter=FakeSegmenter())
    assert wall.read_bytes() == before
    assert not list(clip.parent.glob(".*"))


@disguised
def test_a_source_is_not_replaced(clip: Path, disguise: Callable[[Path], Path]) -> None:
    with pytest.raises(OutputError, match="is also an input, the source"):
        file_checks.check(settings(clip, disguise(clip)))


@disguised
@pytest.mark.parametrize("where", ["report", "timeline"])
def test_what_is_written_beside_replaces_nothing_either(
    clip: Path, disguise: Callable[[Path], Path], where: str
) -> None:
    """A report may have any name, a background's too."""
    wall = clip.parent / "wall.otio"  # whatever it holds
    write_picture(clip.parent / "wall.png").rename(wall)
    given = settings(clip, clip.parent / "o.mov", background=str(wall), **{where: disguise(wall)})
    with pytest.raises(OutputError, match="is also an input, the background"):
        file_checks.check(given)


def test_a_pair_is_checked_by_the_names_that_it_gets(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "talk.matte.mp4", frames=FRAMES)
    with pytest.raises(OutputError, match=r"talk\.matte\.mp4: is also an input"):
        file_checks.check(
            settings(source, tmp_path / "talk.mp4", background="transparent", pair=True)
        )


@pytest.mark.parametrize(
    "name", ["model.json", "group1-shard1of1", "saved_model.pb", "variables/variables.index"]
)
@pytest.mark.parametrize("by_file", [False, True], ids=["folder", "json"])
def test_a_models_files_are_not_replaced(clip: Path, name: str, by_file: bool) -> None:
    """Reports are JSON under any name, such as a model's."""
    folder = clip.parent / "network"
    path = folder / name
    path.parent.mkdir(parents=True)
    path.touch()
    model = str(folder / "model.json" if by_file else folder)
    given = settings(clip, clip.parent / "o.mp4", report=path, model=ModelSettings(name=model))
    if by_file and path.parent != folder:
        file_checks.check(given)  # a model told by its json has no such files
        return
    with pytest.raises(OutputError, match="is also an input, the model"):
        file_checks.check(given)


def test_a_model_that_was_fetched_is_not_replaced(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = MODELS["bodypix-050-s16"]
    path = tmp_path / "models" / model.published.path
    path.parent.mkdir(parents=True)
    path.touch()
    monkeypatch.setenv("VIDSEG_MODEL_DIR", str(tmp_path / "models"))
    given = settings(clip, tmp_path / "o.mp4", report=path, model=ModelSettings(name=model.name))
    with pytest.raises(OutputError, match="is also an input, the model"):
        file_checks.check(given)


def test_results_beside_a_model_may_be_replaced(clip: Path) -> None:
    """`--model .` makes no model of all that lies there."""
    for name in ("model.json", "out.mp4"):
        (clip.parent / name).touch()
    file_checks.check(
        settings(clip, clip.parent / "out.mp4", model=ModelSettings(name=str(clip.parent)))
    )


def pictures(folder: Path, name: str = "%03d.png") -> Path:
    """Write a sequence of pictures."""
    folder.mkdir(exist_ok=True)
    for number in range(1, FRAMES + 1):
        write_picture(folder / (name % number))
    return folder / name


@pytest.mark.parametrize("output", ["%03d.png", "0%02d.png", "00%d.png"])
def test_a_pattern_that_covers_the_source_is_refused(tmp_path: Path, output: str) -> None:
    """Only the very same pattern was; `--overwrite` deletes all that the new one covers."""
    source = pictures(tmp_path / "frames")
    before = [path.read_bytes() for path in sorted(source.parent.iterdir())]
    with pytest.raises(
        OutputError, match=r"001\.png is also an input, the source|: is also an input"
    ):
        rendered(source, source.with_name(output), overwrite=True, frame_rate=Fraction(24))
    assert [path.read_bytes() for path in sorted(source.parent.iterdir())] == before


def test_a_pattern_that_covers_the_background_is_refused(clip: Path) -> None:
    wall = pictures(clip.parent / "o").with_name("003.png")
    with pytest.raises(OutputError, match=r"%03d\.png: 003\.png is also an input, the background"):
        rendered(clip, wall.with_name("%03d.png"), str(wall), overwrite=True)


def test_a_link_to_a_picture_in_the_pattern_is_followed(clip: Path) -> None:
    wall = by_link(pictures(clip.parent / "o").with_name("003.png"))
    wall = wall.rename(clip.parent / "wall.png")
    with pytest.raises(OutputError, match="is also an input, the background"):
        rendered(clip, clip.parent / "o" / "%03d.png", str(wall), overwrite=True)


def test_other_pictures_in_the_folder_are_no_hindrance(tmp_path: Path) -> None:
    source = pictures(tmp_path / "frames")
    for _ in range(2):
        pictures(tmp_path / "frames", "new-%03d.png")
        file_checks.check(
            settings(source, source.with_name("new-%03d.png"), frame_rate=Fraction(24))
        )


def test_a_report_is_no_picture_of_the_sequence(clip: Path) -> None:
    """It would have been written over the third of them."""
    (clip.parent / "o").mkdir()
    output = clip.parent / "o" / "%03d.png"
    with pytest.raises(OutputError, match=r"003\.png: is written by the render itself"):
        file_checks.check(settings(clip, output, report=clip.parent / "o" / "003.png"))
    file_checks.check(settings(clip, output, report=clip.parent / "o" / "3.png"))
    assert not holds(output, clip.parent / "003.png")


@pytest.mark.parametrize("onto", ["source", "background"])
def test_a_preview_replaces_nothing(tmp_path: Path, onto: str) -> None:
    paths = {name: write_picture(tmp_path / f"{name}.png") for name in ("source", "background")}
    given = PreviewSettings(
        source=paths["source"],
        background=str(paths["background"]),
        output=paths[onto],
        overwrite=True,
    )
    before = paths[onto].read_bytes()
    with pytest.raises(OutputError, match=f"is also an input, the {onto}"):
        preview(given, segmenter=FakeSegmenter())
    assert paths[onto].read_bytes() == before


def test_a_batch_replaces_no_background(tmp_path: Path) -> None:
    """A result that has its name counted as done, and with --overwrite the background was gone."""
    (tmp_path / "talks").mkdir()
    write_clip(tmp_path / "talks" / "wall.mp4", frames=FRAMES)
    (tmp_path / "out").mkdir()
    wall = write_clip(tmp_path / "out" / "wall.mp4", frames=FRAMES)
    before = wall.read_bytes()
    for more in ([], ["--overwrite"]):
        line = one_line(
            batch("batch", tmp_path / "talks", "-o", tmp_path / "out", "-b", wall, *more)
        )
        assert "wall.mp4: is also an input, the background" in line
    assert wall.read_bytes() == before


def test_a_batch_replaces_no_other_clip_that_it_was_given(tmp_path: Path) -> None:
    """It was taken for the result of its namesake, left out, and replaced."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_clip(tmp_path / folder / "talk.mp4", frames=FRAMES)
    named = [tmp_path / folder / "talk.mp4" for folder in ("a", "b")]
    before = named[1].read_bytes()
    line = one_line(batch("batch", *named, "-o", tmp_path / "b", "-b", "navy", "--overwrite"))
    assert "talk.mp4: is also an input, a source" in line
    assert named[1].read_bytes() == before


def test_a_batchs_report_replaces_no_model(tmp_path: Path) -> None:
    write_clip(tmp_path / "talk.mp4", frames=FRAMES)
    (tmp_path / "network").mkdir()
    model = tmp_path / "network" / "model.json"
    model.touch()
    words = ["batch", tmp_path / "talk.mp4", "-o", tmp_path / "out", "-b", "navy", "--model", model]
    assert "is also an input, the model" in one_line(batch(*words, "--report", model))


def test_the_command_line_ends_with_one_line(clip: Path) -> None:
    wall = write_picture(clip.parent / "wall.png")
    words = [
        "render",
        clip,
        "-o",
        clip.parent / "o.mp4",
        "-b",
        wall,
        "--report",
        wall,
        "--overwrite",
    ]
    assert "wall.png: is also an input, the background" in one_line(vidseg(*words))


def test_results_may_be_replaced(clip: Path) -> None:
    """As always, with a background that stays."""
    wall = write_picture(clip.parent / "wall.png")
    for _ in range(2):
        assert rendered(clip, clip.parent / "o.mp4", str(wall), overwrite=True).frames_out == FRAMES
