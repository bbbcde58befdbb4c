"""Sources of masks: the interface for finding people in frames, and tracking as one of them.

A network with tracking is one; one with memory, a key colour, or a matte from a file would be
another class with the same two operations.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from vidseg.frames.frame import Frame
from vidseg.frames.geometry import Orientation
from vidseg.matting.alpha import Alpha
from vidseg.matting.mask import Mask
from vidseg.matting.people.keeping import only_kept
from vidseg.matting.people.survey import Survey
from vidseg.matting.refinement.refine import refine
from vidseg.matting.smoothing import smooth_masks
from vidseg.matting.tracking.tracker import Tracker
from vidseg.networks.base import Segmenter
from vidseg.settings import MatteSettings, ModelSettings
from vidseg.system.cores import workers

_CORES_PER_WORKER, _MOST_WORKERS = 2, 4
"""Threads that propagate masks, and as many that smooth them, where there are four cores at least.

One of the latter sees to tracking meanwhile.
"""


class MaskSource(Protocol):
    """Finds people in frames. For one clip, or one picture, at a time."""

    def follow(
        self, frames: Iterable[Frame], begin: Fraction | None = None
    ) -> Iterator[tuple[Frame, Mask]]:
        """Yield every frame with its mask, in order; a few frames may be held.

        Frames before `begin`, a restart of `vidseg.matting.restarts` in seconds, are left out; from
        there on the masks are those of a clip that was followed from its beginning.
        """

    def refine(self, frame: Frame, mask: Mask) -> Alpha:
        """Return the full-size alpha of a frame, given the mask that `follow` yielded with it.

        May be called from another thread than `follow`, in any order, and again with the same
        result.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A frame and how opaque the people are in it."""

    frame: Frame
    mask: Mask
    alpha: Alpha


def refined(pairs: Iterable[tuple[Frame, Mask]], source: MaskSource) -> Iterator[Layer]:
    """Yield frames with their masks, as `source` followed them, with the alpha of each."""
    for frame, mask in pairs:
        yield Layer(frame, mask, source.refine(frame, mask))


def source_of_masks(
    segmenter: Segmenter,
    model: ModelSettings,
    matte: MatteSettings,
    orientation: Orientation | None = None,
    survey: Survey | None = None,
) -> MaskSource:
    """Return what finds the people of one clip or picture as the settings ask; see `TrackedSource`.

    Every render, preview and call of the library gets it here.
    """
    return TrackedSource(segmenter, model, matte, orientation, survey)


class TrackedSource:
    """People tracked with a network; their masks smoothed over time, and refined by the picture.

    `orientation`: how the coded frames are shown. `survey`: who is kept, `None`: all. Raises
    `ModelError` where body parts are asked for that the network doesn't know.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        model: ModelSettings,
        matte: MatteSettings,
        orientation: Orientation | None = None,
        survey: Survey | None = None,
    ) -> None:
        self._workers = workers(_CORES_PER_WORKER, _MOST_WORKERS)
        self._tracker = Tracker(
            segmenter, model, orientation or Orientation(), workers=self._workers
        )
        self._matte, self._soft = matte, segmenter.traits.soft
        self._survey = survey

    def follow(
        self, frames: Iterable[Frame], begin: Fraction | None = None
    ) -> Iterator[tuple[Frame, Mask]]:
        """Yield every frame with its smoothed mask; see `MaskSource.follow`."""
        pairs = self._tracker.follow(frames, begin)
        if self._survey is not None:
            pairs = only_kept(pairs, self._survey)
        return smooth_masks(pairs, self._matte.smooth, workers=self._workers)

    def refine(self, frame: Frame, mask: Mask) -> Alpha:
        """Return the alpha of a frame; see `vidseg.matting.refinement.refine.refine`."""
        return refine(frame, mask, self._matte, soft=self._soft)
