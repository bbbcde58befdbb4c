"""Nothing is lost in silence: what packets and containers promise is there, or is counted."""

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from tests.helpers.clips import (
    Audio,
    frame_number,
    frame_times,
    person_picture,
    read_frames,
    write_clip,
)
from tests.helpers.packets import hurt, packets_of
from tests.helpers.renders import QUICK, rendered
from vidseg.jobs import resume
from vidseg.media import decode as decoding
from vidseg.media.damage import Damage
from vidseg.media.decode import Span, decode
from vidseg.media.expected_pictures import ExpectedInOrder
from vidseg.media.file_length import missing_bytes
from vidseg.media.lost_pictures import loss_note
from vidseg.media.probe import probe_video
from vidseg.media.side_data import alpha_decoder
from vidseg.networks.fake import FakeSegmenter
from vidseg.reports.run_report import Report
from vidseg.settings import EncodeSettings, MatteSettings, RenderSettings

LOSSLESS = EncodeSettings(codec="ffv1")


def numbers_shown(path: Path) -> list[int]:
    return [frame_number(frame.rgb) for frame in read_frames(path)]


def rendered_in_segments(source: Path, output: Path, **changes: object) -> Report:
    settings = RenderSettings(
        source=source,
        output=output,
        background="#2040c0",
        encode=QUICK,
        matte=MatteSettings(smooth=0, decontaminate=False),
        **changes,  # type: ignore[arg-type]
    )
    return resume.render(settings, segmenter=FakeSegmenter())


RENDERERS = pytest.mark.parametrize("renderer", [rendered, rendered_in_segments])

CODECS = [
    ("libx264", ".mp4"),
    ("libx264", ".mkv"),
    ("libx264", ".avi"),
    ("libx265", ".mp4"),
    ("mpeg4", ".avi"),
    ("mpeg4", ".mkv"),
    ("png", ".mov"),
    ("prores_ks", ".mov"),
    ("mpeg2video", ".mkv"),
    ("mjpeg", ".mov"),
]


@pytest.mark.parametrize("place", [-1, -3, 11])
@pytest.mark.parametrize(("codec", "ending"), CODECS)
def test_a_picture_that_fails_takes_no_other_with_it(
    tmp_path: Path, codec: str, ending: str, place: int
) -> None:
    """Threaded decoders give all that they hold at the end: PyAV left what came behind an error.

    HEVC's decoder keeps back what refers to a lost picture, where it isn't told to give that too.
    """
    intra = codec in ("png", "prores_ks", "mjpeg")
    pix_fmt = {"prores_ks": "yuv422p10le", "mjpeg": "yuvj420p", "png": "rgb24"}.get(
        codec, "yuv420p"
    )
    source = write_clip(
        tmp_path / f"in{ending}",
        frames=24,
        codec=codec,
        pix_fmt=pix_fmt,
        b_frames=None if intra else 2,
    )
    hurt(source, place)
    report = rendered(source, tmp_path / "out.mp4")
    assert report.frames_out == len(frame_times(tmp_path / "out.mp4")) == 23
    assert report.damage["lost_frames"] == 1
    assert any("1 picture is lost, at " in note for note in report.notes)


@RENDERERS
def test_lost_pictures_are_counted_and_named(
    tmp_path: Path, renderer: Callable[..., Report]
) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=24, b_frames=2)
    times = hurt(source, -1, -2, -4)
    report = renderer(source, tmp_path / "out.mp4")
    assert report.frames_out == 21
    assert report.damage["lost_frames"] == 3
    tick = probe_video(source).time_base
    at = [f"{float(t * tick):.3f} s" for t in sorted(t for t in times if t is not None)]
    assert f"{source}: 3 pictures are lost, at {at[0]}, {at[1]} and {at[2]}" in report.notes


def test_only_the_losses_of_the_span_count(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=60, b_frames=0, gop=10)
    hurt(source, 15, 45)
    whole = rendered(source, tmp_path / "whole.mp4")
    assert whole.damage["lost_frames"] == 2
    spans = ((0, 1, 1), (1, 2, 1), (Fraction(2, 3), Fraction(4, 3), 0))
    for run, (start, end, lost) in enumerate(spans):
        report = rendered(source, tmp_path / f"{run}.mp4", start=Fraction(start), end=Fraction(end))
        assert report.damage["lost_frames"] == lost


