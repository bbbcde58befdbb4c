"""How many cores this process may use."""

import os
from contextlib import suppress
from pathlib import Path

_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


_most: int | None = None


def limit_cores(count: int) -> None:
    """Let this process count on so many cores at most, at least 1: others work beside it."""
    global _most
    _most = max(1, count)


def core_count() -> int:
    """Return how many cores this process may use, by its affinity and its container's quota.

    See `limit_cores`, too.
    """
    count = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    with suppress(OSError, ValueError):
        quota, period = _CPU_QUOTA.read_text("ascii").split()
        count = min(count, -(-int(quota) // int(period)))
    return max(1, count if _most is None else min(count, _most))


def workers(cores: int, most: int) -> int:
    """Return how many threads may do the same work: one for so many `cores`, at least 1."""
    return max(1, min(core_count() // cores, most))
