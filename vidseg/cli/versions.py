"""What a run rests on, for reports of bugs: versions, and the device."""

import platform
from importlib.metadata import PackageNotFoundError, version

import vidseg
from vidseg.media.ffmpeg import library_versions
from vidseg.networks.gpu import choose_gpu, gpu_count

_PACKAGES = {
    "TensorFlow": "tensorflow",
    "LiteRT": "ai-edge-litert",
    "OpenCV": "opencv-python-headless",
    "numpy": "numpy",
}


def described() -> str:
    """Return lines with the versions of all that matters; nothing slow is imported for them."""
    av = library_versions()
    libraries = ", ".join(
        f"{name} {number}" for name, number in av.items() if name.startswith("lib")
    )
    rows = {
        "Python": f"{platform.python_version()} on {platform.platform()}",
        **{shown: _version(package) for shown, package in _PACKAGES.items()},
        "PyAV": av["av"],
        "FFmpeg": libraries,
        "device": _device(),
    }
    lines = [
        f"vidseg {vidseg.__version__}",
        *(f"  {name + ':':12}{value}" for name, value in rows.items()),
    ]
    return "\n".join(lines)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _device() -> str:
    """Return what ``--device auto`` takes, and what it leaves."""
    gpu = choose_gpu("auto")
    if gpu is not None:
        return f"GPU {gpu} of {gpu_count()}"
    return "CPU (a GPU is there, without the libraries to use it)" if gpu_count() else "CPU"
