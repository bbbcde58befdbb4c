"""Medians as numpy's function of that name gives them, which imports masked arrays first."""

import numpy as np
from numpy.typing import NDArray


def medians(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the medians of rows, [n, m > 0], as float32 [n]."""
    below, above = (rows.shape[1] - 1) // 2, rows.shape[1] // 2
    ordered = np.partition(rows, (below, above), axis=1)
    return np.asarray((ordered[:, below] + ordered[:, above]) / 2, np.float32)
