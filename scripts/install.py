"""Install with pip: ``python scripts/install.py WHAT…`` says every few seconds how far it is.

Pip's own words are shown only where it fails. Python files are not compiled ahead: of TensorFlow's
12,000 a run imports a tenth, which compiles them then.
"""

import subprocess
import sys
import sysconfig
import threading
import time
from collections import deque
from pathlib import Path

EVERY_S = 1.0 if sys.stderr.isatty() else 5.0
"""How often to say something: on a terminal in one line, in a log in a new one."""


class Progress:
    """What pip has said so far."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.last: deque[str] = deque(maxlen=40)
        self.found = 0
        self.wanted = 0
        self.there = installed()

    def hear(self, line: str) -> None:
        """Take in a line of pip's."""
        self.last.append(line)
        self.found += line.startswith("Collecting ")
        if line.startswith("Installing collected packages:"):
            self.wanted = len(line.split(","))

    def told(self) -> str:
        """Return one line on where it stands."""
        if self.wanted:
            state = (
                f"{min(self.wanted, installed() - self.there)} of {self.wanted} packages installed"
            )
        else:
            state = (
                f"{self.found} packages found and fetched" if self.found else "looking for packages"
            )
        return f"{state} ({time.monotonic() - self.begun:.0f} s)"


def installed() -> int:
    """Return how many packages are in this Python's environment."""
    return len(list(Path(sysconfig.get_path("purelib")).glob("*.dist-info")))


def show(text: str) -> None:
    """Show a line, in place of the one before where that can be."""
    sys.stderr.write(f"\r{text:<60}" if sys.stderr.isatty() else f"{text}\n")
    sys.stderr.flush()


def main(words: list[str]) -> int:
    """Run pip; return its exit code."""
    options = ["--no-compile", "--progress-bar", "off", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *options, *words]
    pip = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    progress = Progress()
    assert pip.stdout is not None
    reader = threading.Thread(target=lambda: [progress.hear(line.rstrip()) for line in pip.stdout])
    reader.start()
    while reader.is_alive():
        reader.join(EVERY_S)
        show(progress.told())
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    if pip.wait():
        sys.stderr.write("\n".join(progress.last) + "\n")
    return pip.returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
