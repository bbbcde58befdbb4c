"""RobustVideoMatting's graph as LiteRT runs it best: every size known before it runs.

Where a size comes of an operator that LiteRT computes only while it runs, it gives every tensor
from there on memory of its own, and keeps all of it. That is so with dilated convolutions as
TensorFlow writes them, between a regrouping of pixels and its undoing, and with slices of shapes.
"""

from typing import Any

from vidseg.models.convert.rvm_nodes import Nodes, constant, copied, value_of


def with_known_sizes(graph_def: Any) -> Any:
    """Return a graph with dilated convolutions as such, and enlargements to the size of another.

    The latter are those of features beside which finer ones are put: they get these ones' size,
    which is twice their own. TensorFlow has kernels for dilations on some CPUs only.
    """
    import tensorflow as tf

    nodes = Nodes(graph_def)
    finer = {
        enlarged.name: node.input[1]
        for node in graph_def.node
        if node.op == "ConcatV2" and (enlarged := _enlarged(nodes, node)) is not None
    }
    result = tf.compat.v1.GraphDef()
    result.versions.CopyFrom(graph_def.versions)
    for node in graph_def.node:
        if node.op == "BatchToSpaceND":
            result.node.append(_dilated(nodes, node))
        elif node.name in finer:
            result.node.extend(_resized(node, finer[node.name]))
        else:
            result.node.append(node)
    return result


def _enlarged(nodes: Nodes, node: Any) -> Any:
    """Return the enlargement that a node puts beside others, by way of a crop that is gone."""
    crop = nodes[node.input[0]]
    found = nodes[crop.input[0]] if crop.op == "Identity" else crop
    return found if found.op == "ResizeBilinear" else None


def _resized(node: Any, like: str) -> list[Any]:
    """Return an enlargement to the size of another input; the last node has its name."""
    import tensorflow as tf

    shape, indices, axis, size = (f"{node.name}/{each}" for each in ("shape", "hw", "axis", "size"))
    asked = tf.compat.v1.NodeDef(name=shape, op="Shape", input=[like])
    asked.attr["T"].type = tf.float32.as_datatype_enum
    # A slice would do, if LiteRT computed it beforehand.
    taken = tf.compat.v1.NodeDef(name=size, op="GatherV2", input=[shape, indices, axis])
    for attribute in ("Tparams", "Tindices", "Taxis"):
        taken.attr[attribute].type = tf.int32.as_datatype_enum
    return [
        asked,
        constant(indices, [1, 2], "int32"),
        constant(axis, 0, "int32"),
        taken,
        copied(node, [node.input[0], size]),
    ]


def _dilated(nodes: Nodes, node: Any) -> Any:
    """Return what regrouping, a convolution and its undoing do together, under the last's name.

    What they pad for sides that can be regrouped they crop again.
    """
    convolution = nodes[node.input[0]]
    regrouped = nodes[convolution.input[0]]
    height, width = (int(each) for each in value_of(nodes[regrouped.input[1]]))
    made = copied(convolution, [regrouped.input[0], convolution.input[1]], name=node.name)
    made.attr["dilations"].list.i[:] = [1, height, width, 1]
    return made
