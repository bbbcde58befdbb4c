"""``python -m vidseg.models.convert``: a TensorFlow.js graph → a SavedModel and a .tflite file.

Importing the converter takes seconds, prints, hides the GPU from TensorFlow for the rest of the
process (tfjs_graph_converter sets CUDA_VISIBLE_DEVICES) and holds a gigabyte; in a child all that
ends with the conversion. `vidseg.models.converter` starts it and keeps the results.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vidseg.models.convert import bodypix, rvm

RECIPES: dict[str, Callable[[Path, Path, list[str]], dict[str, Any]]] = {
    "bodypix": bodypix.convert,
    "rvm": rvm.convert,
}
"""By the name of a family's `Recipe`: (json, folder for the results, outputs) → facts to keep."""


def main() -> None:
    """Convert as the command line says; the last line of the output is json: result or trouble."""
    parser = argparse.ArgumentParser(description="Convert a TensorFlow.js graph model.")
    parser.add_argument("recipe", choices=RECIPES, help="the way of the model's family")
    parser.add_argument("source", type=Path, help="the model's json")
    parser.add_argument("folder", type=Path, help="where the results go; must exist")
    parser.add_argument("outputs", nargs="+", help="names of the graph's outputs to keep")
    arguments = parser.parse_args()
    convert = RECIPES[arguments.recipe]
    try:
        result = convert(arguments.source, arguments.folder, arguments.outputs)
    except ImportError as error:
        result = {"missing": str(error)}
    except Exception as error:  # whatever it was, the parent reports it as one line
        result = {"error": f"{type(error).__name__}: {error}"}
    sys.stdout.write(f"\n{json.dumps(result)}\n")


if __name__ == "__main__":
    main()
