"""Give the people in a recorded clip a new background, or an alpha for an editor.

The names in `__all__` are what programs may rely on. Each is imported when it is first used, so that
``import vidseg`` takes no time; TensorFlow is imported only where a model that needs it is opened.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidseg.errors import (
        BackgroundError,
        DeviceError,
        DownloadError,
        InputError,
        ModelError,
        OutputError,
        SettingsError,
        StalledError,
        VidsegError,
    )
    from vidseg.frames import Frame
    from vidseg.library import alpha_of, masks, matte, render, rgb_of, run
    from vidseg.report import Report
    from vidseg.segmenters import Segmenter, open_segmenter
    from vidseg.settings import EncodeSettings, MatteSettings, RenderSettings, SegmentSettings
    from vidseg.source import look
    from vidseg.video_info import VideoInfo

__version__ = "0.1.0"

__all__ = [
    "BackgroundError",
    "DeviceError",
    "DownloadError",
    "EncodeSettings",
    "Frame",
    "InputError",
    "MatteSettings",
    "ModelError",
    "OutputError",
    "RenderSettings",
    "Report",
    "SegmentSettings",
    "Segmenter",
    "SettingsError",
    "StalledError",
    "VideoInfo",
    "VidsegError",
    "__version__",
    "alpha_of",
    "look",
    "masks",
    "matte",
    "open_segmenter",
    "render",
    "rgb_of",
    "run",
]

_HOMES = {
    "frames": ("Frame", "VideoInfo"),
    "library": ("alpha_of", "masks", "matte", "render", "rgb_of", "run"),
    "report": ("Report",),
    "segmenters": ("Segmenter", "open_segmenter"),
    "settings": ("EncodeSettings", "MatteSettings", "RenderSettings", "SegmentSettings"),
    "source": ("look",),
}
"""Module → names that it is asked for; whatever else is public is an error."""

_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name on its first use."""
    if name not in __all__:
        raise AttributeError(f"module 'vidseg' has no attribute {name!r}")
    value = getattr(import_module(f"vidseg.{_HOME_OF.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted(set(globals()) | set(__all__))
