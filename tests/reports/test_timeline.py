"""Timelines: what OpenTimelineIO's own adapters read back is what was rendered, to the frame."""

import importlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import av
import pytest
from PIL import Image

from tests.helpers.clips import (
    Audio,
    frame_number,
    frame_times,
    read_frames,
    write_clip,
    write_picture,
)
from tests.helpers.command_line import one_line, vidseg
from tests.helpers.renders import rendered
from vidseg.errors import OutputError, SettingsError, VidsegError
from vidseg.jobs import resume
from vidseg.networks.fake import FakeSegmenter
from vidseg.settings import EncodeSettings, MatteSettings, RenderSettings

otio = pytest.importorskip("opentimelineio", reason="OpenTimelineIO is not installed")

PLAIN = EncodeSettings()
NTSC = Fraction(30000, 1001)


def exact(time: Any) -> Fraction:
    """Return a time in seconds; NTSC rates, no whole numbers, are taken for what they mean."""
    rate = Fraction(time.rate).limit_denominator(1001)
    return Fraction(time.value) / rate


def read(path: Path) -> dict[str, list[tuple[str | None, Fraction, Fraction]]]:
    """Return each track's pieces: name of the media (`None`: a gap), start in it, duration."""
    timeline = otio.adapters.read_from_file(str(path))
    found = {}
    for track in timeline.tracks:
        pieces = []
        for item in track:
            within = item.source_range
            pieces.append((media(item), exact(within.start_time), exact(within.duration)))
        found[f"{track.kind} {track.name}"] = pieces
    return found


def media(item: Any) -> str | None:
    """Return the name of an item's media; it must be there, and hold the range used of it."""
    if isinstance(item, otio.schema.Gap):
        return None
    reference, within = item.media_reference, item.source_range
    available = reference.available_range
    end = exact(available.start_time) + exact(available.duration)
    assert exact(available.start_time) <= exact(within.start_time)
    assert exact(within.start_time) + exact(within.duration) <= end
    if isinstance(reference, otio.schema.GeneratorReference):
        return str(reference.parameters["color"])
    if isinstance(reference, otio.schema.ImageSequenceReference):
        urls = [
            reference.target_url_for_image_number(n)
            for n in range(reference.number_of_images_in_sequence())
        ]
        assert all(on_disk(url).is_file() for url in urls)
        return f"{len(urls)} from {on_disk(urls[0]).name}"
    path = on_disk(reference.target_url)
    assert path.is_file()
    return path.name


def on_disk(url: str) -> Path:
    """Return the path that a URL names."""
    parsed = urlparse(url)
    assert parsed.scheme == "file"
    return Path(unquote(parsed.path))


def edit(
    source: Path,
    background: str,
    name: str = "t.otio",
    output: str = "people.mov",
    what: str = "picture",
    **given: Any,
) -> Path:
    """Render people and a timeline, and return the timeline's path."""
    path = source.with_name(name)
    given = {**given, "kind": what}
    rendered(
        source, source.with_name(output), background, timeline=path, **{"encode": PLAIN, **given}
    )
    return path


def test_background_people_and_sound_have_a_track_each(tmp_path: Path) -> None:
    """At an NTSC rate, with spaces and umlauts in names: all times are whole frames."""
    source = write_clip(tmp_path / "ein Interview.mp4", frames=20, rate=NTSC, audio=[Audio()])
    sea = write_picture(tmp_path / "Küste 1.png")
    path = edit(source, str(sea))
    length = 20 / NTSC
    tracks = read(path)
    assert list(tracks) == ["Video Background", "Video People", "Audio Sound"]
    assert tracks["Video Background"] == [("Küste 1.png", 0, length)]
    assert tracks["Video People"] == [("people.mov", 0, length)]
    name, start, duration = tracks["Audio Sound"][0]
    assert (name, start) == ("ein Interview.mp4", 0)
    assert abs(duration - length) < Fraction(3, 100)
    timeline = otio.adapters.read_from_file(str(path))
    assert timeline.global_start_time.rate == pytest.approx(float(NTSC))
    assert timeline.tracks[1][0].source_range.duration.value == 20
    with av.open(str(tmp_path / "people.mov")) as file:
        assert file.streams.video[0].codec_context.pix_fmt.startswith("yuva444p")
    assert len(read_frames(tmp_path / "people.mov")) == 20


def test_a_video_background_is_repeated_exactly(tmp_path: Path) -> None:
    """A loop of 7 frames at 25 behind a clip of 20 at 30: no instant is missing or shown twice."""
    source = write_clip(tmp_path / "in.mp4", frames=20, rate=30)
    behind = write_clip(tmp_path / "waves.mp4", frames=7, rate=25)
    pieces = read(edit(source, str(behind)))["Video Background"]
    assert pieces == [("waves.mp4", 0, Fraction(7, 25))] * 2 + [
        ("waves.mp4", 0, Fraction(20, 30) - 2 * Fraction(7, 25))
    ]
    long = write_clip(tmp_path / "long.mp4", frames=60, rate=25)
    assert read(edit(source, str(long), overwrite=True))["Video Background"] == [
        ("long.mp4", 0, Fraction(2, 3))
    ]


