"""The face renderer: reproducible, anti-aliased, and one factor alone changes only its own part."""

import pytest
import torch
import torch.nn.functional as F

from course_lib.data.faces import render as rf
from course_lib.data.faces.canvas import Canvas, blank


def between(field, low, high):
    return (field > low) & (field < high)


def on_face(c, inner, outer, top, bottom):
    """Between heights top and bottom of the head, and inner < |s| < outer across the face."""
    return between(c.s.abs(), inner, outer) & between(c.v, top, bottom)


def not_corners(c):
    """All but the upper corners of the picture, which show the wall and nothing else."""
    return ~((c.x.abs() > 0.78) & (c.y < -0.55)).expand_as(c.v)


def not_centre(c):
    """All but the wall's corners and the middle of the face, from the eyes to the mouth."""
    return not_corners(c) & ~on_face(c, -1, 0.12, -0.05, 0.34)


# Where a factor may change the picture, in the frames of face_canvas. Heights: brows -0.2,
# eyes -0.05, nose 0.2, mouth 0.36, chin 0.62.
MAY_CHANGE = {
    "smile": lambda c: on_face(c, -1, 0.46, -0.02, 0.62),
    "mouth_open": lambda c: on_face(c, -1, 0.24, 0.26, 0.66),
    "eye_open": lambda c: on_face(c, 0.04, 0.36, -0.24, 0.04),
    "gaze": lambda c: on_face(c, 0.04, 0.36, -0.18, 0.03),
    "eye_colour": lambda c: on_face(c, 0.04, 0.36, -0.18, 0.03),
    "nose_size": lambda c: on_face(c, -1, 0.25, -0.24, 0.32),
    "lip_size": lambda c: on_face(c, -1, 0.24, 0.24, 0.66),
    "lipstick": lambda c: on_face(c, -1, 0.26, 0.24, 0.66),
    "cheekbones": lambda c: on_face(c, 0.08, 0.50, -0.02, 0.46),
    "makeup": lambda c: on_face(c, 0.02, 0.50, -0.24, 0.36),
    "glasses": lambda c: on_face(c, -1, 0.60, -0.22, 0.14),
    "beard": lambda c: between(c.v, -0.22, 0.76) & (c.u.abs() < 0.62),
    "fringe": lambda c: (c.v < 0.0) & not_corners(c),
    "hair_length": not_centre,
    "hair_wave": not_centre,
    "face_width": not_centre,
    "hair_colour": lambda c: not_corners(c) & ~on_face(c, -1, 0.18, 0.0, 0.36),
    "masculine": lambda c: not_corners(c) & ~on_face(c, -1, 0.05, 0.05, 0.36),
    "clothes": lambda c: (c.y > 0.55).expand_as(c.v),
    "background": lambda c: c.edge > -0.04,
    "age": not_corners,
    "skin_tone": not_corners,
    "head_turn": not_corners,
    "head_tilt": not_corners,
    "light_side": not_corners,
    "light": not_corners,
}
PATHS = {"background", "clothes", "gaze", "head_turn", "head_tilt", "eye_colour"}


def canvas_of(factors):
    """The coordinates of every pixel, for the poses in `factors`."""
    f = rf._person(factors)
    c = blank(f.head_tilt, f.head_turn, 64)
    c.edge.copy_(rf.parts.face_distance(c, f))
    return c


def ends(factor, n=48):
    """n faces with the factor at its low end, and the same with it at its high end."""
    pair = rf.sweep(factor, n, seed=5, steps=2)
    if factor == "hair_colour":
        pair[:, rf.COLUMN["beard"]] = 0  # a beard has the colour of the hair
    return pair[::2], pair[1::2]


def change(a, b):
    """Largest change over the channels, (n, 1, 64, 64)."""
    return (rf.render(a).int() - rf.render(b).int()).abs().amax(1, keepdim=True)


def test_every_factor_has_a_region():
    assert set(MAY_CHANGE) == set(rf.FACTORS)


@pytest.mark.parametrize("factor", rf.FACTORS)
def test_a_factor_changes_its_part_and_nothing_else(factor):
    low, high = ends(factor)
    allowed = MAY_CHANGE[factor](canvas_of(low)) | MAY_CHANGE[factor](canvas_of(high))
    moved = change(low, high)
    assert moved[~allowed].max() <= 2
    assert moved[:, 0, :6, :3].max() <= 2 or factor == "background"
    assert (moved.amax((1, 2, 3)) > 12).float().mean() >= 0.9


@pytest.mark.parametrize("factor", rf.FACTORS)
def test_a_sweep_moves_at_every_step(factor):
    table = rf.sweep(factor, 16, seed=6, steps=5)
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
        low[:, rf.COLUMN["hair_length"]] = high[:, rf.COLUMN["hair_length"]] = 0
        low[:, rf.COLUMN["light_side"]] = high[:, rf.COLUMN["light_side"]] = 0
        assert change(low, high)[:, :, -2:, 30:34].max() <= 12  # the light follows the head


def test_same_seed_same_bytes():
    first, again = rf.sample_factors(40, 3), rf.sample_factors(40, 3)
    assert torch.equal(first, again) and torch.equal(rf.render(first), rf.render(again))
    assert not torch.equal(first, rf.sample_factors(40, 4))
    one = rf.render(first[17:18]).int() - rf.render(first)[17:18].int()
    assert one.abs().max() <= 1  # its neighbours in the batch do not matter


