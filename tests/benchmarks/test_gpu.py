"""The script for a machine with a GPU: it finds the notebooks' trainings, needs nothing of Jupyter,
and tells what became of each."""

import json
import os
import subprocess
import sys

import psutil
import pytest
import torch
from safetensors import safe_open
from torch import nn

from benchmarks import gpu, packed
from benchmarks.asked import Training, asked
from benchmarks.traffic import Traffic
from course_lib.models import cvae, hvae
from course_lib.paths import REPOSITORY
from course_lib.training import keys

ABSENT = ["IPython", "ipywidgets", "papermill", "nbclient", "nbformat", "jupyter_client"]
ABSENT += ["sklearn", "cv2", "seaborn", "skimage"]
OF_DIGITS = (
    "models.cvae.",
    "models.iwae.",
    "models.completion.",
    "models.mlvae",
    "models.hvae_iwae.",
)


def test_all_trainings_of_digits_that_ship_are_read_off_the_notebooks():
    """Those that a whole run of 03, 04 and 09 asked for, with all their settings."""
    made = [one for number in ("03", "04", "09") for one in asked(number, "quick")]
    as_json = lambda settings: json.loads(json.dumps(settings))
    found = [(keys.name_of(o.recipe), as_json(keys.arguments(*o[:3])), o.epochs) for o in made]
    for path in [*REPOSITORY.glob("weights/*.json"), *REPOSITORY.glob("weights/outcomes/*.json")]:
        about = json.loads(path.read_text())["about"]
        if about["recipe"].startswith(OF_DIGITS):
            assert (about["recipe"], about["settings"], about["epochs"]) in found, path.name


def test_a_share_is_of_the_epochs_and_then_of_the_pictures():
    x, c = torch.zeros(1000, 1, 28, 28).byte(), torch.zeros(1000, 10)
    one = Training(cvae.twin_recipe, [x, c], dict(batch=10, epochs=20), 20)
    assert one.shortened(0.1).epochs == one.shortened(0.1).settings["epochs"] == 2
    least = one.shortened(0.01)
    assert least.epochs == 1 and [len(t) for t in least.tensors] == [200, 200]
    assert len(one.shortened(1e-6).tensors[0]) == 20, "two batches"
    levels = Training(hvae.recipe, [x], dict(anneal=64), 64)
    assert levels.lasting(5).settings == dict(anneal=5), "its schedule lasts as long"
    plain = Training(cvae.recipe, [x, c], dict(seed=1), 50)
    assert plain.lasting(3).settings == dict(seed=1) and plain.lasting(3).epochs == 3


def test_weights_come_in_few_files_that_are_small_enough(tmp_path, monkeypatch):
    monkeypatch.setattr(packed, "LIMIT", 3000)
    monkeypatch.setattr(packed, "FILES", 2)
    pack, net = packed.Packed(tmp_path), nn.Linear(50, 20)
    assert pack.add("one", net) == pack.add("one", net) == "weights-1.safetensors"
    both = "weights-1.safetensors, weights-2.safetensors"  # its bias fits into the first
    assert packed.Packed(tmp_path).add("two", net) == both, "after a new start"
    assert "too large" in packed.Packed(tmp_path).add("three", net)
    assert "too large" in packed.Packed(tmp_path).add("four", nn.Linear(100, 20))
    with safe_open(tmp_path / "weights-2.safetensors", "pt") as file:
        assert list(file.keys()) == ["two/weight"]
        assert file.get_tensor("two/weight").equal(net.weight.half())


def test_the_traffic_of_operations_is_counted_by_hand():
    a, b, c = torch.ones(10, 10), torch.ones(10, 10), torch.ones(10, 1)
    for operation, moved in [
        (lambda: a + b, 1200),
        (lambda: a.add_(b), 1200),
        (lambda: a.view(100).t(), 0),
        (lambda: a * c.expand(10, 10), 840),
        (lambda: a.bfloat16(), 600),
        (lambda: torch._foreach_mul_([a, b], 2.0), 1600),  # it gives nothing back
    ]:
        with Traffic() as traffic:
            operation()
        assert traffic.moved == moved


