"""An ONNX model in fewer bytes: float16, or 8 bits where that is exact enough."""

import math

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LARGE = 1024  # numbers; smaller tensors stay in the graph, as they are
# Of a larger net, the tensors with more numbers than WIDE are stored in 8 bits where that is exact
# enough, the others with so many of float16's 11 significant bits: zeros zip well.
WIDE, SHORT = 10_000, 8
BLOCK = 16  # numbers in a row that share a scale, where one scale a row or a column is too coarse
LEAST = 2.0**-14  # the smallest scale that float16 holds with all of its digits


def small(model, differs, allowed):
    """The model as small as it may be: the widest first, a tensor is stored in 8 bits, or in 8 bits
    in blocks, where the pictures then still differ by no more than is allowed. differs: of a model,
    in levels of 255."""
    eight = {}
    sizes = {t.name: math.prod(t.dims) for t in model.graph.initializer if len(t.dims) > 1}
    wide = [name for name in sizes if sizes[name] > WIDE]
    for name in sorted(wide, key=sizes.get, reverse=True):
        for way in (_in_8_bits, _in_blocks) if sizes[name] % BLOCK == 0 else (_in_8_bits,):
            if differs(stored(model, eight | {name: way}, SHORT)) <= allowed:
                eight[name] = way
                break
    return stored(model, eight, SHORT)


def stored(model, eight=None, significant=11):
    """The model with its large tensors of floats as float16 of so many significant bits, or in 8
    bits in the way that `eight` says, {name: way}, and with what makes floats of them again at its
    beginning."""
    less, nodes, kept = [], [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < LARGE:
            kept.append(tensor)
        elif tensor.name in (eight or {}):
            parts, back = eight[tensor.name](tensor.name, values)
            less, nodes = [*less, *parts], [*nodes, *back]
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
    return tensors, [helper.make_node("DequantizeLinear", names, [name], axis=axis)]


def _levels(values, axis):
    others = tuple(k for k in range(values.ndim) if k != axis)
    scale = np.abs(values).max(others, keepdims=True).clip(1e-12) / 127
    levels = np.round(values / scale)
    return np.square(values - levels * scale).sum(), levels.astype(np.int8), scale, axis


def _in_blocks(name, values):
    """One scale for every BLOCK of numbers, where a row holds both large ones and small ones. The
    blocks are the rows of a matrix, since every version of ONNX can scale rows."""
    blocks = values.reshape(-1, BLOCK)
    scale = (np.abs(blocks).max(1) / 127).clip(LEAST).astype(np.float16)
    levels = np.round(blocks / scale[:, None].astype(np.float32)).astype(np.int8)
    parts = {"i8": levels, "scale16": scale, "shape": np.array(values.shape)}
    tensors = [numpy_helper.from_array(v, f"{name}.{kind}") for kind, v in parts.items()]
    i8, scale16, shape = (tensor.name for tensor in tensors)
    scale, rows = f"{name}.scale", f"{name}.blocks"
    return tensors, [
        helper.make_node("Cast", [scale16], [scale], to=TensorProto.FLOAT),
        helper.make_node("DequantizeLinear", [i8, scale], [rows], axis=0),
        helper.make_node("Reshape", [rows, shape], [name]),
    ]
