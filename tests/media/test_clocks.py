"""Clocks that jump, begin anywhere or say nothing: each frame has its time, in step with sound."""

import itertools
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.helpers.clips import Audio, audio_packets, frame_times, read_frames, write_clip
from tests.helpers.renders import QUICK, rendered
from vidseg.frames.colour import Colour
from vidseg.media.damage import Damage
from vidseg.media.decode import Span, decode
from vidseg.media.probe import probe_video
from vidseg.media.timestamps import ContinuousClock
from vidseg.settings import EncodeSettings

AS_TOLD = {"avoid_negative_ts": "disabled"}
"""For a muxer that moves all streams to 0 else."""


@dataclass
class _Stream:
    type: str


@dataclass
class _Packet:
    stream_index: int
    pts: int | None
    kind: str = "video"
    duration: int = 40
    time_base: Fraction = Fraction(1, 1000)

    @property
    def dts(self) -> int | None:
        return self.pts

    @dts.setter
    def dts(self, _: int | None) -> None:
        """Follows pts."""

    @property
    def stream(self) -> _Stream:
        return _Stream(self.kind)


def moved(*packets: _Packet) -> list[int | None]:
    clock = ContinuousClock()
    for packet in packets:
        clock.move(packet)
    return [packet.pts for packet in packets]


def test_a_steady_clock_is_left_alone() -> None:
    assert moved(*(_Packet(0, 1400 + 40 * n) for n in range(5))) == [1400, 1440, 1480, 1520, 1560]


def test_a_clock_set_back_runs_on_and_keeps_the_streams_in_step() -> None:
    """The sound of before the joint may come after the first picture behind it."""
    times = moved(
        _Packet(0, 5000),
        _Packet(1, 4980, "audio"),
        _Packet(0, 0),  # set back: follows 5000 + 40
        _Packet(1, 5020, "audio"),  # still of before
        _Packet(1, 10, "audio"),
        _Packet(0, 40),
        _Packet(2, 30, "subtitle"),
    )
    assert times == [5000, 4980, 5040, 5020, 5050, 5080, 5070]


def test_a_packet_without_a_time_stays_without() -> None:
    assert moved(_Packet(0, None), _Packet(0, 40)) == [None, 40]


def _joined(tmp_path: Path, **second: object) -> Path:
    pieces = [
        write_clip(tmp_path / "a.ts", frames=20, audio=[Audio()]),
        write_clip(tmp_path / "b.ts", frames=20, audio=[Audio()], **second),  # type: ignore[arg-type]
    ]
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    return both


def test_two_recordings_in_one_file_run_on(tmp_path: Path) -> None:
    """A recorder that goes on in its file resets the clock: part two was squeezed into 20 ticks."""
    source = _joined(tmp_path)
    report = rendered(source, tmp_path / "out.mp4")
    assert not report.damaged
    times = frame_times(tmp_path / "out.mp4")
    assert len(times) == 40
    steps = [b - a for a, b in itertools.pairwise(times)]
    assert all(abs(step - Fraction(1, 30)) < Fraction(1, 1000) for step in steps)
    sound = [p.pts for p in audio_packets(tmp_path / "out.mp4") if p.pts is not None]
    assert len(sound) == len(audio_packets(source))
    assert abs(sound[-1] - times[-1]) < Fraction(1, 10)


@pytest.mark.parametrize("end", [None, Fraction(1)])
def test_nothing_is_missing_where_the_clock_jumped(tmp_path: Path, end: Fraction | None) -> None:
    """FFmpeg takes the last time less the first for the length: a minute too much here."""
    source = _joined(tmp_path, container_options={"output_ts_offset": "60"})
    report = rendered(source, tmp_path / "out.mp4", end=end)
    assert report.frames_out == (40 if end is None else 30)
    assert not report.damaged, report.damage


def test_a_cut_behind_a_joint_begins_where_a_player_would(tmp_path: Path) -> None:
    """A seek would not know of the joint before it."""
    source = _joined(tmp_path)
    rendered(source, tmp_path / "out.mp4", start=Fraction(1))
    assert len(frame_times(tmp_path / "out.mp4")) == 10


