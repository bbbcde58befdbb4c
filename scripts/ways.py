"""What `bench.py` measures, each in a process of its own: floors, others' ways, and stages."""

import queue
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from scripts import rvm_author

GREEN = (0, 177, 64)
BACKGROUND = "#00b140"
CRF = "18"


def decoded(path: str) -> Iterator[Any]:
    """Yield a file's video frames."""
    import av

    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        yield from container.decode(stream)


def ahead(source: Iterator[Any]) -> Iterator[Any]:
    """Yield from `source`, which runs a few items ahead in a thread."""
    items: queue.Queue[Any] = queue.Queue(4)

    def work() -> None:
        for item in source:
            items.put(item)
        items.put(None)

    threading.Thread(target=work, daemon=True).start()
    while (item := items.get()) is not None:
        yield item


def encoder(target: str, like: Any, preset: str) -> tuple[Any, Any]:
    """Return a container and its x264 stream for frames like `like`."""
    import av

    out = av.open(target, "w", format="mp4")
    stream = out.add_stream("libx264", rate=30, options={"crf": CRF, "preset": preset})
    stream.width, stream.height, stream.pix_fmt = like.width, like.height, "yuv420p"
    stream.codec_context.time_base = like.time_base
    return out, stream


def floor(source: str, composite: str, target: str, preset: str) -> float:
    """Decode `source` while encoding `composite`'s frames, decoded beforehand; return seconds."""
    held = list(decoded(composite))
    begun = time.perf_counter()
    out, stream = encoder(target, held[0], preset)
    for frame, _ in zip(held, ahead(decoded(source)), strict=False):
        frame.pict_type = 0
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
    out.close()
    return time.perf_counter() - begun


def programs(source: str, composite: str, target: str, preset: str) -> float | None:
    """Do the same with two ffmpeg programs, one decoding, one encoding; return seconds.

    Raw frames come through a pipe. `None` where the program is not installed.
    """
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        return None
    like = next(decoded(composite))
    size = f"{like.width}x{like.height}"
    raw = [frame.to_ndarray().tobytes() for frame in decoded(composite)]
    quiet = [ffmpeg, "-v", "error", "-nostdin", "-y"]
    pipe = ["-f", "rawvideo", "-pix_fmt", like.format.name, "-s", size, "-r", "30", "-i", "pipe:"]
    encoding = ["-c:v", "libx264", "-crf", CRF, "-preset", preset, target]
    begun = time.perf_counter()
    decoder = subprocess.Popen([*quiet, "-i", source, "-f", "null", "-"])
    with subprocess.Popen([*quiet, *pipe, *encoding], stdin=subprocess.PIPE) as encoder:
        assert encoder.stdin is not None
        for frame in raw:
            encoder.stdin.write(frame)
    if encoder.returncode or decoder.wait():
        raise SystemExit(f"ffmpeg failed on {source}")
    return time.perf_counter() - begun


def tutorial(source: str, target: str, preset: str, model: str) -> float:
    """Run the tutorial's loop: one picture after another, whole, in RGB; return seconds a frame.

    Loading is left out, and a file would still have no sound and no times of its own.
    """
    import av
    import cv2
    import numpy as np
    from tf_bodypix.api import load_model

    bodypix = load_model(model, output_stride=16)
    capture = cv2.VideoCapture(source)
    out = stream = background = None
    frames, begun = 0, time.perf_counter()
    while True:
        good, bgr = capture.read()
        if not good:
            break
        rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        mask = np.asarray(bodypix.predict_single(rgb).get_mask(threshold=0.5)).astype(np.uint8)[
            ..., 0
        ]
        if background is None:
            background = np.full_like(rgb, GREEN)
        person = cv2.bitwise_and(rgb, rgb, mask=mask)
        picture = cv2.add(person, cv2.bitwise_and(background, background, mask=1 - mask))
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        if out is None:
            frame.time_base = Fraction(1, 30)
            out, stream = encoder(target, frame, preset)
            begun = time.perf_counter()  # the first picture also builds TensorFlow's graph
        frame.pts, frame.time_base = frames, Fraction(1, 30)
        out.mux(stream.encode(frame))
        frames += 1
    out.mux(stream.encode(None))
    out.close()
    return (time.perf_counter() - begun) / max(1, frames - 1)


