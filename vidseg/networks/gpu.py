"""GPUs: how many there are, and which one a network runs on, or else the CPU.

The driver is asked, since importing TensorFlow to ask takes seconds.
"""

import ctypes
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from vidseg.errors import DeviceError
from vidseg.models import Say
from vidseg.networks.base import Segmenter

_TRACES = ("/dev/nvidia0", "/dev/nvidiactl", "/proc/driver/nvidia", "/dev/dxg")
"""One of these exists where an NVIDIA driver runs; the last under WSL2."""


def gpu_count() -> int:
    """Return how many GPUs CUDA offers this process (`CUDA_VISIBLE_DEVICES` is heeded)."""
    if not any(Path(trace).exists() for trace in _TRACES):
        return 0
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def has_cuda_libraries() -> bool:
    """Whether cuDNN, which TensorFlow needs for a GPU, is installed, by pip or on the system."""
    with suppress(ModuleNotFoundError):  # of the parent package, where nothing of CUDA is installed
        if find_spec("nvidia.cudnn") is not None:
            return True
    try:
        ctypes.CDLL("libcudnn.so.9")
    except OSError:
        return False
    return True


def choose_gpu(device: str) -> int | None:
    """Return the number of the GPU that ``--device`` calls for, `None` for the CPU.

    ``auto`` takes the first GPU, where there is one and the libraries to use it; so a machine with
    a plain install does not import TensorFlow only to find that it can't. Raises `DeviceError` for
    a GPU that is asked for and not there.
    """
    if device == "cpu":
        return None
    count = gpu_count()
    if device == "auto":
        return 0 if count and has_cuda_libraries() else None
    number = int(device.partition(":")[2] or 0)
    if count == 0:
        raise DeviceError(
            f"--device {device}: no GPU was found: install NVIDIA's driver and "
            "`pip install 'vidseg[gpu]'`, or use --device cpu"
        )
    if number >= count:
        there = (
            "is 1 GPU: use gpu:0"
            if count == 1
            else f"are {count} GPUs: use gpu:0 to gpu:{count - 1}"
        )
        raise DeviceError(f"--device {device}: there {there}")
    return number


def on_gpu_or_cpu(
    on_device: Callable[[int | None], Segmenter], gpu: int | None, device: str, say: Say | None
) -> Segmenter:
    """Open on `gpu`; where TensorFlow can't use it and ``--device`` is ``auto``, on the CPU."""
    try:
        return on_device(gpu)
    except DeviceError as error:
        if gpu is None or device != "auto":
            raise
        if say is not None:
            say(f"running on the CPU: {error}")
    return on_device(None)
