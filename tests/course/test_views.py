"""The plane and the area: what a reader moves in them reaches the function, and once."""

import io

import pytest
import torch
from PIL import Image

from course_lib.atomic import read_json
from course_lib.course import views, widgets
from course_lib.paths import results_folder


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(widgets, "display", lambda panel: None)


def plane(**more):
    """(panel, the (z1, z2) that its function was given)."""
    seen = []

    def at(z1, z2):
        seen.append((z1.item(), z2.item()))
        return ((z1 + z2 + 8) / 16).view(1, 1, 1, 1).expand(1, 1, 8, 8)

    ranges = {"z1": (-3.0, 3.0), "z2": (-4.0, 4.0)}
    panel = widgets.explore(
        at, name="q3-4-plane", alt="Grey.", view="plane", x="z1", y="z2", **ranges, **more
    )
    return panel, seen


def test_a_move_in_the_plane_moves_both_sliders_and_draws_once():
    panel, seen = plane()
    panel.plane.set_state({"at": [1.5, -2]})  # as the browser's message does
    assert [slider.value for slider in panel.controls.values()] == [1.5, -2.0]
    assert seen == [(0.0, 0.0), (1.5, -2.0)]


def test_a_slider_moves_the_plane_and_draws_once():
    panel, seen = plane()
    panel.controls["z2"].value = 3.0
    assert panel.plane.at == [0.0, 3.0] and seen == [(0.0, 0.0), (0.0, 3.0)]
    panel.plane.at = [1.0, 3.0]
    assert seen[2:] == [(1.0, 3.0)]


def test_the_plane_stands_beside_the_picture_with_its_axes():
    panel, _ = plane()
    assert panel.children[-1].children == (panel.plane, panel.image)
    assert panel.plane.labels == ["z1", "z2"]
    assert panel.plane.limits == [[-3.0, 3.0], [-4.0, 4.0]]
    kept = read_json(results_folder() / "explorers" / "q3-4-plane.json")
    assert kept["view"] == "plane" and kept["axes"] == ["z1", "z2"]


def test_points_are_grouped_short_and_not_more_than_can_be_told_apart():
    points = torch.tensor([[0.12345, 1.0], [2.0, 3.0], [-1.0, 0.5]])
    panel, _ = plane(points=points, groups=torch.tensor([7, 1, 7]))
    assert panel.plane.dots == [["1", [2.0, 3.0]], ["7", [0.123, 1.0, -1.0, 0.5]]]
    many = views.Plane(["a", "b"], [[0, 1], [0, 1]], [0.0, 0.0], torch.rand(5000, 2))
    assert [len(numbers) for _, numbers in many.dots] == [2 * views.MOST_POINTS]


def test_an_error_in_the_plane_is_shown_beside_it_and_goes_again():
    def at(z1, z2):
        return z1.view(1, 1, 1, 1) * torch.ones(1, 1, 8, 8)

    ranges = {"z1": (0.0, 3.0), "z2": (0.0, 1.0)}
    with pytest.raises(ValueError, match="pixels lie between 1.5 and 1.5"):
        widgets.explore(at, name="q3-4-p", alt="Grey.", view="plane", x="z1", y="z2", **ranges)
    at.__defaults__ = (0.5, 0.5)
    panel = widgets.explore(at, name="q3-4-p", alt="Grey.", view="plane", x="z1", y="z2", **ranges)
    panel.plane.at = [3.0, 0.0]
    assert "pixels lie between 3 and 3" in panel.children[-1].children[1].value
    assert panel.children[-1].children[0] is panel.plane
    panel.plane.at = [1.0, 0.0]
    assert panel.children[-1].children == (panel.plane, panel.image)


# ---- the area -----------------------------------------------------------------------------------


def area(height=4, width=6, **defaults):
    """(panel, the masks that its function was given)."""
    seen = []

    def filled(mask, shade=0.25):
        seen.append(mask)
        x = shade.view(1, 1, 1, 1).expand(1, 1, height, width)
        return torch.cat([x, x * mask])

    if defaults:
        filled.__defaults__ = tuple(defaults.values())
    ranges = {"mask": (height, width), "shade": (0.0, 1.0)}
    return widgets.explore(filled, name="q3-6-fill", alt="Grey.", view="area", **ranges), seen


def test_the_mask_starts_as_the_left_half_or_where_the_function_says():
    _, seen = area()
    assert seen[0].shape == (1, 1, 4, 6) and seen[0].dtype == torch.float32
    assert seen[0][0, 0].tolist() == [[1, 1, 1, 0, 0, 0]] * 4
    panel, seen = area(mask=(1, 3, 2, 6), shade=0.25)
    assert seen[0][0, 0].tolist() == [[0] * 6, [0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1], [0] * 6]
    assert panel.area.about["start"] == [1, 3, 2, 6]


def test_what_is_drawn_arrives_row_by_row_and_is_one_redraw():
    panel, seen = area()
    drawn = bytearray(24)
    drawn[6 + 2] = 1  # the second row, the third column
    panel.area.set_state({"mask": memoryview(drawn)})  # as the browser's message does
    assert len(seen) == 2 and seen[1].sum() == 1 and seen[1][0, 0, 1, 2] == 1


def test_an_empty_drawing_has_no_numbers():
    full = torch.ones(1, 4, 6)

    def costs(mask=full):
        return mask, mask.sum().view(1)

    bars = dict(names=["all"], title="nats")
    how = dict(view="area", bars=bars, mask=(4, 6))
    panel = widgets.explore(costs, name="q3-5-own", alt="White.", **how)
    assert panel.bars.values == [24.0]
    panel.area.set_state({"mask": memoryview(bytes(24))})
    assert panel.bars.values == []


def test_one_draws_on_the_first_of_the_pictures_which_follows_the_sliders():
    panel, seen = area()
    assert pixels(panel.area.picture) == ((6, 4), 64)
    panel.controls["shade"].value = 1.0
    assert pixels(panel.area.picture) == ((6, 4), 255) and len(seen) == 2


def pixels(png):
    """(size, the level that all pixels of a PNG have)."""
    picture = Image.open(io.BytesIO(png)).convert("L")
    low, high = picture.getextrema()
    assert low == high
    return picture.size, low


def test_the_areas_start_and_size_are_kept():
    panel, _ = area()
    kept = read_json(results_folder() / "explorers" / "q3-6-fill.json")["ranges"]
    assert kept["mask"] == {"kind": "area", "height": 4, "width": 6} | {
        "start": [0, 4, 0, 3],
        "examples": [],
    }
    assert panel.children[-1].children[0] is panel.area and list(panel.controls) == ["shade"]
