"""Real networks on real pictures: who is found, what is left empty, and which parts are kept."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.folder import where_media_is
from vidseg.frames.geometry import Box
from vidseg.rendering.pipeline import render
from vidseg.settings import EncodeSettings, ModelSettings, PeopleSettings, RenderSettings

pytestmark = [pytest.mark.weights, pytest.mark.usefixtures("quick_conversions")]

MediaFile = Callable[[str], Path]


def mattes(
    source: Path,
    target: Path,
    start: Fraction | int,
    end: Fraction | int,
    parts: tuple[str, ...] = (),
) -> list[NDArray[np.uint8]]:
    """Return the matte of every frame between two moments, at full range."""
    settings = RenderSettings(
        source=source,
        output=target,
        kind="matte",
        start=Fraction(start),
        end=Fraction(end),
        overwrite=True,
        encode=EncodeSettings(codec="ffv1", audio="none"),
        model=ModelSettings(parts=parts),
    )
    render(settings)
    with av.open(str(target)) as out:
        return [frame.to_ndarray(format="gray") for frame in out.decode(video=0)]


def shares(matte: list[NDArray[np.uint8]]) -> list[float]:
    """Return the share of each frame that people take up."""
    return [float(np.mean(frame > 127)) for frame in matte]


def test_a_man_who_leaves_and_returns(media_file: MediaFile, tmp_path: Path) -> None:
    """A webcam is turned about: he is there until 10.2 s, gone until 11.9 s, back at 12.1 s."""
    source = media_file("mdn_chromakey_video.mp4")
    found = shares(mattes(source, tmp_path / "matte.mkv", 10, Fraction(25, 2)))
    assert min(found[:10]) > 0.15
    assert sum(share > 0 for share in found[40:100]) < 5, (
        "things that blur past may pass for him briefly"
    )
    assert max(found[40:100]) < 0.03
    assert min(found[122:140]) > 0.2


@pytest.mark.parametrize(
    ("name", "seconds", "worst"),
    [
        ("carphone_pristine.mp4", 2, []),  # a talker who keeps still
        ("mdn_chromakey_video.mp4", 1, []),
        ("intel_asl_walk.mkv", 3, [2.53]),  # the hem of her pullover vanishes
        ("androidx_sample_rotate_and_reflect.mp4", 1, []),  # he shakes his head
    ],
)
def test_the_worst_moments_are_those_that_one_sees(
    media_file: MediaFile, tmp_path: Path, name: str, seconds: int, worst: list[float]
) -> None:
    """They were the network's looks, every 8th or 12th frame: figures were of unrefined masks."""
    source = media_file(name)
    settings = RenderSettings(
        source=source,
        output=tmp_path / "matte.mkv",
        kind="matte",
        end=Fraction(seconds),
        report=tmp_path / "report.html",
        encode=EncodeSettings(codec="ffv1", audio="none"),
    )
    found: Any = render(settings).quality["moments"]
    assert [moment["time_s"] for moment in found if moment["reasons"]] == pytest.approx(
        worst, abs=0.1
    )


def test_a_room_without_people_is_all_background(media_file: MediaFile, tmp_path: Path) -> None:
    empty = mattes(media_file("background_stream.mp4"), tmp_path / "matte.mkv", 0, 1)
    assert max(int(frame.max()) for frame in empty) == 0


def test_a_photo_without_people_becomes_the_plain_background(
    media_file: MediaFile, tmp_path: Path
) -> None:
    settings = RenderSettings(
        source=media_file("background_photo.jpg"), output=tmp_path / "out.png", background="#2040c0"
    )
    render(settings)
    picture = cv2.imread(str(tmp_path / "out.png"))
    assert picture is not None
    assert int(np.abs(picture.astype(int) - (0xC0, 0x40, 0x20)).max()) <= 2


@pytest.mark.parametrize(
    ("name", "head"), where_media_is([("liveportrait_s18.mp4", 0.5), ("latentsync_demo2.mp4", 0.2)])
)
def test_a_face_is_part_of_a_head_at_the_top(
    media_file: MediaFile, tmp_path: Path, name: str, head: float
) -> None:
    """Shares of all parts' sigmoids, each 1 within a person, never reached one half: no face."""
    until = Fraction(1, 10)
    person, face, torso = (
        mattes(media_file(name), tmp_path / "matte.mkv", 0, until, parts)[0] > 127
        for parts in ((), ("face",), ("torso",))
    )
    assert 0.05 * person.mean() < face.mean() < head * person.mean()
    assert torso.mean() > 0.3 * person.mean()
    assert np.mean(face & torso) < 0.1 * face.mean()
    assert np.mean(face & ~person) < 0.05 * face.mean()
    middle = [np.flatnonzero(part.any(axis=1)).mean() for part in (face, torso)]
    assert middle[0] < middle[1]


