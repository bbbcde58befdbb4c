"""A converted model: its files, and what is known of the network."""

import json
from dataclasses import dataclass
from pathlib import Path

from vidseg.errors import ModelError
from vidseg.system.download import sha256_of

TFLITE = "model.tflite"
SAVED_MODEL = "saved_model"
"""What the converter leaves in the folder it is given."""

RESULT = "result.json"


class ConversionError(ModelError):
    """A model's files can't be converted: they are damaged, or of another kind."""


@dataclass(frozen=True, slots=True)
class Converted:
    """A model in the two forms that run: `tflite` for LiteRT, `saved_model` for TensorFlow.

    `stride` in pixels per score; `architecture` is ``mobilenet`` or ``resnet50`` and tells how
    pictures are scaled for it.
    """

    tflite: Path
    saved_model: Path
    stride: int
    architecture: str


def load(folder: Path) -> Converted | None:
    """Return what `folder` holds, or `None` where it is absent, incomplete or damaged."""
    try:
        result = json.loads((folder / RESULT).read_text("utf-8"))
        intact = all(sha256_of(folder / name) == known for name, known in result["sha256"].items())
        found = Converted(
            folder / TFLITE, folder / SAVED_MODEL, int(result["stride"]), result["architecture"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if intact else None
