"""The live curve: what it shows while it goes, and what it leaves."""

import pytest
import torch

from course_lib.course import charts, demonstration, diagrams


class Handle:
    def __init__(self):
        self.updates = 0

    def update(self, shown, raw, metadata):
        assert shown["image/png"].startswith(b"\x89PNG") and metadata["image/png"]["alt"]
        self.updates += 1


def test_every_step_is_in_the_table_and_the_curve_is_redrawn_as_it_grows(monkeypatch):
    handle, used = Handle(), []
    monkeypatch.setattr(demonstration, "display", lambda shown, **how: handle)

    def step():
        used.append(1)
        return {"recon": torch.tensor(10.0 / len(used), requires_grad=True)}

    table = demonstration.watch(step, 20, parts=4)
    assert table.recon.tolist() == pytest.approx([10.0 / i for i in range(1, 21)])
    assert table.step.tolist() == list(range(1, 21)) and handle.updates == 3


def test_blocks_grow_with_what_they_hand_on_and_say_their_shapes():
    steps = [("data", "picture", (3, 64, 64)), ("encoder", "conv", (8, 4, 4)), ("code", "z", (2,))]
    figure = diagrams.blocks(steps, "a net")
    texts = [t.get_text() for t in figure.axes[0].texts]
    assert "3 × 64 × 64" in texts and "2" in texts and "conv" in texts
    heights = [p.get_bbox().height for p in figure.axes[0].patches if hasattr(p, "get_bbox")]
    assert heights == sorted(heights, reverse=True) and len(heights) == 3


def test_a_density_map_has_its_low_values_at_the_bottom():
    density = torch.tensor([[0.0, 0.0], [0.0, 1.0]])
    panels = {"a": (density, ([0, 1], [0, 1]), ([0.5], [0.5], [0.1]))}
    (axis,) = charts.density_maps(panels, (0, 1, 0, 1), "z", "x").axes
    assert axis.images[0].origin == "lower" and axis.get_xlabel() == "z"
    assert axis.get_title() == "a" and axis.get_ylabel() == "x"
