"""A clip's sound, to the packet and the sample: nothing is lost, doubled or moved in silence."""

import io
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from tests.helpers.clips import Audio, Subtitles, write_clip
from tests.helpers.edits import PAUSE, set_edits
from tests.helpers.renders import rendered
from vidseg.media import late_streams
from vidseg.media.ffmpeg import Packet
from vidseg.media.mux import KeptRange
from vidseg.media.mux.streams import CopiedTrack
from vidseg.media.mux.transcode import TranscodedAudio
from vidseg.media.probe import probe_video
from vidseg.reports.run_report import Report
from vidseg.settings import AudioMode, EncodeSettings


def sounded(source: Path, target: Path, *, audio: AudioMode = "copy", **changes: object) -> Report:
    """Render quickly."""
    preset = "8" if target.suffix == ".webm" else "ultrafast"
    return rendered(source, target, encode=EncodeSettings(preset=preset, audio=audio), **changes)


def heard(path: Path) -> list[tuple[Fraction, bytes]]:
    """Return time and data of the sound packets that an edit list doesn't cut away."""
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(audio=0) if p.size and not p.is_discard]
        return [(p.pts * p.time_base, bytes(p)) for p in packets]


def seconds_of_sound(path: Path) -> float:
    """Return how much sound is decoded."""
    with av.open(str(path)) as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


# -- edit lists
# --------------------------------------------------------------------------------------------

TWO = ((0.7, 0.2), (0.8, 1.2))
LATE = ((0.5, PAUSE), (0.8, 0.7))
EDITS = {"two": TWO, "late": LATE, "trimmed": ((1.0, 0.5),)}


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("edits", EDITS)
@pytest.mark.parametrize(
    ("codec", "ending"), [("aac", ".mp4"), ("pcm_s16le", ".mov"), ("libmp3lame", ".mp4")]
)
def test_sound_that_was_cut_away_stays_away(
    tmp_path: Path, codec: str, ending: str, edits: str, suffix: str
) -> None:
    """FFmpeg gives decoders a second from before each edit, with times of what is heard before it.

    All of it was copied into MP4, whose own edit list hides what lies before time 0 and nothing
    else.
    """
    source = write_clip(tmp_path / f"in{ending}", frames=60, audio=[Audio(codec=codec)])
    set_edits(source, EDITS[edits])
    sounded(source, tmp_path / f"out{suffix}")
    before, after = heard(source), heard(tmp_path / f"out{suffix}")
    if codec != "pcm_s16le" or suffix != ".mp4":
        assert [data for _, data in after] == [data for _, data in before]
    assert abs(seconds_of_sound(tmp_path / f"out{suffix}") - seconds_of_sound(source)) < 0.06
    begin = 0.5 if edits == "late" else 0.0
    assert abs(after[0][0] - Fraction(begin)) < Fraction(1, 20)


def test_sound_that_is_held_for_a_decoder_is_bounded(tmp_path: Path) -> None:
    """All that an edit list cuts away before the first sound was held, and written."""
    source = write_clip(tmp_path / "in.mp4", frames=3, audio=[Audio()])
    tick, cut = Fraction(1, 100), KeptRange(None, None, Fraction(10))

    def packet(number: int) -> Packet:
        held = {"is_discard": number < 1000, "pts": number, "dts": number, "duration": 1}
        return SimpleNamespace(**held, size=9, time_base=tick)

    with av.open(str(source)) as opened, av.open(io.BytesIO(), "w", format="mp4") as out:
        track = CopiedTrack(out, opened.streams.audio[0])
        assert not [each for number in range(1000) for each in track.feed(packet(number), cut)]
        written = [each.pts for each in track.feed(packet(1000), cut)]
    assert written == list(range(-512, 1))


