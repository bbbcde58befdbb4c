"""RobustVideoMatting: its graph mended and converted, its alpha as the published graph gives it."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.bucket import BucketServer
from tests.helpers.clips import person_mask, person_picture, read_frames, write_clip
from tests.helpers.folder import published_rvm
from tests.helpers.tfjs import write_bodypix, write_rvm
from vidseg.errors import DownloadError, ModelError
from vidseg.models import (
    MODELS,
    Converted,
    ensure_converted,
    fingerprint,
    locate,
    onednn,
    read_tfjs,
)
from vidseg.models.rvm import RECIPE, REDUCTIONS, address
from vidseg.networks import Scores, open_segmenter
from vidseg.networks.fake import PERSON_RGB
from vidseg.networks.runtimes.litert import LiteRtRuntime
from vidseg.networks.runtimes.tensorflow import TensorFlowRuntime
from vidseg.networks.rvm import SCALING, Rvm, input_size
from vidseg.rendering.pipeline import render
from vidseg.settings import EncodeSettings, ModelSettings, RenderSettings
from vidseg.system.download import sha256_of

pytestmark = pytest.mark.usefixtures("quick_conversions")


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The json of a small graph in the published one's form."""
    return write_rvm(tmp_path_factory.mktemp("rvm"))


@pytest.fixture(params=["small", "published"])
def source(request: pytest.FixtureRequest, small: Path) -> Path:
    """The json of the small graph, and of the published one where it is at hand."""
    if request.param == "small":
        return small
    published: Path = request.getfixturevalue("rvm_weights")
    return published


def converted(source: Path) -> Converted:
    """Return a graph as it runs."""
    return ensure_converted(read_tfjs(source), name="rvm", parts=False, recipe=RECIPE)


def pictures(width: int, height: int, count: int = 2) -> NDArray[np.uint8]:
    """Return pictures of a bright green person, uint8 [count, height, width, 3]."""
    return np.stack([person_picture(number, width, height) for number in range(count)])


def unchanged_alphas(
    source: Path, sequence: NDArray[np.uint8], *, remembering: bool
) -> NDArray[np.float32]:
    """Return what the graph as published makes of pictures at ratio 1, with or without memory."""
    onednn.enable()  # what TensorFlow decides here holds for all tests of this process
    import tensorflow as tf

    from vidseg.models.convert import rvm

    states = [np.zeros((1, 1, 1, 1), np.float32)] * 4
    alphas = []
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.graph_util.import_graph_def(rvm.loaded(source), name="")
        for picture in sequence:
            fed = {f"r{i}i:0": state for i, state in enumerate(states, 1)}
            fed |= {"downsample_ratio:0": np.float32(1)}
            fed |= {"src:0": picture[None] / np.float32(255)}
            alpha, *after = session.run([f"Identity_{i}:0" for i in range(1, 6)], fed)
            states = after if remembering else states
            alphas.append(alpha)
    return np.concatenate(alphas, dtype=np.float32)[..., 0]


def alphas_of(scores: Scores) -> NDArray[np.float32]:
    """Return opacities of logits."""
    return 1 / (1 + np.exp(-scores.person))


@pytest.mark.tensorflow
def test_alpha_equals_that_of_the_published_graph(source: Path) -> None:
    """Its conditionals, fused convolutions and crops are gone; its results are not.

    Of pictures by themselves, and of a sequence with what is remembered from picture to picture.
    """
    made, batches = converted(source), [pictures(128, 96, 3), pictures(96, 160, 3)]
    alone, continued = (
        [unchanged_alphas(source, batch, remembering=remembering) for batch in batches]
        for remembering in (False, True)
    )
    assert all(0.01 < alpha.mean() < 0.9 for alpha in alone)
    assert all(
        np.abs(one - other)[1:].max() > 0.01 for one, other in zip(alone, continued, strict=True)
    )
    for runtime in (
        LiteRtRuntime(made.tflite, SCALING, threads=2, reductions=REDUCTIONS),
        TensorFlowRuntime(made.saved_model, SCALING, gpu=None, reductions=REDUCTIONS),
    ):
        with closing(Rvm("rvm", runtime)) as network:
            for batch, alpha, with_memory in zip(batches, alone, continued, strict=True):
                found = alphas_of(network.segment(batch))
                assert np.abs(found - np.clip(alpha, 0.005, 0.995)).max() < 1e-3
                memory = None
                for picture, expected in zip(batch, with_memory, strict=True):
                    scores, memory = network.segment_next(picture, memory)
                    found = alphas_of(scores)[0]
                    assert np.abs(found - np.clip(expected, 0.005, 0.995)).max() < 1e-3


