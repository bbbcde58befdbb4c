"""Small TensorFlow.js graph models in the published ones' forms, for where those are not at hand.

They find people as `vidseg.networks.fake` does, by their bright green, so that whole renders with
them mean something; their other outputs are arbitrary functions of the picture.
"""

import base64
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEADS = {
    "float_segments": 1,
    "float_part_heatmaps": 24,
    "float_heatmaps": 17,
    "float_short_offsets": 34,
    "float_long_offsets": 34,
    "float_part_offsets": 48,
    "displacement_fwd": 32,
    "displacement_bwd": 32,
}
"""BodyPix's outputs and their channels."""

_CHANNELS = 6
_GREEN = (-0.5, 1.0, -0.5)
"""How red, green and blue count in the first channel: 0 for greys, 1.4 for a person's green."""
_KERNEL = (0.15, 0.7, 0.15)
"""How each block smooths the first channel, in both directions."""


_INT32 = {"type": "DT_INT32"}


def write_bodypix(
    folder: Path,
    *,
    stride: int = 16,
    architecture: str = "mobilenet",
    heads: dict[str, int] | None = None,
    quantised: str | None = None,
    shards: int = 1,
    group: str = "group1",
    seed: int = 0,
) -> Path:
    """Write a graph of strided convolutions under BodyPix's names; return the path of its json.

    MobileNet's of stride 8 ends in a dilated convolution, as the published one has several. Bright
    green gives ``float_segments`` above 2, greys below -2. `quantised`: ``uint8`` or ``uint16``
    stores the weights as such with a scale and an offset. `group` begins the names of the weight
    files.
    """
    random = np.random.default_rng(seed)
    scope = {"mobilenet": "MobilenetV1", "resnet50": "resnet_v1_50"}[architecture]
    graph = _Graph(random, quantised)
    graph.picture("sub_2")
    # The picture's range differs by a factor of 127 between the two, and so must the first weights.
    scale = 1.0 if architecture == "mobilenet" else 0.01
    tensor, channels, spread = "sub_2", 3, 0.5 * scale
    smooth = np.outer(_KERNEL, _KERNEL)
    for index in range(int(math.log2(stride))):
        weights = graph.random_weights(3, channels, _CHANNELS, spread)
        sources = scale * np.array(_GREEN) if index == 0 else np.eye(_CHANNELS)[0]
        weights[..., 0] = smooth[..., None] * sources
        tensor = graph.convolution(f"{scope}/block_{index}", tensor, weights, 2)
        tensor = graph.node(f"{scope}/block_{index}/Relu6", "Relu6", [tensor])
        channels, spread = _CHANNELS, 0.3
    if stride == 8 and architecture == "mobilenet":
        tensor = graph.dilated(f"{scope}/Conv2d_12_depthwise", tensor, smooth, channels)
    for name, outputs in (HEADS if heads is None else heads).items():
        weights = graph.random_weights(1, channels, outputs, 0.5)
        if name == "float_segments":
            weights[..., 0] = 6.0 * np.eye(_CHANNELS)[0]
        graph.convolution(
            name, tensor, weights, 1, first_bias=-2.5 if name == "float_segments" else 0.0
        )
    return _write(graph, folder / f"model-stride{stride}.json", group, shards)


