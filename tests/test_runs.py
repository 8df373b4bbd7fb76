"""Kept runs: found again, kept apart, retrained when stale or damaged, and proof against kills."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import toy_family
from toy_family import pictures, recipe

from course_lib import data, files, runs
from data_scripts.common import cache_root

EPOCHS = 12


def folders():
    root = cache_root() / "runs"
    return sorted(root.iterdir()) if root.is_dir() else []


def unbroken():
    """The weights that a run ends in when nothing disturbs it."""
    return weights(runs.kept(recipe, [pictures()], {}, EPOCHS))


def weights(run):
    return {k: v.clone() for part in ("model", "average") for k, v in
            ((f"{part}.{n}", t) for n, t in run.step.parts[part].state_dict().items())}  # fmt: skip


def assert_equal(a, b):
    assert a.keys() == b.keys()
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_the_second_call_opens_what_the_first_trained(monkeypatch):
    first = runs.kept(recipe, [pictures()], {"width": 6}, 3)
    monkeypatch.setattr("course_lib.train.fit", lambda *a: pytest.fail("it was trained again"))
    second = runs.kept(recipe, [pictures()], {"width": 6}, 3)
    assert_equal(weights(first), weights(second))
    assert first.history.equals(second.history) and not second.model.training
    assert second.about["settings"]["lr"] == 1e-2  # defaults are part of the key


def test_other_arguments_data_and_epochs_are_other_runs():
    x = pictures()
    changed = x.clone()
    changed[0, 0, 0, 0] ^= 1
    for tensors, settings, epochs in [
        ([x], {}, 1), ([x], {}, 2), ([x], {"seed": 1}, 1), ([x], {"lr": 2e-2}, 1), ([changed], {}, 1)
    ]:  # fmt: skip
        runs.kept(recipe, tensors, settings, epochs)
    assert len(folders()) == 5


def test_a_misspelt_setting_is_a_type_error():
    with pytest.raises(TypeError, match="widht"):
        runs.kept(recipe, [pictures()], {"widht": 8}, 1)


def test_kept_files_hold_no_pickle():
    runs.kept(recipe, [pictures()], {}, 1)
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


def test_a_run_of_an_older_source_is_noticed_said_and_trained_again(monkeypatch, capsys):
    runs.kept(recipe, [pictures()], {}, 1)
    monkeypatch.setattr(runs, "source_digest", lambda function: "another source")
    runs.kept(recipe, [pictures()], {}, 1)
    assert "source of its family changed" in capsys.readouterr().out


def test_comments_and_docstrings_do_not_make_a_source_stale_but_code_does():
    old = 'def f(x):\n    """Says."""\n    return x + 1  # why\n'
    new = "def f(x):\n\n    return (x + 1)\n"
    assert runs._bare(old) == runs._bare(new) != runs._bare(old.replace("+", "-"))


def test_an_answer_of_the_family_changes_when_the_formulas_do(tmp_path):
    """The key follows the imports of a family: gaussian.py decides a VAE's weights as vae.py does."""
    from course_lib import vae

    names = [file.name for file in runs._family_files(Path(vae.__file__))]
    assert names == ["vae.py", "gaussian.py", "nets.py"]


@pytest.mark.parametrize("at", [1, 4, 5, 31, 59, 60])
def test_a_run_broken_at_any_step_ends_in_the_same_weights(at, monkeypatch):
    expected = unbroken()
    monkeypatch.setenv("COURSE_CACHE", os.environ["COURSE_CACHE"] + "-broken")
    monkeypatch.setattr(runs.Checkpoint, "due", lambda self: True)
    steps, original = [], toy_family.loss

    def breaking(model, x):
        steps.append(1)
        if len(steps) == at:
            raise KeyboardInterrupt
        return original(model, x)

    monkeypatch.setattr(toy_family, "loss", breaking)
    with pytest.raises(KeyboardInterrupt):
        runs.kept(recipe, [pictures()], {}, EPOCHS)
    monkeypatch.setattr(toy_family, "loss", original)
    resumed = runs.kept(recipe, [pictures()], {}, EPOCHS)
    assert_equal(weights(resumed), expected)
    assert resumed.history.loss.tolist() == pytest.approx(
        runs.kept(recipe, [pictures()], {}, EPOCHS).history.loss.tolist(), rel=0
    )


