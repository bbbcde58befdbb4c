"""Where models come from, where they are kept, and how they become fast ones."""

from vidseg.models.catalogue import MODELS, Model, model_named
from vidseg.models.converted import Converted, ensure_converted, is_converted
from vidseg.models.store import cache_dir, find, locate, model_dir
from vidseg.models.tfjs import TfjsModel, find_json, read_tfjs

__all__ = [
    "MODELS",
    "Converted",
    "Model",
    "TfjsModel",
    "cache_dir",
    "ensure_converted",
    "find",
    "find_json",
    "is_converted",
    "locate",
    "model_dir",
    "model_named",
    "read_tfjs",
]
