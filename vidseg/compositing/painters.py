"""Painters: a frame and its alpha → the planes of the output, one for each kind of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np

from vidseg.compositing.background import Background, Behind, Canvas, open_background
from vidseg.compositing.colour_extension import extend_colours
from vidseg.compositing.composite import composite
from vidseg.compositing.decontaminate import estimate_foreground, with_edge
from vidseg.compositing.despill import despilled, screen_behind
from vidseg.frames.colour import Colour
from vidseg.frames.frame import Frame, PixelFormat, Planes, as_plane
from vidseg.matting import part_map
from vidseg.matting.alpha import Alpha
from vidseg.matting.cells import Floats
from vidseg.matting.mask_source import Layer
from vidseg.media.damage import Damage
from vidseg.media.source import is_photo
from vidseg.media.video_info import VideoInfo
from vidseg.settings import BackgroundSpec, PreviewSettings, RenderSettings

Brush: TypeAlias = Callable[[Layer, Planes], Alpha]
"""Fills writable planes of `open_painter`'s layout for one layer; returns the alpha that shows.

Alpha is the fourth plane of a cut-out. Where a render writes two outputs, the planes of the first
are followed by those of the second. It may be called in any thread.
"""


class Painter(Protocol):
    """Fills the planes of output frames; `notes` are for the user."""

    notes: list[str]

    def brush(self, frame: Frame) -> Brush:
        """Return what paints `frame`, which is not before those that were asked for before."""

    def close(self) -> None:
        """Free everything."""


@dataclass(frozen=True, slots=True)
class Surface:
    """What an output's planes are like: their layout, and how their code values mean colours."""

    layout: PixelFormat
    colour: Colour


def open_painter(
    settings: RenderSettings,
    info: VideoInfo,
    first: Frame,
    full_range: Sequence[bool],
    damage: Damage | None = None,
) -> tuple[Painter, tuple[Surface, ...]]:
    """Return what paints the outputs that `settings` ask for, and what the planes of each are like.

    `first` tells the layout and colours that frames come in; `full_range`, for each output, whether
    a matte in it uses all code values. `damage` is told what of the background can't be read.
    Raises `BackgroundError`.
    """
    own = Surface(first.format, first.colour)
    if settings.kind == "matte":
        painter, matte = _matte(settings, first, full_range[0])
        return painter, (matte,)
    if settings.kind == "parts":
        return PartsPainter(), (Surface(part_map.LAYOUT, part_map.COLOUR),)
    behind = [] if damage is None else damage.behind
    canvas = Canvas(info, first.format, first.colour, settings.fit, first.time, behind)
    if settings.cutout:
        black = open_background(BackgroundSpec("black"), canvas) if settings.premultiplied else None
        cutout = CutoutPainter(black, own_colours=settings.matte.decontaminate)
        if not settings.pair:
            return cutout, (own,)
        painter, matte = _matte(settings, first, full_range[1])
        return PairPainter(cutout, painter), (own, matte)
    return open_scene(settings, canvas), (own,)


def open_scene(
    settings: RenderSettings | PreviewSettings, canvas: Canvas, background: Background | None = None
) -> "ScenePainter":
    """Return what paints people over a background, or a blur over parts that are hidden.

    The background is the one that `settings` name, unless another is given.
    """
    blurred = settings.behind.kind == "blur"
    hide = blurred and bool(settings.model.parts)
    if background is None:
        background = open_background(settings.behind, canvas, whole_blur=hide)
    return ScenePainter(
        background,
        hide=hide,
        own_colours=settings.matte.decontaminate and not blurred,
        opacity=None if blurred else _opacity_of(canvas.info),
    )


def _opacity_of(info: VideoInfo) -> Floats | None:
    """Return a photo's own opacity, float32 [h, w] in [0, 1], `None` where it is opaque."""
    if not is_photo(info):
        return None
    from vidseg.media.images import read_opacity

    opacity = read_opacity(Path(info.path))
    return None if opacity is None else opacity * np.float32(1 / 255)


def _matte(
    settings: RenderSettings, first: Frame, full_range: bool
) -> "tuple[MattePainter, Surface]":
    painter = MattePainter(invert=settings.invert, full_range=full_range)
    return painter, Surface(first.format, Colour(full_range=full_range))


class ScenePainter:
    """People over a background; with `hide`, the background over the people, to cover parts."""

    def __init__(
        self,
        background: Background,
        *,
        hide: bool,
        own_colours: bool,
        opacity: Floats | None = None,
    ) -> None:
        self.notes = background.notes
        self._background = background
        self._hide = hide
        self._own_colours = own_colours
        self._opacity = opacity

    def brush(self, frame: Frame) -> Brush:
        """Return what composites the frame over its background."""
        return partial(self._paint, self._background.behind(frame))

    def _paint(self, behind: Behind, layer: Layer, out: Planes) -> Alpha:
        """Composite the frame over what is `behind`; return the alpha of those kept, or hidden."""
        frame, shown = layer.frame, layer.alpha
        alpha = shown.complement if self._hide else shown
        people, edge = _people(frame, alpha, own_colours=self._own_colours)
        if self._opacity is not None:  # colours first: what is thin isn't mixed with the old room
            people = people if edge is None else with_edge(frame, alpha, edge)
            edge, thin = None, np.rint(alpha.plane * self._opacity)
            alpha = Alpha.of(as_plane(thin.astype(frame.format.dtype)), frame.format)
        composite(people, alpha, behind(alpha.plane), out, edge)
        return shown if self._hide else alpha

    def close(self) -> None:
        """Close the background."""
        self._background.close()


class CutoutPainter:
    """People with an alpha plane; straight, or, with a black background, multiplied by alpha.

    Where nothing of a person is, straight colours go on as the person's own (see
    `vidseg.compositing.colour_extension`): filters that reach across the edge find the right
    colour there, and nothing of the old room is left in the file.
    """

    def __init__(self, black: Background | None, *, own_colours: bool) -> None:
        self.notes: list[str] = []
        self._own_colours = own_colours
        self._black = black

    def brush(self, frame: Frame) -> Brush:
        """Return what writes the colours and alpha of any frame."""
        return self._paint

    def _paint(self, layer: Layer, out: Planes) -> Alpha:
        """Write colours and, as the last plane, alpha."""
        self.paint_with(layer.frame, layer.alpha, out[:3])
        out[3][:] = layer.alpha.plane
        return layer.alpha

    def paint_with(self, frame: Frame, alpha: Alpha, out: Planes) -> None:
        """Write the colours that belong to `alpha`."""
        people, edge = _people(frame, alpha, own_colours=self._own_colours)
        if self._black is not None:
            composite(people, alpha, self._black.behind(frame)(alpha.plane), out, edge)
            return
        if edge is not None:
            people = with_edge(frame, alpha, edge)
        for index, plane in enumerate(people):
            out[index][:] = extend_colours(plane, alpha.at(index)[0], frame.format.peak)

    def close(self) -> None:
        """Close the black background."""
        if self._black is not None:
            self._black.close()


class PairPainter:
    """The people's straight colours for one output, their matte for another."""

    def __init__(self, cutout: CutoutPainter, matte: "MattePainter") -> None:
        self.notes: list[str] = []
        self._cutout = cutout
        self._matte = matte

    def brush(self, frame: Frame) -> Brush:
        """Return what writes the colours and the matte of any frame."""
        return self._paint

    def _paint(self, layer: Layer, out: Planes) -> Alpha:
        """Write the first three planes with colours, the next with the matte."""
        self._cutout.paint_with(layer.frame, layer.alpha, out[:3])
        self._matte.paint_with(layer.frame, layer.alpha, out[3:])
        return layer.alpha

    def close(self) -> None:
        """Close both."""
        self._cutout.close()
        self._matte.close()


class MattePainter:
    """The alpha as luma, white for people, with neutral chroma."""

    def __init__(self, *, invert: bool, full_range: bool) -> None:
        self.notes: list[str] = []
        self._invert = invert
        self._full_range = full_range

    def brush(self, frame: Frame) -> Brush:
        """Return what writes the matte of any frame."""
        return self._paint

    def _paint(self, layer: Layer, out: Planes) -> Alpha:
        """Write the matte of the frame."""
        self.paint_with(layer.frame, layer.alpha, out)
        return layer.alpha

    def paint_with(self, frame: Frame, alpha: Alpha, out: Planes) -> None:
        """Write `alpha`."""
        matte = (alpha.complement if self._invert else alpha).plane
        unit = 1 << (frame.format.bits - 8)
        if self._full_range:
            out[0][:] = matte
        else:
            table = 16 * unit + np.arange(frame.format.peak + 1) * (219 * unit / frame.format.peak)
            out[0][:] = np.rint(table).astype(frame.format.dtype)[matte]
        for plane in out[1:]:
            plane[:] = 128 * unit

    def close(self) -> None:
        """Nothing is held open."""


class PartsPainter:
    """The parts of people's bodies, each in its colour, on black."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def brush(self, frame: Frame) -> Brush:
        """Return what writes the map of any frame."""
        return self._paint

    def _paint(self, layer: Layer, out: Planes) -> Alpha:
        """Write the map of the frame, in `vidseg.matting.part_map.LAYOUT`."""
        mask, alpha = layer.mask, layer.alpha
        assert mask.parts is not None, "settings of this kind ask for parts"
        part_map.paint(mask.parts, mask, alpha.plane, layer.frame.format.peak, out)
        return alpha

    def close(self) -> None:
        """Nothing is held open."""


def _people(frame: Frame, alpha: Alpha, *, own_colours: bool) -> tuple[Planes, list[Floats] | None]:
    """Return planes with the people's colours, and what stands for them in the cells of `alpha`.

    With `own_colours` they are those without the light of what was behind (see `foreground`,
    `despilled`).
    """
    if not own_colours:
        return frame.planes, None
    edge = estimate_foreground(frame, alpha)
    screen = screen_behind(frame, alpha)
    if screen is None:
        return frame.planes, edge
    return despilled(with_edge(frame, alpha, edge), alpha, screen), None
