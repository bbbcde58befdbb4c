"""What programs may import from vidseg, and what it does."""

import inspect
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import vidseg
from tests.helpers.clips import person_mask, person_picture, read_frames, write_clip, write_picture
from tests.helpers.packets import hurt
from vidseg.errors import name_options, name_settings
from vidseg.networks.base import Scores
from vidseg.networks.fake import FakeSegmenter
from vidseg.rendering import chain
from vidseg.system.threads import prefetch

SIZE = (96, 64)
PUBLIC = {
    "BackgroundError", "DeviceError", "DownloadError", "EncodeSettings", "Frame", "InputError",
    "MatteSettings", "ModelError", "OutputError", "RenderSettings", "Report", "ModelSettings",
    "PeopleSettings", "Segmenter", "SettingsError", "StalledError", "VideoInfo", "VidsegError",
    "__version__", "alpha_of", "probe", "masks", "matte", "open_segmenter", "render", "rgb_of",
    "run",
}  # fmt: skip
"""Names that others rely on: to take one away is to break their programs."""


@pytest.fixture(autouse=True)
def _as_programs_read_them() -> Iterator[None]:
    """Let messages be what a program is told."""
    name_settings()
    yield
    name_options()


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)


def test_the_public_names_stay() -> None:
    assert set(vidseg.__all__) == PUBLIC
    assert set(dir(vidseg)) >= PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC - {"__version__"}))
def test_every_public_name_is_there_and_described(name: str) -> None:
    assert inspect.getdoc(getattr(vidseg, name))


def test_no_module_hides_a_public_name() -> None:
    """Importing a module binds its name in the package, in place of a function so called."""
    modules = {path.stem for path in Path(vidseg.__file__).parent.iterdir() if path.name[0] != "_"}
    assert modules & PUBLIC == set()


def test_every_error_is_public() -> None:
    """A program can catch whatever is raised by a name from the package."""
    import vidseg.errors

    errors = {name for name, value in vars(vidseg.errors).items() if inspect.isclass(value)}
    assert errors <= PUBLIC
    assert all(issubclass(getattr(vidseg, name), vidseg.VidsegError) for name in errors)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'rendr'"):
        vidseg.rendr  # noqa: B018


def test_importing_the_package_imports_nothing_else() -> None:
    done = python("import sys, vidseg; print(*{name.split('.')[0] for name in sys.modules})")
    assert not set(done.stdout.split()) & {"av", "numpy", "cv2", "PIL", "tensorflow", "click"}, (
        done.stderr
    )


def test_types_are_shipped() -> None:
    assert Path(vidseg.__file__).with_name("py.typed").is_file()


