"""The checksums that servers send along with files, against damage on the way."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from pathlib import Path


def declared_md5(headers: Mapping[str, str]) -> bytes | None:
    """Return the MD5 of the body that a response's headers declare; `None` where they declare none.

    Google's bucket sends ``x-goog-hash: crc32c=…,md5=…``, others ``Content-MD5`` (RFC 1864). Both
    are of the bytes that were sent, so that they say nothing of what was unpacked on arrival.
    """
    if any(headers.get(name, "identity") != "identity" for name in _ENCODINGS):
        return None
    parts = [part.strip() for part in headers.get("x-goog-hash", "").split(",")]
    given = [part.removeprefix("md5=") for part in parts if part.startswith("md5=")]
    try:
        digest = base64.b64decode((given or [headers.get("content-md5", "")])[0], validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest if len(digest) == hashlib.md5(usedforsecurity=False).digest_size else None


_ENCODINGS = ("content-encoding", "x-goog-stored-content-encoding")


def has_md5(path: Path, digest: bytes) -> bool:
    """Whether a file has this MD5."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return found.digest() == digest
