"""BodyPix 2.0: the models' names, addresses and sizes, and how they are converted."""

from functools import partial

from vidseg.models.model import Family, Model, Recipe
from vidseg.models.tfjs_bucket import BucketGraph, mirrored

WAYS_OUT = (
    "set VIDSEG_MODEL_URL to a mirror, or VIDSEG_MODEL_DIR to a folder laid out like the bucket, "
    "or take another model, such as selfie"
)

RECIPE = Recipe(
    name="bodypix",
    number=1,
    outputs=("float_segments",),
    part_outputs=("float_part_heatmaps",),
)
FAMILY = Family(name="bodypix", recipe=RECIPE, has_parts=True, runs_on_gpu=True)

# Millions of bytes for float, 2-byte and 1-byte weights, as the publisher rounds them.
_MEGABYTES: dict[str, tuple[float, float, float]] = {
    "050": (2.4, 1.2, 0.6),
    "075": (5, 2.5, 1.3),
    "100": (13, 6, 3),
    "resnet50": (90, 45, 22),
}
_WEIGHTS: tuple[tuple[str, str], ...] = (("", "float"), ("-q2", "quant2"), ("-q1", "quant1"))


def models() -> list[Model]:
    """Return every model that is published: each size, stride and precision of the weights."""
    kinds = [(size, stride) for size in ("050", "075", "100") for stride in (8, 16)]
    kinds += [("resnet50", 16), ("resnet50", 32)]
    return [_model(size, stride, q) for q in range(len(_WEIGHTS)) for size, stride in kinds]


def _model(variant: str, stride: int, quantised: int) -> Model:
    suffix, folder = _WEIGHTS[quantised]
    below = f"resnet50/{folder}" if variant == "resnet50" else f"mobilenet/{folder}/{variant}"
    path = f"bodypix/{below}/model-stride{stride}.json"
    return Model(
        name=f"bodypix-{variant}-s{stride}{suffix}",
        family=FAMILY,
        published=BucketGraph(
            path=path,
            url=partial(address, path),
            approx_bytes=round(_MEGABYTES[variant][quantised] * 1e6),
            way_out=WAYS_OUT,
        ),
        origin="BodyPix 2.0, the TensorFlow.js models of Google",
        companion=None if variant == "resnet50" else "selfie",  # which wasn't tried with it
    )


def address(path: str) -> str:
    """Return a json's address: on the mirror that `VIDSEG_MODEL_URL` names, or in Google's bucket.

    Raises `ModelError` where the mirror is no address.
    """
    return mirrored(path) or f"{bucket_url()}/{path}"


def bucket_url() -> str:
    """Return the address of the bucket that Google publishes BodyPix in, as tf-bodypix has it.

    tf-bodypix lists the models with float weights only; the quantised ones lie beside them.
    """
    from tf_bodypix.download import BodyPixModelPaths  # with the HTTP client: 90 ms

    known: str = BodyPixModelPaths.MOBILENET_FLOAT_50_STRIDE_16
    return known.removesuffix("/bodypix/mobilenet/float/050/model-stride16.json")
