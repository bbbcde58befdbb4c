"""RobustVideoMatting: its small network, as its author publishes it for TensorFlow.js."""

from vidseg.models.model import Family, Model, Recipe
from vidseg.models.tfjs_bucket import BucketGraph, mirrored

RECIPE = Recipe(name="rvm", number=3, outputs=("alpha", "r1o", "r2o", "r3o", "r4o"))
FAMILY = Family(name="rvm", recipe=RECIPE, has_parts=False, runs_on_gpu=True)

_COMMIT = "72ed518756950796f10eea6eb6b301df97cef277"
"""Of the repository's branch ``tfjs``."""

_PUBLISHED = (
    f"https://raw.githubusercontent.com/PeterL1n/RobustVideoMatting/{_COMMIT}/model/model.json"
)
_PATH = "rvm/model.json"

MULTIPLE = 16
"""What the sides of its pictures are multiples of: else features are padded, and cropped again."""

REDUCTIONS = (2, 4, 8, 16)
"""By which the sides of its recurrent states are smaller than the picture's."""

INPUTS = frozenset({"src", "downsample_ratio", "r1i", "r2i", "r3i", "r4i"})
"""Of its graph, by which one that is named by its path is recognised."""

WAYS_OUT = (
    "set VIDSEG_MODEL_URL to a mirror that has it as rvm/model.json, or VIDSEG_MODEL_DIR to a "
    "folder that does, or take another model, such as selfie"
)


def models() -> list[Model]:
    """Return the one model."""
    return [
        Model(
            name="rvm",
            family=FAMILY,
            published=BucketGraph(
                path=_PATH,
                url=address,
                approx_bytes=4_366_000,
                way_out=WAYS_OUT,
                sha256={
                    "model.json": (
                        "de775ec299d64361c26b643c72800da6f7b949fc0f16b56545d8145b92d2decf"
                    ),
                    "group1-shard1of1.bin": (
                        "64cf47fe743d510c2e1c5114af76c994d67e342a94bbc51a6ef9eaffbf4c8f90"
                    ),
                },
            ),
            origin="RobustVideoMatting (MobileNetV3), the TensorFlow.js model of its author",
            licence="GPL-3.0",
        )
    ]


def address() -> str:
    """Return the json's address: on the mirror that `VIDSEG_MODEL_URL` names, or its author's.

    Raises `ModelError` where the mirror is no address.
    """
    return mirrored(_PATH) or _PUBLISHED
