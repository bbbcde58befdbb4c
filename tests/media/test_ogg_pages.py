"""Ogg's pages: those that are gone, damaged or cut off are counted, whoever made the file."""

from fractions import Fraction
from pathlib import Path

import pytest

from tests.helpers.clips import Audio, write_clip
from tests.helpers.renders import rendered
from vidseg.media.ogg_pages import missing_pages


def _whole(folder: Path) -> Path:
    return write_clip(
        folder / "in.ogv", frames=60, codec="libvpx", gop=1, audio=[Audio(codec="libopus")],
        container_options={"page_duration": "100000"},
    )  # fmt: skip


def _places(data: bytes) -> list[int]:
    """Return where pages begin."""
    return [at for at in range(len(data)) if data.startswith(b"OggS", at)]


def _changed(data: bytes, how: str) -> bytes:
    """Return the file less something in its middle, or at its end."""
    pages = _places(data)
    first, last = pages[len(pages) // 2], pages[len(pages) // 2 + 2]
    if how == "gone":
        return data[:first] + data[last:]
    if how == "cut":
        return data[:first]
    at = first + 200
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("how", ["gone", "damaged", "cut"])
def test_what_an_ogg_file_lacks_is_damage(tmp_path: Path, how: str) -> None:
    """FFmpeg leaves such pages out without a word: half a clip was rendered as if it were all."""
    source = _whole(tmp_path)
    assert not rendered(source, tmp_path / "whole.mp4").damaged
    source.write_bytes(_changed(source.read_bytes(), how))
    report = rendered(source, tmp_path / "out.mp4")
    assert report.damage["packets"] == (1 if how == "damaged" else 2)


def test_what_an_ogg_file_lacks_behind_the_end_asked_for_is_none_of_ours(tmp_path: Path) -> None:
    """It counts where the end isn't reached, as it does where none is asked for."""
    source = _whole(tmp_path)
    source.write_bytes(_changed(source.read_bytes(), "cut"))
    damaged = [
        rendered(source, tmp_path / f"{number}.mp4", end=end).damaged
        for number, end in enumerate((Fraction(1, 4), Fraction(19, 10)))
    ]
    assert damaged == [False, True]


def test_files_joined_end_to_end_lack_nothing(tmp_path: Path) -> None:
    """Each begins to count its pages anew, under the same number of its stream or another."""
    once = _whole(tmp_path).read_bytes()
    path = tmp_path / "joined.ogv"
    path.write_bytes(once + once)
    assert missing_pages(path, "ogg") == 0
    path.write_bytes(_changed(once, "damaged") + once)
    assert missing_pages(path, "ogg") == 1
