"""Shot-boundary detection from thumbnails, and the spans of frames that tracking takes. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidseg.frames.frame import Frame
from vidseg.matting.restarts import stretch_at

_THUMBNAIL = (32, 18)
_MINIMUM_CHANGE = 20.0
_TIMES_THE_USUAL = 3.0
_MEMORY = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class FrameSpan:
    """Frames in order. `cut`: they begin a shot; `fresh`: they know nothing of those before."""

    frames: list[Frame]
    begins_shot: bool
    fresh: bool


def frame_spans(
    frames: Iterable[Frame], length: Callable[[Frame, bool], int]
) -> Iterator[FrameSpan]:
    """Group frames, in order, into spans that no cut and no restart divides.

    The first begins a shot. For restarts see `vidseg.matting.restarts`. `length` tells how many
    frames a span may have, given its first and whether it is fresh; it is asked once all spans
    before have been dealt with.
    """
    held: list[Frame] = []
    begins = restarts = True
    most = 0
    for cut, frame in detect_cuts(frames):
        restart = bool(held) and stretch_at(frame.time) != stretch_at(held[-1].time)
        if held and (cut or restart or len(held) == most):
            yield FrameSpan(held, begins, begins or restarts)
            held, begins, restarts = [], cut, restart
        if not held:
            most = length(frame, begins or restarts)
        held.append(frame)
    if held:
        yield FrameSpan(held, begins, begins or restarts)


def detect_cuts(frames: Iterable[Frame]) -> Iterator[tuple[bool, Frame]]:
    """Yield every frame with whether it is the first of a shot, or of another shape than before.

    A cut is a change between thumbnails that is large in itself and against the changes just before
    it, so that neither fast motion nor a shaken camera counts.
    """
    before: NDArray[np.float32] | None = None
    usual = 0.0
    for frame in frames:
        now = thumbnail(frame)
        change = (
            np.inf
            if before is None or before.shape != now.shape
            else float(np.abs(now - before).mean())
        )
        cut = (
            change > max(_MINIMUM_CHANGE, _TIMES_THE_USUAL * usual)
            or frame.changed_from is not None
        )
        usual = 0.0 if cut else max(change, _MEMORY * usual)
        before = now
        yield cut, frame


def thumbnail(frame: Frame) -> NDArray[np.float32]:
    """Return the frame as Y, Cb, Cr in 8-bit code values, float32 [18, 32, 3].

    Every few samples are read: a cut shows in them as well as in all.
    """
    scale = 1 / (1 << (frame.format.bits - 8))
    planes = []
    for plane in frame.planes:
        across, down = (
            max(1, length // (4 * small))
            for length, small in zip(plane.shape[::-1], _THUMBNAIL, strict=True)
        )
        sparse = np.ascontiguousarray(plane[::down, ::across])
        planes.append(cv2.resize(sparse, _THUMBNAIL, interpolation=cv2.INTER_AREA))
    return np.stack(planes, axis=-1).astype(np.float32) * np.float32(scale)
