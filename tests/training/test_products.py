"""oneDNN multiplies in place of MKL only where the digits of float32 stay."""

import pytest
import torch
from conftest import pictures

from course_lib.models import cvae
from course_lib.training import products

SWITCH = torch.backends.mkldnn.matmul


def relative_error(a, b):
    exact = a.double() @ b.double()
    return float(((a @ b) - exact).abs().max() / exact.abs().max())


def test_products_in_there_have_float32s_digits_and_bfloat16_would_be_noticed():
    a, b = torch.randn(2, 300, 300)
    with products.onednn():
        assert relative_error(a, b) < 1e-5
    exact = a.double() @ b.double()
    rough = (a.bfloat16() @ b.bfloat16()).double()
    assert (rough - exact).abs().max() / exact.abs().max() > 1e-3


def test_the_switch_is_back_where_it_was_also_after_an_error():
    before = SWITCH.fp32_precision
    with pytest.raises(ArithmeticError), products.onednn():
        raise ArithmeticError
    with products.onednn(wanted=False):
        assert SWITCH.fp32_precision == before
    assert SWITCH.fp32_precision == before


def test_where_it_would_cost_digits_the_switch_is_left_alone(monkeypatch):
    before = SWITCH.fp32_precision
    monkeypatch.setattr(products, "onednn_is_exact", lambda: False)
    with products.onednn():
        assert SWITCH.fp32_precision == before
    monkeypatch.setattr(products, "onednn_is_exact", lambda: True)
    with products.onednn():
        assert SWITCH.fp32_precision == "bf16"


def gradients(wide):
    torch.manual_seed(0)
    x = pictures(64, channels=1, size=28)
    step, batches = cvae.recipe(x, torch.eye(10)[torch.arange(64) % 10], batch=64)
    step.wide = wide
    step(*next(batches.epoch(0)))
    return {name: p.grad for name, p in step.model.named_parameters()}


def test_a_step_by_onednn_has_the_gradients_of_the_plain_step_but_for_rounding():
    plain = gradients(wide=False)
    for name, gradient in gradients(wide=True).items():
        assert (gradient - plain[name]).abs().max() < 1e-5 * plain[name].abs().max(), name
