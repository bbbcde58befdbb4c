"""Standard error, kept free of what C++ libraries log when they start."""

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_CHATTER = re.compile(
    rb"^(INFO: |[IWE]0000 |[IWE]\d{4} \d\d:|WARNING: All log messages before absl"
    rb"|\d{4}-\d\d-\d\d .*: [IWE] )"
)
_STDERR = 2

_ALONE = threading.RLock()
"""Held while the descriptor is redirected: of two, the later would put back the first's file."""


@contextmanager
def quiet_start() -> Iterator[None]:
    """Drop log lines of LiteRT and TensorFlow that are written to file descriptor 2 meanwhile.

    They are written before any log level can be set, so the descriptor itself is redirected.
    Everything else that arrives is passed on at the end.
    """
    with _ALONE:
        try:
            terminal = os.dup(_STDERR)
        except OSError:  # the process has no stderr, so nobody reads it
            yield
            return
        yield from _held(terminal)


def _held(terminal: int) -> Iterator[None]:
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(terminal, _STDERR)
            os.close(terminal)
            held.seek(0)
            kept = b"".join(line for line in held if not _CHATTER.match(line))
            if kept:
                os.write(_STDERR, kept)
