"""A server of models, or of anything, on this machine only; it can be told to answer wrongly."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any


class Bucket(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; paths listed in the server's `faults` are answered wrongly instead."""

    server: "BucketServer"

    def do_GET(self) -> None:
        """Answer one request as the server's `faults` say."""
        self.server.requests.append(self.path)
        fault = self.server.faults.get(self.path.rpartition("/")[2])
        if fault is None:
            super().do_GET()
        else:
            fault(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name for it
        """Keep the test's output clean."""


class BucketServer(http.server.ThreadingHTTPServer):
    """Serves `folder`; keeps what was asked for in `requests`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(Bucket, directory=str(folder)))
        self.folder = folder
        self.requests: list[str] = []
        self.headers: dict[str, str] = {}
        """Sent along by `flipped`, of what it should have been."""
        self.faults: dict[str, Callable[[Bucket], None]] = {}
        self.url = f"http://127.0.0.1:{self.server_port}"


def truncated(handler: Bucket) -> None:
    """Promise more bytes than are sent."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b"{" * 100)


def short(handler: Bucket) -> None:
    """Send too few bytes without saying how many there should be."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"x" * 100)


def flipped(position: int, times: int = 1) -> "Callable[[Bucket], None]":
    """Return a fault that flips the lowest bit of one byte, of the first `times` answers."""
    left = iter(range(times))

    def answer(handler: Bucket) -> None:
        data = bytearray(Path(handler.translate_path(handler.path)).read_bytes())
        if next(left, None) is not None:
            data[position] ^= 1
        handler.send_response(200)
        for name, value in handler.server.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def web_page(handler: Bucket) -> None:
    """Answer as a hotel's login page does."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"<html>please log in</html>")


@contextmanager
def serving(folder: Path) -> Iterator[BucketServer]:
    """Serve a folder in a thread."""
    with BucketServer(folder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
