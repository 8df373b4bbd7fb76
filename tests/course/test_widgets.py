"""Explorers in a reader's hands: tensors go in, pictures come out, an error is seen."""

import json

import pytest
import torch

from course_lib.atomic import read_json
from course_lib.course import figures, views, widgets
from course_lib.course.panel import WIDGET
from course_lib.paths import results_folder

EIGHT = [f"attribute {i}" for i in range(8)]


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(widgets, "display", lambda panel: None)


def picture(value):
    return figures.image_grid(torch.full((1, 1, 8, 8), float(value)))


def notebook(source):
    """The names after running cells' text, as in a notebook: one dictionary for all."""
    names = {"picture": picture, "explore": widgets.explore}
    exec(source, names)
    return names


CELLS = """
brightness = 0.25

def scaled(z):
    return brightness + z

def draw(z=0.0):
    return picture(scaled(z))

panel = explore(draw, z=(0.0, 0.5))
"""


def test_a_name_used_again_by_a_later_cell_does_not_change_the_panel():
    names = notebook(CELLS)
    exec("brightness = 'text'\ndef scaled(z):\n    return 9", names)
    panel = names["panel"]
    panel.children[0].value = 0.5
    assert panel.children[-1].value == figures.png(picture(0.75))


def test_an_error_after_a_move_is_shown_in_the_pictures_place_and_goes_again():
    def draw(z=0.0):
        if z > 0.4:
            raise ValueError(f"no face at {z}")
        return picture(z)

    panel = widgets.explore(draw, z=(0.0, 0.5))
    slider, before = panel.children
    slider.value = 0.5
    assert panel.children[-1].value == "ValueError: no face at 0.5"
    slider.value = 0.25
    assert panel.children[-1] is before and before.value == figures.png(picture(0.25))


# ---- a function of tensors ----------------------------------------------------------------------


def seen_by(name="q2-7-latents", **ranges):
    """(panel, what its function was given, in order)."""
    seen = []

    def shown(face, first, attribute):
        seen.append((face, first, attribute))
        return (
            torch.cat([face / 10 + 0 * first, (first + 4) / 8]).view(2, 1, 1, 1).expand(2, 3, 8, 8)
        )

    given = {"face": (0, 9), "first": (-4.0, 4.0), "attribute": EIGHT} | ranges
    return widgets.explore(
        shown, name=name, alt="Two pictures.", grid={"columns": 2}, **given
    ), seen


def expected(face, first):
    values = torch.tensor([face / 10, (first + 4) / 8]).view(2, 1, 1, 1)
    return figures.png(figures.image_grid(values.expand(2, 3, 8, 8), columns=2))


def test_it_takes_tensors_of_one_number_and_starts_in_the_middle_or_at_the_first_choice():
    panel, seen = seen_by()
    assert [t.shape for t in seen[0]] == [(1,)] * 3
    assert [t.dtype for t in seen[0]] == [torch.int64, torch.float32, torch.int64]
    assert [t.item() for t in seen[0]] == [4, 0.0, 0] and len(seen) == 1
    assert panel.image.value == expected(4, 0.0)


def test_a_moved_control_is_one_redraw_with_fresh_tensors_and_a_choice_is_its_index():
    panel, seen = seen_by()
    panel.controls["first"].value = 2.0
    panel.controls["attribute"].value = "attribute 5"
    assert [[t.item() for t in call] for call in seen[1:]] == [[4, 2.0, 0], [4, 2.0, 5]]
    assert panel.image.value == expected(4, 2.0)
    assert len({id(t) for call in seen for t in call}) == 9


def test_the_pictures_alternative_text_says_the_setting_once_it_was_moved():
    panel, _ = seen_by()
    assert panel.image.alt == "Two pictures."
    panel.controls["first"].value = 2.0
    assert panel.image.alt == "Two pictures. Now face 4, first 2.00, attribute attribute 0."


def test_plain_numbers_as_defaults_are_where_it_starts():
    def shown(face=2, first=1.0, kind=1):
        return ((face + first + kind) / 10).view(1, 1, 1, 1).expand(1, 1, 8, 8)

    ranges = {"face": (0, 9), "first": (-4.0, 4.0), "kind": ["a", "b", "c"]}
    panel = widgets.explore(shown, name="q2-7-x", alt="Grey.", **ranges)
    assert [c.value for c in panel.controls.values()] == [2, 1.0, "b"]
    with pytest.raises(ValueError, match="kind starts at 1; give the index of a choice"):
        widgets.explore(shown, name="q2-7-x", alt="Grey.", **ranges | {"kind": ["a"]})


