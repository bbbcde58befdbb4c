"""The models vidseg knows by name: where each is published, how large it is and under which licence."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, TypeAlias

from vidseg.errors import ModelError

Architecture: TypeAlias = Literal["mobilenet", "resnet50", "selfie"]

BUCKET_URL = "https://storage.googleapis.com/tfjs-models/savedmodel"
"""Where Google publishes BodyPix 2.0; `VIDSEG_MODEL_URL` replaces it."""

WHEEL = "mediapipe==0.10.21"
"""The package on PyPI that carries the selfie weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model that can be asked for by name.

    `source` is its path below the bucket (BodyPix) or inside the mediapipe wheel (selfie), with
    forward slashes. `approx_bytes` is the size of its weights as published, for people. `sha256` is
    known beforehand for the files taken out of a wheel; for the others it is recorded at the first
    download.
    """

    name: str
    architecture: Architecture
    source: str
    approx_bytes: int
    origin: str
    licence: str = "Apache-2.0"
    sha256: str | None = None

    @property
    def is_bodypix(self) -> bool:
        """Whether it is a TensorFlow.js graph that has to be converted before it runs."""
        return self.architecture != "selfie"

    @property
    def file_name(self) -> str:
        """Name of its json or .tflite file, without folders."""
        return self.source.rpartition("/")[2]

    @property
    def has_parts(self) -> bool:
        """Whether it can tell body parts apart."""
        return self.is_bodypix


# Millions of bytes for float, 2-byte and 1-byte weights, as the publisher rounds them.
_MEGABYTES: dict[str, tuple[float, float, float]] = {
    "050": (2.4, 1.2, 0.6),
    "075": (5, 2.5, 1.3),
    "100": (13, 6, 3),
    "resnet50": (90, 45, 22),
}
_WEIGHTS: tuple[tuple[str, str], ...] = (("", "float"), ("-q2", "quant2"), ("-q1", "quant1"))
_SELFIE_FOLDER = "mediapipe/modules/selfie_segmentation"


def _bodypix(variant: str, stride: int, quantised: int) -> Model:
    suffix, folder = _WEIGHTS[quantised]
    resnet = variant == "resnet50"
    path = f"resnet50/{folder}" if resnet else f"mobilenet/{folder}/{variant}"
    return Model(
        name=f"bodypix-{variant}-s{stride}{suffix}",
        architecture="resnet50" if resnet else "mobilenet",
        source=f"bodypix/{path}/model-stride{stride}.json",
        approx_bytes=round(_MEGABYTES[variant][quantised] * 1e6),
        origin="BodyPix 2.0, the TensorFlow.js models of Google",
    )


def _selfie(name: str, file: str, size: int, sha256: str) -> Model:
    return Model(
        name=name,
        architecture="selfie",
        source=f"{_SELFIE_FOLDER}/{file}",
        approx_bytes=size,
        origin="MediaPipe selfie segmentation, out of a wheel on PyPI",
        sha256=sha256,
    )


def _catalogue() -> dict[str, Model]:
    kinds = [(size, stride) for size in ("050", "075", "100") for stride in (8, 16)]
    kinds += [("resnet50", 16), ("resnet50", 32)]
    models = [_bodypix(size, stride, q) for q in range(len(_WEIGHTS)) for size, stride in kinds]
    models.append(
        _selfie(
            "selfie",
            "selfie_segmentation.tflite",
            249_505,
            "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
        )
    )
    models.append(
        _selfie(
            "selfie-landscape",
            "selfie_segmentation_landscape.tflite",
            250_145,
            "a77d03f4659b9f6b6c1f5106947bf40e99d7655094b6527f214ea7d451106edd",
        )
    )
    return {model.name: model for model in models}


MODELS: dict[str, Model] = _catalogue()
"""Every model by name, in the order `vidseg models list` shows them."""


def model_named(name: str) -> Model:
    """Return the model called `name`; raise `ModelError` with the nearest names for any other."""
    if name in MODELS:
        return MODELS[name]
    near = get_close_matches(name, MODELS, n=3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise ModelError(
        f"unknown model {name!r}: {hint}`vidseg models list` shows them all, a path works too"
    )
