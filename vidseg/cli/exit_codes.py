"""Exit codes of every command."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a shell script goes by; the README lists them."""

    DONE = 0
    ERROR = 1
    """It could not be done, and one line says why; of a batch, at least one clip."""
    USAGE = 2
    """The command was mistyped; click raises it."""
    DAMAGED = 3
    """What could be read is done; the source, or a batch's, is damaged."""
    INTERRUPTED = 130
    """Ctrl-C, SIGTERM or SIGHUP: 128 and SIGINT's number, as shells have it."""
