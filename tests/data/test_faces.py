"""The face renderer: reproducible, anti-aliased, and one factor alone changes only its own part."""

import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from face_regions import MAY_CHANGE, canvas_of, on_face
from PIL import Image

from course_lib.data.faces import __main__ as sheets
from course_lib.data.faces import factors as fa
from course_lib.data.faces import render as rf
from course_lib.data.faces.canvas import Canvas, blank

PATHS = {"background", "clothes", "gaze", "head_turn", "head_tilt", "eye_colour"}


def ends(factor, n=48):
    """n faces with the factor at its low end, and the same with it at its high end."""
    pair = fa.sweep(fa.sample_factors(n, 5), factor, steps=2)
    if factor == "hair_colour":
        pair[:, fa.COLUMN["beard"]] = 0  # a beard has the colour of the hair
    return pair[::2], pair[1::2]


def change(a, b):
    """Largest change over the channels, (n, 1, 64, 64)."""
    return (rf.render(a).int() - rf.render(b).int()).abs().amax(1, keepdim=True)


def test_every_factor_has_a_region():
    assert set(MAY_CHANGE) == set(fa.FACTORS)


@pytest.mark.parametrize("factor", fa.FACTORS)
def test_a_factor_changes_its_part_and_nothing_else(factor):
    low, high = ends(factor)
    allowed = MAY_CHANGE[factor](canvas_of(low)) | MAY_CHANGE[factor](canvas_of(high))
    moved = change(low, high)
    assert moved[~allowed].max() <= 2
    assert moved[:, 0, :6, :3].max() <= 2 or factor == "background"
    assert (moved.amax((1, 2, 3)) > 12).float().mean() >= 0.9


@pytest.mark.parametrize("factor", fa.FACTORS)
def test_a_sweep_moves_at_every_step(factor):
    table = fa.sweep(fa.sample_factors(16, 6), factor, steps=5)
    images = rf.render(table).float().unflatten(0, (16, 5))
    steps = (images[:, 1:] - images[:, :-1]).abs().amax((2, 3, 4)).mean(0)
    assert steps.min() > 3
    if factor not in PATHS:
        away = (images - images[:, :1]).abs().mean((0, 2, 3, 4))
        assert (away[1:] > away[:-1]).all(), away


def test_background_leaves_clothes_alone():
    low, high = ends("background")
    assert change(low, high)[:, :, -3:, 28:36].max() <= 2


def test_pose_leaves_the_shoulders_alone():
    for factor in ("head_turn", "head_tilt"):
        low, high = ends(factor)
        low[:, fa.COLUMN["hair_length"]] = high[:, fa.COLUMN["hair_length"]] = 0
        low[:, fa.COLUMN["light_side"]] = high[:, fa.COLUMN["light_side"]] = 0
        assert change(low, high)[:, :, -2:, 30:34].max() <= 12  # the light follows the head


def test_same_seed_same_bytes():
    first, again = fa.sample_factors(40, 3), fa.sample_factors(40, 3)
    assert torch.equal(first, again) and torch.equal(rf.render(first), rf.render(again))
    assert not torch.equal(first, fa.sample_factors(40, 4))
    one = rf.render(first[17:18]).int() - rf.render(first)[17:18].int()
    assert one.abs().max() <= 1  # its neighbours in the batch do not matter


def test_faces_differ_from_one_another():
    images = rf.render(fa.sample_factors(100, 0), 32).float().flatten(1)
    apart = torch.cdist(images, images).fill_diagonal_(float("inf"))
    assert apart.min() / images.shape[1] ** 0.5 > 12  # root mean square, of 255


def test_factors_lie_in_their_ranges_and_use_them():
    table = fa.sample_factors(4000, 1)
    assert table.shape == (4000, len(fa.FACTORS)) and table.dtype == torch.float32
    for column, (low, high, meaning) in zip(table.T, fa.FACTORS.values(), strict=True):
        assert column.min() >= low and column.max() <= high and meaning
        assert column.max() - column.min() > 0.7 * (high - low)


def test_attribute_rates_are_plausible():
    labels = fa.attributes(fa.sample_factors(20000, 2))
    assert labels.shape == (20000, 15) and labels.dtype == torch.uint8 and labels.max() == 1
    rates = dict(zip(fa.ATTRIBUTES, labels.float().mean(0).tolist(), strict=True))
    assert all(0.05 < rate < 0.80 for rate in rates.values()), rates
    assert 0.4 < rates["Smiling"] < 0.5 and 0.35 < rates["Male"] < 0.45


def test_attributes_read_their_factor():
    table = fa.sample_factors(200, 3)
    for name, factor in (("Smiling", "smile"), ("Eyeglasses", "glasses"), ("Bangs", "fringe")):
        column = list(fa.ATTRIBUTES).index(name)
        for end in (0, 1):
            table[:, fa.COLUMN[factor]] = fa.FACTORS[factor][end]
            assert (fa.attributes(table)[:, column] == end).all()


def test_corners_of_the_ranges_stay_finite_and_in_range():
    low, high = fa._bounds()
    coin = torch.rand(200, len(fa.FACTORS), generator=torch.Generator().manual_seed(0)) < 0.5
    table = torch.cat([torch.where(coin, low, high), low[None], high[None]])
    f = rf._person(table)
    for size in (8, 64):
        c = blank(f.head_tilt, f.head_turn, size)
        rf._paint_face(c, f)
        assert torch.isfinite(c.image).all() and c.image.min() >= 0 and c.image.max() < 1.6
        assert c.body.min() >= 0 and c.body.max() <= 1
    assert rf.render(table).float().std((1, 2, 3)).min() > 10


