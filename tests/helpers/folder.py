"""The test-data folder: real clips and published weights, which not everybody has."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from vidseg.models import MODELS
from vidseg.settings import DEFAULT_MODEL

PROJECT = Path(__file__).resolve().parents[2]
HINT = "set VIDSEG_TEST_DATA to the test-data folder"


def test_data_folder() -> Path:
    """Return the folder that `VIDSEG_TEST_DATA` names, whether it is there or not."""
    return Path(os.environ.get("VIDSEG_TEST_DATA", PROJECT.parent / "shared")).resolve()


def published_models() -> Path | None:
    """Return the folder of published weights, laid out like the bucket; `None` without one."""
    folder = test_data_folder() / "models"
    return folder if (folder / MODELS[DEFAULT_MODEL].published.path).is_file() else None


def published_rvm() -> Path:
    """Return the json of the published RobustVideoMatting, whether it is there or not."""
    return test_data_folder() / "models" / MODELS["rvm"].published.path


def where_media_is(cases: Sequence[Any]) -> Sequence[Any]:
    """Return a test's cases over real clips; where there are none, one that is skipped for all."""
    folder = test_data_folder() / "media"
    if folder.is_dir():
        return cases
    reason = f"{len(cases)} cases need the clips of {folder}: {HINT}"
    values = cases[0] if isinstance(cases[0], tuple) else (cases[0],)
    return [pytest.param(*values, id=f"{len(cases)} cases", marks=pytest.mark.skip(reason=reason))]
