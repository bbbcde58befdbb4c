"""Hidden names beside an output: never too long for a file system, the same whenever asked for."""

import os
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from tests.helpers.batches import run as batch
from tests.helpers.clips import read_frames, write_clip
from tests.helpers.renders import rendered
from tests.helpers.segments import RATE, StoppedError, in_segments, settings, stop_after
from vidseg.networks.fake import FakeSegmenter
from vidseg.rendering.preview import preview
from vidseg.settings import EncodeSettings, PreviewSettings
from vidseg.system.hidden_names import beside, prefix, temporary

LONGEST = 255
NAMES = ["n" * 251, "é" * 125 + "n", "漢" * 83 + "nn", "😀" * 62 + "nnn"]
"""Stems that with an ending of four are as long as a name may be."""

named = pytest.mark.parametrize(
    "stem", NAMES, ids=["ascii", "two bytes", "three bytes", "four bytes"]
)


@examples(deadline=None)
@given(
    st.text(
        st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=255
    )
)
def test_hidden_names_fit_and_stay(name: str) -> None:
    path = Path("nowhere-at-all") / f"x{name}.mp4"
    for made in (beside(path, "segments"), temporary(path), temporary(path, ".part.mp4")):
        assert len(os.fsencode(made.name)) <= LONGEST
        assert made.name.startswith(".")
        assert made.parent == path.parent
        os.fsencode(made.name).decode("utf-8")  # no character is cut in half
    assert beside(path, "segments") == beside(path, "segments")
    assert temporary(path) != temporary(path)


def test_short_names_are_hidden_as_they_are() -> None:
    """So that a render of an earlier version goes on."""
    assert beside(Path("o/out.mp4"), "segments") == Path("o/.out.mp4.segments")
    assert prefix(Path("o/out.mp4")) == ".out."


@named
def test_long_names_that_differ_at_their_end_are_hidden_apart(stem: str) -> None:
    """Cut off alone, they would share their segments."""
    one, other = (beside(Path(f"{stem[:-1]}{last}.mp4"), "segments") for last in "ab")
    assert one != other


@named
def test_the_longest_names_are_resumed(tmp_path: Path, stem: str) -> None:
    """The hidden folder's name was ten bytes longer than the output's: "File name too long"."""
    source = write_clip(tmp_path / "in.mp4", rate=RATE, frames=25 * RATE)
    output = tmp_path / f"{stem}.mp4"
    assert len(os.fsencode(output.name)) == LONGEST
    given = settings(source, output, report=tmp_path / f"{stem[:-1]}.html")
    with pytest.raises(StoppedError):
        in_segments(given, progress=stop_after(12 * RATE))
    report, said = in_segments(given)
    assert any("going on" in line for line in said)
    assert report.frames_out == len(read_frames(output)) == 25 * RATE
    assert not list(tmp_path.glob(".*"))


@named
def test_the_longest_names_are_written_elsewhere_too(tmp_path: Path, stem: str) -> None:
    """Of a clip, a timeline, a contact sheet."""
    source = write_clip(tmp_path / "in.mp4", frames=4)
    rendered(source, tmp_path / f"{stem}.mp4")
    preview(
        PreviewSettings(source=source, output=tmp_path / f"{stem}.png", at=(Fraction(0),)),
        segmenter=FakeSegmenter(),
    )
    pytest.importorskip("opentimelineio")
    timeline = tmp_path / f"{stem[:-1]}.otio"
    rendered(source, tmp_path / "o.mov", "transparent", timeline=timeline, encode=EncodeSettings())
    assert timeline.exists()


def test_the_longest_names_are_batched(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=4).rename(tmp_path / f"{NAMES[1]}.mp4")
    (tmp_path / f"{'l' * 252}.ts").write_bytes(
        source.read_bytes()
    )  # whose result would have a longer name
    done = batch("batch", tmp_path, "-o", tmp_path / "out", "-b", "navy")
    assert "1 done, 1 failed" in done.stdout, done.stderr
    assert "File name too long" in done.stderr
