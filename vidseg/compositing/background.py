"""Backgrounds: a colour, a picture, a looped video, or the surroundings blurred.

Every background is fitted to the picture as it is shown (upright, square pixels) and then brought
to the coded orientation and the source's own colour description, so that it can be blended plane by
plane.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.compositing.background_fit import fitting, placed
from vidseg.compositing.blur import Blur
from vidseg.errors import BackgroundError
from vidseg.frames.colour import Colour, rgb_to_yuv_matrix, yuv_to_rgb_matrix
from vidseg.frames.frame import Frame, PixelFormat, Plane, Planes, as_plane
from vidseg.frames.hdr import is_hdr, sdr_from, sdr_to
from vidseg.frames.planes import at_chroma_size
from vidseg.media.damage import Damage
from vidseg.media.decode import Span, decode
from vidseg.media.file_length import missing_bytes
from vidseg.media.flatten import Flattener
from vidseg.media.image_sequence import is_sequence
from vidseg.media.probe import probe_video
from vidseg.media.video_info import VideoInfo
from vidseg.settings import BackgroundSpec, Fit
from vidseg.system.threads import Once, leave, prefetch

_MOST_FRAMES_PER_S = 240
"""Clips of a varying rate claim absurd ones."""


Behind: TypeAlias = Callable[[Plane], Planes]
"""Gives the planes behind a frame, of its layout and colours, for its alpha, to be read only."""


class Background(Protocol):
    """Tells what goes behind frames; `notes` are for the user."""

    notes: list[str]

    def behind(self, frame: Frame) -> Behind:
        """Return what goes behind `frame`, which is not before those that were asked for before."""

    def close(self) -> None:
        """Free everything."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """What backgrounds are made for: the source's geometry, layout, colour, and how to fit it."""

    info: VideoInfo
    layout: PixelFormat
    colour: Colour
    fit: Fit = "cover"
    since: Fraction | None = None
    """When a video background begins, in seconds of the source's clock; `None`: at once."""
    damage: list[Damage] = field(default_factory=list)
    """Gets what of a video background can't be read; see `Damage.behind`."""

    @property
    def rate(self) -> Fraction:
        """Frames per second at which pictures follow each other that have no rate of their own."""
        rate = self.info.average_rate or Fraction(25)
        return rate if 1 <= rate <= _MOST_FRAMES_PER_S else Fraction(25)

    @property
    def upright_size(self) -> tuple[int, int]:
        """(width, height) of the coded picture turned upright, its pixels as oblong as they are."""
        width, height = self.info.width, self.info.height
        return (height, width) if self.info.orientation.swaps_axes else (width, height)


def open_background(
    spec: BackgroundSpec, canvas: Canvas, *, whole_blur: bool = False
) -> Background:
    """Open what the user named: a colour, a blur, or the path of pictures or a video.

    `whole_blur` blurs the people too, for hiding parts of them. Raises `BackgroundError` where
    `spec` is none of these or can't be read.
    """
    if spec.kind == "blur":
        return Blur(spec.strength, whole=whole_blur)
    path = spec.path
    if is_sequence(path):
        return Movie(path, canvas)
    if not path.exists() and (rgb := named_colour(spec.text)) is not None:
        return Still.plain(rgb, canvas)
    from vidseg.media.images import read_flattened

    picture = read_flattened(path, BackgroundError)
    if picture is None:
        return Movie(path, canvas)
    still = Still.fitted(picture.rgb, canvas)
    still.notes += [
        f"{path}: where the background is transparent it lies on black"
    ] * picture.transparent
    return still


