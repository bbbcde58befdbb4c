"""oneDNN in TensorFlow: the switch for it, and what to do where it is off.

Of TensorFlow's kernels for the CPU only oneDNN's know dilated convolutions, which BodyPix of stride
8 has. TensorFlow leaves oneDNN off where the CPU has no AVX-512, and decides that once, when it is
imported.
"""

import os
import sys

SWITCH = "TF_ENABLE_ONEDNN_OPTS"


def enable() -> None:
    """Have TensorFlow use oneDNN, unless the user decided or it is already imported."""
    if "tensorflow" not in sys.modules:
        os.environ.setdefault(SWITCH, "1")


def way_out() -> str:
    """Return what to do where TensorFlow has no kernel for a network on the CPU."""
    value = os.environ.get(SWITCH)
    if value is not None and value.lower() in ("1", "true"):
        return "give its .tflite or TensorFlow.js form, or take another model, such as selfie"
    found = "not set" if value is None else repr(value)
    return f"set {SWITCH}=1 before TensorFlow is imported (it is {found})"