def write_rvm(folder: Path) -> Path:
    """Write a graph in RobustVideoMatting's form; return the path of its json.

    Like the published one it has recurrent states, a GRU at half the size, a dilated convolution
    by regrouping, a ratio that decides conditionals, fused convolutions, a crop and a clamp. Bright
    green is opaque, greys are not there, and in between its alpha is about
    ``3 * (green - (red + blue) / 2) - 0.5``, of means over 3 x 3 pixels, and somewhat more for what
    is remembered of green.
    """
    graph = _Graph(np.random.default_rng(0), None)
    graph.picture("src")
    for name in ("downsample_ratio", "r1i", "r2i", "r3i", "r4i"):
        graph.placeholder(name, {"unknownRank": True})
    one = graph.constant("one", np.array(1.0))
    full = graph.node("full", "Equal", ["downsample_ratio", one])
    source = graph.conditional("cond", "src", full)
    green = np.outer(_KERNEL, _KERNEL)[..., None, None] * np.array(_GREEN)[:, None]
    weights = np.concatenate([green, graph.random_weights(3, 3, _CHANNELS - 1, 0.3)], axis=3)
    tensor = graph.fused("encoder/conv", source, weights, ["BiasAdd", "Relu6"])
    tensor = _regrouped(graph, "encoder/dilated", tensor)
    tensor = _remembering(graph, tensor)
    pooled = graph.node("pool", "AvgPool", [tensor], **_layout(2, 1), ksize=_sides(2))
    remembered = _gru(graph, "gru_r1i", pooled, "r1i")
    coarse = _enlarged(graph, "up", remembered)
    tensor = graph.joined("decoder/concat", [coarse, tensor])
    head = graph.random_weights(1, 2 * _CHANNELS, 1, 0.05)
    head[0, 0, _CHANNELS:, 0] = [3.0] + [0.0] * (_CHANNELS - 1)
    alpha = graph.fused("recurrent_decoder/alpha", tensor, head, ["BiasAdd"], first_bias=-0.5)
    alpha = graph.conditional("cond_1", alpha, full)
    zero = graph.constant("zero", np.array(0.0))
    alpha = graph.node("clip/Minimum", "Minimum", [alpha, one])
    alpha = graph.node("clip", "Maximum", [alpha, zero])
    graph.node("Identity", "Identity", [source])
    graph.node("Identity_1", "Identity", [alpha, f"^{full}"])
    graph.node("Identity_2", "Identity", [remembered])
    return _write(graph, folder / "model.json", "group1", 1)


def _remembering(graph: "_Graph", source: str) -> str:
    """Add what means of the states r2 to r4 add to all pixels, and their next values."""
    axes, result = graph.constant("axes", np.array([1, 2]), "int32"), source
    for number in range(2, 5):
        attributes = {"keep_dims": {"b": True}, "Tidx": _INT32}
        mean = graph.node(f"mean{number}", "Mean", [f"r{number}i", axes], **attributes)
        result = graph.node(f"sum{number}", "AddV2", [result, mean])
        weights = 0.1 / 3 * np.eye(_CHANNELS)[None, None]
        state = graph.convolution(f"state{number}", source, weights, 2**number, random_bias=0.0)
        graph.node(f"Identity_{number + 1}", "AddV2", [state, f"r{number}i"])
    return result


def _regrouped(graph: "_Graph", name: str, source: str) -> str:
    """Add a dilated convolution as TensorFlow writes it; it leaves the first channel as it is."""
    weights = np.zeros((3, 3, _CHANNELS, 1))
    weights[1, 1, 0] = 1.0
    weights[..., 1:, :] = graph.random_weights(3, _CHANNELS - 1, 1, 0.3)
    block = graph.constant(f"{name}/block", np.full(2, 2), "int32")
    kinds = {"Tblock_shape": _INT32, "Tpaddings": _INT32, "Tcrops": _INT32}
    padding = graph.constant(f"{name}/padding", np.array([[0, 0], [2, 2], [2, 2], [0, 0]]), "int32")
    padded = graph.node(f"{name}/Pad", "Pad", [source, padding], Tpaddings=_INT32)
    none = graph.constant(f"{name}/none", np.zeros((2, 2)), "int32")
    apart = graph.node(f"{name}/apart", "SpaceToBatchND", [padded, block, none], **kinds)
    inputs = [apart, graph.constant(f"{name}/weights", weights)]
    layout = {**_layout(1, 1), "padding": _text("VALID")}
    convolved = graph.node(f"{name}/conv", "DepthwiseConv2dNative", inputs, **layout)
    return graph.node(name, "BatchToSpaceND", [convolved, block, none], **kinds)