def test_a_clip_is_rendered_and_its_matte_written(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mp4")
    told: list[tuple[int, int | None]] = []
    report = vidseg.render(
        str(clip),
        tmp_path / "out.mp4",
        "navy",
        end=0.2,
        segmenter=FakeSegmenter(),
        progress=lambda done, expected: told.append((done, expected)),
    )
    assert report.frames_out == len(read_frames(tmp_path / "out.mp4")) == told[-1][0]
    mattes = vidseg.matte(clip, tmp_path / "matte.mp4", end=0.2, segmenter=FakeSegmenter())
    assert mattes.kind == "matte"
    assert mattes.frames_out == report.frames_out
    with pytest.raises(vidseg.OutputError, match="exists"):
        vidseg.matte(clip, tmp_path / "matte.mp4", segmenter=FakeSegmenter())


def test_settings_can_say_everything(tmp_path: Path) -> None:
    settings = vidseg.RenderSettings(
        source=write_clip(tmp_path / "in.mp4"),
        output=tmp_path / "out.mp4",
        background="transparent",
        pair=True,
    )
    said: list[str] = []
    vidseg.run(settings, segmenter=FakeSegmenter(), say=said.append)
    assert (tmp_path / "out.matte.mp4").exists()
    assert said


def test_paths_may_be_text_or_paths(tmp_path: Path) -> None:
    """A background given as a path, and settings with paths as text, ended in an AttributeError."""
    source = write_clip(tmp_path / "in.mp4", frames=2)
    picture = write_picture(tmp_path / "picture.png")
    with closing(FakeSegmenter()) as network:
        vidseg.render(source, tmp_path / "a.mp4", picture, segmenter=network)
        settings = vidseg.RenderSettings(source=str(source), output=str(tmp_path / "b.mp4"))  # type: ignore[arg-type]
        assert vidseg.run(settings, segmenter=network).frames_out == 2
    assert settings.output == tmp_path / "b.mp4"


@pytest.mark.parametrize(
    ("settings", "given", "message"),
    [
        (
            vidseg.EncodeSettings,
            {"audio": "loud"},
            "audio must be one of copy, transcode, none, got 'loud'",
        ),
        (vidseg.EncodeSettings, {"range": "pc"}, "range must be one of auto, full, video"),
        (vidseg.RenderSettings, {"fit": "zoom"}, "fit must be one of cover, contain, stretch"),
        (vidseg.RenderSettings, {"kind": "map"}, "kind must be one of picture, matte, parts"),
        (
            vidseg.ModelSettings,
            {"parts": "face"},
            r"parts must be a tuple of names, such as \('face',\)",
        ),
    ],
)
def test_words_that_mean_nothing_are_refused(
    settings: Any, given: dict[str, Any], message: str
) -> None:
    """Only the command line checked them; from Python, a sound of `None` was copied in silence."""
    paths = {"source": Path("a"), "output": Path("b")} if settings is vidseg.RenderSettings else {}
    with pytest.raises(vidseg.SettingsError, match=message):
        settings(**paths, **given)


def test_a_rate_may_be_a_float(tmp_path: Path) -> None:
    for number in range(3):
        write_picture(tmp_path / f"{number}.png")
    with closing(FakeSegmenter()) as network:
        pairs = list(vidseg.masks(tmp_path / "%d.png", frame_rate=12.5, segmenter=network))
    assert [frame.time for frame, _ in pairs] == [0, Fraction(2, 25), Fraction(4, 25)]


def test_masks_come_with_their_frames(tmp_path: Path) -> None:
    """Every frame once, in order, with an alpha of its size that is high where the person is."""
    clip = write_clip(tmp_path / "in.mp4")
    times = []
    for frame, alpha in vidseg.masks(clip, segmenter=FakeSegmenter()):
        assert (alpha.dtype, alpha.shape) == (np.float32, (frame.height, frame.width))
        rgb = vidseg.rgb_of(frame)
        green = rgb[..., 1].astype(int) - rgb[..., [0, 2]].max(axis=2)
        assert ((alpha > 0.5) != (green > 75)).mean() < 0.01
        assert (alpha.min(), alpha.max()) == (0, 1)
        times.append(frame.time)
    assert times == sorted(times)
    assert len(times) == len(read_frames(clip))


def test_masks_of_a_span(tmp_path: Path) -> None:
    """0.2 means a fifth of a second: the float is a little more and would lose the frame there."""
    clip = write_clip(tmp_path / "in.mp4")
    everything = [frame.time for frame, _ in vidseg.masks(clip, segmenter=FakeSegmenter())]
    fifth = Fraction(1, 5)
    assert fifth in everything
    found = [frame.time for frame, _ in vidseg.masks(clip, start=0.2, segmenter=FakeSegmenter())]
    assert found == [time for time in everything if time >= fifth]


def test_masks_that_are_left_close_what_they_opened(tmp_path: Path) -> None:
    segmenter = FakeSegmenter()
    with closing(vidseg.masks(write_clip(tmp_path / "in.mp4"), segmenter=segmenter)) as pairs:
        next(pairs)
    assert not segmenter.closed, "a segmenter that was given stays open"


def test_masks_tell_what_of_a_clip_is_lost(tmp_path: Path) -> None:
    """A program got a clip with holes, and no word."""
    source = write_clip(tmp_path / "in.mp4", frames=20, gop=5)
    said: list[str] = []
    assert len(list(vidseg.masks(source, segmenter=FakeSegmenter(), say=said.append))) == 20
    assert said == []
    hurt(source, 10)
    assert len(list(vidseg.masks(source, segmenter=FakeSegmenter(), say=said.append))) < 20
    assert re.fullmatch(rf"{re.escape(str(source))}: \d pictures? (is|are) lost, at .*", said[0])


def test_masks_tell_at_once_what_cant_be_read(tmp_path: Path) -> None:
    with pytest.raises(vidseg.InputError, match=r"absent\.mp4"):
        vidseg.masks(tmp_path / "absent.mp4")


@pytest.mark.parametrize("value", ["soon", float("nan"), float("inf")])
def test_times_must_be_numbers(tmp_path: Path, value: float) -> None:
    with pytest.raises(vidseg.SettingsError, match="start must be a number, got"):
        vidseg.masks(tmp_path / "in.mp4", start=value)


def test_pictures_as_arrays() -> None:
    """One picture gives one alpha, and a batch what its pictures give one by one."""
    pictures = np.stack([person_picture(number, *SIZE, numbered=False) for number in range(3)])
    alphas = vidseg.alpha_of(pictures, segmenter=FakeSegmenter())
    assert (alphas.dtype, alphas.shape) == (np.float32, (3, SIZE[1], SIZE[0]))
    for number, (picture, alpha) in enumerate(zip(pictures, alphas, strict=True)):
        assert np.array_equal(alpha, vidseg.alpha_of(picture, segmenter=FakeSegmenter()))
        assert ((alpha > 0.5) != person_mask(number, *SIZE)).mean() < 0.03
    assert vidseg.alpha_of(pictures[:0], segmenter=FakeSegmenter()).shape == (0, SIZE[1], SIZE[0])


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3)),
        np.zeros((0, 8, 3), np.uint8),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_other_arrays_are_refused(array: np.ndarray) -> None:
    with pytest.raises(vidseg.InputError, match="must be uint8"):
        vidseg.alpha_of(array, segmenter=FakeSegmenter())


_WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = None
import vidseg
from vidseg.errors import name_options, name_settings
from vidseg.networks.fake import FakeSegmenter
vidseg.render({clip!r}, {output!r}, "navy", end=0.1, segmenter=FakeSegmenter())
try:
    vidseg.open_segmenter(vidseg.ModelSettings(name={model!r}, device="cpu"))
except vidseg.ModelError as error:
    print("TOLD", error)
"""


def test_tensorflow_is_missed_only_by_a_model_that_needs_it(tmp_path: Path) -> None:
    """Without TensorFlow a clip is rendered, and a SavedModel says in one line what is missing."""
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").touch()
    names = {"clip": str(write_clip(tmp_path / "in.mp4")), "output": str(tmp_path / "out.mp4")}
    done = python(_WITHOUT_TENSORFLOW.format(**names, model=str(tmp_path / "saved")))
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith("TOLD TensorFlow is not installed"), done.stdout
    assert "pip install" in line


def test_a_network_that_hangs_ends_masks_in_the_error_of_a_render(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing what waited for the hanging thread raised another error in place of the stall."""
    hanging = threading.Event()

    class Hanging(FakeSegmenter):
        def segment(self, batch: NDArray[np.uint8]) -> Scores:
            hanging.wait(60)
            return super().segment(batch)

    monkeypatch.setattr(chain, "prefetch", partial(prefetch, stall_s=0.2))
    clip = write_clip(tmp_path / "in.mp4", frames=12)
    try:
        with pytest.raises(vidseg.StalledError, match="segmentation stage gave nothing"):
            list(vidseg.masks(clip, segmenter=Hanging()))
    finally:
        hanging.set()


def test_masks_hold_opencv_to_one_thread_as_a_render_does(tmp_path: Path) -> None:
    """Each stage has a thread; OpenCV divided each one's work again, but for the library only."""
    clip = write_clip(tmp_path / "in.mp4", frames=4)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        seen = [cv2.getNumThreads() for _ in vidseg.masks(clip, segmenter=FakeSegmenter())]
        assert seen == [1, 1, 1, 1]
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(threads)
