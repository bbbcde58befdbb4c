"""Medians: those of numpy, bit for bit."""

import numpy as np
import pytest

from vidseg.frames.medians import medians


@pytest.mark.parametrize("count", [1, 2, 3, 511, 512])
def test_they_are_numpys(count: int) -> None:
    rows = np.random.default_rng(count).normal(0, 9, (3, count)).astype(np.float32)
    assert medians(rows).dtype == np.float32
    assert np.array_equal(medians(rows), np.median(rows, axis=1))
