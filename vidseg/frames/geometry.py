"""Geometry: boxes of pixels, and how a coded picture is turned to be shown. Pure values."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Orientation:
    """How the coded picture is shown: turned clockwise by `quarter_turns` x 90°, then mirrored."""

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

    def coded_place(self, across: float, down: float) -> tuple[float, float]:
        """Return where a place of the shown picture is in the coded one, both in [0, 1]."""
        across = 1 - across if self.mirrored else across
        for _ in range(self.quarter_turns % 4):
            across, down = down, 1 - across
        return across, down

    def shown_place(self, across: float, down: float) -> tuple[float, float]:
        """Return where a place of the coded picture is shown; undoes `coded_place`."""
        for _ in range(self.quarter_turns % 4):
            across, down = 1 - down, across
        return (1 - across if self.mirrored else across), down


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

    def holds(self, other: "Box") -> bool:
        """Whether all of `other` lies in this one."""
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom
