"""The whole chain on clips made in code: frames, times, sound, streams, colours, geometry."""

import itertools
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.clips import (
    Audio,
    Chapter,
    Subtitles,
    audio_packets,
    ffprobe,
    frame_times,
    person_picture,
    read_frames,
    write_clip,
)
from tests.helpers.renders import QUICK, rendered
from vidseg.errors import InputError, OutputError
from vidseg.frames.colour import Colour
from vidseg.frames.geometry import Box
from vidseg.frames.planes import small_rgb
from vidseg.media.damage import Damage
from vidseg.media.decode import Span, decode
from vidseg.media.ffmpeg import open_source
from vidseg.media.mux.transcode import _samples
from vidseg.media.probe import probe_video
from vidseg.settings import EncodeSettings, MatteSettings


def nobody(_: int) -> NDArray[np.uint8]:
    """A grey wall."""
    return np.full((64, 96, 3), 100, np.uint8)


TONE = Audio(codec="aac", rate=48000)


def test_every_frame_comes_out_once_with_its_time_and_the_new_background(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=23, audio=[TONE])
    report = rendered(source, tmp_path / "out.mp4")
    before, after = read_frames(source), read_frames(tmp_path / "out.mp4")
    assert report.frames_out == len(after) == len(before) == 23
    assert frame_times(tmp_path / "out.mp4") == frame_times(source)
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        person = np.abs(old.rgb.astype(int) - (40, 220, 40)).max(axis=2) < 30
        core = (
            person
            & np.roll(person, 3, 0)
            & np.roll(person, -3, 0)
            & np.roll(person, 3, 1)
            & np.roll(person, -3, 1)
        )
        assert core.sum() > 50, number
        assert np.abs(new.rgb[core].astype(int) - old.rgb[core]).mean() < 8
        corner = new.rgb[-6:, -6:].reshape(-1, 3).mean(axis=0)
        assert np.abs(corner - (0x20, 0x40, 0xC0)).max() < 8


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_audio_packets_are_the_same_bytes_at_the_same_times(tmp_path: Path, suffix: str) -> None:
    tracks = [
        Audio(codec="aac", rate=48000, language="eng", title="Talk"),
        Audio(codec="aac", rate=44100, language="fra"),
    ]
    source = write_clip(tmp_path / f"in{suffix}", audio=tracks)
    rendered(source, tmp_path / f"out{suffix}")
    before, after = audio_packets(source), audio_packets(tmp_path / f"out{suffix}")
    assert [p.sha256 for p in after] == [p.sha256 for p in before]
    assert max(
        abs((a.pts or 0) - (b.pts or 0)) for a, b in zip(before, after, strict=True)
    ) < Fraction(1, 1000)
    with av.open(str(tmp_path / f"out{suffix}")) as out:
        assert [s.metadata["language"] for s in out.streams.audio] == ["eng", "fra"]


def test_variable_frame_rate_keeps_every_time_and_duration(tmp_path: Path) -> None:
    pts = [0, 40, 41, 100, 350, 351, 352, 1500, 1600]
    source = write_clip(tmp_path / "in.mp4", pts=pts, time_base=Fraction(1, 1000), rate=25)
    rendered(source, tmp_path / "out.mp4")
    assert frame_times(tmp_path / "out.mp4") == [Fraction(p, 1000) for p in pts]
    with av.open(str(tmp_path / "out.mp4")) as out:
        durations = [p.duration * p.time_base for p in out.demux(video=0) if p.size]
    assert durations[:-1] == [Fraction(b - a, 1000) for a, b in itertools.pairwise(pts)]


def test_b_frames_and_a_late_start_keep_their_times(tmp_path: Path) -> None:
    pts = [30 + i for i in range(20)]
    source = write_clip(
        tmp_path / "in.mp4", pts=pts, time_base=Fraction(1, 30), b_frames=2, audio=[TONE]
    )
    rendered(source, tmp_path / "out.mp4", encode=EncodeSettings(preset="medium"))
    assert frame_times(tmp_path / "out.mp4") == frame_times(source)
    assert frame_times(tmp_path / "out.mp4")[0] == 1


