"""What travels through the pipeline: frames, masks, and what is known of a source. Pure values, no I/O."""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from vidseg.colours import Appearance

Plane: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
Planes: TypeAlias = tuple[Plane, ...]


def as_plane(array: NDArray[Any]) -> Plane:
    """Say to the type checker that an array is a plane: OpenCV's and numpy's stubs know no sample types."""
    return cast(Plane, array)


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """A planar YUV layout that vidseg works in.

    `bits` per sample (samples above 8 bits are uint16, low-aligned); chroma planes are the luma size
    shifted right by `shift_x`, `shift_y`, rounding up.
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
        """Width and height of plane `index` (0 luma, 1 and 2 chroma) of a `width` x `height` picture."""
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
"""The pixel formats frames are composited in; a decoder's other formats are converted to one of these."""


@dataclass(frozen=True, slots=True)
class Colour:
    """How code values mean light: FFmpeg's numbers (ITU-T H.273), 2 where the file says nothing."""

    full_range: bool = False
    matrix: int = 2
    primaries: int = 2
    transfer: int = 2

    def weights(self, height: int) -> tuple[float, float]:
        """Return (Kr, Kb) of the luma equation (ITU-T H.273 table 4).

        Where the file names no matrix, BT.709 above 576 lines and BT.601 otherwise, as players assume.
        """
        if self.matrix in (9, 10):
            return 0.2627, 0.0593
        if self.matrix == 1 or (self.matrix not in (4, 5, 6, 7) and height > 576):
            return 0.2126, 0.0722
        if self.matrix == 7:
            return 0.212, 0.087
        return 0.299, 0.114


