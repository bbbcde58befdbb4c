"""Frames: planes with their times and colour, and the pixel formats that they come in. Pure."""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from vidseg.frames.colour import Colour
from vidseg.frames.geometry import Box

Plane: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
Planes: TypeAlias = tuple[Plane, ...]


def as_plane(array: NDArray[Any]) -> Plane:
    """Cast an array to a plane for the type checker: the stubs of OpenCV lack sample types."""
    return cast(Plane, array)


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """A planar YUV layout that vidseg works in.

    `bits` per sample (samples above 8 bits are uint16, low-aligned); chroma planes are the luma
    size shifted right by `shift_x`, `shift_y`, rounding up.
    """

    name: str
    bits: int
    shift_x: int
    shift_y: int

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """Type of one sample."""
        return np.uint8 if self.bits == 8 else np.uint16

    @property
    def peak(self) -> int:
        """Largest code value, 255 for 8 bits."""
        return (1 << self.bits) - 1

    def plane_size(self, index: int, width: int, height: int) -> tuple[int, int]:
        """Width and height of plane `index` (0 luma, 1, 2 chroma), given the picture's."""
        if index == 0:
            return width, height
        return -(-width >> self.shift_x), -(-height >> self.shift_y)


def _formats() -> dict[str, PixelFormat]:
    table = {}
    for bits, suffix in ((8, ""), (10, "10le"), (12, "12le")):
        for sub, shift_x, shift_y in (("420", 1, 1), ("422", 1, 0), ("444", 0, 0)):
            name = f"yuv{sub}p{suffix}"
            table[name] = PixelFormat(name, bits, shift_x, shift_y)
    return table


WORKING_FORMATS: dict[str, PixelFormat] = _formats()
"""Pixel formats that frames are composited in; a decoder's other formats are converted to these."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of a picture in pixels, and how wide one of these is for its height."""

    width: int
    height: int
    sample_aspect_ratio: Fraction = Fraction(1)

    def __str__(self) -> str:
        size, ratio = f"{self.width}x{self.height}", self.sample_aspect_ratio
        return (
            size if ratio == 1 else f"{size} with pixels of {ratio.numerator}:{ratio.denominator}"
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Frame:
    """One picture with its time.

    `planes`: Y, U, V as views without padding, [h, w] uint8 or uint16 (see `PixelFormat`). `pts`
    and `duration` count `time_base` units; `duration` is 0 where unknown.
    `captions`: the library's tiny frame that carries the picture's closed captions (see
    `vidseg.media.side_data`), `None` without any. `changed_from`: the shape that the source had
    just before, where it is another one from this frame on; `shape`: the source's, which that of
    the planes may differ from (see `vidseg.frames.letterbox`). `window`: where in the planes the
    picture is shown, where black bars are around it. `deinterlaced`: the source holds it in two
    fields. `reductions`: what `vidseg.frames.planes.cell_means` has made of it, by plane and side.
    """

    planes: Planes
    pts: int
    time_base: Fraction
    duration: int
    format: PixelFormat
    colour: Colour
    captions: object = None
    shape: Shape | None = None
    changed_from: Shape | None = None
    window: Box | None = None
    deinterlaced: bool = False
    reductions: dict[tuple[int, int], tuple[Box, Plane]] = field(default_factory=dict, init=False)

    @property
    def width(self) -> int:
        """Luma columns."""
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        """Luma rows."""
        return int(self.planes[0].shape[0])

    @property
    def whole(self) -> Box:
        """The box around all of it."""
        return Box(0, 0, self.width, self.height)

    @property
    def time(self) -> Fraction:
        """Presentation time in seconds, exact."""
        return self.pts * self.time_base

    @property
    def end(self) -> Fraction:
        """When it ceases to be shown, in seconds, exact as far as `duration` is."""
        return (self.pts + self.duration) * self.time_base

    @property
    def without_picture(self) -> "Frame":
        """The frame's times alone, without the memory that its planes take."""
        return replace(self, planes=())

    def __repr__(self) -> str:
        size = f"{self.width}x{self.height} " if self.planes else ""
        return f"Frame({size}{self.format.name}, t={float(self.time):.3f} s)"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OutputBuffer:
    """Memory to paint an output into: `planes` are writable, as large as the source's picture.

    `owner` is the library's frame whose memory they are, where that is to be encoded. Where the
    output has an alpha channel, the last of `planes` is alpha, [H, W] in the layout's sample type;
    then it is a view of `alpha`, [H', W'] as large as the coded picture.
    """

    planes: Planes
    owner: object = None
    alpha: Plane | None = None
