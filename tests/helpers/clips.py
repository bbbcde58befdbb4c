"""Clips for tests, built by PyAV, and readers that look at what came out.

In every default picture a person is what `vidseg.networks.fake` takes for one: bright green. The
frame's number is drawn in greens too, so that it passes for a person and outlives a change of
background.
"""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypedDict

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.colour import Colour
from vidseg.networks.fake import PERSON_RGB

Rgb: TypeAlias = NDArray[np.uint8]
Picture: TypeAlias = Callable[[int], Rgb | tuple[NDArray[Any], ...]]
"""Frame number → RGB uint8 [h, w, 3], or the planes themselves in the clip's pixel format."""

BACKGROUND_RGB = (128, 128, 128)
DARK_PERSON_RGB = (0, 110, 0)
NUMBER_BITS = 10


class Audio(TypedDict, total=False):
    """An audio track.

    By default AAC, 48 kHz, stereo, from 0 s, as long as the video, a tone of 440 Hz.
    """

    codec: str
    rate: int
    layout: str
    language: str
    title: str
    start: float
    seconds: float
    tone: float
    options: dict[str, str]


class Subtitles(TypedDict, total=False):
    """A subtitle track: `lines` of (start, end, text) in seconds; codec ``mov_text`` or ``srt``."""

    codec: str
    language: str
    title: str
    lines: Sequence[tuple[float, float, str]]


class Chapter(NamedTuple):
    """A named span, in seconds."""

    start: float
    end: float
    title: str


# -- pictures
# ----------------------------------------------------------------------------------------------


def person_mask(number: int, width: int, height: int) -> NDArray[np.bool_]:
    """Return the true mask [height, width] of the default picture: head, body, no number panel."""
    x = width * (0.5 + 0.18 * np.sin(number / 6))
    canvas = np.zeros((height, width), np.uint8)
    head, body = (round(x), round(height * 0.42)), (round(x), round(height * 0.85))
    cv2.ellipse(canvas, head, (round(width * 0.08), round(height * 0.15)), 0, 0, 360, 1, -1)
    cv2.ellipse(canvas, body, (round(width * 0.16), round(height * 0.30)), 0, 0, 360, 1, -1)
    return canvas.astype(bool)


def person_picture(number: int, width: int, height: int, *, numbered: bool = True) -> Rgb:
    """Return RGB uint8 [height, width, 3]: a green person before grey, the number in the corner."""
    picture = np.full((height, width, 3), BACKGROUND_RGB, np.uint8)
    picture[person_mask(number, width, height)] = PERSON_RGB
    if numbered:
        draw_number(picture, number)
    return picture


