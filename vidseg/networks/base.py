"""The interface of networks that find people: `Segmenter`, its traits and its scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vidseg.errors import ModelError

_LARGEST_ENLARGEMENT = 2.0

Memory: TypeAlias = Sequence[NDArray[np.float32]]
"""What a network remembers of a picture: maps [h', w', c] that are spread over it, as it was."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scores:
    """What a network says of a batch.

    `person`: float32 [N, h', w'] logits (0 is as likely as not), one grid point per network cell.
    `parts`: float32 [N, h', w', 24] logits in the order of `vidseg.body_parts.PARTS`, or `None`
    where the model has none or none were asked for.
    """

    person: NDArray[np.float32]
    parts: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.person.ndim != 3:
            raise ValueError(f"person logits must be [N, h, w], got {self.person.shape}")
        if self.parts is not None and self.parts.shape != (*self.person.shape, 24):
            raise ValueError(
                f"part logits must be {(*self.person.shape, 24)}, got {self.parts.shape}"
            )

    def __repr__(self) -> str:
        parts = None if self.parts is None else self.parts.shape
        return f"Scores(person={self.person.shape}, parts={parts})"


def short_input(width: int, height: int, side: int) -> float:
    """Return the input's short side for a region: `side`, or less where that would enlarge it much.

    A small person is found better when enlarged; beyond twice the size there is nothing to see.
    """
    return min(float(side), _LARGEST_ENLARGEMENT * min(width, height))


def only_plane(
    name: str, what: str, outputs: list[NDArray[np.float32]], batch: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Return a network's one output [N, h, w], of its input's size; raise `ModelError` for others.

    `name` is the model's, `what` the output's.
    """
    if len(outputs) != 1 or outputs[0].shape != (*batch.shape[:3], 1):
        raise ModelError(
            f"{name}: expected one {what} {(*batch.shape[:3], 1)}, "
            f"the network gives {[output.shape for output in outputs]}"
        )
    return outputs[0][..., 0]


def logits(probability: NDArray[np.float32], certain: float) -> NDArray[np.float32]:
    """Return ln(p / (1 - p)) of probabilities, float32 of the same shape.

    Those within `certain` of 0 or 1, or beyond, count as this far from them: else logits were
    infinite.
    """
    clipped = np.clip(probability, np.float32(certain), np.float32(1 - certain))
    return np.log(clipped / (1 - clipped))


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What the stages around a network need to know of it.

    `whole_side`: good short side in pixels of its input for whole frames; `person_side`: good input
    height in pixels for one person who fills it; `margin`: share of a person's box added on each
    side of a region of interest; `logit_bias` and `logit_gain`: what is added to the logits, and
    the factor on the sum, that make them honest probabilities; `fixed_size`: (width, height) where
    the input's size can't be chosen; `corner_aligned`: whether the first and last score lie on the
    first and last pixel (strided convolutions padded to stride x n + 1) or score cells tile the
    picture; `batch_size`: frames per call that the device likes; `soft`: whether scores tell how
    opaque people are, between 0 and 1 where hair is, rather than how likely someone is there;
    `whole_bodies`: whether it sees people from head to foot as well as those close to the camera.
    """

    whole_side: int
    person_side: int
    margin: float
    logit_gain: float
    logit_bias: float = 0.0
    fixed_size: tuple[int, int] | None
    corner_aligned: bool
    batch_size: int
    has_parts: bool
    soft: bool = False
    whole_bodies: bool = True


@runtime_checkable
class Segmenter(Protocol):
    """Finds people in small pictures. Used from one thread; `close` frees what it holds."""

    @property
    def name(self) -> str:
        """The model's name, for reports."""

    @property
    def device(self) -> str:
        """What it runs on, for people: ``CPU (LiteRT, 1 thread)``, ``GPU 0 (TensorFlow)``."""

    @property
    def traits(self) -> Traits:
        """What the stages around it need to know."""

    def input_size(self, width: int, height: int, side: int) -> tuple[int, int]:
        """Return the input's (width, height) for a region of that size, short side near `side`."""

    def segment(self, batch: NDArray[np.uint8]) -> Scores:
        """Score uint8 [N, h, w, 3] RGB, N ≥ 1, (w, h) as `input_size` gave it."""

    def close(self) -> None:
        """Free the network."""


@runtime_checkable
class Recurrent(Segmenter, Protocol):
    """A segmenter that sees better what it has seen before: pictures of one scene, in order."""

    def segment_next(
        self, picture: NDArray[np.uint8], memory: Memory | None
    ) -> tuple[Scores, Memory]:
        """Score uint8 [h, w, 3] RGB, given what is remembered of the picture before, if any.

        `memory` is spread over this picture: where the view has moved, it has been moved along.
        Returns scores of a batch of one, and the memory for the next picture.
        """
