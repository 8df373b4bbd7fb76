"""Figures: closed, the same bytes each time, every picture where it belongs."""

import io

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import image as mpl_image
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from course_lib.course import charts, figures

HISTORY = pd.DataFrame({"epoch": [1, 2, 3], "recon": [3.0, 2.0, 1.0], "kl": [1.0, 1.5, 1.7]})
RATES = {"model": ([0, 0.1, 1], [0, 0.8, 1])}
MAKERS = {
    "image_grid": lambda: figures.image_grid(torch.rand(6, 3, 8, 8), columns=3, title="grid"),
    "labelled grid": lambda: figures.image_grid(
        torch.rand(4, 1, 8, 8), columns=2, rows=["x", "x hat"], heads=["a", "b"]
    ),
    "curves": lambda: figures.curves({"a": HISTORY, "b": HISTORY}, ["recon", "kl"], log=["recon"]),
    "lines": lambda: figures.lines(
        [2, 4, 8],
        {"auc": [0.5, 0.6, 0.7]},
        "z_dim",
        "AUC",
        bands={"auc": ([0.4, 0.5, 0.6], [0.6, 0.7, 0.8])},
        logx=True,
    ),
    "roc": lambda: figures.roc(RATES),
    "bars": lambda: figures.bars(["smile", "age"], [0.5, 0.9], "AUC", line=(0.5, "chance")),
    "spectrum": lambda: figures.spectrum(np.array([0.1, 3.0, 0.0]), "nats", line=(0.01, "active")),
    "heat": lambda: figures.heat({"a": np.eye(3), "b": -np.eye(3) + 0.1}, columns=2),
    "named heat": lambda: figures.heat(
        {"a": np.eye(2, 3)}, 1, "factor", "code", rows=["0", "1"], heads=["smile", "age", "gaze"]
    ),
    "scatter": lambda: figures.scatter(np.eye(2), [0, 1], ["a", "b"]),
}


def shown(figure):
    """The pixels (H, W, 3) of the figure's PNG, in [0, 1]."""
    return mpl_image.imread(io.BytesIO(figures.png(figure)), format="png")[..., :3]


@pytest.mark.parametrize("name", MAKERS)
def test_figures_are_closed_and_their_png_is_the_same_each_time(name):
    torch.manual_seed(1)
    first = MAKERS[name]()
    torch.manual_seed(1)
    second = MAKERS[name]()
    assert isinstance(first, Figure) and plt.get_fignums() == []
    picture = figures.png(first)
    assert picture == figures.png(second) and plt.get_fignums() == []
    assert picture.startswith(b"\x89PNG") and b"Software" not in picture
    assert shown(first).std() > 0.02, "an empty figure"