def test_a_colour_and_nothing(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=6)
    assert read(edit(source, "#00b140"))["Video Background"] == [("#00b140", 0, Fraction(1, 5))]
    tracks = read(edit(source, "transparent", overwrite=True))
    assert tracks["Video Background"] == [(None, 0, Fraction(1, 5))]
    assert list(tracks) == ["Video Background", "Video People"]  # there is no sound to place


def test_a_cut_keeps_picture_and_sound_together(tmp_path: Path) -> None:
    """What the people's clip shows first is what sounds first: frame 6 of the source, at 0.2 s."""
    source = write_clip(tmp_path / "in.mp4", frames=40, rate=30, audio=[Audio()])
    span = {"start": Fraction(1, 5), "end": Fraction(4, 5)}
    tracks = read(edit(source, "navy", **span))
    assert tracks["Video People"] == [("people.mov", 0, Fraction(18, 30))]
    assert tracks["Audio Sound"] == [("in.mp4", Fraction(1, 5), Fraction(3, 5))]
    assert frame_number(read_frames(tmp_path / "people.mov")[0].rgb) == 6


def test_a_report_of_a_cut_tells_where_it_ends(tmp_path: Path) -> None:
    """The end of the last frame was noted only where the source was read to its own end."""
    source = write_clip(tmp_path / "in.mp4", frames=40, rate=30)
    for end, told in ((Fraction(4, 5), 0.8), (None, 4 / 3)):
        report = rendered(
            source, tmp_path / "out.mp4", start=Fraction(1, 5), end=end, overwrite=True
        )
        assert (report.start_s, report.end_s) == (pytest.approx(0.2), pytest.approx(told))


def test_a_picture_that_begins_late_is_placed_late(tmp_path: Path) -> None:
    """Sound from 0 s, picture from half a second: both picture tracks wait, the sound doesn't."""
    source = write_clip(
        tmp_path / "in.mp4", pts=list(range(15, 35)), rate=30, audio=[Audio(seconds=1.0, start=0.0)]
    )
    tracks = read(edit(source, "navy"))
    assert tracks["Video Background"] == [(None, 0, Fraction(1, 2)), ("navy", 0, Fraction(2, 3))]
    assert tracks["Video People"][0] == (None, 0, Fraction(1, 2))
    assert tracks["Video People"][1] == ("people.mov", Fraction(1, 2), Fraction(2, 3))
    assert tracks["Audio Sound"][0][:2] == ("in.mp4", 0)
    assert frame_times(tmp_path / "people.mov")[0] == Fraction(1, 2)


def test_a_varying_rate_is_told_in_fractions(tmp_path: Path) -> None:
    pts = [0, 40, 41, 100, 350, 900]
    source = write_clip(tmp_path / "in.mp4", pts=pts, time_base=Fraction(1, 1000), rate=25)
    times = frame_times(source)
    people = read(edit(source, "navy"))["Video People"]
    assert people[0][2] == times[-1] + (times[-1] - times[-2]) - times[0]


def test_times_rounded_to_milliseconds_are_whole_frames(tmp_path: Path) -> None:
    """Matroska's clock ticks in milliseconds; at 24 frames per second none is quite a frame."""
    source = write_clip(tmp_path / "in.mkv", frames=24, rate=24)
    timeline = otio.adapters.read_from_file(str(edit(source, "navy")))
    within = timeline.tracks[1][0].source_range
    assert (within.duration.value, within.duration.rate) == (24, 24)


