"""Comparison: what several networks make of the same moments of a clip, a column each.

They are opened one after the other, so that memory is that of one. What each made of a moment is
kept as a compressed picture until all have seen it: only then is the hardest edge known.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from statistics import median_low

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.geometry import Box
from vidseg.frames.planes import reduced
from vidseg.media.damage import Damage
from vidseg.media.video_info import VideoInfo
from vidseg.networks import check_named, open_segmenter
from vidseg.networks.base import Segmenter
from vidseg.rendering.moments import Moments, at_moments, layer_at, over_background
from vidseg.reports.contact_sheet import SheetRow
from vidseg.reports.thumbnails import Rgb, alpha_of, decoded, fitted_size, picture_of, png
from vidseg.settings import PreviewSettings
from vidseg.system.text import printable

Floats = NDArray[np.float32]

_SIDE = 320
"""Longer side in pixels of the alphas that are compared."""

_ZOOM = (4.0, 6.0)
"""How many times larger than in the picture above a cut-out is: at least, and at most."""

_PIXELS = (1.5, 3.0)
"""How large it shows a pixel of the source: so where that is possible, and never larger."""

_SOMEBODY = 0.001
"""Share of the picture from which on a network has seen somebody."""

_SAME = 2.0
"""Codes of 255, as a mean over a cut-out, by which alphas differ without meaning it."""

_SPREAD = 0.2
"""Standard deviation of the weights by which a place's surroundings count, in cut-outs."""

_SQUARES = 2
"""How much smaller than in a preview a checkerboard's squares are, since cut-outs enlarge them."""

_MARK, _MARK_WIDTH = (255, 196, 0), 2
"""Colour and width in pixels of the frame around what is enlarged."""

HARDEST = "hardest edge"


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A moment as a network sees it, upright, pixels square.

    `time`: seconds of the player's clock; `result`, and `original` for the first network: PNG of
    full size; `alpha`: uint8 [h, w], small; `frame_s`: seconds that a frame took.
    """

    time: Fraction
    original: bytes
    result: bytes
    alpha: NDArray[np.uint8]
    frame_s: float


@dataclass(frozen=True, slots=True, eq=False)
class _Column:
    """A network: what was asked for, what it calls itself and runs on, and what it saw."""

    given: str
    name: str
    device: str
    seen: Sequence[_Seen]


def compared(settings: PreviewSettings, info: VideoInfo) -> Moments:
    """Return the moments that `settings` ask for as each of its networks makes them.

    A moment has two rows: whole pictures, and cut-outs of the place where the networks differ most.
    Raises `ModelError`, `DeviceError` and `DownloadError` as `open_segmenter` does.
    """
    for model in settings.networks:
        check_named(model)
    columns: list[_Column] = []
    damage = Damage()
    for model in settings.networks:
        alone = replace(settings, model=model, models=())
        with closing(open_segmenter(model)) as segmenter:
            look = partial(_look, alone, info, segmenter, damage, first=not columns)
            seen = (
                [look(each.time) for each in columns[0].seen]
                if columns
                else at_moments(settings, info, look)
            )
            columns.append(_Column(model.name, segmenter.name, segmenter.device, seen))
    moments = zip(*(column.seen for column in columns), strict=True)
    rows = [row for moment in moments for row in _rows(settings, info, moment)]
    devices = ", ".join(dict.fromkeys(column.device.partition(" (")[0] for column in columns))
    headings = ["Original", *_headings(columns)]
    return Moments(headings, rows, f"{len(columns)} networks on {devices}", damage)


def _headings(columns: Sequence[_Column]) -> Iterator[str]:
    """Yield each network's name and its time a frame, without what it does once, at first."""
    names = [column.name for column in columns]
    for column in columns:
        name = column.name if names.count(column.name) == 1 else column.given
        frame_s = median_low(each.frame_s for each in column.seen)
        yield f"{printable(name)} · {1000 * frame_s:.0f} ms a frame"


