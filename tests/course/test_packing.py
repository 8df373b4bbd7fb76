"""A net in fewer bytes: every number comes back as exactly as its way of storing says."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from course_lib.course import packing

WAYS = {"8 bits": packing._in_8_bits, "blocks": packing._in_blocks}


@pytest.fixture
def weights():
    """Signed, of no two equal sides, and with a row whose halves are of very different sizes."""
    made = np.random.default_rng(0).normal(size=(96, 64)).astype(np.float32)
    made[5, :32] *= 1000
    return made


def model_of(weights):
    """A model that returns its one tensor, times its one input."""
    tensor = numpy_helper.from_array(weights, "w")
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    node = helper.make_node("Mul", ["w", "one"], ["out"])
    ends = [value("one", [1])], [value("out", weights.shape)]
    graph = helper.make_graph([node], "graph", *ends, initializer=[tensor])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def back(model):
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"one": np.ones(1, np.float32)})[0]


def half_a_level(weights, way):
    """The largest error that rounding to 127 levels may leave of each number."""
    if way == "blocks":
        blocks = weights.reshape(-1, packing.BLOCK)
        most = np.abs(blocks).max(1, keepdims=True).repeat(packing.BLOCK, 1)
        return most.reshape(weights.shape) / 127 / 2
    return np.maximum(*(np.abs(weights).max(k, keepdims=True) / 127 / 2 for k in (0, 1)))


@pytest.mark.parametrize("way", WAYS)
def test_8_bits_are_exact_to_half_a_level(weights, way):
    made = back(packing.stored(model_of(weights), {"w": WAYS[way]}))
    # float16 rounds the scale of a block: by 1 of 2048, of at most 127 levels
    assert (np.abs(made - weights) <= half_a_level(weights, way) * 1.13).all()
    assert made.shape == weights.shape and np.abs(made).max() > 1000


def test_blocks_keep_small_numbers_beside_large_ones(weights):
    errors = {}
    for name, way in WAYS.items():
        made = back(packing.stored(model_of(weights), {"w": way}))
        errors[name] = np.abs(made - weights)[5, 32:].max()
    assert errors["blocks"] < 0.02 < errors["8 bits"]


def test_numbers_that_are_all_nearly_0_stay_nearly_0():
    with np.errstate(all="raise"):  # a scale of 0 divides nothing
        model = packing.stored(model_of(np.full((64, 32), 1e-6, np.float32)), {"w": WAYS["blocks"]})
    assert np.abs(back(model)).max() <= packing.LEAST


def test_float16_is_exact_to_its_digits(weights):
    for digits in (11, 8):
        made = back(packing.stored(model_of(weights), significant=digits))
        assert (np.abs(made - weights) <= np.abs(weights) * 2.0**-digits).all()


@pytest.mark.parametrize(
    ("allowed", "kinds"),
    [
        (1000.0, {"w.i8", "w.scale"}),  # a row or a column
        (0.02, {"w.i8", "w.scale16", "w.shape"}),  # only blocks are exact enough
        (1e-6, {"w.f16"}),
    ],
)
def test_the_smallest_way_that_is_exact_enough_is_taken(weights, allowed, kinds, monkeypatch):
    monkeypatch.setattr(packing, "WIDE", 1000)
    differs = lambda model: np.abs(back(model) - weights)[5, 32:].max()
    made = packing.small(model_of(weights), differs, allowed)
    assert {tensor.name for tensor in made.graph.initializer} == kinds


def test_what_is_no_multiple_of_a_block_is_not_cut_into_blocks(monkeypatch):
    monkeypatch.setattr(packing, "WIDE", 1000)
    odd = np.random.default_rng(1).normal(size=(33, 33)).astype(np.float32)
    made = packing.small(model_of(odd), lambda model: 9, 5)
    assert [tensor.name for tensor in made.graph.initializer] == ["w.f16"]
