"""Real clips, cut short: everything they have comes out in step.

They are skipped by name where they are absent.
"""

import hashlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.helpers.clips import audio_packets, frame_times
from tests.helpers.folder import where_media_is
from tests.helpers.renders import rendered
from vidseg.frames.geometry import Orientation
from vidseg.media.probe import probe_video
from vidseg.rendering.pipeline import render
from vidseg.settings import EncodeSettings, ModelSettings, RenderSettings

pytestmark = pytest.mark.usefixtures("quick_conversions")

MediaFile = Callable[[str], Path]


def _packets_until(path: Path, end: Fraction) -> list[str]:
    """Return the hashes of the audio packets that begin before `end` seconds."""
    return [p.sha256 for p in audio_packets(path) if p.pts is not None and p.pts < end]


@pytest.mark.weights
@pytest.mark.parametrize(
    "background",
    where_media_is(["background_photo.jpg", "background_flower.webm", "#00b140", "blur"]),
)
def test_two_seconds_of_a_phone_clip_before_every_kind_of_background(
    media_file: MediaFile, tmp_path: Path, background: str
) -> None:
    source = media_file("latentsync_demo2.mp4")
    spec = str(media_file(background)) if "." in background else background
    settings = RenderSettings(
        source=source,
        output=tmp_path / "out.mp4",
        background=spec,
        end=Fraction(2),
        encode=EncodeSettings(preset="ultrafast"),
    )
    report = render(settings)
    expected = [time for time in _times(source) if time < 2]
    assert report.frames_out == len(expected)
    assert frame_times(tmp_path / "out.mp4") == expected
    assert [p.sha256 for p in audio_packets(tmp_path / "out.mp4")] == _packets_until(
        source, Fraction(2)
    )


