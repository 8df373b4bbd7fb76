"""Shipped measurements: opened, measured again from their words, and every change noticed."""

import json

import pytest
import torch

from course_lib import data
from course_lib.atomic import file_digest
from course_lib.data import inputs
from course_lib.evaluation import likelihood
from course_lib.models import cvae
from course_lib.training import measurements, records, runs, shipped_measurements, shipping
from course_lib.training.checkpoint import read_tree, write_tree

DIGITS = ["mnist/train/200:x", "mnist/train/200:one_hot"]
BITS = ["mnist/test/240:x:binary=5", "mnist/test/240:one_hot"]


def tensors(words):
    return [inputs.tensor(word) for word in words]


def opened_run():
    return runs.train_or_load(cvae.recipe, tensors(DIGITS), {}, 1)


def measured(given=None, **settings):
    """log p(x|c) with five draws, by a function of the library: only such a one can ship."""
    pair = given or tensors(BITS)
    how = {"n_samples": 5} | settings
    return runs.measure_or_load(opened_run(), likelihood.log_likelihood, pair, how)


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """(the record's path, the values) of a CVAE and of a measurement, made and shipped."""
    monkeypatch.setenv("COURSE_WEIGHTS", str(tmp_path / "weights"))
    path = shipping.ship(records.name_of(opened_run().about), DIGITS)
    values = measured().values
    assert shipping.main(["measure", path.stem, *BITS]) == 0
    return path, values


@pytest.fixture
def otherwise(monkeypatch):
    """otherwise(): from now on a formula behind the measurement is another one, and its source."""

    def change():
        whole = likelihood.log_weights
        monkeypatch.setattr(likelihood, "log_weights", lambda *a: whole(*a) + 0.1)
        monkeypatch.setattr(measurements, "source_digest", lambda code: "other text")

    return change


def unmeasured(monkeypatch, n=0):
    """From now on at most n parts may be measured."""
    calls, whole = [], measurements._measure

    def counted(*arguments):
        calls.append(1)
        assert len(calls) <= n, "it was measured again"
        return whole(*arguments)

    monkeypatch.setattr(measurements, "_measure", counted)


def the_fault(path):
    (fault,) = shipped_measurements.faults(path).values()
    return fault


def rewrite(path, change):
    """Change the shipped values, and their digest in the record: no damage of a file."""
    (file,) = shipped_measurements.files(path)
    write_tree(file, {"values": change(read_tree(file)["values"])})
    record = json.loads(path.read_text())
    record["measurements"][0]["file_sha256"] = file_digest(file)
    path.write_text(json.dumps(record))


def test_a_shipped_measurement_is_opened_and_said(shipped, monkeypatch, capsys):
    path, values = shipped
    unmeasured(monkeypatch)
    again = measured()
    assert torch.equal(again.values, values) and again.values.dtype == torch.float32
    assert "shipped measurement log_likelihood-" in (out := capsys.readouterr().out)
    assert "240 pictures, measured in" in out and again.seconds > 0
    assert not list(records.folder_of(opened_run().about).glob("log_likelihood-*")), "it moved"


def test_its_record_says_what_it_is(shipped):
    (entry,) = json.loads(shipped[0].read_text())["measurements"]
    assert entry["function"] == "evaluation.likelihood.log_likelihood"
    assert entry["settings"] == {"n_samples": 5} and entry["inputs"] == BITS
    assert entry["part"] == 20 and entry["n"] == 240
    assert entry["data_sha256"] == data.digest(*tensors(BITS))
    assert 0 < entry["spread"] < 50  # nats, with five draws


def test_what_is_measured_again_is_what_ships(shipped):
    assert shipped_measurements.faults(shipped[0]) == {}
    assert shipping.main(["check"]) == 0


def test_changed_values_are_a_fault(shipped):
    rewrite(shipped[0], lambda values: values + 0.1)
    assert "200 of 200 values differ" in the_fault(shipped[0])


def test_a_changed_function_is_a_fault(shipped, otherwise):
    otherwise()
    assert "values differ" in the_fault(shipped[0])


def test_changed_weights_are_a_fault(shipped):
    path = shipped[0]
    record, states = records.read((path, path.with_suffix(".safetensors")))
    states["model"] = {name: 1.01 * t for name, t in states["model"].items()}
    records.write((path, path.with_suffix(".safetensors")), record, states)
    assert "with other weights" in the_fault(path)
    shipped_one = json.loads(path.read_text())
    shipped_one["measurements"][0]["weights_sha256"] = shipped_one["weights_sha256"]
    path.write_text(json.dumps(shipped_one))
    assert "values differ" in the_fault(path)


def test_a_changed_word_for_the_data_is_a_fault(shipped):
    path = shipped[0]
    path.write_text(path.read_text().replace("binary=5", "binary=6"))
    assert "on other data" in the_fault(path)


def test_a_changed_function_is_noticed_when_it_is_opened(shipped, otherwise, capsys):
    otherwise()
    assert not torch.allclose(measured().values, shipped[1])
    assert "it is measured here instead" in capsys.readouterr().out


def test_a_function_that_does_the_same_is_measured_for_one_part_once(shipped, monkeypatch):
    monkeypatch.setattr(measurements, "source_digest", lambda code: "other text")
    unmeasured(monkeypatch, 1)
    assert torch.equal(measured().values, shipped[1]) and torch.equal(measured().values, shipped[1])