@dataclass(frozen=True, slots=True)
class Orientation:
    """How the coded picture is shown: turned clockwise by `quarter_turns` x 90°, then mirrored left-right."""

    quarter_turns: int = 0
    mirrored: bool = False

    @property
    def swaps_axes(self) -> bool:
        """Whether shown width is coded height."""
        return self.quarter_turns % 2 == 1

    def upright(self, picture: NDArray[np.generic]) -> NDArray[np.generic]:
        """Coded [h, w, …] → shown [h', w', …]."""
        turned = np.rot90(picture, -self.quarter_turns)
        return turned[:, ::-1] if self.mirrored else turned

    def coded(self, picture: NDArray[np.generic]) -> NDArray[np.generic]:
        """Shown [h, w, …] → coded [h', w', …]; undoes `upright`."""
        flipped = picture[:, ::-1] if self.mirrored else picture
        return np.rot90(flipped, self.quarter_turns)


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of a picture in pixels, and how wide one of these is for its height."""

    width: int
    height: int
    sample_aspect_ratio: Fraction = Fraction(1)

    def __str__(self) -> str:
        size, ratio = f"{self.width}x{self.height}", self.sample_aspect_ratio
        return size if ratio == 1 else f"{size} with pixels of {ratio.numerator}:{ratio.denominator}"


@dataclass(frozen=True, slots=True)
class Box:
    """A half-open region [left, right) x [top, bottom), in pixels of the coded picture."""

    left: int
    top: int
    right: int
    bottom: int

    def __post_init__(self) -> None:
        if self.right <= self.left or self.bottom <= self.top:
            raise ValueError(f"a box needs an area, got {self}")

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Frame:
    """One picture with its time.

    `planes`: Y, U, V as views without padding, [h, w] uint8 or uint16 (see `PixelFormat`). `pts` and
    `duration` count `time_base` units; `duration` is 0 where unknown. `owner` is the library's frame
    that holds the memory; only the encoder looks at it. `key` marks a key frame. `captions`: the library's
    tiny frame that carries the picture's closed captions (see `vidseg.side_data`), `None` without any.
    `changed_from`: the shape that the source had just before, where it is another one from this frame on;
    `shape`: the source's, which that of the planes may differ from (see `vidseg.boxing`).
    `window`: where in the planes the picture is shown, where black bars are around it.
    `deinterlaced`: the source holds it in two fields.
    """

    planes: Planes
    pts: int
    time_base: Fraction
    duration: int
    format: PixelFormat
    colour: Colour
    owner: object = None
    key: bool = False
    captions: object = None
    shape: Shape | None = None
    changed_from: Shape | None = None
    window: Box | None = None
    deinterlaced: bool = False

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
        return replace(self, planes=(), owner=None)

    def __repr__(self) -> str:
        size = f"{self.width}x{self.height} " if self.planes else ""
        return f"Frame({size}{self.format.name}, t={float(self.time):.3f} s)"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Blank:
    """Something fresh to paint on: `planes` are writable, as large as the source's picture.

    `owner` is the library's frame whose memory they are, where that is to be encoded. Where the output has an
    alpha channel, the last of `planes` is alpha, [H, W] in the layout's sample type; then it is a view of
    `alpha`, [H', W'] as large as the coded picture.
    """

    planes: Planes
    owner: object = None
    alpha: Plane | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Mask:
    """Where the people are, small, before refinement.

    `person`: float32 [h', w'], probability in [0, 1], over `box` of the coded picture (outside it: 0).
    `cut`: the first mask of a new shot. `picture`: the frame on the mask's own grid, Y, Cb, Cr in 8-bit
    codes, uint8 [h', w', 3], from which smoothing and refinement tell what moved and where edges run;
    `None` where unknown. Masks usually lie on a grid of the picture (see `vidseg.grid`).
    `parts`: where a map of parts was asked for, the part that each point shows if it shows anyone, uint8
    [h', w'], numbers of `vidseg.parts.PARTS`. `carried`: it is a mean over time already (see `vidseg.carry`).
    `appearance`: how people look near by in time, else the mask's own picture tells (see `vidseg.colours`).
    """

    person: NDArray[np.float32]
    box: Box
    cut: bool = False
    picture: NDArray[np.uint8] | None = None
    parts: NDArray[np.uint8] | None = None
    carried: bool = False
    appearance: Appearance | None = None

    @property
    def cell(self) -> int:
        """Side of the square cells of the picture's grid that the mask lies on, 0 where it lies on none."""
        height, width = self.person.shape
        side = 2  # not told by a division: where the last cell is cut, a box may be narrower than one
        while -(-self.box.width // side) > width or -(-self.box.height // side) > height:
            side *= 2
        fits = (-(-self.box.width // side), -(-self.box.height // side)) == (width, height)
        begins = self.box.left % side == self.box.top % side == 0
        return side if fits and begins else 0

    @property
    def step(self) -> tuple[float, float]:
        """Distance between the mask's points, across and down, in pixels of the picture."""
        height, width = self.person.shape
        side = self.cell
        return (side, side) if side else (self.box.width / width, self.box.height / height)

    def __repr__(self) -> str:
        height, width = self.person.shape
        return f"Mask({width}x{height} over {self.box})"


StreamKind: TypeAlias = Literal["video", "audio", "subtitle", "data", "attachment"]


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One stream of a container, as `vidseg probe` shows it; `start` and `duration` in seconds, if known."""

    index: int
    kind: StreamKind
    codec: str
    language: str | None = None
    title: str | None = None
    detail: str = ""
    attached_picture: bool = False
    start: Fraction | None = None
    duration: Fraction | None = None


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a source before decoding it.

    `width`, `height` are of the coded picture in pixels; `shown_width`, `shown_height` after rotation and
    with square pixels. `duration` in seconds, `None` where the container doesn't say; `start` is the
    video stream's start time and `container_start` that of the earliest stream, both in seconds.
    `frame_count` is the container's claim, 0 where it makes none. `display_matrix` holds nine 16.16
    numbers; `mastering_display` and `content_light_level` are HDR10's static metadata in x265's notation.
    """

    path: str
    container: str
    codec: str
    width: int
    height: int
    pix_fmt: str
    colour: Colour
    time_base: Fraction
    average_rate: Fraction | None
    start: Fraction
    container_start: Fraction
    duration: Fraction | None
    frame_count: int
    sample_aspect_ratio: Fraction
    orientation: Orientation
    streams: tuple[StreamInfo, ...]
    video_index: int
    display_matrix: tuple[int, ...] | None = None
    mastering_display: str | None = None
    content_light_level: str | None = None
    dynamic_hdr: tuple[str, ...] = ()
    """Names of HDR's dynamic metadata that its first picture carries, such as "Dolby Vision"."""
    metadata: dict[str, str] = field(default_factory=dict)
    chapters: int = 0
    interlaced: bool = False
    alpha: bool = False
    """Whether pictures may be transparent in places."""
    duration_of_file: bool = False
    """Whether `duration` reaches to the end of the longest stream: the container tells the file's only."""
    free_clock: bool = False
    """Whether the clock begins anywhere, as in transport streams; players count from its first time."""
    chroma_location: str | None = None
    """Where chroma samples lie, in FFmpeg's words such as ``topleft``; `None`: nothing says so."""
    frame_colour: Colour | None = None
    """The colour that all frames are brought to, as soon as a render has one; `None`: that of the first."""

    @property
    def origin(self) -> Fraction:
        """What is time 0 to a player, in seconds of the source's clock."""
        priming = -1 < self.container_start < 0  # what an encoder of sound puts before the first sample
        return self.container_start if self.free_clock and not priming else Fraction(0)

    @property
    def shape(self) -> Shape:
        """Size and shape of pixels that all frames are brought to."""
        return Shape(self.width, self.height, self.sample_aspect_ratio)

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height as a player shows them: upright, with square pixels."""
        width = max(1, round(self.width * self.sample_aspect_ratio))
        return (self.height, width) if self.orientation.swaps_axes else (width, self.height)


def rgb_to_yuv_matrix(colour: Colour, height: int, bits: int) -> NDArray[np.float64]:
    """Return the [3, 4] matrix from R'G'B' in [0, 1] (and a 1) to Y, Cb, Cr code values (ITU-T H.273 8.3)."""
    red, blue = colour.weights(height)
    green = 1 - red - blue
    luma = np.array([red, green, blue])
    cb = (np.array([0, 0, 1]) - luma) / (2 * (1 - blue))
    cr = (np.array([1, 0, 0]) - luma) / (2 * (1 - red))
    unit = 1 << (bits - 8)
    if colour.full_range:
        y_scale, c_scale, y_offset = (256 * unit - 1.0,) * 2 + (0.0,)
    else:
        y_scale, c_scale, y_offset = 219.0 * unit, 224.0 * unit, 16.0 * unit
    rows = np.stack([luma * y_scale, cb * c_scale, cr * c_scale])
    return np.column_stack([rows, [y_offset, 128.0 * unit, 128.0 * unit]])


def yuv_to_rgb_matrix(colour: Colour, height: int, bits: int) -> NDArray[np.float64]:
    """Return the [3, 4] matrix from Y, Cb, Cr code values (and a 1) to R'G'B' in [0, 255]."""
    forward = rgb_to_yuv_matrix(colour, height, bits)
    inverse = np.linalg.inv(forward[:, :3]) * 255.0
    return np.column_stack([inverse, -inverse @ forward[:, 3]])
