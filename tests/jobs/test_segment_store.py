"""Store of segments: where they lie, what they hold, and the folder that they share."""

import itertools
import multiprocessing
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from vidseg.errors import OutputError
from vidseg.jobs.segment_store import SegmentRecord, Store, missing
from vidseg.matting.restarts import LEAD_S, SEGMENT_S, restart_before, stretch_at
from vidseg.media.ffmpeg import Packet
from vidseg.media.mux import (
    PacketFileWriter,
    account_of,
    last_words,
    read_packets,
    reordering,
    retimed,
)


def test_restarts_leave_room_for_the_window() -> None:
    """Half the smoothing window before a border lies after the restart, for each window allowed."""
    for segment, window in itertools.product(range(-3, 4), [0, 0.2, 1.9, 2.0, 2.1, 5]):
        restart = restart_before(segment, window)
        assert restart <= segment * SEGMENT_S - Fraction(window) / 2
        assert stretch_at(restart) == stretch_at(restart - Fraction(1, 1000)) + 1
        assert (segment * SEGMENT_S - restart) % SEGMENT_S == LEAD_S


def _record(last: bool = False) -> list[SegmentRecord]:
    return [SegmentRecord(frames=1, reorder=0, last=last, header="", damage={})]


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({}, [(2, None)]),
        ({2: False, 3: False}, [(4, None)]),
        ({2: False, 4: False}, [(3, 4), (5, None)]),
        ({3: False, 4: True}, [(2, 3)]),
        ({2: False, 3: True}, []),
    ],
)
def test_what_is_missing(there: dict[int, bool], expected: list[tuple[int, int | None]]) -> None:
    whole = {number: _record(last) for number, last in there.items()}
    assert missing(whole, 2) == expected


def _packet(pts: int, dts: int | None = None, data: bytes = b"x", duration: int = 10) -> Packet:
    import av

    packet: Packet = av.Packet(data)
    packet.pts, packet.dts, packet.duration, packet.time_base = pts, dts, duration, Fraction(1, 90)
    return packet


def test_a_parcel_keeps_everything(tmp_path: Path) -> None:
    writer = PacketFileWriter(tmp_path / "a.part")
    key = _packet(-5, -30, b"key")
    key.is_keyframe = True
    writer.write([key, _packet(5, None, b"")])
    assert not (tmp_path / "a.part").exists()
    writer.finish({"frames": 2})
    first, second = read_packets(tmp_path / "a.part")
    assert (first.pts, first.dts, first.duration, first.time_base) == (-5, -30, 10, Fraction(1, 90))
    assert (bytes(first), first.is_keyframe, second.is_keyframe) == (b"key", True, False)
    assert (second.pts, second.dts, second.size) == (5, None, 0)
    assert account_of(tmp_path / "a.part") == {"frames": 2}


def test_a_parcel_cut_or_changed_anywhere_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.part"
    writer = PacketFileWriter(path)
    writer.write([_packet(0, 0, b"some bytes")])
    writer.finish({"frames": 1})
    data = path.read_bytes()
    for place in range(len(data)):
        path.write_bytes(data[:place])
        assert account_of(path) is None, place
        path.write_bytes(data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :])
        assert account_of(path) is None, place
    with pytest.raises(OutputError, match="damaged; delete it and run again"):
        list(read_packets(path))


def test_decoding_times_rise_across_joints() -> None:
    """Each part is in coding order; a gap and a new pace at the joint would make plain dts fall."""
    parts = [[0, 30, 10, 20, 60, 40, 50], [70, 400, 80, 300, 401, 402]]
    depth = max(map(reordering, parts))
    packets = list(retimed((_packet(pts) for part in parts for pts in part), depth))
    times = [packet.dts for packet in packets]
    assert all(a < b for a, b in itertools.pairwise(times))  # type: ignore[operator]
    assert all(packet.dts <= packet.pts for packet in packets)  # type: ignore[operator]
    assert [packet.pts for packet in packets] == parts[0] + parts[1]


