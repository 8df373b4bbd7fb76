"""Kept runs: found again, kept apart, retrained when stale or damaged, and proof against kills."""

import errno
import json
import os
import time

import numpy as np
import pytest
import torch
import toy_family
from safetensors.torch import save_file
from toy_family import EPOCHS, assert_equal, folders, pictures, recipe, unbroken, weights

from course_lib import atomic, data
from course_lib.paths import cache_root
from course_lib.training import checkpoint, fingerprint, loop, records, runs
from course_lib.training.checkpoint import Checkpoint, read_tree, write_tree


def test_the_second_call_opens_what_the_first_trained(monkeypatch):
    first = runs.train_or_load(recipe, [pictures()], {"width": 6}, 3)
    monkeypatch.setattr(
        "course_lib.training.loop.fit", lambda *a: pytest.fail("it was trained again")
    )
    second = runs.train_or_load(recipe, [pictures()], {"width": 6}, 3)
    assert_equal(weights(first), weights(second))
    assert first.history.equals(second.history) and not second.model.training
    assert second.about["settings"]["lr"] == 1e-2  # defaults are part of the key


def test_what_comes_after_draws_the_same_whether_trained_or_opened():
    torch.manual_seed(7)
    expected = torch.randn(3)
    for _ in ("trained", "opened"):
        torch.manual_seed(7)
        runs.train_or_load(recipe, [pictures()], {}, 2)
        assert torch.equal(torch.randn(3), expected)


def test_other_arguments_data_and_epochs_are_other_runs():
    x = pictures()
    changed = x.clone()
    changed[0, 0, 0, 0] ^= 1
    for picture, settings, epochs in [
        (x, {}, 1),
        (x, {}, 2),
        (x, {"seed": 1}, 1),
        (x, {"lr": 2e-2}, 1),
        (changed, {}, 1),
    ]:
        runs.train_or_load(recipe, [picture], settings, epochs)
    assert len(folders()) == 5


def test_what_is_measured_after_each_epoch_is_part_of_the_key():
    def size(model, x):
        return {"n": float(len(x))}

    for n in (4, 16):
        run = runs.train_or_load(recipe, [pictures()], {}, 1, size, [pictures()[:n]])
        assert run.history.n.tolist() == [n]
    assert len(folders()) == 2


def test_a_cache_that_cannot_be_written_is_found_out_before_training(monkeypatch):
    cache_root().mkdir(parents=True)
    (cache_root() / "runs").write_text("a file where a folder should be")
    monkeypatch.setattr("course_lib.training.loop.fit", lambda *a: pytest.fail("it was trained"))
    with pytest.raises(OSError, match="COURSE_CACHE"):
        runs.train_or_load(recipe, [pictures()], {}, 1)


def test_a_full_disk_at_a_checkpoint_does_not_stop_the_training(monkeypatch, capsys):
    expected = unbroken()
    monkeypatch.setenv("COURSE_CACHE", os.environ["COURSE_CACHE"] + "-full")
    monkeypatch.setattr(Checkpoint, "due", lambda self: True)
    whole, calls = checkpoint.write_tree, []

    def full(path, tree):
        calls.append(path)
        if path.name == "checkpoint.safetensors":
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(path, tree)

    monkeypatch.setattr(checkpoint, "write_tree", full)
    assert_equal(weights(runs.train_or_load(recipe, [pictures()], {}, EPOCHS)), expected)
    assert "checkpoint not written" in capsys.readouterr().out and len(calls) > 2


def test_a_misspelt_setting_is_a_type_error():
    with pytest.raises(TypeError, match="widht"):
        runs.train_or_load(recipe, [pictures()], {"widht": 8}, 1)


def test_a_schedule_of_another_length_than_the_run_is_refused():
    def scheduled(x, epochs=30):
        raise AssertionError("nothing may be built")

    with pytest.raises(ValueError, match="schedule is for epochs=30, the run has 2"):
        runs.train_or_load(scheduled, [pictures()], {}, 2)


