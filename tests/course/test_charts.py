"""Charts by seaborn: what is drawn is what the table says."""

import io

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from course_lib.course import charts, figures


def table():
    values = np.concatenate([np.linspace(0, 1, 20), np.linspace(2, 3, 20)])
    return pd.DataFrame(
        {"family": ["a"] * 20 + ["b"] * 20, "score": values, "net": ["x", "y"] * 20}
    )


def drawn(figure):
    """The one axis, after the figure was really drawn."""
    assert Image.open(io.BytesIO(figures.png(figure))).size[0] > 100
    return figure.axes[0]


def test_violins_lie_where_the_values_lie_and_reach_no_further():
    axis = drawn(charts.violins(table(), "family", "score", "family", "score on [0, 3]"))
    low, high = axis.dataLim.intervaly
    assert low == pytest.approx(0, abs=0.05) and high == pytest.approx(3, abs=0.05)
    assert [t.get_text() for t in axis.get_xticklabels()] == ["a", "b"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("family", "score on [0, 3]")


def test_a_density_has_area_one_and_its_hill_over_the_values():
    axis = drawn(
        charts.densities({"near 5": np.random.default_rng(0).normal(5, 1, 500)}, "z", filled=False)
    )
    x, y = axis.lines[0].get_data()
    assert np.trapezoid(y, x) == pytest.approx(1, abs=0.02) and abs(x[y.argmax()] - 5) < 0.4
    assert axis.get_xlabel() == "z" and axis.get_legend().texts[0].get_text() == "near 5"


@pytest.mark.parametrize("hue", ["net", "family"])
def test_strips_show_every_row_and_each_groups_mean(hue):
    axis = drawn(charts.strips(table(), "family", "score", hue, "family", "score"))
    dots = sum(len(c.get_offsets()) for c in axis.collections)
    assert dots == 40
    means = {round(float(v), 3) for line in axis.lines for v in np.atleast_1d(line.get_ydata())}
    expected = table().groupby(["family", hue] if hue != "family" else "family").score.mean()
    assert {round(v, 3) for v in expected} <= means


def test_heat_writes_its_numbers_in():
    axis = drawn(charts.heat([[0.1, 0.25]], ["row"], ["one", "two"], "share"))
    assert [t.get_text() for t in axis.texts] == ["0.10", "0.25"]
    wide = drawn(charts.heat([[0.1, 0.25]], ["row"], ["one", "two"], "", spread=[[0.02, 0.0]]))
    assert [t.get_text() for t in wide.texts] == ["0.10 ±0.02", "0.25 ±0.00"]


def test_a_tradeoff_is_joined_in_the_order_of_x_and_named():
    points = pd.DataFrame({"kl": [3.0, 1.0, 2.0], "mse": [0.1, 0.3, 0.2], "sigma": ["a", "b", "c"]})
    axis = drawn(charts.tradeoff(points, "kl", "mse", "sigma", "rate", "distortion"))
    assert axis.lines[0].get_xdata().tolist() == [1.0, 2.0, 3.0]
    assert axis.lines[0].get_ydata().tolist() == [0.3, 0.2, 0.1]
    assert [t.get_text() for t in axis.texts] == ["b", "c", "a"]


def test_strip_panels_have_a_panel_a_column_and_show_every_dot():
    table = pd.DataFrame(
        {"net": ["a", "a", "b"], "share": [0.2, 0.4, 0.9], "gain": [-3.0, 1.0, 8.0]}
    )
    figure = charts.strip_panels(table, "net", {"share": "a share", "gain": "nats"}, "which")
    assert [axis.get_ylabel() for axis in figure.axes] == ["a share", "nats"]
    for axis, column in zip(figure.axes, ("share", "gain"), strict=True):
        dots = [y for c in axis.collections for _, y in c.get_offsets()]
        assert sorted(dots) == sorted(table[column])
        low, high = axis.get_ylim()
        assert low < min(dots) and max(dots) < high and low <= 0


def test_functions_are_lines_through_what_was_given():
    figure = charts.functions(
        [0.0, 1.0, 2.0], {"f": [1.0, 3.0, 2.0], "g": [0.0, 0.5, 0.0]}, "x", "y"
    )
    lines = figure.axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["f", "g"]
    assert list(lines[0].get_ydata()) == [1.0, 3.0, 2.0]


def test_a_field_lies_upright_under_its_points():
    field = torch.zeros(4, 4)
    field[0, 3] = 1.0  # the lowest row, at the right
    black, green = torch.tensor([[2.5, -2.5]]), torch.zeros(5, 2)
    figure = charts.fields({"one": (field, black, green)}, (-3, 3, -3, 3), "D")
    axis = drawn(figure)
    (image,) = axis.images
    assert image.get_extent() == [-3, 3, -3, 3] and image.origin == "lower"
    assert [len(line.get_xdata()) for line in axis.lines] == [1, 5]
    assert axis.get_title() == "one" and figure.axes[-1].get_ylabel() == "D"


def test_dumbbells_reach_from_the_least_mark_to_the_largest_and_show_every_row():
    rows = pd.DataFrame({"label": ["a", "b"] * 2, "alone": [0.2, 0.4, 0.4, 0.4], "real": 0.9})
    axis = drawn(charts.dumbbells(rows, "label", {"alone": "alone", "real": "two real"}, "share"))
    lines = [tuple(map(tuple, part)) for part in axis.collections[0].get_segments()]
    assert np.allclose(lines, [[(0.3, 0), (0.9, 0)], [(0.4, 1), (0.9, 1)]])
    marks = {line.get_label(): line.get_xdata().tolist() for line in axis.lines}
    assert np.allclose(marks["alone"], [0.3, 0.4]) and np.allclose(marks["two real"], 0.9)
    assert sum(len(line.get_xdata()) for line in axis.lines if line.get_marker() == ".") == 8
    assert [t.get_text() for t in axis.get_yticklabels()] == ["a", "b"]


def test_lines_of_seeds_are_means_in_a_band_of_all_rows():
    rows = [(v, s, who, at, at + s) for v in "ab" for s in (0, 1) for who in "xy" for at in (1, 2)]
    rows = pd.DataFrame(rows, columns=["version", "seed", "who", "step", "share"])
    figure = charts.seed_lines(rows, "step", "share", "who", "version", "step", "share")
    drawn(figure)
    assert [axis.get_title() for axis in figure.axes] == ["a", "b"]
    assert figure.axes[1].lines[0].get_ydata().tolist() == [1.5, 2.5]
    low, high = figure.axes[1].collections[0].get_datalim(figure.axes[1].transData).intervaly
    assert (low, high) == (1, 3)


def test_a_clustered_map_puts_like_columns_side_by_side():
    one, other = [1.0, -1.0, 0.5], [-1.0, 1.0, 0.0]
    table = pd.DataFrame({"a": one, "b": other, "c": one, "d": other}, index=["x", "y", "z"])
    axis = drawn(charts.clustered(table.rename_axis(columns="code"), "shift"))
    names = [t.get_text() for t in axis.get_xticklabels()]
    assert {*names[:2]} in ({"a", "c"}, {"b", "d"}) and len(axis.get_yticklabels()) == 3
    assert axis.get_xlabel() == "code" and axis.collections[0].get_array().shape == (3, 4)