def _block(width: int) -> int:
    return max(4, width // 24)


def draw_number(picture: Rgb, number: int) -> None:
    """Draw `number`, below 1024, as ten blocks at the top left of a picture 48 pixels or wider."""
    side = _block(picture.shape[1])
    picture[: 3 * side, : (NUMBER_BITS + 2) * side] = PERSON_RGB
    for bit in range(NUMBER_BITS):
        if number >> bit & 1:
            picture[side : 2 * side, (bit + 1) * side : (bit + 2) * side] = DARK_PERSON_RGB


def frame_number(rgb: Rgb) -> int:
    """Read what `draw_number` drew in a picture of the same size, despite small codec errors."""
    side, quarter = _block(rgb.shape[1]), max(1, _block(rgb.shape[1]) // 4)
    middle = (PERSON_RGB[1] + DARK_PERSON_RGB[1]) / 2
    rows = rgb[side + quarter : 2 * side - quarter, :, 1]
    cells = [
        rows[:, (i + 1) * side + quarter : (i + 2) * side - quarter].mean()
        for i in range(NUMBER_BITS)
    ]
    return sum(1 << bit for bit, green in enumerate(cells) if green < middle)


def write_picture(path: Path, rgb: Rgb | None = None, *, width: int = 64, height: int = 48) -> Path:
    """Write `rgb`, or a picture of two gradients, in the format that the path's suffix names."""
    if rgb is None:
        x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
        rgb = np.stack([x, y, np.full_like(x, 60)], axis=-1).astype(np.uint8)
    cv2.imwrite(str(path), rgb[..., ::-1])
    return path


# -- writing
# -----------------------------------------------------------------------------------------------


def write_clip(
    path: Path,
    *,
    width: int = 96,
    height: int = 64,
    rate: int | Fraction = 30,
    frames: int = 20,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: Mapping[str, str] | None = None,
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    colour: Colour | None = None,
    sample_aspect_ratio: Fraction | None = None,
    rotation: float = 0,
    mirrored: bool = False,
    b_frames: int | None = None,
    gop: int | None = None,
    audio: Sequence[Audio] = (),
    subtitles: Sequence[Subtitles] = (),
    chapters: Sequence[Chapter] = (),
    metadata: Mapping[str, str] | None = None,
    cover: Rgb | None = None,
    audio_first: bool = False,
    container_format: str | None = None,
    container_options: Mapping[str, str] | None = None,
    picture: Picture | None = None,
) -> Path:
    """Write a clip and return its path.

    `pts` (in `time_base`, default 1/`rate`) makes a variable frame rate and sets the number of
    frames. `rotation` in degrees (counter-clockwise, as FFmpeg counts) and `mirrored` go into a
    display matrix. `options` are the video encoder's; x264 and x265 are given crf 14, so that
    numbers and colours survive.
    """
    time_base = time_base or 1 / Fraction(rate)
    times = list(range(frames)) if pts is None else list(pts)
    seconds = float(len(times) / Fraction(rate) if pts is None else times[-1] * time_base)
    picture = picture or (lambda i: person_picture(i, width, height, numbered=width >= 48))
    with av.open(
        str(path), "w", format=container_format, container_options=dict(container_options or {})
    ) as out:
        out.metadata.update(metadata or {})
        sounds = [_add_audio(out, track) for track in audio] if audio_first else []
        video = _add_video(out, codec, rate, dict(options or {}))
        _shape(video, width, height, pix_fmt, time_base, colour or Colour())
        context = video.codec_context
        if sample_aspect_ratio is not None:
            context.sample_aspect_ratio = sample_aspect_ratio
        if b_frames is not None:
            context.max_b_frames = b_frames
        if gop is not None:
            context.gop_size = gop
        if rotation or mirrored:
            video.set_display_rotation(rotation, hflip=mirrored)
        sounds = sounds or [_add_audio(out, track) for track in audio]
        texts = [_add_subtitles(out, track) for track in subtitles]
        art = _add_cover(out, cover)
        if chapters:
            out.set_chapters([_chapter(i, chapter) for i, chapter in enumerate(chapters)])
        out.start_encoding()
        if art is not None:
            _mux_cover(out, art, cover)
        for stream, track in zip(sounds, audio, strict=True):
            _mux_audio(out, stream, track, seconds)
        for stream, text in zip(texts, subtitles, strict=True):
            _mux_subtitles(out, stream, text)
        _mux_video(out, video, picture, times, time_base)
    return path


def _add_video(out: Any, codec: str, rate: int | Fraction, options: dict[str, str]) -> Any:
    if codec in ("libx264", "libx265"):
        quiet = {"x265-params": "log-level=error"} if codec == "libx265" else {}
        options = (
            {"preset": "veryfast"} | ({} if "qp" in options else {"crf": "14"}) | quiet | options
        )
    return out.add_stream(codec, rate=rate, options=options)


def _shape(
    video: Any, width: int, height: int, pix_fmt: str, time_base: Fraction, colour: Colour
) -> None:
    video.width, video.height, video.pix_fmt = width, height, pix_fmt
    context = video.codec_context
    context.time_base = time_base
    context.color_range = 2 if colour.full_range else 1
    context.colorspace = colour.matrix
    context.color_primaries, context.color_trc = colour.primaries, colour.transfer
    context.flags |= av.codec.context.Flags.frame_duration


def _add_audio(out: Any, track: Audio) -> Any:
    options = track.get("options", {})
    stream = out.add_stream(
        track.get("codec", "aac"), rate=track.get("rate", 48000), options=options
    )
    stream.codec_context.layout = track.get("layout", "stereo")
    return _named(stream, track.get("language"), track.get("title"))


def _add_subtitles(out: Any, track: Subtitles) -> Any:
    stream = out.add_stream(track.get("codec", "mov_text"))
    # An encoder of text wants the styles of an ASS script to start from.
    stream.codec_context.subtitle_header = (
        b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\n"
        b"Style: Default,Arial,16\n\n[Events]\nFormat: Layer, Start, End, Style, Text\n"
    )
    stream.codec_context.time_base = Fraction(1, 1000)
    return _named(stream, track.get("language"), track.get("title"))


def _named(stream: Any, language: str | None, title: str | None) -> Any:
    if language:
        stream.metadata["language"] = language
    if title:
        # MP4 keeps a track's title under the handler's name, Matroska under title.
        stream.metadata["title"] = stream.metadata["handler_name"] = title
    return stream


def _add_cover(out: Any, cover: Rgb | None) -> Any:
    if cover is None:
        return None
    if "matroska" in out.format.name:
        data = cv2.imencode(".png", cover[..., ::-1])[1].tobytes()
        out.add_attachment("cover.png", "image/png", data)
        return None
    stream = out.add_stream("png")
    stream.height, stream.width, stream.pix_fmt = cover.shape[0], cover.shape[1], "rgb24"
    stream.disposition = av.stream.Disposition.attached_pic
    return stream


def _chapter(number: int, chapter: Chapter) -> Any:
    start, end = round(chapter.start * 1000), round(chapter.end * 1000)
    title = {"title": chapter.title}
    return {
        "id": number,
        "start": start,
        "end": end,
        "time_base": Fraction(1, 1000),
        "metadata": title,
    }


def _mux_cover(out: Any, stream: Any, cover: Rgb | None) -> None:
    assert cover is not None
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(cover), "rgb24")
    out.mux(stream.encode(frame) + stream.encode(None))


def _mux_video(
    out: Any, video: Any, picture: Picture, times: Sequence[int], time_base: Fraction
) -> None:
    for i, pts in enumerate(times):
        frame = _video_frame(picture(i), video.codec_context)
        frame.pts, frame.time_base = pts, time_base
        frame.duration = times[i + 1] - pts if i + 1 < len(times) else max(1, pts - times[i - 1])
        out.mux(video.encode(frame))
    out.mux(video.encode(None))


def _video_frame(picture: Rgb | tuple[NDArray[Any], ...], context: Any) -> av.VideoFrame:
    if isinstance(picture, tuple):
        frame = av.VideoFrame(context.width, context.height, context.pix_fmt)
        for plane, samples in zip(frame.planes, picture, strict=True):
            rows = np.frombuffer(plane, samples.dtype).reshape(plane.height, -1)  # type: ignore[call-overload]
            rows[:, : samples.shape[1]] = samples
    else:
        matrix = (
            context.colorspace if context.colorspace != 2 else (1 if context.height > 576 else 5)
        )
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24").reformat(
            format=context.pix_fmt,
            dst_colorspace=matrix,
            dst_color_range=context.color_range,
            interpolation="AREA",
        )
    frame.colorspace, frame.color_range = context.colorspace, context.color_range
    frame.color_primaries, frame.color_trc = context.color_primaries, context.color_trc
    return frame


