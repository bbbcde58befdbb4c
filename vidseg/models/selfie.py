"""MediaPipe's selfie segmentation: two small models out of a wheel on PyPI."""

from vidseg.models.model import Family, Model
from vidseg.models.wheel import Wheel
from vidseg.models.wheel_file import WheelFile

FAMILY = Family(name="selfie", recipe=None, has_parts=False, runs_on_gpu=False)

_FOLDER = "mediapipe/modules/selfie_segmentation"
_SQUARE = f"{_FOLDER}/selfie_segmentation.tflite"
_LANDSCAPE = f"{_FOLDER}/selfie_segmentation_landscape.tflite"

WHEEL = Wheel(
    requirement="mediapipe==0.10.21",
    approx_bytes=36_000_000,
    folder="selfie",
    sizes={_SQUARE: 249_505, _LANDSCAPE: 250_145},
    sha256={
        _SQUARE: "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
        _LANDSCAPE: "a77d03f4659b9f6b6c1f5106947bf40e99d7655094b6527f214ea7d451106edd",
    },
)
"""The package on PyPI that carries the weights."""


def models() -> list[Model]:
    """Return both models: for pictures of any shape, and for wide ones."""
    return [_model("selfie", _SQUARE), _model("selfie-landscape", _LANDSCAPE)]


def _model(name: str, path: str) -> Model:
    return Model(
        name=name,
        family=FAMILY,
        published=WheelFile(WHEEL, path),
        origin="MediaPipe selfie segmentation, out of a wheel on PyPI",
    )
