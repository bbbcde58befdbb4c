"""What strangers' files may try: to read others, hang, take all memory, break out of one line."""

import json
import os
import re
import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from PIL import Image

from tests.helpers.clips import Audio, write_clip, write_picture
from tests.helpers.command_line import one_line, vidseg
from tests.helpers.renders import QUICK, rendered
from tests.helpers.tfjs import write_bodypix
from vidseg.errors import BackgroundError, InputError, ModelError, OutputError, SettingsError
from vidseg.jobs import resume
from vidseg.jobs.batch import find_clips
from vidseg.jobs.job import open_job
from vidseg.media.probe import probe_video
from vidseg.models.tfjs import read_tfjs
from vidseg.networks.fake import FakeSegmenter
from vidseg.rendering.pipeline import render
from vidseg.rendering.preview import preview
from vidseg.settings import (
    EncodeSettings,
    MatteSettings,
    ModelSettings,
    PreviewSettings,
    RenderSettings,
)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A short clip."""
    return write_clip(tmp_path / "clip.ts", frames=6)


@pytest.mark.parametrize(
    "address",
    [
        *("http://example.org/a.mp4", "https://example.org/a.mp4", "concat:a.ts|b.ts", "pipe:0"),
        *(
            "subfile:,,start,0,end,9,,:a.mp4",
            "data:video/mp4;base64,AAAA",
            "rtmp://example.org/a",
            "crypto:a",
        ),
    ],
)
def test_addresses_are_not_read(tmp_path: Path, clip: Path, address: str) -> None:
    with pytest.raises(InputError, match=r"addresses \(\w+:\) are not read"):
        rendered(Path(address), tmp_path / "out.mp4")
    with pytest.raises(BackgroundError):
        rendered(clip, tmp_path / "out.mp4", address)


PLAYLISTS = {
    "ffconcat": "ffconcat version 1.0\nfile clip.ts\n",
    "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.2,\nclip.ts\n#EXT-X-ENDLIST\n",
    "mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="video/mp4">'
    '<Representation id="1" bandwidth="1"><BaseURL>clip.ts</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\n"
    "t=0 0\nm=video 5004 RTP/AVP 96\n",
}


@pytest.mark.parametrize("ending", ["own", "mp4"])
@pytest.mark.parametrize("kind", list(PLAYLISTS))
def test_playlists_reach_no_other_file(clip: Path, kind: str, ending: str) -> None:
    """A list taken for a clip would read whatever it names, into a result that is then shared."""
    listed = clip.with_name(f"list.{kind if ending == 'own' else ending}")
    listed.write_text(PLAYLISTS[kind])
    with pytest.raises(InputError):
        probe_video(listed)
    with pytest.raises(BackgroundError):
        rendered(clip, clip.with_name("out.mp4"), str(listed))


def test_pipes_and_devices_do_not_hang(tmp_path: Path, clip: Path) -> None:
    """Opening a pipe that nobody writes to waits for ever; /dev/zero never ends."""
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(InputError, match="is a pipe or a device"):
            rendered(path, tmp_path / "out.mp4")
        with pytest.raises(BackgroundError, match="is a pipe or a device"):
            rendered(clip, tmp_path / "out.mp4", str(path))
    with pytest.raises(OutputError, match="is a pipe or a device"):
        rendered(clip, pipe, overwrite=True)


def test_names_that_no_file_system_takes_are_told(tmp_path: Path, clip: Path) -> None:
    with pytest.raises(InputError, match="File name too long"):
        rendered(tmp_path / ("a" * 300), tmp_path / "out.mp4")
    with pytest.raises(OutputError, match="File name too long"):
        rendered(clip, tmp_path / ("a" * 300 + ".mp4"))


def test_an_error_is_one_line_whatever_the_file_is_called(tmp_path: Path) -> None:
    """A line break in a name could make a message say something else."""
    path = tmp_path / "a\nvidseg: all is well\x1b[2J.mp4"
    path.write_text("no video")
    line = one_line(vidseg("render", path, "-o", tmp_path / "out.mp4", "-b", "red"))
    assert r"a\nvidseg: all is well\x1b[2J.mp4" in line


def test_a_bug_of_ours_is_one_line_too(tmp_path: Path, clip: Path) -> None:
    import subprocess
    import sys

    code = (
        "from vidseg.cli import main as cli\nfrom vidseg.rendering import chain\n"
        "def broken(*a, **k): raise RuntimeError('first\\nsecond')\n"
        "chain.open_segmenter = broken\ncli.main()\n"
    )
    command = [
        sys.executable,
        "-c",
        code,
        "render",
        str(clip),
        "-b",
        "red",
        "-o",
        str(tmp_path / "out.mp4"),
    ]
    line = one_line(subprocess.run(command, capture_output=True, text=True, check=False))
    assert r"internal error, RuntimeError: first\nsecond; please report it" in line
    told = subprocess.run([*command, "-v"], capture_output=True, text=True, check=False).stderr
    assert "Traceback" in told


def test_huge_pictures_are_refused_before_memory_is_taken(tmp_path: Path, clip: Path) -> None:
    with pytest.raises(InputError, match=r"96x64, more than 6143 pixels.*--max-pixels 6144"):
        rendered(clip, tmp_path / "out.mp4", max_pixels=6143)
    assert rendered(clip, tmp_path / "out.mp4", max_pixels=6144).frames_out == 6
    wide = write_clip(tmp_path / "wide.mkv", width=16384, height=4100, frames=1, codec="ffv1")
    with pytest.raises(InputError, match="more than 67108864 pixels"):
        rendered(wide, tmp_path / "wide.mp4")


def test_huge_photos_are_refused_before_memory_is_taken(tmp_path: Path, clip: Path) -> None:
    """The limit was one of clips only: eighty million pixels fit into ten kilobytes of PNG."""
    Image.new("1", (10_000, 8_000)).save(tmp_path / "huge.png")
    with pytest.raises(
        InputError, match=r"10000x8000, more than 67108864 pixels.*--max-pixels 80000000"
    ):
        rendered(tmp_path / "huge.png", tmp_path / "out.png")
    photo = write_picture(tmp_path / "photo.png")
    with pytest.raises(InputError, match="64x48, more than 3071 pixels"):
        rendered(photo, tmp_path / "out.png", max_pixels=3071)
    report = rendered(photo, tmp_path / "out.png", max_pixels=3072, encode=EncodeSettings())
    assert report.frames_out == 1
    Image.new("1", (20_000, 9_000)).save(tmp_path / "huge.png")
    with pytest.raises(
        BackgroundError, match=r"20000x9000, more than 178956970 pixels; make it smaller"
    ):
        rendered(clip, tmp_path / "out.mp4", str(tmp_path / "huge.png"))


def test_an_encrypted_clip_says_so(tmp_path: Path) -> None:
    """Decoding gave noise in three frames of thirty, and the sound was copied as it was."""
    options = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
        "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
    }
    source = write_clip(tmp_path / "in.mp4", frames=30, audio=[Audio()], container_options=options)
    with pytest.raises(InputError, match="its video is encrypted"):
        rendered(source, tmp_path / "out.mp4")


def claiming(path: Path, seconds: int) -> Path:
    """Write a clip of a second whose header claims that it lasts `seconds`."""
    write_clip(path, frames=30, audio=[Audio()])
    data = bytearray(path.read_bytes())
    if path.suffix == ".mkv":
        struct.pack_into(">d", data, data.index(b"\x44\x89\x88") + 3, seconds * 1000.0)
    else:
        at = data.index(b"mvhd") + 16
        struct.pack_into(">II", data, at, 1, seconds)  # ticks a second, ticks
        for box in re.finditer(b"mdhd", data):
            struct.pack_into(">I", data, box.start() + 20, 2**32 - 2)
    path.write_bytes(data)
    return path


@pytest.mark.timeout(60)
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_what_a_header_claims_of_length_costs_nothing(tmp_path: Path, ending: str) -> None:
    """Thirty years, in a file of twenty kilobytes: it is neither waited for nor made room for."""
    source = claiming(tmp_path / f"in.{ending}", 10**9)
    settings = RenderSettings(
        source=source,
        output=tmp_path / "out.mp4",
        background=str(source),
        report=tmp_path / "out.html",
        encode=QUICK,
        overwrite=True,
    )
    for rendering in (render, resume.render):
        report = rendering(settings, segmenter=FakeSegmenter())
        assert report.frames_out == 30
        assert (report.damage["missing_s"] > 10**8) == (
            ending == "mkv"
        )  # the tracks of .mp4 tell their own
    assert open_job(settings).estimated_stop in (None, 1)
    sheet = PreviewSettings(source=source, output=tmp_path / "out.png")
    assert "6 moments" in preview(sheet, segmenter=FakeSegmenter())


@pytest.mark.timeout(60)
def test_a_clock_that_jumps_by_years_fills_no_folder_with_segments(tmp_path: Path) -> None:
    """Each ten seconds of the gap were a file: a hundred million would have been written."""
    jump = 30 * 10**9
    source = write_clip(
        tmp_path / "in.mkv", frames=4, pts=[0, 1, 2, jump], time_base=Fraction(1, 30)
    )
    settings = RenderSettings(
        source=source, output=tmp_path / "out.mkv", background="navy", encode=QUICK
    )
    with pytest.raises(
        InputError, match="stands 1000000000 s after the first; segments reach 300000 s: end"
    ):
        resume.render(settings, segmenter=FakeSegmenter())
    ended = replace(settings, end=Fraction(1))
    assert resume.render(ended, segmenter=FakeSegmenter()).frames_out == 3
    assert render(replace(settings, overwrite=True), segmenter=FakeSegmenter()).frames_out == 4


PIECES = st.one_of(
    st.sampled_from(
        [
            "..",
            "/",
            ".",
            "~",
            "{stem}",
            "{suffix}",
            "{number}",
            "{number:03d}",
            "{stem:>9999999999}",
        ]
    ),
    st.sampled_from(
        ["{", "}", "{}", "{0}", "{stem.__class__}", "{stem[0]}", "{stem!r}", "{number:{stem}}"]
    ),
    st.text(max_size=4),
)


@bounded(max_examples=500, deadline=None)
@given(
    template=st.lists(PIECES, max_size=6).map("".join),
    ending=st.sampled_from(["", ".mp4", "{suffix}"]),
)
def test_no_template_leads_out_of_the_folder(
    template: str, ending: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nor does one take memory for names of ten thousand million letters."""
    folder = tmp_path_factory.getbasetemp() / "named"
    for name in ("a.mp4", "b..mp4", "{stem}.mkv", "%05d.mov"):
        (folder / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "in" / name).touch()
    try:
        clips = find_clips([str(folder / "in")], folder / "out", template + ending)
    except SettingsError as error:
        check_line(error)
    else:
        assert len({clip.output for clip in clips}) == 4
        for clip in clips:
            assert clip.output.resolve().is_relative_to((folder / "out").resolve())