def _tone(rate: int, seconds: float, pitch: float, channels: int) -> NDArray[np.float32]:
    """Return [channels, samples]: a note that swells and fades, so that no two packets match."""
    time = np.arange(round(rate * seconds)) / rate
    note = 0.3 * np.sin(2 * np.pi * pitch * time) * (0.6 + 0.4 * np.sin(2 * np.pi * 0.7 * time))
    return np.repeat(note[None], channels, axis=0).astype(np.float32)


def _mux_audio(out: Any, stream: Any, track: Audio, video_seconds: float) -> None:
    context, rate = stream.codec_context, stream.codec_context.sample_rate
    start = track.get("start", 0.0)
    channels = len(context.layout.channels)
    samples = _tone(
        rate, track.get("seconds", video_seconds - start), track.get("tone", 440.0), channels
    )
    # Packed: PyAV reads beyond the eighth plane.
    packed = np.ascontiguousarray(samples.T).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(packed, "flt", context.layout.name)
    frame.sample_rate, frame.pts, frame.time_base = rate, round(start * rate), Fraction(1, rate)
    resampler = av.AudioResampler(
        context.format, context.layout, rate, frame_size=context.frame_size or 1024
    )
    for piece in resampler.resample(frame) + resampler.resample(None):
        out.mux(stream.encode(piece))
    out.mux(stream.encode(None))


def _mux_subtitles(out: Any, stream: Any, track: Subtitles) -> None:
    for order, (start, end, text) in enumerate(track.get("lines", ())):
        event = f"{order},0,Default,,0,0,0,,{text}".encode()
        events = av.subtitles.subtitle.SubtitleSet.create(event, 0, round((end - start) * 1000))
        packet = stream.codec_context.encode_subtitle(events)
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = round(start * 1000)
        packet.duration = round((end - start) * 1000)
        out.mux_one(packet)


# -- reading
# -----------------------------------------------------------------------------------------------


class Shown(NamedTuple):
    """A decoded frame: its time, and RGB uint8 [h, w, 3] in coded orientation."""

    pts: int
    time_base: Fraction
    rgb: Rgb


class Coded(NamedTuple):
    """A decoded frame: its time, and its planes as they are, without padding."""

    pts: int
    time_base: Fraction
    planes: tuple[NDArray[Any], ...]


class AudioPacket(NamedTuple):
    """A packet of the `track`-th audio stream: its times in seconds, and its data's SHA-256."""

    track: int
    pts: Fraction | None
    dts: Fraction | None
    sha256: str


