"""Reports: metrics as defined, JSON as documented, a page that works in a real browser."""

import errno
import itertools
import json
import math
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.helpers.browser import browser, require_browser, resize, set_mode
from tests.helpers.clips import Audio, read_planes, write_clip
from tests.helpers.planes import frame_of, info_of
from tests.helpers.renders import rendered
from vidseg.errors import OutputError
from vidseg.frames.frame import Frame, as_plane
from vidseg.frames.geometry import Box
from vidseg.matting.alpha import Alpha
from vidseg.matting.mask import Mask
from vidseg.reports.html import page, write
from vidseg.reports.mask_metrics import Quality
from vidseg.reports.metrics import APART_S, Collected, Peaks
from vidseg.reports.run_report import Report
from vidseg.settings import EncodeSettings, MatteSettings

PROJECT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 320, 180
GREEN, GREY = (40, 220, 40), (128, 128, 128)


def scene(number: int) -> NDArray[np.uint8]:
    """A person who stands still and is missed in two frames; at 40 the wall is another one.

    The segmenter misses a person who is grey; the brightness stays the same, as if nothing had
    happened.
    """
    picture = np.full((HEIGHT, WIDTH, 3), GREY if number < 40 else (30, 40, 90), np.uint8)
    picture[60:, 120:200] = (146, 146, 146) if number in (20, 60) else GREEN
    return picture


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, str, dict[str, Any]]:
    """A render of 80 frames with a page: the report, the page's text, and the JSON in it."""
    folder = tmp_path_factory.mktemp("page")
    source = write_clip(
        folder / "a <b>&.mp4", width=WIDTH, height=HEIGHT, frames=80, picture=scene, audio=[Audio()]
    )
    report = rendered(source, folder / "out.mp4", report=folder / "report.html")
    text = (folder / "report.html").read_text("utf-8")
    embedded = re.search(
        r'<script type="application/json" id="report">(.*?)</script>', text, re.DOTALL
    )
    assert embedded is not None
    return report, text, json.loads(embedded[1])


# -- figures
# -----------------------------------------------------------------------------------------------


def still(number: int = 0) -> Frame:
    """A grey frame of 320 x 180."""
    return frame_of(np.full((HEIGHT, WIDTH, 3), GREY, np.uint8), pts=number)


@dataclass(frozen=True)
class Written:
    """What is written of a frame: its alpha, in [0, 1]; whether a shot begins; its body parts."""

    alpha: NDArray[np.float32]
    begins_shot: bool = False
    parts: NDArray[np.uint8] | None = None


def note(quality: Quality, frame: Frame, written: Written) -> None:
    """Let `quality` see a frame and what is written of it."""
    height, width = written.alpha.shape
    mask = Mask(
        written.alpha,
        Box(0, 0, width, height),
        begins_shot=written.begins_shot,
        parts=written.parts,
    )
    plane = as_plane(np.rint(written.alpha * frame.format.peak).astype(frame.format.dtype))
    quality.note(frame, mask, Alpha.of(plane, frame.format), None)


def measured(written: list[Written], frames: list[Frame] | None = None) -> dict[str, Any]:
    """Return the account of some alphas, of people before a grey wall that stays the same."""
    quality = Quality(info_of(WIDTH, HEIGHT), pictures=False)
    for number, each in enumerate(written):
        note(quality, frames[number] if frames else still(number), each)
    return quality.collected().account()


