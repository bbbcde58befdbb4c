"""Layers with exact alpha: drawn finer than they are shown, laid over each other, averaged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from samples.person import CutOut, Image

Colour: TypeAlias = tuple[float, float, float]

_FINER = 4
"""A sheet has so many rows and columns for each of the frame."""
_FRACTION_BITS = 4
"""OpenCV takes coordinates in sixteenths of a pixel of the sheet."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """What covers a frame: premultiplied RGB float32 [h, w, 3], alpha float32 [h, w] in [0, 1].

    Colours are codes in [0, 255] times alpha, as in T. Porter, T. Duff, "Compositing Digital
    Images" (1984).
    """

    premultiplied: Image
    alpha: Image

    @classmethod
    def of(cls, picture: CutOut) -> Self:
        """Return a cut-out as a layer."""
        return cls(picture.colour * picture.alpha[..., None], picture.alpha)

    def over(self, below: Self) -> Self:
        """Return this layer on top of another one."""
        through = 1 - self.alpha
        return type(self)(
            self.premultiplied + through[..., None] * below.premultiplied,
            self.alpha + through * below.alpha,
        )

    def lit(self, light: Colour) -> Self:
        """Return the layer with its colours times `light`."""
        return type(self)(self.premultiplied * np.array(light, np.float32), self.alpha)

    def mirrored(self) -> Self:
        """Return the layer with left and right exchanged."""
        return type(self)(self.premultiplied[:, ::-1], self.alpha[:, ::-1])

    def turned(self, quarters: int) -> Self:
        """Return the layer turned counter-clockwise by quarters of a circle."""
        return type(self)(np.rot90(self.premultiplied, quarters), np.rot90(self.alpha, quarters))

    def before(self, backdrop: Image) -> Image:
        """Return what is seen where the layer is before a picture, float32 [h, w, 3] in codes."""
        through = (1 - self.alpha)[..., None]
        return np.asarray(self.premultiplied + through * backdrop, np.float32)


def corners(words: str) -> Image:
    """Return the x, y of a drawing, given as ``x,y x,y``, float32 [n, 2]."""
    return np.array([corner.split(",") for corner in words.split()], np.float32)


def averaged(layers: Sequence[Layer]) -> Layer:
    """Return what a shutter sees that is open for all of the layers, equally long each."""
    colour = np.mean([layer.premultiplied for layer in layers], axis=0)
    alpha = np.mean([layer.alpha for layer in layers], axis=0)
    return Layer(colour.astype(np.float32), alpha.astype(np.float32))


class Sheet:
    """An empty sheet to draw on; coordinates x, y and widths are in pixels of the frame."""

    def __init__(self, width: int, height: int) -> None:
        self._codes = np.zeros((height * _FINER, width * _FINER, 4), np.uint8)

    def stroke(self, points: Image, width: float, colour: Colour) -> None:
        """Draw a line with round ends through `points`, float32 [n, 2]."""
        thickness = max(1, round(width * _FINER))
        cv2.polylines(
            self._codes,
            [_on_sheet(points)],
            False,
            (*colour, 255),
            thickness,
            cv2.LINE_AA,
            _FRACTION_BITS,
        )

    def shape(self, outline: Image, colour: Colour) -> None:
        """Fill the polygon with the corners `outline`, float32 [n, 2]."""
        where = [_on_sheet(outline)]
        cv2.fillPoly(self._codes, where, (*colour, 255), cv2.LINE_AA, _FRACTION_BITS)

    def rounded(self, points: Image, width: float, colour: Colour) -> None:
        """Draw a stroke that looks round: narrower and lighter ones on a wide and dark one."""
        for share in np.linspace(1, 0.15, 10):
            shade = 1.12 - 0.5 * share**2
            red, green, blue = (min(255.0, channel * shade) for channel in colour)
            self.stroke(points, width * share, (red, green, blue))

    def layer(self) -> Layer:
        """Return what was drawn, at the frame's size: means over the sheet's pixels."""
        height, width = (side // _FINER for side in self._codes.shape[:2])
        codes = cv2.resize(self._codes, (width, height), interpolation=cv2.INTER_AREA)
        coloured: NDArray[np.float32] = codes.astype(np.float32)
        return Layer(coloured[..., :3], coloured[..., 3] / 255)


def _on_sheet(points: Image) -> NDArray[np.int32]:
    """Return the frame's x, y on the sheet, in OpenCV's fixed point."""
    fine = (points + 0.5) * _FINER - 0.5
    return np.asarray(np.rint(fine * 2**_FRACTION_BITS), np.int32)