def _decoded(path: Path) -> Iterator[Any]:
    with av.open(str(path)) as source:
        stream = source.streams.best("video")
        assert stream is not None, f"{path} has no video"
        yield from source.decode(stream)


def read_frames(path: Path) -> list[Shown]:
    """Return every frame of the main video stream, as RGB."""
    return [Shown(f.pts, f.time_base, f.to_ndarray(format="rgb24")) for f in _decoded(path)]


def read_planes(path: Path) -> list[Coded]:
    """Return every frame of the main video stream, in its own pixel format."""
    return [Coded(f.pts, f.time_base, _planes(f)) for f in _decoded(path)]


def _planes(frame: Any) -> tuple[NDArray[Any], ...]:
    kind = np.uint16 if frame.format.components[0].bits > 8 else np.uint8
    rows = [np.frombuffer(p, kind).reshape(p.height, -1)[:, : p.width].copy() for p in frame.planes]
    return tuple(rows)


def frame_times(path: Path) -> list[Fraction]:
    """Return the times of all frames of the main video stream, in seconds, exact."""
    return [frame.pts * frame.time_base for frame in _decoded(path)]


def audio_packets(path: Path) -> list[AudioPacket]:
    """Return every audio packet, track by track; equal lists mean audio was copied untouched."""
    with av.open(str(path)) as source:
        tracks = {stream.index: order for order, stream in enumerate(source.streams.audio)}
        found = (
            [
                AudioPacket(
                    tracks[p.stream_index], _seconds(p.pts, p), _seconds(p.dts, p), _sha256(p)
                )
                for p in source.demux(*source.streams.audio)
                if p.size
            ]
            if tracks
            else []
        )
    return sorted(found, key=lambda packet: packet.track)


def _seconds(value: int | None, packet: Any) -> Fraction | None:
    return None if value is None else value * packet.time_base


def _sha256(packet: Any) -> str:
    return hashlib.sha256(bytes(packet)).hexdigest()


def ffprobe(path: Path, *args: str) -> dict[str, Any]:
    """Return what ffprobe says as JSON, for options such as ``-show_streams``.

    By default it says all that it knows. Where it is absent, PyAV's own FFmpeg tells the same of
    streams, chapters and the format, and what stands beside frames; of the place of chroma it knows
    nothing.
    """
    program = shutil.which("ffprobe")
    if program is None:
        return {"frames": _frames_told(path)} if "-show_frames" in args else _probed(path)
    words = args or ("-show_streams", "-show_chapters", "-show_format")
    command = [program, "-v", "error", "-of", "json", *words, str(path)]
    result: dict[str, Any] = json.loads(
        subprocess.run(command, check=True, capture_output=True).stdout
    )
    return result


def _probed(path: Path) -> dict[str, Any]:
    """Return in ffprobe's terms what PyAV's FFmpeg says of a file."""
    with av.open(str(path)) as file:
        chapters = [{"tags": chapter["metadata"]} for chapter in file.chapters()]
        streams = [_told(stream) for stream in file.streams]
        turns = [frame.rotation for frame in file.decode(video=0)][:1] if file.streams.video else []
        for stream in [each for each in streams if "width" in each][:1]:
            stream["side_data_list"] = [{"rotation": turn} for turn in turns if turn]
        return {"streams": streams, "chapters": chapters, "format": {"tags": dict(file.metadata)}}


def _frames_told(path: Path) -> list[dict[str, Any]]:
    names = {"A53_CC": "ATSC A53 Part 4 Closed Captions"}
    with av.open(str(path)) as file:
        sides = [[side.type.name for side in frame.side_data] for frame in file.decode(video=0)]
    return [
        {"side_data_list": [{"side_data_type": names.get(name, name)} for name in each]}
        for each in sides
    ]


_COLOR_SPACES = {0: "gbr", 1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020nc"}
"""H.273's matrix coefficients, as ffprobe calls them."""


def _told(stream: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"tags": dict(stream.metadata)}
    if stream.codec_context is not None:
        told["codec_name"] = stream.codec_context.codec.canonical_name
    if stream.type == "video":
        context = stream.codec_context
        told |= {"width": context.width, "height": context.height, "pix_fmt": context.pix_fmt}
        shape, space = context.sample_aspect_ratio, context.colorspace
        told |= {
            "sample_aspect_ratio": shape and f"{shape.numerator}:{shape.denominator}",
            "color_space": _COLOR_SPACES.get(space, "unknown"),
        }
        told |= {
            "color_range": {1: "tv", 2: "pc"}.get(context.color_range),
            "nb_frames": stream.frames,
        }
        told |= {"duration": stream.duration and stream.duration * stream.time_base}
    return told
