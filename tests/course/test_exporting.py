"""What can be taken out of a notebook, what hinders it, and how large it is."""

import random

import pytest
import torch
from torch import nn

from course_lib.course import exporting
from course_lib.course import ranges as of_ranges
from course_lib.course.exporting import exportable

RANGES = {"face": (0, 8), "a": (-1.0, 1.0), "b": (-1.0, 1.0)}
LAYERS = nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.1), nn.Linear(8, 64)
NET = nn.Sequential(*LAYERS).eval()
for tensor in NET.state_dict().values():  # at the start many are equal, and kept once
    tensor.copy_(torch.rand_like(tensor.float()))
TABLE = torch.linspace(-1, 1, 40).view(10, 4)
N_NET = 4 * 8 + 8 + 4 * 8 + 8 * 64 + 64  # batch norm: weight, bias and two averages


def decoded(z):
    return NET(z).sigmoid().view(-1, 1, 8, 8)


def plain(face, a, b):
    return decoded(TABLE[face + torch.arange(1)] + torch.cat([a, b, a, b]))


def test_a_closure_over_nets_and_tables_is_exportable_and_its_numbers_take_two_bytes_each():
    result = exportable(plain, RANGES)
    assert result.reason is None and result.size == 2 * (N_NET + TABLE.numel())


def test_a_net_that_is_called_twice_is_counted_once():
    def twice(face, a, b):
        return torch.cat([decoded(TABLE[face] + a), decoded(TABLE[face] + b)])

    assert exportable(twice, RANGES) == (None, 2 * (N_NET + TABLE.numel()))


def test_sliders_that_start_at_one_value_stay_two(monkeypatch):
    """torch.export takes one tensor object for one input, without a word."""
    assert of_ranges.starts(of_ranges.described(plain, RANGES)) == {"face": 4, "a": 0.0, "b": 0.0}
    about = of_ranges.described(plain, RANGES)
    same = torch.zeros(1)
    merged = exporting.recorded(plain, {"face": torch.tensor([4]), "a": same, "b": same})
    other = {name: of_ranges.tensor(about[name], v) for name, v in of_ranges.others(about).items()}
    other["b"] = torch.tensor([-1.0])
    assert exporting._differs(merged, other, plain(**other).detach())
    kept = exporting.recorded(plain, {"face": torch.tensor([4]), "a": same, "b": same.clone()})
    assert exporting._differs(kept, other, plain(**other).detach()) is None


def test_arguments_are_given_by_name_in_whatever_order():
    assert exportable(plain, dict(reversed(RANGES.items()))).reason is None


def test_a_mask_is_an_input_too():
    x = torch.linspace(0, 1, 64).view(1, 1, 8, 8)

    def covered(mask, a):
        return x * mask * a.square()

    ranges = {"mask": (8, 8), "a": (0.0, 1.0)}
    assert exportable(covered, ranges, view="area") == (None, 2 * 64)


def in_place(face, a, b):
    z = TABLE[face].clone()
    z[:, 1] += a
    return decoded(z)


def noisy(face, a, b):
    return decoded(TABLE[face] + torch.randn(1, 4))


def branching(face, a, b):
    z = TABLE[face]
    if a > 0:
        z = z + b
    return decoded(z)


def sliced(face, a, b):
    return decoded(TABLE[face : face + 1])


def by_int(face, a, b):
    return decoded(TABLE[int(face)][None])


def by_item(face, a, b):
    return decoded(TABLE[face] * a.item())


def by_chance(face, a, b):
    return decoded(TABLE[face] * random.random())


def relu_in_net(face, a, b):
    return decoded(nn.functional.relu(TABLE[face] + a, inplace=True))


def dropping(face, a, b):
    return decoded(nn.functional.dropout(TABLE[face] + a))


def training(face, a, b):
    return decoded(TABLE[face + torch.arange(2)])


def rows(face, a, b):
    return decoded(TABLE[face] + LONG[face, :4])


LONG = torch.zeros(10, 160_000)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (in_place, "in_place: changes a tensor in place (add_); write z = z + v"),
        (relu_in_net, "relu_in_net: changes a tensor in place (relu_)"),
        (dropping, "dropping: a net is in training mode"),
        (noisy, "noisy: draws random numbers (randn); make them outside, once"),
        (branching, "branching, line `if a > 0:`: a slider decides an `if`, an int() or a slice"),
        (sliced, "sliced, line `return decoded(TABLE[face : face + 1])`: a slider decides an `if`"),
        (by_int, "by_int, line `return decoded(TABLE[int(face)][None])`: a slider decides an `if`"),
        (by_item, "by_item: reads a slider as a number (item"),
        (by_chance, "by_chance: what was recorded gives other pictures"),
        (rows, "rows: its parameters and constants take 3.2 MB as float16, 1.6 MB in 8 bits"),
    ],
)
def test_what_hinders_is_said_in_one_line(function, message, capfd):
    reason = exportable(function, RANGES).reason
    assert reason.startswith(message) and "\n" not in reason
    assert capfd.readouterr().out == ""


def test_a_net_in_training_mode_is_refused():
    NET.train()
    try:
        reason = exportable(training, RANGES).reason
    finally:
        NET.eval()
    assert reason == "training: a net is in training mode; call its eval() first"


def test_a_function_that_fails_says_where():
    def failing(face, a, b):
        return NET(TABLE[face, :3])

    reason = exportable(failing, RANGES).reason
    assert reason.startswith("failing, line `return NET(TABLE[face, :3])`: RuntimeError: ")
    assert "\n" not in reason
