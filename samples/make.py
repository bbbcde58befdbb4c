"""Make the sample media: ``python -m samples [FOLDER]``."""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from math import pi
from pathlib import Path
from typing import Literal, Self

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from samples.person import Image, posed
from samples.scenery import hills, room, sea

SOUND_RATE = 48000
_X264 = {"preset": "veryfast", "crf": "18", "threads": "2"}
"""A fixed number of threads, because x264's result depends on it."""


def clip_frames(
    seconds: float, width: int, height: int, rate: int
) -> Iterator[tuple[NDArray[np.uint8], Image]]:
    """Yield the clip's frames, RGB uint8 [height, width, 3], each with its true alpha in [0, 1]."""
    behind = room(width, height)
    random = np.random.default_rng(0)
    grain = random.normal(0, 1.5, (4, height, width, 1)).astype(np.float32)
    for number in range(round(seconds * rate)):
        person = posed(number / rate, width, height)
        picture = behind + (person.colour - behind) * person.alpha[..., None] + grain[number % 4]
        yield np.clip(picture, 0, 255).astype(np.uint8), person.alpha


def melody(seconds: float) -> NDArray[np.float32]:
    """Return a little tune on plucked strings, float32 [2, samples] in [-1, 1]."""
    length = round(seconds * SOUND_RATE)
    sound = np.zeros((2, length + SOUND_RATE), np.float32)
    for i in range(int(seconds * 4)):
        step = (0, 4, 7, 11, 7, 4, 2, 7, 5, 9, 12, 9, 7, 4, 2, -1)[i % 16]
        start = round(i * SOUND_RATE / 4)
        note = _pluck(220 * 2 ** (step / 12), 1.0)
        side = 0.5 + 0.3 * np.sin(i)
        sound[:, start : start + len(note)] += np.array([[side], [1 - side]]) * note
    return np.asarray(sound[:, :length], np.float32)


def _pluck(pitch: float, seconds: float) -> NDArray[np.float32]:
    """Return one note: overtones that die away the faster, the higher they are."""
    time = np.arange(round(seconds * SOUND_RATE)) / SOUND_RATE
    overtones = [
        np.sin(2 * pi * pitch * k * time) * np.exp(-time * (2 + 1.5 * k)) / k for k in range(1, 7)
    ]
    note = 0.35 * np.sum(overtones, axis=0) * np.clip(time * 400, 0, 1)
    return np.asarray(note, np.float32)


class Writer:
    """Writes a video file frame by frame, and a sound with it; a context manager."""

    def __init__(
        self,
        path: Path,
        *,
        codec: Literal["libx264", "ffv1"],
        pix_fmt: str,
        size: tuple[int, int],
        rate: int,
        sound: bool = False,
    ) -> None:
        options = _X264 if codec == "libx264" else {}
        faststart = {"movflags": "+faststart"} if path.suffix == ".mp4" else {}
        self._out = av.open(str(path), "w", container_options=faststart)
        self._video = self._out.add_stream(codec, rate=rate, options=options)
        self._video.width, self._video.height = size
        self._video.pix_fmt = pix_fmt
        self._video.codec_context.color_range = 2 if pix_fmt == "gray" else 1
        self._video.codec_context.colorspace = 2 if pix_fmt == "gray" else 1
        self._audio = (
            self._out.add_stream("aac", rate=SOUND_RATE, layout="stereo") if sound else None
        )
        self._count, self._rate = 0, rate

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.mux(self._video.encode(None))
        self._out.close()

    def sound(self, samples: NDArray[np.float32]) -> None:
        """Write the whole sound, float32 [2, samples]."""
        assert self._audio is not None
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, 0, Fraction(1, SOUND_RATE)
        self._out.mux(self._audio.encode(frame))
        self._out.mux(self._audio.encode(None))

    def picture(self, picture: NDArray[np.uint8]) -> None:
        """Write the next frame, RGB [height, width, 3] or grey [height, width]."""
        frame = av.VideoFrame.from_ndarray(picture, "gray" if picture.ndim == 2 else "rgb24")
        if picture.ndim == 3:
            frame = frame.reformat(format=self._video.pix_fmt, dst_colorspace="ITU709")
            frame.colorspace, frame.color_range = 1, 1
        frame.pts, frame.time_base = self._count, Fraction(1, self._rate)
        self._out.mux(self._video.encode(frame))
        self._count += 1


def make_clip(
    path: Path,
    *,
    seconds: float = 4.0,
    width: int = 1280,
    height: int = 720,
    rate: int = 30,
    truth: Path | None = None,
) -> Path:
    """Write the clip of a person, H.264 and AAC, and to `truth`, if given, her alpha.

    `width` and `height` must be even. The alpha is lossless grey video; the truth's path should end
    in ``.mkv``.
    """
    size = (width, height)
    with ExitStack() as stack:
        clip = stack.enter_context(
            Writer(path, codec="libx264", pix_fmt="yuv420p", size=size, rate=rate, sound=True)
        )
        matte = truth and stack.enter_context(
            Writer(truth, codec="ffv1", pix_fmt="gray", size=size, rate=rate)
        )
        clip.sound(melody(seconds))
        for picture, alpha in clip_frames(seconds, width, height, rate):
            clip.picture(picture)
            if matte:
                matte.picture(np.rint(alpha * 255).astype(np.uint8))
    return path


def make_picture(path: Path, *, width: int = 1920, height: int = 1080) -> Path:
    """Write the background picture, in the format that the path's suffix names."""
    cv2.imwrite(str(path), hills(width, height)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    return path


def make_background_video(
    path: Path, *, seconds: float = 3.0, width: int = 800, height: int = 450, rate: int = 25
) -> Path:
    """Write the background video, H.264 without sound, whose end leads back to its beginning."""
    count = round(seconds * rate)
    with Writer(path, codec="libx264", pix_fmt="yuv420p", size=(width, height), rate=rate) as out:
        for number in range(count):
            out.picture(sea(number / count, width, height))
    return path


def make_all(folder: Path, *, small: bool = False) -> list[Path]:
    """Make all three in `folder` and return the paths; `small` ones take a fraction of the time."""
    folder.mkdir(parents=True, exist_ok=True)
    clip, picture, video = (folder / name for name in ("person.mp4", "hills.jpg", "sea.mp4"))
    if small:
        make_clip(clip, seconds=1, width=320, height=180)
        make_picture(picture, width=480, height=270)
        make_background_video(video, seconds=1, width=240, height=136)
    else:
        make_clip(clip)
        make_picture(picture)
        make_background_video(video)
    return [clip, picture, video]


def main() -> None:
    """Make the media in the folder named on the command line, and say where they are."""
    parser = argparse.ArgumentParser(prog="python -m samples", description=__doc__)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("samples/media"), help="%(default)s"
    )
    parser.add_argument(
        "--small", action="store_true", help="small and short ones, for a quick try"
    )
    chosen = parser.parse_args()
    for path in make_all(chosen.folder, small=chosen.small):
        print(path)
