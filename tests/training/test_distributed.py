"""Two processes train as one does: same curve, same weights everywhere, one writer, restarts."""

import json

import numpy as np
import pytest
import ranks
import toy_family
from ranks import AE, COMPARED, EPOCHS, HVAE, SLOTS, VAE, VAE_CONSTANT, curve, digits, faces

from course_lib.models import ae, hvae, vae
from course_lib.training import runs


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(folder, what each rank found) after train_all on two ranks."""
    folder = tmp_path_factory.mktemp("two")
    np.lib.format.open_memmap(folder / "slots.npy", "w+", np.uint8, SLOTS["shape"]).flush()
    done = ranks.torchrun(ranks.__file__, "train_all", folder, cache=folder)
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
        toy_family.recipe, [toy_family.pictures()], {}, EPOCHS, ranks.size, [digits()]
    )
    assert ranks.weights_digest(toy.step) == trained[1][0]["toy"]
    assert toy.about["device"] == "2 x cpu (1 threads)" and toy.about["steps"] == 30


def test_a_nan_on_one_rank_stops_all_and_names_the_term(trained):
    for result in trained[1]:
        assert "stopped at step 8" in result["nan"] and "'penalty' is nan" in result["nan"]


def test_no_rank_loads_a_memory_mapped_set_whole(trained):
    for result in trained[1]:
        assert result["grown"] < 205  # MB: half of the set, which has 410


@pytest.mark.slow
def test_killed_workers_are_restarted_and_end_in_the_weights_of_an_unbroken_run(trained, tmp_path):
    done = ranks.torchrun(ranks.__file__, "die_twice", tmp_path, cache=tmp_path, restarts=3)
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