def test_start_and_end_cut_picture_sound_and_subtitles_at_one_instant(tmp_path: Path) -> None:
    source = write_clip(
        tmp_path / "in.mkv",
        frames=90,
        audio=[Audio(codec="pcm_s16le", rate=48000, seconds=3)],
        subtitles=[
            Subtitles(
                codec="srt",
                lines=[
                    (0.2, 0.9, "before"),
                    (0.8, 1.4, "across"),
                    (1.6, 1.9, "inside"),
                    (2.5, 2.8, "after"),
                ],
            )
        ],
        chapters=[Chapter(0, 1.5, "one"), Chapter(1.5, 3, "two")],
    )
    rendered(source, tmp_path / "out.mkv", start=Fraction(1), end=Fraction(2))
    times = frame_times(tmp_path / "out.mkv")
    assert len(times) == 30
    assert times[0] == 0
    with av.open(str(tmp_path / "out.mkv")) as out:
        sound = [p for p in out.demux(audio=0) if p.size]
        seconds = sum(p.duration * p.time_base for p in sound)
        assert abs(seconds - 1) < Fraction(5, 100)
        chapters = [
            (c["start"] * c["time_base"], c["end"] * c["time_base"]) for c in out.chapters()
        ]
    assert [(float(a), float(b)) for a, b in chapters] == [(0, 0.5), (0.5, 1)]
    with av.open(str(tmp_path / "out.mkv")) as out:
        cues = [(float(p.pts * p.time_base), bytes(p)) for p in out.demux(subtitles=0) if p.size]
    assert [time for time, _ in cues] == [0.0, 0.6]
    assert b"across" in cues[0][1]
    assert b"inside" in cues[1][1]


@pytest.mark.parametrize(
    ("source_suffix", "suffix"), [(".mkv", ".mkv"), (".mp4", ".mp4"), (".mkv", ".mp4")]
)
def test_a_subtitle_ends_with_the_cut(tmp_path: Path, source_suffix: str, suffix: str) -> None:
    """What was shown at a cut's end kept its whole length; so did the file, without a picture."""
    codec = "srt" if source_suffix == ".mkv" else "mov_text"
    track = Subtitles(codec=codec, lines=[(0.2, 2.8, "long")])
    source = write_clip(tmp_path / f"in{source_suffix}", frames=90, subtitles=[track])
    rendered(source, tmp_path / f"out{suffix}", end=Fraction(1))
    with av.open(str(tmp_path / f"out{suffix}")) as out:
        shown = [p for p in out.demux(subtitles=0) if p.size > 2]
        assert [float(p.pts * p.time_base) for p in shown] == [0.2]
        assert abs(shown[0].duration * shown[0].time_base - Fraction(8, 10)) < Fraction(1, 100)
        assert out.duration is not None
        assert abs(out.duration / 1e6 - 1) < 0.02


@pytest.mark.parametrize(("codec", "source_suffix"), [("aac", ".mp4"), ("pcm_s16le", ".mov")])
def test_sound_that_is_coded_anew_as_opus_begins_at_once(
    tmp_path: Path, codec: str, source_suffix: str
) -> None:
    """Opus' first packet, with its priming, passed for the source's: 14 ms of sound were lost."""
    source = write_clip(tmp_path / f"in{source_suffix}", frames=15, audio=[Audio(codec=codec)])
    rendered(source, tmp_path / "out.webm", encode=EncodeSettings(preset="8"))
    first = audio_packets(tmp_path / "out.webm")[0]
    assert first.pts is not None
    assert first.pts <= 0


@pytest.mark.parametrize(
    ("layout", "suffix", "expected"),
    [
        ("4.0", ".mp4", 4),
        ("quad", ".webm", 4),
        ("5.1(side)", ".webm", 6),
        ("mono", ".mp4", 1),
    ],
)
def test_sound_that_is_coded_anew_keeps_its_channels(
    tmp_path: Path, layout: str, suffix: str, expected: int
) -> None:
    """A camera's four channels were mixed down to two, without a word."""
    source = write_clip(
        tmp_path / "in.mov", frames=15, audio=[Audio(codec="pcm_s16le", layout=layout)]
    )
    rendered(
        source,
        tmp_path / f"out{suffix}",
        encode=EncodeSettings(preset="8" if suffix == ".webm" else None),
    )
    with av.open(str(tmp_path / f"out{suffix}")) as out:
        assert out.streams.audio[0].codec_context.layout.nb_channels == expected


