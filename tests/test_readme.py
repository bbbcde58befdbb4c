"""What README.md tells people to type works."""

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from samples.make import make_all
from tests.helpers.clips import read_frames
from tests.helpers.folder import published_rvm
from tests.helpers.tfjs import write_rvm

PROJECT = Path(__file__).resolve().parent.parent
README = (PROJECT / "README.md").read_text("utf-8")
_COMMAND = "from vidseg.__main__ import main\nmain()"


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of README in `language`."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Return the lines of README's blocks for a shell, each once."""
    lines = [line for block in blocks("bash") for line in block.splitlines() if line.strip()]
    return list(dict.fromkeys(lines))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files that the recipes name."""
    folder = tmp_path_factory.mktemp("desk")
    for path, name in zip(
        make_all(folder, small=True), ("clip.mp4", "beach.jpg", "waves.mp4"), strict=True
    ):
        path.rename(folder / name)
    (folder / "clips").mkdir()
    shutil.copy(folder / "clip.mp4", folder / "clips")
    (folder / "frames").mkdir()
    for number, frame in enumerate(read_frames(folder / "clip.mp4"), start=1):
        Image.fromarray(frame.rgb).save(folder / "frames" / f"{number:05}.png")
        if number == 1:
            Image.fromarray(frame.rgb).save(folder / "photo.jpg", quality=95)
    return folder


def run(code: str, arguments: list[str], folder: Path) -> str:
    """Run Python code; return its output."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def picture_size(path: Path) -> tuple[int, int]:
    """Return a picture file's width and height."""
    with Image.open(path) as picture:
        return picture.size


def results(output: Path) -> list[Path]:
    """Return what a recipe wrote as OUTPUT: the clip, the two of a pair, a batch's, or pictures."""
    if "%" in output.name:
        return sorted(output.parent.iterdir())
    if output.is_dir():
        return [output / "clip.mp4"]
    pair = [output.with_suffix(f".{part}{output.suffix}") for part in ("fgr", "matte")]
    return [output] if output.exists() else pair


@pytest.mark.parametrize("line", [line for line in commands() if line.startswith("vidseg ")])
def test_recipes_work(line: str, desk: Path, request: pytest.FixtureRequest) -> None:
    """Each command succeeds and writes as many frames as were asked for, of the clip's size."""
    words = shlex.split(line)[1:]
    names = {name for word in words for name in word.split(",")}
    if "selfie" in names:
        request.getfixturevalue("selfie_weights")
    if "rvm" in words and not published_rvm().is_file():
        words[words.index("rvm")] = str(write_rvm(desk / "small"))
    run(_COMMAND, words, desk)
    if words[0] == "preview":
        assert picture_size(desk / words[words.index("-o") + 1])[0] > 320
    elif "-o" in words:
        _check(desk / words[words.index("-o") + 1], 18 if "--end" in words else 30)
    for option in {"--otio", "--report"} & set(words):
        assert (desk / words[words.index(option) + 1]).stat().st_size


def _check(output: Path, frames: int) -> None:
    found = results(output)
    if found[0].suffix in (".png", ".jpg"):
        assert len(found) == (frames if "%" in output.name else 1)
        assert picture_size(found[-1]) == (320, 180)
        return
    for path in found:
        shown = read_frames(path)
        assert len(shown) == frames
        assert shown[0].rgb.shape == (180, 320, 3)


@pytest.mark.parametrize("code", blocks("python"))
def test_python_works(code: str, desk: Path) -> None:
    """The example prints what its comments say."""
    assert run(code, [], desk).splitlines() == re.findall(
        r"^print\(.*\)  # (.*)$", code, re.MULTILINE
    )


@pytest.mark.parametrize("script", blocks("sh"))
def test_scripts_work(script: str, desk: Path) -> None:
    """A script finds the program on its path, and each clip of the folder is done."""
    program = desk / "bin" / "vidseg"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!{sys.executable}\n{_COMMAND}\n")
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=desk,
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "PATH": path},
    )
    assert done.returncode == 0
    assert done.stderr == ""
    _check(desk / "done" / "clip.mp4", 30)


def test_other_commands_exist() -> None:
    """Whatever else is to be typed is a script of the project, or pip."""
    for line in commands():
        program = shlex.split(line)[0]
        assert program in ("vidseg", "pip") or (PROJECT / program).stat().st_mode & 0o111, line


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(name: str) -> None:
    """Files that the documents link to or show are there."""
    for target in re.findall(r"\]\(([^)#]+)\)", (PROJECT / name).read_text("utf-8")):
        assert target.startswith("https://") or (PROJECT / target).is_file(), f"{name}: {target}"


def test_the_page_of_options_is_what_help_says() -> None:
    """docs/options.md is made by scripts/options.py; run it again after a change of options."""
    made = runpy.run_path(str(PROJECT / "scripts" / "options.py"))["page"]()
    assert (PROJECT / "docs" / "options.md").read_text("utf-8") == made


def test_options_are_real() -> None:
    """Every option that the documents mention is one of the commands'."""
    options = (PROJECT / "docs" / "options.md").read_text("utf-8")
    for option in set(re.findall(r"`(--[a-z-]+)", README)) - {"--help", "--version"}:
        assert option in options, option
