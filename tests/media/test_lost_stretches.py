"""Stretches that a damaged file lost are counted; pauses that somebody made are not."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.helpers.clips import Audio, write_clip
from tests.helpers.renders import QUICK, rendered
from vidseg.jobs import resume
from vidseg.media.ffmpeg import Packet, attach_data
from vidseg.media.lost_stretches import LostStretches
from vidseg.networks.fake import FakeSegmenter
from vidseg.reports.run_report import Report
from vidseg.settings import MatteSettings, RenderSettings

FRAMES, RATE = 180, 30
CODECS = {
    ".webm": ("libvpx", "libopus", {"deadline": "realtime", "cpu-used": "8"}),
    ".asf": ("mpeg4", "libmp3lame", {}),
    ".mxf": ("mpeg2video", "pcm_s16le", {"qmin": "2", "qmax": "2"}),
    ".mpg": ("mpeg2video", "mp2", {"qmin": "2", "qmax": "2"}),
}
"""Ending → codecs of picture and sound, and the options of the first."""


def sounding(path: Path, **changes: object) -> Path:
    """Write six seconds of picture and sound."""
    codec, sound, options = CODECS.get(path.suffix, ("libx264", "aac", {}))
    more = {"frames": FRAMES, "gop": 15, "codec": codec, "options": options, **changes}
    return write_clip(path, audio=[Audio(codec=sound)], **more)  # type: ignore[arg-type]


def fill_with_zeros(path: Path) -> Path:
    """Overwrite an eighth of a file, in its middle."""
    data = bytearray(path.read_bytes())
    middle, length = len(data) // 2, len(data) // 8
    data[middle : middle + length] = bytes(length)
    path.write_bytes(bytes(data))
    return path


def copied(plain: Path, path: Path, keep: Callable[[Packet], bool]) -> Path:
    """Write those of a clip's packets for which `keep` says so."""
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        places = {s.index: out.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.size and keep(packet):
                packet.stream = places[packet.stream_index]
                out.mux(packet)
    return path


class Placed:
    """A packet at a place in a file, which PyAV lets nobody but a demuxer tell."""

    def __init__(self, packet: Packet, pos: int) -> None:
        self._packet, self.pos = packet, pos

    def __getattr__(self, name: str) -> object:
        return getattr(self._packet, name)


def is_outside(packet: Packet, begin: float, end: float) -> bool:
    assert packet.dts is not None
    return not begin <= packet.dts * packet.time_base < end


def in_segments(source: Path, output: Path) -> Report:
    matte = MatteSettings(smooth=0, decontaminate=False)
    settings = RenderSettings(
        source=source, output=output, background="#2040c0", encode=QUICK, matte=matte
    )
    return resume.render(settings, segmenter=FakeSegmenter())


@pytest.mark.parametrize(
    ("ending", "renderer"),
    [
        *((ending, rendered) for ending in (".mkv", ".ts", ".flv", ".nut", *CODECS)),
        (".mkv", in_segments),
        (".ts", in_segments),
    ],
)
def test_what_zeros_in_a_file_cost_is_told(
    tmp_path: Path, ending: str, renderer: Callable[..., Report]
) -> None:
    """Demuxers go on behind the damage without a word: what they never gave was in no account."""
    source = fill_with_zeros(sounding(tmp_path / f"in{ending}"))
    report = renderer(source, tmp_path / "out.mp4")
    lost = report.damage["lost_frames"]
    assert report.frames_out < FRAMES - 10
    assert abs(FRAMES - report.frames_out - lost) <= 2
    assert 0.3 < report.damage["missing_sound_s"] < 2
    assert report.damaged
    assert any(f"{lost:.0f} pictures are lost, at " in note for note in report.notes)
    assert any("s that the file lost, at " in note for note in report.notes)


def test_a_file_without_sound_tells_by_its_bytes(tmp_path: Path) -> None:
    source = fill_with_zeros(write_clip(tmp_path / "in.mkv", frames=FRAMES, gop=15))
    report = rendered(source, tmp_path / "out.mp4")
    assert report.frames_out < FRAMES - 10
    assert report.frames_out + report.damage["lost_frames"] == FRAMES


def test_only_what_the_span_lost_counts(tmp_path: Path) -> None:
    source = fill_with_zeros(sounding(tmp_path / "in.mkv"))
    report = rendered(source, tmp_path / "out.mp4", end=Fraction(2))
    assert report.frames_out == 2 * RATE
    assert not report.damaged


def test_a_transport_stream_that_lacks_a_part_is_told(tmp_path: Path) -> None:
    """Where a part was left out as if it had never been, the absence of everything tells."""
    plain = sounding(tmp_path / "plain.ts", b_frames=0)
    source = copied(plain, tmp_path / "in.ts", lambda p: is_outside(p, 4, 5))
    report = rendered(source, tmp_path / "out.mp4")
    assert abs(FRAMES - report.frames_out - report.damage["lost_frames"]) <= 1
    assert 0.9 < report.damage["missing_sound_s"] < 1.1


def test_a_span_that_begins_in_what_is_lost(tmp_path: Path) -> None:
    """It was entered at the key frame behind: the picture on screen was gone, the loss not seen."""
    plain = sounding(tmp_path / "plain.ts", b_frames=0)
    source = copied(plain, tmp_path / "in.ts", lambda p: is_outside(p, 3.4, 5.51))
    report = rendered(source, tmp_path / "out.mp4", start=Fraction(5))
    assert report.frames_out == 16  # the one that stays, and the last half second
    assert report.damage["lost_frames"] == 15


@pytest.mark.parametrize("ending", [".mkv", ".webm", ".ts", ".flv", ".asf", ".mp4"])
def test_long_pictures_are_no_loss(tmp_path: Path, ending: str) -> None:
    """A screen recording shows one picture for seconds, and the sound goes on."""
    pts = [*range(45), *range(105, 150), *range(151, 180, 4)]
    source = sounding(tmp_path / f"in{ending}", pts=pts, time_base=Fraction(1, RATE))
    report = rendered(source, tmp_path / "out.mp4")
    assert report.frames_out == len(pts)
    assert not report.damaged


@pytest.mark.parametrize("ending", [".mkv", ".ts", ".flv", ".nut"])
def test_a_pause_of_the_sound_alone_is_no_loss(tmp_path: Path, ending: str) -> None:
    plain = sounding(tmp_path / f"plain{ending}", b_frames=0)
    source = copied(
        plain, tmp_path / f"in{ending}", lambda p: p.stream.type == "video" or is_outside(p, 3, 4)
    )
    report = rendered(source, tmp_path / "out.mp4")
    assert report.frames_out == FRAMES
    assert not report.damaged


@pytest.mark.parametrize("ending", [".mkv", ".flv", ".mp4"])
def test_a_pause_of_the_recorder_is_no_loss(tmp_path: Path, ending: str) -> None:
    """Neither picture nor sound for a second, and nothing in the file that nobody could read."""
    plain = sounding(tmp_path / f"plain{ending}", b_frames=0)
    source = copied(plain, tmp_path / f"in{ending}", lambda p: is_outside(p, 3, 4))
    report = rendered(source, tmp_path / "out.mp4")
    assert report.frames_out == FRAMES - RATE
    assert not report.damaged


@pytest.mark.parametrize("passed_over", [0, 5000])
def test_alpha_beside_the_pictures_is_no_loss(tmp_path: Path, passed_over: int) -> None:
    """WebM keeps the alpha beside a picture's packet: those bytes are read, though in no packet."""
    stretches = LostStretches("matroska,webm")
    with av.open(str(write_clip(tmp_path / "in.mkv", frames=2))) as container:
        for number, pts in enumerate([*range(20), 25, 26]):
            packet = av.Packet(bytes(100))
            packet.stream, packet.time_base = container.streams.video[0], Fraction(1, RATE)
            packet.pts = packet.dts = pts
            attach_data(packet, "matroska_block_additional", bytes(900))
            stretches.note(Placed(packet, 1010 * number + (pts > 19) * passed_over))
    expected = [(Fraction(19, RATE), Fraction(25, RATE))] if passed_over else []
    assert stretches.of(0) == expected