@pytest.mark.parametrize(("n", "columns"), [(6, 3), (5, 3), (1, 1), (4, 8)])
def test_every_picture_lies_in_its_place(n, columns):
    """Picture i is flat in its own colour; the axes' coordinates say where to look."""
    colours = torch.rand(n, 3, generator=torch.Generator().manual_seed(2)) * 0.8 + 0.1
    figure = figures.image_grid(colours[:, :, None, None].expand(n, 3, 16, 16), columns=columns)
    pixels = shown(figure)
    (axis,) = figure.axes
    for i, colour in enumerate(colours):
        x, y = axis.transData.transform((i % columns + 0.5, i // columns + 0.5))
        result = pixels[pixels.shape[0] - 1 - round(y), round(x)]
        assert result == pytest.approx(colour.numpy(), abs=0.01), f"picture {i}"


def test_pictures_are_upright_and_not_mirrored():
    x = torch.zeros(1, 1, 16, 16)
    x[0, 0, :8, :8] = 1.0  # white above on the left
    figure = figures.image_grid(x, columns=1)
    pixels, (axis,) = shown(figure), figure.axes
    place = {(0.25, 0.25): 1.0, (0.75, 0.25): 0.0, (0.25, 0.75): 0.0, (0.75, 0.75): 0.0}
    for point, value in place.items():
        column, row = axis.transData.transform(point)
        assert pixels[pixels.shape[0] - 1 - round(row), round(column), 0] == value


def test_bytes_and_floats_are_the_same_pictures():
    x = torch.randint(0, 256, (3, 3, 8, 8), dtype=torch.uint8)
    assert figures.png(figures.image_grid(x)) == figures.png(figures.image_grid(x / 255))


def test_labels_of_rows_and_heads_stand_in_order():
    figure = MAKERS["labelled grid"]()
    (axis,) = figure.axes
    assert [t.get_text() for t in axis.get_yticklabels()] == ["x", "x hat"]
    assert [t.get_text() for t in axis.get_xticklabels()] == ["a", "b"]
    figures.png(figure)
    assert axis.transData.transform((0, 0.5))[1] > axis.transData.transform((0, 1.5))[1]


def test_curves_hold_the_history_with_its_units():
    figure = figures.curves({"a": HISTORY}, ["recon", "kl"], ylabel=["nats per image", "nats"])
    for axis, term, unit in zip(
        figure.axes, ["recon", "kl"], ["nats per image", "nats"], strict=True
    ):
        (line,) = axis.lines
        assert line.get_ydata().tolist() == HISTORY[term].tolist()
        assert axis.get_ylabel() == unit and axis.get_xlabel() == "epoch"


def test_roc_shows_the_curve_and_chance():
    (axis,) = figures.roc(RATES).axes
    model, chance = axis.lines
    assert list(model.get_ydata()) == [0, 0.8, 1] and list(chance.get_ydata()) == [0, 1]
    assert axis.get_xlabel() == "false positive rate"


def test_maps_draw_every_table_with_one_legend():
    tables = {name: np.random.default_rng(0).normal(size=(30, 2)) for name in "abcd"}
    figure = figures.maps(tables, np.arange(30) % 3, ["x", "y", "z"], columns=2)
    assert [a.get_title() for a in figure.axes] == list("abcd")
    assert len(figure.legends) == 1 and len(figure.legends[0].get_texts()) == 3


def test_the_pad_shows_codes_cross_and_picture():
    figure = figures.pad(torch.randn(9, 2), (0.5, -1.0), torch.rand(1, 1, 28, 28), "a 6")
    plane, shown = figure.axes
    assert plane.lines[0].get_xydata().shape == (9, 2)
    assert plane.lines[1].get_xydata().tolist() == [[0.5, -1.0]]
    assert shown.get_title() == "a 6" and len(shown.images) == 1


def test_a_heat_map_shows_its_table_and_white_for_zero_where_signs_mix():
    mixed, plain = np.array([[-1.0, 0.5], [2.0, 0.0]]), np.array([[1.0, 2.0], [3.0, 4.0]])
    figure = figures.heat({"mixed": mixed, "plain": plain}, columns=2)
    shown = {a.get_title(): a.images[0] for a in figure.axes if a.images and a.get_title()}
    assert set(shown) == {"mixed", "plain"}
    np.testing.assert_array_equal(shown["mixed"].get_array(), mixed)
    assert shown["mixed"].get_clim() == (-2.0, 2.0) and shown["plain"].get_clim() == (1.0, 4.0)


def test_a_heat_map_names_its_rows_and_columns():
    (axis, _) = MAKERS["named heat"]().axes
    assert [t.get_text() for t in axis.get_yticklabels()] == ["0", "1"]
    assert [t.get_text() for t in axis.get_xticklabels()] == ["smile", "age", "gaze"]
    assert axis.get_xlabel() == "factor" and axis.images[0].get_array().shape == (2, 3)


def test_a_ladder_has_a_filled_box_for_every_group():
    figure = figures.ladder({"many": [(2, 2), (4, 3)], "few": [(2, 1), (4, 1)]})
    words = [[t.get_text() for t in axis.texts] for axis in figure.axes]
    assert [w.count(" z ") for w in words] == [5, 2]
    assert [w.count("block") for w in words] == [1, 4]
    assert [axis.get_title() for axis in figure.axes] == ["many", "few"]


def test_long_names_of_bars_leave_room_for_the_label_of_the_axis():
    names = ["one-hot, seed 0", "embedding of length 1, seed 2"]
    figure = figures.bars(names, [0.8, 0.6], "pictures with a spot at the rim, share")
    figures.png(figure)
    label = figure.axes[0].yaxis.label.get_window_extent()
    assert 0 <= label.y0 and label.y1 <= figure.bbox.y1


def test_points_of_all_panels_share_one_scale_of_colours():
    points, values = torch.rand(5, 2), torch.arange(5.0)
    panels = {
        "left": [(points, values, 9)],
        "right": [(points, 2 * values, 9), (points, values, 2)],
    }
    figure = charts.planes(panels, "code")
    dots = [dot for axis in figure.axes[:2] for dot in axis.collections]
    assert [dot.get_clim() for dot in dots] == [(0, 8)] * 3
    assert figure.axes[0].get_title() == "left" and figure.axes[2].get_ylabel() == "code"


def test_a_head_that_is_wider_than_its_picture_is_broken_into_lines_above_it():
    one, three = (
        figures.image_grid(torch.rand(2, 3, 8, 8), 2, heads=["as is", head])
        for head in ("one-hot codes", "Mouth Slightly Open")
    )
    said = [[t.get_text() for t in f.axes[0].get_xticklabels()][1] for f in (one, three)]
    assert said == ["one-hot\ncodes", "Mouth\nSlightly\nOpen"]
    by_line = [
        f.get_figheight() - f.axes[0].get_position().height * f.get_figheight()
        for f in (one, three)
    ]
    assert by_line[0] < by_line[1]
