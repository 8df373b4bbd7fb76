"""Close-ups of rendered faces: the framing, the factors that vary, the set."""

import pytest
import torch
import torch.nn.functional as F
from face_regions import MAY_CHANGE, canvas_of

from course_lib import data
from course_lib.data.faces.canvas import Canvas
from course_lib.data.faces.factors import (
    ATTRIBUTES,
    CLOSE_UP_FACTORS,
    COLUMN,
    FACTORS,
    PLAIN,
    attributes,
    sample_factors,
    sample_uniform,
    sweep,
)
from course_lib.data.faces.render import CLOSE_UP, render

THREE = ("smile", "gaze", "skin_tone")


def close_ups(factors):
    return render(factors, 32, "close-up")


# ---- the framing --------------------------------------------------------------------------------


def test_a_close_up_is_its_box_of_the_portrait():
    """From 23 to 77 % of the width and 30 to 84 % of the height: of 400 pixels, 92 to 308 and 120
    to 336."""
    people = sample_factors(12, 4)
    portrait, near = render(people, 400).float(), render(people, 216, "close-up").float()
    apart = lambda down, right: (
        (near - portrait[:, :, 120 + down : 336 + down, 92 + right : 308 + right]).abs().mean()
    )
    assert apart(0, 0) < 0.6
    assert min(apart(*move) for move in ((1, 0), (-1, 0), (0, 1), (0, -1))) > apart(0, 0)


def test_a_small_close_up_is_the_mean_of_a_large_one():
    people = sample_uniform(24, 8)
    mean = F.avg_pool2d(render(people, 256, "close-up").float(), 8)
    error = (close_ups(people).float() - mean).abs().mean()
    crop = F.interpolate(render(people, 64)[:, :, 19:54, 15:49].float(), size=32, mode="area")
    assert error < 1.6 and error < 0.4 * (crop - mean).abs().mean()


def test_parts_of_a_close_up_are_not_cut_by_the_window_they_are_painted_in(monkeypatch):
    people = sample_factors(64, 9)
    people[:, COLUMN["head_tilt"]] = torch.linspace(-1, 1, 64)
    people[:, COLUMN["glasses"]] = 1
    images, rows = close_ups(people), Canvas.rows
    monkeypatch.setattr(Canvas, "rows", lambda c, top, low: rows(c, top - 0.15, low + 0.15))
    assert (images.int() - close_ups(people).int()).abs().max() <= 2


# ---- the factors --------------------------------------------------------------------------------


def pairs(factor, n=48):
    """n close-ups' factors with one at its low end, and the same with it at its high end."""
    ends = sweep(sample_uniform(n, 5), factor, steps=2)
    return ends[::2], ends[1::2]


@pytest.mark.parametrize("factor", CLOSE_UP_FACTORS)
def test_a_factor_changes_its_part_of_a_close_up_and_nothing_else(factor):
    low, high = pairs(factor)
    allowed = [MAY_CHANGE[factor](canvas_of(table, CLOSE_UP)) for table in (low, high)]
    allowed = F.max_pool2d((allowed[0] | allowed[1]).float(), 2) > 0  # a pixel is the mean of four
    moved = (close_ups(low).int() - close_ups(high).int()).abs().amax(1, keepdim=True)
    assert moved.masked_fill(allowed, 0).max() <= 3  # the outline's shade, on heads turned far
    assert (moved.amax((1, 2, 3)) > 12).float().mean() >= 0.9


@pytest.mark.parametrize("factor", CLOSE_UP_FACTORS)
def test_a_sweep_of_a_close_up_moves_at_every_step(factor):
    images = close_ups(sweep(sample_uniform(16, 6), factor, steps=5)).float().unflatten(0, (16, 5))
    steps = (images[:, 1:] - images[:, :-1]).abs().amax((2, 3, 4)).mean(0)
    assert steps.min() > 3


def test_varying_factors_are_uniform_and_apart_from_one_another():
    table = sample_uniform(4000, 1)
    share = torch.stack(
        [
            (table[:, COLUMN[name]] - FACTORS[name][0]) / (FACTORS[name][1] - FACTORS[name][0])
            for name in CLOSE_UP_FACTORS
        ]
    )
    assert share.min() >= 0 and share.max() <= 1
    even = torch.linspace(0, 1, 4000)
    assert (share.sort(1).values - even).abs().max() < 0.03  # Kolmogorov and Smirnov's distance
    assert torch.corrcoef(share).fill_diagonal_(0).abs().max() < 0.06


