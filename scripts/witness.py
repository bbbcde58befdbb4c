"""What ffprobe and ffmpeg, as independent readers, say of a file, and how two files differ."""

import json
import subprocess
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

READ_LIMIT_S = 300
FRAMES_LOOKED_AT = 60
LEAST_PSNR_DB = 27.0
MOST_BIAS = 3.0
"""How far the mean of a colour channel may lie from the source's, in code values of 255."""

AUDIO_TOLERANCE_S = 0.001
LENGTH_TOLERANCE_S = 0.1
_TAGS = ("title", "artist", "comment", "creation_time", "location", "date_recorded")
_PRIMING = 2048
"""Samples that an encoder of sound may put before the first."""

_CLOCKLESS = ("mpegts", "mpeg", "ogg")
"""Containers whose clock begins anywhere: players and vidseg count from the first time in them."""

_SAME = {"unknown", "N/A", "1:1", "0:1", "tv", "reserved"}
"""What ffprobe calls tags that say nothing, or what is assumed where there are none."""


def ffprobe(path: Path, *options: str) -> dict[str, Any]:
    """Return ffprobe's JSON, empty where it can't read the file."""
    command = ["ffprobe", "-v", "error", "-of", "json", *options, f"file:{path}"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=READ_LIMIT_S, check=False)
        found: dict[str, Any] = json.loads(done.stdout.decode(errors="replace") or "{}")
    except (json.JSONDecodeError, subprocess.TimeoutExpired):
        return {}
    return found