def named_colour(spec: str) -> tuple[int, ...] | None:
    """Return the R, G, B of ``#RRGGBB`` or a CSS name, `None` for what looks like a path.

    Raises `BackgroundError` for a malformed ``#…``, for a colour that is transparent, and for a
    word that is neither colour nor file.
    """
    if re.fullmatch("#[0-9a-fA-F]{6}", spec):
        return tuple(bytes.fromhex(spec[1:]))
    from PIL import ImageColor  # it knows the names, and takes its time to start

    try:
        *rgb, alpha = (*ImageColor.getrgb(spec), 255)[:4]
    except ValueError:
        if spec.startswith("#"):
            raise BackgroundError(f"{spec}: not a colour; write #RRGGBB, such as #00b140") from None
        if not Path(spec).suffix and "/" not in spec:
            raise BackgroundError(
                f"{spec}: no such file, and no colour either; give a picture, a video, #RRGGBB, "
                "a CSS colour name, blur, or transparent"
            ) from None
        return None
    if alpha < 255:
        raise BackgroundError(
            f"{spec}: is transparent, which a background can't be; write #{bytes(rgb).hex()}, "
            "or -b transparent for none"
        )
    return tuple(rgb)


def planes_from_rgb(
    rgb: NDArray[np.float32], colour: Colour, layout: PixelFormat, height: int
) -> Planes:
    """Return the planes of R'G'B' float32 [h, w, 3] in [0, 1], rounded to `layout`'s code values.

    `height` is the coded height, by which an untagged matrix is guessed.
    """
    matrix = rgb_to_yuv_matrix(colour, height, layout.bits).astype(np.float32)
    full = cv2.transform(rgb, matrix)
    planes: list[Plane] = []
    for index in range(3):
        plane = np.ascontiguousarray(full[..., index])
        if index:
            plane = at_chroma_size(plane, layout)
        planes.append(as_plane(np.clip(np.rint(plane), 0, layout.peak).astype(layout.dtype)))
    return tuple(planes)


def _in_light(rgb: NDArray[np.generic], canvas: Canvas) -> Planes:
    """Return the planes of an SDR picture, uint8 [h, w, 3], in the canvas's layout and light."""
    light = sdr_to(rgb.astype(np.float32) / np.float32(255), canvas.colour)
    return planes_from_rgb(light, canvas.colour, canvas.layout, canvas.info.height)


class Still:
    """One picture behind every frame: its planes, made once."""

    def __init__(self, planes: Planes) -> None:
        self._planes = planes
        self.notes: list[str] = []

    @classmethod
    def fitted(cls, rgb: NDArray[np.uint8], canvas: Canvas) -> "Still":
        """Return a picture, uint8 [h, w, 3] as it is shown, brought to the canvas."""
        place = fitting((rgb.shape[1], rgb.shape[0]), canvas.info.shown_size, canvas.fit)
        upright = placed(rgb, place, *canvas.upright_size, fill=0)
        return cls(_in_light(np.ascontiguousarray(canvas.info.orientation.coded(upright)), canvas))

    @classmethod
    def plain(cls, rgb: tuple[int, ...], canvas: Canvas) -> "Still":
        """Return one colour all over, its red, green and blue from 0 to 255."""
        colour = _in_light(np.full((2, 2, 3), rgb, np.uint8), canvas)
        info, layout = canvas.info, canvas.layout
        sizes = [layout.plane_size(index, info.width, info.height) for index in range(3)]
        return cls(
            tuple(
                as_plane(np.broadcast_to(plane[0, 0], (height, width)))
                for plane, (width, height) in zip(colour, sizes, strict=True)
            )
        )

    def behind(self, frame: Frame) -> Behind:
        """Return what gives the same planes every time."""
        return lambda _: self._planes

    def close(self) -> None:
        """Nothing is held open."""


_WORTH_SKIPPING_S = 2
_NEVER = Fraction(10**12)
"""Seconds after which what stays for ever would be followed by something."""