@pytest.mark.parametrize("edits", ["two", "late"])
def test_sound_that_was_cut_away_is_not_coded_anew(tmp_path: Path, edits: str) -> None:
    source = set_edits(write_clip(tmp_path / "in.mp4", frames=60, audio=[Audio()]), EDITS[edits])
    report = sounded(source, tmp_path / "out.mp4", audio="transcode")
    assert report.damage["missing_sound_s"] == 0
    assert abs(seconds_of_sound(tmp_path / "out.mp4") - seconds_of_sound(source)) < 0.06


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(("start", "end"), [("0.9", None), ("0.3", "1.2")])
def test_a_cut_of_what_was_cut_before(
    tmp_path: Path, start: str | None, end: str | None, suffix: str
) -> None:
    """What is heard between the two instants, the packets at both among it, and nothing else."""
    source = set_edits(write_clip(tmp_path / "in.mp4", frames=60, audio=[Audio()]), TWO)
    cut = {name: Fraction(value) for name, value in (("start", start), ("end", end)) if value}
    sounded(source, tmp_path / f"out{suffix}", **cut)
    begin, finish = cut.get("start", Fraction(0)), cut.get("end", Fraction(99))
    length = Fraction(1024, 48000)
    expected = [
        (time, data) for time, data in heard(source) if time < finish and time + length > begin
    ]
    after = heard(tmp_path / f"out{suffix}")
    assert [data for _, data in after] == [data for _, data in expected]
    errors = [
        abs(new - (old - begin)) for (new, _), (old, _) in zip(after[1:], expected[1:], strict=True)
    ]
    assert max(errors) <= Fraction(1, 1000)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_subtitles_that_were_cut_away_stay_away(tmp_path: Path, suffix: str) -> None:
    """Of five, the third is half shown, the first and the fourth not at all."""
    words = [(0, 0.15, "Z"), (0.3, 0.6, "A"), (0.65, 0.85, "B"), (0.95, 1.15, "C"), (1.3, 1.6, "D")]
    source = write_clip(tmp_path / "in.mp4", frames=60, subtitles=[Subtitles(lines=words)])
    set_edits(source, TWO)
    rendered(source, tmp_path / f"out{suffix}")
    with av.open(str(tmp_path / f"out{suffix}")) as out:
        after = [
            (float(p.pts * p.time_base), bytes(p)[-1:]) for p in out.demux(subtitles=0) if p.size
        ]
    with av.open(str(source)) as container:
        packets = [p for p in container.demux(subtitles=0) if p.size and not p.is_discard]
        before = [(float(p.pts * p.time_base), bytes(p)[-1:]) for p in packets]
    assert [text for _, text in before if text != b"\0"] == [b"A", b"B", b"D"]
    assert [cue for cue in after if cue[1] != b"\0"] == [cue for cue in before if cue[1] != b"\0"]


# -- priming
# -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize("codec", ["eac3", "aac", "libmp3lame", "libopus", "flac"])
def test_no_sound_is_lost_for_a_codecs_priming(tmp_path: Path, codec: str, suffix: str) -> None:
    """E-AC-3 primes decoders with 5 ms; into Matroska the packet's other 27 ms were dropped too."""
    source = write_clip(
        tmp_path / "in.mp4", frames=30, audio=[Audio(codec=codec, options={"strict": "-2"})]
    )
    report = sounded(source, tmp_path / f"out{suffix}")
    before, after = heard(source), heard(tmp_path / f"out{suffix}")
    assert [data for _, data in after] == [data for _, data in before]
    errors = [abs(new - old) for (new, _), (old, _) in zip(after[1:], before[1:], strict=True)]
    assert max(errors) <= Fraction(1, 1000)
    assert report.damage["packets"] == 0


def test_a_packet_in_which_a_cut_lies_is_heard(tmp_path: Path) -> None:
    """Into Matroska it was dropped: 0.1 s of silence in FLAC, whose packets are that long."""
    source = write_clip(tmp_path / "in.mkv", frames=60, audio=[Audio(codec="flac")])
    sounded(source, tmp_path / "out.mkv", start=Fraction(1))
    after = heard(tmp_path / "out.mkv")
    assert after[0][0] == 0
    assert after[0][1] == [data for time, data in heard(source) if time <= 1][-1]


# -- sound that is coded anew
# ------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
@pytest.mark.parametrize(
    ("rate", "becomes"),
    [
        (22254, 24000),
        (11127, 12000),
        (6000, 7350),
        (37800, 44100),
        (44056, 44100),
        (96000, 48000),
        (44100, 44100),
    ],
)
def test_rates_that_an_encoder_lacks_are_raised(
    tmp_path: Path, rate: int, becomes: int, suffix: str
) -> None:
    """Sound of old Macs, consoles and video discs: "Invalid argument" was all that came of it."""
    source = write_clip(
        tmp_path / "in.avi",
        frames=30,
        audio=[Audio(codec="pcm_s16le", rate=rate)],
        codec="mjpeg",
        pix_fmt="yuvj420p",
    )
    report = sounded(source, tmp_path / f"out{suffix}", audio="transcode")
    with av.open(str(tmp_path / f"out{suffix}")) as out:
        assert out.streams.audio[0].rate == (48000 if suffix == ".webm" else becomes)
    assert seconds_of_sound(tmp_path / f"out{suffix}") == pytest.approx(1, abs=0.2)
    assert not report.damaged


# -- sound that begins late
# --------------------------------------------------------------------------------


@pytest.mark.parametrize(("ending", "codec"), [(".ts", "aac"), (".ts", "mp2"), (".mpg", "mp2")])
def test_sound_that_begins_late_is_copied(tmp_path: Path, ending: str, codec: str) -> None:
    """FFmpeg looks at five seconds: 0 channels passed for one; stereo was coded anew in mono."""
    sound = [Audio(codec=codec, start=8.0, seconds=2)]
    source = write_clip(
        tmp_path / f"in{ending}",
        frames=50,
        rate=5,
        codec="mpeg2video",
        options={"strict": "-1"},
        audio=sound,
    )
    report = sounded(source, tmp_path / "out.mp4")
    assert [s["fate"] for s in report.streams if s["kind"] == "audio"] == ["copied"]
    with av.open(str(tmp_path / "out.mp4")) as out:
        assert out.streams.audio[0].codec_context.layout.nb_channels == 2
    assert heard(tmp_path / "out.mp4")[0][0] == pytest.approx(8, abs=0.1)


