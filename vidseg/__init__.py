"""Give the people in a recorded clip a new background, or an alpha for an editor.

The names in `__all__` are what programs may rely on. Each is imported when it is first used, so
that ``import vidseg`` takes no time; TensorFlow is imported only where a model that needs it is
opened.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidseg.api import alpha_of, masks, matte, render, rgb_of, run
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
    from vidseg.frames.frame import Frame
    from vidseg.media.source import probe
    from vidseg.media.video_info import VideoInfo
    from vidseg.networks import Segmenter, open_segmenter
    from vidseg.reports.run_report import Report
    from vidseg.settings import (
        EncodeSettings,
        MatteSettings,
        ModelSettings,
        PeopleSettings,
        RenderSettings,
    )

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
    "ModelSettings",
    "OutputError",
    "PeopleSettings",
    "RenderSettings",
    "Report",
    "Segmenter",
    "SettingsError",
    "StalledError",
    "VideoInfo",
    "VidsegError",
    "__version__",
    "alpha_of",
    "masks",
    "matte",
    "open_segmenter",
    "probe",
    "render",
    "rgb_of",
    "run",
]

_HOMES = {
    "api": ("alpha_of", "masks", "matte", "render", "rgb_of", "run"),
    "frames.frame": ("Frame",),
    "media.source": ("probe",),
    "media.video_info": ("VideoInfo",),
    "networks": ("Segmenter", "open_segmenter"),
    "reports.run_report": ("Report",),
    "settings": (
        "EncodeSettings",
        "MatteSettings",
        "RenderSettings",
        "ModelSettings",
        "PeopleSettings",
    ),
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