def test_a_transport_stream_begins_at_0_wherever_its_clock_stands(tmp_path: Path) -> None:
    """An MP4 would begin with ten hours of nothing."""
    pts = [36000 * 30 + n for n in range(12)]
    source = write_clip(
        tmp_path / "in.ts", pts=pts, time_base=Fraction(1, 30), audio=[Audio(start=36000.1)]
    )
    before = frame_times(source)
    assert before[0] >= 36000
    for suffix in (".mp4", ".mkv"):
        rendered(source, tmp_path / f"out{suffix}")
        after = frame_times(tmp_path / f"out{suffix}")
        tick = Fraction(1, 90000) if suffix == ".mp4" else Fraction(1, 1000)
        moved_by = [new - old for old, new in zip(before, after, strict=True)]
        assert max(moved_by) - min(moved_by) <= tick
        assert after[0] < Fraction(1, 100)
    old, new = audio_packets(source), audio_packets(tmp_path / "out.mp4")
    distance = [
        p[0].pts - t for p, t in ((old, before[0]), (new, frame_times(tmp_path / "out.mp4")[0]))
    ]  # type: ignore[operator]
    assert abs(distance[0] - distance[1]) < Fraction(1, 1000)


def test_avi_tells_decoding_times_only_and_is_not_damaged(tmp_path: Path) -> None:
    """The decoder, reordering pictures, lost count of times: gaps, and two made up at the end."""
    source = write_clip(tmp_path / "in.avi", frames=30, b_frames=2)
    report = rendered(source, tmp_path / "out.mp4")
    assert not report.damaged
    assert frame_times(tmp_path / "out.mp4") == [Fraction(n, 30) for n in range(30)]


def test_a_raw_stream_has_no_times_and_is_not_damaged(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.h264", frames=30, rate=25, b_frames=2)
    report = rendered(source, tmp_path / "out.mp4")
    assert not report.damaged
    assert frame_times(tmp_path / "out.mp4") == [Fraction(n, 25) for n in range(30)]


def test_sound_from_before_the_beginning_moves_nothing(tmp_path: Path) -> None:
    """Matroska has no edit lists: its muxer moved all streams to make room for encoder priming."""
    source = write_clip(tmp_path / "in.mp4", frames=30, audio=[Audio(codec="libmp3lame")])
    assert min(p.pts for p in audio_packets(source) if p.pts is not None) < 0
    rendered(source, tmp_path / "out.mkv")
    before, after = frame_times(source), frame_times(tmp_path / "out.mkv")
    assert max(abs(a - b) for a, b in zip(before, after, strict=True)) <= Fraction(1, 2000)


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mkv"])
def test_what_matroska_shows_before_0_is_shown(tmp_path: Path, suffix: str) -> None:
    """Players show it from its earliest time on; MP4's edit list hid all that lay before 0."""
    source = write_clip(
        tmp_path / "in.mkv",
        pts=range(-6, 12),
        b_frames=0,
        audio=[Audio(start=-0.5, seconds=1)],
        container_options=AS_TOLD,
    )
    preset = "8" if suffix == ".webm" else "ultrafast"
    output = tmp_path / f"out{suffix}"
    rendered(source, output, encode=EncodeSettings(preset=preset))
    began, after = audio_packets(source)[0].pts, frame_times(output)
    assert began is not None
    assert began < -0.5
    assert len(after) == 18
    for place in (0, 17):
        assert abs(after[place] - Fraction(place - 6, 30) + began) <= Fraction(1, 100)
    assert _heard_s(output) >= _heard_s(source) - Fraction(1, 100)


def test_pictures_alone_before_0_are_shown(tmp_path: Path) -> None:
    """Matroska's first pictures then have no time, so that nothing told that they were there."""
    source = write_clip(
        tmp_path / "in.mkv", pts=range(-6, 12), b_frames=0, container_options=AS_TOLD
    )
    rendered(source, tmp_path / "out.mp4")
    times = frame_times(tmp_path / "out.mp4")
    assert len(times) == 18
    assert times[0] == 0


def _heard_s(path: Path) -> Fraction:
    """Return how many seconds of sound are decoded."""
    with av.open(str(path)) as container:
        return sum(
            (Fraction(each.samples, each.sample_rate) for each in container.decode(audio=0)),
            Fraction(0),
        )


def test_copied_packets_whose_times_fall_back_stay_writable(tmp_path: Path) -> None:
    """Fragments may repeat a decoding time: the MP4 muxer refused the packet, ending the render."""
    source = write_clip(
        tmp_path / "in.mp4",
        frames=30,
        b_frames=2,
        audio=[Audio()],
        container_options={"movflags": "frag_every_frame+empty_moov+default_base_moof"},
    )
    rendered(source, tmp_path / "out.mp4")
    times = [p.dts for p in audio_packets(tmp_path / "out.mp4") if p.dts is not None]
    assert times == sorted(set(times))


def test_a_file_that_begins_late_misses_nothing(tmp_path: Path) -> None:
    """Matroska tells the length of the file from 0, not of the video from its start."""
    pts = [300 + n for n in range(20)]
    source = write_clip(
        tmp_path / "in.mkv", pts=pts, time_base=Fraction(1, 30), audio=[Audio(start=9.5, seconds=1)]
    )
    assert not rendered(source, tmp_path / "out.mkv").damaged


def test_sound_that_is_left_out_is_not_missing(tmp_path: Path) -> None:
    """The container tells one length for all streams; what isn't read can't be missed."""
    source = write_clip(tmp_path / "in.mkv", frames=15, audio=[Audio(seconds=3)])
    silent = EncodeSettings(preset="ultrafast", audio="none")
    assert not rendered(source, tmp_path / "out.mp4", encode=silent).damaged
    (tmp_path / "frames").mkdir()
    pictures = rendered(source, tmp_path / "frames" / "%03d.png", encode=EncodeSettings())
    assert not pictures.damaged


@pytest.mark.parametrize("pix_fmt", ["yuv410p", "nv12"])
def test_digits_in_a_format_name_are_no_depth(tmp_path: Path, pix_fmt: str) -> None:
    """``10`` in yuv410p and ``12`` in nv12 were taken for bits, and HEVC was written."""
    codec, suffix = ("ffv1", ".mkv") if pix_fmt == "yuv410p" else ("rawvideo", ".nut")
    source = write_clip(tmp_path / f"in{suffix}", frames=3, codec=codec, pix_fmt=pix_fmt)
    assert rendered(source, tmp_path / "out.mp4").output_codec == "x264"


@pytest.mark.parametrize("pix_fmt", ["gray16le", "yuv444p16le", "yuv420p12le"])
def test_deep_sources_stay_deep(tmp_path: Path, pix_fmt: str) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=3, codec="ffv1", pix_fmt=pix_fmt)
    report = rendered(source, tmp_path / "out.mkv")
    assert report.output_codec == "x265"
    assert "12" in probe_video(tmp_path / "out.mkv").pix_fmt