def _times(path: Path) -> list[Fraction]:
    """Return the times of the video's packets, in order of presentation, without decoding."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.size]
        if container.format.name == "avi":  # it counts in decoding order; its first frame is at 0
            return [number * stream.time_base for number in range(len(packets))]
        return sorted(p.pts * p.time_base for p in packets)


@pytest.mark.parametrize(
    ("name", "seconds"),
    where_media_is(
        [
            ("mdn_friday.mp4", 1),  # the audio stream comes first
            ("mediabunny_cursed-vfr.mp4", 3),  # gaps from 0.005 to 1.57 s
            ("androidx_edit_list_positive_shift.mp4", 2),  # the video starts 1 s late
            ("androidx_sample_shorter_audio.mp4", 2),
            ("mmaction2_test.avi", 2),  # B-frames without presentation times, MP3
            ("moviepy_no_duration.webm", 2),
            ("carphone_pristine.mp4", 1),
            ("androidx_bear-vp9-odd-dimensions.webm", 1),
            ("intel_asl_walk.mkv", 1),
        ]
    ),
)
def test_times_and_sound_of_awkward_clips(
    media_file: MediaFile, tmp_path: Path, name: str, seconds: int
) -> None:
    source = media_file(name)
    suffix = ".mkv" if source.suffix == ".mkv" else ".webm" if source.suffix == ".webm" else ".mp4"
    preset = "8" if suffix == ".webm" else "ultrafast"
    target = tmp_path / f"out{suffix}"
    report = rendered(source, target, end=Fraction(seconds), encode=EncodeSettings(preset=preset))
    before = [time for time in _times(source) if time < seconds]
    assert frame_times(target) == before
    assert report.frames_out == len(before)
    with av.open(str(source)) as container:
        tracks = len(container.streams.audio)
    assert len({p.track for p in audio_packets(target)}) == tracks
    assert [p.sha256 for p in audio_packets(target)] == _packets_until(source, Fraction(seconds))


def test_a_turned_and_mirrored_clip_keeps_its_display_matrix(
    media_file: MediaFile, tmp_path: Path
) -> None:
    source = media_file("androidx_sample_rotate_and_reflect.mp4")
    rendered(source, tmp_path / "out.mp4", end=Fraction(1, 3))
    before, after = probe_video(source), probe_video(tmp_path / "out.mp4")
    assert before.orientation != Orientation()
    assert after.display_matrix == before.display_matrix


def test_oblong_pixels_and_colours_of_a_broadcast_clip(
    media_file: MediaFile, tmp_path: Path
) -> None:
    source = media_file("carphone_pristine.mp4")
    rendered(source, tmp_path / "out.mp4", end=Fraction(1, 3))
    before, after = probe_video(source), probe_video(tmp_path / "out.mp4")
    assert after.sample_aspect_ratio == before.sample_aspect_ratio == Fraction(128, 117)
    assert after.colour == before.colour


def test_hdr_stays_hdr(media_file: MediaFile, tmp_path: Path) -> None:
    source = media_file("androidx_hdr10-video-with-sdr-container.mp4")
    rendered(source, tmp_path / "out.mp4", "white", end=Fraction(1, 10))
    before, after = probe_video(source), probe_video(tmp_path / "out.mp4")
    assert (after.codec, after.pix_fmt) == ("hevc", "yuv420p10le")
    assert after.colour == before.colour
    assert after.mastering_display == before.mastering_display is not None
    assert after.content_light_level == before.content_light_level is not None


def test_sound_that_mp4_plays_badly_is_transcoded_in_step(
    media_file: MediaFile, tmp_path: Path
) -> None:
    source = media_file("androidx_sample_twos_pcm.mp4")
    report = rendered(source, tmp_path / "out.mp4")
    assert any("transcoded from pcm_s16be to aac" in note for note in report.notes)
    with av.open(str(source)) as old, av.open(str(tmp_path / "out.mp4")) as new:
        seconds = [sum(f.samples / f.sample_rate for f in c.decode(audio=0)) for c in (old, new)]
    assert seconds[1] == pytest.approx(seconds[0], abs=0.05)


def test_chapters_subtitles_and_cover_art_of_real_files(
    media_file: MediaFile, tmp_path: Path
) -> None:
    rendered(media_file("androidx_sample_with_chapters.mp4"), tmp_path / "c.mp4")
    with av.open(str(tmp_path / "c.mp4")) as out:
        assert len(out.chapters()) == 3
    rendered(media_file("androidx_sample_with_srt.mkv"), tmp_path / "s.mp4")
    with av.open(str(tmp_path / "s.mp4")) as out:
        assert out.streams.subtitles[0].metadata["language"] == "eng"
    cover = media_file("autoeditor_h264-mjpeg.mp4")
    rendered(cover, tmp_path / "a.mp4", end=Fraction(1))
    digests = []
    for path in (cover, tmp_path / "a.mp4"):
        with av.open(str(path)) as out:
            stream = next(
                s for s in out.streams.video if s.disposition & av.stream.Disposition.attached_pic
            )
            picture = next(
                p for p in out.demux(stream) if p.size and p.stream_index == stream.index
            )
            digests.append(hashlib.sha256(bytes(picture)).hexdigest())
    assert digests[0] == digests[1]


def test_damaged_files_are_rendered_as_far_as_they_go(
    media_file: MediaFile, tmp_path: Path
) -> None:
    truncated = rendered(media_file("truncated_intel_asl_walk_head120k.mkv"), tmp_path / "t.mkv")
    assert truncated.damage["missing_s"] == pytest.approx(1.733, abs=0.1)
    corrupt = rendered(media_file("decord_corrupted.mp4"), tmp_path / "c.mp4")
    assert corrupt.damage["packets"] > 0
    assert corrupt.frames_out == len(frame_times(tmp_path / "c.mp4")) > 40


@pytest.mark.weights
def test_a_real_person_is_found_and_an_empty_wall_is_not(
    media_file: MediaFile, tmp_path: Path
) -> None:
    settings = RenderSettings(
        source=media_file("liveportrait_s18.mp4"),
        output=tmp_path / "matte.mkv",
        kind="matte",
        end=Fraction(1, 2),
        encode=EncodeSettings(codec="ffv1"),
        model=ModelSettings(),
    )
    render(settings)
    with av.open(str(tmp_path / "matte.mkv")) as out:
        matte = next(out.decode(video=0)).to_ndarray(format="gray")
    height, width = matte.shape
    assert matte[height * 2 // 5 : height * 3 // 5, width // 2 : width * 3 // 5].mean() > 230
    assert np.mean(matte[: height // 3, : width // 5]) < 10
