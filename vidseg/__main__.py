"""`python -m vidseg` and the `vidseg` command."""

import gc
import os
import sys

from vidseg.cli.exit_codes import ExitCode

_FEW = 10_000
"""Objects made between two collections of garbage: imports make far more, which all stay."""


def main() -> None:
    """Run the command line, in a process that is set up for it.

    The garbage collector took a tenth of a short run; at the end, too, it would go through all that
    was imported. The threads that OpenBLAS starts beside numpy wait for work by running in circles,
    which took another fifth, and there is nothing here that is worth dividing among them.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(_FEW, *gc.get_threshold()[1:])
    try:
        from vidseg.cli.main import main as run

        run()
    except KeyboardInterrupt:  # so early that `run` could not take it
        sys.exit(ExitCode.INTERRUPTED)
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
