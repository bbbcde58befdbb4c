"""Networks: one contract over all of them, and their scores against the originals'."""

import os
import subprocess
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.clips import person_picture
from tests.helpers.folder import published_models
from tests.helpers.tfjs import write_bodypix, write_rvm
from vidseg.errors import DeviceError, ModelError
from vidseg.models import MODELS, Converted, ensure_converted, locate, onednn, read_tfjs
from vidseg.networks import Segmenter, bodypix, gpu, open_segmenter
from vidseg.networks.base import Recurrent, logits
from vidseg.networks.bodypix import SCALINGS, BodyPix, grid_size
from vidseg.networks.fake import FakeSegmenter
from vidseg.networks.runtimes import litert
from vidseg.networks.runtimes.litert import LiteRtRuntime
from vidseg.networks.runtimes.tensorflow import TensorFlowRuntime
from vidseg.networks.rvm import Rvm
from vidseg.networks.selfie import SCALING, Selfie
from vidseg.settings import ModelSettings

pytestmark = pytest.mark.usefixtures("quick_conversions")

Opener = Callable[[pytest.FixtureRequest], Segmenter]


def picture(width: int, height: int, count: int = 1, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth random pictures, uint8 [count, height, width, 3]."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, -(-height // 8), -(-width // 8), 3), np.uint8)
    return np.ascontiguousarray(coarse.repeat(8, 1).repeat(8, 2)[:, :height, :width])


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The json of a small graph with ResNet50's node names and stride 32."""
    return write_bodypix(
        tmp_path_factory.mktemp("tiny"), stride=32, architecture="resnet50", shards=2
    )


@pytest.fixture(scope="session")
def tiny_converted(tiny: Path) -> Converted:
    """The small graph as it runs, with body parts."""
    return ensure_converted(read_tfjs(tiny), name="tiny", parts=True)


@pytest.fixture(scope="session")
def dilated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The json of a small graph of stride 8, with a dilated convolution as the published one."""
    return write_bodypix(tmp_path_factory.mktemp("dilated"), stride=8)


def named(name: str, parts: bool = False) -> Converted:
    """A model of that name as it runs: the published one, or the small one in its place."""
    return ensure_converted(read_tfjs(locate(MODELS[name])), name=name, parts=parts)


def alone(name: str, *parts: str) -> Segmenter:
    """A BodyPix model of that name, without what is run beside it."""
    return bodypix.open_model(MODELS[name], ModelSettings(device="cpu", parts=parts), None)


def on_tensorflow(made: Converted, parts: bool = False) -> Segmenter:
    """A converted model on TensorFlow's CPU kernels."""
    runtime = TensorFlowRuntime(made.saved_model, SCALINGS[made.architecture], gpu=None)
    return BodyPix("tensorflow", runtime, stride=made.stride, parts=parts)


def open_selfie(name: str) -> Segmenter:
    """A selfie model, whose weights are there."""
    return open_segmenter(ModelSettings(name=name))


def _selfie(name: str) -> Opener:
    def opened(request: pytest.FixtureRequest) -> Segmenter:
        request.getfixturevalue("selfie_weights")
        return open_selfie(name)

    return opened


def _named(name: str, *parts: str) -> Opener:
    return lambda _: open_segmenter(ModelSettings(name=name, device="cpu", parts=parts))


def _on_tensorflow(_: pytest.FixtureRequest) -> Segmenter:
    return on_tensorflow(named("bodypix-050-s16"))


def _tiny(request: pytest.FixtureRequest) -> Segmenter:
    path = request.getfixturevalue("tiny")
    request.getfixturevalue("tiny_converted")
    return open_segmenter(ModelSettings(name=str(path), device="cpu", parts=("face",)))


def _rvm(request: pytest.FixtureRequest) -> Segmenter:
    path = write_rvm(request.getfixturevalue("tmp_path_factory").mktemp("rvm"))
    return open_segmenter(ModelSettings(name=str(path), device="cpu"))


IMPLEMENTATIONS = [
    pytest.param(lambda _: FakeSegmenter(), id="fake"),
    pytest.param(_tiny, id="tiny-parts", marks=pytest.mark.tensorflow),
    pytest.param(_named("bodypix-050-s16"), id="s16", marks=pytest.mark.tensorflow),
    pytest.param(_named("bodypix-050-s8"), id="s8", marks=pytest.mark.tensorflow),
    pytest.param(_named("bodypix-050-s16", "hands"), id="s16-parts", marks=pytest.mark.tensorflow),
    pytest.param(_on_tensorflow, id="s16-tensorflow", marks=pytest.mark.tensorflow),
    pytest.param(_rvm, id="rvm", marks=pytest.mark.tensorflow),
    pytest.param(_selfie("selfie"), id="selfie"),
    pytest.param(_selfie("selfie-landscape"), id="selfie-landscape"),
]


@pytest.fixture(scope="module", params=IMPLEMENTATIONS)
def segmenter(request: pytest.FixtureRequest) -> Iterator[Segmenter]:
    """Each implementation in turn."""
    opened = request.param(request)
    yield opened
    opened.close()


# The contract


def test_describes_itself(segmenter: Segmenter) -> None:
    assert isinstance(segmenter, Segmenter)
    assert segmenter.name
    assert segmenter.device.startswith("CPU (")
    assert segmenter.traits.batch_size >= 1
    assert 64 <= segmenter.traits.whole_side <= 1024


@pytest.mark.parametrize("region", [(1920, 1080), (1080, 1920), (161, 121), (640, 480), (37, 300)])
def test_input_size_keeps_the_shape(segmenter: Segmenter, region: tuple[int, int]) -> None:
    width, height = segmenter.input_size(*region, segmenter.traits.whole_side)
    if segmenter.traits.fixed_size is not None:
        assert (width, height) == segmenter.traits.fixed_size
        return
    assert abs(np.log(width / height) - np.log(region[0] / region[1])) < 0.3
    assert width <= 2.2 * region[0] + 32
    assert height <= 2.2 * region[1] + 32


def test_scores_of_a_batch(segmenter: Segmenter) -> None:
    """One grid of finite float32 logits per frame, parts where and only where the traits say so."""
    width, height = segmenter.input_size(320, 240, 160)
    batch = picture(width, height, 3)
    before = batch.copy()
    scores = segmenter.segment(batch)
    arrays = [scores.person] if scores.parts is None else [scores.person, scores.parts]
    for array in arrays:
        assert len(array) == 3
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        assert np.isfinite(array).all()
    assert (scores.parts is not None) == segmenter.traits.has_parts
    np.testing.assert_array_equal(batch, before)


def test_batch_equals_single_frames(segmenter: Segmenter) -> None:
    width, height = segmenter.input_size(640, 360, 128)
    batch = picture(width, height, 8)
    together = segmenter.segment(batch)
    for index in range(8):
        alone = segmenter.segment(batch[index : index + 1])
        np.testing.assert_allclose(alone.person[0], together.person[index], atol=1e-4)
        if alone.parts is not None and together.parts is not None:
            np.testing.assert_allclose(alone.parts[0], together.parts[index], atol=1e-4)


def test_size_may_change_between_calls(segmenter: Segmenter) -> None:
    """The region of interest changes its shape; earlier sizes and results leave no trace."""
    sizes = [segmenter.input_size(*region, 128) for region in ((640, 360), (360, 640), (640, 360))]
    first, other, again = (segmenter.segment(picture(*size)).person for size in sizes)
    np.testing.assert_array_equal(first, again)
    if segmenter.traits.fixed_size is None:
        assert first.shape != other.shape


def test_scores_stay_what_they_were(segmenter: Segmenter) -> None:
    """A result is the caller's own, not a view of memory that the next call overwrites."""
    width, height = segmenter.input_size(320, 240, 128)
    scores = segmenter.segment(picture(width, height, seed=1))
    before = scores.person.copy()
    segmenter.segment(picture(width, height, seed=2))
    np.testing.assert_array_equal(scores.person, before)


def test_view_of_a_larger_picture(segmenter: Segmenter) -> None:
    """Frames need not lie in memory without gaps."""
    width, height = segmenter.input_size(320, 240, 128)
    wide = picture(width + 16, height)
    view = wide[:, :, 8:-8]
    scores = segmenter.segment(view)
    np.testing.assert_array_equal(
        scores.person, segmenter.segment(np.ascontiguousarray(view)).person
    )


def test_memory(segmenter: Segmenter) -> None:
    """A recurrent network sees a first picture as one by itself, and gives maps spread over it."""
    if not isinstance(segmenter, Recurrent):
        return
    width, height = segmenter.input_size(320, 240, 128)
    one, other = picture(width, height, 2)
    scores, memory = segmenter.segment_next(one, None)
    np.testing.assert_array_equal(scores.person, segmenter.segment(one[None]).person)
    kept = [each.copy() for each in memory]
    again, after = segmenter.segment_next(other, memory)
    assert again.person.shape == scores.person.shape
    assert [each.shape for each in after] == [each.shape for each in memory]
    for each, before in zip(memory, kept, strict=True):
        assert each.ndim == 3
        assert abs(each.shape[1] / each.shape[0] - width / height) < 0.1
        np.testing.assert_array_equal(each, before)


# Input sizes of BodyPix


@pytest.mark.parametrize(
    ("region", "side", "stride", "expected"),
    [
        ((1920, 1080), 368, 16, (657, 369)),
        ((1080, 1920), 368, 16, (369, 657)),
        ((1920, 1080), 368, 8, (657, 369)),
        ((1920, 1080), 368, 32, (641, 353)),
        ((640, 480), 480, 16, (641, 481)),
        ((100, 100), 368, 16, (193, 193)),
        ((10, 10), 368, 16, (17, 17)),
    ],
)
def test_grid_size(
    region: tuple[int, int], side: int, stride: int, expected: tuple[int, int]
) -> None:
    """Multiples of the stride plus one, near the side asked for, small regions at most doubled."""
    assert grid_size(*region, side, stride) == expected


# Against the original implementation


def original_logits(
    json_path: Path, frames: NDArray[np.uint8], stride: int, architecture: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What tf-bodypix's own `predict_single` says of frames: person and part logits."""
    onednn.enable()  # what TensorFlow decides here holds for all tests of this process
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")  # its dependencies use what others deprecated
        patch.setenv("TFDF_DISABLE_WELCOME_MESSAGE", "1")  # else it wants IPython
        patch.setenv(
            "CUDA_VISIBLE_DEVICES", "-1"
        )  # the converter would leave it so for other tests
        from tf_bodypix.model import load_model

        theirs = load_model(
            str(json_path),
            output_stride=stride,
            architecture_name=architecture,
            internal_resolution=1.0,
        )
        results = [theirs.predict_single(frame) for frame in frames]
    assert all(tuple(result.model_input_size) == frames.shape[1:3] for result in results)
    person = np.stack([np.asarray(result.segments_logits)[0, ..., 0] for result in results])
    parts = np.stack([np.asarray(result.part_heatmap_logits)[0] for result in results])
    return person, parts


def frames_of(path: Path, width: int, height: int, count: int) -> NDArray[np.uint8]:
    """A photo, cut at several places to `width` x `height`; uint8 [count, height, width, 3] RGB."""
    import cv2

    photo = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    small = cv2.resize(photo, (width + 8 * count, height))
    return np.stack([small[:, 8 * i : 8 * i + width] for i in range(count)])


WEIGHTS = ["small", "published"] if published_models() else ["small"]


@pytest.fixture
def photos(request: pytest.FixtureRequest) -> Callable[[str, int], NDArray[np.uint8]]:
    """Return a function: whose weights, how many → pictures that suit them, 321x257."""

    def made(weights: str, count: int) -> NDArray[np.uint8]:
        if weights == "small":
            return np.stack([person_picture(5 * i, 321, 257) for i in range(count)])
        davis = request.getfixturevalue("test_data") / "gt" / "davis"
        return frames_of(next(iter(sorted(davis.rglob("*.jpg")))), 321, 257, count)

    return made


def chosen_weights(weights: str, small_models: Path, patch: pytest.MonkeyPatch) -> None:
    """Have models of BodyPix's names be the small ones, or leave them the published ones."""
    if weights == "small":
        patch.setenv("VIDSEG_MODEL_DIR", str(small_models))


@pytest.mark.tensorflow
@pytest.mark.parametrize("stride", [16, 8])
@pytest.mark.parametrize("runtime", ["litert", "tensorflow"])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_logits_equal_the_originals(
    stride: int,
    runtime: str,
    weights: str,
    small_models: Path,
    photos: Callable[[str, int], NDArray[np.uint8]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Same input, same logits as tf-bodypix, on both runtimes."""
    chosen_weights(weights, small_models, monkeypatch)
    name = f"bodypix-050-s{stride}"
    frames = photos(weights, 2)
    theirs, _ = original_logits(locate(MODELS[name]), frames, stride, "mobilenet_v1")
    ours = alone(name) if runtime == "litert" else on_tensorflow(named(name))
    np.testing.assert_allclose(ours.segment(frames).person, theirs, atol=1e-3)
    assert theirs.max() > 0 > theirs.min()
    ours.close()


@pytest.mark.tensorflow
@pytest.mark.parametrize("weights", WEIGHTS)
def test_part_logits_equal_the_originals(
    weights: str,
    small_models: Path,
    photos: Callable[[str, int], NDArray[np.uint8]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chosen_weights(weights, small_models, monkeypatch)
    frames = photos(weights, 1)
    person, parts = original_logits(locate(MODELS["bodypix-050-s16"]), frames, 16, "mobilenet_v1")
    ours = alone("bodypix-050-s16", "face").segment(frames)
    assert ours.parts is not None
    np.testing.assert_allclose(ours.person, person, atol=1e-3)
    np.testing.assert_allclose(ours.parts, parts, atol=1e-3)


@pytest.mark.tensorflow
@pytest.mark.parametrize("runtime", ["litert", "tensorflow"])
def test_resnet_is_scaled_as_the_original_does(
    tiny: Path, tiny_converted: Converted, runtime: str
) -> None:
    """ResNet50 takes pixels less ImageNet's means, not the range [-1, 1]; stride 32 as well."""
    assert (tiny_converted.stride, tiny_converted.architecture) == (32, "resnet50")
    frames = picture(129, 97, 2)
    person, parts = original_logits(tiny, frames, 32, "resnet50")
    if runtime == "litert":
        ours = open_segmenter(ModelSettings(name=str(tiny), device="cpu", parts=("face",)))
    else:
        ours = on_tensorflow(tiny_converted, parts=True)
    scores = ours.segment(frames)
    np.testing.assert_allclose(scores.person, person, atol=1e-3)
    assert scores.parts is not None
    np.testing.assert_allclose(scores.parts, parts, atol=1e-3)
    assert np.ptp(person) > 0.1


@pytest.mark.tensorflow
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_quantised_weights(kind: str, tmp_path: Path) -> None:
    """Weights stored in one or two bytes give nearly the logits of the floats they stand for."""
    from vidseg.models.convert.bodypix import convert

    results = []
    for quantised in (None, kind):
        folder = tmp_path / str(quantised)
        path = write_bodypix(folder, quantised=quantised)
        read_tfjs(path).check_weights()
        facts = convert(path, folder, ["float_segments"])
        assert facts == {"stride": 16, "architecture": "mobilenet"}
        runtime = LiteRtRuntime(folder / "model.tflite", SCALINGS["mobilenet"])
        frames = person_picture(3, 193, 129)[None]
        results.append(BodyPix("small", runtime, stride=16, parts=False).segment(frames).person)
    tolerance = 1.5 if kind == "uint8" else 1e-2
    np.testing.assert_allclose(results[1], results[0], atol=tolerance)
    assert np.ptp(results[0]) > 3 * tolerance


@pytest.mark.usefixtures("selfie_weights")
@pytest.mark.parametrize("name", ["selfie", "selfie-landscape"])
def test_selfie_logits_are_those_of_its_mask(name: str) -> None:
    """The logits say what the bare interpreter's soft mask says, for RGB in [0, 1]."""
    from ai_edge_litert.interpreter import Interpreter

    ours = open_selfie(name)
    width, height = ours.input_size(1, 1, 1)
    assert (width, height) == {"selfie": (256, 256), "selfie-landscape": (256, 144)}[name]
    batch = picture(width, height)
    bare = Interpreter(model_path=str(locate(MODELS[name])))
    bare.allocate_tensors()
    bare.set_tensor(bare.get_input_details()[0]["index"], (batch / 255).astype(np.float32))
    bare.invoke()
    mask = bare.get_tensor(bare.get_output_details()[0]["index"])[..., 0]
    person = ours.segment(batch).person
    np.testing.assert_allclose(1 / (1 + np.exp(-person)), np.clip(mask, 1e-4, 1 - 1e-4), atol=1e-5)


def test_logits_of_certainty_are_finite() -> None:
    values = logits(np.array([0, 0.5, 1], np.float32), 1e-4)
    np.testing.assert_allclose(values, [-9.2102, 0, 9.2102], atol=1e-2)


# Work and imports


class Counting:
    """An interpreter that counts what it is asked for."""

    def __init__(self, interpreter: Any) -> None:
        self.interpreter = interpreter
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self.interpreter, name)


def test_litert_does_no_more_than_its_bare_interpreter(
    tiny_converted: Converted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Per frame the network runs once, on a picture that is written straight into its own memory.

    Memory is planned once for all frames of a size, which costs as much as running the network.
    """
    network = LiteRtRuntime(tiny_converted.tflite, SCALINGS["resnet50"])
    counting = Counting(network._interpreter)
    monkeypatch.setattr(network, "_interpreter", counting)
    outputs = [network.run(picture(97, 65, 5))[0] for _ in range(3)]
    assert outputs[0].shape[0] == 5
    calls = counting.calls
    assert (calls["invoke"], calls["tensor"], calls["set_tensor"]) == (15, 15, 0)
    assert (calls["allocate_tensors"], calls["resize_tensor_input"]) == (1, 1)


@pytest.mark.tensorflow
def test_converted_model_imports_no_tensorflow() -> None:
    """A run on the CPU with a converted model starts in silence, without TensorFlow."""
    named("bodypix-050-s16")
    code = """
import sys
import numpy as np
from vidseg.networks import open_segmenter
from vidseg.settings import ModelSettings
segmenter = open_segmenter(ModelSettings(device="cpu"), say=lambda line: sys.exit(line))
segmenter.segment(np.zeros((2, 65, 65, 3), np.uint8))
heavy = {"tensorflow", "tensorflowjs", "tfjs_graph_converter", "tf_bodypix", "requests", "pooch"}
print(heavy & {name.partition(".")[0] for name in sys.modules})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
    assert done.stderr == ""


# oneDNN

_WATCHED = """
import os, sys
class Watch:
    def find_spec(self, name, *_):
        if name == "tensorflow":
            print("imported with", os.environ.get("TF_ENABLE_ONEDNN_OPTS"), flush=True)
sys.meta_path.insert(0, Watch())
"""

_SCORED = """
import numpy as np
from vidseg.networks import open_segmenter
from vidseg.settings import ModelSettings
network = open_segmenter(ModelSettings(name=sys.argv[1], device="cpu"))
print(network.device, network.segment(np.zeros((1, 65, 97, 3), np.uint8)).person.shape)
"""


def in_a_child(
    code: str, *words: str | Path, switch: str | None
) -> "subprocess.CompletedProcess[str]":
    """Run Python in a process where TensorFlow's switch for oneDNN is set so, or not at all."""
    environment = {name: value for name, value in os.environ.items() if name != onednn.SWITCH}
    environment |= {} if switch is None else {onednn.SWITCH: switch}
    command = [sys.executable, "-c", _WATCHED + code, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.tensorflow
def test_dilated_convolutions_run_on_any_cpu(dilated: Path) -> None:
    """Where TensorFlow leaves oneDNN off, on CPUs without AVX-512, it has no kernel for them.

    It has to be told before it is imported.
    """
    made = ensure_converted(read_tfjs(dilated), name="dilated", parts=False)
    done = in_a_child(_SCORED, made.saved_model, switch=None)
    wanted = ["imported with 1", "CPU (TensorFlow) (1, 9, 13)"]
    assert done.stdout.splitlines() == wanted, done.stderr


@pytest.mark.tensorflow
def test_the_converter_has_onednn_too(dilated: Path, tmp_path: Path) -> None:
    """TensorFlow folds what it can while it converts, with the kernels that it has."""
    code = "from vidseg.models.convert.__main__ import main\nmain()"
    done = in_a_child(code, "bodypix", dilated, tmp_path, "float_segments", switch=None)
    assert done.stdout.splitlines()[0] == "imported with 1", done.stderr
    assert (tmp_path / "model.tflite").is_file()


@pytest.mark.tensorflow
def test_who_switched_onednn_off_is_told(dilated: Path) -> None:
    """The run ended in a traceback of TensorFlow's."""
    made = ensure_converted(read_tfjs(dilated), name="dilated", parts=False)
    done = in_a_child(_SCORED, made.saved_model, switch="0")
    assert done.stdout.splitlines() == ["imported with 0"]
    assert done.stderr.splitlines()[-1].endswith(
        "saved_model: TensorFlow can't run it here "
        "(Current kernel implementation does not support dilations): "
        "set TF_ENABLE_ONEDNN_OPTS=1 before TensorFlow is imported (it is '0')"
    )


def test_onednn_is_not_promised_once_tensorflow_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads the switch when imported: set later, that would hide from users what to do."""
    monkeypatch.delenv(onednn.SWITCH, raising=False)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    onednn.enable()
    assert (
        onednn.way_out()
        == "set TF_ENABLE_ONEDNN_OPTS=1 before TensorFlow is imported (it is not set)"
    )
    monkeypatch.setenv(onednn.SWITCH, "1")
    assert "such as selfie" in onednn.way_out()


# Devices


@pytest.mark.parametrize(
    ("device", "count", "libraries", "expected"),
    [
        ("auto", 0, True, None),
        ("auto", 2, True, 0),
        ("auto", 2, False, None),
        ("cpu", 2, True, None),
        ("gpu", 1, False, 0),
        ("gpu:1", 2, True, 1),
    ],
)
def test_device_chosen(
    device: str, count: int, libraries: bool, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "gpu_count", lambda: count)
    monkeypatch.setattr(gpu, "has_cuda_libraries", lambda: libraries)
    assert gpu.choose_gpu(device) == expected


class IdleGpu:
    """A runtime that is never run: pictures of any size, as a GPU likes them."""

    device = "GPU 0 (idle)"
    input_size = None
    multiple = 64


@pytest.mark.parametrize(
    ("network", "rest"),
    [
        (BodyPix("bodypix", IdleGpu(), stride=16, parts=False), 1),
        (Rvm("rvm", IdleGpu()), 0),
    ],
)
def test_a_gpu_sees_few_sizes(network: Segmenter, rest: int) -> None:
    """Cause: nearly every region had a size of its own, and each new one takes cuDNN a while."""
    sides = range(200, 1000, 10)
    sizes = {network.input_size(width, height, 368) for width in sides for height in sides}
    assert {side % 64 for size in sizes for side in size} == {rest}
    assert len(sizes) < 60


@pytest.mark.tensorflow
def test_bytes_go_to_the_device(tiny_converted: Converted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cast and scaling are part of the compiled function, which is all that is called."""
    onednn.enable()
    import tensorflow as tf

    runtime = TensorFlowRuntime(tiny_converted.saved_model, SCALINGS["resnet50"], gpu=None)
    expected = runtime.run(picture(65, 65, 3))
    handed: list[NDArray[Any]] = []
    original = tf.constant

    def constant(value: NDArray[Any]) -> Any:
        handed.append(value)
        return original(value)

    monkeypatch.setattr(tf, "constant", constant)
    for name in ("cast", "multiply", "add"):
        monkeypatch.delattr(tf, name)
    for output, again in zip(expected, runtime.run(picture(65, 65, 3)), strict=True):
        np.testing.assert_array_equal(output, again)
    assert [each.dtype for each in handed] == [np.uint8]


@pytest.mark.parametrize(
    ("device", "count", "message"),
    [
        ("gpu", 0, r"--device gpu: no GPU was found: .*pip install 'vidseg\[gpu\]'"),
        ("gpu:2", 2, r"--device gpu:2: there are 2 GPUs: use gpu:0 to gpu:1"),
        ("gpu:1", 1, r"--device gpu:1: there is 1 GPU: use gpu:0"),
    ],
)
def test_absent_gpu_is_an_error(
    device: str, count: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU that is asked for is never silently replaced; it is found out before any download."""
    monkeypatch.setattr(gpu, "gpu_count", lambda: count)
    monkeypatch.delenv("VIDSEG_MODEL_DIR", raising=False)
    monkeypatch.setenv("VIDSEG_MODEL_URL", "http://127.0.0.1:9")
    with pytest.raises(DeviceError, match=message):
        open_segmenter(ModelSettings(name="bodypix-100-s8", device=device))


def test_no_driver_means_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_TRACES", ("/nowhere",))
    assert gpu.gpu_count() == 0


@pytest.mark.parametrize(("status", "expected"), [(0, 3), (100, 0)])
def test_driver_is_asked(monkeypatch: pytest.MonkeyPatch, status: int, expected: int) -> None:
    """The driver's own count is taken, if it can be initialised."""

    class Driver:
        def cuInit(self, flags: int) -> int:  # noqa: N802  # CUDA's name
            return status

        def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802  # CUDA's name
            count._obj.value = 3
            return 0

    monkeypatch.setattr(gpu, "_TRACES", ("/",))
    monkeypatch.setattr("ctypes.CDLL", lambda name: Driver())
    assert gpu.gpu_count() == expected


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("form", "device"), [("json", "CPU (LiteRT, 1 thread)"), ("saved_model", "CPU (TensorFlow)")]
)
def test_gpu_that_tensorflow_cannot_use(
    form: str, device: str, tiny: Path, tiny_converted: Converted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``auto`` says why it runs on the CPU; ``gpu`` fails with what to install."""
    path = tiny if form == "json" else tiny_converted.saved_model
    monkeypatch.setattr(litert, "workers", lambda *_: 1)
    monkeypatch.setattr(gpu, "gpu_count", lambda: 1)
    monkeypatch.setattr(gpu, "has_cuda_libraries", lambda: True)
    lines: list[str] = []
    chosen = ModelSettings(name=str(path), device="auto", parts=("face",))
    assert open_segmenter(chosen, say=lines.append).device == device
    assert lines[-1].startswith("running on the CPU: GPU 0")
    with pytest.raises(DeviceError, match=r"pip install 'vidseg\[gpu\]'"):
        open_segmenter(ModelSettings(name=str(path), device="gpu", parts=("face",)))


def test_selfie_runs_on_the_cpu_only_and_knows_no_parts() -> None:
    with pytest.raises(DeviceError, match="selfie runs on the CPU only"):
        open_segmenter(ModelSettings(name="selfie", device="gpu"))
    with pytest.raises(ModelError, match="selfie knows no body parts: use a bodypix model"):
        open_segmenter(ModelSettings(name="selfie", parts=("face",)))


@pytest.mark.usefixtures("selfie_weights")
def test_resolution_of_a_fixed_input() -> None:
    """A setting without effect is not passed over in silence."""
    lines: list[str] = []
    open_segmenter(ModelSettings(name="selfie", resolution=480), say=lines.append)
    assert lines == ["--resolution 480 has no effect: selfie takes 256x256 only"]


# Models given by path


@pytest.mark.tensorflow
@pytest.mark.parametrize("form", ["json", "folder", "tflite", "saved_model"])
def test_model_given_by_path(form: str, tiny: Path, tiny_converted: Converted) -> None:
    """A model is recognised in each of its forms, with its stride and its scaling."""
    path = {
        "json": tiny,
        "folder": tiny.parent,
        "tflite": tiny_converted.tflite,
        "saved_model": tiny_converted.saved_model,
    }[form]
    frames = picture(129, 97)
    expected = on_tensorflow(tiny_converted, parts=True).segment(frames)
    opened = open_segmenter(ModelSettings(name=str(path), parts=("hands",)))
    assert opened.input_size(1000, 1000, 320) == (321, 321)
    scores = opened.segment(frames)
    np.testing.assert_allclose(scores.person, expected.person, atol=1e-4)
    assert scores.parts is not None


@pytest.mark.usefixtures("selfie_weights")
@pytest.mark.parametrize("name", ["selfie", "selfie-landscape"])
def test_selfie_given_by_path(name: str) -> None:
    """A mask as large as the input is a selfie model's."""
    known = open_selfie(name)
    opened = open_segmenter(ModelSettings(name=str(locate(MODELS[name]))))
    assert isinstance(opened, Selfie)
    batch = picture(*opened.input_size(1, 1, 1))
    np.testing.assert_array_equal(opened.segment(batch).person, known.segment(batch).person)
    with pytest.raises(ModelError, match="gives no body parts"):
        open_segmenter(ModelSettings(name=str(locate(MODELS[name])), parts=("face",)))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.tflite", None, "no such model file or folder"),
        ("bad.tflite", b"no flatbuffer", "LiteRT can't load it"),
        ("bad.json", b"<html>", "not json"),
        ("folder/", None, "neither a TensorFlow.js model"),
    ],
)
def test_path_that_is_no_model(
    name: str, content: bytes | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    elif name.endswith("/"):
        path.mkdir()
    with pytest.raises(ModelError, match=message):
        open_segmenter(ModelSettings(name=str(path)))


def test_tflite_file_and_gpu(tmp_path: Path) -> None:
    (tmp_path / "mine.tflite").write_bytes(b"")
    with pytest.raises(
        DeviceError, match=r"mine\.tflite is a \.tflite file, which runs on the CPU only"
    ):
        open_segmenter(ModelSettings(name=str(tmp_path / "mine.tflite"), device="gpu"))


@pytest.mark.tensorflow
def test_saved_model_that_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="TensorFlow can't load it"):
        open_segmenter(ModelSettings(name=str(tmp_path), device="cpu"))


def test_unknown_name() -> None:
    with pytest.raises(ModelError, match="unknown model 'selfy': did you mean selfie"):
        open_segmenter(ModelSettings(name="selfy"))


def test_scaling_table_of_selfie() -> None:
    """0 and 255 become 0 and 1, per channel."""
    table = SCALING.table()
    assert table.shape == (1, 256, 3)
    np.testing.assert_allclose(table[0, [0, 255]], [[0, 0, 0], [1, 1, 1]], atol=1e-7)


@pytest.mark.parametrize("runtime", [LiteRtRuntime, TensorFlowRuntime])
def test_a_closed_network_says_so(runtime: Any, tiny_converted: Converted) -> None:
    """Asked after `close`, it raised an AttributeError."""
    lite = runtime is LiteRtRuntime
    path = tiny_converted.tflite if lite else tiny_converted.saved_model
    network = runtime(path, SCALINGS["mobilenet"], **({} if lite else {"gpu": None}))
    network.close()
    with pytest.raises(ModelError, match="its segmenter is closed; open another"):
        network.run(np.zeros((1, 65, 97, 3), np.uint8))


def test_threads_may_share_a_network(tiny_converted: Converted) -> None:
    """LiteRT's interpreter refuses a second caller with a RuntimeError about references."""
    network = LiteRtRuntime(tiny_converted.tflite, SCALINGS["mobilenet"])
    pictures = np.random.default_rng(1).integers(0, 256, (40, 1, 129, 129, 3), np.uint8)
    expected = [network.run(picture)[0] for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda picture: network.run(picture)[0], pictures))
    assert all(np.array_equal(*pair) for pair in zip(expected, got, strict=True))


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (4, 2), (16, 4)])
def test_more_cores_bring_more_threads_and_the_same_bits(
    cores: int, threads: int, tiny_converted: Converted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On two cores the others want the second; a result that hung on the number can't be joined."""
    pictures = np.random.default_rng(2).integers(0, 256, (3, 129, 193, 3), np.uint8)
    expected = LiteRtRuntime(tiny_converted.tflite, SCALINGS["mobilenet"], threads=1).run(pictures)
    monkeypatch.setattr("vidseg.system.cores.core_count", lambda: cores)
    network = LiteRtRuntime(tiny_converted.tflite, SCALINGS["mobilenet"])
    assert network.device == f"CPU (LiteRT, {threads} thread{'s' if threads > 1 else ''})"
    assert all(map(np.array_equal, network.run(pictures), expected))


def test_a_network_that_hangs_does_not_keep_a_run_from_ending(
    tiny_converted: Converted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that the watchdog ends closes its network, whose thread never comes back."""
    network = LiteRtRuntime(tiny_converted.tflite, SCALINGS["mobilenet"])
    inside, release = threading.Event(), threading.Event()

    def hang(*_: object) -> list[np.ndarray]:
        inside.set()
        release.wait(60)
        return [np.zeros((1, 1), np.float32)]

    monkeypatch.setattr(litert, "_PATIENCE_S", 0.1)
    monkeypatch.setattr(network, "_run_one", hang)
    stalled = threading.Thread(
        target=network.run, args=(np.zeros((1, 65, 97, 3), np.uint8),), daemon=True
    )
    stalled.start()
    assert inside.wait(30)
    closing = threading.Thread(target=network.close, daemon=True)
    closing.start()
    closing.join(30)
    assert not closing.is_alive()
    release.set()
    stalled.join(30)