class Movie:
    """A video behind the frames, played at its own speed from its beginning, again and again.

    Numbered pictures are played at the clip's rate.
    """

    def __init__(self, path: Path, canvas: Canvas) -> None:
        self._canvas = canvas
        self._info = probe_video(path, BackgroundError, rate=canvas.rate)
        self.notes = [
            f"{path}: where the background is transparent it lies on black"
        ] * self._info.alpha
        self._fitting = fitting(self._info.shown_size, canvas.info.shown_size, canvas.fit)
        self._loop = _Loop(self._info, canvas.damage)
        self._origin = canvas.since
        self._shown: Once[Planes] = Once(tuple)
        self._coming: tuple[Fraction, Frame]
        self._play(Fraction(0))

    def behind(self, frame: Frame) -> Behind:
        """Return what plays at the frame's time, counted from the first frame."""
        if self._origin is None:
            self._origin = frame.time
        elapsed = frame.time - self._origin
        if elapsed - self._coming[0] > self._worth_skipping():
            self._pictures.close()
            self._play(elapsed)
        shown = None
        while self._coming[0] <= elapsed:
            shown = self._coming[1]
            self._coming = next(self._pictures)
        if shown is not None:
            self._shown = Once(partial(self._converted, shown))
        now = self._shown
        return lambda _: now.value()

    def _play(self, elapsed: Fraction) -> None:
        self._pictures = prefetch(self._loop.pictures(elapsed), 2, name="background")
        self._coming = next(self._pictures)

    def _worth_skipping(self) -> Fraction:
        """Return how many seconds ahead a frame is found sooner by starting anew than by reading.

        So it is where a clip is entered late, or pauses: for days, where its clock is damaged.
        """
        known = self._loop.length
        return max(2 * self._coming[0], Fraction(_WORTH_SKIPPING_S)) if known is None else 2 * known

    def close(self) -> None:
        """Stop decoding."""
        leave(self._pictures)

    def _converted(self, picture: Frame) -> Planes:
        """Return a picture of the video in the canvas' layout, size and colours."""
        canvas = self._canvas
        if _same_code_values(picture, canvas):
            return self._fitted(picture.planes, canvas.layout, picture.colour)
        fine = PixelFormat("fine", picture.format.bits, 0, 0)
        if picture.width * picture.height < canvas.info.width * canvas.info.height:
            # Colours are worked out where there are fewer pixels of them.
            size = (picture.width, picture.height)
            whole = [
                picture.planes[0],
                *(as_plane(cv2.resize(p, size)) for p in picture.planes[1:]),
            ]
            return self._fitted(self._recoded(picture, tuple(whole)), canvas.layout, canvas.colour)
        fitted = self._recoded(picture, self._fitted(picture.planes, fine, picture.colour))
        return tuple(
            as_plane(at_chroma_size(plane, canvas.layout) if index else plane)
            for index, plane in enumerate(fitted)
        )

    def _recoded(self, picture: Frame, planes: Planes) -> Planes:
        """Return 4:4:4 planes of a picture's code values in those of the canvas."""
        canvas, bits = self._canvas, picture.format.bits
        yuv = cv2.merge(planes)
        decoding = yuv_to_rgb_matrix(picture.colour, picture.height, bits) / 255
        if bits == canvas.layout.bits == 8 and not (
            is_hdr(picture.colour) or is_hdr(canvas.colour)
        ):
            encoding = rgb_to_yuv_matrix(canvas.colour, canvas.info.height, bits)
            matrix = np.column_stack(
                [
                    encoding[:, :3] @ decoding[:, :3],
                    encoding[:, :3] @ decoding[:, 3] + encoding[:, 3],
                ]
            )
            return tuple(
                as_plane(each) for each in cv2.split(cv2.transform(yuv, matrix.astype(np.float32)))
            )
        light = cv2.transform(yuv.astype(np.float32), decoding.astype(np.float32))
        rgb = np.asarray(np.clip(light, 0, 1), np.float32)
        if picture.colour.transfer != canvas.colour.transfer:
            rgb = sdr_to(sdr_from(rgb, picture.colour), canvas.colour)
        fine = PixelFormat("fine", canvas.layout.bits, 0, 0)
        return planes_from_rgb(rgb, canvas.colour, fine, canvas.info.height)

    def _fitted(self, planes: Planes, layout: PixelFormat, colour: Colour) -> Planes:
        """Turn upright as the background is, fit, and turn as the source is coded."""
        info = self._canvas.info
        black = 0 if colour.full_range else 16 << (layout.bits - 8)
        fitted = []
        for index, plane in enumerate(planes):
            width, height = layout.plane_size(index, info.width, info.height)
            if info.orientation.swaps_axes:
                width, height = height, width
            upright = as_plane(self._info.orientation.upright(plane))
            fill = 1 << (layout.bits - 1) if index else black
            there = placed(
                as_plane(np.ascontiguousarray(upright)), self._fitting, width, height, fill
            )
            fitted.append(as_plane(np.ascontiguousarray(info.orientation.coded(there))))
        return tuple(fitted)