def test_few_choices_are_a_slider_and_many_a_list():
    panel, _ = seen_by(attribute=EIGHT[:6])
    assert type(panel.controls["attribute"]).__name__ == "SelectionSlider"
    panel, seen = seen_by(attribute=EIGHT[:7])
    choice = panel.controls["attribute"]
    assert isinstance(choice, views.Choice) and choice.labels == EIGHT[:7]
    choice.index = 3  # what the browser sends
    assert choice.value == "attribute 3" and seen[-1][2].item() == 3


def test_a_plain_function_of_many_choices_gets_the_choice_itself():
    calls = []

    def draw(digit=6):
        calls.append(digit)
        return picture(digit / 10)

    panel = widgets.explore(draw, digit=list(range(10)))
    panel.children[0].index = 9
    assert calls == [6, 9] and panel.children[0].labels[6] == "6"


def test_a_function_of_tensors_may_return_a_figure():
    def coloured(attribute):
        return picture(attribute.item() / 10)

    panel = widgets.explore(coloured, name="q2-5-map", alt="A map.", attribute=EIGHT)
    assert panel.image.value == figures.png(picture(0.0))
    assert read_json(results_folder() / "explorers" / "q2-5-map.json")["grid"] is None


def test_a_box_to_tick_arrives_as_a_truth():
    seen = []

    def ticked(fine, coarse=True):
        seen.append((fine, coarse))
        return torch.where(fine, 1.0, 0.0).view(1, 1, 1, 1).expand(1, 1, 8, 8)

    both = dict(fine=(False, True), coarse=(False, True))
    panel = widgets.explore(ticked, name="q8-5-x", alt="Grey.", **both)
    panel.controls["fine"].value = True
    assert [[t.item() for t in call] for call in seen] == [[False, True], [True, True]]
    assert seen[0][0].dtype == torch.bool and "fine True" in panel.image.alt


def test_numbers_beside_the_pictures_become_bars_that_follow():
    def both(z):
        return z.view(1, 1, 1, 1).expand(1, 1, 8, 8), torch.cat([z, -2 * z])

    bars = dict(names=[1, 2], title="nats")
    panel = widgets.explore(both, name="q4-3-x", alt="Grey.", bars=bars, z=(0.0, 1.0))
    assert panel.bars.names == ["1", "2"] and panel.bars.values == [0.5, -1.0]
    panel.controls["z"].value = 1.0
    assert panel.bars.values == [1.0, -2.0] and panel.stage.children[0] is panel.bars


def test_a_map_is_drawn_in_the_colours_of_the_function_and_keeps_its_points():
    kinds, points = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]), torch.randn(3, 2)

    def coloured(attribute):
        return kinds[attribute][0]

    how = dict(view="map", points=points, attribute=["a", "b"])
    panel = widgets.explore(coloured, name="q2-5-x", alt="A map.", **how)
    figure = figures.scatter(points, kinds[0], ["without", "with"])
    assert panel.image.value == figures.png(figure)
    kept = read_json(results_folder() / "explorers" / "q2-5-x.json")
    assert len(kept["dots"][0][1]) == 6 and kept["live"] is None  # no report is built


def test_drawings_are_examples_and_the_first_is_the_start():
    four = torch.zeros(2, 8, 8)
    four[0, 2:4, 1] = 1

    def drawn(mask=four):
        return mask

    panel = widgets.explore(drawn, name="q3-5-x", alt="A digit.", view="area", mask=(8, 8))
    assert torch.equal(panel.mask()[0, 0], four[0])
    assert panel.area.about["examples"][1] == ["0" * 8] * 8


def test_while_a_report_is_built_what_cannot_move_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path))

    def noisy(z):
        return torch.rand(1, 1, 8, 8) * z

    with pytest.raises(ValueError, match="explorer 'q2-7-x': noisy: draws random numbers"):
        widgets.explore(noisy, name="q2-7-x", alt="Grey.", z=(0.0, 1.0))
    widgets.explore(noisy, name="q2-7-x", alt="Grey.", live=None, z=(0.0, 1.0))


# ---- what stands where there is no kernel -------------------------------------------------------