@pytest.mark.parametrize("short", [200, 2000])
def test_an_mp4_cut_short_gives_what_is_there_and_counts_the_rest(
    tmp_path: Path, short: int
) -> None:
    """Of 58 pictures 56 came, and the run ended as if all were well."""
    source = write_clip(
        tmp_path / "in.mp4", width=320, height=192, frames=60, b_frames=2,
        container_options={"movflags": "faststart"},
    )  # fmt: skip
    data = source.read_bytes()
    source.write_bytes(data[:-short])
    with av.open(str(source)) as container:
        entries = container.streams.video[0].index_entries
        whole = sum(entry.pos + entry.size <= len(data) - short for entry in entries)
    report = rendered(source, tmp_path / "out.mp4")
    assert whole <= report.frames_out <= whole + 1  # the one that is cut may be shown in part
    assert report.frames_out + report.damage["lost_frames"] == 60
    assert report.damage["missing_bytes"] == short
    assert any(
        note.endswith(f"the file is {short} bytes shorter than it says") for note in report.notes
    )


@pytest.mark.parametrize(
    ("ending", "options"),
    [
        (".mkv", {}),
        (".webm", {"codec": "libvpx-vp9", "options": {"deadline": "realtime"}}),
        (".avi", {}),
        (".mov", {"container_options": {"movflags": "faststart"}}),
        (".mp4", {"container_options": {"movflags": "frag_keyframe+empty_moov"}}),
    ],
)
def test_a_file_that_is_shorter_than_it_says(
    tmp_path: Path, ending: str, options: dict[str, object]
) -> None:
    """What is missing of it may be less than a quarter of a second, which lengths don't tell."""
    source = write_clip(tmp_path / f"in{ending}", frames=12, **options)  # type: ignore[arg-type]
    container = probe_video(source).container
    assert missing_bytes(source, container) == 0
    source.write_bytes(source.read_bytes()[:-5])
    assert missing_bytes(source, container) == 5
    assert rendered(source, tmp_path / "out.mp4").damaged
    end = Fraction(1, 5)
    assert not rendered(source, tmp_path / "cut.mp4", end=end).damage["missing_bytes"]


@pytest.mark.parametrize("untold", [0, 0xFFFFFFFF])
def test_an_avi_whose_recorder_was_killed_is_not_short(tmp_path: Path, untold: int) -> None:
    """A size that wasn't told yet led into the file, where ``AVI LIST`` is one of 1.4 GB."""
    source = write_clip(tmp_path / "in.avi", frames=3)
    data = source.read_bytes()
    source.write_bytes(data[:4] + untold.to_bytes(4, "little") + data[8:-500])
    assert missing_bytes(source, "avi") == 0


def test_an_avi_of_an_odd_size_may_lack_its_padding(tmp_path: Path) -> None:
    """The byte that makes a chunk even was missed at the file's end, where nothing follows."""
    source = write_clip(tmp_path / "in.avi", frames=3)
    data = source.read_bytes() + b"\0" * (1 - source.stat().st_size % 2)
    odd = data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:]
    source.write_bytes(odd)
    assert missing_bytes(source, "avi") == 0
    source.write_bytes(odd[:-1])
    assert missing_bytes(source, "avi") == 1
    more = b"RIFF" + (9).to_bytes(4, "little") + b"AVIX....."
    source.write_bytes(odd + b"\0" + more)
    assert missing_bytes(source, "avi") == 0
    source.write_bytes(odd + b"\0" + more[:-1])
    assert missing_bytes(source, "avi") == 1