def test_the_record_is_read_without_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.part"
    writer = PacketFileWriter(path)
    writer.write([_packet(0, 0, b"some bytes")])
    writer.finish({"frames": 1})
    assert last_words(path) == account_of(path) == {"frames": 1}
    data = path.read_bytes()
    path.write_bytes(data.replace(b"some", b"sOme"))
    assert (last_words(path), account_of(path)) == ({"frames": 1}, None)
    path.write_bytes(data[:-3])
    assert last_words(path) is None
    path.write_bytes(b"")
    assert last_words(path) is None


# -- the folder
# ----------------------------------------------------------------------------------------------


def part(store: Store, number: int = 0) -> Path:
    """Write a segment."""
    writer = PacketFileWriter(store.path(number, 0))
    writer.finish({"frames": 1})
    return store.path(number, 0)


def test_whoever_comes_too_late_leaves_the_folder_alone(tmp_path: Path) -> None:
    """It deleted the folder, with a segment half-written, of the run that was there first."""
    first, second = Store(tmp_path / "out.mp4"), Store(tmp_path / "out.mp4")
    first.claim()
    writer = PacketFileWriter(first.path(0, 0))
    with pytest.raises(OutputError, match="another run is rendering this output; wait for it"):
        second.claim()
    second.release()
    writer.finish({"frames": 1})
    assert account_of(first.path(0, 0)) == {"frames": 1}
    first.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_on_a_deleted_folder_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening the lock and taking it, another run may be done and delete the folder."""
    import fcntl

    real, other, late = fcntl.flock, Store(tmp_path / "out.mp4"), Store(tmp_path / "out.mp4")
    other.claim()

    def after_the_other(handle: int, how: int) -> None:
        monkeypatch.setattr("fcntl.flock", real)
        other.remove()
        real(handle, how)

    monkeypatch.setattr("fcntl.flock", after_the_other)
    late.claim()
    assert late.folder.is_dir()
    with pytest.raises(OutputError, match="another run"):
        Store(tmp_path / "out.mp4").claim()
    late.release()
    assert list(tmp_path.iterdir()) == []


def _visit(output: Path, rounds: int, answers: Any) -> None:
    """Claim, look whether anybody else is there, and delete, again and again."""
    bad = 0
    for _ in range(rounds):
        store = Store(output)
        try:
            store.claim()
        except OutputError:
            continue
        guest = store.folder / "guest"
        try:
            os.close(os.open(guest, os.O_CREAT | os.O_EXCL))
            guest.unlink()
        except OSError:
            bad += 1
        store.remove()
    answers.put(bad)


def test_many_runs_never_meet(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    visitors = [
        context.Process(target=_visit, args=(tmp_path / "out.mp4", 300, answers), daemon=True)
        for _ in range(3)
    ]
    for visitor in visitors:
        visitor.start()
    assert [answers.get(timeout=240) for _ in visitors] == [0, 0, 0]
    for visitor in visitors:
        visitor.join()
    assert list(tmp_path.iterdir()) == []


def test_what_was_put_in_place_is_known_again(tmp_path: Path) -> None:
    """Also after a second kill; what lies there for other reasons is not taken for it."""
    output, store = tmp_path / "out.mp4", Store(tmp_path / "out.mp4")
    output.write_text("precious")
    store.claim()
    store.settle({"a": 1})
    joined = store.folder / ".out.part.mp4"
    joined.write_text("new")
    store.joining()
    assert not store.made(output)
    joined.replace(output)
    assert store.made(output)
    assert store.made(output, {"a": 1})
    assert not store.made(output, {"a": 2})
    store.settle({"a": 1}, [output])
    assert store.made(output, {"a": 1})
    store.settle({"a": 2}, [output])
    assert not store.made(output)


def test_the_report_is_kept_until_all_else_is_deleted(tmp_path: Path) -> None:
    output, store = tmp_path / "out.mp4", Store(tmp_path / "out.mp4")
    store.claim()
    store.settle({"a": 1})
    output.write_text("new")
    store.finish({"a": 1}, [output], {"frames": 7})
    (store.folder / "manifest.json").unlink()
    assert store.finished({"a": 1}, [output]) == {"frames": 7}
    assert store.finished({"a": 2}, [output]) is None
    another = tmp_path / "another.mp4"
    another.write_text("another")
    another.replace(output)
    assert store.finished({"a": 1}, [output]) is None