def check_line(error: Exception) -> None:
    """Check that an error says something, in one line."""
    assert str(error).strip()
    assert "\n" not in str(error)


NUMBERS = st.one_of(st.floats(), st.integers(-(10**12), 10**12))
WORDS = st.text(max_size=20)


@bounded(max_examples=200, deadline=None)
@given(data=st.data())
def test_settings_are_taken_or_refused_in_a_line(data: st.DataObject) -> None:
    kinds: list[tuple[Any, dict[str, Any]]] = [
        (
            MatteSettings,
            {"threshold": NUMBERS, "smooth": NUMBERS, "feather": NUMBERS, "grow": NUMBERS},
        ),
        (EncodeSettings, {"crf": st.one_of(st.none(), NUMBERS)}),
        (
            ModelSettings,
            {
                "device": st.one_of(WORDS, st.from_regex(r"gpu:\w*", fullmatch=True)),
                "batch_size": st.one_of(st.none(), st.integers()),
                "resolution": st.one_of(st.none(), st.integers()),
                "parts": st.lists(WORDS, max_size=3).map(tuple),
            },
        ),
        (
            RenderSettings,
            {
                "source": st.just(Path("a.mp4")),
                "output": st.just(Path("b.mp4")),
                "start": st.one_of(st.none(), st.fractions()),
                "end": st.one_of(st.none(), st.fractions()),
                "frame_rate": st.one_of(st.none(), st.fractions()),
                "max_pixels": st.integers(),
                "pair": st.booleans(),
                "premultiplied": st.booleans(),
            },
        ),
    ]
    kind, fields = data.draw(st.sampled_from(kinds))
    try:
        kind(**data.draw(st.fixed_dictionaries(fields)))
    except SettingsError as error:
        check_line(error)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The json of a small model."""
    path = write_bodypix(tmp_path_factory.mktemp("model"))
    document: dict[str, Any] = json.loads(path.read_text())
    return document


@bounded(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_model_of_any_shape_is_read_or_refused_in_a_line(
    data: st.DataObject, model: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In a well-formed document something else stands: another type, a huge number, a path."""
    document = json.loads(json.dumps(model))
    node: Any = document
    for _ in range(data.draw(st.integers(1, 6))):
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        deeper = node[key]
        if not isinstance(deeper, dict | list) or not deeper or data.draw(st.booleans()):
            paths = st.sampled_from(
                ["../../etc/passwd", "/etc/passwd", "C:\\x", "%2e%2e/x", "http://x/y"]
            )
            node[key] = data.draw(st.one_of(JSON, paths))
            break
        node = deeper
    folder = tmp_path_factory.getbasetemp() / "fuzzed"
    folder.mkdir(exist_ok=True)
    (folder / "model.json").write_text(json.dumps(document))
    try:
        read = read_tfjs(folder / "model.json")
        assert all(path.resolve().is_relative_to(folder.resolve()) for path in read.shards)
        read.check_weights()
    except ModelError as error:
        check_line(error)


def test_a_cut_of_a_billion_hours_is_an_error(tmp_path: Path, clip: Path) -> None:
    with pytest.raises(InputError, match="there are no frames after"):
        rendered(clip, tmp_path / "out.mp4", start=Fraction(10**13))
