"""Messages name what their reader has: the options of a command, or the settings of a program."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

import vidseg
from tests.helpers.batches import run as in_batch
from tests.helpers.clips import write_clip, write_picture
from tests.helpers.command_line import vidseg as command_line
from vidseg.cli.main import cli
from vidseg.errors import VidsegError, name_options, name_settings, worded
from vidseg.networks.fake import FakeSegmenter
from vidseg.settings import (
    EncodeSettings,
    MatteSettings,
    ModelSettings,
    PreviewSettings,
    RenderSettings,
)

PACKAGE = Path(vidseg.__file__).parent
_NAMED = re.compile(r"(?<![\w-])(--[a-z][a-z-]+|-[a-z])(?![\w-])")


def options_of(command: click.Command) -> set[str]:
    """Return all options of a command, and of those below it."""
    own = {name for parameter in command.params for name in parameter.opts if name.startswith("-")}
    below = command.commands.values() if isinstance(command, click.Group) else ()
    return own.union({"--help", "-h"}, *map(options_of, below))


def test_every_option_in_a_message_exists() -> None:
    everything = options_of(cli)
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name == "wheel_fetch.py":  # which gives pip its options
            continue
        tree = ast.parse(path.read_text("utf-8"))
        texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        named = {
            name
            for text in texts
            if isinstance(text, str)
            for name in re.findall(r"--[a-z][a-z-]+", text)
        }
        named = {name.rstrip("-") for name in named}
        assert named <= everything, path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where these commands run: a clip, numbered pictures, a photo, and a file in the way."""
    made = tmp_path_factory.mktemp("wording")
    write_clip(made / "in.mp4", frames=4)
    for number in (1, 2):
        write_picture(made / f"{number}.png")
    for name in ("there.mp4", "there.png"):
        (made / name).touch()
    return made


CALLS = [
    "probe 1.png --max-pixels 10",
    "probe in.mp4 --max-pixels 10",
    "probe %d.png",
    "probe in.mp4 --fps 24",
    "probe https://localhost/x.mp4",
    "preview 1.png -o o.png --max-pixels 10",
    "preview in.mp4 -o o.png --max-pixels 10",
    "preview in.mp4 -o o.png --max-pixels 0",
    "preview in.mp4 -o there.png",
    "preview in.mp4 -o o.png --at 77",
    "preview in.mp4 -o o.png --rows 0",
    "preview in.mp4 -o o.png --device tpu",
    "preview in.mp4 -o o.png --threshold 2",
    "preview in.mp4 -o o.png -b ",
    "preview %d.png -o o.png",
    "preview in.mp4 -o o.png --parts nose_job",
    "matte in.mp4 -o o.mp4 --max-pixels 10",
    "matte in.mp4 -o there.mp4",
    "matte in.mp4 -o o.mkv --parts-map --invert",
    "matte in.mp4 -o o.mp4 --crf 60",
    "matte in.mp4 -o o.mkv --codec ffv1 --pix-fmt gray --range video",
    "matte in.mp4 -o %d.png --crf 3",
    "matte in.mp4 -o %d.jpg --range video",
    "matte in.mp4 -o o.mp4 --end 1 --start 2",
    "render in.mp4 -o o.mp4 -b transparent",
    "render in.mp4 -o o.mp4 -b transparent --codec x264",
    "render in.mp4 -o o.mp4 -b red --range full",
    "render in.mp4 -o o.mp4 -b red --pair",
    "render in.mp4 -o o.mov -b blur --otio o.otio",
    "render in.mp4 -o o.mov -b red --otio o.txt",
    "render in.mp4 -o o.mp4 -b red --premultiplied",
    "render in.mp4 -o o.mp4 -b red --pix-fmt nonsense",
    "render in.mp4 -o o.mp4 -b red --hwaccel nonsense",
    "render 1.png -o o.png -b red --resumable",
    "render https://localhost/x.mp4 -o o.mp4 -b red --ray auto --allow-urls",
    "batch in.mp4 -o out -b transparent --codec x264",
    "batch in.mp4 -o out --matte --codec nonsense",
    "batch in.mp4 -o out -b red --max-pixels 10",
    "batch in.mp4 -o out -b red --name same.mp4 1.png",
    "batch %d.png -o out -b red",
    "batch in.mp4 -o . -b red",
    "batch https://localhost/x.mp4 -o out -b red",
    "batch 1.png -o out -b red",
    "models fetch nonsense",
    "models show nonsense",
]