def test_a_changed_family_of_the_model_is_noticed_too(shipped, monkeypatch, capsys):
    whole, digest = cvae.CVAE.log_px, measurements.source_digest
    monkeypatch.setattr(cvae.CVAE, "log_px", lambda *a: 1.001 * whole(*a))
    other = lambda code: "other text" if code is cvae.CVAE else digest(code)
    monkeypatch.setattr(measurements, "source_digest", other)
    measured()
    assert "it is measured here instead" in capsys.readouterr().out


def test_a_damaged_shipped_file_is_said_and_measured_instead(shipped, capsys):
    (file,) = shipped_measurements.files(shipped[0])
    file.write_bytes(file.read_bytes()[:-1])
    assert torch.equal(measured().values, shipped[1])
    assert "does not match its digest" in capsys.readouterr().out and file.exists()
    assert "does not match its digest" in the_fault(shipped[0])


@pytest.mark.parametrize("change", ["torch", "device"])
def test_where_the_draws_are_others_the_stated_spread_decides(change, shipped):
    path = shipped[0]
    record = json.loads(path.read_text())
    record["measurements"][0][change] = "of another kind"
    path.write_text(json.dumps(record))
    pair, (entry,) = tensors(BITS), record["measurements"]
    model = shipped_measurements.opened(path)[1]
    torch.manual_seed(3)  # the values that another machine would have drawn
    drawn = likelihood.log_likelihood(model, pair[0] / 255, pair[1], 5)
    rewrite(path, lambda values: drawn)
    assert shipped_measurements.faults(path) == {}
    rewrite(path, lambda values: drawn + entry["spread"])
    assert "in the mean" in the_fault(path)
    signs = torch.tensor([1.0, -1.0]).repeat(120)
    rewrite(path, lambda values: drawn + 10 * entry["spread"] * signs)
    assert "each, where" in the_fault(path)


def test_data_that_differ_in_rounding_open_it_and_others_do_not(shipped, monkeypatch, capsys):
    grey, one_hot = tensors(BITS)
    grey[3, 0, 5, 5] ^= 1
    monkeypatch.setattr(measurements, "ROUNDING", 1e-3)
    assert torch.equal(measured([grey, one_hot]).values, shipped[1])
    assert "differ in rounding" in capsys.readouterr().out
    assert not torch.equal(measured([grey.flip(0), one_hot]).values, shipped[1])


def test_other_settings_are_another_measurement(shipped):
    assert not torch.equal(measured(n_samples=6).values, shipped[1])


def test_a_function_of_a_notebook_or_other_pictures_cannot_ship(shipped, capsys):
    runs.measure_or_load(opened_run(), by_hand, tensors(BITS), {})
    assert shipping.main(["measure", shipped[0].stem, *BITS]) == 1
    assert "write it into course_lib" in capsys.readouterr().err
    assert shipping.main(["measure", shipped[0].stem, *DIGITS]) == 1
    assert "holds no finished measurement" in capsys.readouterr().err


def by_hand(model, x, c):
    return x.flatten(1).sum(1)


def test_what_is_too_large_with_its_run_is_refused(shipped, capsys):
    path = shipped[0]
    size = sum(p.stat().st_size for p in path.parent.glob("*.safetensors"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"limit": size + 100}))
    measured(n_samples=6)
    assert shipping.main(["measure", path.stem, *BITS]) == 1
    assert "in weights/, and may have" in capsys.readouterr().err
    assert len(shipped_measurements.files(path)) == 1


def test_restamp_brings_measurements_up_to_date_or_names_them(shipped, otherwise, monkeypatch):
    path = shipped[0]
    monkeypatch.setattr(measurements, "source_digest", lambda code: "moved")
    assert shipping.main(["restamp"]) == 0
    fresh = json.loads(path.read_text())["measurements"][0]["source_sha256"]
    assert fresh == measurements.source(None, None)
    otherwise()
    assert shipping.main(["restamp"]) == 1
    assert json.loads(path.read_text())["measurements"][0]["source_sha256"] == fresh


def test_measurements_follow_their_run_to_a_new_name(shipped, monkeypatch):
    trained = lambda x, c, z_dim=2, lr=1e-3, batch=100, seed=0: cvae.recipe(x, c)
    trained.__module__, trained.__name__ = cvae.__name__, "trained"
    monkeypatch.setattr(cvae, "trained", trained, raising=False)
    renamed = ["restamp", "--renamed", "models.cvae.recipe=models.cvae.trained"]
    assert shipping.main(renamed) == 0
    (path,) = shipping.manifests()
    (file,) = shipped_measurements.files(path)
    assert path.stem.startswith("models.cvae.trained-") and not shipped[0].exists()
    assert len(list(path.parent.iterdir())) == 3 and file.stem.startswith(path.stem)
    assert shipped_measurements.faults(path) == {}


def test_a_run_that_ships_anew_takes_the_measurements_of_its_old_weights_away(shipped):
    path = shipped[0]
    runs.train_or_load(cvae.recipe, tensors(DIGITS), {}, 1, retrain=True)
    shipping.ship(path.stem, DIGITS)
    assert shipped_measurements.files(path) == []


def test_the_report_notes_a_shipped_measurement_that_was_opened(shipped, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path / "results"))
    measured()
    (file,) = shipped_measurements.files(shipped[0])
    note = tmp_path / "results" / "opened" / file.name.removesuffix(".safetensors")
    assert note.read_text() == file_digest(file)