def test_the_first_picture_is_kept_with_its_alt_and_the_ranges():
    panel, _ = seen_by()
    folder = results_folder()
    kept = json.loads((folder / "explorers" / "q2-7-latents.json").read_text())
    assert (folder / kept["picture"]).read_bytes() == expected(4, 0.0)
    assert kept["kind"] == "explorer" and kept["question"] == "2.7"
    assert kept["alt"] == "Two pictures." and kept["grid"] == {"columns": 2}
    assert kept["ranges"]["face"] == {"kind": "int", "low": 0, "high": 9, "step": 1, "start": 4}
    assert kept["ranges"]["first"]["step"] == pytest.approx(0.2)
    assert kept["ranges"]["attribute"] == {"kind": "choice", "choices": EIGHT, "start": 0}
    assert list(folder.glob("*.json")) == []  # a report reads those as results


def test_a_cell_keeps_the_first_picture_beside_the_panel():
    panel, _ = seen_by()
    panel.controls["first"].value = 2.0
    data, marks = panel._repr_mimebundle_()
    assert data["image/png"] == expected(4, 0.0) and data["text/plain"] == "Two pictures."
    assert data[WIDGET]["model_id"] == panel.model_id
    assert marks == {
        WIDGET: {"explorer": "q2-7-latents"},
        "image/png": {"alt": "Two pictures.", "name": "q2-7-latents"},
    }


def test_a_panel_without_a_name_keeps_nothing():
    panel = widgets.explore(picture_of, z=(0.0, 0.5))
    assert "image/png" not in panel._repr_mimebundle_() and not results_folder().exists()


def picture_of(z=0.0):
    return picture(z)


# ---- what is refused, in one line that names the explorer ---------------------------------------

GOOD = {"name": "q2-7-x", "alt": "Grey.", "z": (0.0, 1.0)}


def pixels(z):
    return z.view(1, 1, 1, 1).expand(2, 3, 8, 8)


def grey(z):
    return torch.full((1, 1, 8, 8), z)


@pytest.mark.parametrize(
    ("function", "changed", "message"),
    [
        (pixels, {"alt": " "}, "'q2-7-x': alt is empty; say what its first picture shows"),
        (pixels, {"name": "latents"}, "'latents' must start with its question"),
        (pixels, {"name": None}, "give it a name too"),
        (grey, {"name": None, "alt": ""}, "it returns no Figure; for pictures as a tensor"),
        (pixels, {"z": (1.0, 1.0)}, "z goes from 1.0 to 1.0"),
        (pixels, {"z": (0.0, 2.5)}, "pixels lie between 1.25 and 1.25; return them in"),
        (lambda z: pixels(z) - 0.51, {}, "'q2-7-x': pixels lie between -0.01 and -0.01"),
        (lambda z: pixels(z) / 0 - pixels(z) / 0, {}, "pixels lie between nan and nan"),
        (lambda z: pixels(z)[0], {}, r"<lambda> returned \(3, 8, 8\); return pictures \(N, C, H"),
        (lambda z: pixels(z)[:, :2], {}, r"returned \(2, 2, 8, 8\)"),
        (lambda z: 3, {}, "returned int; return pictures"),
        (pixels, {"grid": {"columns": 0}}, "grid has 0 columns; give a number from 1"),
        (pixels, {"grid": {"colums": 2}}, "grid knows no colums, only columns, heads"),
        (pixels, {"grid": {"columns": 2, "heads": ["a"]}}, "1 heads for 2 pictures in 2 columns"),
        (pixels, {"grid": {"columns": 1, "rows": ["a"]}}, "1 rows for 2 pictures in 1 columns"),
        (pixels, {"view": "pad"}, "view is 'pad'; there are 'plane', 'area' and 'map'"),
        (pixels, {"view": "area"}, r"view='area' asks for mask=\(height, width\)"),
        (pixels, {"view": "plane", "x": "z"}, "an axis of the plane is None; x and y name two"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line(function, changed, message):
    with pytest.raises(ValueError, match=message) as caught:
        widgets.explore(function, **GOOD | changed)
    assert "\n" not in str(caught.value)
    assert not (results_folder() / "explorers").exists()


def test_rounding_is_no_fault():
    assert widgets.explore(lambda z: pixels(z) + 0.501, **GOOD).image.value


def test_a_range_that_the_function_does_not_know_is_refused():
    with pytest.raises(KeyError, match=r"pixels\(\) has no parameter 'zz'"):
        widgets.explore(pixels, **GOOD, zz=(0.0, 1.0))