def _gru(graph: "_Graph", name: str, x: str, state: str) -> str:
    """Add a recurrent unit: what it remembers, weighed against a candidate."""
    shape = graph.node(f"{name}/Shape", "Shape", [x], out_type=_INT32)
    old = graph.node(f"{name}/old", "BroadcastTo", [state, shape], Tidx=_INT32)
    weights = graph.random_weights(3, 2 * _CHANNELS, 2 * _CHANNELS, 0.3)
    gates = graph.fused(
        f"{name}/gates", graph.joined(f"{name}/x_old", [x, old]), weights, ["BiasAdd"]
    )
    axis = graph.constant(f"{name}/axis", np.array(3), "int32")
    sigmoid = graph.node(f"{name}/Sigmoid", "Sigmoid", [gates])
    reset = graph.node(f"{name}/split", "Split", [axis, sigmoid], num_split={"i": "2"})
    kept = graph.node(f"{name}/reset", "Mul", [reset, old])
    weights = graph.random_weights(3, 2 * _CHANNELS, _CHANNELS, 0.3)
    joined = graph.joined(f"{name}/x_kept", [x, kept])
    candidate = graph.fused(f"{name}/candidate", joined, weights, ["BiasAdd"])
    new = graph.node(f"{name}/Tanh", "Tanh", [candidate])
    rest = graph.node(f"{name}/Sub", "Sub", ["one", f"{reset}:1"])
    products = [
        graph.node(f"{name}/mul", "Mul", [rest, old]),
        graph.node(f"{name}/mul_1", "Mul", [f"{reset}:1", new]),
    ]
    return graph.node(name, "AddV2", products)


def _enlarged(graph: "_Graph", name: str, source: str) -> str:
    """Add an enlargement to twice the size, and a crop that takes all of it."""
    shape = graph.node(f"{name}/Shape", "Shape", [source], out_type=_INT32)
    ends = [graph.constant(f"{name}/{i}", np.array([i]), "int32") for i in (1, 3)]
    stride = graph.constant(f"{name}/stride", np.array([1]), "int32")
    kinds = {"T": _INT32, "Index": _INT32}
    sides = graph.node(f"{name}/sides", "StridedSlice", [shape, *ends, stride], **kinds)
    two = graph.constant(f"{name}/two", np.array(2), "int32")
    size = graph.node(f"{name}/size", "Mul", [sides, two], T=_INT32)
    larger = graph.node(
        f"{name}/Resize", "ResizeBilinear", [source, size], half_pixel_centers={"b": True}
    )
    begin = graph.constant(f"{name}/begin", np.zeros(4), "int32")
    all_of_it = graph.constant(f"{name}/all", -np.ones(4), "int32")
    return graph.node(f"{name}/Slice", "Slice", [larger, begin, all_of_it], Index=_INT32)


