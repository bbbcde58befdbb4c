"""The errors vidseg raises: every one says what, which file, the actual value, and what to do.

Messages are written in the words of the command line, which a program is told as those of its
settings.
"""

import re

_OPTION = re.compile(r"(?<![\w./-])(--[a-z][a-z-]*[a-z]|-[bo])(?![\w-]|\.\w)")

_OTHERWISE = {"-b": "background", "-o": "output", "--fps": "frame_rate", "--otio": "timeline"}
"""Options that aren't called like the setting."""

_ALIKE = (
    "audio",
    "batch-size",
    "codec",
    "crf",
    "drop",
    "device",
    "end",
    "feather",
    "fit",
    "grow",
    "hwaccel",
    "invert",
    "keep",
    "max-pixels",
    "model",
    "overwrite",
    "pair",
    "parts",
    "pix-fmt",
    "premultiplied",
    "preset",
    "range",
    "report",
    "resolution",
    "rows",
    "at",
    "size-change",
    "smooth",
    "start",
    "threshold",
    "width",
)
_SETTINGS = {**{f"--{name}": name.replace("-", "_") for name in _ALIKE}, **_OTHERWISE}

_names_options = False


def name_options() -> None:
    """Let messages name options from now on: their reader has given some on a command line."""
    global _names_options
    _names_options = True


def name_settings() -> None:
    """Let messages name settings, as they do from the start."""
    global _names_options
    _names_options = False


def worded(text: str) -> str:
    """Return a message for whoever reads it: ``--batch-size`` is ``batch_size`` to a program."""
    if _names_options:
        return text
    return _OPTION.sub(lambda option: _SETTINGS.get(option[0], option[0]), text)


class VidsegError(Exception):
    """Anything that ends a run for a reason the user can act on; its text is one line."""

    def __str__(self) -> str:
        """Return the message, see `worded`."""
        return worded(super().__str__())


class SettingsError(VidsegError):
    """A setting has a value that can't be used."""


class InputError(VidsegError):
    """The source can't be opened, or holds no video that can be decoded."""


class BackgroundError(VidsegError):
    """The background can't be opened or understood."""


class OutputError(VidsegError):
    """The output can't be written, or its container or codec can't hold what was asked for."""


class ModelError(VidsegError):
    """A model is unknown, damaged, or not what its name says."""


class DownloadError(ModelError):
    """A model could not be fetched; the text names the address and the ways out."""


class DeviceError(VidsegError):
    """The device asked for is absent."""


class StalledError(VidsegError):
    """A stage of the pipeline stopped making progress."""
