"""Files appear under their names when they are complete, or not at all."""

import os
import stat
from pathlib import Path

import pytest

from vidseg.system.files import StagedFile, write_text, written_whole


def test_a_file_appears_when_its_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "notes.json"
    with written_whole(target) as temporary:
        temporary.write_text("new")
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".")
        assert not target.exists()
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "notes.json"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        _interrupted(target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def _interrupted(target: Path) -> None:
    with written_whole(target) as temporary:
        temporary.write_text("half of")
        raise KeyboardInterrupt


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), written_whole(tmp_path / "notes.json"):
        pass
    assert not list(tmp_path.iterdir())


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    target = tmp_path / "o.mp4"
    with written_whole(target) as one, written_whole(target) as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert target.read_text() == "one"  # the outer block ended last


def test_a_staged_file_is_committed_or_discarded(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    staged = StagedFile.beside(tmp_path / "o.mp4", ending=".part.mp4", folder=scratch)
    assert staged.temporary.parent == scratch
    assert staged.temporary.name.endswith(".part.mp4")
    staged.discard()  # never begun
    staged.temporary.write_text("clip")
    staged.commit()
    staged.discard()
    assert (tmp_path / "o.mp4").read_text() == "clip"
    assert not list(scratch.iterdir())


def test_text_is_written_through_links_and_to_pipes(tmp_path: Path) -> None:
    real, link, pipe = (tmp_path / name for name in ("real", "link", "pipe"))
    real.touch()
    link.symlink_to(real)
    write_text(link, "é")
    assert link.is_symlink()
    assert real.read_bytes() == b"\xc3\xa9"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_text(pipe, "line")
        assert os.read(reader, 10) == b"line"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