def test_eight_channels_are_cut_sample_by_sample() -> None:
    """PyAV read beyond the eighth plane: a 7.1 track cut and coded anew ended the process."""
    ramp = np.arange(800, dtype=np.float32).reshape(1, -1)
    packed = av.AudioFrame.from_ndarray(ramp, format="flt", layout="7.1")
    packed.sample_rate = 48000
    (frame,) = av.AudioResampler("fltp").resample(packed)
    part = _samples(frame, 10, 50)
    assert (part.samples, part.format.name, part.layout.name) == (40, "fltp", "7.1")
    (told,) = av.AudioResampler("flt").resample(part)
    assert np.array_equal(told.to_ndarray(), ramp[:, 80:400])


def test_channels_that_are_mixed_down_are_told(tmp_path: Path) -> None:
    """Nine or more have no place in AAC."""
    audio = Audio(codec="pcm_s16le", layout="7.1.2")
    source = write_clip(tmp_path / "in.mov", frames=5, audio=[audio])
    report = rendered(source, tmp_path / "out.mp4")
    assert any("10 channels mixed down to stereo" in note for note in report.notes), report.notes


def test_sound_that_is_coded_anew_says_why(tmp_path: Path) -> None:
    """`--audio transcode` said that the container didn't take what it takes."""
    source = write_clip(tmp_path / "in.mp4", frames=10, audio=[Audio()])
    report = rendered(
        source, tmp_path / "out.mp4", encode=EncodeSettings(preset="ultrafast", audio="transcode")
    )
    assert report.notes == [
        "audio stream 1 is transcoded from aac to aac, as --audio transcode asks"
    ]


def test_the_cut_begins_with_the_right_frame(tmp_path: Path) -> None:
    """Frames carry their numbers, which survive, since the person covers none of the bar code."""
    source = write_clip(tmp_path / "in.mp4", frames=90, gop=30, b_frames=2)
    rendered(source, tmp_path / "out.mp4", "black", start=Fraction(73, 30), kind="matte")
    masks = [f.rgb for f in read_frames(tmp_path / "out.mp4")]
    rendered(source, tmp_path / "all.mp4", "black", kind="matte")
    whole = [f.rgb for f in read_frames(tmp_path / "all.mp4")]
    assert len(masks) == 17
    assert np.abs(masks[0].astype(int) - whole[73]).mean() < 2
    assert np.abs(masks[0].astype(int) - whole[70]).mean() > 2


@pytest.mark.parametrize(
    ("codec", "suffix", "fate"),
    [
        ("pcm_s16le", ".mp4", "aac"),
        ("vorbis", ".mp4", "aac"),
        ("aac", ".webm", "opus"),
        ("libopus", ".mov", "aac"),
        ("flac", ".mkv", "copied"),
    ],
)
def test_audio_that_the_container_cannot_hold_is_transcoded_aloud(
    tmp_path: Path, codec: str, suffix: str, fate: str
) -> None:
    options = {"strict": "experimental"} if codec == "vorbis" else {}
    track = Audio(codec=codec, rate=48000, seconds=1, options=options)
    source = write_clip(tmp_path / "in.mkv", frames=30, audio=[track])
    encode = EncodeSettings(codec="auto", preset="8" if suffix == ".webm" else "ultrafast")
    report = rendered(source, tmp_path / f"out{suffix}", encode=encode)
    assert fate in str(report.streams[1]["fate"])
    assert (fate == "copied") == (not report.notes)
    with av.open(str(tmp_path / f"out{suffix}")) as out:
        samples = sum(f.samples for f in out.decode(audio=0))
        rate = out.streams.audio[0].rate
    assert samples / rate == pytest.approx(1, abs=0.08)


def test_transcoded_sound_stays_in_step(tmp_path: Path) -> None:
    """The tone of the source begins 0.5 s late; its first loud sample must too."""
    source = write_clip(
        tmp_path / "in.mkv",
        frames=45,
        audio=[Audio(codec="pcm_s16le", rate=48000, start=0.5, seconds=1)],
    )
    rendered(source, tmp_path / "out.mp4")
    onset = None
    with av.open(str(tmp_path / "out.mp4")) as out:
        for frame in out.decode(audio=0):
            loud = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.05)
            if len(loud):
                onset = float(frame.pts * frame.time_base) + loud[0] / frame.sample_rate
                break
    assert onset == pytest.approx(0.5, abs=0.005)