def test_edges_are_smooth():
    """A small picture is close to the mean of a large one, closer than picking its pixels is."""
    table = fa.sample_factors(24, 8)
    large, small = rf.render(table, 256).float(), rf.render(table, 64).float()
    mean = F.avg_pool2d(large, 4)
    error = (small - mean).abs().mean()
    assert error < 4 and error < 0.75 * (large[:, :, 2::4, 2::4] - mean).abs().mean()


def test_parts_are_not_cut_by_the_window_they_are_painted_in(monkeypatch):
    table = fa.sample_factors(64, 9)
    table[:, fa.COLUMN["head_tilt"]] = torch.linspace(-1, 1, 64)
    table[:, fa.COLUMN["head_turn"]] = torch.tensor([-1.0, 1.0]).repeat(32)
    table[:, fa.COLUMN["glasses"]] = 1
    images, rows = rf.render(table), Canvas.rows
    monkeypatch.setattr(Canvas, "rows", lambda c, top, low: rows(c, top - 0.15, low + 0.15))
    assert (images.int() - rf.render(table).int()).abs().max() <= 2


def test_rendering_leaves_torch_threads_as_they_were():
    threads = torch.get_num_threads()
    rf.render(fa.sample_factors(2, 0), 16)
    assert torch.get_num_threads() == threads


def test_upside_down():
    faces = rf.render(fa.sample_factors(8, 4))
    assert torch.equal(rf.outliers(8, 4, "upside_down"), faces.flip(2))


def test_swapped_parts_differ_in_the_parts_only():
    table = fa.sample_factors(32, 4)
    moved = (rf.outliers(32, 4, "swapped_parts").int() - rf.render(table).int()).abs().amax(1)
    face = on_face(canvas_of(table), -1, 0.62, -0.36, 0.72)[:, 0]
    assert moved[~face].max() <= 2
    assert (moved > 20).float().sum((1, 2)).min() > 60


def test_no_face_has_no_features():
    table = fa.sample_factors(32, 4)
    heads, things = rf.outliers(32, 4, "no_face")[::2], rf.outliers(32, 4, "no_face")[1::2]
    faces, c = rf.render(table[::2]), canvas_of(table[::2])
    moved = (heads.int() - faces.int()).abs().amax(1, keepdim=True)
    assert moved[(c.edge > 0.06) & (c.s.abs() > 0.45)].max() <= 2
    middle = (slice(None), slice(None), slice(28, 44), slice(26, 38))
    assert heads[middle].float().std((2, 3)).mean() < 0.5 * faces[middle].float().std((2, 3)).mean()
    assert (things.int() - rf.render(table[1::2]).int()).abs().float().mean((1, 2, 3)).min() > 10


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fa.sample_factors(0, 0), "n is 0"),
        (lambda: rf.outliers(4, 0, "sideways"), "unknown family 'sideways'.*upside_down"),
        (lambda: rf.outliers(-1, 0, "no_face"), "n is -1"),
        (lambda: rf.render(torch.zeros(3, 5)), r"shape \(3, 5\)"),
        (lambda: fa.attributes(torch.zeros(0, len(fa.FACTORS))), "n >= 1"),
        (lambda: rf.render(torch.full((1, len(fa.FACTORS)), 1.5)), "smile of face 0 is 1.5"),
        (lambda: rf.render(torch.full((1, len(fa.FACTORS)), float("nan"))), "is nan"),
        (lambda: rf.render(fa.sample_factors(1, 0), size=4), "size is 4"),
        (lambda: rf.render(fa.sample_factors(1, 0), framing="full"), "'full'.*portrait, close-up"),
        (lambda: fa.sample_uniform(0, 0), "n is 0"),
        (lambda: fa.sample_uniform(1, 0, ("smile", "smirk")), "unknown factor 'smirk'.*gaze"),
        (lambda: fa.sweep(fa.sample_factors(1, 0), "smirk"), "unknown factor 'smirk'"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_sheet_of_faces_is_written(tmp_path, capsys):
    out = tmp_path / "sheet.png"
    for options, pictures, shape in (
        (["--n", "2", "--factor", "smile"], 18, (288, 64)),
        (["--n", "5"], 5, (64, 96)),
        (["--n", "4", "--framing", "close-up"], 4, (64, 64)),
        (["--n", "4", "--family", "no_face"], 4, (64, 64)),
    ):
        sheets.main([*options, "--size", "32", "--out", str(out)])
        assert f"{pictures} pictures" in capsys.readouterr().out
        assert Image.open(out).size == shape


def test_the_framing_of_a_sheet_is_that_of_its_pictures(tmp_path):
    out = tmp_path / "sheet.png"
    sheets.main(["--n", "1", "--size", "32", "--framing", "close-up", "--out", str(out)])
    expected = rf.render(fa.sample_uniform(1, 0), 32, "close-up")[0].permute(1, 2, 0)
    assert np.array_equal(np.array(Image.open(out)), expected.numpy())


@pytest.mark.parametrize("bad", [["--n", "0"], ["--factor", "smirk"], ["--out", "no/such/a.png"]])
def test_a_sheet_that_cannot_be_made_is_one_line(tmp_path, bad):
    with pytest.raises(SystemExit) as stop:
        sheets.main(["--size", "16", "--out", str(tmp_path / "a.png"), *bad])
    assert str(stop.value).startswith("python -m course_lib.data.faces: ")


def test_the_command_that_the_documentation_names_runs(tmp_path):
    """As a process of its own, warnings and all."""
    command = [sys.executable, "-W", "error", "-m", "course_lib.data.faces", "--n", "1"]
    assert " ".join(command[3:5]) in rf.__doc__
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "a.png")], capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stderr == "" and "1 pictures" in done.stdout