def author(source: str, target: str, preset: str, full_body: str) -> float:
    """Run the inference script of RobustVideoMatting's author; return seconds a frame."""
    from vidseg.system.cores import core_count

    first = next(decoded(source))
    ratio = rvm_author.ratio(first.height, full_body=full_body == "True")
    size = (first.width, first.height)
    network = Path(source).with_name("author_{}x{}_{}.tflite".format(*size, ratio))
    if not network.exists():
        network.write_bytes(rvm_author.converted(*size, ratio, GREEN))
    return rvm_author.author(
        ahead(decoded(source)),
        lambda like: encoder(target, like, preset),
        network.read_bytes(),
        core_count(),
    )


def stages(source: str, model: str, threads: str) -> dict[str, float]:
    """Return CPU milliseconds a frame of every stage, one after another in one thread of Python.

    The encoder's threads work on meanwhile: what follows the network is timed in its own thread,
    and the encoder gets what is left of the whole.
    """
    import cv2

    from vidseg.compositing.background import Canvas, open_background
    from vidseg.compositing.composite import composite
    from vidseg.compositing.decontaminate import estimate_foreground
    from vidseg.matting.refinement.refine import refine
    from vidseg.matting.smoothing import smooth_masks
    from vidseg.matting.tracking.tracker import Tracker
    from vidseg.media.damage import Damage
    from vidseg.media.decode import Span, decode
    from vidseg.media.encode import Encoder
    from vidseg.media.encode_plan import plan
    from vidseg.media.mux import KeptRange, Output
    from vidseg.media.probe import probe_video
    from vidseg.networks import open_segmenter
    from vidseg.settings import BackgroundSpec, EncodeSettings, MatteSettings, ModelSettings
    from vidseg.system.cores import limit_cores

    limit_cores(int(threads))  # the network's
    cv2.setNumThreads(int(threads))
    info = probe_video(Path(source))
    spent: dict[str, float] = {}

    def timed(
        name: str, call: Callable[[], Any], clock: Callable[[], float] = time.thread_time
    ) -> Any:
        since = clock()
        result = call()
        spent[name] = spent.get(name, 0.0) + clock() - since
        return result

    frames = timed(
        "decode", lambda: list(decode(info, Span(None, Fraction(4)), Damage())), time.process_time
    )
    segmenter = open_segmenter(ModelSettings(name=model))
    network = [0.0]

    def counted(inner: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            since = time.thread_time()
            result = inner(*given)
            network[0] += time.thread_time() - since
            return result

        return call

    for method in ("segment", "segment_next"):
        if hasattr(segmenter, method):
            setattr(segmenter, method, counted(getattr(segmenter, method)))
    soft = segmenter.traits.soft

    def through(name: str, source: Iterator[Any]) -> Iterator[Any]:
        while (item := timed(name, lambda: next(source, None))) is not None:
            yield item

    found = through("track", Tracker(segmenter, ModelSettings(), info.orientation).follow(frames))
    found = through("smooth", smooth_masks(found, MatteSettings().smooth))
    background = open_background(
        BackgroundSpec.parse(BACKGROUND), Canvas(info, frames[0].format, frames[0].colour)
    )
    with tempfile.TemporaryDirectory() as folder:
        chosen = plan(info, EncodeSettings(preset="veryfast"), ".mp4")
        with Output(Path(folder) / "out.mp4", info, "none", overwrite=True) as output:
            writer = Encoder(output.container, chosen, info, frames[0].format, frames[0].colour)
            writer.open()
            output.start(writer.stream, KeptRange(None, None, Fraction(0)))
            before, begun = spent["decode"], time.process_time()
            for frame, mask in found:
                alpha = timed(
                    "refine", lambda f=frame, m=mask: refine(f, m, MatteSettings(), soft=soft)
                )
                edge = timed("foreground", lambda f=frame, a=alpha: estimate_foreground(f, a))
                behind = timed("background", lambda f=frame, a=alpha: background.behind(f)(a.plane))
                buffer = timed("output buffer", writer.new_buffer)
                timed(
                    "composite",
                    lambda f=frame, e=edge, a=alpha, b=behind, p=buffer.planes: composite(
                        f.planes, a, b, p, e
                    ),
                )
                output.write(writer.encode(buffer, frame.pts, frame.duration, frame.time_base))
            output.write(writer.flush())
            whole = time.process_time() - begun
            spent["smooth"] -= spent["track"]
            spent["encode veryfast, mux"] = whole - (sum(spent.values()) - before)
    spent["track"] -= network[0]
    spent["inference"] = network[0]
    return {name: round(1000 * seconds / len(frames), 2) for name, seconds in spent.items()}


WORKERS: dict[str, Callable[..., Any]] = {
    "floor": floor,
    "programs": programs,
    "tutorial": tutorial,
    "author": author,
    "stages": stages,
}