def test_audio_none_leaves_the_sound_out(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", audio=[TONE])
    report = rendered(
        source, tmp_path / "out.mp4", encode=EncodeSettings(preset="ultrafast", audio="none")
    )
    assert audio_packets(tmp_path / "out.mp4") == []
    assert "left out" in report.notes[0]


@pytest.mark.parametrize(
    ("source_suffix", "suffix"),
    [(".mkv", ".mp4"), (".mp4", ".mkv"), (".mkv", ".webm"), (".mp4", ".mov")],
)
def test_text_subtitles_survive_every_container(
    tmp_path: Path, source_suffix: str, suffix: str
) -> None:
    codec = "mov_text" if source_suffix == ".mp4" else "srt"
    track = Subtitles(codec=codec, lines=[(0.25, 0.75, "Hello, world")], language="eng")
    source = write_clip(tmp_path / f"in{source_suffix}", frames=30, subtitles=[track])
    encode = EncodeSettings(preset="8" if suffix == ".webm" else "ultrafast")
    rendered(source, tmp_path / f"out{suffix}", encode=encode)
    with av.open(str(tmp_path / f"out{suffix}")) as out:
        stream = out.streams.subtitles[0]
        cues = [
            (p.pts * p.time_base, p.duration * p.time_base, bytes(p))
            for p in out.demux(stream)
            if p.size > 2
        ]
        assert stream.metadata["language"] == "eng"
    assert len(cues) == 1
    assert (float(cues[0][0]), float(cues[0][1])) == (0.25, 0.5)
    assert b"Hello, world" in cues[0][2]


def test_tags_chapters_and_cover_art_are_kept(tmp_path: Path) -> None:
    cover = np.full((32, 32, 3), 90, np.uint8)
    source = write_clip(
        tmp_path / "in.mp4",
        frames=30,
        chapters=[Chapter(0, 0.5, "one"), Chapter(0.5, 1, "two")],
        metadata={
            "title": "A talk",
            "artist": "Us",
            "creation_time": "2024-05-06T07:08:09.000000Z",
        },
        cover=cover,
    )
    for suffix in (".mp4", ".mkv"):
        out = tmp_path / f"out{suffix}"
        rendered(source, out)
        with av.open(str(out)) as made:
            tags = {k.lower(): v for k, v in made.metadata.items()}
            assert (tags["title"], tags["artist"]) == ("A talk", "Us")
            assert tags["creation_time"].startswith("2024-05-06T07:08:09")
            assert [c["metadata"]["title"] for c in made.chapters()] == ["one", "two"]
            covers = [
                s for s in made.streams.video if s.disposition & av.stream.Disposition.attached_pic
            ]
            assert len(covers) == 1
        assert probe_video(out).frame_count in (0, 30)


@pytest.mark.parametrize(
    ("rotation", "mirrored"),
    [(0, False), (90, False), (-90, False), (180, False), (90, True), (0, True)],
)
def test_a_turned_clip_is_turned_the_same_and_its_background_is_upright(
    tmp_path: Path, rotation: int, mirrored: bool
) -> None:
    """A player shows the result as the source; the picture behind must read the right way round."""
    source = write_clip(
        tmp_path / "in.mp4", frames=4, rotation=rotation, mirrored=mirrored, picture=nobody
    )
    back = np.zeros((60, 60, 3), np.uint8)
    back[:30, :30], back[:30, 30:], back[30:, :30] = (220, 30, 30), (30, 30, 220), (220, 220, 220)
    from PIL import Image

    Image.fromarray(back).save(tmp_path / "back.png")
    rendered(source, tmp_path / "out.mp4", str(tmp_path / "back.png"), fit="stretch")
    assert probe_video(tmp_path / "out.mp4").orientation == probe_video(source).orientation
    coded = read_frames(tmp_path / "out.mp4")[0].rgb
    shown = probe_video(source).orientation.upright(coded)
    height, width = shown.shape[:2]
    assert shown[3, width - 4, 2] > 150, "blue belongs to the viewer's upper right"
    assert shown[height - 4, 3].min() > 150, "white belongs to the viewer's lower left"


def test_ffmpeg_turns_pictures_the_way_we_do(tmp_path: Path) -> None:
    """An independent reader's upright picture, for a quarter turn and a mirror."""
    import shutil
    import subprocess

    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg here: apt-get install ffmpeg")
    for rotation, mirrored in ((90, False), (-90, True)):
        source = write_clip(tmp_path / "in.mp4", frames=2, rotation=rotation, mirrored=mirrored)
        subprocess.run(
            [
                "ffmpeg",
                "-v",
                "error",
                "-y",
                "-i",
                str(source),
                "-frames:v",
                "1",
                str(tmp_path / "up.png"),
            ],
            check=True,
        )
        from PIL import Image

        theirs = np.asarray(Image.open(tmp_path / "up.png").convert("RGB")).astype(int)
        ours = probe_video(source).orientation.upright(read_frames(source)[0].rgb)
        assert theirs.shape == ours.shape
        assert np.abs(theirs - ours).mean() < 6


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le"])
def test_depth_and_chroma_stay_what_they_are(tmp_path: Path, pix_fmt: str) -> None:
    source = write_clip(
        tmp_path / "in.mkv",
        frames=3,
        codec="libx265" if "10" in pix_fmt else "libx264",
        pix_fmt=pix_fmt,
    )
    rendered(source, tmp_path / "out.mkv")
    assert probe_video(tmp_path / "out.mkv").pix_fmt == pix_fmt


@pytest.mark.parametrize("size", [(97, 65), (96, 65), (97, 64), (101, 103)])
@pytest.mark.parametrize("codec", ["ffv1", "x264"])
def test_odd_sizes_lose_nothing(tmp_path: Path, size: tuple[int, int], codec: str) -> None:
    source = write_clip(tmp_path / "in.mkv", width=size[0], height=size[1], frames=3, codec="ffv1")
    encode = EncodeSettings(codec=codec, preset=None if codec == "ffv1" else "ultrafast")
    report = rendered(source, tmp_path / "out.mkv", encode=encode)
    info = probe_video(tmp_path / "out.mkv")
    even = tuple(side + side % 2 for side in size)
    assert (info.width, info.height) == (size if codec == "ffv1" else even)
    assert (codec == "x264") == any("even" in note for note in report.notes)


def test_oblong_pixels_are_kept(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=3, sample_aspect_ratio=Fraction(4, 3))
    rendered(source, tmp_path / "out.mp4")
    assert probe_video(tmp_path / "out.mp4").sample_aspect_ratio == Fraction(4, 3)


@pytest.mark.parametrize(
    "colour",
    [
        Colour(False, 1, 1, 1),
        Colour(False, 6, 6, 6),
        Colour(True, 6, 6, 6),
        Colour(True, 1, 1, 1),
        Colour(),
    ],
)
def test_colour_tags_are_kept_and_the_background_has_its_own_colour(
    tmp_path: Path, colour: Colour
) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=3, colour=colour)
    rendered(
        source, tmp_path / "out.mp4", "#c06030", encode=EncodeSettings(preset="ultrafast", crf=1)
    )
    info = probe_video(tmp_path / "out.mp4")
    assert info.colour == probe_video(source).colour
    with closing(decode(info, Span(), Damage())) as frames:
        corner = small_rgb(next(frames), Box(88, 56, 96, 64), 1, 1)[0, 0].astype(int)
    assert np.abs(corner - (0xC0, 0x60, 0x30)).max() <= 2


