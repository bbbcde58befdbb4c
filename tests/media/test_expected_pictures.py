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
    expected = ExpectedInOrder("h264", 100)
    for dts in (5, 6, 7, 8):
        expected.sent(_Packet(None, dts))
    assert expected.failed(_Packet(None, 6))
    pictures = [_Picture(None), _Picture(None)]
    for picture in pictures:
        expected.came(picture)
    assert [picture.dts for picture in pictures] == [5, 7]
    assert expected.left() == [8]
    assert [expected.awaits(None, place) for place in range(3)] == [False, False, True]
    expected.give_up()
    assert expected.lost() == [101, 103]


def test_placeholders_of_mpeg_4_are_no_pictures() -> None:
    """One follows two pictures in a packet; another says that the picture before stays."""
    expected = ExpectedInOrder("mpeg4", 0)
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
