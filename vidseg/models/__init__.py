"""Weights: where they are published, how they are fetched, kept and converted."""

from vidseg.models.catalogue import MODELS, companion_of, model_named, runs_on_gpu
from vidseg.models.converted import Converted
from vidseg.models.fingerprint import fingerprint
from vidseg.models.model import Family, Model
from vidseg.models.prepare import ensure_converted, is_converted, ready
from vidseg.models.store import cache_dir, find, local_size, locate, places
from vidseg.models.tfjs import TfjsModel, find_json, read_tfjs
from vidseg.system.download import Say

__all__ = [
    "MODELS",
    "Converted",
    "Family",
    "Model",
    "Say",
    "TfjsModel",
    "cache_dir",
    "companion_of",
    "ensure_converted",
    "find",
    "find_json",
    "fingerprint",
    "is_converted",
    "local_size",
    "locate",
    "model_named",
    "places",
    "read_tfjs",
    "ready",
    "runs_on_gpu",
]