@pytest.mark.tensorflow
def test_the_network_is_bound_to_no_device(source: Path) -> None:
    """Cause: the published graph asks for the CPU, so all convolutions ran there beside a GPU.

    Nor do convolutions keep attributes of fused ones, which TensorFlow reports as unknown.
    """
    onednn.enable()
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((converted(source).saved_model / "saved_model.pb").read_bytes())
    graph = saved.meta_graphs[0].graph_def
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    convolutions = [node for node in nodes if node.op == "Conv2D"]
    assert convolutions
    assert {node.device for node in convolutions} == {""}
    assert not {"filter_format", "num_host_args"} & {
        key for node in convolutions for key in node.attr
    }


@pytest.mark.tensorflow
def test_every_size_is_known_before_it_runs(source: Path) -> None:
    """Where LiteRT finds a size out while it runs, each tensor after it keeps its own memory.

    That took 110 MB more for 768x432.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(converted(source).tflite))
    for name, each in interpreter.get_signature_runner().get_input_details().items():
        reduction = 1 if name == "image" else 2 ** int(name[1])
        size = [1, 48 // reduction, 80 // reduction, each["shape_signature"][3]]
        interpreter.resize_tensor_input(each["index"], size)
    interpreter.allocate_tensors()
    alpha = interpreter.get_signature_runner().get_output_details()["alpha"]["index"]
    shapes = {each["index"]: each["shape"].tolist() for each in interpreter.get_tensor_details()}
    assert shapes[alpha] == [1, 48, 80, 1]


@pytest.mark.tensorflow
def test_alpha_is_kept_from_before_its_clamp(small: Path) -> None:
    """What is carried along and averaged has no hard ends; where the clamp was, it goes on."""
    runtime = LiteRtRuntime(converted(small).tflite, SCALING, reductions=REDUCTIONS)
    with closing(runtime):
        alpha, *_ = runtime.run(pictures(64, 48, 1))
    assert alpha.min() < -0.3
    assert alpha.max() > 1


@pytest.mark.tensorflow
def test_after_a_size_that_it_does_not_take_the_one_before_works(small: Path) -> None:
    """Cause: it counted as allocated still, though what was allocated was gone."""
    runtime = LiteRtRuntime(converted(small).tflite, SCALING, reductions=REDUCTIONS)
    with closing(runtime):
        before = runtime.run(pictures(64, 48, 1))
        with pytest.raises(ModelError, match="does not take a picture of 40x40"):
            runtime.run(pictures(40, 40, 1))
        np.testing.assert_array_equal(runtime.run(pictures(64, 48, 1))[0], before[0])


@pytest.mark.tensorflow
def test_a_converted_network_without_its_states_is_refused(small: Path) -> None:
    """As any .tflite file with other inputs than its architecture has."""
    made = converted(small)
    with pytest.raises(
        ModelError, match=r"one float32 picture \[N, h, w, 3\], got float32 \[-1, -1, -1, 3\], "
    ):
        LiteRtRuntime(made.tflite, SCALING)
    with pytest.raises(ModelError, match=r"picture \[N, h, w, 3\] beside 3 states, got"):
        TensorFlowRuntime(made.saved_model, SCALING, gpu=None, reductions=(2, 4, 8))


@pytest.mark.tensorflow
def test_a_graph_of_another_network_is_refused(tmp_path: Path) -> None:
    source = read_tfjs(write_bodypix(tmp_path))
    with pytest.raises(ModelError, match=r"no node called src .*so it is no RobustVideoMatting"):
        ensure_converted(source, name="rvm", parts=False, recipe=RECIPE)


def _changed(path: Path, name: str, steps: list[str]) -> None:
    """Let a fused convolution of a graph do other things to its result."""
    import base64

    document = json.loads(path.read_text())
    node = next(n for n in document["modelTopology"]["node"] if n["name"] == name)
    told = [base64.b64encode(step.encode()).decode() for step in steps]
    node["attr"]["fused_ops"]["list"]["s"] = told
    path.write_text(json.dumps(document))


@pytest.mark.tensorflow
def test_what_cannot_be_taken_apart_is_told(tmp_path: Path) -> None:
    path = write_rvm(tmp_path)
    _changed(path, "encoder/conv", ["BiasAdd", "LeakyRelu", "Relu"])
    with pytest.raises(ModelError, match=r"encoder/conv does BiasAdd and LeakyRelu and Relu"):
        ensure_converted(read_tfjs(path), name="rvm", parts=False, recipe=RECIPE)


@pytest.mark.parametrize(
    ("region", "side", "expected"),
    [
        ((1920, 1080), 432, (768, 432)),
        ((1080, 1920), 432, (432, 768)),
        ((100, 60), 432, (192, 128)),  # no larger than twice its own size, about
        ((5, 3), 432, (16, 16)),
    ],
)
def test_sides_are_multiples_of_16(
    region: tuple[int, int], side: int, expected: tuple[int, int]
) -> None:
    assert input_size(*region, side) == expected


def _person(number: int) -> NDArray[np.uint8]:
    return person_picture(number, 320, 192, numbered=False)


@pytest.mark.tensorflow
def test_it_is_recognised_by_its_path(small: Path, tmp_path: Path) -> None:
    """A render with it, whole: what is bright green is kept, the rest is not."""
    with closing(open_segmenter(ModelSettings(name=str(small), device="cpu"))) as network:
        assert network.traits.soft
        source = write_clip(tmp_path / "in.mp4", width=320, height=192, frames=4, picture=_person)
        settings = RenderSettings(
            source=source,
            output=tmp_path / "out.mkv",
            background="#2040c0",
            encode=EncodeSettings(codec="ffv1"),
        )
        render(settings, segmenter=network)
    for number, frame in enumerate(read_frames(tmp_path / "out.mkv")):
        inside = cv2.erode(person_mask(number, 320, 192).astype(np.uint8), np.ones((9, 9)))
        outside = cv2.dilate(person_mask(number, 320, 192).astype(np.uint8), np.ones((9, 9))) == 0
        assert np.abs(frame.rgb[inside > 0].mean(0) - PERSON_RGB).max() < 12
        assert np.abs(frame.rgb[outside].mean(0) - (32, 64, 192)).max() < 12
    with pytest.raises(ModelError, match=r"--parts: .* knows no body parts: use a bodypix model"):
        open_segmenter(ModelSettings(name=str(small), device="cpu", parts=("face",)))


@pytest.mark.tensorflow
def test_what_was_converted_is_recognised_too(small: Path) -> None:
    """It was tried on a picture of BodyPix's size, on which it fails within.

    Of the small graph the .tflite file keeps no names.
    """
    paths = [converted(small).saved_model]
    if published_rvm().is_file():
        paths.append(converted(published_rvm()).tflite)
    for path in map(str, paths):
        with closing(open_segmenter(ModelSettings(name=path, device="cpu"))) as network:
            assert network.segment(pictures(64, 48)).person.shape == (2, 48, 64)
        with pytest.raises(ModelError, match="gives no body parts: leave --parts out"):
            open_segmenter(ModelSettings(name=path, device="cpu", parts=("face",)))


def test_parts_are_refused_before_anything_is_fetched() -> None:
    with pytest.raises(ModelError, match="--parts: rvm knows no body parts: use a bodypix model"):
        open_segmenter(ModelSettings(name="rvm", parts=("face",)))


# -- where it comes from
# -------------------------------------------------------------------------------------------------


@pytest.fixture
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDSEG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("VIDSEG_MODEL_DIR")


def test_it_is_published_under_a_fixed_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert address().startswith("https://raw.githubusercontent.com/PeterL1n/RobustVideoMatting/72")
    monkeypatch.setenv("VIDSEG_MODEL_URL", "http://mirror.example/models/")
    assert address() == "http://mirror.example/models/rvm/model.json"
    monkeypatch.setenv("VIDSEG_MODEL_URL", "ftp://mirror.example")
    with pytest.raises(ModelError, match="VIDSEG_MODEL_URL must start with https://"):
        address()


@pytest.mark.usefixtures("_empty_cache")
def test_another_file_of_a_mirror_is_not_taken(
    bucket: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its checksums are known beforehand."""
    write_rvm(bucket.folder / "rvm")
    monkeypatch.setenv("VIDSEG_MODEL_URL", bucket.url)
    with pytest.raises(DownloadError, match=r"rvm/model\.json.*VIDSEG_MODEL_DIR"):
        locate(MODELS["rvm"])
    assert fingerprint("rvm") is None


@pytest.mark.usefixtures("_empty_cache")
def test_it_is_fetched_from_a_mirror_and_kept(
    bucket: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checksums are those of what is served here."""
    known: Any = MODELS["rvm"].published
    assert known.sha256.keys() == {"model.json", "group1-shard1of1.bin"}
    for file in write_rvm(bucket.folder / "rvm").parent.iterdir():
        monkeypatch.setitem(known.sha256, file.name, sha256_of(file))
    monkeypatch.setenv("VIDSEG_MODEL_URL", bucket.url)
    path = locate(MODELS["rvm"])
    assert locate(MODELS["rvm"]) == path
    assert sorted(bucket.requests) == ["/rvm/group1-shard1of1.bin", "/rvm/model.json"]


def test_a_folder_with_another_file_under_its_name_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rvm(tmp_path / "rvm")
    monkeypatch.setenv("VIDSEG_MODEL_DIR", str(tmp_path))
    with pytest.raises(ModelError, match=r"not the file that rvm stands for.*name it by its path"):
        locate(MODELS["rvm"])
