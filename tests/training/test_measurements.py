"""Kept measurements: found again, kept apart, damaged ones made anew, a part lost at most."""

import pytest
import torch
from toy_family import pictures, recipe

from course_lib import data
from course_lib.paths import cache_root
from course_lib.training import measurements, runs


def rows(model, x, scale=1.0):
    """A value a picture, with a draw in it."""
    return scale * x.flatten(1).sum(1) + torch.randn(len(x))


def kept():
    return runs.train_or_load(recipe, [pictures()], {}, 1)


def parts():
    return sorted((cache_root() / "runs").glob("*/rows-*/*.safetensors"))


def test_a_measurement_is_opened_and_equals_the_one_that_was_made(monkeypatch):
    run, x = kept(), pictures()
    first = runs.measure_or_load(run, rows, [x], {}, part=20)
    assert first.values.shape == (53,) and len(parts()) == 3 and first.seconds > 0
    monkeypatch.setattr(measurements, "_measure", lambda *a: pytest.fail("it was measured again"))
    again = runs.measure_or_load(run, rows, [x], {}, part=20)
    assert torch.equal(first.values, again.values) and first.seconds == again.seconds


def test_every_part_has_its_own_draws_and_sees_floats():
    x = pictures()
    noise = runs.measure_or_load(kept(), rows, [x], {}, part=20).values - data.pixels(x).flatten(
        1
    ).sum(1)
    assert len(noise.unique()) == len(x)
    torch.manual_seed(20)
    torch.testing.assert_close(noise[20:40], torch.randn(20), atol=1e-5, rtol=0)


def test_settings_data_and_weights_are_part_of_the_key():
    x, run = pictures(), kept()
    runs.measure_or_load(run, rows, [x], {})
    runs.measure_or_load(run, rows, [x], {"scale": 2.0})
    runs.measure_or_load(run, rows, [255 - x], {})
    runs.measure_or_load(runs.train_or_load(recipe, [pictures()], {}, 2), rows, [x], {})
    assert len({path.parent for path in parts()}) == 4


def test_a_misspelt_setting_is_a_type_error():
    with pytest.raises(TypeError, match="sclae"):
        runs.measure_or_load(kept(), rows, [pictures()], {"sclae": 2.0})


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_or_missing_part_alone_is_made_anew(damage, monkeypatch):
    run, x = kept(), pictures()
    expected = runs.measure_or_load(run, rows, [x], {}, part=20).values
    path = next(p for p in parts() if p.name == "20.safetensors")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:30])
    else:
        path.unlink()
    made, measure = [], measurements._measure
    monkeypatch.setattr(measurements, "_measure", lambda *a: made.append(a[-1]) or measure(*a))
    assert torch.equal(runs.measure_or_load(run, rows, [x], {}, part=20).values, expected)
    assert made == [20]


def test_a_measurement_that_stops_keeps_the_parts_that_were_done():
    def fails(model, x, scale=1.0):
        if not torch.equal(x, data.pixels(pictures()[:20])):
            raise KeyboardInterrupt
        return x.flatten(1).sum(1)

    run = kept()
    with pytest.raises(KeyboardInterrupt):
        runs.measure_or_load(run, fails, [pictures()], {}, part=20)
    assert [p.name for p in (cache_root() / "runs").glob("*/fails-*/*")] == ["0.safetensors"]


def test_what_comes_after_draws_the_same_whether_measured_or_opened():
    run, result = kept(), []
    for _ in ("measured", "opened"):
        torch.manual_seed(7)
        runs.measure_or_load(run, rows, [pictures()], {})
        result.append(torch.randn(3))
    assert torch.equal(*result)
