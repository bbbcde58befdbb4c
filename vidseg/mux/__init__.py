"""The output container: the new video, and everything else the source had."""

from vidseg.mux.cut import Cut
from vidseg.mux.output import FORMATS, Output, scratch_container
from vidseg.mux.parcel import ParcelWriter, account_of, last_words, read_packets
from vidseg.mux.retime import reordering, retimed

__all__ = [
    "FORMATS",
    "Cut",
    "Output",
    "ParcelWriter",
    "account_of",
    "last_words",
    "read_packets",
    "reordering",
    "retimed",
    "scratch_container",
]
