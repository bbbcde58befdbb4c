"""Layouts of sound's channels, read so that PyAV doesn't free them twice."""

import ctypes

from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout

_LISTED = " channels ("
"""How FFmpeg names layouts without a name of their own, those in an order of their own among them:
``8 channels (FL+FR+FC+LFE+SL+SR+BL+BR)``."""


def layout_of(sound: AudioCodecContext | AudioFrame) -> AudioLayout:
    """Return the layout of a track's decoder, or of a frame, whose own `layout` isn't safe to read.

    Channels in an order of their own, as QuickTime's 6.1 and 7.1 may have, are listed in memory of
    FFmpeg's that PyAV 18 frees with its copy of the layout (`AudioLayout.__dealloc__`), and FFmpeg
    again. Such a copy is never let go, at 80 bytes each. Every frame holds one, read or not, so
    this is to be called for each that comes from a decoder.
    """
    layout = sound.layout
    if is_listed(layout.name):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(layout))
    return layout


def is_listed(name: str) -> bool:
    """Whether a layout of this name may be in an order of its own, which PyAV can't be given."""
    return _LISTED in name