def test_colours_that_change_on_the_way_stay_the_same_colours(tmp_path: Path) -> None:
    """The second part is full-range BT.601; its code values must not pass as the first part's."""
    first, second = Colour(False, 1, 1, 1), Colour(True, 6, 1, 1)

    def wall(_: int) -> np.ndarray:
        return np.full((64, 96, 3), (230, 200, 200), np.uint8)

    pieces = [
        write_clip(tmp_path / f"{n}.ts", frames=12, colour=colour, picture=wall)
        for n, colour in enumerate((first, second))
    ]
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    info = probe_video(both)
    frames = list(decode(info, Span(), Damage()))
    assert {frame.colour for frame in frames} == {info.colour}
    means = np.array(
        [[plane.mean() for plane in frame.planes] for frame in (frames[3], frames[-3])]
    )
    assert np.abs(means[0] - means[1]).max() < 4, "luma of the two ranges lies 14 apart"


def test_two_frames_of_one_time_are_both_kept(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for n in range(8):
            frame = av.VideoFrame.from_ndarray(np.full((96, 96), 20 * n, np.uint8), "yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, 25)
            for packet in stream.encode(frame):
                packet.pts = packet.dts = n // 2
                out.mux(packet)
    report = rendered(source, tmp_path / "out.mkv", encode=QUICK)
    assert (report.frames_out, report.damaged) == (8, False)
    assert len(read_frames(tmp_path / "out.mkv")) == 8


def test_tracks_keep_their_own_times_where_the_sound_comes_first(tmp_path: Path) -> None:
    """A copied packet gets a place in the output: asking it for its track then mixed up tracks."""
    tracks = [Audio(), Audio(start=0.2)]
    source = write_clip(tmp_path / "in.mkv", frames=20, audio=tracks, audio_first=True)
    rendered(source, tmp_path / "out.mp4")
    before, after = audio_packets(source), audio_packets(tmp_path / "out.mp4")
    assert [p.sha256 for p in after] == [p.sha256 for p in before]
    for old, new in zip(before, after, strict=True):
        assert old.pts is not None
        assert new.pts is not None
        assert abs(old.pts - new.pts) < Fraction(1, 1000)


def test_samples_that_are_no_numbers_are_lost_and_counted(tmp_path: Path) -> None:
    """The AAC encoder refuses them, which ended in a traceback."""
    source = write_clip(
        tmp_path / "in.mov", frames=30, audio=[Audio(codec="pcm_f32le", rate=48000, seconds=1)]
    )
    data = bytearray(source.read_bytes())
    at = data.find(b"mdat") + 4000
    with av.open(str(source)) as container:
        packet = [p for p in container.demux(audio=0) if p.size][10]
        at = int(packet.pos or at)
    data[at : at + 400] = b"\xff\xff\xff\x7f" * 100
    source.write_bytes(bytes(data))
    report = rendered(source, tmp_path / "out.mp4")
    assert report.damage["packets"] > 0
    assert len(frame_times(tmp_path / "out.mp4")) == 30