def test_what_is_measured_may_be_numbers_of_numpy(monkeypatch):
    monkeypatch.setattr(Checkpoint, "due", lambda self: True)
    run = runs.train_or_load(recipe, [pictures()], {}, 2, lambda model: {"a": np.float32(0.5)})
    assert run.history["a"].tolist() == [0.5, 0.5]


def test_a_run_whose_weights_do_not_fit_leaves_nothing_in_the_one_trained_again():
    expected = unbroken()
    (folder,) = folders()
    kept = folder / "weights.safetensors"
    parts = read_tree(kept)
    parts["model"] = {k: t + 1 for k, t in parts["model"].items()}
    parts["average"]["module.net.1.weight"] = torch.zeros(1)
    write_tree(kept, parts)
    record = json.loads((folder / "run.json").read_text())
    record["weights_sha256"] = atomic.file_digest(kept)
    (folder / "run.json").write_text(json.dumps(record))
    assert_equal(unbroken(), expected)


def test_kept_files_hold_no_pickle():
    runs.train_or_load(recipe, [pictures()], {}, 1)
    assert sorted(p.name for p in folders()[0].iterdir()) == ["run.json", "weights.safetensors"]


@pytest.mark.parametrize("damage", ["flip", "cut", "record", "no weights"])
def test_a_damaged_run_is_noticed_said_and_trained_again(damage, capsys):
    expected = unbroken()
    (folder,) = folders()
    kept = folder / "weights.safetensors"
    content = bytearray(kept.read_bytes())
    if damage == "flip":
        content[-1] ^= 1
        kept.write_bytes(content)
    elif damage == "cut":
        kept.write_bytes(content[: len(content) // 2])
    elif damage == "record":
        (folder / "run.json").write_text('{"about": ')
    else:
        kept.unlink()
    capsys.readouterr()
    assert_equal(unbroken(), expected)
    assert "trained again" in capsys.readouterr().out


def other_code(monkeypatch):
    monkeypatch.setattr(fingerprint, "source_digest", lambda function: "another source")


def test_a_run_of_code_that_behaves_otherwise_is_said_and_trained_again(monkeypatch, capsys):
    runs.train_or_load(recipe, [pictures()], {}, 1)
    other_code(monkeypatch)
    original = toy_family.loss

    def changed(model, x):
        terms = original(model, x)
        return terms | {"loss": 2 * terms["loss"]}

    monkeypatch.setattr(toy_family, "loss", changed)
    runs.train_or_load(recipe, [pictures()], {}, 1)
    assert "the code has changed since: step 1: loss is" in capsys.readouterr().out


def test_a_run_that_todays_code_does_not_repeat_is_set_aside_and_not_lost(monkeypatch):
    runs.train_or_load(recipe, [pictures()], {}, 1)
    other_code(monkeypatch)
    monkeypatch.setattr(toy_family, "loss", lambda model, x: {"loss": model(x).square().sum()})
    runs.train_or_load(recipe, [pictures()], {}, 1)
    assert len(folders()) == 2 and all((f / "weights.safetensors").is_file() for f in folders())


def test_a_run_of_a_model_with_other_parts_is_set_aside_too(monkeypatch, capsys):
    runs.train_or_load(recipe, [pictures()], {}, 1)
    other_code(monkeypatch)
    monkeypatch.setattr(fingerprint, "difference", lambda *a: None)
    monkeypatch.setattr(runs.opening.records, "_shapes", lambda state: [*state] + [id(state)])
    runs.train_or_load(recipe, [pictures()], {}, 1)
    assert (
        "other names or shapes; it is trained again, the old one is in" in capsys.readouterr().out
    )
    assert len(folders()) == 2 and all((f / "weights.safetensors").is_file() for f in folders())


def test_a_run_that_is_not_used_leaves_nothing_in_the_one_trained_instead(monkeypatch):
    expected = unbroken()
    with monkeypatch.context() as changed:
        other_code(changed)
        changed.setattr(fingerprint, "difference", lambda *a: "changed")
        assert_equal(unbroken(), expected)


def test_a_fault_in_the_readers_own_code_costs_no_run(monkeypatch):
    runs.train_or_load(recipe, [pictures()], {}, 1)
    other_code(monkeypatch)
    monkeypatch.setattr(toy_family, "loss", lambda model, x: {"recon": model(x).sum()})
    with pytest.raises(KeyError, match="loss"):
        runs.train_or_load(recipe, [pictures()], {}, 1)
    assert any((f / "run.json").is_file() for f in folders())


def measured(model):
    return {"a": MEASURED[0]}


MEASURED = [1.0]


def test_a_measurement_that_has_changed_is_noticed(monkeypatch, capsys):
    """Only its text decides when it is looked at again; here the text of another version."""
    run = runs.train_or_load(recipe, [pictures()], {}, 2, measured)
    other_code(monkeypatch)
    assert runs.train_or_load(recipe, [pictures()], {}, 2, measured).history.equals(run.history)
    monkeypatch.setattr(fingerprint, "source_digest", lambda function: "a third source")
    MEASURED[0] = 3.0
    try:
        again = runs.train_or_load(recipe, [pictures()], {}, 2, measured)
    finally:
        MEASURED[0] = 1.0
    assert "a is measured otherwise: 3, it was 1" in capsys.readouterr().out
    assert again.history["a"].tolist() == [3.0, 3.0]


def test_training_anew_takes_no_older_checkpoint_up(monkeypatch, capsys):
    expected = unbroken()
    (folder,) = folders()
    state = {"epoch": 1, "index": 2}
    Checkpoint(folder, {}, None).save(state)
    os.utime(folder / "checkpoint.safetensors", (1, 1))
    run = runs.train_or_load(recipe, [pictures()], {}, EPOCHS, retrain=True)
    assert_equal(weights(run), expected)
    assert "taken up" not in capsys.readouterr().out


def test_a_run_of_other_code_that_behaves_alike_is_opened_and_compared_once(monkeypatch, capsys):
    expected = unbroken()
    other_code(monkeypatch)
    monkeypatch.setattr(loop, "fit", lambda *a: pytest.fail("it was trained again"))
    assert_equal(unbroken(), expected)
    monkeypatch.setattr(fingerprint, "fingerprint", lambda *a: pytest.fail("compared again"))
    assert_equal(unbroken(), expected)


@pytest.mark.parametrize("alike", [True, False])
def test_a_checkpoint_of_other_code_goes_on_only_where_the_code_behaves_alike(
    alike, monkeypatch, capsys
):
    folder = cache_root() / "runs" / "x"
    mark = {"source_sha256": "old", "fingerprint": {}}
    Checkpoint(folder, mark, None).save({"epoch": 0, "index": 3})
    run = Checkpoint(folder, mark, lambda mark: None if alike else "the code has changed")
    assert (run.load() is not None) == alike
    assert ("taken up" if alike else "the code has changed") in capsys.readouterr().out


def test_a_passing_error_leaves_a_kept_run_as_it_is(monkeypatch):
    expected = unbroken()

    def fails(path):
        raise OSError(errno.EIO, "Input/output error", str(path))

    with monkeypatch.context() as broken:
        broken.setattr(records, "file_digest", fails)
        with pytest.raises(OSError, match="cannot be read.*Input/output.*nothing was changed"):
            unbroken()
    monkeypatch.setattr(loop, "fit", lambda *a: pytest.fail("it was trained again"))
    assert_equal(unbroken(), expected)


def test_a_foreign_safetensors_file_is_damage_and_no_traceback(capsys):
    expected = unbroken()
    (folder,) = folders()
    save_file({"a": torch.ones(2)}, folder / "weights.safetensors")
    record = json.loads((folder / "run.json").read_text())
    record["weights_sha256"] = atomic.file_digest(folder / "weights.safetensors")
    (folder / "run.json").write_text(json.dumps(record))
    assert_equal(unbroken(), expected)
    assert "of another program" in capsys.readouterr().out


def test_files_have_the_modes_of_the_users_umask():
    before = os.umask(0o002)
    try:
        unbroken()
    finally:
        os.umask(before)
    (folder,) = folders()
    assert {oct(p.stat().st_mode & 0o777) for p in folder.iterdir()} == {"0o664"}


def test_a_full_disk_is_found_out_before_the_training_in_one_line(monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(runs, "write_bytes", full)
    monkeypatch.setattr(loop, "fit", lambda *a: pytest.fail("it was trained"))
    with pytest.raises(OSError, match=r"No space left on device \(\d\.\d MB are needed\)"):
        unbroken()


def test_retrain_trains_anew_once_in_a_process_and_again_from_a_later_start(monkeypatch):
    expected, fit, trained = unbroken(), loop.fit, []
    monkeypatch.setattr(loop, "fit", lambda *a, **k: trained.append(1) or fit(*a, **k))
    monkeypatch.setenv("COURSE_RETRAIN_SINCE", str(time.time()))
    for _ in range(2):
        run = runs.train_or_load(recipe, [pictures()], {}, EPOCHS, retrain=True)
        assert_equal(weights(run), expected)
    assert len(trained) == 1
    monkeypatch.setenv("COURSE_RETRAIN_SINCE", str(time.time()))
    runs.train_or_load(recipe, [pictures()], {}, EPOCHS, retrain=True)
    assert len(trained) == 2


@pytest.mark.parametrize("at", [1, 4, 5, 16, 29, 30])
def test_a_run_broken_at_any_step_ends_in_the_same_weights(at, monkeypatch):
    expected = unbroken()
    monkeypatch.setenv("COURSE_CACHE", os.environ["COURSE_CACHE"] + "-broken")
    monkeypatch.setattr(Checkpoint, "due", lambda self: True)
    steps, original = [], toy_family.loss

    def breaking(model, x):
        steps.append(1)
        if len(steps) == at:
            raise KeyboardInterrupt
        return original(model, x)

    monkeypatch.setattr(toy_family, "loss", breaking)
    with pytest.raises(KeyboardInterrupt):
        runs.train_or_load(recipe, [pictures()], {}, EPOCHS)
    monkeypatch.setattr(toy_family, "loss", original)
    resumed = runs.train_or_load(recipe, [pictures()], {}, EPOCHS)
    assert_equal(weights(resumed), expected)
    assert resumed.history.loss.tolist() == pytest.approx(
        runs.train_or_load(recipe, [pictures()], {}, EPOCHS).history.loss.tolist(), rel=0
    )


def test_a_damaged_checkpoint_is_said_and_left(capsys):
    run = Checkpoint(cache_root() / "runs" / "x", {"source_sha256": ""}, lambda mark: None)
    run.path.parent.mkdir(parents=True)
    run.path.write_bytes(b"not a checkpoint")
    assert run.load() is None and not run.path.exists()
    assert "checkpoint not used" in capsys.readouterr().out


def test_trees_come_back_as_they_went(tmp_path):
    tree = {
        "a": {0: torch.arange(3), 1: [1.5, None, "x"]},
        "b": [torch.ones(2, 2).bfloat16(), True],
    }
    write_tree(tmp_path / "t.safetensors", tree)
    back = read_tree(tmp_path / "t.safetensors")
    assert back["a"][1] == [1.5, None, "x"] and list(back["a"]) == [0, 1] and back["b"][1] is True
    assert torch.equal(back["a"][0], tree["a"][0]) and torch.equal(back["b"][0], tree["b"][0])


def test_a_state_that_is_not_finite_is_never_saved(capsys):
    step, batches = recipe(pictures())
    keeper = Checkpoint(cache_root() / "runs" / "nan", {}, lambda mark: None)
    run = loop._Training(step, batches, keeper)
    run.save()
    good = keeper.path.read_bytes()
    with torch.no_grad():
        step.model.net[1].weight[0, 0] = float("nan")
    run.save()
    assert keeper.path.read_bytes() == good and "not saved" in capsys.readouterr().out


def test_the_digest_names_the_data():
    x = pictures()
    assert data.digest(x) == data.digest(x.clone()) != data.digest(x.flip(0))
