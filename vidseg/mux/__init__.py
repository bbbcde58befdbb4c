"""The output container: the new video, and everything else the source had."""

from vidseg.mux.output import Output
from vidseg.mux.tracks import Cut

__all__ = ["Cut", "Output"]
