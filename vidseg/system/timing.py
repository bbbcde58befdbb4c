"""Timing: seconds that the stages of a run were busy."""

import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


class Stopwatch:
    """Adds up the seconds that named stages were busy, in whichever threads."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._adding = threading.Lock()

    def add(self, stage: str, since: float) -> float:
        """Add the time since `since` to `stage`; return now, both as `time.perf_counter` tells."""
        now = time.perf_counter()
        with self._adding:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + now - since
        return now

    def through(self, stage: str, items: Iterable[T]) -> Iterator[T]:
        """Yield `items`, adding the time each took to come to `stage`."""
        iterator = iter(items)
        while True:
            since = time.perf_counter()
            try:
                item = next(iterator)
            except StopIteration:
                return
            finally:
                self.add(stage, since)
            yield item