def test_hands_of_a_signer_are_found_where_they_are(media_file: MediaFile, tmp_path: Path) -> None:
    source = media_file("latentsync_demo2.mp4")
    hands = mattes(source, tmp_path / "matte.mkv", Fraction(83, 10), Fraction(84, 10), ("hands",))[
        0
    ]
    rows, columns = np.nonzero(hands > 127)
    height, width = hands.shape
    folded = Box(width // 4, height * 7 // 10, width * 3 // 4, height)
    assert folded.left < columns.mean() < folded.right
    assert folded.top < rows.mean() < folded.bottom
    assert 0.005 < np.mean(hands > 127) < 0.08


def kept(source: Path, target: Path, **people: tuple[str, ...]) -> list[NDArray[np.uint8]]:
    """Return the matte of every frame of a clip, or of pictures at 24 a second, of some people."""
    settings = RenderSettings(
        source=source,
        output=target,
        kind="matte",
        overwrite=True,
        frame_rate=Fraction(24) if "%" in source.name else None,
        encode=EncodeSettings(codec="ffv1", audio="none"),
        people=PeopleSettings(**people),
    )
    render(settings)
    with av.open(str(target)) as out:
        return [frame.to_ndarray(format="gray") for frame in out.decode(video=0)]


def test_passers_by_are_left_out(media_file: MediaFile, tmp_path: Path) -> None:
    """A man walks up in front of three others, two of whom are seen apart from him."""
    source = media_file("people_sample1.mp4")
    everybody = kept(source, tmp_path / "all.mkv")
    main = kept(source, tmp_path / "main.mkv", keep=("main",))
    for matte in main:
        assert np.mean(matte[:, :300] > 127) < 0.01, "a woman at the left"
    for one, other in zip(everybody[:36], main, strict=False):
        assert np.mean(one[:, 1000:] > 127) > 0.2
        assert np.mean(other[:, 1000:] > 127) < 0.01, "a policeman at the right"
    for one, other in zip(everybody, main, strict=True):
        him = one[:, 480:720] > 127
        assert np.count_nonzero(other[:, 480:720] > 127) > 0.97 * np.count_nonzero(him)


def test_children_one_behind_the_other_are_divided_by_points(
    media_file: MediaFile, tmp_path: Path
) -> None:
    """To the network they are one from the beginning to the end."""
    source = media_file("people_bedroom.mp4")
    girl, boy = ("385,250",), ("290,270",)
    everybody = kept(source, tmp_path / "all.mkv")
    hers = kept(source, tmp_path / "girl.mkv", keep=girl, drop=boy)
    his = kept(source, tmp_path / "boy.mkv", keep=boy, drop=girl)
    kneeling, jumping = np.s_[150:400, 180:310], np.s_[120:320, 360:450]
    for at in range(6):  # before he is hidden
        there, she, he = (mattes[at] > 127 for mattes in (everybody, hers, his))
        for place, those, others in ((kneeling, he, she), (jumping, she, he)):
            total = np.count_nonzero(there[place])
            assert np.count_nonzero(those[place]) > 0.8 * total
            assert np.count_nonzero(others[place]) < 0.2 * total
    whole = [np.count_nonzero(matte > 127) for matte in hers]
    assert min(whole) > 0.6 * max(whole), "she is seen all through"


def test_a_player_is_kept_as_well_as_with_all_others(test_data: Path, tmp_path: Path) -> None:
    """Against masks made by hand."""
    folder = test_data / "gt" / "davis" / "hockey"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    frames = folder / "frames" / "%05d.jpg"
    truth = [
        cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted((folder / "masks").iterdir())
    ]
    scores = []
    for name, people in (("all", ("all",)), ("main", ("main",))):
        mattes = kept(frames, tmp_path / f"{name}.mkv", keep=people)
        pairs = [(m > 127, t > 0) for m, t in zip(mattes, truth, strict=True) if t is not None]
        both = sum(np.count_nonzero(m & t) for m, t in pairs)
        scores.append(both / sum(np.count_nonzero(m | t) for m, t in pairs))
    assert scores[1] > scores[0] - 0.02
