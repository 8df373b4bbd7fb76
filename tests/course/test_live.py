"""An explorer taken out of the notebook: the same pictures, its files, and what is refused."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from course_lib.course import exporting, live, packing
from course_lib.course import ranges as of_ranges

RANGES = {"face": (0, 3), "a": (-1.0, 1.0)}


def net(wide=64):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, wide), nn.ReLU(), nn.Linear(wide, 192), nn.Sigmoid()).eval()


NET, TABLE = net(), torch.linspace(-1, 1, 16).view(4, 4)


def moved(face, a):
    return NET(torch.cat([TABLE[face], TABLE[face] + a])).view(-1, 3, 8, 8)


def out(function, folder, ranges=RANGES, how="net"):
    steps = of_ranges.FEWER if how == "frames" else of_ranges.STEPS
    about = of_ranges.described(function, ranges, steps=steps)
    return live.handed_over(function, about, "q1-1-x", how, folder)


def test_the_model_gives_the_functions_pictures(tmp_path):
    made = out(moved, tmp_path)
    assert made["bits"] == 16 and 0 < made["error"] < 1 and len(made["settings"]) == live.SETTINGS
    sheet = np.asarray(Image.open(tmp_path / made["expected"]))
    assert sheet.shape == (5 * 8, 2 * 8, 3)
    about = of_ranges.described(moved, RANGES)
    wanted = moved(**exporting.inputs(about, made["settings"][1])).detach()
    levels = (255 * wanted[1]).round().byte().permute(1, 2, 0).numpy()
    assert np.array_equal(sheet[8:16, 8:16], levels)


def test_as_float32_the_model_is_exact():
    about = of_ranges.described(moved, RANGES)
    values = of_ranges.others(about)
    program = exporting.recorded(moved, exporting.inputs(about, values))
    model = live._as_onnx(program, "q1-1-x").model_proto
    session = live.onnxruntime.InferenceSession(model.SerializeToString())
    error = live._error(session, about, values, live._outputs(moved, about, values))
    assert error < 255 * 1e-5


def test_two_builds_write_the_same_files_and_explorers_of_a_net_share_its_tensors(tmp_path):
    def other(face, a):
        return NET(TABLE[face] * a).view(-1, 3, 8, 8)

    first, again = out(moved, tmp_path / "a"), out(moved, tmp_path / "b")
    assert first == again
    shared = set(first["tensors"]) & set(out(other, tmp_path / "a")["tensors"])
    assert len(shared) == 2  # both matrices; a bias is small, and stays in the graph


def test_a_large_net_is_stored_in_8_bits_where_that_is_exact_enough(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "MANY", 1000)
    monkeypatch.setattr(packing, "WIDE", 50_000)
    exact = out(moved, tmp_path)  # none of its tensors is wide
    monkeypatch.setattr(packing, "WIDE", 1000)
    small = out(moved, tmp_path)
    assert small["bits"] == 8 and 2 * exact["error"] < small["error"] <= 5
    assert small["bytes"] < 0.7 * exact["bytes"]
    monkeypatch.setitem(live.ALLOWED, 8, 1e-9)
    assert out(moved, tmp_path)["bits"] == 16


def test_frames_hold_every_place_of_two_controls(tmp_path):
    made = out(moved, tmp_path, how="frames")
    sheet = Image.open(io.BytesIO((tmp_path / made["sheet"]).read_bytes())).convert("RGB")
    assert sheet.size == (21 * 2 * 8, 4 * 8) and made["error"] == 0
    wanted = moved(torch.tensor([2]), torch.tensor([-1.0])).detach()[0]
    levels = (255 * wanted).round().byte().permute(1, 2, 0).numpy()
    assert np.array_equal(np.asarray(sheet)[16:24, :8], levels)


def test_heavy_frames_are_rounded_and_too_heavy_ones_refused(tmp_path, monkeypatch):
    exact = out(moved, tmp_path, how="frames")
    monkeypatch.setattr(live, "HEAVY", exact["bytes"] - 1)
    rounded = out(moved, tmp_path, how="frames")
    assert rounded["bytes"] < exact["bytes"] and 0 < rounded["error"] <= 4
    monkeypatch.setattr(live, "HEAVY", 100)
    with pytest.raises(live.NotLive, match="its frames have .* bytes; record fewer"):
        out(moved, tmp_path, how="frames")


def overflown(face, a):
    """Pictures and a number that is finite in PyTorch, and in the exported graph is not."""
    return moved(face, a), -torch.nn.functional.logsigmoid(-900 * (a + 2))


def test_numbers_beside_the_pictures_are_compared_too(tmp_path):
    with pytest.raises(live.NotLive, match="of 255 levels from its function"):
        out(overflown, tmp_path)


def three(face, a, b):
    return moved(face, a + b)


def noisy(face, a):
    return moved(face, a + torch.randn(1))


def unknown(face, a):
    return moved(face, torch.special.bessel_j0(a))


@pytest.mark.parametrize(
    ("function", "ranges", "how", "message"),
    [
        (three, RANGES | {"b": (0.0, 1.0)}, "frames", "frames take one or two controls, and it"),
        (moved, {"face": (0, 3), "a": (0, 200)}, "frames", "804 frames, more than 600"),
        (noisy, RANGES, "net", "noisy: draws random numbers"),
        (unknown, RANGES, "net", "has no form in ONNX"),
    ],
)
def test_what_cannot_move_is_said_in_one_line(function, ranges, how, message, tmp_path):
    with pytest.raises(live.NotLive) as refused:
        out(function, tmp_path, ranges, how)
    line = str(refused.value)
    assert line.startswith("explorer 'q1-1-x': ") and message in line and "\n" not in line
