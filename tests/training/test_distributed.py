"""Two processes train as one does: same curve, same weights everywhere, one writer, restarts.

Run as a script under torchrun this file is the worker of its own tests (see `JOBS`).
"""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
import toy_family
from torch import nn

from course_lib import data
from course_lib.models import ae, hvae, vae
from course_lib.paths import PREPARED_VERSION, cache_root
from course_lib.training import __main__ as command
from course_lib.training import distributed, fingerprint, keys, loop, records, runs
from course_lib.training.checkpoint import Checkpoint
from course_lib.training.steps import LossStep, adam

EPOCHS = 6  # of five steps of the toy
AE = dict(batch=64, seed=1)
VAE = dict(width=8, z_dim=4, batch=16)
# What a density of pixels has at any error: relative tolerances are of the rest.
VAE_CONSTANT = 3 * 64 * 64 * math.log(0.1 * math.sqrt(2 * math.pi))
HVAE = dict(
    sides=(2, 4, 8),
    width=(16, 12, 8),
    groups=(2, 1, 1),
    z_dim=2,
    n_mixtures=0,
    batch=32,
    lr=5e-3,
    ema=0.9,
    warm=0,
)
SLOTS = dict(shape=(100_000, 1, 64, 64), batch=2000)  # 410 MB, of which a rank reads 4 MB a step


# ---- what the workers do ------------------------------------------------------------------------


def train_all(folder):
    """One start of torchrun for many a test: each rank writes down what it found."""
    digests, broadcast = [], distributed.broadcast

    def watched(step):  # what a rank's own training gave, before rank 0's replaces it
        digests.append(data.digest(*(p for m in distributed.modules(step) for p in m.parameters())))
        broadcast(step)

    distributed.broadcast = watched
    result = {"ae": curve(runs.train_or_load(ae.narrow_recipe, [digits()], AE, 3))}
    run = runs.train_or_load(vae.recipe, [faces()], VAE, 10, vae.held_out, [faces()])
    result["vae"] = curve(run, VAE_CONSTANT)
    deep = runs.train_or_load(hvae.recipe, [digits()], HVAE, 6, hvae.held_out, [digits()])
    result["hvae"], result["deep"] = curve(deep), deep.about["key"]
    toy = runs.train_or_load(
        toy_family.recipe, [toy_family.pictures()], {}, EPOCHS, size, [digits()]
    )
    result["toy"], result["n"] = weights_digest(toy.step), toy.history.n.tolist()
    result["key"], result["parameters"] = toy.about["key"], digests
    result["nan"] = diverge()
    result["grown"] = memory(folder / "slots.npy")
    (folder / f"found-{distributed.rank()}.json").write_text(json.dumps(result))


def size(model, x):
    """Only rank 0 may ask: on another it would raise."""
    return {"n": float(len(x) / (distributed.rank() == 0))}


def weights_digest(step):
    return data.digest(
        *(t for part in distributed.modules(step) for t in part.state_dict().values())
    )


def diverge():
    """The message of a run whose penalty is NaN on rank 1 alone, at its eighth step."""
    toy_family.loss, whole, calls = nan_on_rank_1, toy_family.loss, []
    nan_on_rank_1.whole, nan_on_rank_1.calls = whole, calls
    try:
        runs.train_or_load(toy_family.recipe, [toy_family.pictures()], {"seed": 5}, EPOCHS)
    except loop.Diverged as error:
        return str(error)
    finally:
        toy_family.loss = whole


def nan_on_rank_1(model, x):
    nan_on_rank_1.calls.append(1)
    terms = nan_on_rank_1.whole(model, x)
    if distributed.rank() == 1 and len(nan_on_rank_1.calls) == 8:
        terms["penalty"] = terms["penalty"] * float("nan")
        terms["loss"] = terms["recon"] + terms["penalty"]
    return terms


def brightness(model, x):
    """Also notes the memory of this process that no file backs."""
    brightness.seen.append(anonymous())
    loss = (model(x.flatten(1).mean(1, keepdim=True)) - 1).square().mean()
    return {"loss": loss, "error": loss}


brightness.seen = []


def bright_recipe(x, batch, seed=0):
    model = nn.Linear(1, 1)
    step = LossStep(model, brightness, adam(model, 1e-2))
    return step, data.Batches(x, size=batch, seed=seed)


