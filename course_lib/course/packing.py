"""An ONNX model in fewer bytes: float16, or 8 bits where that is exact enough."""

import math

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LARGE = 1024  # numbers; smaller tensors stay in the graph, as they are
# Of a larger net, the tensors with more numbers than WIDE are stored in 8 bits where that is exact
# enough, the others with so many of float16's 11 significant bits: zeros zip well.
WIDE, SHORT = 50_000, 8


def small(model, differs, allowed):
    """The model as small as it may be: the widest first, a tensor is stored in 8 bits where the
    pictures then still differ by no more than is allowed. differs: of a model, in levels of 255."""
    eight = set()
    sizes = {t.name: math.prod(t.dims) for t in model.graph.initializer if len(t.dims) > 1}
    for name in sorted(sizes, key=sizes.get, reverse=True):
        if sizes[name] > WIDE and differs(stored(model, eight | {name}, SHORT)) <= allowed:
            eight.add(name)
    return stored(model, eight, SHORT)


def stored(model, eight=(), significant=11):
    """The model with its large tensors of floats as float16 of so many significant bits, or in 8
    bits where they are named in `eight`, and with what makes floats of them again at its
    beginning."""
    less, nodes, kept = [], [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < LARGE:
            kept.append(tensor)
        elif tensor.name in eight:
            parts, node = _in_8_bits(tensor.name, values)
            less, nodes = [*less, *parts], [*nodes, node]
        else:
            short = f"{tensor.name}.f16"
            less.append(numpy_helper.from_array(_rounded(values, significant), short))
            nodes.append(helper.make_node("Cast", [short], [tensor.name], to=TensorProto.FLOAT))
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for field, items in (("initializer", kept + less), ("node", nodes + list(model.graph.node))):
        made.graph.ClearField(field)
        getattr(made.graph, field).extend(items)
    made.graph.ClearField("value_info")
    for node in made.graph.node:
        node.ClearField("metadata_props")  # which file and line: no two builds agree
    made.ClearField("metadata_props")
    return made


def _rounded(values, significant):
    """As float16, all but so many significant bits 0."""
    share, exponent = np.frexp(values)
    return np.ldexp(np.round(share * 2**significant) / 2**significant, exponent).astype(np.float16)


def _in_8_bits(name, values):
    """One scale a row or a column, whichever loses less: what is 127 in it."""
    error, levels, scale, axis = min((_levels(values, axis) for axis in (0, 1)), key=lambda t: t[0])
    parts = {"i8": levels, "scale": scale.ravel().astype(np.float32)}
    tensors = [numpy_helper.from_array(v, f"{name}.{kind}") for kind, v in parts.items()]
    names = [tensor.name for tensor in tensors]
    return tensors, helper.make_node("DequantizeLinear", names, [name], axis=axis)


def _levels(values, axis):
    others = tuple(k for k in range(values.ndim) if k != axis)
    scale = np.abs(values).max(others, keepdims=True).clip(1e-12) / 127
    levels = np.round(values / scale)
    return np.square(values - levels * scale).sum(), levels.astype(np.int8), scale, axis