def test_a_transport_stream_that_ends_within_a_packet(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.ts", frames=12)
    assert missing_bytes(source, "mpegts") == 0
    source.write_bytes(source.read_bytes()[:-50])
    assert missing_bytes(source, "mpegts") == 50
    source.write_bytes(b"no packets at all" * 100)
    assert missing_bytes(source, "mpegts") == 0


def test_a_clip_of_hidden_pictures_is_sound(tmp_path: Path) -> None:
    """VP8 and VP9 have pictures that are only predicted from."""
    for codec in ("libvpx", "libvpx-vp9"):
        options = {"auto-alt-ref": "1", "lag-in-frames": "16", "deadline": "good", "cpu-used": "5"}
        source = write_clip(tmp_path / f"{codec}.webm", frames=40, codec=codec, options=options)
        assert not rendered(source, tmp_path / f"{codec}.mp4").damaged


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_recording_that_begins_between_key_frames_is_sound(tmp_path: Path, codec: str) -> None:
    """What refers to pictures of before the recording was never to be seen."""
    whole = write_clip(tmp_path / "whole.ts", width=320, height=192, frames=60, codec=codec, gop=20)
    data, packets = whole.read_bytes(), packets_of(whole)
    begin = len(data) // 5 // 188 * 188
    (tmp_path / "in.ts").write_bytes(data[begin:])
    damage = Damage()
    info = probe_video(tmp_path / "in.ts")
    frames = list(decode(info, Span(), damage))
    assert len(packets) - 25 < len(frames) < len(packets)
    assert (damage.corrupt_frames, damage.losing()) == ([], [])


def begun_between_key_frames(path: Path, whole: Path, leave_out: int) -> Path:
    """Write the packets of an AVI but for its first ones, whose pictures later ones refer to."""
    with av.open(str(whole)) as source, av.open(str(path), "w") as out:
        video = source.streams.video[0]
        copy = out.add_stream_from_template(video)
        for packet in itertools.islice(source.demux(video), leave_out, None):
            if packet.size:
                packet.stream = copy
                out.mux(packet)
    return path


@pytest.mark.parametrize("b_frames", [0, 2])
def test_an_avi_that_begins_between_key_frames_keeps_its_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, b_frames: int
) -> None:
    """Cause: what gave no picture was noticed at the end only, all pictures behind it moved up.

    Then the clip was decoded again from its beginning, in silence and in vain, for hours.
    """
    whole = write_clip(
        tmp_path / "whole.avi", width=320, height=192, frames=90, gop=30, b_frames=b_frames,
        options={"x264-params": "scenecut=0"},
    )  # fmt: skip
    source = begun_between_key_frames(tmp_path / "in.avi", whole, 12)
    monkeypatch.setattr(decoding, "_left_behind", None)
    damage = Damage()
    frames = list(decode(probe_video(source), Span(), damage))
    assert [frame.time for frame in frames] == [Fraction(number, 30) for number in range(30, 90)]
    assert (damage.packets, damage.losing()) == ([], [])


def test_only_the_end_of_an_avi_is_decoded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cause: its first pictures were counted, so that all had to be decoded, in silence."""
    source = write_clip(
        tmp_path / "in.avi", frames=300, gop=10, b_frames=0, options={"x264-params": "scenecut=0"}
    )
    hurt(source, -1, -3)
    again: list[int | None] = []
    awaits = ExpectedInOrder.awaits

    def noted(expected: ExpectedInOrder, picture: Any) -> bool:
        again.append(picture.dts)
        return awaits(expected, picture)

    monkeypatch.setattr(ExpectedInOrder, "awaits", noted)
    damage = Damage()
    frames = list(decode(probe_video(source), Span(), damage))
    assert [frame.pts for frame in frames] == [*range(297), 298]
    assert damage.losing() == damage.packets == [Fraction(297, 30), Fraction(299, 30)]
    assert all(dts is None or dts > 150 for dts in again)


class _Late:
    """A decoder that gives nothing before the end, and then an error."""

    def decode(self, packet: Any) -> list[Any]:
        if packet is None:
            raise av.InvalidDataError(1, "late")
        return []


def test_what_is_decoded_again_keeps_its_alpha(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cause: FFmpeg's own decoder was opened for that, which leaves out the alpha of VP9."""
    source = write_clip(tmp_path / "in.webm", frames=3, codec="libvpx-vp9")
    info = replace(probe_video(source), alpha=True)
    opened: list[Any] = []

    def noted(stream: Any, codec: str) -> Any:
        opened.append(alpha_decoder(stream, codec) if opened else _Late())
        return opened[-1]

    monkeypatch.setattr(decoding, "alpha_decoder", noted)
    frames = list(decode(info, Span(), Damage(), picture_filter=lambda picture: picture))
    assert (len(frames), len(opened)) == (3, 2)


def test_only_the_damage_of_the_span_counts(tmp_path: Path) -> None:
    """Cause: what precedes the span, from a key frame on, is decoded too; it counted as well."""
    source = write_clip(tmp_path / "in.mp4", frames=90, b_frames=0, gop=10)
    hurt(source, 35)
    info = probe_video(source)
    counts = {}
    for start in (0, 1, Fraction(3, 2)):
        damage = Damage()
        frames = list(decode(info, Span(Fraction(start), Fraction(5, 2)), damage))
        assert len(frames) == 75 - 30 * start - (start < Fraction(3, 2))
        counts[start] = len(damage.packets), len(damage.losing())
    assert counts == {0: (1, 1), 1: (1, 1), Fraction(3, 2): (0, 0)}