def test_a_picture_that_begins_late_is_described(tmp_path: Path) -> None:
    source = tmp_path / "in.ts"
    pts = [8 * 5 + n for n in range(10)]
    write_clip(source, pts=pts, time_base=Fraction(1, 5), rate=5, audio=[Audio(seconds=10)])
    assert "96x64" in next(s.detail for s in probe_video(source).streams if s.kind == "video")
    assert sounded(source, tmp_path / "out.mp4").frames_out == 10


def test_sound_of_which_nothing_tells_what_it_is_is_never_mono(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What begins behind all that is looked at is coded anew in stereo, as most sound is."""
    monkeypatch.setattr(late_streams, "_FURTHER", ())
    source = write_clip(tmp_path / "in.ts", frames=50, rate=5, audio=[Audio(start=8.0, seconds=2)])
    report = sounded(source, tmp_path / "out.mp4")
    assert any("begins so late that its rate and channels are not known" in n for n in report.notes)
    with av.open(str(tmp_path / "out.mp4")) as out:
        assert out.streams.audio[0].codec_context.layout.nb_channels == 2
    assert seconds_of_sound(tmp_path / "out.mp4") == pytest.approx(2, abs=0.1)


def test_streams_that_no_list_had_are_damage(tmp_path: Path) -> None:
    """Flash and MPEG may bring a stream at any place: it was left out in silence."""
    noise = np.random.default_rng(1).integers(20, 235, (240, 320), np.uint8)
    source = write_clip(
        tmp_path / "in.mpg", width=320, height=240, rate=25, frames=130, codec="mpeg2video", gop=1,
        picture=lambda _: np.repeat(noise[..., None], 3, axis=2),
        options={"qmin": "1", "qmax": "1"},
        audio=[Audio(codec="mp2", start=4.0, seconds=0.5)],
    )  # fmt: skip
    assert source.stat().st_size > 6_000_000, "FFmpeg looks at 5 MB, and at the end"
    report = sounded(source, tmp_path / "out.mp4")
    assert report.damage["late_streams"] == 1
    assert any("begin so late in the file that they are left out" in note for note in report.notes)


# -- the account
# -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_sound_that_ends_before_its_index_says_is_missing(tmp_path: Path, suffix: str) -> None:
    """The picture was whole, so that nobody was told."""
    audio = [Audio(seconds=3)]
    options = {"movflags": "faststart"}
    source = write_clip(tmp_path / "in.mp4", frames=10, audio=audio, container_options=options)
    data = source.read_bytes()
    with av.open(str(source)) as container:
        sound = [p for p in container.demux(audio=0) if p.size]
        cut = next(int(p.pos or 0) for p in sound if p.pts * p.time_base > 2)
    source.write_bytes(data[:cut])
    report = sounded(source, tmp_path / f"out{suffix}")
    assert report.damage["missing_sound_s"] == pytest.approx(1, abs=0.1)
    assert any("audio stream 1 lacks" in note and "at its end" in note for note in report.notes)
    assert (
        sounded(source, tmp_path / f"short{suffix}", end=Fraction(1)).damage["missing_sound_s"] == 0
    )


def test_sound_that_is_written_by_nobody_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever should ever lose a packet on its way, the account has it."""
    source = write_clip(tmp_path / "in.mp4", frames=30, audio=[Audio()])
    feed = CopiedTrack.feed

    def losing(track: CopiedTrack, packet: Packet, cut: KeptRange) -> list[Packet]:
        return [] if packet.pts == 10 * 1024 else feed(track, packet, cut)

    monkeypatch.setattr(CopiedTrack, "feed", losing)
    assert sounded(source, tmp_path / "out.mp4").damage["packets"] == 1


def test_sound_that_its_decoder_swallows_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=30, audio=[Audio()])
    feed = TranscodedAudio.feed

    def losing(track: TranscodedAudio, packet: Packet, cut: KeptRange) -> list[Packet]:
        return [] if 10 * 1024 <= (packet.pts or 0) < 20 * 1024 else feed(track, packet, cut)

    monkeypatch.setattr(TranscodedAudio, "feed", losing)
    report = sounded(source, tmp_path / "out.mp4", audio="transcode")
    assert report.damage["missing_sound_s"] == pytest.approx(10 * 1024 / 48000, abs=0.03)
    assert any("that could not be decoded" in note for note in report.notes)


@pytest.mark.parametrize("codec", ["aac", "libopus", "tta"])
@pytest.mark.parametrize(("start", "end"), [(None, None), ("0.51", "1.2")])
def test_whole_sound_lacks_nothing(
    tmp_path: Path, codec: str, start: str | None, end: str | None
) -> None:
    """No loss: priming, padding, cuts, and TTA's last packet, which claims a second as all do."""
    source = write_clip(tmp_path / "in.mkv", frames=60, audio=[Audio(codec=codec)])
    cut = {name: Fraction(value) for name, value in (("start", start), ("end", end)) if value}
    for suffix, audio in ((".mp4", "transcode"), (".mkv", "copy")):
        report = sounded(source, tmp_path / f"{audio}{suffix}", audio=audio, **cut)  # type: ignore[arg-type]
        assert not report.damaged, report.damage