def test_faces_differ_from_one_another():
    images = rf.render(rf.sample_factors(100, 0), 32).float().flatten(1)
    apart = torch.cdist(images, images).fill_diagonal_(float("inf"))
    assert apart.min() / images.shape[1] ** 0.5 > 12  # root mean square, of 255


def test_factors_lie_in_their_ranges_and_use_them():
    table = rf.sample_factors(4000, 1)
    assert table.shape == (4000, len(rf.FACTORS)) and table.dtype == torch.float32
    for column, (low, high, meaning) in zip(table.T, rf.FACTORS.values(), strict=True):
        assert column.min() >= low and column.max() <= high and meaning
        assert column.max() - column.min() > 0.7 * (high - low)


def test_attribute_rates_are_plausible():
    labels = rf.attributes(rf.sample_factors(20000, 2))
    assert labels.shape == (20000, 15) and labels.dtype == torch.uint8 and labels.max() == 1
    rates = dict(zip(rf.ATTRIBUTES, labels.float().mean(0).tolist(), strict=True))
    assert all(0.05 < rate < 0.80 for rate in rates.values()), rates
    assert 0.4 < rates["Smiling"] < 0.5 and 0.35 < rates["Male"] < 0.45


def test_attributes_read_their_factor():
    table = rf.sample_factors(200, 3)
    for name, factor in (("Smiling", "smile"), ("Eyeglasses", "glasses"), ("Bangs", "fringe")):
        column = rf.ATTRIBUTES.index(name)
        for end in (0, 1):
            table[:, rf.COLUMN[factor]] = rf.FACTORS[factor][end]
            assert (rf.attributes(table)[:, column] == end).all()


def test_corners_of_the_ranges_stay_finite_and_in_range():
    low, high = rf._bounds()
    coin = torch.rand(200, len(rf.FACTORS), generator=torch.Generator().manual_seed(0)) < 0.5
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
    table = rf.sample_factors(24, 8)
    large, small = rf.render(table, 256).float(), rf.render(table, 64).float()
    mean = F.avg_pool2d(large, 4)
    error = (small - mean).abs().mean()
    assert error < 4 and error < 0.75 * (large[:, :, 2::4, 2::4] - mean).abs().mean()


def test_parts_are_not_cut_by_the_window_they_are_painted_in(monkeypatch):
    table = rf.sample_factors(64, 9)
    table[:, rf.COLUMN["head_tilt"]] = torch.linspace(-1, 1, 64)
    table[:, rf.COLUMN["head_turn"]] = torch.tensor([-1.0, 1.0]).repeat(32)
    table[:, rf.COLUMN["glasses"]] = 1
    images, rows = rf.render(table), Canvas.rows
    monkeypatch.setattr(Canvas, "rows", lambda c, top, low: rows(c, top - 0.15, low + 0.15))
    assert (images.int() - rf.render(table).int()).abs().max() <= 2


def test_rendering_leaves_torch_threads_as_they_were():
    threads = torch.get_num_threads()
    rf.render(rf.sample_factors(2, 0), 16)
    assert torch.get_num_threads() == threads


def test_upside_down():
    faces = rf.render(rf.sample_factors(8, 4))
    assert torch.equal(rf.outliers(8, 4, "upside_down"), faces.flip(2))


def test_swapped_parts_differ_in_the_parts_only():
    table = rf.sample_factors(32, 4)
    moved = (rf.outliers(32, 4, "swapped_parts").int() - rf.render(table).int()).abs().amax(1)
    face = on_face(canvas_of(table), -1, 0.62, -0.36, 0.72)[:, 0]
    assert moved[~face].max() <= 2
    assert (moved > 20).float().sum((1, 2)).min() > 60


def test_no_face_has_no_features():
    table = rf.sample_factors(32, 4)
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
        (lambda: rf.sample_factors(0, 0), "n is 0"),
        (lambda: rf.outliers(4, 0, "sideways"), "unknown family 'sideways'.*upside_down"),
        (lambda: rf.outliers(-1, 0, "no_face"), "n is -1"),
        (lambda: rf.render(torch.zeros(3, 5)), r"shape \(3, 5\)"),
        (lambda: rf.attributes(torch.zeros(0, len(rf.FACTORS))), "n >= 1"),
        (lambda: rf.render(torch.full((1, len(rf.FACTORS)), 1.5)), "smile of face 0 is 1.5"),
        (lambda: rf.render(torch.full((1, len(rf.FACTORS)), float("nan"))), "is nan"),
        (lambda: rf.render(rf.sample_factors(1, 0), size=4), "size is 4"),
        (lambda: rf.sweep("smirk", 1, 0), "unknown factor 'smirk'"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_command_line(tmp_path, capsys):
    out = tmp_path / "sheet.png"
    rf.main(["--n", "2", "--factor", "smile", "--size", "32", "--out", str(out)])
    assert out.stat().st_size > 1000 and "18 pictures" in capsys.readouterr().out
    for bad in (["--n", "0", "--out", str(out)], ["--out", str(tmp_path / "none" / "a.png")]):
        with pytest.raises(SystemExit) as stop:
            rf.main(["--size", "16", *bad])
        assert str(stop.value).startswith("render_faces: ")
