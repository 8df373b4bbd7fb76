"""`python -m course_lib.training`: alone and under torchrun, and what it says to bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch.distributed as dist
import toy_family
from ranks import ONE_HOST, VAE, torchrun

from course_lib import data
from course_lib.models import hvae, vae
from course_lib.paths import PREPARED_VERSION, cache_root
from course_lib.training import __main__ as command
from course_lib.training import distributed, keys, records, runs


def prepared(folder, side=64):
    """A prepared set `tiny` with a train and a test split."""
    rng, folder = np.random.default_rng(0), folder / "data" / "tiny"
    folder.mkdir(parents=True)
    for split, n in (("train", 32), ("test", 16)):
        x = rng.integers(0, 256, (n, 3, side, side), dtype=np.uint8)
        np.save(folder / f"{split}_x.npy", x)
        np.save(folder / f"{split}_y.npy", np.zeros(n, np.int64))
    splits = {"train": {"n": 32, "sha256": "a"}, "test": {"n": 16, "sha256": "b"}}
    (folder / "about.json").write_text(
        json.dumps({"version": PREPARED_VERSION, "names": [], "splits": splits})
    )


def test_the_command_trains_what_a_notebook_opens(monkeypatch):
    prepared(cache_root())
    done = torchrun(
        "-m",
        "course_lib.training",
        "vae",
        "--data",
        "tiny",
        "--epochs",
        2,
        "--minutes",
        60,
        "--held",
        8,
        "--width",
        8,
        "--z_dim",
        4,
        "--batch",
        16,
        cache=cache_root(),
    )
    assert done.returncode == 0, done.stderr
    monkeypatch.setattr(
        "course_lib.training.loop.fit", lambda *a, **k: pytest.fail("it was trained")
    )
    x, x_test = (data.load("tiny", split).x for split in ("train", "test"))
    run = runs.train_or_load(vae.recipe, [x], VAE | {"epochs": 2}, 2, vae.held_out, [x_test[:8]])
    assert f"kept under {run.about['key']} in {records.folder_of(run.about)}" in done.stdout
    assert "images/s" in done.stdout and done.stdout.count("kept under") == 1
    assert done.stdout.count("60 minutes: 2 of 2 epochs") == 1


def test_a_diverging_command_exits_with_an_error_and_no_traceback_of_ours():
    done = torchrun(
        "-m",
        "course_lib.training",
        "ae.narrow_recipe",
        "--data",
        "mnist",
        "--pictures",
        64,
        "--epochs",
        2,
        "--lr",
        1e30,
        "--batch",
        16,
        cache=cache_root(),
    )
    assert done.returncode != 0
    output = [line for line in done.stderr.splitlines() if line.startswith("course_lib.training: ")]
    assert len(output) == 1 and "the term 'recon'" in output[0]
    assert "distributed.py" not in done.stderr and "runs.py" not in done.stderr


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("haev --data mnist --epochs 1", "no family 'haev'"),
        ("ae --data mnist --epochs 1", "ae has ae.wide_recipe, ae.narrow_recipe, ae.conv_recipe"),
        ("cvae --data mnist --epochs 1", "needs c beside the pictures"),
        ("vae --data mnist --epochs 1 --widht 8", "no --widht 8; its settings are --z_dim"),
        ("vae --data mnist --epochs 1 width=8", "no width=8; its settings are --z_dim, --width"),
        ("vae --data mnist --epochs 1 --width wide", "--width: invalid int value: 'wide'"),
        ("", "required: family"),
        ("vae --data imagenet-9 --epochs 1", "'imagenet-9' is not prepared"),
        ("vae --data mnist", "--epochs"),
        ("vae --data mnist --epochs 0", "needs at least one"),
        ("vae --data mnist --epochs 1 --side 9", "cannot be averaged to side 9"),
        ("gan --data faces --pictures 8 --epochs 1", "descends one loss"),
        ("vae --data mnist --epochs 1", "cannot train on pictures (1, 28, 28) of 'mnist'"),
        ("vae --data mnist --epochs 1 --batch 0", "--batch 0: a batch is at least one picture"),
        ("hvae --data faces --epochs 1 --width 64", "--width: expected 3 arguments"),
        ("vae --data mnist --epochs 1 --batch 6.4", "--batch: invalid int value: '6.4'"),
        ("vae --data mnist --epochs 1 --minutes abc", "--minutes: invalid float value: 'abc'"),
        ("vae --data mnist --epochs 1 --minutes 0", "--minutes 0: say a number above 0"),
        ("vae --data mnist --epochs 1 --minutes nan", "--minutes nan: say a number above 0"),
        ("vae --data mnist --epochs 1 --side 0", "a side is at least one pixel"),
    ],
)
def test_bad_input_is_one_line_and_status_2(line, message, alone, capsys):
    assert command.main(line.split()) == 2
    output = capsys.readouterr().err
    assert message in output and output.count("\n") == 1


def test_the_settings_of_a_family_are_options_with_its_types_and_defaults(capsys):
    line = "hvae --data faces --epochs 3 --width 8 6 4 --lr 1e-2 --simple --no-bf16 --seed=2"
    options, settings = command.read([*line.split(), "--sigma", "0.05"])
    wanted = {"width": (8, 6, 4), "lr": 0.01, "simple": True, "bf16": False, "seed": 2}
    wanted |= {"sigma": 0.05}
    assert settings == keys.arguments(hvae.recipe, [toy_family.pictures()], wanted)
    assert (options.data, options.epochs, options.recipe) == ("faces", 3, hvae.recipe)
    with pytest.raises(SystemExit) as end:
        command.main(["hvae", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert end.value.code == 0 and "Adam on guarded gradients" in shown
    assert "--width INT INT INT 512 256 64" in shown and "--lr FLOAT 0.001" in shown


def test_a_recipe_with_a_schedule_is_given_the_epochs_of_the_run():
    line = "completion.guess_recipe --data mnist --epochs 7"
    assert command.read(line.split())[1]["epochs"] == 7


def test_only_the_first_process_of_a_host_speaks(alone, monkeypatch, capsys):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert command.main(["vae"]) == 2
    with pytest.raises(SystemExit):
        command.main(["vae", "--help"])
    assert capsys.readouterr() == ("", "")


def test_the_commands_for_one_host_start_where_its_name_does_not_resolve():
    root = Path(__file__).parents[2]
    pages = [root / "README.md", *root.glob("docs/*.md")]
    texts = [command.__doc__, *(page.read_text(encoding="utf-8") for page in pages)]
    lines = [line for text in texts for line in text.splitlines() if "--standalone" in line]
    assert len(lines) >= 2 and all(" ".join(ONE_HOST) in line for line in lines)


def test_a_likelihood_of_binary_pictures_is_measured_on_binary_ones(alone, monkeypatch):
    small = {"n_mixtures": 0, "sides": (2, 4, 8), "width": (8, 8, 8), "z_dim": 2, "batch": 8}
    line = "hvae --data mnist --pictures 16 --held 8 --epochs 1 --n_mixtures 0 --sides 2 4 8"
    assert command.main(f"{line} --width 8 8 8 --z_dim 2 --batch 8".split()) == 0
    monkeypatch.setattr(
        "course_lib.training.loop.fit", lambda *a: pytest.fail("it was trained again")
    )
    x, held = (data.load("mnist", s, n).x for s, n in (("train", 16), ("test", 8)))
    runs.train_or_load(hvae.recipe, [x], small, 1, hvae.held_out, [data.binarise(held, seed=0)])


@pytest.fixture
def alone():
    """The command makes its process a rank of one; the tests after it are none."""
    yield
    distributed.leave()


def test_without_torchrun_the_command_trains_in_its_own_process(alone, capsys):
    words = "ae.narrow_recipe --data mnist --pictures 64 --epochs 2 --batch 16".split()
    assert command.main(words) == 0
    assert "images/s" in capsys.readouterr().out and not dist.is_initialized()