def _same_code_values(picture: Frame, canvas: Canvas) -> bool:
    """Whether the same code values mean the same colour in the background and in the source."""
    mine, theirs = picture.colour, canvas.colour
    return (
        picture.format.bits == canvas.layout.bits
        and mine.full_range == theirs.full_range
        and mine.weights(picture.height) == theirs.weights(canvas.info.height)
        and (mine.transfer == theirs.transfer or not (is_hdr(mine) or is_hdr(theirs)))
    )


class _Loop:
    """A video that is looped; its `length` in seconds is known once it has ended.

    `lost` gets what can't be read, until it has been read once from beginning to end.
    """

    def __init__(self, info: VideoInfo, lost: list[Damage]) -> None:
        self._info = info
        self._lost = lost
        self._all_read = False
        self._only: Frame | None = None
        self._origin: Fraction | None = None
        self.length: Fraction | None = None

    def pictures(self, elapsed: Fraction) -> Iterator[tuple[Fraction, Frame]]:
        """Yield (time since the first beginning, picture) for ever, from `elapsed` on."""
        beginning = self._beginning(elapsed)
        while True:
            yield from self._once(beginning, elapsed)
            while self._only is not None:  # it stays: no need to read it again
                yield _NEVER, self._only
            assert self.length is not None
            beginning = max(beginning + self.length, self._beginning(elapsed))

    def _beginning(self, elapsed: Fraction) -> Fraction:
        """Return when the loop begins that `elapsed` falls into, 0 where that isn't known yet."""
        return Fraction(0) if self.length is None else elapsed // self.length * self.length

    def _once(self, beginning: Fraction, elapsed: Fraction) -> Iterator[tuple[Fraction, Frame]]:
        """Yield the pictures of one run that aren't over by `elapsed`."""
        for start in self._starts(elapsed - beginning):
            held: tuple[Fraction, Frame] | None = None
            several = False
            picture_filter = Flattener() if self._info.alpha else None
            damage = Damage()
            if not self._all_read:
                self._lost.append(damage)
            for frame in decode(self._info, Span(start), damage, picture_filter=picture_filter):
                self._origin = frame.time if self._origin is None else self._origin
                time = beginning + frame.time - self._origin
                if held is None and start is not None and time > elapsed:
                    break  # what is shown at `elapsed` begins long before
                if held is not None and time > elapsed:
                    yield held
                several = held is not None
                held = time, frame
            else:
                if held is not None:
                    self._end(damage, whole=start is None)
                    self._only = held[1] if start is None and not several else None
                    self.length = max(
                        held[0] - beginning + held[1].end - held[1].time, Fraction(1, 1000)
                    )
                    if elapsed < beginning + self.length:
                        yield held
                    return
        raise BackgroundError(f"{self._info.path}: none of its video could be decoded")

    def _end(self, damage: Damage, *, whole: bool) -> None:
        """Note that the end was read; a file that is cut short lacks a picture there at least."""
        if missing_bytes(Path(self._info.path), self._info.container):
            damage.unread = max(damage.unread, 1)
        self._all_read = self._all_read or whole

    def _starts(self, within: Fraction) -> Iterator[Fraction | None]:
        """Yield from where to read what is shown `within` s of the beginning: near it, then all."""
        if self._origin is not None and within > _WORTH_SKIPPING_S:
            end = within if self._info.duration is None else min(within, self._info.duration)
            yield self._origin + end - _WORTH_SKIPPING_S
        yield None
