"""TensorFlow.js graph models: json and weight files, read and checked without TensorFlow."""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from vidseg.errors import ModelError
from vidseg.system.download import sha256_of

_ITEM_BYTES = {
    "float32": 4,
    "int32": 4,
    "complex64": 8,
    "float16": 2,
    "uint16": 2,
    "uint8": 1,
    "bool": 1,
}
_QUANTISED_TO = ("uint8", "uint16", "float16")


@dataclass(frozen=True, slots=True)
class ShardGroup:
    """Weights stored one after the other in some files: `paths` below the json's folder."""

    paths: tuple[str, ...]
    size: int
    """Bytes the weights take, and so the files together."""


@dataclass(frozen=True, slots=True)
class TfjsModel:
    """A TensorFlow.js graph model, its json well-formed; weight files may still be absent."""

    json_path: Path
    groups: tuple[ShardGroup, ...]
    inputs: frozenset[str] = frozenset()
    """Names of the graph's inputs, which tell whose network it is."""

    @property
    def shards(self) -> tuple[Path, ...]:
        """The weight files, each once, in the order of the manifest."""
        names = dict.fromkeys(path for group in self.groups for path in group.paths)
        return tuple(self.json_path.parent / name for name in names)

    def check_weights(self) -> None:
        """Raise `ModelError` where a weight file is missing or the sizes don't add up."""
        folder = self.json_path.parent
        for group in self.groups:
            for name in group.paths:
                if not (folder / name).is_file():
                    raise ModelError(
                        f"{self.json_path}: its weight file {name} is missing from {folder}"
                    )
            size = sum((folder / name).stat().st_size for name in group.paths)
            if size != group.size:
                raise ModelError(
                    f"{self.json_path}: the weights need {group.size} bytes, but "
                    f"{', '.join(group.paths)} hold {size}: "
                    "the files are damaged or belong to another model"
                )

    def sha256(self) -> str:
        """Return the checksum over the json and the weight files, in hex."""
        digest = hashlib.sha256()
        for path in (self.json_path, *self.shards):
            digest.update(sha256_of(path).encode())
        return digest.hexdigest()


def read_tfjs(json_path: Path) -> TfjsModel:
    """Read the json of a graph model and check what it says of its weights.

    Raises `ModelError` where it is no json, no graph model, describes weights of an unknown type,
    or names files outside of its own folder.
    """
    document = _parse(json_path)
    if document.get("format", "graph-model") != "graph-model" or "modelTopology" not in document:
        raise ModelError(
            f"{json_path}: not a TensorFlow.js graph model "
            f"(format {document.get('format', 'not given')!r})"
        )
    manifest = document.get("weightsManifest")
    if not isinstance(manifest, list) or not manifest:
        raise ModelError(f"{json_path}: it has no weightsManifest, so its weights can't be found")
    groups = tuple(_group(json_path, entry) for entry in manifest)
    return TfjsModel(json_path, groups, _inputs(document["modelTopology"]))


def _inputs(topology: Any) -> frozenset[str]:
    """Return the names of a graph's inputs; none of a malformed one, which can't be converted."""
    nodes = topology.get("node") if isinstance(topology, dict) else None
    known = [node for node in nodes if isinstance(node, dict)] if isinstance(nodes, list) else []
    return frozenset(str(n.get("name")) for n in known if n.get("op") == "Placeholder")


def _parse(json_path: Path) -> dict[str, Any]:
    try:
        document = json.loads(json_path.read_text("utf-8"))
    except OSError as error:
        raise ModelError(f"{json_path}: can't be read ({error.strerror})") from error
    except ValueError as error:  # malformed json, or bytes that are no UTF-8
        raise ModelError(f"{json_path}: not json ({error}), so no TensorFlow.js model") from error
    if not isinstance(document, dict):
        raise ModelError(
            f"{json_path}: holds a json {type(document).__name__}, not a TensorFlow.js model"
        )
    return document


def _group(json_path: Path, entry: dict[str, Any]) -> ShardGroup:
    try:
        paths = tuple(_checked_path(json_path, path) for path in entry["paths"])
        size = sum(_weight_bytes(json_path, weight) for weight in entry["weights"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{json_path}: its weightsManifest is malformed ({error!r})") from error
    return ShardGroup(paths, size)


def _checked_path(json_path: Path, path: str) -> str:
    # The manifest comes over the network: what it names must stay inside the model's own folder, on
    # every system's reading of the path.
    plain = unquote(path).replace("\\", "/")
    escapes = (
        ".." in PurePosixPath(plain).parts or plain.startswith("/") or ":" in plain or "\0" in plain
    )
    if not plain or escapes or set("?#") & set(plain):
        raise ModelError(
            f"{json_path}: refused, since it names a weight file outside of its folder: {path!r}"
        )
    return path


def _weight_bytes(json_path: Path, weight: dict[str, Any]) -> int:
    quantised = weight.get("quantization")
    stored = quantised["dtype"] if quantised else weight["dtype"]
    if stored not in _ITEM_BYTES or (quantised and stored not in _QUANTISED_TO):
        raise ModelError(f"{json_path}: weight {weight['name']!r} has the unknown type {stored!r}")
    shape: list[int] = weight["shape"]
    if not all(isinstance(side, int) and side >= 0 for side in shape):
        raise ModelError(f"{json_path}: weight {weight['name']!r} has the impossible shape {shape}")
    return math.prod(shape) * _ITEM_BYTES[stored]


def find_json(path: Path) -> Path:
    """Return the model json that `path` stands for, a json file or a folder with exactly one.

    Raises `ModelError` where a folder has none or several.
    """
    if path.is_file():
        return path
    candidates = sorted(path.glob("model*.json"))
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise ModelError(
            f"{path}: neither a TensorFlow.js model (no model*.json) nor a SavedModel in it"
        )
    names = ", ".join(candidate.name for candidate in candidates)
    raise ModelError(f"{path}: holds several models ({names}): name the json you mean")
