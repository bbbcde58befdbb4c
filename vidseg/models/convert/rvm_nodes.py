"""Nodes of a TensorFlow graph: made, copied, and looked up by what others name as their input."""

from collections.abc import Iterable
from typing import Any


def constant(name: str, value: Any, kind: str = "float32") -> Any:
    """Return a node that gives `value`, as numbers of that kind."""
    import numpy as np
    import tensorflow as tf

    node = tf.compat.v1.NodeDef(name=name, op="Const")
    node.attr["dtype"].type = tf.as_dtype(kind).as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.array(value, kind)))
    return node


def value_of(node: Any) -> Any:
    """Return what a constant gives, as an array."""
    import tensorflow as tf

    return tf.make_ndarray(node.attr["value"].tensor)


def copied(node: Any, inputs: Iterable[str], **changes: Any) -> Any:
    """Return a node with other inputs, and attributes in `changes`: name, op."""
    new = type(node)()
    new.CopyFrom(node)
    del new.input[:]
    new.input.extend(inputs)
    for name, value in changes.items():
        setattr(new, name, value)
    return new


def identity(name: str, source: str) -> Any:
    """Return a node that passes numbers on."""
    import tensorflow as tf

    node = tf.compat.v1.NodeDef(name=name, op="Identity", input=[source])
    node.attr["T"].type = tf.float32.as_datatype_enum
    return node


class Nodes:
    """The nodes of a graph, by what other nodes name as their input."""

    def __init__(self, graph_def: Any) -> None:
        self._by_name = {node.name: node for node in graph_def.node}

    def __getitem__(self, source: str) -> Any:
        """Return the node of an input: ``name`` or, for its second output, ``name:1``."""
        return self._by_name[source.partition(":")[0]]