def test_matte_is_white_where_the_person_is(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=5)
    for invert in (False, True):
        rendered(source, tmp_path / "matte.mp4", kind="matte", invert=invert, overwrite=True)
        matte = read_frames(tmp_path / "matte.mp4")[0].rgb[..., 1]
        green = np.abs(read_frames(source)[0].rgb.astype(int) - (40, 220, 40)).max(axis=2) < 30
        assert (matte[green].mean() > 200) != invert
        assert (matte[-8:, -8:].mean() < 20) != invert


def test_a_clip_without_people_becomes_the_plain_background(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=5, picture=nobody)
    rendered(source, tmp_path / "out.mp4", "#c06030")
    assert (
        np.abs(read_frames(tmp_path / "out.mp4")[2].rgb.astype(int) - (0xC0, 0x60, 0x30)).max() < 8
    )


def test_the_source_is_never_the_output(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4")
    held = source.read_bytes()
    link = tmp_path / "other.mp4"
    link.hardlink_to(source)
    for target in (source, link):
        with pytest.raises(OutputError, match="is also an input"):
            rendered(source, target, overwrite=True)
    assert source.read_bytes() == held


def test_an_existing_output_is_kept_unless_told(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4")
    target = tmp_path / "out.mp4"
    target.write_text("precious")
    with pytest.raises(OutputError, match="exists already; use --overwrite"):
        rendered(source, target)
    assert target.read_text() == "precious"
    rendered(source, target, overwrite=True)
    assert probe_video(target).width == 96


def test_a_link_is_replaced_only_when_told_and_what_it_names_stays(tmp_path: Path) -> None:
    """A link that led nowhere was replaced without `--overwrite`."""
    source, target = write_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    target.symlink_to(tmp_path / "absent.mp4")
    with pytest.raises(OutputError, match="exists already; use --overwrite"):
        rendered(source, target)
    (tmp_path / "absent.mp4").write_text("precious")
    rendered(source, target, overwrite=True)
    assert not target.is_symlink()
    assert (tmp_path / "absent.mp4").read_text() == "precious"


def test_a_span_without_frames_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4")
    with pytest.raises(InputError, match="there are no frames between 50 s and 60 s"):
        rendered(source, tmp_path / "out.mp4", start=Fraction(50), end=Fraction(60))
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_parts_with_blur_touch_only_the_parts(tmp_path: Path) -> None:
    """The fake network calls the upper half of the picture a face."""
    from vidseg.settings import ModelSettings

    source = write_clip(
        tmp_path / "in.mkv", frames=3, codec="ffv1", picture=lambda n: person_picture(n, 96, 64)
    )
    rendered(
        source,
        tmp_path / "out.mkv",
        "blur:100",
        encode=EncodeSettings(codec="ffv1"),
        model=ModelSettings(parts=("face",)),
        matte=MatteSettings(smooth=0),
    )
    before, after = (
        read_frames(source)[0].rgb.astype(int),
        read_frames(tmp_path / "out.mkv")[0].rgb.astype(int),
    )
    assert np.abs(before - after)[40:].max() == 0
    assert np.abs(before - after)[:32].max() > 10


def test_ffprobe_agrees(tmp_path: Path) -> None:
    source = write_clip(
        tmp_path / "in.mp4",
        frames=30,
        rotation=90,
        sample_aspect_ratio=Fraction(4, 3),
        colour=Colour(False, 1, 1, 1),
        audio=[Audio(codec="aac", rate=48000, language="deu")],
        chapters=[Chapter(0, 1, "all")],
    )
    rendered(source, tmp_path / "out.mp4", encode=QUICK)
    before, after = (
        ffprobe(p, "-show_streams", "-show_chapters") for p in (source, tmp_path / "out.mp4")
    )
    for key in (
        "width",
        "height",
        "sample_aspect_ratio",
        "color_space",
        "color_range",
        "duration",
        "nb_frames",
    ):
        assert after["streams"][0].get(key) == before["streams"][0].get(key), key
    assert after["streams"][0]["side_data_list"][0]["rotation"] == 90
    assert after["streams"][1]["tags"]["language"] == "deu"
    assert after["chapters"][0]["tags"]["title"] == "all"


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_hevc_of_a_frame_or_two_is_written(tmp_path: Path, frames: int) -> None:
    """Without a third frame, x265's decoding times are what stood in memory: MP4 refused them."""
    source = write_clip(tmp_path / "in.mp4", frames=frames)
    rendered(source, tmp_path / "out.mp4", encode=EncodeSettings(codec="x265"))
    assert frame_times(tmp_path / "out.mp4") == frame_times(source)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_streams_beside_a_video_are_told_without_decoding_it(tmp_path: Path, suffix: str) -> None:
    """To open the sound's source, FFmpeg decoded a picture again, or ten, that nobody looked at."""
    clip = write_clip(tmp_path / f"a{suffix}", audio=[Audio()], audio_first=True)
    index = probe_video(clip).video_index
    with open_source(clip) as one, open_source(clip, unseen=index) as other:
        assert one.streams[index].codec_context.pix_fmt == "yuv420p"
        assert other.streams[index].codec_context.pix_fmt is None
        sounds = [container.streams.audio[0] for container in (one, other)]
        told = [
            (s.codec_context.name, s.codec_context.sample_rate, s.time_base, s.metadata)
            for s in sounds
        ]
        assert told[0] == told[1]
        packets = [[(p.pts, p.dts, bytes(p)) for p in s.container.demux(s)] for s in sounds]
        assert len(packets[0]) > 10
        assert packets[0] == packets[1]
