"""The interface of runtimes, and how 8-bit pixels are scaled for a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vidseg.errors import ModelError

States: TypeAlias = Sequence[NDArray[np.float32]]
"""What a recurrent network hands on from picture to picture: maps [N, h', w', c] over it."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """How 8-bit RGB becomes what a network was trained on: ``value * gain + offsets[channel]``."""

    gain: float
    offsets: tuple[float, float, float]

    def table(self) -> NDArray[np.float32]:
        """Return the 256 results per channel, float32 [1, 256, 3]."""
        table = np.empty((1, 256, 3), np.float32)
        table[:] = np.arange(256)[:, None] * self.gain + np.array(self.offsets)
        return table


def closed(path: Path) -> ModelError:
    """Return the error of a network that is asked after it was closed."""
    return ModelError(f"{path}: its segmenter is closed; open another, with vidseg.open_segmenter")


def other_inputs(path: Path, states: int, found: object) -> ModelError:
    """Return the error of a network that takes something else than a picture and `states`."""
    beside = f" beside {states} states" if states else ""
    return ModelError(
        f"{path}: its input must be one float32 picture [N, h, w, 3]{beside}, got {found}"
    )


class Runtime(Protocol):
    """Runs one network, for one caller at a time: others wait.

    A recurrent network has inputs beside the picture, its states, in the order of their names.
    """

    @property
    def device(self) -> str:
        """What it runs on, for people."""

    @property
    def input_size(self) -> tuple[int, int] | None:
        """(width, height) of the input where the network fixes it, else `None`."""

    @property
    def multiple(self) -> int:
        """Pixels of which a picture's sides are to be multiples, lest it see too many sizes."""

    def run(
        self, batch: NDArray[np.uint8], states: States | None = None, *, count: int | None = None
    ) -> list[NDArray[np.float32]]:
        """Return every output, float32 [N, h', w', c] contiguous, for uint8 [N, h, w, 3] RGB.

        `states` are those after the pictures before, all zero where `None`; `count`: how many
        outputs are wanted, the first ones, lest more be copied.
        """

    def close(self) -> None:
        """Free the network."""
