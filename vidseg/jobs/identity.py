"""Identity of a segment: all that it depends on, compared to tell whether it can be used again."""

import hashlib
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vidseg.media.ffmpeg import library_versions
from vidseg.media.image_sequence import is_sequence, name_of, numbers
from vidseg.models import fingerprint
from vidseg.networks.base import Segmenter
from vidseg.settings import RenderSettings

_EDGE_BYTES = 1 << 20


def identity(settings: RenderSettings, segmenter: Segmenter | None = None) -> dict[str, Any]:
    """Return all that a segment depends on: source, background, settings, weights, versions."""
    chosen = asdict(settings)
    for name in ("output", "overwrite", "report", "source", "timeline"):
        del chosen[name]
    chosen["timeline"] = settings.timeline is not None
    chosen["model"]["network"] = settings.model.name if segmenter is None else segmenter.name
    background = settings.behind.path
    there = background.is_file() or is_sequence(background)
    return {
        "source": _source_identity(settings.source),
        "background file": _source_identity(background) if there else None,
        "settings": chosen,
        "weights": fingerprint(settings.model.name),
        "versions": {**library_versions(), "numpy": np.__version__, "opencv": cv2.__version__},
        "container": settings.output.suffix.lower(),
    }


def _source_identity(path: Path) -> dict[str, Any]:
    """Return what tells a source from another: of a sequence, its numbers, sizes and times."""
    if not is_sequence(path):
        return _file_identity(path)
    there = numbers(path)
    digest = hashlib.sha256()
    for number in there:
        status = name_of(path, number).stat()
        digest.update(f"{number} {status.st_size} {status.st_mtime_ns}\n".encode())
    return {"pictures": len(there), "first": there[:1], "listing": digest.hexdigest()[:32]}


def _file_identity(path: Path) -> dict[str, Any]:
    """Return size, time of change and a checksum of both ends of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        digest.update(file.read(_EDGE_BYTES))
        file.seek(max(0, status.st_size - _EDGE_BYTES))
        digest.update(file.read(_EDGE_BYTES))
    return {"size": status.st_size, "changed": status.st_mtime_ns, "ends": digest.hexdigest()[:32]}
