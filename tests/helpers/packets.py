"""Packets that are changed on their way from a clip into another."""

from collections.abc import Callable
from pathlib import Path

import av

from vidseg.media.ffmpeg import Packet


def with_packets(plain: Path, path: Path, change: Callable[[Packet], bytes]) -> Path:
    """Write the video of `plain` to `path`, in place of each packet's data what `change` gives."""
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        video = source.streams.video[0]
        stream = out.add_stream_from_template(video)
        for packet in source.demux(video):
            if packet.size:
                copy = av.Packet(change(packet))
                copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
                copy.time_base, copy.is_keyframe = packet.time_base, packet.is_keyframe
                copy.stream = stream
                out.mux(copy)
    return path


def packets_of(path: Path) -> list[tuple[int | None, bytes]]:
    """Return time and data of every packet of the video, in the order of the file."""
    with av.open(str(path)) as source:
        return [(p.pts, bytes(p)) for p in source.demux(source.streams.video[0]) if p.size]


def hurt(path: Path, *places: int) -> list[int | None]:
    """Fill packets with zeros where they stand in the file; return their times."""
    data, packets = bytearray(path.read_bytes()), packets_of(path)
    for place in places:
        old = packets[place][1]
        assert data.count(old) == 1
        at = data.index(old)
        data[at : at + len(old)] = bytes(len(old))
    path.write_bytes(bytes(data))
    return [packets[place][0] for place in places]
