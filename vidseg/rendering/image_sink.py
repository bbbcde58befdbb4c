"""Where painted frames go as pictures: a numbered sequence of files, or one photo."""

import os
import shutil
import tempfile
import time
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vidseg.errors import OutputError
from vidseg.frames.colour import Colour
from vidseg.frames.frame import Frame, OutputBuffer, PixelFormat, as_plane
from vidseg.frames.hdr import is_hdr
from vidseg.media.ffmpeg import check_folder, check_target, reason
from vidseg.media.image_formats import Samples, plan_images, samples_of
from vidseg.media.image_sequence import first_number, is_numbered, name_of, numbers
from vidseg.media.images import (
    count_pages,
    is_deep,
    read_exif,
    read_opacity,
    srgb_profile,
    write_picture,
)
from vidseg.media.mux import KeptRange, StreamOutcomes
from vidseg.media.output_notes import linear_light, lost_captions
from vidseg.media.video_info import VideoInfo
from vidseg.settings import RenderSettings, Target
from vidseg.system.signals import deferred_signals
from vidseg.system.timing import Stopwatch


class PictureSink:
    """Pictures, upright, written into a hidden folder first and named when all are there.

    A sequence is numbered from 1; one made of another sequence keeps its numbers, also of a cut. A
    folder that doesn't exist is made, and appears at once. With --overwrite, what an earlier run
    wrote under the same name is removed, lest its rest follow a shorter sequence. The copy of a
    photo is in sRGB and says so; it keeps the photo's Exif data.
    """

    full_range = True

    def __init__(
        self,
        target: Target,
        settings: RenderSettings,
        info: VideoInfo,
        *,
        source_bits: int,
        photo: bool,
    ) -> None:
        path = target.path
        self._plan = plan_images(settings.encode, path.suffix.lower(), target.content, source_bits)
        self.codec, self.pix_fmt = self._plan.name, self._plan.pix_fmt
        self._path, self._info, self._content = path, info, target.content
        self._overwrite = settings.overwrite
        self._associated, self._inverted = settings.premultiplied, settings.invert
        self._sequence = is_numbered(path)
        self._check()
        self._written: list[range] = []  # numbers, in runs without a gap
        self._captioned = 0
        self._durations: set[int] = set()
        self._profile, self._exif = (
            (srgb_profile(), read_exif(Path(info.path))) if photo else (b"", b"")
        )
        self._opacity = read_opacity(Path(info.path)) if photo else None
        self._folder = self._temporary_folder()
        sound = settings.encode.audio if target.sound else "none"
        self.notes = self._warnings() + (self._photo_warnings() if photo else [])
        self.outcomes = StreamOutcomes()
        for stream in info.streams:
            if stream.index != info.video_index:
                self.outcomes.by_index[stream.index] = "dropped"
                if stream.kind == "audio" and sound != "none":
                    self.notes.append(
                        f"audio stream {stream.index} is dropped: pictures hold no sound"
                    )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self, layout: PixelFormat, colour: Colour, cut: KeptRange, info: VideoInfo) -> None:
        """Get ready for frames in `layout` and `colour`, of the size that `info` tells."""
        self._layout, self._colour, self._info = layout, colour, info
        if (ratio := info.sample_aspect_ratio) != 1:
            self.notes.append(
                f"the source's pixels are {ratio.numerator}:{ratio.denominator} oblong, which "
                "pictures can't "
                "tell; say so where they are imported"
            )
        by_number = self._info.container == "image2"
        self._first = first_number(Path(self._info.path), OutputError) if by_number else None

    def new_buffer(self, frame: Frame) -> OutputBuffer:
        """Return fresh planes to paint `frame` on."""
        sizes = [
            self._layout.plane_size(index, self._info.width, self._info.height)
            for index in range(3)
        ]
        sizes += sizes[:1] if self._content == "cutout" else []
        return OutputBuffer(tuple(as_plane(np.empty((h, w), self._layout.dtype)) for w, h in sizes))

    def write(self, frame: Frame, buffer: OutputBuffer, watch: Stopwatch) -> None:
        """Write what was painted on a buffer."""
        since = time.perf_counter()
        grey = self._content == "matte"
        samples = samples_of(buffer.planes, self._layout, self._colour, self._plan, grey=grey)
        if self._opacity is not None:
            samples = self._thinned(samples, self._opacity)
        upright = np.ascontiguousarray(self._info.orientation.upright(samples))
        number = self._next() if self._first is None else self._first + frame.pts
        write_picture(
            self._folder / self._name(number),
            upright,  # type: ignore[arg-type]  # turning keeps the type
            self._plan.name,
            profile=b"" if grey else self._profile,
            exif=self._exif,
            associated=self._associated,
        )
        self._note(number)
        self._durations.add(frame.duration)
        self._captioned += frame.captions is not None
        watch.add("encode", since)

    def _next(self) -> int:
        """Return the number that follows the last one."""
        return self._written[-1].stop if self._written else 1

    def _note(self, number: int) -> None:
        """Note that the picture of this number is written."""
        follows = self._written and number == self._next()
        first = self._written.pop().start if follows else number
        self._written.append(range(first, number + 1))

    def _thinned(self, samples: Samples, opacity: NDArray[np.uint8]) -> Samples:
        """Return samples in which nothing is more opaque than it is in the photo itself."""
        if self._content not in ("cutout", "matte"):
            return samples
        peak = np.iinfo(samples.dtype).max
        share = opacity.astype(np.float32) / 255
        if self._content == "matte":
            thin = peak - (peak - samples) * share if self._inverted else samples * share
            return np.rint(thin).astype(samples.dtype)  # type: ignore[return-value]  # as before
        first = 0 if self._associated else 3
        samples[..., first:] = np.rint(samples[..., first:] * share[..., None])
        return samples

    def finish(self, end: Fraction | None = None) -> None:
        """Give the pictures their names."""
        self.notes += lost_captions(self._captioned, self.codec, kept=False, content=self._content)
        if self._sequence and max(self._durations) - min(self._durations) > 1:
            self.notes.append(
                "the frame rate varies, which numbered pictures can't tell; "
                "a video file keeps the times"
            )
        try:
            if self._sequence and not self._path.parent.exists():
                self._folder.rename(self._path.parent)
                return
            self._check()
            with deferred_signals():
                self._put_in_place()
        except OSError as error:
            raise OutputError(f"{self._path}: can't be put in place: {reason(error)}") from error

    def _put_in_place(self) -> None:
        for stale in self._present():
            stale.unlink()
        for number in chain.from_iterable(self._written):
            name = self._name(number)
            (self._folder / name).replace(self._path.with_name(name))

    def _name(self, number: int) -> str:
        return name_of(self._path, number).name if self._sequence else self._path.name

    def _present(self) -> list[Path]:
        """Return the pictures of the target's name that exist."""
        return (
            [name_of(self._path, number) for number in numbers(self._path)]
            if self._sequence
            else []
        )

    def _check(self) -> None:
        """Refuse a target that can't or mustn't be written."""
        if not self._sequence:
            check_target(self._path, overwrite=self._overwrite)
            return
        folder = self._path.parent
        check_folder(self._path, folder if folder.exists() else folder.parent)
        if not self._overwrite and (there := self._present()):
            raise OutputError(
                f"{self._path}: {there[0].name} exists already; "
                "use --overwrite to replace the sequence"
            )

    def _temporary_folder(self) -> Path:
        """Make a hidden folder on the target's disk."""
        folder = self._path.parent
        try:
            made = tempfile.mkdtemp(
                prefix=".vidseg.", suffix=".part", dir=folder if folder.exists() else folder.parent
            )
            umask = os.umask(0)
            os.umask(umask)
            Path(made).chmod(0o777 & ~umask)
        except OSError as error:
            raise OutputError(f"{self._path}: can't be written: {reason(error)}") from error
        return Path(made)

    def _photo_warnings(self) -> list[str]:
        notes = []
        if (left_out := count_pages(Path(self._info.path)) - 1) > 0:
            notes.append(f"of the photo's file the first picture is used; it holds {left_out} more")
        if is_deep(Path(self._info.path)):
            notes.append("the photo has 16 bits per sample, of which 8 are used")
        if self._opacity is not None:
            more = {
                "picture": " and shows a new background; -b transparent keeps it transparent",
                "parts": "",
            }.get(self._content, " and stays transparent")
            notes.append(f"what is wholly transparent in the photo counts as black{more}")
        return notes

    def _warnings(self) -> list[str]:
        notes = linear_light(self._info, self._content)
        if is_hdr(self._info.colour) and self._content not in ("matte", "parts"):
            notes.append(
                "pictures get the clip's HDR code values as they are, which viewers take for SDR"
            )
        if self._associated and self._plan.name != "tiff":
            notes.append(
                f"{self._plan.name} means straight colours; say premultiplied where it is imported"
            )
        return notes
