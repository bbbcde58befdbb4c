"""RobustVideoMatting's graph made fit to convert: alpha comes out as it is before its clamp.

The graph is of a recurrent network with a choice of size inside. Here it sees pictures at the size
that they come in: the ratio by which they would be reduced is 1, which leaves out the network's own
upsampling. What TensorFlow Lite can't convert is said in its operators, with the same results for
pictures whose sides are multiples of `vidseg.models.rvm.MULTIPLE`.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from vidseg.models.convert.rvm_nodes import constant, copied, identity

INPUT = "src"
"""The picture: float32 [N, h, w, 3], RGB in [0, 1]."""

ALPHA = "Identity_1"
"""The output for alpha, clamped to [0, 1]."""

STATES = {"r1i": "r1o", "r2i": "r2o", "r3i": "r3o", "r4i": "r4o"}
"""Its recurrent states: the inputs, and the outputs that are the next picture's inputs."""

_OF_FUSION = (
    *("fused_ops", "num_args", "num_host_args", "TArgs", "filter_format"),
    *("epsilon", "leakyrelu_alpha"),
)
"""Attributes of fused convolutions that others don't have."""

Mend: TypeAlias = Callable[[Any, list[str]], list[Any]]
"""(node, its inputs without control inputs) → nodes in its place."""

_STATE_OUTPUTS = ("Identity_2", "Identity_3", "Identity_4", "Identity_5")
_RATIO = "downsample_ratio"
_CLAMPS = ("Identity", "Maximum", "Minimum")
"""What stands between a clamped output and what is clamped."""


def typed(document: dict[str, Any]) -> dict[str, Any]:
    """Return a model's json whose fused convolutions tell their arguments' types.

    TensorFlow asks for the attribute since 2.12; the graph is older.
    """
    for node in document["modelTopology"]["node"]:
        if node["op"] == "_FusedConv2D":
            count = int(node["attr"]["num_args"]["i"])
            node["attr"]["TArgs"] = {"list": {"type": ["DT_FLOAT"] * count}}
    return document


def mended(graph_def: Any) -> Any:
    """Return a graph of inputs `INPUT` and `STATES`, and outputs ``alpha`` and the next states.

    Raises `ValueError` where it isn't such a network's.
    """
    nodes = {node.name: node for node in graph_def.node}
    wanted = (INPUT, _RATIO, *STATES, ALPHA, *_STATE_OUTPUTS)
    if missing := [name for name in wanted if name not in nodes]:
        raise ValueError(
            f"the graph has no node called {' or '.join(missing)}, so it is no RobustVideoMatting"
        )
    result = rewritten(graph_def, _MENDS, {_RATIO: 1.0})
    result.node.append(identity("alpha", _unclamped(nodes, ALPHA)))
    for name, output in zip(STATES.values(), _STATE_OUTPUTS, strict=True):
        result.node.append(identity(name, output))
    return result


def rewritten(graph_def: Any, mends: Mapping[str, Mend], fixed: Mapping[str, Any]) -> Any:
    """Return a graph of other operators, without control inputs.

    `mends` tells, by operator, what comes in a node's place, `fixed` the values of inputs.
    """
    import tensorflow as tf

    result = tf.compat.v1.GraphDef()
    result.versions.CopyFrom(graph_def.versions)
    for node in graph_def.node:
        data = [name for name in node.input if not name.startswith("^")]
        mend = mends.get(node.op)
        if node.name in fixed:
            result.node.append(constant(node.name, fixed[node.name]))
        else:
            result.node.extend([copied(node, data)] if mend is None else mend(node, data))
    return result


def unfused(node: Any, inputs: list[str]) -> list[Any]:
    """Return a fused convolution as its steps; the last has its name."""
    import tensorflow as tf

    picture, weights, bias = inputs
    steps = [step.decode() for step in node.attr["fused_ops"].list.s]
    if steps[:1] != ["BiasAdd"] or len(steps) > 2:
        raise ValueError(f"{node.name} does {' and '.join(steps) or 'nothing'} to a convolution")
    names = [f"{node.name}/{step}" for step in ("Conv2D", *steps[:-1])] + [node.name]
    convolution = copied(node, [picture, weights], name=names[0], op="Conv2D")
    for attribute in _OF_FUSION:
        convolution.attr.pop(attribute, None)
    made = [convolution]
    for before, name, step in zip(names, names[1:], steps, strict=False):
        extra = [bias] if step == "BiasAdd" else []
        new = tf.compat.v1.NodeDef(name=name, op=step, input=[before, *extra])
        new.attr["T"].type = tf.float32.as_datatype_enum
        made.append(new)
    return made


def _decided(node: Any, inputs: list[str]) -> list[Any]:
    """Return a conditional's branch at ratio 1, where nothing is resized: the first."""
    return [identity(node.name, inputs[0])]


def _uncropped(node: Any, inputs: list[str]) -> list[Any]:
    """Return what a crop takes, which it leaves as it is for sides that may be.

    TensorFlow Lite can't tell how many channels a crop of unknown size has.
    """
    return [identity(node.name, inputs[0])]


def passed(node: Any, inputs: list[str]) -> list[Any]:
    """Return a switch that passes its data on to both of its branches."""
    import tensorflow as tf

    data = tf.compat.v1.NodeDef(name=node.name, op="IdentityN", input=[inputs[0]] * 2)
    data.attr["T"].list.type.extend([node.attr["T"].type] * 2)
    return [data]


_MENDS: dict[str, Mend] = {
    "_FusedConv2D": unfused,
    "Merge": _decided,
    "Switch": passed,
    "Slice": _uncropped,
}


def _unclamped(nodes: dict[str, Any], output: str) -> str:
    """Return the name of what is clamped to give an output."""
    name = output
    while nodes[name].op in _CLAMPS:
        name = nodes[name].input[0].partition(":")[0]
    return name
