"""Names and titles from files: shown without being obeyed, written whatever bytes they are of."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.batches import run as batch
from tests.helpers.clips import Audio, write_clip
from tests.helpers.command_line import FAKE, FORKS
from tests.helpers.renders import rendered
from vidseg.jobs import resume
from vidseg.networks.fake import FakeSegmenter
from vidseg.settings import EncodeSettings, RenderSettings
from vidseg.system.text import as_json, encoded, printable

CLEAR = "\x1b[2J\x1b]0;owned\x07\x9b31m\nnext\u202egnp"
"""Clears a terminal, names its window, turns text red and around: a title may do none of it."""

BYTES = os.fsdecode(b"caf\xe9.mp4")
"""A name in Latin-1, as old archives hold them."""


@pytest.fixture
def latin(tmp_path: Path) -> Path:
    """A clip whose name is no UTF-8; skips on systems that have no such names."""
    made = write_clip(tmp_path / "plain.mp4", frames=6)
    try:
        return made.rename(tmp_path / BYTES)
    except OSError:
        pytest.skip("this file system has no names but UTF-8")


_SHOWN = (
    "import sys\n"
    "sys.stdout.reconfigure(encoding='{0}', errors='{1}')\n"
    "sys.stderr.reconfigure(encoding='{0}', errors='backslashreplace')\n"
)
"""What Python does at its start where PYTHONIOENCODING says so."""


def said(
    *words: str | Path, encoding: str = "utf-8:strict"
) -> "subprocess.CompletedProcess[bytes]":
    """Run the command line; its words, to a terminal of some encoding, as bytes."""
    return FORKS.run(_SHOWN.format(*encoding.split(":")) + FAKE, [*map(str, words)])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢字 😀", "plain é 漢字 😀"),
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("two\nlines\r", r"two\nlines\r"),
        ("\x9b31m\x7f", r"\x9b31m\x7f"),
        ("\u202egnp", r"\u202egnp"),
        (os.fsdecode(b"caf\xe9"), r"caf\udce9"),
        ("9.41\u202fAM\xa0!", "9.41\u202fAM\xa0!"),  # as Macs name screenshots
        ("क्\u200dष 👩\u200d👧", "क्\u200dष 👩\u200d👧"),  # joiners, which languages and emoji need
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_json_holds_what_was_meant_and_no_controls() -> None:
    value: Any = {"title": CLEAR, "path": BYTES, "plain": "é😀"}
    text = as_json(value)
    assert json.loads(text) == json.loads(encoded(text)) == value
    assert not set(text) & set("\x1b\x9b\x07\u202e\udce9")
    assert "é😀" in text
    assert as_json(value, ascii_only=True).isascii()


@pytest.mark.parametrize(
    "command", [["probe"], ["probe", "--json"], ["render", "-b", "red", "--audio", "none"]]
)
def test_a_title_is_not_obeyed(tmp_path: Path, command: list[str]) -> None:
    """`probe` printed handlers' names and titles as they are: a clip could clear the terminal."""
    source = write_clip(tmp_path / "in.mkv", frames=4, audio=[Audio(title=CLEAR)])
    rest = ["-o", str(tmp_path / "out.mkv")] if command[0] == "render" else []
    done = said(*command, source, *rest)
    assert done.returncode == 0, done.stderr
    told = (done.stdout + done.stderr).decode()
    assert not set(told) & set("\x1b\x9b\x07\u202e")
    if command == ["probe"]:
        assert r"\x1b[2J" in told
    if "--json" in command:
        assert json.loads(done.stdout)["streams"][1]["title"] == CLEAR


def test_a_name_is_not_obeyed(tmp_path: Path) -> None:
    """Neither where it is wrong, nor in a bar's place, nor in a batch's table."""
    name = "a\x1b[31m.mp4"
    write_clip(tmp_path / name, frames=4)
    done = batch("batch", tmp_path / name, "-o", tmp_path / "out", "-b", "navy")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert r"a\x1b[31m.mp4" in done.stdout
    for words in (
        ["probe", "no\x1b[31m.mp4"],
        ["probe", "-v", "no\x1b.mp4"],
        ["probe", "a", "b\x1b[31m"],
    ):
        assert b"\x1b" not in said(*words).stderr


@pytest.mark.parametrize("name", ["report.json", "report.html"])
def test_a_name_that_is_no_utf8_is_reported(latin: Path, tmp_path: Path, name: str) -> None:
    """The render ended with an error after all was done: "surrogates not allowed"."""
    rendered(latin, tmp_path / "out.mp4", report=tmp_path / name)
    text = (tmp_path / name).read_text("utf-8")
    assert r"caf\udce9.mp4" in text
    if name.endswith("json"):
        assert Path(json.loads(text)["source"]) == latin


@pytest.mark.parametrize("ending", ["otio", "fcpxml"])
def test_a_name_that_is_no_utf8_is_put_on_a_timeline(
    latin: Path, tmp_path: Path, ending: str
) -> None:
    """OpenTimelineIO took it for no text at all: an internal error, after the render."""
    otio = pytest.importorskip("opentimelineio")
    if ending not in otio.adapters.suffixes_with_defined_adapters(write=True):
        pytest.skip("no adapter for FCPXML is installed")
    folder = tmp_path / os.fsdecode(b"caf\xe9s")
    folder.mkdir()
    timeline = folder / f"t.{ending}"
    rendered(latin, folder / "out.mov", "transparent", timeline=timeline, encode=EncodeSettings())
    assert "caf%E9s/out.mov" in timeline.read_text("utf-8")


def test_names_that_are_no_utf8_are_batched(latin: Path, tmp_path: Path) -> None:
    account = tmp_path / "account.json"
    done = batch("batch", latin, "-o", tmp_path / "out", "-b", "navy", "--report", account)
    assert done.returncode == 0, done.stderr
    assert Path(json.loads(account.read_text("utf-8"))[0]["source"]) == latin
    assert r"caf\udce9.mp4" in done.stdout


def test_names_that_are_no_utf8_are_resumed(latin: Path, tmp_path: Path) -> None:
    wall = write_clip(tmp_path / "wall.mp4", frames=3).rename(
        tmp_path / os.fsdecode(b"w\xe4nd.mp4")
    )
    output = tmp_path / os.fsdecode(b"\xfc.mp4")
    settings = RenderSettings(
        source=latin, output=output, background=str(wall), report=tmp_path / "r.html"
    )
    assert resume.render(settings, segmenter=FakeSegmenter()).frames_out == 6
    assert output.exists()
    assert r"\udcfc.mp4" in (tmp_path / "r.html").read_text("utf-8")


@pytest.mark.parametrize("encoding", ["ascii:strict", "latin-1:strict", "utf-8:strict"])
@pytest.mark.parametrize("name", [BYTES, "é😀.mp4"])
def test_any_name_is_shown_in_any_encoding(tmp_path: Path, name: str, encoding: str) -> None:
    """What an encoding hasn't is escaped: neither an error, nor bytes that are none of it."""
    try:
        source = write_clip(tmp_path / "in.mp4", frames=3).rename(tmp_path / name)
    except OSError:
        pytest.skip("this file system has no names but UTF-8")
    for words in (["probe"], ["probe", "--json"]):
        done = said(*words, source, encoding=encoding)
        assert done.returncode == 0, done.stderr
        text = done.stdout.decode(encoding.partition(":")[0])
        if "--json" in words:
            assert json.loads(text)["path"] == str(source)
    done = said("probe", f"{source}.gone", encoding=encoding)
    assert done.returncode == 1
    assert b"no such file" in done.stderr
