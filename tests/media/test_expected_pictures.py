"""The account of what goes into a decoder and what comes out, on made-up packets and pictures."""

from dataclasses import dataclass

import pytest

from vidseg.media.expected_pictures import ExpectedByTime, ExpectedInOrder, shows

BODY = b"\x80" * 20


@dataclass
class _Packet:
    pts: int | None
    dts: int | None = None
    data: bytes = BODY
    is_discard: bool = False

    @property
    def size(self) -> int:
        return len(self.data)


@dataclass
class _Picture:
    pts: int | None
    dts: int | None = None
    interlaced_frame: bool = False


def account(
    sent: list[int], came: list[int], *, interlaced: bool = False, codec: str = "h264"
) -> ExpectedByTime:
    """Return the account of a decoder that gave `came` after it had got `sent`."""
    expected = ExpectedByTime(codec)
    for pts in sent:
        expected.sent(_Packet(pts))
    for pts in came:
        expected.came(_Picture(pts, interlaced_frame=interlaced))
    return expected


def test_what_is_passed_over_is_lost() -> None:
    assert account([0, 30, 10, 20, 40], [0, 10, 30]).lost() == [20]


def test_what_is_still_to_come_is_left_until_it_is_given_up() -> None:
    expected = account([0, 30, 10, 20], [0, 10])
    assert expected.left() == [20, 30]
    assert expected.lost() == []
    expected.give_up()
    assert expected.lost() == [20, 30]


def test_what_comes_out_of_order_is_not_lost() -> None:
    assert account([0, 10, 20, 30], [0, 20, 10, 30]).lost() == []


def test_what_is_older_than_the_first_picture_was_never_to_be_seen() -> None:
    assert account([100, 80, 90, 110], [100, 110]).lost() == []


def test_two_pictures_of_one_time_are_one_promise() -> None:
    assert account([0, 10, 10, 20], [0, 10, 20]).lost() == []
    assert account([0, 10, 10, 20], [0, 10, 10, 20]).lost() == []


def test_a_second_field_is_no_picture() -> None:
    """Interlaced H.264 may have a packet, and a time, for each field."""
    fields = list(range(0, 400, 20))
    expected = account(fields, fields[::2], interlaced=True)
    expected.give_up()
    assert expected.lost() == []
    without = [time for time in fields[::2] if time != 200]
    assert account(fields, without, interlaced=True).lost() == [200, 220]


def test_pictures_at_times_that_nobody_told_stand_for_others() -> None:
    assert account([0, 10, 20, 30], [1, 11, 21, 31]).lost() == []


def test_what_an_edit_list_leaves_out_is_no_promise() -> None:
    expected = account([0], [0])
    expected.sent(_Packet(10, is_discard=True))
    expected.sent(_Packet(None))
    assert expected.left() == []


def test_a_sequence_has_a_first_picture() -> None:
    expected = ExpectedByTime("png", -1)
    for pts in (0, 1, 2):
        expected.sent(_Packet(pts))
    expected.came(_Picture(1))
    assert expected.lost() == [0]


def test_decoding_times_are_given_out_in_order() -> None:
    expected = in_order(depth=0)
    for dts in (5, 6, 7, 8):
        expected.sent(_Packet(None, dts))
    assert came(expected, 5) == [100]
    assert expected.failed() == 101
    assert came(expected, 7) == [102]
    assert expected.left() == [103]
    assert [expected.awaits(_Picture(None, dts)) for dts in (7, 8, None)] == [False, True, True]
    assert [expected.refused(_Packet(None, dts)) for dts in (7, 8)] == [None, 103]
    expected.give_up()
    assert expected.lost() == [101, 103]


def in_order(codec: str = "h264", *, depth: int) -> ExpectedInOrder:
    """Return the account of a decoder that holds back `depth` pictures; the first is shown at 100.

    Its pictures come with the decoding time of the packet that let them out.
    """
    return ExpectedInOrder(codec, 100, lambda: depth)


def came(expected: ExpectedInOrder, *times: int | None) -> list[int | None]:
    """Let pictures come, let out at these decoding times; return the times that they get."""
    pictures = [_Picture(None, dts) for dts in times]
    for picture in pictures:
        expected.came(picture)
    return [picture.dts for picture in pictures]


@pytest.mark.parametrize("depth", [0, 2])
def test_what_gives_no_picture_moves_no_later_one(depth: int) -> None:
    """Cause: it was noticed at the end only, and all pictures behind it came too early."""
    expected = in_order(depth=depth)
    for dts in range(20):
        expected.sent(_Packet(None, dts))
        if dts < 5 or dts > 8:
            came(expected, *([dts] if dts >= depth else []))
    assert came(expected, *[None] * depth) == [120 - depth, 121 - depth][:depth]
    assert len(expected.lost()) == 4
    assert expected.left() == []


@pytest.mark.parametrize("depth", [0, 2])
def test_what_is_decoded_in_order_before_the_first_picture_was_never_to_be_seen(depth: int) -> None:
    expected = in_order(depth=depth)
    for dts in range(20):
        expected.sent(_Packet(None, dts))
    assert came(expected, 19) == [119 - depth]
    assert expected.lost() == []


def test_an_error_answers_the_first_packet_that_nothing_has_answered() -> None:
    """Cause: decoders of several threads tell it later, so that later packets were blamed."""
    expected = account([0, 10, 20, 30, 40], [])
    expected.sent(_Packet(50, 45))
    assert expected.failed() == 50
    expected = ExpectedByTime("h264")
    for time in range(0, 60, 10):
        expected.sent(_Packet(time, time))
    expected.came(_Picture(10, 10))
    assert [expected.failed() for _ in range(5)] == [20, 30, 40, 50, 50]


def test_placeholders_of_mpeg_4_are_no_pictures() -> None:
    """One follows two pictures in a packet; another says that the picture before stays."""
    expected = in_order("mpeg4", depth=1)
    for dts, data in enumerate((BODY, b"small", BODY)):
        expected.sent(_Packet(None, dts, data))
    expected.came(_Picture(None))
    expected.came(_Picture(None))
    assert expected.left() == []


@pytest.mark.parametrize(
    ("codec", "data", "shown"),
    [
        ("h264", b"\0", True),
        ("mpeg4", bytes(7), False),
        ("mpeg4", bytes(20), True),
        ("vp8", b"\x10\x02\0", True),
        ("vp8", b"\x01\x02\0", False),
        ("vp8", bytes(10), True),  # zeroed
        ("vp9", b"\x82\x49", True),
        ("vp9", b"\x84\x49", False),
        ("vp9", b"\x88", True),  # shows an earlier one
        ("vp9", b"\x84\x49\xc1", True),  # several in one
        ("vp9", b"\xb1", True),  # profile 3
        ("vp9", b"\xb2", False),
        ("vp9", bytes(10), True),
    ],
)
def test_which_packets_are_of_pictures_that_are_shown(codec: str, data: bytes, shown: bool) -> None:
    assert shows(codec, _Bytes(data)) is shown


class _Bytes(bytearray):
    """A packet as far as its data go."""

    @property
    def size(self) -> int:
        return len(self)
