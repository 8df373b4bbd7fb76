"""Outcomes: opened where kept, made anew where the code behaves otherwise, shipped and held."""

import pytest
from toy_family import pictures, recipe

from course_lib.atomic import read_json, write_json
from course_lib.data import inputs
from course_lib.models import vae
from course_lib.training import fingerprint, outcomes, records, runs


@pytest.fixture(autouse=True)
def own_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_WEIGHTS", str(tmp_path / "weights"))


def size(model, x):
    """A number of the trained weights."""
    return {"size": sum(p.detach().abs().sum() for p in model.parameters()), "n": len(x)}


def outcome(seed=0, **more):
    return outcomes.outcome_or_train(
        recipe, [pictures()], {"seed": seed}, 1, size, [pictures()], **more
    )


def test_an_outcome_is_opened_and_is_what_the_run_gives(no_training):
    first, other = outcome(), outcome(seed=1)
    run = runs.train_or_load(recipe, [pictures()], {"seed": 0}, 1)
    expected = {name: float(v) for name, v in size(run.model, pictures()).items()}
    assert first.numbers == expected != other.numbers
    assert first.about["steps"] == run.about["steps"] and first.about["key"] != run.about["key"]
    no_training()
    assert outcome() == first
    with pytest.raises(pytest.fail.Exception, match="it was trained"):
        outcome(seed=2)


def test_the_whole_step_is_measured_where_that_is_asked_for():
    run = runs.train_or_load(recipe, [pictures()], {"seed": 0}, 1)
    parts = lambda step: {"parts": len(step.parts), "same": step.model is not step}
    kept = outcomes.outcome_or_train(recipe, [pictures()], {"seed": 0}, 1, parts, whole=True)
    assert kept.numbers == {"parts": len(run.step.parts), "same": 1.0}


def test_what_code_that_behaves_otherwise_made_is_said_and_made_anew(monkeypatch, capsys):
    path = outcomes.cached(outcome().about)
    record = read_json(path)
    write_json(path, record | {"source_sha256": "another", "numbers": {"size": -1.0}})
    assert outcome().numbers == {"size": -1.0}, "moved code that does the same is no reason"
    record["fingerprint"]["losses"][0]["loss"] += 1.0
    write_json(path, record | {"source_sha256": "another", "numbers": {"size": -1.0}})
    assert outcome().numbers["size"] > 0
    assert "step 1: loss is" in capsys.readouterr().out


def test_retrain_does_not_look(monkeypatch):
    path = outcomes.cached(outcome().about)
    write_json(path, read_json(path) | {"numbers": {"size": -1.0}})
    assert outcome().numbers == {"size": -1.0} != outcome(retrain=True).numbers


def test_a_damaged_one_is_said_and_made_anew(capsys):
    first = outcome()
    outcomes.cached(first.about).write_text("{")
    assert outcome() == first and "it is trained again" in capsys.readouterr().out


# ---- shipping -----------------------------------------------------------------------------------

WORDS = ["faces/train/24:x"]
SMALL = {"z_dim": 4, "width": 4, "batch": 8}


@pytest.fixture
def shipped():
    """The outcome of a small VAE of faces, shipped, and nothing of it in the cache."""
    x = [inputs.tensor(WORDS[0])]
    made = outcomes.outcome_or_train(vae.recipe, x, SMALL, 1, vae.held_out, x)
    (path,) = outcomes.ship(WORDS)
    outcomes.cached(made.about).unlink()
    records.remove(runs.train_or_load(vae.recipe, x, SMALL, 1).about)
    return path, made


def test_a_shipped_outcome_is_opened_and_holds(shipped, no_training):
    path, made = shipped
    assert outcomes.problem(path) is None
    no_training()
    x = [inputs.tensor(WORDS[0])]
    again = outcomes.outcome_or_train(vae.recipe, x, SMALL, 1, vae.held_out, x)
    assert again.numbers == made.numbers


def test_a_changed_loss_does_not_hold(shipped, monkeypatch):
    path, _ = shipped
    loss = vae.loss
    double = lambda *a, **k: {name: 2 * term for name, term in loss(*a, **k).items()}
    monkeypatch.setattr(vae, "loss", double)
    assert "step 1" in outcomes.problem(path)


def test_restamp_writes_down_the_code_that_behaves_alike(shipped, no_training, monkeypatch):
    path, made = shipped
    monkeypatch.setattr(fingerprint, "source_digest", lambda f: "other text")
    assert outcomes.restamp() == {}
    assert read_json(path)["source_sha256"] == "other text"
    no_training()
    monkeypatch.setattr(fingerprint, "fingerprint", lambda *a: pytest.fail("compared again"))
    x = [inputs.tensor(WORDS[0])]
    again = outcomes.outcome_or_train(vae.recipe, x, SMALL, 1, vae.held_out, x)
    assert again.numbers == made.numbers


@pytest.mark.parametrize("change", ["otherwise", "gone"])
def test_restamp_refuses_what_does_not_hold_and_says_why(change, shipped, monkeypatch):
    path, _ = shipped
    before, loss = path.read_bytes(), vae.loss
    monkeypatch.setattr(fingerprint, "source_digest", lambda f: "other text")
    if change == "gone":
        monkeypatch.delattr(vae, "recipe")
    else:
        double = lambda *a, **k: {name: 2 * term for name, term in loss(*a, **k).items()}
        monkeypatch.setattr(vae, "loss", double)
    (why,) = outcomes.restamp().values()
    assert {"otherwise": "step 1", "gone": "recipe"}[change] in why
    assert path.read_bytes() == before


def test_a_history_is_kept_shipped_and_opened_like_numbers(no_training):
    x = [inputs.tensor(WORDS[0])]
    how = [vae.recipe, x, SMALL, 3, vae.held_out, x]
    first, run = outcomes.history_or_train(*how), runs.train_or_load(*how)
    assert first.numbers == run.history.to_dict("list")
    assert first.numbers["epoch"] == [1, 2, 3] and len(set(first.numbers["test kl"])) == 3
    (path,) = outcomes.ship(WORDS)
    outcomes.cached(first.about).unlink()
    no_training()
    assert outcomes.history_or_train(*how).numbers == first.numbers
    assert outcomes.problem(path) is None


def test_only_what_was_trained_on_these_words_is_shipped():
    outcome()
    assert outcomes.ship(WORDS) == []


def long_recipe(x, lr=1e-2, epochs=1, seed=0):
    """Like most recipes it is told for how long it will be trained."""
    return recipe(x, lr=lr, seed=seed)


def test_repeated_gives_a_row_for_each_kind_and_seed():
    kinds = {lr: (long_recipe, {"lr": lr, "epochs": 1}) for lr in (0.1, 0.2)}
    table = outcomes.repeated(kinds, [pictures()], (3, 4), size, [pictures()])
    assert table[["kind", "seed"]].values.tolist() == [[0.1, 3], [0.1, 4], [0.2, 3], [0.2, 4]]
    how = {"lr": 0.2, "epochs": 1, "seed": 3}
    single = outcomes.outcome_or_train(long_recipe, [pictures()], how, 1, size, [pictures()])
    assert table["size"][2] == single.numbers["size"] and table["size"].nunique() == 4