@pytest.mark.parametrize("write", [1, 2, 7, EPOCHS * 5 + 1])
def test_a_run_killed_in_the_middle_of_a_write_ends_in_the_same_weights(write, monkeypatch):
    """The n-th file is cut half way, then the process 'dies'; the last n is that of the weights."""
    expected = unbroken()
    monkeypatch.setenv("COURSE_CACHE", os.environ["COURSE_CACHE"] + "-broken")
    monkeypatch.setattr(runs.Checkpoint, "due", lambda self: True)
    written, save = [], files.save_file

    def dying(tensors, path, metadata):
        save(tensors, path, metadata)
        written.append(path)
        if len(written) == write:
            content = Path(path).read_bytes()
            Path(path).write_bytes(content[: len(content) // 2])
            raise KeyboardInterrupt

    monkeypatch.setattr(files, "save_file", dying)
    with pytest.raises(KeyboardInterrupt):
        runs.kept(recipe, [pictures()], {}, EPOCHS)
    monkeypatch.setattr(files, "save_file", save)
    assert_equal(weights(runs.kept(recipe, [pictures()], {}, EPOCHS)), expected)


@pytest.mark.parametrize("moment", [0.02, 0.1, 0.3])
def test_a_process_killed_outright_goes_on_to_the_same_weights(moment, monkeypatch, capsys):
    epochs = 400
    expected = weights(runs.kept(recipe, [pictures()], {}, epochs))
    cache = os.environ["COURSE_CACHE"] + "-killed"
    monkeypatch.setenv("COURSE_CACHE", cache)
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("toy_family.py"), str(epochs)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not list(Path(cache).glob("runs/*/checkpoint.safetensors")):
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list(Path(cache).glob("runs/*/run.json")), "it finished before it was killed"
    # the script's module is __main__, so its folder bears another name than ours
    killed = next(Path(cache).glob("runs/*"))
    resumed = resume_as(killed, epochs)
    assert "taken up at epoch" in resumed.stdout
    record = json.loads((killed / "run.json").read_text())
    parts = files.read_tree(killed / "weights.safetensors")
    assert record["parts"] == ["model", "average"]
    assert_equal({f"{p}.{k}": t for p in parts for k, t in parts[p].items()}, expected)


def resume_as(folder, epochs):
    """Run the same script again; it finds the checkpoint of the killed one."""
    return subprocess.run(
        [sys.executable, Path(__file__).with_name("toy_family.py"), str(epochs)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip


def test_a_damaged_checkpoint_is_said_and_left(capsys):
    run = runs.Checkpoint(cache_root() / "runs" / "x", "source")
    run.path.parent.mkdir(parents=True)
    run.path.write_bytes(b"not a checkpoint")
    assert run.load() is None and not run.path.exists()
    assert "checkpoint not used" in capsys.readouterr().out


def test_trees_come_back_as_they_went(tmp_path):
    tree = {
        "a": {0: torch.arange(3), 1: [1.5, None, "x"]},
        "b": [torch.ones(2, 2).bfloat16(), True],
    }
    files.write_tree(tmp_path / "t.safetensors", tree)
    back = files.read_tree(tmp_path / "t.safetensors")
    assert back["a"][1] == [1.5, None, "x"] and list(back["a"]) == [0, 1] and back["b"][1] is True
    assert torch.equal(back["a"][0], tree["a"][0]) and torch.equal(back["b"][0], tree["b"][0])


def test_a_state_that_is_not_finite_is_never_saved():
    step, batches = recipe(pictures())
    keeper = runs.Checkpoint(cache_root() / "runs" / "nan", "source")
    from course_lib.train import _Progress

    run = _Progress(step, batches, keeper)
    run.save()
    good = keeper.path.read_bytes()
    with torch.no_grad():
        step.model.net[1].weight[0, 0] = float("nan")
    run.save()
    assert keeper.path.read_bytes() == good


def test_the_digest_names_the_data():
    x = pictures()
    assert data.digest(x) == data.digest(x.clone()) != data.digest(x.flip(0))