def anonymous():
    """This process's RssAnon in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("RssAnon"))) / 1024


def memory(path):
    """By how many MB this process grew when it trained on a set of 410."""
    before = anonymous()
    x = torch.from_numpy(np.load(path, mmap_mode="c"))
    runs.train_or_load(bright_recipe, [x], {"batch": SLOTS["batch"]}, 1)
    return max(brightness.seen) - before


COMPARED = (
    fingerprint.N_STEPS + 1
)  # steps that rank 0 makes before it trains, one away from the start


def die_twice(folder):
    """Rank 1 kills itself in the first attempt, rank 0 in the second; each counts its steps, and
    rank 0 those of the fingerprint too."""
    Checkpoint.due = lambda self: True
    attempt, rank = int(os.environ["TORCHELASTIC_RESTART_COUNT"]), int(os.environ["RANK"])
    whole, steps = hvae.loss, folder / f"steps-{attempt}-{rank}"

    def deadly(model, x, free):
        with steps.open("a") as file:
            file.write(".")
        if (attempt, rank, steps.stat().st_size) in {(0, 1, 12), (1, 0, COMPARED + 8)}:
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(model, x, free)

    hvae.loss = deadly
    runs.train_or_load(hvae.recipe, [digits()], HVAE, 6, hvae.held_out, [digits()])


def digits():
    return data.load("mnist", "train", 256).x


def faces():
    return data.load("faces", "train", 64).x


def curve(run, constant=0.0):
    return (run.history.loss - constant).tolist()


JOBS = {job.__name__: job for job in (train_all, die_twice)}

if __name__ == "__main__":
    folder = Path(sys.argv[2])
    # A cache for each rank: what one writes no other can read, as on several hosts.
    os.environ["COURSE_CACHE"] = str(folder / f"cache-{os.environ['RANK']}")
    JOBS[sys.argv[1]](folder)
    distributed.leave()


# ---- the tests ----------------------------------------------------------------------------------


# Without the address torchrun asks for the host's own name, for minutes where that has none.
ONE_HOST = ("--standalone", "--local-addr=127.0.0.1")


def torchrun(*words, cache, restarts=0, n=2):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COURSE_CACHE": str(cache)}
    environment["PYTHONPATH"] = str(Path(toy_family.__file__).parent)  # of the tests' helpers
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        *ONE_HOST,
        f"--nproc-per-node={n}",
        f"--max-restarts={restarts}",
    ]
    return subprocess.run(
        [*command, *map(str, words)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).parents[2],
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(folder, what each rank found) after train_all on two ranks."""
    folder = tmp_path_factory.mktemp("two")
    np.lib.format.open_memmap(folder / "slots.npy", "w+", np.uint8, SLOTS["shape"]).flush()
    done = torchrun(__file__, "train_all", folder, cache=folder)
    assert done.returncode == 0, done.stderr
    return folder, [json.loads((folder / f"found-{r}.json").read_text()) for r in range(2)]


def test_two_ranks_have_the_loss_curve_of_one_process(trained):
    alone = curve(runs.train_or_load(ae.narrow_recipe, [digits()], AE, 3))
    for result in trained[1]:
        assert result["ae"] == pytest.approx(alone, rel=1e-4)
    assert curve(
        runs.train_or_load(ae.narrow_recipe, [digits()], AE | {"seed": 2}, 3)
    ) != pytest.approx(alone, rel=1e-3)


def test_with_noise_and_batch_norm_the_curve_is_the_same_within_a_tenth(trained):
    """Other noise alone moves an epoch's loss by up to 7 % (four seeds in one process)."""
    run = runs.train_or_load(vae.recipe, [faces()], VAE, 10, vae.held_out, [faces()])
    alone = curve(run, VAE_CONSTANT)
    assert trained[1][0]["vae"] == pytest.approx(alone, rel=0.1)
    assert alone[-1] < 0.7 * alone[0]  # the tolerance is small beside what is learnt


def test_the_hierarchical_vae_learns_on_two_ranks_as_on_one(trained):
    """Other noise alone moves an epoch's loss by up to 4 % (four seeds in one process)."""
    alone = curve(runs.train_or_load(hvae.recipe, [digits()], HVAE, 6, hvae.held_out, [digits()]))
    assert trained[1][0]["hvae"] == pytest.approx(alone, rel=0.08)
    assert alone[-1] < 0.6 * alone[0]


def test_all_ranks_end_with_the_same_weights_and_history(trained):
    one, two = trained[1]
    assert one["toy"] == two["toy"] and one["ae"] == two["ae"] and one["vae"] == two["vae"]
    assert one["n"] == two["n"] == [256.0] * EPOCHS


def test_no_rank_drifts_away_in_training(trained):
    """Parameters only: the statistics of batch norm are of a rank's own rows until the end."""
    one, two = trained[1]
    assert len(set(one["parameters"])) == 5 and one["parameters"] == two["parameters"]


def test_only_rank_0_writes(trained):
    folder, (one, _) = trained
    assert (folder / "cache-0" / "runs" / f"toy_family.recipe-{one['key']}" / "run.json").is_file()
    assert not (folder / "cache-1" / "runs").exists()