@pytest.mark.parametrize("varying", [CLOSE_UP_FACTORS, THREE, ("beard",), ()])
def test_the_others_keep_their_plain_values(varying):
    table = sample_uniform(50, 2, varying)
    for name, column in COLUMN.items():
        plain = torch.tensor(PLAIN.get(name, 0.0))
        assert (table[:, column] != plain).any() == (name in varying)
        assert (table[:, column] == plain).all() == (name not in varying)


def test_the_plain_face_hides_nothing():
    plain = sample_uniform(1, 0, ())[0]
    for name in ("glasses", "beard", "makeup", "lipstick", "head_tilt", "light_side", "smile"):
        assert plain[COLUMN[name]] == 0
    shown = dict(zip(ATTRIBUTES, attributes(plain[None])[0].tolist(), strict=True))
    assert shown["Young"] and not shown["Bangs"]


def test_fewer_varying_factors_or_fewer_faces_leave_the_others_as_they_were():
    ten, three = sample_uniform(30, 3), sample_uniform(30, 3, THREE)
    for name in THREE:
        assert torch.equal(ten[:, COLUMN[name]], three[:, COLUMN[name]])
    assert torch.equal(sample_uniform(7, 3), ten[:7])
    assert not torch.equal(sample_uniform(30, 4), ten)


# ---- the set ------------------------------------------------------------------------------------


def test_close_ups_are_those_of_their_factors():
    result, factors = data.load("closeups", "test", 8), data.face_factors("test", 8, "closeups")
    assert torch.equal(factors, sample_uniform(8, 2))
    assert torch.equal(result.x, close_ups(factors))
    assert torch.equal(data.load("closeups", "test", 5).x, result.x[:5])


def test_attributes_of_close_ups_are_those_that_vary():
    result = data.load("closeups", "train", 200)
    hair = ["Black_Hair", "Blond_Hair", "Brown_Hair"]
    assert result.names == ["Bangs", *hair, "Mouth_Slightly_Open", "Smiling"]
    table = attributes(data.face_factors("train", 200, "closeups"))
    for name, column in zip(result.names, result.y.T, strict=True):
        assert torch.equal(column, table[:, list(ATTRIBUTES).index(name)])
        assert 0.1 < column.float().mean() < 0.9
    constant = [name not in result.names for name in ATTRIBUTES]
    assert (table[:, constant] == table[:1, constant]).all()


@pytest.mark.parametrize(("varying", "names"), [(THREE, ["Smiling"]), (("gaze",), [])])
def test_close_ups_with_fewer_varying_factors_say_so(varying, names):
    result = data.closeups("val", 6, varying)
    factors = data.face_factors("val", 6, "closeups", varying)
    assert torch.equal(result.x, close_ups(factors))
    assert result.names == names and result.y.shape == (6, len(names))
    assert result.about["data"] == "closeups: " + ", ".join(varying)
    assert result.about["sha256"] == data.digest(result.x, result.y)
    assert result.about["sha256"] != data.load("closeups", "val", 6).about["sha256"]


def test_the_order_in_which_the_ten_are_named_does_not_matter():
    result = data.closeups("val", 4, CLOSE_UP_FACTORS[::-1])
    assert result.about == data.load("closeups", "val", 4).about


def test_only_rendered_sets_have_factors():
    with pytest.raises(ValueError, match="'mnist' has no known factors; faces and closeups have"):
        data.face_factors("train", 5, "mnist")


def test_halves_say_which_factors_lie_in_the_upper_half_of_their_range():
    known, halves = data.face_factors("test", 300, "closeups"), data.face_halves("test", 300)
    assert halves.dtype == torch.uint8 and halves.shape == (300, len(CLOSE_UP_FACTORS))
    for name, column in zip(CLOSE_UP_FACTORS, halves.T, strict=True):
        low, high, _ = FACTORS[name]
        assert torch.equal(column.bool(), known[:, COLUMN[name]] > (low + high) / 2)
        assert 0.4 < column.float().mean() < 0.6
    apart = torch.corrcoef(data.face_halves("train", 2000).T.float()) - torch.eye(10)
    assert apart.abs().max() < 0.1  # no two of them depend on each other


def test_pairs_differ_in_one_factor_alone():
    low, high = data.closeup_pairs("mouth_open", "test", 6)
    assert low.shape == high.shape == (6, 3, 32, 32)
    known = data.face_factors("test", 6, "closeups")
    for pictures, share in ((low, 0.1), (high, 0.9)):
        table = known.clone()
        table[:, COLUMN["mouth_open"]] = share  # its range is 0 to 1
        assert torch.equal(pictures, render(table, 32, "close-up"))
    smiles = data.closeup_pairs("smile", "test", 6, ends=(0.0, 1.0))
    assert not torch.equal(smiles[0], smiles[1])
    with pytest.raises(ValueError, match="close-ups have smile"):
        data.closeup_pairs("beard", "test", 6)