def _write(graph: "_Graph", path: Path, group: str, shards: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    names = _write_shards(path.parent, group, b"".join(graph.blobs), shards)
    document = {
        "format": "graph-model",
        "generatedBy": "tests",
        "convertedBy": "tests",
        "modelTopology": {"node": graph.nodes, "library": {}, "versions": {}},
        "weightsManifest": [{"paths": names, "weights": graph.weights}],
    }
    path.write_text(json.dumps(document), "utf-8")
    return path


def _write_shards(folder: Path, group: str, data: bytes, count: int) -> list[str]:
    size = -(-len(data) // count)
    names = [f"{group}-shard{i + 1}of{count}.bin" for i in range(count)]
    for i, name in enumerate(names):
        (folder / name).write_bytes(data[i * size : (i + 1) * size])
    return names


class _Graph:
    """Collects nodes in the json form of a GraphDef, with the weights beside them."""

    def __init__(self, random: np.random.Generator, quantised: str | None) -> None:
        self.random = random
        self.quantised = quantised
        self.weights: list[dict[str, Any]] = []
        self.blobs: list[bytes] = []
        self.nodes: list[dict[str, Any]] = []

    def picture(self, name: str) -> None:
        """Add an input: one picture of any size."""
        self.placeholder(name, {"dim": [{"size": size} for size in ("1", "-1", "-1", "3")]})

    def placeholder(self, name: str, shape: dict[str, Any]) -> None:
        """Add an input of that shape."""
        attributes = {"dtype": {"type": "DT_FLOAT"}, "shape": {"shape": shape}}
        self.nodes.append({"name": name, "op": "Placeholder", "attr": attributes})

    def conditional(self, name: str, source: str, full: str) -> str:
        """Add a choice between a tensor, where `full` is true, and its half."""
        switch = self.node(f"{name}/Switch", "Switch", [source, full])
        half = self.constant(f"{name}/half", np.array(0.5))
        branches = [
            self.node(f"{name}/then", "Identity", [f"{switch}:1"]),
            self.node(f"{name}/else", "Mul", [switch, half]),
        ]
        return self.node(f"{name}/Merge", "Merge", branches, N={"i": "2"})

    def fused(
        self,
        name: str,
        source: str,
        weights: NDArray[np.float64],
        steps: list[str],
        *,
        first_bias: float = 0.0,
    ) -> str:
        """Add a convolution with what is done to its result, as one node, made for the CPU."""
        bias = np.zeros(weights.shape[3])
        bias[0] = first_bias
        inputs = [
            source,
            self.constant(f"{name}/weights", weights),
            self.constant(f"{name}/bias", bias),
        ]
        fused = {"fused_ops": {"list": {"s": [_text(step)["s"] for step in steps]}}}
        attributes = {**_layout(1, 1), **fused, "num_args": {"i": "1"}, "epsilon": {"f": 0.0}}
        self.node(name, "_FusedConv2D", inputs, **attributes)
        self.nodes[-1]["device"] = "/device:CPU:0"
        return name

    def joined(self, name: str, sources: list[str]) -> str:
        """Put the channels of tensors one after the other."""
        axis = self.constant(f"{name}/axis", np.array(3), "int32")
        count = {"i": str(len(sources))}
        return self.node(name, "ConcatV2", [*sources, axis], N=count, Tidx=_INT32)

    def node(self, name: str, op: str, inputs: list[str], **attributes: Any) -> str:
        typed = {"T": {"type": "DT_FLOAT"}, **attributes}
        self.nodes.append({"name": name, "op": op, "input": inputs, "attr": typed})
        return name

    def random_weights(
        self, side: int, inputs: int, outputs: int, spread: float
    ) -> NDArray[np.float64]:
        """Return a kernel of `side` x `side`: [side, side, inputs, outputs]."""
        return spread * self.random.standard_normal((side, side, inputs, outputs))

    def convolution(
        self,
        name: str,
        source: str,
        weights: NDArray[np.float64],
        stride: int,
        *,
        first_bias: float = 0.0,
        random_bias: float = 0.2,
    ) -> str:
        """Add a convolution with a bias, which is `first_bias` for the first output."""
        kernel = self.constant(f"{name}/weights", weights)
        bias = random_bias * self.random.standard_normal(weights.shape[3])
        bias[0] = first_bias
        convolved = self.node(f"{name}/conv", "Conv2D", [source, kernel], **_layout(stride, 1))
        biased = [convolved, self.constant(f"{name}/bias", bias)]
        return self.node(name, "BiasAdd", biased, data_format=_text("NHWC"))

    def dilated(self, name: str, source: str, kernel: NDArray[np.float64], channels: int) -> str:
        """Add a depthwise convolution that takes every second pixel of its surroundings."""
        weights = np.repeat(kernel[..., None, None], channels, axis=2)
        inputs = [source, self.constant(f"{name}/weights", weights)]
        return self.node(name, "DepthwiseConv2dNative", inputs, **_layout(1, 2))

    def constant(self, name: str, values: NDArray[np.float64], dtype: str = "float32") -> str:
        """Add weights, or whole numbers, which are never quantised."""
        shape = list(values.shape)
        dims = [{"size": str(size)} for size in shape]
        kind = {"float32": "DT_FLOAT", "int32": "DT_INT32"}[dtype]
        tensor = {"tensor": {"dtype": kind, "tensorShape": {"dim": dims}}}
        attributes = {"value": tensor, "dtype": {"type": kind}}
        self.nodes.append({"name": name, "op": "Const", "attr": attributes})
        entry: dict[str, Any] = {"name": name, "shape": shape, "dtype": dtype}
        if self.quantised is None or dtype != "float32":
            self.blobs.append(values.astype(dtype).tobytes())
        else:
            lowest = float(values.min())
            step = float(np.ptp(values)) / np.iinfo(self.quantised).max or 1.0
            entry["quantization"] = {"dtype": self.quantised, "scale": step, "min": lowest}
            self.blobs.append(np.round((values - lowest) / step).astype(self.quantised).tobytes())
        self.weights.append(entry)
        return name


def _sides(length: int) -> dict[str, Any]:
    return {"list": {"i": ["1", str(length), str(length), "1"]}}


def _layout(stride: int, dilation: int) -> dict[str, Any]:
    return {
        "strides": _sides(stride),
        "dilations": _sides(dilation),
        "padding": _text("SAME"),
        "data_format": _text("NHWC"),
    }


def _text(value: str) -> dict[str, str]:
    return {"s": base64.b64encode(value.encode()).decode()}