def test_a_track_that_begins_late_and_ends_early_is_sound(tmp_path: Path) -> None:
    """The length of a track whose edit list omits its end counts the gap before the picture."""
    source = write_clip(
        tmp_path / "in.mp4", pts=list(range(15, 75)), time_base=Fraction(1, 30), b_frames=2
    )
    data = bytearray(source.read_bytes())
    at = data.index(b"elst") + 4
    assert data[at : at + 8] == bytes(
        [0, 0, 0, 0, 0, 0, 0, 2]
    )  # version 0; an empty edit, and the picture's
    length = int.from_bytes(data[at + 20 : at + 24], "big")
    data[at + 20 : at + 24] = (length // 2).to_bytes(4, "big")
    source.write_bytes(bytes(data))
    report = rendered(source, tmp_path / "out.mp4")
    assert report.frames_out == 30
    assert not report.damaged
    assert frame_times(tmp_path / "out.mp4")[0] == Fraction(1, 2)


# -- numbered pictures
# -------------------------------------------------------------------------------------


def write_sequence(folder: Path, suffix: str = ".png") -> Path:
    folder.mkdir()
    for number in range(1, 13):
        Image.fromarray(person_picture(number, 96, 64)).save(folder / f"{number:03d}{suffix}")
    return folder / f"%03d{suffix}"


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def text(path: Path) -> None:
    path.write_text("no picture at all\n" * 20)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [empty, cut, text, folder])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("number", [1, 6, 12])
def test_a_bad_picture_of_a_sequence_is_left_out_and_named(
    tmp_path: Path, spoil: Callable[[Path], None], suffix: str, number: int
) -> None:
    """FFmpeg ends at an empty one, as if the sequence did, and fills a JPEG cut short with grey."""
    source = write_sequence(tmp_path / "in", suffix)
    spoil(source.with_name(f"{number:03d}{suffix}"))
    report = rendered(source, tmp_path / "out.mkv", frame_rate=Fraction(24), encode=LOSSLESS)
    kept = [each for each in range(1, 13) if each != number]
    assert numbers_shown(tmp_path / "out.mkv") == kept
    assert [round(24 * time) + 1 for time in frame_times(tmp_path / "out.mkv")] == kept
    assert report.damage["lost_frames"] == 1
    assert f"{source}: 1 picture is lost, {number:03d}{suffix}" in report.notes


@pytest.mark.parametrize("bad", [4, 11])
def test_pictures_may_be_deleted_while_they_are_rendered(tmp_path: Path, bad: int) -> None:
    """They were listed again to name the lost one: an IndexError when all was done, or another."""
    source = write_sequence(tmp_path / "in")
    info = probe_video(source, rate=Fraction(4))
    for number in (1, 2, bad):
        source.with_name(f"{number:03d}.png").unlink()
    note = loss_note(info, [Fraction(bad - 1, 4)], 0, 0)
    assert note == f"{source}: 1 picture is lost, at {(bad - 1) / 4:.3f} s"


def test_a_sequence_entered_on_the_way(tmp_path: Path) -> None:
    source = write_sequence(tmp_path / "in")
    empty(source.with_name("009.png"))
    for first, lost in ((7, 1), (10, 0)):
        out, start = tmp_path / f"{first}.mkv", Fraction(first - 1, 4)
        report = rendered(source, out, frame_rate=Fraction(4), encode=LOSSLESS, start=start)
        assert numbers_shown(out) == [n for n in range(first, 13) if n != 9]
        assert report.damage["lost_frames"] == lost


def test_a_thumbnail_is_no_end(tmp_path: Path) -> None:
    """The small picture in a photo's Exif has an end of its own."""
    source = write_sequence(tmp_path / "in", ".jpg")
    victim = source.with_name("004.jpg")
    whole = victim.read_bytes()
    extra = b"\xff\xe1" + (2 + len(whole)).to_bytes(2, "big") + whole
    victim.write_bytes(whole[:2] + extra + whole[2:])
    assert not rendered(source, tmp_path / "a.mp4", frame_rate=Fraction(24)).damaged
    victim.write_bytes(victim.read_bytes()[:-300])
    assert rendered(source, tmp_path / "b.mp4", frame_rate=Fraction(24)).damage["lost_frames"] == 1


# -- cuts inside long frames
# -------------------------------------------------------------------------------