def test_coverage_is_the_share_of_the_whole_frame() -> None:
    """People in a quarter of it, and in half of that half-transparent."""
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[: HEIGHT // 2, : WIDTH // 2] = 1
    alpha[: HEIGHT // 4, : WIDTH // 2] = 0.4
    assert measured([Written(alpha)])["coverage_percent"]["mean"] == pytest.approx(17.5)


@pytest.mark.parametrize("angle", [0, 30, 45, 90])
@pytest.mark.parametrize("width", [4.0, 12.0])
def test_softness_is_the_width_of_the_doubtful_band(angle: int, width: float) -> None:
    """A ramp that rises from 0.1 to 0.9 over `width` pixels, at any angle.

    Four fifths of the ramp lie between. Crossings make a straight edge up to 1.27 times too long or
    short at some angles; a round person has all angles.
    """
    y, x = np.mgrid[:HEIGHT, :WIDTH] - np.array([HEIGHT / 2 - 0.5, WIDTH / 2 - 0.5])[:, None, None]
    distance = x * math.cos(math.radians(angle)) + y * math.sin(math.radians(angle))
    alpha = Written(np.clip(distance * 0.8 / width + 0.5, 0, 1).astype(np.float32))
    found = measured([alpha])["softness_px"]["mean"]
    assert width / 1.35 < found < width * 1.35


@pytest.mark.parametrize("scale", [1, 4])
@pytest.mark.parametrize("layout", ["yuv420p", "yuv420p10le"])
def test_softness_of_a_disc_is_right(scale: int, layout: str) -> None:
    """Also of a large picture, whose edge is measured on a smaller one, and of 10 bits."""
    width, height = scale * WIDTH, scale * HEIGHT
    y, x = np.mgrid[:height, :width] - np.array([height / 2 - 0.5, width / 2 - 0.5])[:, None, None]
    alpha = np.clip((60 * scale - np.hypot(x, y)) * 0.1 + 0.5, 0, 1).astype(np.float32)
    quality = Quality(info_of(width, height), pictures=False)
    note(quality, frame_of(np.full((height, width, 3), GREY, np.uint8), layout), Written(alpha))
    found: Any = quality.collected().account()
    assert found["softness_px"]["mean"] == pytest.approx(8, rel=0.06)


def test_a_faint_guess_has_no_softness() -> None:
    """A ghost of probability 0.6 had an edge hundreds of pixels wide, and dwarfed all others."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] / 2
    ghost = Written((0.6 * np.exp(-((x - 80) ** 2 + (y - 45) ** 2) / 800)).astype(np.float32))
    assert measured([ghost])["softness_px"]["most"] is None


def person(left: int, *, there: bool = True) -> NDArray[np.float32]:
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[60:, left : left + 80] = there
    return mask


def test_flicker_is_what_comes_and_goes_without_the_picture() -> None:
    """A person of whom a quarter is missed for a frame; nothing else changes."""
    missed = person(120)
    missed[:, 180:200] = 0
    account = measured(
        [Written(person(120)), Written(missed), Written(person(120)), Written(person(120))]
    )
    assert account["curve"]["flicker_percent"] == [
        None,
        *(pytest.approx(x, abs=1) for x in (25, 25, 0)),
    ]


def test_motion_is_no_flicker() -> None:
    """A person who walks, with a mask that walks along."""
    frames = []
    for number in range(6):
        picture = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
        picture[60:, 100 + 8 * number : 180 + 8 * number] = GREEN
        frames.append(frame_of(picture, pts=number))
    masks = [Written(person(100 + 8 * number)) for number in range(6)]
    assert measured(masks, frames)["flicker_percent"]["most"] < 1


def test_what_the_network_says_is_no_figure_of_what_is_written() -> None:
    """Masks change at each look of the network, by what refinement takes back.

    A still talker had a peak of flicker every 8th or 12th frame, and his worst moments were these
    looks.
    """
    quality = Quality(info_of(WIDTH, HEIGHT), pictures=True)
    plane = as_plane(np.rint(person(120) * 255).astype(np.uint8))
    for number in range(24):
        frame = still(number)
        said = person(120) * np.float32(
            0.97 if number % 8 < 6 else 0.8
        )  # both well above the threshold
        quality.note(
            frame, Mask(said, Box(0, 0, WIDTH, HEIGHT)), Alpha.of(plane, frame.format), None
        )
    collected = quality.collected()
    assert set(collected.columns["flicker"][1:]) == {0.0}
    assert len(set(collected.columns["softness"])) == len(set(collected.columns["coverage"])) == 1
    assert not [moment for moment in collected.moments() if moment.reasons]


def test_an_edge_as_soft_as_ever_is_no_worst_moment() -> None:
    """One that is half as soft again for a while is."""

    def ramp(width: float) -> NDArray[np.float32]:
        distance = np.arange(WIDTH, dtype=np.float32) - WIDTH / 2 + 0.5
        return np.tile(np.clip(distance * 0.8 / width + 0.5, 0, 1).astype(np.float32), (HEIGHT, 1))

    for width, expected in ((6.6, []), (12.0, ["softness"])):
        quality = Quality(info_of(WIDTH, HEIGHT), pictures=True)
        for number in range(60):
            picture = np.full(
                (HEIGHT, WIDTH, 3), GREY if number % 2 else GREEN, np.uint8
            )  # hence no flicker
            alpha = Written(ramp(width if 30 <= number < 33 else 6.0))
            note(quality, frame_of(picture, pts=number), alpha)
        reasons = [reason for moment in quality.collected().moments() for reason in moment.reasons]
        assert reasons == expected, width


def test_a_body_part_that_becomes_another_flickers() -> None:
    """Of a map of parts, where alpha stays and half of the person gets another colour."""
    left, right = np.zeros((2, HEIGHT, WIDTH), np.uint8)
    right[:, :160] = 1
    account = measured([Written(person(120), parts=parts) for parts in (left, left, right)])
    assert account["curve"]["flicker_percent"] == [
        None,
        pytest.approx(0, abs=1),
        pytest.approx(50, abs=4),
    ]


def test_a_cut_is_no_flicker() -> None:
    masks = [Written(person(20)), Written(person(200), begins_shot=True)]
    account = measured(masks)
    assert account["curve"]["flicker_percent"] == [None, None]
    assert account["cuts_s"] == [pytest.approx(1 / 30, abs=1e-5)]


def test_nobody_is_no_figure() -> None:
    """An empty mask has a coverage of 0, no edge, and no flicker."""
    account = measured([Written(np.zeros((HEIGHT, WIDTH), np.float32))] * 3)
    assert account["coverage_percent"]["most"] == 0
    assert account["softness_px"]["mean"] is None
    assert account["flicker_percent"]["most"] == 0


def test_long_clips_have_a_bounded_account() -> None:
    quality = Quality(info_of(64, 36), pictures=True)
    frame = frame_of(np.full((36, 64, 3), GREY, np.uint8))
    nobody = Written(np.zeros((36, 64), np.float32))
    for _ in range(4500):
        note(quality, frame, nobody)
    account: Any = quality.collected().account()
    assert {len(values) for values in account["curve"].values()} == {1500}
    assert 4 <= len(quality.collected().moments()) <= 13


@dataclass(frozen=True)
class Point:
    """What is kept of a peak in these tests."""

    time: float
    value: float


def peaks_of(values: list[float], times: list[float], most: int, least: float = 0.5) -> list[Point]:
    """Return what `Peaks` finds, fed one by one."""
    peaks: Peaks[Point] = Peaks(most, least)
    for value, time in zip(values, times, strict=True):
        if peaks.meets(value, time):
            peaks.keep(value, Point(time, value))
    return peaks.found()


def true_peaks(
    values: list[float], times: list[float], most: int, least: float = 0.5
) -> list[Point]:
    """Return the highest peaks by comparing every frame with every other."""
    found = []
    for i, (value, time) in enumerate(zip(values, times, strict=True)):
        rivals = [
            j
            for j in range(len(values))
            if j != i and abs(times[j] - time) < APART_S and not math.isnan(values[j])
        ]
        beaten = any(values[j] > value or (values[j] == value and j < i) for j in rivals)
        if value >= least and not beaten:
            found.append(Point(time, value))
    return sorted(found, key=lambda point: (-point.value, point.time))[:most]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.one_of(st.integers(0, 9).map(float), st.just(math.nan)), st.integers(1, 9)),
        max_size=80,
    ),
    st.integers(1, 6),
)
def test_peaks_are_the_true_ones(frames: list[tuple[float, int]], most: int) -> None:
    """In one pass, with ties, gaps, slow rises: the very frames that comparing all with all finds.

    Earlier, a peak near a higher one was replaced only where that was 15 % higher.
    """
    times = [float(t) / 16 for t in itertools.accumulate(step for _, step in frames)]
    values = [value for value, _ in frames]
    assert peaks_of(values, times, most) == true_peaks(values, times, most)


def test_the_worst_moment_is_the_worst(tmp_path: Path) -> None:
    """Of a rise and fall in small steps, the moment with pictures is the top, and says so."""
    quality = Quality(info_of(WIDTH, HEIGHT), pictures=True)
    for number in range(60):
        missed = person(120)
        missed[:, 200 - max(0, 40 - 2 * abs(number - 30)) * (number % 2) :] = 0
        note(quality, still(number), Written(missed))
    collected = quality.collected()
    account: Any = collected.account()
    worst = max(
        (m for m in collected.moments() if "flicker" in m.reasons), key=lambda m: m.figures.flicker
    )
    assert round(worst.figures.flicker, 4) == account["flicker_percent"]["most"]
    assert worst.time == pytest.approx(account["curve"]["time_s"][np.nanargmax(
        [x or 0 for x in account["curve"]["flicker_percent"]]
    )], abs=1e-6)  # fmt: skip


def test_figures_survive_a_file() -> None:
    quality = Quality(info_of(WIDTH, HEIGHT), pictures=True, part=True)
    for number in range(20):
        note(quality, still(number), Written(person(120, there=number != 9)))
    collected = quality.collected()
    again = Collected.from_json(json.loads(json.dumps(collected.as_json())))
    assert again.account() == collected.account()
    assert repr(again.moments()) == repr(collected.moments())


# -- JSON
# --------------------------------------------------------------------------------------------------


def test_the_documents_tell_every_field(run: tuple[Report, str, dict[str, Any]]) -> None:
    """docs/report.md names what the JSON holds, and nothing else."""
    report, _, embedded = run
    text = (PROJECT / "docs" / "report.md").read_text("utf-8")
    first, second = re.findall(r"^\| --- \| --- \|\n((?:\|.*\n)+)", text, re.MULTILINE)

    def named(table: str) -> set[str]:
        return {
            name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])
        }

    assert named(first) == {field.name for field in fields(Report)} == set(embedded)
    assert named(second) == set(report.quality)
    for name in {*report.damage, *report.streams[0], *embedded["quality"]["moments"][0]} - set(
        report.quality
    ):
        assert f"`{name}`" in text, name


def test_json_beside_a_page_has_the_same_figures(
    tmp_path: Path, run: tuple[Report, str, dict[str, Any]]
) -> None:
    source = write_clip(tmp_path / "in.mp4", width=WIDTH, height=HEIGHT, frames=80, picture=scene)
    rendered(source, tmp_path / "out.mp4", report=tmp_path / "report.json")
    told = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert told["quality"]["curve"] == run[2]["quality"]["curve"]
    assert told["quality"]["moments"] == []  # no pictures are taken for it


def test_a_render_is_measured(run: tuple[Report, str, dict[str, Any]]) -> None:
    """The person is about a fifth of the picture; its two losses and the cut are found."""
    quality: Any = run[2]["quality"]
    assert quality["frames"] == 80
    assert quality["coverage_percent"]["most"] == pytest.approx(
        100 * 80 * 120 / (WIDTH * HEIGHT), rel=0.03
    )
    assert quality["coverage_percent"]["least"] == pytest.approx(0, abs=0.01)
    assert quality["cuts_s"] == [pytest.approx(40 / 30, abs=1e-5)]
    assert set(run[0].stage_s) >= {"decode", "segment", "paint", "encode", "mux", "measure"}


KINDS: dict[str, dict[str, Any]] = {
    "render": {},
    "blur": {"background": "blur"},
    "cut-out": {"background": "transparent"},
    "premultiplied": {"background": "transparent", "premultiplied": True},
    "pair": {"background": "transparent", "pair": True},
    "matte": {"kind": "matte"},
    "inverted": {"kind": "matte", "invert": True},
}


@pytest.mark.parametrize("grow", [0, 12])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_output_has_the_figures_of_what_is_written(
    tmp_path: Path, kind: str, grow: int
) -> None:
    """Those of masks before their edges were refined left out what --grow and --feather do."""
    source = write_clip(tmp_path / "in.mp4", width=WIDTH, height=HEIGHT, frames=3, picture=scene)
    given = {"encode": EncodeSettings(), **KINDS[kind], "matte": MatteSettings(smooth=0, grow=grow)}
    found: Any = rendered(source, tmp_path / "o.mov", report=tmp_path / "r.html", **given).quality
    rendered(
        source,
        tmp_path / "m.mkv",
        kind="matte",
        matte=given["matte"],
        encode=EncodeSettings(codec="ffv1"),
    )
    alphas = [frame.planes[0] for frame in read_planes(tmp_path / "m.mkv")]
    assert found["coverage_percent"]["mean"] == pytest.approx(100 * np.mean(alphas) / 255, rel=0.01)
    assert found["flicker_percent"]["most"] < 0.1


# -- the page
# ----------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Notes elements, and what they would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember an element."""
        self.found.append((tag, dict(attrs)))


def test_the_page_needs_nothing_else(run: tuple[Report, str, dict[str, Any]]) -> None:
    """Everything it loads is inside, every picture has words, and a clip's name can't break out."""
    reader = Reader()
    reader.feed(run[1])
    loaded = [a[k] for _, a in reader.found for k in ("src", "href", "action", "data") if a.get(k)]
    assert loaded
    assert all(str(address).startswith(("data:", "#")) for address in loaded)
    assert "url(" not in run[1]
    pictures = [a for tag, a in reader.found if tag == "img"]
    assert len(pictures) >= 9
    assert all(a["alt"] for a in pictures)
    assert not [tag for tag, _ in reader.found if tag == "b"]
    assert "a &lt;b&gt;&amp;.mp4" in run[1]


def test_a_report_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk left an empty page, in place of the one that had been there."""

    def half(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:7])
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "report.html"
    path.write_text("the last run's")
    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OutputError, match="can't be written, the render is done: No space left"):
        write(Report(source="in.mp4", output="out.mp4", kind="picture"), path)
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "the last run's"


def test_a_link_to_a_report_stays_a_link(tmp_path: Path) -> None:
    """The new file took the link's place; with /dev/stdout, into a file, the device's own."""
    (tmp_path / "link.html").symlink_to(tmp_path / "report.html")
    for _ in range(2):
        write(Report(source="in.mp4", output="out.mp4", kind="picture"), tmp_path / "link.html")
        assert (tmp_path / "link.html").is_symlink()
        assert "in.mp4" in (tmp_path / "report.html").read_text()
        assert len(list(tmp_path.iterdir())) == 2


def test_a_report_without_figures_is_a_page_too() -> None:
    """Parts that were rendered without a report have none."""
    report = Report(source="in.mp4", output="out.mp4", kind="picture", frames_out=3, wall_s=1.0)
    report.damage = {"packets": 2, "missing_s": 1.5}
    report.notes = ["</script><script>alert(1)</script>"]
    text = page(report)
    assert "2 packets that could not be read" in text
    assert 'id="plot"' not in text.partition("<script")[0]
    assert "<script>alert" not in text
    assert asdict(report)["quality"] == {}


@pytest.fixture(scope="module")
def page_file(
    run: tuple[Report, str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The page as a file of its own, far from everything it might lean on."""
    path = tmp_path_factory.mktemp("alone") / "report.html"
    path.write_text(run[1], "utf-8")
    return path


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser."""
    require_browser()
    with browser() as driver:
        yield driver


_CONTRAST = """
const TEXTS = "h1,h2,h3,p,dt,dd,td,th,li,small,figcaption,.chip,summary,#plot text";
const luminance = (text) => {
  const [r, g, b] = text.match(/[\\d.]+/g).map(Number)
    .map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor;
    if (colour !== "rgba(0, 0, 0, 0)") return colour;
  }
  return "rgb(255, 255, 255)";
};
const poor = [];
for (const e of document.querySelectorAll(TEXTS)) {
  const style = getComputedStyle(e);
  const front = luminance(e instanceof SVGElement ? style.fill : style.color);
  const back = luminance(behind(e));
  const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
  if (ratio < 4.5) poor.push(e.tagName + " " + e.textContent.slice(0, 30) + " " + ratio.toFixed(2));
}
return poor;
"""


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_page_works_in_a_browser(chromium: Any, page_file: Path, mode: str, width: int) -> None:
    """No error, no request, nothing too wide, text that can be read; a peak leads to its pictures.

    The line that follows the pointer once lay above the very middle of a peak, and took the click.
    """
    set_mode(chromium, mode)
    resize(chromium, width, 844)
    chromium.get("about:blank")  # else the same page would stay, scrolled and with its last choice
    for log in ("browser", "performance"):  # what the browser itself loaded before
        chromium.get_log(log)
    chromium.get(page_file.as_uri())
    assert chromium.execute_script("return document.documentElement.scrollWidth") <= width
    assert chromium.execute_script(_CONTRAST) == []
    shown = "return [...document.images].every((i) => i.complete && i.naturalWidth >= 100)"
    assert chromium.execute_script(shown)
    assert len(chromium.find_elements("css selector", "#plot .cut")) == 1
    peaks = chromium.find_elements("css selector", "#plot .flicker a.peak")
    assert len(peaks) >= 2
    _follow(chromium, peaks[-1])
    assert not chromium.get_log("browser")
    events = [json.loads(entry["message"])["message"] for entry in chromium.get_log("performance")]
    sent = [
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    ]
    assert [address for address in sent if not address.startswith(("file:", "data:"))] == []


def _follow(chromium: Any, peak: Any) -> None:
    """Click a peak: its pictures, those of the lost person, come into view and get the focus."""
    label = peak.get_attribute("aria-label")
    number = peak.get_attribute("data-moment")
    lost = re.fullmatch(r"Flicker (\d+) % at 0:0(\d\.\d+): show its pictures", label)
    assert lost is not None, label
    assert int(lost[1]) > 90
    assert min(abs(float(lost[2]) - frame / 30) for frame in (20, 21, 60, 61)) < 0.006
    chromium.execute_script(
        "arguments[0].querySelector('.dot').scrollIntoView({block: 'center', behavior: 'instant'})",
        peak,
    )
    from selenium.webdriver import ActionChains
    from selenium.webdriver.support.ui import WebDriverWait

    ActionChains(chromium).click(peak.find_element("css selector", ".dot")).perform()
    card = chromium.find_element("id", f"moment-{number}")
    inside = (
        "const box = arguments[0].getBoundingClientRect();"
        "return box.top >= 0 && box.bottom <= innerHeight"
        " && document.activeElement === arguments[0]"
        " && arguments[0].classList.contains('chosen')"
    )
    WebDriverWait(chromium, 10).until(lambda driver: driver.execute_script(inside, card))
    assert f"00:00:0{lost[2]}" in card.text


def test_the_page_works_by_keyboard(chromium: Any, page_file: Path) -> None:
    """Tab reaches the peaks, Enter follows one."""
    from selenium.webdriver.common.keys import Keys

    resize(chromium, 1200, 844)
    chromium.get("about:blank")
    chromium.get(page_file.as_uri())
    for _ in range(12):
        chromium.switch_to.active_element.send_keys(Keys.TAB)
        if chromium.execute_script("return document.activeElement.matches('a.peak')"):
            break
    else:
        pytest.fail("Tab never reached a peak")
    number = chromium.switch_to.active_element.get_attribute("data-moment")
    chromium.switch_to.active_element.send_keys(Keys.ENTER)
    assert chromium.execute_script("return document.activeElement.id") == f"moment-{number}"