@pytest.mark.parametrize("call", CALLS)
def test_a_command_names_options_that_it_has(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """`probe` and `preview` sent people to --max-pixels, a batch to --pair, which they hadn't."""
    words = call.split(" ")
    name = words[0]
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(PACKAGE.parent))
    if name == "batch":
        monkeypatch.setattr("tests.helpers.batches.PROJECT", folder)
    done = (in_batch if name == "batch" else command_line)(*words)
    assert done.returncode in (1, 2), done.stdout + done.stderr
    told = done.stdout + done.stderr
    assert "internal error" not in told
    named = set(_NAMED.findall(told))
    assert named <= options_of(cli.commands[name]), told


@pytest.fixture
def _a_program() -> Iterator[None]:
    """Let messages be what a program is told, which is how a process begins."""
    name_settings()
    yield
    name_options()


@pytest.mark.parametrize(
    ("option", "setting"),
    [
        ("use --overwrite to replace it", "use overwrite to replace it"),
        ("--batch-size must lie in [1, 256]", "batch_size must lie in [1, 256]"),
        ("say it, such as --fps 24", "say it, such as frame_rate 24"),
        ("leave out -b red", "leave out background red"),
        ("leave out --size-change split", "leave out size_change split"),
        ("--otio a.otio: the ending", "timeline a.otio: the ending"),
        ("/tmp/my--end.mp4: no such file", "/tmp/my--end.mp4: no such file"),
        ("/tmp/a --end.mp4: no such file", "/tmp/a --end.mp4: no such file"),
        ("a-b.mp4 and -bad: well-b", "a-b.mp4 and -bad: well-b"),
    ],
)
@pytest.mark.usefixtures("_a_program")
def test_an_option_is_a_setting_to_a_program(option: str, setting: str) -> None:
    assert str(VidsegError(option)) == worded(option) == setting
    name_options()
    assert str(VidsegError(option)) == worded(option) == option


@pytest.mark.parametrize(
    ("settings", "given"),
    [
        (EncodeSettings, {"audio": "loud"}),
        (EncodeSettings, {"crf": 99}),
        (MatteSettings, {"threshold": 2}),
        (ModelSettings, {"batch_size": 0}),
        (ModelSettings, {"device": "tpu"}),
        (RenderSettings, {"max_pixels": 0}),
        (RenderSettings, {"frame_rate": 0}),
        (RenderSettings, {"premultiplied": True}),
        (RenderSettings, {"timeline": Path("o.otio"), "background": "blur"}),
        (PreviewSettings, {"rows": 0}),
    ],
)
@pytest.mark.usefixtures("_a_program")
def test_a_program_is_told_of_settings_that_there_are(settings: Any, given: dict[str, Any]) -> None:
    """`vidseg.EncodeSettings(audio="loud")` was answered with --audio."""
    whole = settings in (RenderSettings, PreviewSettings)
    paths = {"source": Path("a"), "output": Path("b.mov")} if whole else {}
    with pytest.raises(VidsegError) as told:
        settings(**paths, **given)
    assert not _NAMED.search(str(told.value))
    assert next(iter(given)) in str(told.value)


@pytest.mark.usefixtures("_a_program")
def test_a_program_is_told_of_its_settings_throughout(folder: Path) -> None:
    """By functions, in notes and in lines."""
    with pytest.raises(vidseg.OutputError, match="exists already; use overwrite to replace it"):
        vidseg.render(folder / "in.mp4", folder / "there.mp4", "red", segmenter=FakeSegmenter())
    with pytest.raises(vidseg.InputError, match="such as frame_rate 24"):
        vidseg.masks(folder / "%d.png")
    with pytest.raises(vidseg.InputError, match="allow them with max_pixels 6144"):
        vidseg.masks(folder / "in.mp4", max_pixels=10)
    said: list[str] = []
    settings = RenderSettings(
        source=write_clip(folder / "sound.mp4", frames=4, audio=[{}]),
        output=folder / "silent.mp4",
        encode=EncodeSettings(audio="none"),
    )
    report = vidseg.run(settings, segmenter=FakeSegmenter(), say=said.append)
    assert any("as audio none asks" in note for note in report.notes)
    assert not [line for line in (*said, *report.notes) if _NAMED.search(line)]
