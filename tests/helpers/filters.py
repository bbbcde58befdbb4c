"""FFmpeg's own filters on a file's frames: by its program or, where absent, by PyAV's library."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import av.filter
import numpy as np
from numpy.typing import NDArray


def by_ffmpeg(graph: str, *inputs: Path) -> NDArray[np.float64]:
    """Return the RGB frames, [n, h, w, 3], that a graph of filters makes of the inputs."""
    if shutil.which("ffmpeg") is None:
        return np.stack(list(_by_the_library(graph, *inputs))).astype(float)
    with av.open(str(inputs[0])) as file:
        width, height = file.streams.video[0].width, file.streams.video[0].height
    command = ["ffmpeg", "-v", "error"]
    for path in inputs:
        command += [*(["-c:v", "libvpx-vp9"] if path.suffix == ".webm" else []), "-i", str(path)]
    command += ["-filter_complex", graph, "-vsync", "0", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3).astype(float)


def premultiplied_over(path: Path, colour: tuple[int, int, int]) -> NDArray[np.float64]:
    """Return a file's premultiplied frames over a colour, as decoded by PyAV: RGB [n, h, w, 3]."""
    frames = np.stack([frame.to_ndarray(format="rgba") for frame in _decoded(path)]).astype(float)
    return frames[..., :3] + (1 - frames[..., 3:] / 255) * colour


def _by_the_library(text: str, *inputs: Path) -> Iterator[NDArray[np.uint8]]:
    graph = av.filter.Graph()
    clips = [list(_decoded(path)) for path in inputs]
    sources = [_buffer(graph, frames[0]) for frames in clips]
    ends = _built(graph, text, {f"{i}:v": (source, 0) for i, source in enumerate(sources)})
    last = graph.add("format", "pix_fmts=rgb24")
    sink = graph.add("buffersink")
    ends[0].link_to(last, ends[1])
    last.link_to(sink)
    graph.configure()
    for frames in zip(*clips, strict=True):
        for source, frame in zip(sources, frames, strict=True):
            source.push(frame)
        yield sink.pull().to_ndarray(format="rgb24")


def _decoded(path: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        decoder: Any = stream
        if path.suffix == ".webm":
            decoder = av.CodecContext.create("libvpx-vp9", "r")
        for packet in file.demux(stream):
            for frame in decoder.decode(packet if packet.size else None):
                frame.time_base = stream.time_base
                yield frame


def _buffer(graph: Any, frame: av.VideoFrame) -> Any:
    return graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )


def _built(graph: Any, text: str, pads: dict[str, tuple[Any, int]]) -> tuple[Any, int]:
    """Add a graph's filters, in FFmpeg's notation, joined by labels; return the last's output."""
    here: tuple[Any, int] | None = None
    for chain in text.split(";"):
        here = None
        for step in chain.split(","):
            labels, name, arguments, given = _STEP.fullmatch(step).groups()  # type: ignore[union-attr]
            made = graph.add(name, arguments)
            sources = [pads[label] for label in _LABEL.findall(labels)] or ([here] if here else [])
            for index, (source, pad) in enumerate(sources):
                source.link_to(made, pad, index)
            pads |= {label: (made, index) for index, label in enumerate(_LABEL.findall(given))}
            here = (made, 0)
    assert here is not None, text
    return here


_LABEL = re.compile(r"\[([^\]]+)\]")
_STEP = re.compile(r"((?:\[[^\]]+\])*)(\w+)(?:=([^\[]*))?((?:\[[^\]]+\])*)")