def test_numbered_pictures(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, frame in enumerate(read_frames(write_clip(tmp_path / "a.mp4", frames=5)), 101):
        Image.fromarray(frame.rgb).save(tmp_path / "in" / f"{number:04d}.png")
    tracks = read(
        edit(tmp_path / "in" / "%04d.png", "navy", output="shot.%04d.tif", frame_rate=Fraction(25))
    )
    assert tracks["Video People"] == [("5 from shot.0101.tif", 0, Fraction(1, 5))]


def test_final_cut_gets_it_too(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=30, rate=30, audio=[Audio()])
    path = edit(source, str(write_picture(tmp_path / "sea.png")), "t.fcpxml")
    timeline = otio.adapters.read_from_file(str(path))
    found = sorted(
        (track.kind, clip.name, exact(clip.duration()))
        for track in timeline.tracks
        for clip in track
    )
    assert found == [("Audio", "in", 1), ("Video", "people", 1), ("Video", "sea", 1)]
    assert path.read_text("utf-8").count("<!DOCTYPE fcpxml>") == 1


def test_final_cut_gets_sound_that_begins_within_a_frame(tmp_path: Path) -> None:
    """Sound 23 ms before the picture, as in transport streams, broke the adapter."""
    source = write_clip(
        tmp_path / "in.ts",
        time_base=Fraction(1, 90000),
        pts=[2100 + 3000 * number for number in range(30)],
        audio=[Audio(start=0, seconds=1)],
    )
    path = edit(source, str(write_picture(tmp_path / "sea.png")), "t.fcpxml")
    timeline = otio.adapters.read_from_file(str(path))
    found = {clip.name: exact(clip.duration()) for track in timeline.tracks for clip in track}
    assert found["people"] == 1
    assert found["in"] in (Fraction(29, 30), 1)


def test_final_cut_is_told_that_it_gets_no_varying_rate(tmp_path: Path) -> None:
    """Of a clip that claims a steady one; it was told of "not enough values to unpack"."""
    source = write_clip(
        tmp_path / "in.mkv", rate=30, pts=range(0, 30, 2), time_base=Fraction(1, 30)
    )
    sea = str(write_picture(tmp_path / "sea.png"))
    with pytest.raises(
        OutputError, match="the frame rate varies, which FCPXML can't tell; the render is done"
    ):
        edit(source, sea, "t.fcpxml")


def test_segments_give_the_same_timeline(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=20, audio=[Audio()])
    one = json.loads(edit(source, "navy", output="people.mkv").read_text("utf-8"))
    settings = RenderSettings(
        source=source,
        output=tmp_path / "people.mkv",
        background="navy",
        timeline=tmp_path / "t.otio",
        overwrite=True,
        matte=MatteSettings(smooth=0),
    )
    resume.render(settings, segmenter=FakeSegmenter())
    assert json.loads((tmp_path / "t.otio").read_text("utf-8")) == one


def refused(
    tmp_path: Path, message: str, kind: type[VidsegError] = OutputError, **given: Any
) -> None:
    """Check that a timeline is refused before anything is rendered, and nothing is left behind."""
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(kind, match=message):
        edit(**given)
    assert {path.name for path in tmp_path.iterdir()} == before


def test_what_a_timeline_cannot_say_is_refused(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=4)
    ntsc = write_clip(tmp_path / "ntsc.mp4", frames=4, rate=NTSC)
    photo = write_picture(tmp_path / "photo.png")
    (tmp_path / "old.otio").write_text("{}")
    plain = {"tmp_path": tmp_path, "source": source, "background": "navy"}
    refused(**plain, message="use .otio or .fcpxml", kind=SettingsError, name="t.aaf")
    refused(
        **{**plain, "background": "blur:9"},
        message="can't be told of -b blur:9",
        kind=SettingsError,
    )
    refused(**plain, message="people in one file", kind=SettingsError, pair=True)
    refused(**plain, message="people in one file", kind=SettingsError, what="matte")
    refused(**{**plain, "background": "no.jpg"}, message="no such file", kind=VidsegError)
    refused(**plain, message="exists already; use --overwrite", name="old.otio")
    refused(**plain, message="files hold no transparency; use ProRes 4444", output="out.mp4")
    refused(**{**plain, "source": photo}, message="a timeline is for clips", output="o.png")
    refused(
        **{**plain, "source": ntsc},
        message="24, 25, 30, 50, 60 frames/s, this is 29.97",
        name="t.fcpxml",
    )
    refused(**plain, message="FCPXML can't hold -b navy", name="t.fcpxml")
    refused(**plain, message="can't name numbered pictures", name="t.fcpxml", output="%d.png")


def test_without_opentimelineio_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=4)
    usual = importlib.import_module

    def absent(name: str, package: str | None = None) -> Any:
        if name == "opentimelineio":
            raise ImportError(name)
        return usual(name, package)

    monkeypatch.setattr(importlib, "import_module", absent)
    refused(tmp_path, r"pip install 'vidseg\[otio\]'", source=source, background="navy")


def test_without_an_adapter_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=4)
    monkeypatch.setattr(otio.adapters, "suffixes_with_defined_adapters", lambda **_: {"otio"})
    refused(
        tmp_path,
        "no adapter of OpenTimelineIO writes .fcpxml",
        source=source,
        background="navy",
        name="t.fcpxml",
    )


def test_the_command(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=4)
    options = ("-o", tmp_path / "people.mov", "-b", "navy", "--otio", tmp_path / "t.otio")
    done = vidseg("render", source, *options)
    assert done.returncode == 0, done.stderr
    assert list(read(tmp_path / "t.otio")) == ["Video Background", "Video People"]
    assert "exists already" in one_line(vidseg("render", source, *options))