@dataclass(frozen=True)
class Account:
    """One file as ffprobe sees it; everything is read when it is first asked for."""

    path: Path

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Format, streams and chapters."""
        return ffprobe(self.path, "-show_format", "-show_streams", "-show_chapters")

    def streams(self, kind: str) -> list[dict[str, Any]]:
        """Return the streams of a kind; cover art is no video."""
        found = [s for s in self.summary.get("streams", []) if s.get("codec_type") == kind]
        return [s for s in found if not s["disposition"].get("attached_pic")]

    @cached_property
    def chapters(self) -> list[tuple[float, str]]:
        """Start in seconds and title of every chapter."""
        found = self.summary.get("chapters", [])
        return [(float(c["start_time"]), c.get("tags", {}).get("title", "")) for c in found]

    @cached_property
    def tags(self) -> dict[str, str]:
        """The container's tags, names in small letters."""
        return {k.lower(): v for k, v in self.summary.get("format", {}).get("tags", {}).items()}

    @cached_property
    def origin(self) -> float:
        """What is time 0 to a player."""
        about = self.summary.get("format", {})
        return float(about.get("start_time", 0)) if about.get("format_name") in _CLOCKLESS else 0.0

    @cached_property
    def is_rgb(self) -> bool:
        """Whether the main video is of RGB, which a result may hold as YUV."""
        name = self.main.get("pix_fmt", "")
        return name.startswith(
            ("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "pal8", "xyz", "x2")
        )

    @cached_property
    def timecode(self) -> str:
        """The timecode, wherever the file keeps it; empty without one."""
        places = [self.tags, *(s.get("tags", {}) for s in self.summary.get("streams", []))]
        return next((str(tags["timecode"]) for tags in places if "timecode" in tags), "")

    @cached_property
    def main(self) -> dict[str, Any]:
        """The video that players show: the largest of those marked default, or of all."""
        videos = self.streams("video")
        default = [s for s in videos if s["disposition"].get("default")] or videos
        return max(default, key=lambda s: s.get("width", 0) * s.get("height", 0), default={})

    @cached_property
    def frames(self) -> list[dict[str, Any]]:
        """The main video's frames, decoded: time, colour tags."""
        wanted = "best_effort_timestamp_time,interlaced_frame,"
        wanted += "color_range,color_space,color_primaries,color_transfer"
        entries = (
            "-select_streams",
            str(self.main.get("index", "V:0")),
            "-show_entries",
            f"frame={wanted}",
        )
        found: list[dict[str, Any]] = ffprobe(self.path, *entries).get("frames", [])
        return found

    @cached_property
    def times(self) -> list[float]:
        """Presentation times in seconds on a player's clock.

        Packets tell them where frames have none (AVI stores decoding times only).
        """
        if all("best_effort_timestamp_time" in frame for frame in self.frames):
            return [
                float(frame["best_effort_timestamp_time"]) - self.origin for frame in self.frames
            ]
        entries = (
            "-select_streams",
            str(self.main["index"]),
            "-show_entries",
            "packet=pts_time,dts_time",
        )
        packets = ffprobe(self.path, *entries).get("packets", [])
        return sorted(float(p.get("pts_time", p.get("dts_time", "nan"))) for p in packets)

    @cached_property
    def timeless(self) -> bool:
        """Whether nothing in the file tells a time, as in raw streams."""
        return any(time != time for time in self.times)

    @cached_property
    def time_base(self) -> float:
        """One tick of the main video's clock, in seconds."""
        return float(Fraction(self.main.get("time_base", "1/1000")))

    def packets(self, stream: dict[str, Any]) -> list[tuple[float, str]]:
        """Return (time in seconds, hash of the data) of every packet of a stream."""
        if stream.get("codec_name") == "aac" and stream.get("profile") != "unknown":
            return self._raw_aac(stream)
        entries = (
            "-select_streams",
            str(stream["index"]),
            "-show_data_hash",
            "sha256",
            "-show_packets",
        )
        wanted = "packet=pts_time,dts_time,data_hash"
        found = ffprobe(self.path, *entries, "-show_entries", wanted).get("packets", [])
        times = (float(p.get("pts_time", p.get("dts_time", "nan"))) - self.origin for p in found)
        return list(zip(times, (p.get("data_hash", "") for p in found), strict=True))

    def _raw_aac(self, stream: dict[str, Any]) -> list[tuple[float, str]]:
        """Return an AAC stream's packets without the ADTS headers, which some containers want."""
        command = ["ffmpeg", "-v", "error", "-nostdin", "-copyts", "-i", f"file:{self.path}"]
        command += ["-map", f"0:{stream['index']}", "-c", "copy", "-bsf:a", "aac_adtstoasc"]
        command += ["-f", "framehash", "-hash", "sha256", "-"]
        done = subprocess.run(command, capture_output=True, timeout=READ_LIMIT_S, check=False)
        lines = done.stdout.decode(errors="replace").splitlines()
        base = next(
            (Fraction(s.split(":")[1].strip()) for s in lines if s.startswith("#tb 0:")),
            Fraction(1),
        )
        rows = [
            [cell.strip() for cell in s.split(",")] for s in lines if s and not s.startswith("#")
        ]
        return [(float(int(row[2]) * base) - self.origin, row[5]) for row in rows]

    @cached_property
    def side_data(self) -> list[dict[str, Any]]:
        """Side data of the main video's stream and of its first frame."""
        place = ("-select_streams", str(self.main.get("index", "V:0")), "-read_intervals", "%+#1")
        first = ffprobe(self.path, *place, "-show_frames").get("frames", [{}])
        return [*self.main.get("side_data_list", []), *(first or [{}])[0].get("side_data_list", [])]

    def side(self, name: str, key: str = "") -> str:
        """Return a kind of side data as text, or one of its values; empty where there is none."""
        found = next((s for s in self.side_data if s.get("side_data_type") == name), None)
        if found is None:
            return ""
        return str(found.get(key, "")) if key else str(sorted(found.items()))

    @cached_property
    def pictures(self) -> NDArray[np.uint8]:
        """The main video's first frames in RGB, [n, h, w, 3], in coded orientation, by ffmpeg."""
        width, height = self.main["width"], self.main["height"]
        command = ["ffmpeg", "-v", "error", "-nostdin", "-noautorotate", "-i", f"file:{self.path}"]
        command += ["-map", f"0:{self.main['index']}", "-vsync", "passthrough", "-autoscale", "0"]
        command += ["-frames:v", str(FRAMES_LOOKED_AT), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
        done = subprocess.run(command, capture_output=True, timeout=READ_LIMIT_S, check=False)
        size = width * height * 3
        whole = len(done.stdout) // size
        return np.frombuffer(done.stdout[: whole * size], np.uint8).reshape(whole, height, width, 3)

    def complaints(self) -> str:
        """Return the first thing ffmpeg finds wrong when it decodes all of the file."""
        command = [
            "ffmpeg",
            "-v",
            "error",
            "-nostdin",
            "-i",
            f"file:{self.path}",
            "-map",
            "0:v",
            "-map",
            "0:a?",
        ]
        command += ["-vsync", "passthrough", "-f", "null", "-"]
        done = subprocess.run(command, capture_output=True, timeout=READ_LIMIT_S, check=False)
        dull = ("non monoton", "Last message repeated")
        said = done.stderr.decode(errors="replace").splitlines()
        lines = [line for line in said if not any(word in line for word in dull)]
        return lines[0] if lines else ""


@dataclass
class Verdict:
    """What a comparison found: figures, words, and what is wrong."""

    frames_in: int = 0
    frames_out: int = 0
    largest_error_ms: float = 0.0
    psnr_db: float | None = None
    audio: str = ""
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def compare(source: Path, target: Path, said: str, *, damaged: bool, pictures: bool) -> Verdict:
    """Compare a result with its source.

    `said` is what the program told: what it names as dropped or converted is no problem. With
    `damaged` the result may be shorter. `pictures`: whether the picture, too, should be the same.
    """
    before, after = Account(source), Account(target)
    verdict = Verdict()
    if not after.frames:
        verdict.problems.append("no frames in the output")
        return verdict
    _compare_times(before, after, verdict, damaged=damaged)
    _compare_picture_tags(before, after, verdict)
    _compare_sound(before, after, said, verdict, damaged=damaged)
    _compare_subtitles(before, after, said, verdict, damaged=damaged)
    _compare_tags(before, after, verdict)
    if (complaint := after.complaints()) and not before.complaints():
        verdict.problems.append(f"ffmpeg complains: {complaint[:120]}")
    if pictures and not damaged:
        _compare_pictures(before, after, verdict)
    return verdict


def _compare_times(before: Account, after: Account, verdict: Verdict, *, damaged: bool) -> None:
    old, new = before.times, after.times
    verdict.frames_in, verdict.frames_out = len(old), len(new)
    tolerance = after.time_base / 2 + (before.time_base / 2 if before.origin else 0) + 2e-6
    if before.timeless:
        verdict.notes.append("the source tells no times")
        verdict.problems += ["frame count differs"] if len(old) != len(new) else []
        return
    if damaged:
        where = np.array(old)
        errors = [float(np.abs(where - time).min()) for time in new] if old else []
        verdict.largest_error_ms = 1000 * max(errors, default=0.0)
        return
    steps = np.diff(old)
    if steps.size and steps.min() < 0:
        verdict.notes.append("the source's clock jumps")
        if (
            len(old) != len(new)
            or np.diff(new).min() <= 0
            or np.diff(new).max() > 1.5 * steps.max()
        ):
            verdict.problems.append("times differ")
        return
    if steps.size and steps.min() == 0:
        tolerance += after.time_base  # the second of two frames with one time is shown a tick later
    errors = [abs(a - b) for a, b in zip(old, new, strict=False)]
    verdict.largest_error_ms = 1000 * max(errors, default=0.0)
    if len(old) != len(new):
        verdict.problems.append("frame count differs")
    elif verdict.largest_error_ms > 1000 * tolerance:
        verdict.problems.append("times differ")
    lengths = [a.summary.get("format", {}).get("duration") for a in (before, after)]
    lengths = [None] if before.timeless else lengths
    if None not in lengths and abs(float(lengths[0]) - float(lengths[1])) > LENGTH_TOLERANCE_S:
        verdict.notes.append(f"length {float(lengths[0]):.3f} → {float(lengths[1]):.3f} s")


def _compare_picture_tags(before: Account, after: Account, verdict: Verdict) -> None:
    old, new = ({**a.main, **(a.frames[0] if a.frames else {})} for a in (before, after))
    for key in (
        "sample_aspect_ratio",
        "color_range",
        "color_space",
        "color_primaries",
        "color_transfer",
    ):
        was, becomes = old.get(key, "unknown"), new.get(key, "unknown")
        of_rgb = before.is_rgb and key in ("color_range", "color_space")
        if was != becomes and not {was, becomes} <= _SAME and not of_rgb:
            verdict.problems.append(f"{key} {was} → {becomes}")
    name, key = "Display Matrix", "displaymatrix"
    if before.side(name, key) != after.side(name, key):
        verdict.problems.append(
            f"rotation {before.side(name, 'rotation')} → {after.side(name, 'rotation')}"
        )
    for name in ("Mastering display metadata", "Content light level metadata"):
        if before.side(name) != after.side(name):
            verdict.problems.append(
                f"{name}: {before.side(name) or 'none'} → {after.side(name) or 'none'}"
            )
    sizes = [f"{s.get('width')}x{s.get('height')}" for s in (old, new)]
    if sizes[0] != sizes[1]:
        verdict.notes.append(f"size {sizes[0]} → {sizes[1]}")
    if old.get("pix_fmt") != new.get("pix_fmt"):
        verdict.notes.append(f"{old.get('pix_fmt')} → {new.get('pix_fmt')}")


def _named_as_gone(stream: dict[str, Any], said: str) -> bool:
    return any(
        f"stream {stream['index']} {word}" in said for word in ("is dropped", "is left out")
    ) or any(
        f"stream {stream['index']} (" in line and "is dropped" in line for line in said.splitlines()
    )


def _kept(before: Account, after: Account, kind: str, said: str, verdict: Verdict) -> list[Any]:
    """Return pairs of source and result streams of a kind; one gone without a word is a problem."""
    kept = [s for s in before.streams(kind) if not _named_as_gone(s, said)]
    made = after.streams(kind)
    if len(kept) != len(made):
        verdict.problems.append(f"{len(kept)} {kind} streams → {len(made)} without a word")
    return list(zip(kept, made, strict=False))


def _compare_sound(
    before: Account, after: Account, said: str, verdict: Verdict, *, damaged: bool
) -> None:
    words = []
    for old, new in _kept(before, after, "audio", said, verdict):
        words.append(
            _compare_track(
                before.packets(old), after.packets(new), old, said, verdict, damaged=damaged
            )
        )
        _compare_description(old, new, verdict)
    gone = len(before.streams("audio")) - len(words)
    verdict.audio = ", ".join([*words, *["dropped"] * gone]) or "none"


def _compare_track(
    old: list[tuple[float, str]],
    new: list[tuple[float, str]],
    stream: dict[str, Any],
    said: str,
    verdict: Verdict,
    *,
    damaged: bool,
) -> str:
    """Compare packets; those before an edit list's beginning may be gone."""
    rate = int(stream.get("sample_rate", 48000))
    places = {data: place for place, (_, data) in reversed(list(enumerate(old)))}
    if not new:
        if old and not damaged:
            verdict.problems.append(f"audio stream {stream['index']} is empty")
        return "empty"
    first = places.get(new[0][1])
    if first is None:
        if f"stream {stream['index']} is transcoded" not in said:
            verdict.problems.append(f"audio stream {stream['index']} differs")
        elif old and not damaged and abs(new[0][0] - old[0][0]) > 0.05 + _PRIMING / rate:
            verdict.problems.append(f"audio begins at {old[0][0]:.3f} → {new[0][0]:.3f} s")
        return "transcoded"
    same = [data for _, data in old[first:]] == [data for _, data in new]
    errors = [abs(a[0] - b[0]) for a, b in zip(old[first:], new, strict=False) if a[1] == b[1]]
    jumps = any("tells no times" in note or "jumps" in note for note in verdict.notes)
    if max(errors, default=0.0) > AUDIO_TOLERANCE_S + 1e-6 and not jumps:
        verdict.problems.append(f"audio is off by {1000 * max(errors):.2f} ms")
    if not same and not damaged:
        verdict.problems.append(f"{len(old)} audio packets → {len(new)}")
    return f"{len(new)} equal" if first == 0 and same else f"{len(new)} of {len(old)}"


def _compare_description(old: dict[str, Any], new: dict[str, Any], verdict: Verdict) -> None:
    was, becomes = old.get("tags", {}), new.get("tags", {})
    language = was.get("language", "und"), becomes.get("language", "und")
    if language[0] != language[1]:
        verdict.problems.append(f"language {language[0]} → {language[1]}")
    title = was.get("title")
    if title and title not in (
        becomes.get("title"),
        becomes.get("name"),
        becomes.get("handler_name"),
    ):
        verdict.problems.append(f"title {title!r} is gone")
    for flag in ("default", "forced"):
        pair = [stream["disposition"].get(flag) for stream in (old, new)]
        if pair[0] and not pair[1]:  # the other way is MP4's, which always has a default track
            verdict.notes.append(f"{old['codec_type']} is no longer {flag}")


def _compare_subtitles(
    before: Account, after: Account, said: str, verdict: Verdict, *, damaged: bool
) -> None:
    for old, new in _kept(before, after, "subtitle", said, verdict):
        _compare_description(old, new, verdict)
        times = [
            [time for time, _ in account.packets(s)] for account, s in ((before, old), (after, new))
        ]
        # MP4 fills the pauses with empty cues; what must not happen is that a cue is missing.
        missing = [t for t in times[0] if min((abs(t - u) for u in times[1]), default=1.0) > 0.002]
        if missing and not damaged and len(times[1]) < len(times[0]) + 1:
            verdict.notes.append(
                f"{len(times[0])} cues → {len(times[1])}, none at {missing[0]:.3f} s"
            )


def _compare_tags(before: Account, after: Account, verdict: Verdict) -> None:
    close = len(before.chapters) == len(after.chapters) and all(
        abs(a[0] - b[0]) < 0.0011 and a[1] == b[1]
        for a, b in zip(before.chapters, after.chapters, strict=True)
    )
    if not close:
        verdict.problems.append(f"chapters {before.chapters} → {after.chapters}")
    for name in _TAGS:
        if name in before.tags and before.tags[name] != after.tags.get(name):
            verdict.notes.append(f"tag {name} {before.tags[name]!r} → {after.tags.get(name)!r}")
    if before.timecode != after.timecode:
        verdict.notes.append(f"timecode {before.timecode or 'none'} → {after.timecode or 'none'}")


def _compare_pictures(before: Account, after: Account, verdict: Verdict) -> None:
    """Compare pixels frame by frame, and the mean of each channel, which tells of wrong colours."""
    old, new = before.pictures, after.pictures
    count = min(len(old), len(new))
    if count == 0 or len(old) != len(new):
        verdict.notes.append(f"pictures could not be compared ({len(old)}, {len(new)} read)")
        return
    height, width = old.shape[1:3]
    difference = new[:, :height, :width].astype(np.float32) - old
    noise = np.maximum(np.square(difference).mean(axis=(1, 2, 3)), 1e-4)
    verdict.psnr_db = float((10 * np.log10(255**2 / noise)).min())
    bias = np.abs(difference.mean(axis=(1, 2))).max(axis=0)
    interlaced = any(frame.get("interlaced_frame") for frame in before.frames)
    loose = 2 if before.is_rgb else 1  # RGB becomes 4:2:0 by default
    if verdict.psnr_db < LEAST_PSNR_DB - 3.5 * (loose - 1) and not interlaced:
        verdict.problems.append(f"picture differs, PSNR {verdict.psnr_db:.1f} dB")
    if bias.max() > MOST_BIAS * loose and not interlaced:
        verdict.problems.append("colours are off by " + "/".join(f"{value:.1f}" for value in bias))
