"""The output container: the new video, and everything else the source had."""

from vidseg.media.mux.kept_range import KeptRange
from vidseg.media.mux.output import FORMATS, Output, scratch_container
from vidseg.media.mux.packet_file import PacketFileWriter, account_of, last_words, read_packets
from vidseg.media.mux.reorder import reordering, retimed
from vidseg.media.mux.stream_outcomes import StreamOutcomes

__all__ = [
    "FORMATS",
    "KeptRange",
    "Output",
    "PacketFileWriter",
    "StreamOutcomes",
    "account_of",
    "last_words",
    "read_packets",
    "reordering",
    "retimed",
    "scratch_container",
]