TIMES = [0, 1, 2, 3, 33, 34, 35, 80, 81, 82]
"""When frames begin, in thirtieths of a second: two stay for long."""


@RENDERERS
@pytest.mark.parametrize(
    ("start", "end", "numbers", "times"),
    [
        (20, None, [3, 4, 5, 6, 7, 8, 9], [0, 13, 14, 15, 60, 61, 62]),
        (50, None, [6, 7, 8, 9], [0, 30, 31, 32]),
        (50, 60, [6], [0]),
        (33, None, [4, 5, 6, 7, 8, 9], [0, 1, 2, 47, 48, 49]),
        (20, 40, [3, 4, 5, 6], [0, 13, 14, 15]),
    ],
)
def test_a_cut_inside_a_long_frame_begins_with_it(
    tmp_path: Path,
    renderer: Callable[..., Report],
    start: int,
    end: int | None,
    numbers: list[int],
    times: list[int],
) -> None:
    """It began with nothing or, where the next frame was long too, with that one, sound and all."""
    rate = Fraction(30)
    source = write_clip(
        tmp_path / "in.mp4",
        pts=TIMES,
        time_base=1 / rate,
        gop=4,
        b_frames=0,
        audio=[Audio(seconds=3)],
    )
    out = tmp_path / "out.mp4"
    renderer(source, out, start=start / rate, end=None if end is None else end / rate)
    assert numbers_shown(out) == numbers
    assert frame_times(out) == [time / rate for time in times]
    if end is not None:
        with av.open(str(out)) as container:
            stream = container.streams.video[0]
            assert stream.time_base is not None
            assert stream.duration is not None
            assert stream.duration * stream.time_base == (end - start) / rate
    first = next(p for p in audio_of(out) if p >= 0)
    assert first < Fraction(1, 20)


def audio_of(path: Path) -> list[Fraction]:
    with av.open(str(path)) as source:
        packets = source.demux(source.streams.audio[0])
        return [p.pts * p.time_base for p in packets if p.size and p.pts is not None]


def test_a_cut_between_ordinary_frames_begins_with_a_frame(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=30)
    rendered(source, tmp_path / "out.mp4", start=Fraction(101, 300), end=Fraction(199, 300))
    assert numbers_shown(tmp_path / "out.mp4") == list(range(11, 20))
    assert frame_times(tmp_path / "out.mp4")[0] == 0


# -- rates that nobody told
# --------------------------------------------------------------------------------


@pytest.mark.parametrize(("codec", "b_frames"), [("libx264", 2), ("mpeg2video", 0)])
def test_the_rate_of_a_picture_that_begins_late(tmp_path: Path, codec: str, b_frames: int) -> None:
    """FFmpeg stops looking before it comes, and calls each clock tick a frame: 90000 a second."""
    pts = list(range(12 * 30, 14 * 30))
    source = write_clip(
        tmp_path / "in.ts", pts=pts, time_base=Fraction(1, 30), codec=codec, b_frames=b_frames,
        audio=[Audio(seconds=14)],
    )  # fmt: skip
    info = probe_video(source)
    assert info.average_rate == 30
    begin = info.start - info.container_start
    assert abs(begin - 12) < Fraction(1, 10)
    report = rendered(source, tmp_path / "out.mp4")
    assert report.frames_out == 60
    assert not report.damaged
    steps = [b - a for a, b in itertools.pairwise(frame_times(tmp_path / "out.mp4"))]
    assert set(steps) == {Fraction(1, 30)}


def test_what_is_said_of_many_losses(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=30, b_frames=0, gop=1)
    hurt(source, *range(10, 20))
    notes = rendered(source, tmp_path / "out.mp4").notes
    assert any(
        re.search(
            r"10 pictures are lost, at 0\.333 s, 0\.367 s, 0\.400 s, 0\.433 s, 0\.467 s "
            r"and 5 more$",
            n,
        )
        for n in notes
    )


def test_random_damage_is_never_silent(tmp_path: Path) -> None:
    """Whatever packets are zeroed: each picture is there, or counted."""
    draw = np.random.default_rng(7)
    for run in range(4):
        source = write_clip(tmp_path / f"{run}.mkv", frames=40, b_frames=2, gop=10)
        places = {int(place) for place in draw.integers(1, 40, 4)}
        hurt(source, *places)
        report = rendered(source, tmp_path / f"{run}.mp4")
        assert report.frames_out + report.damage["lost_frames"] == 40
        assert report.damaged
