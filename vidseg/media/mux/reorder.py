"""Decoding times of packets of several encoders in one row, made rising. Pure."""

import heapq
from collections.abc import Iterable, Iterator

from vidseg.media.ffmpeg import Packet


def reordering(pts: Iterable[int]) -> int:
    """Return how many places a packet comes before its picture's place in time, at most.

    `pts` are presentation times in the order of packets.
    """
    coded = list(pts)
    shown = {time: place for place, time in enumerate(sorted(coded))}
    return max((place - shown[time] for place, time in enumerate(coded)), default=0)


def retimed(packets: Iterable[Packet], depth: int) -> Iterator[Packet]:
    """Yield packets with decoding times as one encoder that reorders by `depth` would give them.

    Each is decoded when the picture `depth` places before it is shown; so decoding times rise, and
    none comes after its own picture, also where segments meet. The first ones lie before the first
    picture.
    """
    waiting: list[int] = []
    early: list[Packet] = []
    for packet in packets:
        assert packet.pts is not None
        heapq.heappush(waiting, packet.pts)
        if len(early) < depth:
            early.append(packet)
            if len(early) == depth:
                yield from _begun(early, waiting)
            continue
        packet.dts = heapq.heappop(waiting)
        yield packet
    if 0 < len(early) < depth:
        yield from _begun(early, waiting)


def _begun(early: list[Packet], waiting: list[int]) -> Iterator[Packet]:
    """Yield the packets that are decoded before anything is shown, a frame's time apart."""
    step = max(1, early[0].duration or 0)
    for place, packet in enumerate(early):
        packet.dts = waiting[0] - (len(early) - place) * step
        yield packet