def _look(
    settings: PreviewSettings,
    info: VideoInfo,
    segmenter: Segmenter,
    damage: Damage,
    time: Fraction,
    *,
    first: bool,
) -> _Seen:
    """Return the moment at `time` as a network sees it, with the original for the first one."""
    layer, frame_s = layer_at(settings, info, segmenter, time)
    frame, size = layer.frame, fitted_size(info, settings.width, settings.width)
    fine = (_SQUARES * size[0], _SQUARES * size[1])
    result = over_background(settings, info, layer, fine, damage)
    small = fitted_size(info, _SIDE, _SIDE)
    return _Seen(
        time=frame.time - info.container_start,
        original=png(picture_of(frame, info, info.shown_size)) if first else b"",
        result=png(picture_of(result, info, info.shown_size)),
        alpha=alpha_of(layer.alpha.plane, frame.format.peak, info, small)[..., 0].copy(),
        frame_s=frame_s,
    )


def _rows(
    settings: PreviewSettings, info: VideoInfo, moment: Sequence[_Seen]
) -> tuple[SheetRow, SheetRow]:
    """Return a moment's rows: the whole pictures, and cut-outs of the hardest edge."""
    size = fitted_size(info, settings.width, settings.width)
    zoom = _zoom(info.shown_size[0] / size[0])
    box = _box(hardest([each.alpha for each in moment], zoom), zoom, info.shown_size)
    whole, cut = [], []
    for data in (moment[0].original, *(each.result for each in moment)):
        full = decoded(data)
        whole.append(np.ascontiguousarray(reduced(full, *size), np.uint8))
        part = full[box.top : box.bottom, box.left : box.right]
        cut.append(np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_CUBIC), np.uint8))
    _mark(whole[0], box, size[0] / info.shown_size[0])
    detail = f"{zoom:.2g} times as large"
    return (
        SheetRow(moment[0].time, "", whole),
        SheetRow(moment[0].time, detail, cut, label=HARDEST),
    )


def _zoom(reduction: float) -> float:
    """Return how much larger cut-outs are than pictures `reduction` times smaller than full."""
    least = min(max(_PIXELS[0] * reduction, _ZOOM[0]), _ZOOM[1])
    return max(1.0, min(least, _PIXELS[1] * reduction))


def hardest(alphas: Sequence[NDArray[np.uint8]], zoom: float) -> tuple[float, float]:
    """Return the middle (x, y), in [0, 1], of where alphas [h, w], 0 to 255, differ most at edges.

    As a mean over a cut-out that is enlarged `zoom` times. Edges count as well, so that it shows
    one, not the inside of what only some take for a person. Where all agree, or only one shows
    anybody, it is where alpha is softest; where nobody is, the picture's middle.
    """
    height, width = alphas[0].shape
    sigma = _SPREAD * max(height, width) / zoom
    stack = np.stack(alphas).astype(np.float32)
    differing = _around(stack.max(axis=0) - stack.min(axis=0), sigma)
    if ((stack > 127).mean(axis=(1, 2)) > _SOMEBODY).sum() > 1 and differing.max() > _SAME:
        score = differing * _around(np.mean([_edges(each) for each in stack], axis=0), sigma)
    else:
        score = _around((stack * (255 - stack)).max(axis=0), sigma)
    if score.max() <= 0:
        return 0.5, 0.5
    y, x = divmod(int(score.argmax()), width)
    return (x + 0.5) / width, (y + 0.5) / height


def _around(plane: Floats, sigma: float) -> Floats:
    """Return means of a plane [h, w] around each pixel."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)


def _edges(alpha: Floats) -> Floats:
    """Return how much an alpha [h, w] changes around each pixel."""
    near = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.morphologyEx(alpha, cv2.MORPH_GRADIENT, near), np.float32)


def _box(middle: tuple[float, float], zoom: float, size: tuple[int, int]) -> Box:
    """Return the part of a picture of `size`, `zoom` times smaller, around `middle`, inside it."""
    starts, sides = [], []
    for place, whole in zip(middle, size, strict=True):
        side = max(1, round(whole / zoom))
        sides.append(side)
        starts.append(min(max(0, round(place * whole - side / 2)), whole - side))
    (left, top), (width, height) = starts, sides
    return Box(left, top, left + width, top + height)


def _mark(picture: Rgb, box: Box, scale: float) -> None:
    """Draw where `box` lies in a picture `scale` times as large as the one it is of."""
    edges = [round(edge * scale) for edge in (box.left, box.top, box.right - 1, box.bottom - 1)]
    cv2.rectangle(picture, (edges[0], edges[1]), (edges[2], edges[3]), _MARK, _MARK_WIDTH)
