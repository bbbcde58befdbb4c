"""Progress of a render in frames, and of a batch in clips, on standard error."""

import sys
import time
from contextlib import suppress
from typing import Any, Self

from vidseg.cli.terminal import tell, tell_beside

_LINE_EVERY_S = 5.0


class _Progress:
    """A progress bar (tqdm) where standard error is a terminal, and lines beside it.

    Quiet, it shows nothing. A terminal that is gone, or a log that can't be written to, ends no
    render.
    """

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._has_bar = sys.stderr.isatty() and not quiet
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            with suppress(OSError):
                self._bar.close()
            self._bar = None

    def say(self, line: str) -> None:
        """Print a line, above the bar."""
        if not self._quiet:
            self._tell(line)

    def _tell(self, line: str) -> None:
        tell_beside(self._bar, line)

    def _move(self, done: float, total: float | None, **looks: Any) -> None:
        """Show `done` of `total` on the bar; the first call opens it there, with tqdm's `looks`."""
        if not self._has_bar:
            return
        with suppress(OSError):
            if self._bar is None:
                from tqdm import tqdm

                self._bar = tqdm(total=total, dynamic_ncols=True, **looks)
            self._bar.update(done - self._bar.n)


class FrameProgress(_Progress):
    """Frames of one render: a bar on a terminal, a line every few seconds elsewhere."""

    def __init__(self, quiet: bool) -> None:
        super().__init__(quiet)
        self._first: int | None = None
        self._begun = self._last = time.monotonic()

    def update(self, done: int, expected: int | None) -> None:
        """Show that `done` of `expected` frames are done."""
        if self._has_bar:
            self._move(done, expected, unit=" frames")
        elif not self._quiet:
            self._print(done, expected, time.monotonic())

    def _print(self, done: int, expected: int | None, now: float) -> None:
        if self._first is None:  # what opening took, a model's conversion above all, is no pace
            self._first, self._begun, self._last = done, now, now
        elif now - self._last > _LINE_EVERY_S:
            self._last = now
            rate = (done - self._first) / (now - self._begun)
            left = ""
            if expected and rate:
                left = f" of {expected}, {max(0, expected - done) / rate:.0f} s left"
            tell(f"{done} frames{left}, {rate:.1f} frames/s")


class ClipProgress(_Progress):
    """Clips of a batch: a bar on a terminal, moved by shares of clips; a line for each that ends.

    `total` clips there are, of which the first `skipped` need no work.
    """

    _FORMAT = "{l_bar}{bar}| {n:.1f}/{total} clips [{elapsed}<{remaining}]"

    def __init__(self, total: int, skipped: int, quiet: bool) -> None:
        super().__init__(quiet)
        self._total, self._skipped = total, skipped
        self._shares: dict[int, float] = {}

    def __enter__(self) -> Self:
        self._show()
        return self

    def share(self, place: int, share: float) -> None:
        """Show that a clip is done to `share`, in [0, 1]."""
        self._shares[place] = share
        self._show()

    def _show(self) -> None:
        done = self._skipped + sum(self._shares.values())
        self._move(done, self._total, initial=self._skipped, bar_format=self._FORMAT)

    def ended(self, place: int, line: str, *, failed: bool) -> None:
        """Show that a clip is done, or has failed, which is told even when quiet."""
        self.share(place, 1.0)
        if failed or not self._quiet:
            self._tell(line)
