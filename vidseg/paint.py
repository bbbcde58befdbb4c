"""A frame and its mask → the planes of the output: people on a background, or their matte."""

from typing import Protocol

import numpy as np

from vidseg.background import Background, Canvas, open_background
from vidseg.composite import composite
from vidseg.errors import SettingsError
from vidseg.frames import Colour, Frame, Mask, Plane, Planes, VideoInfo
from vidseg.refine import foreground, refine
from vidseg.settings import MatteSettings, RenderSettings

_FULL_RANGE_MATTES = ("ffv1",)
"""Codecs whose mattes use the full range of code values; the others' use video range, as editors expect."""


class Painter(Protocol):
    """Fills the planes of one output frame after another."""

    def paint(self, frame: Frame, mask: Mask, out: Planes) -> None:
        """Fill `out`, writable planes of the frame's own layout and size."""

    def close(self) -> None:
        """Free everything."""


def open_painter(
    settings: RenderSettings, info: VideoInfo, first: Frame, codec: str
) -> tuple[Painter, Colour]:
    """Return what paints the output that `settings` ask for, and the output's colour tags.

    `first` tells the layout and colours that frames come in. Raises `BackgroundError`.
    """
    if settings.kind == "matte":
        colour = Colour(full_range=codec in _FULL_RANGE_MATTES)
        return MattePainter(settings.matte, invert=settings.invert, full_range=colour.full_range), colour
    if settings.background == "transparent":
        raise SettingsError(
            "-b transparent is not built yet; render over black and write the alpha with `vidseg matte`"
        )
    hide = bool(settings.segment.parts) and settings.background.partition(":")[0] == "blur"
    canvas = Canvas(info, first.format, first.colour, settings.fit)
    background = open_background(settings.background, canvas, whole_blur=hide)
    own_colours = settings.matte.decontaminate and settings.background.partition(":")[0] != "blur"
    return ScenePainter(background, settings.matte, hide=hide, own_colours=own_colours), first.colour


class ScenePainter:
    """People over a background; with `hide` the background over the people, for covering parts of them."""

    def __init__(
        self, background: Background, settings: MatteSettings, *, hide: bool, own_colours: bool
    ) -> None:
        self._background = background
        self._settings = settings
        self._hide = hide
        self._own_colours = own_colours

    def paint(self, frame: Frame, mask: Mask, out: Planes) -> None:
        """Composite the frame over its background."""
        alpha = refine(frame, mask, self._settings)
        if self._hide:
            alpha = _complement(alpha, frame.format.peak)
        people = foreground(frame, alpha) if self._own_colours else frame.planes
        composite(frame, people, alpha, self._background.planes(frame, alpha), out)

    def close(self) -> None:
        """Close the background."""
        self._background.close()


class MattePainter:
    """The alpha as luma, white for people, with neutral chroma."""

    def __init__(self, settings: MatteSettings, *, invert: bool, full_range: bool) -> None:
        self._settings = settings
        self._invert = invert
        self._full_range = full_range

    def paint(self, frame: Frame, mask: Mask, out: Planes) -> None:
        """Write the matte of the frame."""
        alpha = refine(frame, mask, self._settings)
        if self._invert:
            alpha = _complement(alpha, frame.format.peak)
        unit = 1 << (frame.format.bits - 8)
        if self._full_range:
            out[0][:] = alpha
        else:
            table = 16 * unit + np.arange(frame.format.peak + 1) * (219 * unit / frame.format.peak)
            out[0][:] = np.rint(table).astype(frame.format.dtype)[alpha]
        for plane in out[1:]:
            plane[:] = 128 * unit

    def close(self) -> None:
        """Nothing is held open."""


def _complement(alpha: Plane, peak: int) -> Plane:
    inverse: Plane = np.subtract(peak, alpha, dtype=alpha.dtype)
    return inverse
