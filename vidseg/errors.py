"""The errors vidseg raises: every one says what, which file, the actual value, and what to do."""


class VidsegError(Exception):
    """Anything that ends a run for a reason the user can act on; its text is one line."""


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