def test_the_shares_of_a_card_are_those_of_one_step_times_steps_a_second(monkeypatch):
    x, c = torch.zeros(20, 1, 28, 28).byte(), torch.zeros(20, 10)
    one = Training(cvae.recipe, [x, c], dict(batch=10), 1)
    about = {"steps": 2, "seconds": 1e-3}
    assert set(gpu.shares(one, about).values()) == {None}, "this machine's card is not known"
    monkeypatch.setattr(gpu, "device_name", lambda device: "NVIDIA H200")
    by_work, by_bytes = gpu.shares(one, about).values()
    n = sum(p.numel() for p in cvae.recipe(x, c)[0].model.parameters() if p.ndim == 2)
    # A product forward and two back, of which the first layer needs one: its pictures are given.
    assert 4 * 10 * n < by_work * 989e12 / 2000 < 6 * 10 * n
    moved = by_bytes * 4.8e12 / 2000 / (4 * n)
    # Adam reads four numbers a weight and writes four; the products read two and write one.
    assert 10.5 < moved < 11.5
    assert gpu.shares(one, about | {"seconds": 2e-3})["share of bf16"] == pytest.approx(by_work / 2)


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """Processes that start from now on find none of the packages of ABSENT, and no GPU."""
    text = f"import sys; sys.modules.update(dict.fromkeys({ABSENT}))"
    (tmp_path / "sitecustomize.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{REPOSITORY}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def test_a_set_that_is_not_prepared_is_named_and_what_needs_it_is_left_out(capsys):
    assert asked("05", "full") == []
    assert "The data set 'celeba' is not prepared. Run `python -m" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--share", "2"], "--share is above 0 and at most 1, not 2"),
        (["--minutes", "0"], "--minutes is above 0, not 0"),
        (["--out", "README.md"], "--out: README.md is no folder"),
        (["10"], "no group is called 10"),
    ],
)
def test_wrong_words_are_said(words, said, capsys, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    with pytest.raises(SystemExit):
        gpu.main(words)
    assert said in capsys.readouterr().err


def test_what_a_process_died_of_is_tried_once_more_and_then_left_out(tmp_path, monkeypatch):
    """Each process adds to the results what it has begun, and dies; the last one finds no more."""
    begins = [{"a": "begun, captured"}, {"a": "begun"}, {"b": "begun, captured"}, {}]

    class Process:
        def __init__(self, command):
            known = gpu.Results(tmp_path)
            seen.append({name: row["state"] for name, row in known.rows.items()})
            self.new = begins.pop(0)
            for name, state in self.new.items():
                known.put(name, {"state": state})

        def wait(self, seconds):
            return 1 if self.new else 0

    seen, done = [], {"state": "done"}
    monkeypatch.setattr(gpu.subprocess, "Popen", Process)
    gpu.Results(tmp_path).put("c", {"state": "begun"})  # by a command that was killed
    gpu.Results(tmp_path).put("d", done)
    assert gpu.main(["--out", str(tmp_path)]) == 0
    out = "left out: the process that trained it died"
    assert seen[:2] == [{"d": "done"}, {"d": "done", "a": "begun, captured"}]
    assert seen[2:] == [{"d": "done", "a": out}, {"d": "done", "a": out, "b": "begun, captured"}]


@pytest.mark.slow
def test_what_trains_ends_with_what_watches_it():
    """Or on a rented machine a killed command would go on."""
    trains = "import os; from benchmarks import gpu; print('up', flush=True); "
    trains += "gpu.end_with(int(os.environ['WATCHER']))"
    watches = "import os, subprocess, sys; os.environ['WATCHER'] = str(os.getpid()); "
    watches += f"p = subprocess.Popen([sys.executable, '-c', {trains!r}]); p.wait()"
    with subprocess.Popen(
        [sys.executable, "-c", watches], stdout=subprocess.PIPE, cwd=REPOSITORY
    ) as watcher:
        assert watcher.stdout.readline() == b"up\n"
        (trainer,) = psutil.Process(watcher.pid).children()
        watcher.kill()
        trainer.wait(10)


@pytest.mark.slow
def test_it_trains_on_a_bare_machine_and_tells_what_came_of_each(bare, tmp_path):
    command = [sys.executable, "-m", "benchmarks.gpu", "--profile", "quick", "--share", "1e-5"]
    command += ["--out", str(tmp_path / "out"), "03"]
    told = tmp_path / "out" / "results.json"
    told.parent.mkdir()
    trained = [one.shortened(1e-5) for one in asked("03", "quick")[:2]]
    key = [keys.describe(*one[:4])["key"][:8] for one in trained]
    first, second = (f"03-0{i} models.cvae.recipe {key[i - 1]}" for i in (1, 2))
    # As a killed command left it: one was begun, and one had killed two processes.
    out = {"state": "left out: the process that trained it died"}
    told.write_text(json.dumps({first: {"state": "begun, captured"}, second: out}))
    for _ in range(2):
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        rows = json.loads(told.read_text())
        assert rows.pop(second) == out
        assert len(rows) >= 6 and all(row["state"] == "done" for row in rows.values())
    assert "training" not in done.stdout, "what is done is not done again"
    row = rows[first]
    assert row["steps"] == 2 and row["last"]["test loss"] > 100 and not row["captured"]
    assert row["share of bf16"] is row["share of bandwidth"] is None
    assert row["weights"] == "weights-1.safetensors"
    judge = next(row for name, row in rows.items() if "digit_recipe" in name)
    assert judge["images a second"] > 0