def test_a_plain_call_opens_what_two_ranks_trained(trained, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(trained[0] / "cache-0"))
    monkeypatch.setattr(
        "course_lib.training.loop.fit", lambda *a, **k: pytest.fail("it was trained")
    )
    toy = runs.train_or_load(
        toy_family.recipe, [toy_family.pictures()], {}, EPOCHS, size, [digits()]
    )
    assert weights_digest(toy.step) == trained[1][0]["toy"]
    assert toy.about["device"] == "2 x cpu (1 threads)" and toy.about["steps"] == 30


def test_a_nan_on_one_rank_stops_all_and_names_the_term(trained):
    for result in trained[1]:
        assert "stopped at step 8" in result["nan"] and "'penalty' is nan" in result["nan"]


def test_no_rank_loads_a_memory_mapped_set_whole(trained):
    for result in trained[1]:
        assert result["grown"] < 205  # MB: half of the set, which has 410


def test_killed_workers_are_restarted_and_end_in_the_weights_of_an_unbroken_run(trained, tmp_path):
    done = torchrun(__file__, "die_twice", tmp_path, cache=tmp_path, restarts=3)
    assert done.returncode == 0, done.stderr
    steps = {p.name: p.stat().st_size for p in tmp_path.glob("steps-*")}
    assert steps["steps-0-1"] == 12 and steps["steps-1-0"] == COMPARED + 8  # 11 and 7 were kept
    assert steps["steps-2-0"] - COMPARED == steps["steps-2-1"] == 6 * 8 - 11 - 7
    assert "taken up at epoch 2, batch 4" in done.stdout  # after step 11
    name = f"models.hvae.recipe-{trained[1][0]['deep']}"
    broken, unbroken = (
        json.loads((p / "cache-0" / "runs" / name / "run.json").read_text())
        for p in (tmp_path, trained[0])
    )
    assert broken["weights_sha256"] == unbroken["weights_sha256"]
    assert broken["history"]["loss"] == unbroken["history"]["loss"]


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
        ("vae --data mnist --epochs 1 --batch 0", "nothing to train on"),
        ("gan --data faces --pictures 8 --epochs 1", "descends one loss"),
        ("vae --data mnist --epochs 1", "cannot train on pictures (1, 28, 28) of 'mnist'"),
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
    options, settings = command.read(line.split())
    wanted = {"width": (8, 6, 4), "lr": 0.01, "simple": True, "bf16": False, "seed": 2}
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


def test_the_ranks_read_each_row_of_the_global_batch_once():
    x = toy_family.pictures()
    whole = data.Batches(x, size=12, seed=3)
    cpu = torch.device("cpu")
    shards = [distributed.Shards(whole, r, 3, cpu) for r in range(3)]
    assert len(shards[0]) == len(whole) == 4
    for batch, *parts in zip(whole.epoch(2, skip=1), *(s.epoch(2, 1) for s in shards), strict=True):
        assert torch.equal(torch.stack([p[0] for p in parts], 1).flatten(0, 1), batch[0])
    assert whole.tensors[0] is x  # the recipe's batches are as they were


def test_a_rank_reads_its_own_rows_only():
    asked = []

    class Spy:
        ndim, device = 4, torch.device("cpu")

        def __len__(self):
            return 12

        def index_select(self, dim, i):
            assert dim == 0
            asked.append(i)
            return torch.zeros(len(i), 1, 2, 2, dtype=torch.uint8)

    whole = data.Batches(Spy(), size=6)
    for r in range(2):
        list(distributed.Shards(whole, r, 2, torch.device("cpu")).epoch(0))
    assert [len(i) for i in asked] == [3] * 4
    assert sorted(torch.cat(asked).tolist()) == list(range(12))


def test_noise_depends_on_seed_step_and_rank_alone():
    def draws(seed=0, rank=0, epoch=1, skip=0):
        batches = data.Batches(toy_family.pictures(), size=10, seed=seed)
        shards = distributed.Shards(batches, rank, 2, torch.device("cpu"))
        return [torch.rand(1).item() for _ in shards.epoch(epoch, skip)]

    first = draws()
    assert draws() == first and draws(skip=2) == first[2:] and len(set(first)) == 5
    for other in (draws(seed=1), draws(rank=1), draws(epoch=2)):
        assert not set(other) & set(first)


def test_a_batch_that_the_ranks_cannot_divide_is_unfit():
    with pytest.raises(
        distributed.CannotDistribute, match="a batch of 10 pictures cannot be divided by 4 ranks"
    ):
        distributed.Shards(data.Batches(toy_family.pictures(), size=10), 0, 4, torch.device("cpu"))
